/**
 * A town for days: everybody writes one message a minute and answers none, a fault comes about once an hour, and every invariant is
 * checked all the time. What ended long ago is forgotten, so that days cost no memory.
 */
import type { Agent } from "../packages/perdure/src/agent/api.ts";
import type { Hash } from "../packages/perdure/src/host/crypto.ts";
import { sleep } from "../packages/perdure/src/host/deadline.ts";
import { type Draws, ONLY_SYNCED } from "../packages/perdure/src/host/simulated/index.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { createLedger, InvariantBroken, type LedgerCounts } from "./ledger.ts";
import { limitsOf } from "./plan.ts";
import { audit } from "./relay-disk.ts";
import { createSealBook } from "./seal-book.ts";
import { clearUp, strike } from "./strike.ts";
import { type Census, createTown, drawCensus, type Town } from "./town.ts";
import { CANARY } from "./traffic.ts";
import { describeFault, drawWeather, type Fault } from "./weather.ts";

export interface SoakOptions {
  readonly seed: number;
  /** Simulated days; may be a part of one. */
  readonly days: number;
  readonly relays: number;
  readonly agents: number;
  readonly hash: Hash;
  /** Called after every {@link CHAPTER_MS}. */
  readonly progress: (chapter: Chapter) => void;
}

/** How far a soak has come. */
export interface Chapter {
  readonly virtualMs: number;
  readonly events: number;
  readonly counts: LedgerCounts;
  /** Messages that were promised and have not ended. */
  readonly open: number;
}

export interface SoakResult extends Chapter {
  readonly historyHash: string;
  readonly faults: number;
  readonly broken: string | undefined;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** What ended is forgotten this often: what ended less than an hour ago is always known. */
const CHAPTER_MS = HOUR_MS;
/** Disks of relays are read this often, chapters. */
const AUDIT_EVERY = 6;
/** One message per agent and minute, in the mean. */
const MEAN_PAUSE_MS = MINUTE_MS;
/** Weather comes as in a seed of minutes, this many times as seldom: about one fault an hour. */
const CALM = 400;
const OPENING_MS = 60_000;
/** What the last messages need until they end, once the weather is over. */
const SETTLE_UP_MS = 30 * MINUTE_MS;
/** Whether all has ended is asked every so many events. */
const OPEN_EVERY = 200;
/** A handler fails so often, and its message starts again. */
const FAILS = 0.01;

/** Small files, so that their ends and compactions come every hour; everything else is as it is for people. */
const SETTINGS = { segmentBytes: 256 * 1024, mailboxMessages: 1000, storeMessages: 4000, autoPerThread: 16, holeWaitMs: 5000 };
const LIMITS = limitsOf(SETTINGS);

export async function runSoak({ seed, days, relays, agents, hash, progress }: SoakOptions): Promise<SoakResult> {
  const census = drawCensus(relays, agents, true);
  const ledger = createLedger({ census, liar: undefined, limits: LIMITS });
  const lives = new Map<string, () => boolean>();
  const endMs = days * 24 * HOUR_MS;
  let isOpen = false;
  const town: Town = createTown({
    seed,
    hash,
    census,
    untagged: false,
    settings: SETTINGS,
    switchedOff: new Set(),
    cryptoOrder: "at-once",
    startFailed: () => {},
    opened: (name, agent, isCurrent) => {
      lives.set(name, isCurrent);
      if (isOpen) settleIn(name, agent, isCurrent);
    },
  });
  const { world } = town;
  const settleIn = (name: string, agent: Agent, isCurrent: () => boolean): void => {
    const neighbours = census.agents.filter((each) => each !== name).map((each) => `@${each}@${census.homes.get(each)}`);
    const resident = { name, agent, isCurrent, neighbours, draws: world.draws(`life of ${name} ${world.nowMs}`) };
    live(resident).catch((error: unknown) => {
      if (isCurrent()) ledger.unexpected(`${name}: ${String(error)}`);
    });
  };

  const live = async ({ name, agent, isCurrent, neighbours, draws }: Resident): Promise<void> => {
    const { clock } = world.host(name);
    const serving = agent.serve(async (mail) => {
      ledger.handed(name, mail, await mail.text());
      if (draws.chance(FAILS)) throw new Error("the handler failed");
    });
    serving.catch((error: unknown) => {
      if (isCurrent()) ledger.unexpected(`${name} serving ended: ${String(error)}`);
    });
    const follow = async (sent: Awaited<ReturnType<Agent["send"]>>): Promise<void> => {
      for await (const step of sent) if (isCurrent()) ledger.step(name, sent.id, step);
    };
    const watch = (sent: Awaited<ReturnType<Agent["send"]>>): void => {
      follow(sent).catch((error: unknown) => {
        if (isCurrent()) ledger.unexpected(`${name} following ${sent.id}: ${String(error)}`);
      });
    };
    for (const sent of await agent.outbox()) watch(sent);
    for (let number = 0; ; number++) {
      await sleep(clock, draws.wait(MEAN_PAUSE_MS));
      if (!isCurrent() || world.nowMs > endMs) return;
      const to = neighbours[draws.below(neighbours.length)] as string;
      const text = `${CANARY} ${name} ${world.nowMs} ${number} ${"x".repeat(draws.below(400))}`;
      try {
        const sent = await agent.send(to, text);
        ledger.promised(name, sent.id, to, text);
        watch(sent);
      } catch (error) {
        if (isCurrent()) ledger.refused(name, isPerdureError(error) ? error.code : `not an error of ours: ${String(error)}`);
      }
    }
  };

  const chapter = (): Chapter => ({ virtualMs: world.nowMs, events: world.events, counts: ledger.counts, open: ledger.open().length });
  const auditAll = async (): Promise<void> => {
    for (const relay of census.relays) {
      const image = world.disk(relay).disk.image(ONLY_SYNCED);
      await audit({ atMs: world.nowMs, relay, image, owed: ledger.owed(relay), keysOnce: true });
    }
  };
  const seals = createSealBook(hash);
  world.onSeal(seals.sealed);
  world.onLog((host, level, event, fields) => ledger.fact(host, level, event, fields));
  world.afterStep(() => {
    ledger.check();
    if (town.failures.length > 0) throw new InvariantBroken("10 no silence", town.failures[0] as string);
  });
  let faults = 0;
  const result = (broken: string | undefined): SoakResult => ({ ...chapter(), historyHash: world.historyHash, faults, broken });
  let last = "";
  try {
    for (const name of census.relays) town.start(name);
    await world.run({ untilMs: 1000 });
    for (const name of census.agents) town.start(name);
    await world.run({ until: () => census.agents.every(town.isUp), untilMs: OPENING_MS });
    isOpen = true;
    for (const name of census.agents) settleIn(name, town.agent(name) as Agent, lives.get(name) as () => boolean);
    for (const fault of drawFaults(world.draws("weather"), census, endMs)) {
      world.after(fault.atMs, fault.kind, () => {
        faults++;
        last = describeFault(fault);
        strike(town, fault, { crashed: ledger.crashed, damaged: ledger.damaged });
      });
    }
    for (let at = CHAPTER_MS; at < endMs + CHAPTER_MS; at += CHAPTER_MS) {
      await world.run({ untilMs: Math.min(at, endMs) });
      if ((at / CHAPTER_MS) % AUDIT_EVERY === 0) await auditAll();
      ledger.age();
      seals.age();
      progress(chapter());
    }
    clearUp(town, census, undefined);
    await world.run({ untilMs: endMs + SETTLE_UP_MS, until: () => world.events % OPEN_EVERY === 0 && ledger.open().length === 0 });
    ledger.settleUp();
    await auditAll();
    return result(undefined);
  } catch (error) {
    if (!(error instanceof InvariantBroken)) throw error;
    return result(`${error.message} (the last fault: ${last})`);
  }
}

interface Resident {
  readonly name: string;
  readonly agent: Agent;
  readonly isCurrent: () => boolean;
  readonly neighbours: readonly string[];
  readonly draws: Draws;
}

/** Everything that can go wrong but damage, which somebody has to mend. */
function drawFaults(draws: Draws, census: Census, endMs: number): readonly Fault[] {
  const faults = drawWeather({ draws, census, fromMs: 1, untilMs: endMs / CALM, never: ["bit-rot"] });
  return faults.map((fault) => ({ ...fault, atMs: fault.atMs * CALM }));
}
