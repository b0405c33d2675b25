/** One scenario on real processes: the town, its weather, its letters, and the verdict of the ledger that judges simulated towns. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Agent, Mail, Step } from "../../packages/perdure/src/agent/api.ts";
import { createNodeCrypto } from "../../packages/perdure/src/host/node/crypto.ts";
import type { RelayStatus } from "../../packages/perdure/src/relay/status.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { auditKeys, type DiskWitness } from "../key-audit.ts";
import { createLedger, InvariantBroken, type LedgerCounts } from "../ledger.ts";
import { findMistake } from "../mistakes/index.ts";
import { createModel } from "../model.ts";
import { limitsOf, planOf, SETTINGS } from "../plan.ts";
import { audit, type DiskAudit } from "../relay-disk.ts";
import type { Scenario } from "../scenario.ts";
import { addressFrom, EXPIRY_ROOM_MS, SETTLE_UP_MS } from "../seed.ts";
import { clearUp, strike } from "../strike.ts";
import { isRelay } from "../town.ts";
import type { Fault } from "../weather.ts";
import { type Shown, sharedMs, type Utterance } from "./citizen-words.ts";
import { createFactOrder } from "./fact-order.ts";
import { openRealTown, type RealTown } from "./real-town.ts";

/** A scenario in which nothing is left to the seed but what handlers are like. */
export interface WrittenScenario extends Scenario {
  readonly faults: NonNullable<Scenario["faults"]>;
  readonly traffic: NonNullable<Scenario["traffic"]>;
}

export interface RealResult {
  readonly broken: { readonly invariant: string; readonly what: string; readonly atMs: number } | undefined;
  readonly counts: LedgerCounts;
  /** From the end of the weather until everything promised had ended; what it took until it broke, if it did. */
  readonly settledMs: number;
  readonly seconds: number;
  /** Disks of dead and living relays that were looked at. */
  readonly audits: number;
}

const MINUTE_MS = 60_000;
const LOOK_EVERY_MS = 50;
const OPENING_MS = 90_000;
const QUIET_WITHIN_MS = 90_000;
const MAX_AUDITS = 8;
const MAX_TRIES = 20;
const TRY_AGAIN_MS = 500;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** `bundled` is told, when something broke, what each process that answers says of its inputs. */
export async function runReal(scenario: WrittenScenario, bundled?: (name: string, bundle: string) => void): Promise<RealResult> {
  const { seed, minutes, faults, traffic, without = [], plant } = scenario;
  const { census, settings: own } = planOf(scenario);
  const settings = { ...SETTINGS, ...own };
  const model = createModel();
  const ledger = createLedger({ census, liar: undefined, model, limits: limitsOf(settings) });
  const order = createFactOrder(sharedMs);
  const folder = await mkdtemp(join(tmpdir(), "perdure-twin-"));
  const taken = new Map(census.agents.map((name) => [name, 0]));
  const audits: DiskAudit[] = [];
  const witnesses: DiskWitness[] = [];
  const ids = new Map<string, string>();
  const begunMs = sharedMs();
  let beginMs: number | undefined;
  let settledMs = 0;

  const live = (name: string): void => {
    if (beginMs === undefined || isRelay(name)) return;
    const letters = traffic.filter(({ from }) => from === name).slice(taken.get(name));
    const neighbours = census.agents
      .filter((each) => each !== name)
      .map((each) => ({ name: each, address: addressFrom(census, name, each) }));
    const untilMs = beginMs + minutes * MINUTE_MS;
    // A process that dies before it answers begins anew, and is asked then.
    town.ask(name, { ask: "live", beginMs, untilMs, stormy: seed % 2 === 0, neighbours, letters }).catch(() => undefined);
  };

  const apply = (name: string, word: Utterance): void => {
    switch (word.say) {
      case "fact":
        return ledger.fact(name, word.level, word.event, word.fields);
      case "promised":
        return ledger.promised(name, word.id, word.to, word.text);
      case "step":
        return ledger.step(name, word.id, word.step as Step);
      case "handed":
        return ledger.handed(name, word.mail as Mail, word.text);
      case "refused":
        return ledger.refused(name, word.code);
      case "unexpected":
        return ledger.unexpected(word.what);
      default:
    }
  };

  const take = (relay: string, atMs: number, image: DiskAudit["image"]): void => {
    if (audits.length < MAX_AUDITS || atMs === Number.POSITIVE_INFINITY)
      audits.push({ atMs, relay, image, owed: ledger.owed(relay), keysOnce: true });
  };

  const town: RealTown = await openRealTown({
    seed,
    census,
    folder,
    settings,
    without,
    planted: plant === undefined ? undefined : findMistake(plant),
    recorded: bundled !== undefined,
    apart: new Set(faults.filter(({ kind }) => kind === "disk-full").map(({ host }) => host)),
    heard: (name, word) => {
      if (word.say === "wrote") taken.set(name, (taken.get(name) ?? 0) + 1);
      if (word.say === "up") {
        ids.set(name, word.id);
        live(name);
      }
      order.add(word.atMs, () => apply(name, word));
    },
    died: (name, atMs, image) =>
      order.add(atMs, () => {
        ledger.crashed(name);
        witnesses.push({ atMs: atMs - begunMs, host: name, image });
        if (isRelay(name)) take(name, atMs - begunMs, image);
      }),
    trouble: (what) => order.add(sharedMs(), () => ledger.unexpected(what)),
  });

  /** Looks at what comes until it is so; false when that takes too long. Throws what the ledger finds. */
  const until = async (isSo: () => boolean, untilMs: number): Promise<boolean> => {
    for (;;) {
      order.flush();
      ledger.check();
      if (isSo()) return true;
      if (sharedMs() >= untilMs) return false;
      await sleep(LOOK_EVERY_MS);
    }
  };
  const result = (broken: RealResult["broken"]): RealResult => ({
    broken,
    counts: ledger.counts,
    settledMs,
    seconds: Math.round((sharedMs() - begunMs) / 100) / 10,
    audits: audits.length,
  });

  try {
    for (const kind of [census.relays, census.agents]) {
      for (const name of kind) town.start(name);
      if (!(await until(() => kind.every(town.isUp), sharedMs() + OPENING_MS)))
        throw new InvariantBroken("10 no silence", `not all of ${kind.join(", ")} have started`);
    }
    if (!census.open) await introduce(town, census.agents, !without.includes("contacts"), ids);
    beginMs = sharedMs();
    const endMs = beginMs + minutes * MINUTE_MS;
    for (const name of census.agents) live(name);
    for (const fault of faults) town.world.after(fault.atMs, fault.kind, () => struck(town, fault));
    await until(() => false, endMs);
    town.calm();
    clearUp(town, census, undefined);
    const hasEnded = (): boolean =>
      sharedMs() > endMs + 1000 && census.agents.every((name) => isWritten(name)) && ledger.open().length === 0;
    await until(hasEnded, endMs + SETTLE_UP_MS + EXPIRY_ROOM_MS);
    settledMs = Math.round(sharedMs() - endMs);
    order.flush();
    ledger.settleUp();
    await waitForQuiet();
    for (const name of census.relays) take(name, Number.POSITIVE_INFINITY, await town.image(name));
    for (const each of audits) await audit(each);
    for (const name of [...census.relays, ...census.agents])
      witnesses.push({ atMs: sharedMs() - begunMs, host: name, image: await town.image(name) });
    const crypto = createNodeCrypto();
    await auditKeys({ witnesses, homes: census.homes, putBack: new Set(), abandoned: new Set(), hash: crypto.hash, crypto });
    return result(undefined);
  } catch (error) {
    const atMs = Math.round(sharedMs() - (beginMs ?? begunMs));
    if (bundled !== undefined) await takeBundles(bundled);
    if (error instanceof InvariantBroken) return result({ invariant: error.invariant, what: error.message, atMs });
    return result({ invariant: "10 no silence", what: error instanceof Error ? (error.stack ?? error.message) : String(error), atMs });
  } finally {
    await town[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }

  async function takeBundles(taken: (name: string, bundle: string) => void): Promise<void> {
    for (const name of [...census.relays, ...census.agents]) {
      const bundle = await town.ask(name, { ask: "bundle" }).catch(() => undefined);
      if (typeof bundle === "string") taken(name, bundle);
    }
  }

  function isWritten(name: string): boolean {
    return (taken.get(name) ?? 0) >= traffic.filter(({ from }) => from === name).length;
  }

  /** As in a simulated town: nothing is left under way, and everybody shows what happened. */
  async function waitForQuiet(): Promise<void> {
    const owners = new Set(ids.values());
    const untilMs = sharedMs() + QUIET_WITHIN_MS;
    for (;;) {
      const shown = new Map<string, Shown>();
      for (const name of census.agents) shown.set(name, (await patiently(() => town.ask(name, { ask: "show" }))) as Shown);
      await sleep(LOOK_EVERY_MS * 10);
      order.flush();
      ledger.check();
      const open = [...shown].flatMap(([name, { outgoing }]) => (outgoing === 0 ? [] : [`${outgoing} messages of ${name}`]));
      if (open.length === 0 && census.relays.every((name) => model.isDrained(name, owners))) break;
      if (sharedMs() >= untilMs) {
        const left = census.relays.map((name) => model.left(name, owners)).filter((each) => each !== "");
        throw new InvariantBroken("1 custody", `this is still under way: ${[...open, ...left].join("; ")}`);
      }
    }
    for (const name of census.relays) model.compareRelay(name, (await patiently(() => town.ask(name, { ask: "status" }))) as RelayStatus);
    for (const name of census.agents)
      await model.compareAgent(name, facadeOf((await patiently(() => town.ask(name, { ask: "show" }))) as Shown));
  }
}

function struck(town: RealTown, fault: Fault): void {
  // Its process says when it is dead, and what it had said before.
  strike(town, fault, { crashed: () => {}, damaged: () => {} });
}

/** What the model looks at, from what an agent of another process showed. */
function facadeOf({ outgoing, failed, failedDropped, outbox, boxes }: Shown): Agent {
  const shows = {
    status: async () => ({ outgoing, failed, failedDropped }),
    outbox: async () => outbox.map(({ id, state }) => ({ id, steps: [{ state }] })),
    inbox: async function* ({ box }: { readonly box: string }) {
      yield* boxes[box] ?? [];
    },
  };
  return shows as unknown as Agent;
}

/** Everybody accepts an invite of everybody named after it, or is told by both owners where nobody checks an invite. */
async function introduce(town: RealTown, names: readonly string[], byInvite: boolean, ids: ReadonlyMap<string, string>): Promise<void> {
  for (const [at, one] of names.entries()) {
    for (const other of names.slice(at + 1)) {
      if (byInvite) {
        const text = String(await patiently(() => town.ask(other, { ask: "invite" })));
        await patiently(() => town.ask(one, { ask: "accept", text }));
        continue;
      }
      await patiently(() => town.ask(one, { ask: "contact", id: ids.get(other) ?? "" }));
      await patiently(() => town.ask(other, { ask: "contact", id: ids.get(one) ?? "" }));
    }
  }
}

/** Tries again what a person would try again; throws the last failure. */
async function patiently<Value>(work: () => Promise<Value>): Promise<Value> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === MAX_TRIES || (isPerdureError(error) && error.retry === "never")) throw error;
      await sleep(TRY_AGAIN_MS);
    }
  }
}
