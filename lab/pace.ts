/**
 * Towns run many events in one turn of Node's loop: between two of them every promise job is run at once, by the function that Node's own
 * timers use for that. It is no documented one; where it is missing each event takes a turn, and histories are the same.
 */
import { manyPerTurn, type Pace } from "../packages/perdure/src/host/simulated/index.ts";

export function labPace(): Pace | undefined {
  const drain: unknown = Reflect.get(process, "_tickCallback");
  return typeof drain === "function" ? manyPerTurn(() => void drain.call(process)) : undefined;
}
