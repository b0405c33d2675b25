/** Once faults and traffic are over nothing is left on its way: mailboxes and outboxes are empty, and everybody shows what happened. */
import type { Agent } from "../packages/perdure/src/agent/api.ts";
import { InvariantBroken, type Ledger } from "./ledger.ts";
import type { Model } from "./model.ts";
import type { Census, Town } from "./town.ts";

export interface QuietOptions {
  readonly town: Town;
  readonly census: Census;
  readonly model: Model;
  readonly ledger: Pick<Ledger, "unproven" | "unread">;
  /** Somebody wrote to these agents who is not there for their answers: what they send him stays under way. */
  readonly unanswerable: boolean;
}

/** What handlers send at last, and the receipts for it, are under way for so long at most; virtual milliseconds. */
const QUIET_WITHIN_MS = 90_000;
const LOOK_EVERY_MS = 2000;
/** Statements follow within parts of a second, and once more when a session begins anew. */
const PROVEN_WITHIN_MS = 20_000;

/** Throws {@link InvariantBroken} when it does not become quiet, or when an agent then shows something else than happened. */
export async function waitForQuiet({ town, census, model, ledger, unanswerable }: QuietOptions): Promise<void> {
  const { world } = town;
  const names = census.agents.filter((name) => !model.isIgnored(name));
  const isDown = (name: string): boolean => !town.isUp(name);
  // Who died in the last moment of the weather may have nothing left to do, and not be back yet.
  if (names.some(isDown)) await world.run({ until: () => !names.some(isDown), untilMs: world.nowMs + QUIET_WITHIN_MS });
  const missing = names.filter(isDown);
  if (missing.length > 0) throw new InvariantBroken("10 no silence", `${missing.join(", ")} did not come back`);
  // Some faults end by themselves, and a process with them, when all else is quiet.
  const agentsNow = () => names.map((name) => [name, town.agent(name) as Agent] as const);
  const relays = census.relays.map((name) => [name, String(town.relay(name)?.status().id)] as const);
  const owners = new Set([...agentsNow().map(([, { id }]) => String(id)), ...(unanswerable ? [] : relays.map(([, id]) => id))]);
  const untilMs = world.nowMs + QUIET_WITHIN_MS;
  const isDrained = (): boolean => relays.every(([name]) => model.isDrained(name, owners));
  for (;;) {
    const away = names.filter(isDown);
    const open = away.length > 0 ? `${away.join(", ")} not there` : unanswerable ? "" : await world.complete(openMessages(agentsNow()));
    if (open === "" && isDrained()) break;
    // Of what a relay could not read any more nobody hears, and parts of it that it could read wait for the rest.
    if (away.length === 0 && ledger.unread > 0 && world.nowMs >= untilMs) break;
    if (world.nowMs >= untilMs) {
      const left = relays.map(([name]) => model.left(name, owners)).filter((each) => each !== "");
      throw new InvariantBroken("1 custody", `this is still under way: ${[open, ...left].filter((each) => each !== "").join("; ")}`);
    }
    await world.run({ untilMs: world.nowMs + LOOK_EVERY_MS });
  }
  const queued = (): boolean => census.relays.some((name) => (town.relay(name)?.status().queuedBytes ?? 0) > 0);
  await world.run({ until: () => !queued(), untilMs: world.nowMs + LOOK_EVERY_MS });
  if (queued()) throw new InvariantBroken("9 bounds", "a relay has bytes on their way to the disk, and nothing happens");
  if (ledger.unproven().length > 0)
    await world.run({ until: () => ledger.unproven().length === 0, untilMs: world.nowMs + PROVEN_WITHIN_MS });
  const [unproven] = ledger.unproven();
  if (unproven !== undefined) throw new InvariantBroken("5 statements", unproven);
  for (const [name, agent] of agentsNow()) await world.complete(model.compareAgent(name, agent));
}

/** Who has messages that have not ended, for people. */
async function openMessages(agents: readonly (readonly [string, Agent])[]): Promise<string> {
  const open: string[] = [];
  for (const [name, agent] of agents) {
    const { outgoing } = await agent.status();
    if (outgoing > 0) open.push(`${outgoing} messages of ${name}`);
  }
  return open.join(", ");
}
