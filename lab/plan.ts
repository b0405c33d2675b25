/**
 * The town of a seed, and its settings: what the lab sets for all of them, and what the seed draws.
 *
 * Unless it is told, a seed draws its own town: a quarter of the towns have one relay, half have two, a quarter three; a third
 * introduces everybody by invites instead of taking mail from anybody; a sixth has a relay that lies, a third a stranger who floods
 * and forges, with a relay of his own. In half of the others somebody's folder is copied, put back or stolen. Two sevenths have narrow
 * windows.
 */
import type { Disaster } from "./disaster.ts";
import type { LedgerOptions } from "./ledger.ts";
import { NARROW } from "./narrow.ts";
import type { Hostile, Scenario } from "./scenario.ts";
import { type Census, drawCensus } from "./town.ts";
import type { FaultKind } from "./weather.ts";

const MINUTE_MS = 60_000;

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
  messagesAtHand: 2,
  autoPerThread: 16,
  holeWaitMs: 5000,
};

/** By the seed, where nothing is said of settings: what takes a town days to fill is full within a minute. */
const SETTINGS_OF_SEEDS: readonly Plan["settings"][] = [{}, NARROW, {}, {}, {}, NARROW, {}];

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

export type Shares = LedgerOptions["limits"];

export interface Plan {
  readonly census: Census;
  /** Those that differ from {@link SETTINGS}. */
  readonly settings: Readonly<Record<string, number>>;
  readonly hostile: Hostile;
  readonly disaster: Disaster;
  /** What the weather has none of. */
  readonly never: readonly FaultKind[];
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

/** The town of a seed. */
export function planOf({
  seed,
  relays,
  agents,
  hostile,
  disaster,
  settings,
}: Pick<Scenario, "seed" | "relays" | "agents" | "hostile" | "disaster" | "settings">): Plan {
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
