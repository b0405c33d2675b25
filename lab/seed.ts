/**
 * One seed, one history: a town, its weather, its traffic, those who mean no good, and the verdict.
 *
 * Unless it is told, a seed draws its own town: a quarter of the towns have one relay, half have two, a quarter three; a third
 * introduces everybody by invites instead of taking mail from anybody; a sixth has a relay that lies, a third a stranger who floods
 * and forges, with a relay of his own. In half of the others somebody's folder is copied, put back or stolen. Two sevenths have narrow
 * windows.
 */
import type { Agent } from "../packages/perdure/src/agent/api.ts";
import type { Crypto, Hash, SigningKey } from "../packages/perdure/src/host/crypto.ts";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { ONLY_SYNCED } from "../packages/perdure/src/host/simulated/index.ts";
import { readKept } from "../packages/perdure/src/identity/custody.ts";
import type { RelayStatus } from "../packages/perdure/src/relay/status.ts";
import type { Lies } from "../packages/perdure/src/testing/api.ts";
import { bringDown, type Disaster } from "./disaster.ts";
import { auditEvidence } from "./evidence-audit.ts";
import { findHiddenLimit } from "./hidden-limits.ts";
import { keepIncidents } from "./incident-desk.ts";
import { auditKeys, type DiskWitness } from "./key-audit.ts";
import { createLedger, InvariantBroken, type Ledger, type LedgerCounts, type LedgerOptions } from "./ledger.ts";
import { letIn } from "./mallory.ts";
import { createModel } from "./model.ts";
import { NARROW } from "./narrow.ts";
import { patiently } from "./patience.ts";
import { waitForQuiet } from "./quiet.ts";
import type { Recorder } from "./recorder.ts";
import { audit, auditOf, type DiskAudit } from "./relay-disk.ts";
import { ROOMS } from "./rooms/index.ts";
import { visitAll } from "./rooms/room.ts";
import { routine } from "./routine.ts";
import type { Hostile, Letter, Scenario } from "./scenario.ts";
import { createSealBook } from "./seal-book.ts";
import { clearUp, lastsMs, strike } from "./strike.ts";
import { AGENT_FOLDER, type Census, createTown, drawCensus, isRelay, type Town } from "./town.ts";
import { type LetterPile, liveIn } from "./traffic.ts";
import { drawWeather, type Fault, type FaultKind } from "./weather.ts";

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

/** Disks of dying relays that are looked at, per seed. */
const MAX_AUDITS = 8;
/** The same for everybody's knowledge of everybody's keys. */
const MAX_WITNESSES = 12;
/** All agents are open within this time when nothing goes wrong yet. */
const OPENING_MS = 20_000;
/** Queues are measured every so many events. */
const BOUNDS_EVERY = 500;

/** Short pauses, small files and small limits, so that five virtual minutes see all of them. */
export const SETTINGS = {
  redialMinMs: 200,
  redialMaxMs: 4000,
  dialTimeoutMs: 3000,
  handshakeTimeoutMs: 4000,
  pingEveryMs: 5000,
  silenceTimeoutMs: 16_000,
  ackTimeoutMs: 2000,
  probeTimeoutMs: 2000,
  retryMinMs: 200,
  retryMaxMs: 3000,
  handlerTimeoutMs: 6000,
  segmentBytes: 256 * 1024,
  expiryGraceMs: 2000,
  sweepEveryMs: 2000,
  defaultExpiryMs: 60 * MINUTE_MS,
  clockJumpHoldMs: 20_000,
  unconfirmedAfterMs: 5 * MINUTE_MS,
  statementEveryMs: 200,
  mailboxMessages: 1000,
  storeMessages: 4000,
  autoPerThread: 16,
  holeWaitMs: 5000,
};

/** By the seed, where nothing is said of settings: what takes a town days to fill is full within a minute. */
const SETTINGS_OF_SEEDS: readonly Readonly<Record<string, number>>[] = [{}, NARROW, {}, {}, {}, NARROW, {}];

/** No share is smaller than so many messages, unless the whole is. */
const LEAST_SHARE = 64;

/** What the shares of those settings come to, messages. */
export function limitsOf({
  mailboxMessages = 0,
  storeMessages = 0,
  autoPerThread = 0,
  holeWaitMs = 0,
}: Readonly<Record<string, number>>): Shares {
  const share = (whole: number, part: number): number => Math.min(whole, Math.max(LEAST_SHARE, Math.floor(whole * part)));
  const route = share(storeMessages, 0.1);
  return {
    sender: share(mailboxMessages, 0.1),
    strangers: share(mailboxMessages, 0.2),
    peer: share(storeMessages, 0.1),
    route,
    routeSender: share(route, 0.1),
    automatic: autoPerThread,
    holeWaitMs,
  };
}

type Shares = LedgerOptions["limits"];

/** The town of a seed. */
export function planOf({
  seed,
  relays,
  agents,
  hostile,
  disaster,
  settings,
}: Pick<SeedOptions, "seed" | "relays" | "agents" | "hostile" | "disaster" | "settings">): {
  census: Census;
  settings: Readonly<Record<string, number>>;
  hostile: Hostile;
  disaster: Disaster;
  never: readonly FaultKind[];
} {
  const count = relays ?? RELAYS_OF_SEEDS[seed % RELAYS_OF_SEEDS.length] ?? 1;
  const wanted = hostile ?? HOSTILES_OF_SEEDS[seed % HOSTILES_OF_SEEDS.length] ?? "nobody";
  // Who lies would be taken for who was put back.
  const happens = disaster ?? (wanted === "relay" ? "none" : (DISASTERS_OF_SEEDS[seed % DISASTERS_OF_SEEDS.length] ?? "none"));
  return {
    // Every sixth seed one further, so that each kind of people comes to each kind of town.
    census: drawCensus(count, agents ?? (count === 1 ? 2 : 3) + (seed % 2), (seed + Math.floor(seed / 6)) % 3 !== 0),
    settings: settings ?? SETTINGS_OF_SEEDS[seed % SETTINGS_OF_SEEDS.length] ?? {},
    hostile: wanted,
    disaster: happens,
    never: [
      // Without tags nothing tells what a middlebox changed from what the relay said.
      ...(wanted === "relay" ? (["middlebox"] as const) : []),
      // A copy of a disk that is damaged is nobody's to mend.
      ...(happens === "none" ? [] : (["bit-rot"] as const)),
    ],
  };
}

const DISASTERS_OF_SEEDS: readonly Disaster[] = [
  "none",
  "clone",
  "none",
  "snapshot",
  "theft",
  "none",
  "relay-copy",
  "none",
  "theft",
  "snapshot-twice",
  "clone",
];
const RELAYS_OF_SEEDS = [1, 2, 2, 3];
const HOSTILES_OF_SEEDS: readonly Hostile[] = ["nobody", "stranger", "nobody", "relay", "stranger", "nobody"];

export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const { seed, hash, crypto, minutes, without = [], faults, recorder } = options;
  const switchedOff = new Set(without);
  const { census, hostile, disaster, never, settings: own } = planOf(options);
  const settings = { ...SETTINGS, ...own };
  const limits = limitsOf(settings);
  const liar = hostile === "relay" ? census.relays.at(-1) : undefined;
  const forgetful = disaster === "relay-copy" ? census.relays.at(-1) : undefined;
  const model = createModel();
  const ledger = createLedger({ census, liar, forgetful, model, limits });
  const honest = census.relays.filter((name) => name !== liar && name !== forgetful);
  const names = census.agents;
  const lives = new Map<string, () => boolean>();
  let beginMs = 0;
  let untilMs: number | undefined;
  const piles = options.traffic && pilesOf(names, options.traffic);
  const town: Town = createTown({
    seed,
    hash,
    crypto,
    census,
    untagged: liar !== undefined,
    settings,
    switchedOff,
    startFailed: (name, code, why) => recorder?.note(`did not start: ${code}, ${why}`, name),
    opened: (name, agent, isCurrent) => {
      lives.set(name, isCurrent);
      if (untilMs !== undefined) settleIn(name, agent, isCurrent, untilMs);
    },
  });
  const { world } = town;
  recorder?.watch(world, census);
  const ending = (host: string): void => {
    ledger.crashed(host);
    if (isRelay(host) && audits.length < MAX_AUDITS) takeAudit(host);
    if ((isRelay(host) || census.homes.has(host)) && witnesses.length < MAX_WITNESSES) takeWitness(host);
  };
  const settleIn = (
    name: string,
    agent: Agent,
    isCurrent: () => boolean,
    until: number,
    { told = ledger, as = name }: { readonly told?: Ledger; readonly as?: string } = {},
  ): void =>
    liveIn({
      name,
      agent,
      isCurrent,
      ledger: told,
      host: world.host(name),
      draws: world.draws(`life of ${name} ${world.nowMs}`),
      writing: world.draws(`letters of ${name} ${world.nowMs}`),
      neighbours: names.filter((each) => each !== as).map((each) => ({ name: each, address: addressFrom(census, as, each) })),
      letters: name === as ? piles?.get(name) : undefined,
      wrote: (letter) => {
        if (name === as) recorder?.letter(letter);
      },
      beginMs,
      stormy: seed % 2 === 0,
      untilMs: until,
      nowMs: () => world.nowMs,
    });
  world.onLog((host, level, event, fields) => {
    ledger.fact(host, level, event, fields);
  });
  const seals = createSealBook(hash);
  world.onSeal(seals.sealed);
  const witnesses: DiskWitness[] = [];
  const takeWitness = (host: string): void => {
    if (town.rot.isRotten(host)) return;
    witnesses.push({ atMs: world.nowMs, host, image: world.disk(host).disk.image(ONLY_SYNCED) });
  };
  const harmed = new Set<string>();
  const harm = (host: string): void => {
    harmed.add(host);
    ledger.damaged(host);
  };
  const audits: DiskAudit[] = [];
  const takeAudit = (relay: string): void => {
    if (town.rot.isRotten(relay)) return;
    const { disk } = world.disk(relay);
    audits.push(auditOf({ atMs: world.nowMs, relay, disk, owed: ledger.owed(relay), keysOnce: liar === undefined }));
  };
  world.afterStep(() => {
    ledger.check();
    if (town.failures.length > 0) throw new InvariantBroken("10 no silence", town.failures[0] as string);
    if (world.events % BOUNDS_EVERY === 0) for (const name of census.relays) checkBounds(town.relay(name)?.status(), limits);
    if (world.events % BOUNDS_EVERY === 0) for (const name of honest) compareRelay(name);
  });
  const compareRelay = (name: string): void => {
    const status = town.relay(name)?.status();
    if (status !== undefined) model.compareRelay(name, status);
  };
  let weather = faults ?? [];
  const result = (broken: SeedResult["broken"]): SeedResult => ({
    seed,
    historyHash: world.historyHash,
    events: world.events,
    virtualMs: world.nowMs,
    beginMs,
    faults: weather,
    drawn: { relays: census.relays.length, agents: census.agents.length, hostile, disaster, settings: own },
    counts: ledger.counts,
    broken,
  });
  try {
    if (options.rooms === true) await visitAll(ROOMS, seed, hash);
    for (const name of census.relays) town.start(name);
    await world.run({ untilMs: 1000, maxEvents: MAX_EVENTS });
    for (const name of names) town.start(name);
    await world.run({ until: () => names.every(town.isUp), untilMs: OPENING_MS, maxEvents: MAX_EVENTS });
    if (!census.open) await introduce(town, names, !switchedOff.has("contacts"));
    beginMs = world.nowMs;
    const endMs = beginMs + minutes * MINUTE_MS;
    untilMs = endMs;
    recorder?.began();
    for (const name of names) settleIn(name, town.agent(name) as Agent, lives.get(name) as () => boolean, endMs);
    if (faults === undefined)
      weather = drawWeather({
        draws: world.draws("weather"),
        census,
        fromMs: 3000,
        untilMs: endMs - beginMs,
        kinds: options.kinds,
        never,
        calmMs: options.calmMs,
      });
    for (const fault of weather) {
      world.after(fault.atMs, fault.kind, () => {
        recorder?.fault(fault);
        strike(town, fault, { crashed: ending, damaged: harm });
      });
    }
    const trouble = bringDown({
      kind: disaster,
      town,
      census,
      ledger,
      settings,
      draws: world.draws("disaster"),
      durationMs: endMs - beginMs,
      live: (host, of, agent, isCurrent) => settleIn(host, agent, isCurrent, endMs, { told: silentAbout(ledger), as: of }),
      ending,
      trace: (line) => recorder?.note(line.trim()),
    });
    if (hostile === "stranger") await letIn({ town, census, ledger, settings, untilMs: endMs });
    if (liar !== undefined) lieFrom(town, liar, names, endMs);
    await world.run({ untilMs: endMs, maxEvents: MAX_EVENTS });
    clearUp(town, census, liar);
    recorder?.cleared();
    if (liar === undefined && disaster === "none") {
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
    for (const name of honest) compareRelay(name);
    if (liar === undefined && disaster === "none") {
      const quiet = () => waitForQuiet({ town, census, model, ledger, unanswerable: hostile === "stranger" });
      await quiet();
      if (options.routine === true && hostile === "nobody") {
        // Some faults end by themselves, later than the weather.
        const overMs = Math.max(0, ...weather.map((fault) => beginMs + fault.atMs + lastsMs(fault))) + 3000;
        await world.run({ untilMs: Math.max(world.nowMs, overMs) });
        await quiet();
        await routine({ town, census, ledger, settings, ending, addressFrom: (from, to) => addressFrom(census, from, to) });
        ledger.settleUp();
        await quiet();
        await findHiddenLimit(seed, hash);
        await keepIncidents(seed, hash);
      }
      const keyOf = options.routine === true ? (name: string) => world.complete(signingKeyOf(world.host(name))) : undefined;
      // What proves something may have been on a disk that rotted.
      const whole = names.filter((name) => !harmed.has(name));
      await auditEvidence({ world, agents: new Map(whole.map((name) => [name, town.agent(name) as Agent])), hash, crypto, keyOf });
    }
    if (!trouble.isOver) throw new InvariantBroken("10 no silence", "the owner could not put right what happened");
    for (const name of census.relays) takeAudit(name);
    for (const each of audits) await audit(each);
    for (const name of [...census.relays, ...names]) takeWitness(name);
    await auditKeys({ witnesses, homes: census.homes, putBack: trouble.putBack, abandoned: trouble.abandoned, hash, crypto });
    return result(undefined);
  } catch (error) {
    if (error instanceof InvariantBroken) return result({ invariant: error.invariant, what: error.message, atMs: world.nowMs });
    return result({
      invariant: "10 no silence",
      what: error instanceof Error ? (error.stack ?? error.message) : String(error),
      atMs: world.nowMs,
    });
  }
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
