/** Who a step of a message's way is said by, as the trial calls them. */
import type { Step } from "../../agent/api.ts";
import type { Who } from "./happening.ts";
import type { World } from "./world.ts";

export function whoSays({ relays }: Pick<World, "relays">, { by }: Step): Who {
  if (by === "self") return "@me";
  return [relays.a, relays.b].find((relay) => relay.id === by)?.who ?? "@desk";
}
