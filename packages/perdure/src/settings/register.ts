/**
 * Every wait that can end somebody's work and every limit somebody can hit: name, unit, reason. A value's origin is
 * `default`, `set` (and by what), `negotiated` (the other side's welcome said so), or `fixed` (nobody can set it).
 */
import { PerdureError } from "../wire/error.ts";
import { MAX_LINK_REFUSALS } from "../wire/limits.ts";
import type { SettingDefinition } from "./definition.ts";
import { FIXED, type FixedName } from "./fixed.ts";
import { RATES } from "./rates.ts";
import { SHARES } from "./shares.ts";
import { WEB_SERVER } from "./web-server.ts";

export type { SettingDefinition } from "./definition.ts";

const define = <const Definitions extends Readonly<Record<string, SettingDefinition>>>(definitions: Definitions): Definitions =>
  definitions;

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const KB = 1024;
const MB = 1024 * KB;

export const SETTINGS = define({
  // Sessions
  dialTimeoutMs: {
    value: 10 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "A relay that does not answer a connection in this time is tried again later.",
  },
  handshakeTimeoutMs: {
    value: 10 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "Half-open and slow handshakes must not hold a place for ever.",
  },
  pingEveryMs: {
    value: 15 * SECOND,
    unit: "ms",
    min: SECOND,
    max: 10 * MINUTE,
    reason: "Below the 30 s after which the strictest common middleboxes drop idle flows.",
  },
  learnLimits: {
    value: 1,
    unit: "yes or no",
    min: 0,
    max: 1,
    reason: "1: limits of the way that nobody told are learned from how connections end, and avoided; 0: not.",
  },
  keepInputs: {
    value: 1,
    unit: "yes or no",
    min: 0,
    max: 1,
    reason: "1: what came in lately is kept in the folder, without contents, for `perdure doctor --bundle`; 0: not.",
  },
  keepAliveMinMs: {
    value: 5 * SECOND,
    unit: "ms",
    min: SECOND,
    max: 10 * MINUTE,
    reason: "Signs of life are never sent more often than this, whatever idle limit was found.",
  },
  limitTrialMs: {
    value: DAY,
    unit: "ms",
    min: MINUTE,
    max: 30 * DAY,
    reason: "After this a limit that was learned is tried out again, on one connection; eight times as long at most while it stays.",
  },
  silenceTimeoutMs: {
    value: 45 * SECOND,
    unit: "ms",
    min: 2 * SECOND,
    max: 30 * MINUTE,
    reason: "Three missed pings: the other side is gone even if the connection looks open.",
  },
  ackTimeoutMs: {
    value: 3 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "With mail outstanding and nothing heard for this long the agent probes with a ping.",
  },
  probeTimeoutMs: {
    value: 3 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "A probe without an answer closes the connection and dials again.",
  },
  redialMinMs: { value: 500, unit: "ms", min: 10, max: MINUTE, reason: "First pause before dialling again (decorrelated jitter)." },
  redialMaxMs: { value: 60 * SECOND, unit: "ms", min: 10, max: HOUR, reason: "Longest pause before dialling again." },
  drainTimeoutMs: {
    value: 5 * SECOND,
    unit: "ms",
    min: 0,
    max: 5 * MINUTE,
    reason: "A relay that stops waits this long for its last batch and goodbyes.",
  },
  memoryBackMs: {
    value: 10 * SECOND,
    unit: "ms",
    min: 0,
    max: DAY,
    reason: "A relay that was quiet for so long gives back what memory a burst left it with, in a pause of up to half a second. 0: never.",
  },
  tlsCheckMs: {
    value: MINUTE,
    unit: "ms",
    min: 100,
    max: DAY,
    reason: "How often a relay looks whether its certificate on disk was renewed.",
  },
  relayConnections: {
    value: 10_000,
    unit: "connections",
    min: 1,
    max: 1_000_000,
    reason: "Connections a relay keeps at once; more are answered too-busy.",
  },
  relayHandshakes: {
    value: 64,
    unit: "connections",
    min: 1,
    max: 10_000,
    reason: "Handshakes in progress at once; a restarted relay is not trampled.",
  },
  agentsPerConnection: {
    value: 64,
    unit: "agents",
    min: 1,
    max: 1024,
    reason:
      "Agents of one process that share a connection with their relay; beyond it they open another. At a relay: how many it takes on one, each counted in relayConnections. 1: each has its own.",
  },
  windowFrames: {
    value: 128,
    unit: "frames",
    min: 1,
    max: 256,
    reason: "Mail an agent may have unacknowledged; also bounds the refusals a relay remembers per link.",
  },
  windowBytes: { value: 4 * MB, unit: "bytes", min: 512 * KB, max: 256 * MB, reason: "Mail bytes an agent may have unacknowledged." },
  sendQueueBytes: {
    value: 2 * MB,
    unit: "bytes",
    min: 512 * KB,
    max: 256 * MB,
    reason: "Above this a slow reader is served from the log when it has caught up.",
  },
  allQueuesBytes: {
    value: 256 * MB,
    unit: "bytes",
    min: MB,
    max: 1024 * 1024 * MB,
    reason: "Above this, over all sessions of a relay, each slow reader is served from the log at once.",
  },
  lookupTimeoutMs: {
    value: 10 * SECOND,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE,
    reason: "An address not found in this time leaves the message queued and is asked again.",
  },
  // Relay storage
  statementEveryMs: {
    value: 100,
    unit: "ms",
    min: 10,
    max: MINUTE,
    reason: "One signature covers everything stored since the last; proofs follow in this time, of many senders in ten times it.",
  },
  peerWindowFrames: {
    value: MAX_LINK_REFUSALS,
    unit: "frames",
    min: 1,
    max: MAX_LINK_REFUSALS,
    reason: "Mail another relay may have unacknowledged, of all its agents; at most what can be named as refused.",
  },
  peerWindowBytes: {
    value: 16 * MB,
    unit: "bytes",
    min: 512 * KB,
    max: 256 * MB,
    reason: "Mail bytes another relay may have unacknowledged.",
  },
  peerDials: {
    value: 128,
    unit: "connections",
    min: 5,
    max: 10_000,
    reason: "Other relays dialled at once; those that did not answer last time use at most half, those never met a quarter.",
  },
  peerIdleMs: {
    value: 5 * MINUTE,
    unit: "ms",
    min: SECOND,
    max: DAY,
    reason: "A session with another relay that was of no use for this long is closed by the side that dialled.",
  },
  segmentBytes: {
    value: 64 * MB,
    unit: "bytes",
    min: 64 * KB,
    max: 4 * 1024 * MB,
    reason: "A log file of this size is closed and the next one begun. Relays prepare files of this size.",
  },
  expiryGraceMs: {
    value: 2 * MINUTE,
    unit: "ms",
    min: 0,
    max: HOUR,
    reason: "Relays keep mail this long past its expiry, so that clocks may differ.",
  },
  sweepEveryMs: { value: 10 * SECOND, unit: "ms", min: 100, max: HOUR, reason: "How often expired mail is looked for." },
  clockJumpMs: {
    value: 30 * SECOND,
    unit: "ms",
    min: SECOND,
    max: HOUR,
    reason: "A wall clock that moved this much against the monotonic one has jumped.",
  },
  clockJumpHoldMs: { value: HOUR, unit: "ms", min: 0, max: DAY, reason: "After a jump forward nothing is reclaimed for this long." },
  diskRetryMs: { value: SECOND, unit: "ms", min: 10, max: MINUTE, reason: "Pause before a write that failed is tried again." },
  isolateDamage: {
    value: 1,
    unit: "yes or no",
    min: 0,
    max: 1,
    reason: "1: a relay whose log is damaged opens, and says what cannot be read; 0: it does not open.",
  },
  // Agents
  defaultExpiryMs: {
    value: 7 * DAY,
    unit: "ms",
    min: SECOND,
    max: 30 * DAY,
    reason: "How long a message may wait when the sender does not say.",
  },
  unconfirmedAfterMs: {
    value: 10 * MINUTE,
    unit: "ms",
    min: 0,
    max: DAY,
    reason: "After expiry, how long the sender waits for a terminal receipt before its own verdict.",
  },
  handlerAttempts: {
    value: 5,
    unit: "attempts",
    min: 1,
    max: 1000,
    reason: "After this many failures a message goes to the failed box and stops blocking the rest.",
  },
  failedMessages: {
    value: 10_000,
    unit: "messages",
    min: 1,
    max: 10_000_000,
    reason: "Messages an agent keeps in its failed box; for one more the oldest goes: its sender was told, the status counts it.",
  },
  refusedRetryMaxMs: {
    value: HOUR,
    unit: "ms",
    min: MINUTE,
    max: DAY,
    reason: "Longest pause before mail a relay refused is offered again; pauses grow to about a quarter of the time it has waited.",
  },
  handlerTimeoutMs: {
    value: 15 * MINUTE,
    unit: "ms",
    min: 100,
    max: DAY,
    reason: "A handler that has not finished by then counts as failed; its turn can no longer commit.",
  },
  retryMinMs: {
    value: SECOND,
    unit: "ms",
    min: 1,
    max: HOUR,
    reason: "Pause before a failed handler sees its message again; doubles each time.",
  },
  retryMaxMs: { value: 5 * MINUTE, unit: "ms", min: 1, max: DAY, reason: "Longest pause before a failed handler sees its message again." },
  holeWaitMs: {
    value: 5 * SECOND,
    unit: "ms",
    min: 0,
    max: HOUR,
    reason: "How long a missing sequence number delays later mail of the same stream.",
  },
  forgetStreamMs: {
    value: DAY,
    unit: "ms",
    min: 0,
    max: 30 * DAY,
    reason: "A stream is forgotten this long after its last expiry, so that a replay is always known or expired.",
  },
  liveStreams: {
    value: 16_384,
    unit: "messages",
    min: 1,
    max: 1_000_000,
    reason: "Streams one sender may have open at a recipient: one for each opening in about eight days, so one a minute fits.",
  },
  allStreams: {
    value: 500_000,
    unit: "messages",
    min: 4,
    max: 100_000_000,
    reason: "Streams of all senders together, about 1 KB of memory each; new senders begin one only while half are free.",
  },
  outboxMessages: {
    value: 10_000,
    unit: "messages",
    min: 1,
    max: 10_000_000,
    reason: "Messages an agent holds that have not come to their end; `send` refuses more.",
  },
  outboxBytes: {
    value: 256 * MB,
    unit: "bytes",
    min: 8 * MB,
    max: 1024 * 1024 * MB,
    reason: "Bytes of such messages. Their content is kept until their end: on disk they take up to about twice as much.",
  },
  autoPerThread: {
    value: 64,
    unit: "messages",
    min: 1,
    max: 1_000_000,
    reason: "Automatic messages caused by automatic ones that one thread may send in a window; then the loop guard pauses it.",
  },
  autoPerPair: {
    value: 256,
    unit: "messages",
    min: 1,
    max: 1_000_000,
    reason: "The same to one other agent over all threads.",
  },
  autoWindowMs: { value: HOUR, unit: "ms", min: SECOND, max: 7 * DAY, reason: "The window in which the loop guard counts." },
  askTimeoutMs: {
    value: MINUTE,
    unit: "ms",
    min: 1,
    max: 30 * DAY,
    reason: "How long `ask` waits for an answer when the caller does not say.",
  },
  callTimeoutMs: {
    value: 30 * SECOND,
    unit: "ms",
    min: 100,
    max: 10 * MINUTE,
    reason: "An agent that has not committed, read or answered on its own machine by then has a stuck disk or process.",
  },
  openTimeoutMs: {
    value: 20 * SECOND,
    unit: "ms",
    min: 100,
    max: 10 * MINUTE,
    reason: "How long opening a folder may take, taking over from another process included.",
  },
  certificateMs: {
    value: 30 * DAY,
    unit: "ms",
    min: HOUR,
    max: 366 * DAY,
    reason: "Life of an instance certificate; renewed after a third.",
  },
  recordFreshMs: { value: DAY, unit: "ms", min: MINUTE, max: 90 * DAY, reason: "Peers ask again for an agent's record older than this." },
  recordValidMs: { value: 90 * DAY, unit: "ms", min: HOUR, max: 366 * DAY, reason: "Peers do not use an agent's record older than this." },
  oldKeysGraceMs: {
    value: 10 * MINUTE,
    unit: "ms",
    min: 0,
    max: DAY,
    reason: "After a rotation or a claim, how long what the old keys signed is still taken, so that mail under way arrives.",
  },
  inboxKeyUseMs: {
    value: 7 * DAY,
    unit: "ms",
    min: MINUTE,
    max: 90 * DAY,
    reason: "An agent makes a new inbox key this often: what is sealed to an old one stays closed once that is destroyed.",
  },
  inboxKeyGraceMs: {
    value: 7 * DAY,
    unit: "ms",
    min: 0,
    max: 90 * DAY,
    reason: "How long senders who could not ask may still seal to the inbox key before.",
  },
  inboxKeyKeepMs: {
    value: 30 * DAY,
    unit: "ms",
    min: MINUTE,
    max: 90 * DAY,
    reason: "After that an old inbox key is kept this long, the longest mail may wait, and then destroyed.",
  },
  passphraseMemoryKiB: {
    value: 64 * KB,
    unit: "kibibytes",
    min: 19 * KB,
    max: MB,
    reason: "Memory a guess at the passphrase of a folder costs (Argon2id).",
  },
  passphrasePasses: {
    value: 3,
    unit: "attempts",
    min: 1,
    max: 32,
    reason: "How often that memory is gone through for one guess.",
  },
  // How much, how fast, how many at once
  ...SHARES,
  ...RATES,
  ...WEB_SERVER,
});

export type SettingName = keyof typeof SETTINGS;
export type Settings = { readonly [Name in SettingName]: number };

/** Settings of an agent that its relay has a say in: the smaller of its own and what the welcome of the session said. */
export type NegotiatedSettings = Pick<Settings, "pingEveryMs" | "windowFrames" | "windowBytes">;

/** A fixed row has its value for both bounds. */
export interface SettingRow extends SettingDefinition {
  readonly name: SettingName | FixedName;
  readonly origin: string;
}

/** The defaults with `overrides` on top; `unknown-setting` or `bad-argument` when one is not known or out of its bounds. */
export function createSettings(overrides: Readonly<Partial<Record<string, number>>> = {}): Settings {
  const values: Record<string, number> = {};
  for (const [name, definition] of Object.entries(SETTINGS)) values[name] = definition.value;
  for (const [name, value] of Object.entries(overrides)) {
    const definition = Object.hasOwn(SETTINGS, name) ? (SETTINGS as Readonly<Record<string, SettingDefinition>>)[name] : undefined;
    if (definition === undefined)
      throw new PerdureError("unknown-setting", `there is no setting "${name}"`, { hint: "The settings register lists every name." });
    if (value === undefined || !Number.isFinite(value) || value < definition.min || value > definition.max) {
      throw new PerdureError("bad-argument", `${name} = ${value} is outside ${definition.min} to ${definition.max} ${definition.unit}`, {
        hint: "`perdure relay settings` lists every setting with its unit and what it is for.",
      });
    }
    values[name] = value;
  }
  return values as Settings;
}

/**
 * Every wait and limit in force, for people, and who set it: `negotiated` with the relay of the open session, as `origins` says, else
 * `set` where it differs from the default; then the fixed.
 */
export function listSettings(
  settings: Settings,
  origins: Readonly<Record<string, string>> = {},
  negotiated: Partial<Settings> = {},
): readonly SettingRow[] {
  const set = Object.entries(SETTINGS).map(([name, definition]): SettingRow => {
    const agreed = negotiated[name as SettingName];
    if (agreed !== undefined) return { ...definition, name: name as SettingName, value: agreed, origin: "negotiated" };
    const value = settings[name as SettingName];
    return { ...definition, name: name as SettingName, value, origin: origins[name] ?? (value === definition.value ? "default" : "set") };
  });
  const fixed = Object.entries(FIXED).map(
    ([name, definition]): SettingRow => ({
      ...definition,
      name: name as FixedName,
      min: definition.value,
      max: definition.value,
      origin: "fixed",
    }),
  );
  return [...set, ...fixed];
}
