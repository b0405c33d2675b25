/** One seed, one history: a town, its weather, its traffic, and the verdict. */
import type { Crypto, Hash } from "../packages/perdure/src/host/crypto.ts";
import { createLedger, InvariantBroken, type LedgerCounts } from "./ledger.ts";
import { audit, auditOf, type DiskAudit } from "./relay-disk.ts";
import { createTown, type DefenceName, RELAY, type Town } from "./town.ts";
import { liveIn } from "./traffic.ts";
import { describeFault, drawWeather, type Fault, type FaultKind } from "./weather.ts";

export interface SeedOptions {
  readonly seed: number;
  readonly hash: Hash;
  /** Real cryptography: slower, and its own randomness is not the world's, so that histories differ. */
  readonly crypto?: Crypto | undefined;
  /** Virtual minutes of weather and traffic; the town then has time to settle up. */
  readonly minutes: number;
  readonly switchedOff?: ReadonlySet<DefenceName>;
  /** Only these kinds of faults. */
  readonly kinds?: readonly FaultKind[] | undefined;
  /** Instead of the weather the seed would draw. */
  readonly faults?: readonly Fault[];
  /** Called with a line per fault and fact. */
  readonly trace?: (line: string) => void;
}

export interface SeedResult {
  readonly seed: number;
  readonly historyHash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly faults: readonly Fault[];
  readonly counts: LedgerCounts;
  /** The invariant that broke first, and what happened. */
  readonly broken: { readonly invariant: string; readonly what: string; readonly atMs: number } | undefined;
}

const MINUTE_MS = 60_000;
/** After the faults stop, everything must come to its end within this time (protocol invariant 1), or at its expiry. */
const SETTLE_UP_MS = 60_000;
/** Messages with the short expiry end this long after the last one was sent, at the latest. */
const EXPIRY_ROOM_MS = 3 * MINUTE_MS;
/** Largest number of events of one seed: a town that spins in place is a failure too. */
const MAX_EVENTS = 3_000_000;

/** Disks of dying relays that are looked at, per seed. */
const MAX_AUDITS = 8;
/** Queues are measured every so many events. */
const BOUNDS_EVERY = 500;

/** Short pauses, small files and small limits, so that five virtual minutes see all of them. */
const SETTINGS = {
  redialMinMs: 200,
  redialMaxMs: 4000,
  dialTimeoutMs: 3000,
  handshakeTimeoutMs: 4000,
  pingEveryMs: 5000,
  silenceTimeoutMs: 12_000,
  ackTimeoutMs: 2000,
  probeTimeoutMs: 2000,
  retryMinMs: 200,
  retryMaxMs: 3000,
  handlerTimeoutMs: 20_000,
  segmentBytes: 256 * 1024,
  expiryGraceMs: 2000,
  sweepEveryMs: 2000,
  defaultExpiryMs: 60 * MINUTE_MS,
  clockJumpHoldMs: 20_000,
  unconfirmedAfterMs: 5 * MINUTE_MS,
  statementEveryMs: 200,
};

export async function runSeed({
  seed,
  hash,
  crypto,
  minutes,
  switchedOff = new Set(),
  kinds,
  faults,
  trace,
}: SeedOptions): Promise<SeedResult> {
  const ledger = createLedger();
  const endMs = minutes * MINUTE_MS;
  const names = ["anna", "desk", "carl"].slice(0, 2 + (seed % 2));
  const town: Town = createTown({
    seed,
    hash,
    crypto,
    settings: SETTINGS,
    switchedOff,
    startFailed: (name, code, why) =>
      trace?.(`${(town.world.nowMs / 1000).toFixed(3).padStart(9)}  ${name.padEnd(6)} did not start: ${code} ${why}`),
    opened: (name, agent, isCurrent) => {
      liveIn({
        name,
        agent,
        isCurrent,
        ledger,
        host: town.world.host(name),
        draws: town.world.draws(`life of ${name} ${town.world.nowMs}`),
        neighbours: names.filter((each) => each !== name),
        untilMs: endMs,
        nowMs: () => town.world.nowMs,
      });
    },
  });
  const { world } = town;
  world.onLog((host, level, event, fields) => {
    ledger.fact(host, level, event, fields);
    trace?.(`${(world.nowMs / 1000).toFixed(3).padStart(9)}  ${host.padEnd(6)} ${event} ${JSON.stringify(fields)}`);
  });
  const audits: DiskAudit[] = [];
  const takeAudit = (): void => void audits.push(auditOf(world.nowMs, world.disk(RELAY).disk, ledger.owed()));
  world.afterStep(() => {
    ledger.check();
    if (world.events % BOUNDS_EVERY === 0) checkBounds(town);
  });
  const weather =
    faults ?? drawWeather({ draws: world.draws("weather"), agents: names, relay: RELAY, fromMs: 3000, untilMs: endMs, kinds });
  for (const fault of weather) {
    world.after(fault.atMs, fault.kind, () => {
      trace?.(`          ${describeFault(fault)}`);
      strike(town, names, fault, (host) => {
        ledger.crashed(host);
        if (host === RELAY && audits.length < MAX_AUDITS) takeAudit();
      });
    });
  }
  const result = (broken: SeedResult["broken"]): SeedResult => ({
    seed,
    historyHash: world.historyHash,
    events: world.events,
    virtualMs: world.nowMs,
    faults: weather,
    counts: ledger.counts,
    broken,
  });
  try {
    town.start(RELAY);
    await world.run({ untilMs: 1000, maxEvents: MAX_EVENTS });
    for (const name of names) town.start(name);
    await world.run({ untilMs: endMs, maxEvents: MAX_EVENTS });
    clearUp(town, names);
    const settled = await world.run({
      untilMs: endMs + SETTLE_UP_MS + EXPIRY_ROOM_MS,
      until: () => world.nowMs > endMs + 1000 && ledger.open().length === 0,
      maxEvents: MAX_EVENTS,
    });
    if (settled.why === "events") throw new InvariantBroken("10 no silence", "the town spins: too many events");
    ledger.settleUp();
    if (town.failures.length > 0) throw new InvariantBroken("10 no silence", town.failures[0] as string);
    takeAudit();
    for (const each of audits) await audit(each);
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

/** Invariant 9: nothing is longer than its named limit. */
function checkBounds(town: Town): void {
  const status = town.relay?.status();
  if (status === undefined) return;
  const limit = (name: string): number => status.settings.find((each) => each.name === name)?.value ?? 0;
  const check = (what: string, value: number, most: number): void => {
    if (value > most) throw new InvariantBroken("9 bounds", `${what} is ${value}, its limit ${most}`);
  };
  check("connections", status.connections, limit("relayConnections"));
  check("disk", status.diskBytes, limit("storeBytes"));
  check("incidents", status.incidents.length, 50);
  for (const agent of status.agents) {
    check(`waiting messages of ${agent.id}`, agent.waitingMessages, limit("mailboxMessages"));
    check(`waiting bytes of ${agent.id}`, agent.waitingBytes, limit("mailboxBytes"));
  }
}

function strike(town: Town, names: readonly string[], fault: Fault, crashed: (host: string) => void): void {
  const { world } = town;
  const { host, durationMs, amount } = fault;
  const ends: readonly [string, string] = [host === RELAY ? (names[0] as string) : host, RELAY];
  const later = (label: string, then: () => void): void => world.after(durationMs, label, then);
  const disk = world.disk(host);
  switch (fault.kind) {
    case "relay-kill":
    case "agent-kill":
      crashed(host);
      return town.crash(host, "all", false, durationMs);
    case "relay-power":
    case "agent-power":
      crashed(host);
      return town.crash(host, "random", amount < 0.5, durationMs);
    case "cut":
      return void world.network.cut(...ends);
    case "stall":
      return void world.network.stall(...ends);
    case "partition":
    case "one-way":
      world.partition(...ends, fault.kind === "one-way");
      return later("heal", () => world.heal(...ends));
    case "middlebox": {
      const box = world.network.link(...ends).middlebox;
      const kind = (["drop", "duplicate", "reorder", "corrupt"] as const)[Math.floor(amount * 4)] ?? "drop";
      box[kind] = 0.05;
      return later("honest middlebox", () => {
        box[kind] = 0;
      });
    }
    case "slow-link": {
      const link = world.network.link(...ends);
      link.latencyMs = 20 + amount * 400;
      return later("fast link", () => {
        link.latencyMs = 1;
      });
    }
    case "sync-fails":
      disk.failSyncs++;
      return;
    case "write-fails":
      disk.failWrites++;
      return;
    case "disk-full":
      disk.capacityBytes = 0;
      return later("room on the disk", () => {
        disk.capacityBytes = Number.POSITIVE_INFINITY;
      });
    case "slow-disk":
      disk.delayMs.sync = 1 + amount * 300;
      return later("fast disk", () => {
        disk.delayMs.sync = 1;
      });
    case "brownout":
      // A disk that takes long, and then the power goes: the widest gap between what was said and what is kept.
      disk.delayMs.sync = 100 + amount * 900;
      return later("power loss", () => {
        disk.delayMs.sync = 1;
        crashed(host);
        town.crash(host, "random", amount < 0.5, 100 + amount * 2000);
      });
    case "pause":
      world.pause(host);
      return later("resume", () => world.resume(host));
    case "wall-jump":
      // Back to where it was later on: a clock that is wrong for good is the business of expiry, not of this town.
      world.jumpWall(host, (amount - 0.5) * 20_000);
      return later("right time", () => world.jumpWall(host, -(amount - 0.5) * 20_000));
  }
}

/** Ends every fault that lasts, and starts what is down. */
function clearUp(town: Town, names: readonly string[]): void {
  const { world } = town;
  for (const name of [RELAY, ...names]) {
    const disk = world.disk(name);
    Object.assign(disk, { failSyncs: 0, failWrites: 0, capacityBytes: Number.POSITIVE_INFINITY, readOnly: false });
    disk.delayMs.sync = 1;
    world.resume(name);
    if (name === RELAY) continue;
    world.heal(name, RELAY);
    for (const link of [world.network.link(name, RELAY), world.network.link(RELAY, name)]) {
      link.latencyMs = 1;
      Object.assign(link.middlebox, { drop: 0, duplicate: 0, reorder: 0, corrupt: 0 });
    }
  }
  world.network.touched();
}
