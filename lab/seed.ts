/** One seed, one history: a town, its weather, its traffic, those who mean no good, and the verdict. */
import type { Agent } from "../packages/perdure/src/agent/api.ts";
import type { Crypto, Hash, SigningKey } from "../packages/perdure/src/host/crypto.ts";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { readKept } from "../packages/perdure/src/identity/custody.ts";
import type { RelayStatus } from "../packages/perdure/src/relay/status.ts";
import type { Lies } from "../packages/perdure/src/testing/api.ts";
import { bringDown, type DisasterState } from "./disaster.ts";
import { type DiskWatch, watchDisks } from "./disk-watch.ts";
import { auditEvidence } from "./evidence-audit.ts";
import { findHiddenLimit } from "./hidden-limits.ts";
import { createLedger, InvariantBroken, type Ledger, type LedgerCounts } from "./ledger.ts";
import { letIn } from "./mallory.ts";
import { createModel, type Model } from "./model.ts";
import { patiently } from "./patience.ts";
import { limitsOf, type Plan, planOf, SETTINGS, type Shares } from "./plan.ts";
import { waitForQuiet } from "./quiet.ts";
import type { Recorder } from "./recorder.ts";
import { ROOMS } from "./rooms/index.ts";
import { visitAll } from "./rooms/room.ts";
import { routine } from "./routine.ts";
import type { Letter, Scenario } from "./scenario.ts";
import { createSealBook } from "./seal-book.ts";
import { clearUp, lastsMs, strike } from "./strike.ts";
import { AGENT_FOLDER, type Census, createTown, type Town } from "./town.ts";
import { type LetterPile, liveIn } from "./traffic.ts";
import { drawWeather, type Fault } from "./weather.ts";

/** A scenario, and what it is run with. */
export interface SeedOptions extends Omit<Scenario, "format"> {
  readonly hash: Hash;
  /** Real cryptography: slower, and its own randomness is not the world's, so that histories differ. */
  readonly crypto?: Crypto | undefined;
  /** Is told of everything that happens. */
  readonly recorder?: Recorder | undefined;
}

export interface SeedResult {
  readonly seed: number;
  readonly historyHash: string;
  readonly events: number;
  readonly virtualMs: number;
  /** When the town was open, virtual milliseconds; 0 when it never was. Times of faults and letters count from there. */
  readonly beginMs: number;
  readonly faults: readonly Fault[];
  /** The town, where the scenario left that to the seed. */
  readonly drawn: Required<Pick<Scenario, "relays" | "agents" | "hostile" | "disaster" | "settings">>;
  readonly counts: LedgerCounts;
  /** The invariant that broke first, and what happened. */
  readonly broken: { readonly invariant: string; readonly what: string; readonly atMs: number } | undefined;
}

const MINUTE_MS = 60_000;
/** After the faults stop, everything must come to its end within this time (protocol invariant 1), or at its expiry. */
export const SETTLE_UP_MS = 60_000;
/** By then everybody has found out that a connection is dead, has paused as long as ever, and has dialled. */
const ATTACHED_WITHIN_MS = 45_000;
/** Messages with the short expiry end this long after the last one was sent, at the latest: by the sender's own verdict. */
export const EXPIRY_ROOM_MS = 6 * MINUTE_MS;
/** Largest number of events of one seed: a town that spins in place is a failure too. */
const MAX_EVENTS = 3_000_000;

/** All agents are open within this time when nothing goes wrong yet. */
const OPENING_MS = 20_000;
/** Queues are measured every so many events. */
const BOUNDS_EVERY = 500;

/** One run, from the town that is built to the verdict. */
interface Course {
  readonly options: SeedOptions;
  readonly plan: Plan;
  readonly settings: Readonly<Record<string, number>>;
  readonly town: Town;
  readonly ledger: Ledger;
  readonly model: Model;
  readonly disks: DiskWatch;
  /** The relay that lies, if one does. */
  readonly liar: string | undefined;
  /** Relays that neither lie nor are put back. */
  readonly honest: readonly string[];
  /** Whether the process of an agent, as it was opened last, still runs. */
  readonly lives: Map<string, () => boolean>;
  readonly piles: ReadonlyMap<string, LetterPile> | undefined;
  /** Whose disks were damaged. */
  readonly harmed: Set<string>;
  faults: readonly Fault[];
  beginMs: number;
  /** When people stop to write; `undefined` before they begin. */
  untilMs: number | undefined;
}

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const course = found(options);
  const { world } = course.town;
  try {
    if (options.rooms === true) await visitAll(ROOMS, options.seed, options.hash);
    await open(course);
    const trouble = await weather(course);
    await settle(course, trouble);
    await calm(course);
    if (!trouble.isOver) throw new InvariantBroken("10 no silence", "the owner could not put right what happened");
    await course.disks.auditAll(trouble);
    return resultOf(course, undefined);
  } catch (error) {
    if (error instanceof InvariantBroken) return resultOf(course, { invariant: error.invariant, what: error.message, atMs: world.nowMs });
    return resultOf(course, {
      invariant: "10 no silence",
      what: error instanceof Error ? (error.stack ?? error.message) : String(error),
      atMs: world.nowMs,
    });
  }
}

/** Builds the town, with everybody in it who watches. */
function found(options: SeedOptions): Course {
  const { seed, hash, crypto, without = [], recorder } = options;
  const plan = planOf(options);
  const { census, hostile, disaster } = plan;
  const settings = { ...SETTINGS, ...plan.settings };
  const limits = limitsOf(settings);
  const liar = hostile === "relay" ? census.relays.at(-1) : undefined;
  const forgetful = disaster === "relay-copy" ? census.relays.at(-1) : undefined;
  const model = createModel();
  const ledger = createLedger({ census, liar, forgetful, model, limits });
  const town = createTown({
    seed,
    hash,
    crypto,
    census,
    untagged: liar !== undefined,
    settings,
    switchedOff: new Set(without),
    startFailed: (name, code, why) => recorder?.note(`did not start: ${code}, ${why}`, name),
    opened: (name, agent, isCurrent) => {
      course.lives.set(name, isCurrent);
      if (course.untilMs !== undefined) settleIn(course, name, agent, isCurrent);
    },
  });
  const { world } = town;
  const course: Course = {
    options,
    plan,
    settings,
    town,
    ledger,
    model,
    disks: watchDisks({ town, census, ledger, isHonest: liar === undefined, hash, crypto }),
    liar,
    honest: census.relays.filter((name) => name !== liar && name !== forgetful),
    lives: new Map(),
    piles: options.traffic && pilesOf(census.agents, options.traffic),
    harmed: new Set(),
    faults: options.faults ?? [],
    beginMs: 0,
    untilMs: undefined,
  };
  recorder?.watch(world, census);
  world.onLog((host, level, event, fields) => {
    ledger.fact(host, level, event, fields);
  });
  world.onSeal(createSealBook(hash).sealed);
  world.afterStep(() => {
    ledger.check();
    if (town.failures.length > 0) throw new InvariantBroken("10 no silence", town.failures[0] as string);
    if (world.events % BOUNDS_EVERY !== 0) return;
    for (const name of census.relays) checkBounds(town.relay(name)?.status(), limits);
    compareRelays(course);
  });
  return course;
}

/** Relays first, then agents; where nobody takes mail from anybody, they are introduced. */
async function open({ options, plan: { census }, town }: Course): Promise<void> {
  const { world } = town;
  for (const name of census.relays) town.start(name);
  await world.run({ untilMs: 1000, maxEvents: MAX_EVENTS });
  for (const name of census.agents) town.start(name);
  await world.run({ until: () => census.agents.every(town.isUp), untilMs: OPENING_MS, maxEvents: MAX_EVENTS });
  if (!census.open) await introduce(town, census.agents, !(options.without ?? []).includes("contacts"));
}

/** People write, and what can go wrong does, until all of it is cleared up. */
async function weather(course: Course): Promise<DisasterState> {
  const { options, plan, settings, town, ledger, liar } = course;
  const { census, hostile, disaster, never } = plan;
  const { world } = town;
  const { recorder } = options;
  const durationMs = options.minutes * MINUTE_MS;
  course.beginMs = world.nowMs;
  const endMs = course.beginMs + durationMs;
  course.untilMs = endMs;
  recorder?.began();
  for (const name of census.agents) settleIn(course, name, town.agent(name) as Agent, course.lives.get(name) as () => boolean);
  if (options.faults === undefined) {
    const { kinds, calmMs } = options;
    course.faults = drawWeather({ draws: world.draws("weather"), census, fromMs: 3000, untilMs: durationMs, kinds, never, calmMs });
  }
  const ending = (host: string): void => die(course, host);
  const damaged = (host: string): void => {
    course.harmed.add(host);
    ledger.damaged(host);
  };
  for (const fault of course.faults) {
    world.after(fault.atMs, fault.kind, () => {
      recorder?.fault(fault);
      strike(town, fault, { crashed: ending, damaged });
    });
  }
  const trouble = bringDown({
    kind: disaster,
    town,
    census,
    ledger,
    settings,
    draws: world.draws("disaster"),
    durationMs,
    live: (host, of, agent, isCurrent) => settleIn(course, host, agent, isCurrent, of),
    ending,
    trace: (line) => recorder?.note(line.trim()),
  });
  if (hostile === "stranger") await letIn({ town, census, ledger, settings, untilMs: endMs });
  if (liar !== undefined) lieFrom(town, liar, census.agents, endMs);
  await world.run({ untilMs: endMs, maxEvents: MAX_EVENTS });
  clearUp(town, census, liar);
  recorder?.cleared();
  return trouble;
}

/** Everybody finds back, and everything that was promised comes to its end. */
async function settle(course: Course, trouble: DisasterState): Promise<void> {
  const { town, ledger } = course;
  const { world } = town;
  const endMs = course.untilMs ?? world.nowMs;
  if (isOrdinary(course)) {
    await world.run({ untilMs: endMs + ATTACHED_WITHIN_MS, until: () => ledger.apart().length === 0, maxEvents: MAX_EVENTS });
    const [apart] = ledger.apart();
    if (apart !== undefined)
      throw new InvariantBroken("1 custody", `${apart} has no session with its relay, and nothing keeps it from one`);
  }
  const settled = await world.run({
    untilMs: endMs + SETTLE_UP_MS + EXPIRY_ROOM_MS,
    until: () => world.nowMs > endMs + 1000 && trouble.isOver && ledger.open().length === 0,
    maxEvents: MAX_EVENTS,
  });
  if (settled.why === "events") throw new InvariantBroken("10 no silence", "the town spins: too many events");
  ledger.settleUp();
  compareRelays(course);
}

/** Nothing is left under way. An ordinary while follows where the scenario wants one, and what proves something is looked at. */
async function calm(course: Course): Promise<void> {
  if (!isOrdinary(course)) return;
  const { options, plan, settings, town, ledger, model, beginMs } = course;
  const { census, hostile } = plan;
  const { seed, hash, crypto } = options;
  const { world } = town;
  const quiet = () => waitForQuiet({ town, census, model, ledger, unanswerable: hostile === "stranger" });
  await quiet();
  if (options.routine === true && hostile === "nobody") {
    // Some faults end by themselves, later than the weather.
    const overMs = Math.max(0, ...course.faults.map((fault) => beginMs + fault.atMs + lastsMs(fault))) + 3000;
    await world.run({ untilMs: Math.max(world.nowMs, overMs) });
    await quiet();
    const addressOf = (from: string, to: string): string => addressFrom(census, from, to);
    await routine({ town, census, ledger, settings, ending: (host) => die(course, host), addressFrom: addressOf });
    ledger.settleUp();
    await quiet();
    await findHiddenLimit(seed, hash);
  }
  const keyOf = options.routine === true ? (name: string) => world.complete(signingKeyOf(world.host(name))) : undefined;
  // What proves something may have been on a disk that rotted.
  const whole = census.agents.filter((name) => !course.harmed.has(name));
  await auditEvidence({ world, agents: new Map(whole.map((name) => [name, town.agent(name) as Agent])), hash, crypto, keyOf });
}

/** Nobody lies, and nobody's folder is copied, put back or stolen: all that was said can be held against who said it. */
function isOrdinary({ liar, plan: { disaster } }: Course): boolean {
  return liar === undefined && disaster === "none";
}

function die({ ledger, disks }: Course, host: string): void {
  ledger.crashed(host);
  disks.ending(host);
}

function compareRelays({ honest, town, model }: Course): void {
  for (const name of honest) {
    const status = town.relay(name)?.status();
    if (status !== undefined) model.compareRelay(name, status);
  }
}

/** An agent's owner begins to write; that of a copy is the one of whom it is a copy, and what it promises is nobody's loss. */
function settleIn(course: Course, host: string, agent: Agent, isCurrent: () => boolean, owner = host): void {
  const { options, plan, town, ledger, piles, beginMs, untilMs = 0 } = course;
  const { census } = plan;
  const { world } = town;
  const isCopy = host !== owner;
  liveIn({
    name: host,
    agent,
    isCurrent,
    ledger: isCopy ? silentAbout(ledger) : ledger,
    host: world.host(host),
    draws: world.draws(`life of ${host} ${world.nowMs}`),
    writing: world.draws(`letters of ${host} ${world.nowMs}`),
    neighbours: census.agents.filter((each) => each !== owner).map((name) => ({ name, address: addressFrom(census, owner, name) })),
    letters: isCopy ? undefined : piles?.get(host),
    wrote: (letter) => {
      if (!isCopy) options.recorder?.letter(letter);
    },
    beginMs,
    stormy: options.seed % 2 === 0,
    untilMs,
    nowMs: () => world.nowMs,
  });
}

function resultOf({ options, plan, town: { world }, ledger, faults, beginMs }: Course, broken: SeedResult["broken"]): SeedResult {
  const { census, hostile, disaster, settings } = plan;
  return {
    seed: options.seed,
    historyHash: world.historyHash,
    events: world.events,
    virtualMs: world.nowMs,
    beginMs,
    faults,
    drawn: { relays: census.relays.length, agents: census.agents.length, hostile, disaster, settings },
    counts: ledger.counts,
    broken,
  };
}

/** Who writes what, each in the order of the list. */
function pilesOf(names: readonly string[], letters: readonly Letter[]): ReadonlyMap<string, LetterPile> {
  return new Map(names.map((name) => [name, { letters: letters.filter(({ from }) => from === name), taken: 0 }]));
}

/** For a process that is not anybody's: what it promises is nobody's loss. */
function silentAbout(ledger: Ledger): Ledger {
  return { ...ledger, promised: () => {}, step: () => {} };
}

/** How one agent writes to another: by name, and where that lives if it lives elsewhere. */
export function addressFrom({ homes }: Census, from: string, to: string): string {
  return homes.get(from) === homes.get(to) ? `@${to}` : `@${to}@${homes.get(to)}`;
}

/** Everybody accepts an invite of everybody named after it, or is told by both owners where nobody checks an invite. */
async function introduce(town: Town, names: readonly string[], byInvite: boolean): Promise<void> {
  for (const [at, one] of names.entries()) {
    for (const other of names.slice(at + 1)) {
      if (!byInvite) {
        for (const [owner, known] of [
          [one, other],
          [other, one],
        ] as const) {
          const { id } = town.agent(known) as Agent;
          await patiently(town.world, () => (town.agent(owner) as Agent).contacts.add(id));
        }
        continue;
      }
      const { text } = await patiently(town.world, () => (town.agent(other) as Agent).invite());
      await patiently(town.world, () => (town.agent(one) as Agent).accept(text));
    }
  }
}

/** A relay tells one lie after the other, and is honest in between and in the end. */
function lieFrom(town: Town, relay: string, names: readonly string[], endMs: number): void {
  const { world } = town;
  const draws = world.draws("lies");
  const next = (): void => {
    const from = town.agent(names[draws.below(names.length)] as string)?.id;
    const kinds: readonly Lies[] = [
      { withhold: true },
      { replay: true },
      { reorder: true },
      { equivocate: true },
      { rollBack: true },
      ...(from === undefined ? [] : [{ rewriteFrom: from }, { withhold: true, only: from }, { replay: true, reorder: true, only: from }]),
    ];
    town.lie(relay, kinds[draws.below(kinds.length)] as Lies);
    world.after(2000 + draws.below(15_000), "honest", () => {
      town.lie(relay, {});
      if (world.nowMs < endMs) world.after(draws.below(10_000), "lie", next);
    });
  };
  next();
}

/** The key an agent signs with, as it lies in its folder. */
async function signingKeyOf({ files, crypto }: Host): Promise<SigningKey | undefined> {
  const kept = await readKept(files, crypto.hash, AGENT_FOLDER);
  return kept && (await crypto.signatures.load(kept.instanceSeed));
}

/** Invariant 9: nothing is longer than its named limit. */
function checkBounds(status: RelayStatus | undefined, { route }: Shares): void {
  if (status === undefined) return;
  const limit = (name: string): number => status.settings.find((each) => each.name === name)?.value ?? 0;
  const check = (what: string, value: number, most: number): void => {
    if (value > most) throw new InvariantBroken("9 bounds", `${what} is ${value}, its limit ${most}`);
  };
  check("connections", status.connections, limit("relayConnections"));
  check("disk", status.diskBytes, limit("storeBytes"));
  if (status.queuedBytes < 0) throw new InvariantBroken("9 bounds", `${status.queuedBytes} bytes are on their way to the disk`);
  check("incidents", status.incidents.length, 50);
  check("messages", status.waitingMessages, limit("storeMessages"));
  for (const peer of status.peers) check(`messages for ${peer.id}`, peer.waitingMessages, route);
  for (const agent of status.agents) {
    check(`waiting messages of ${agent.id}`, agent.waitingMessages, limit("mailboxMessages"));
    check(`waiting bytes of ${agent.id}`, agent.waitingBytes, limit("mailboxBytes"));
  }
}
