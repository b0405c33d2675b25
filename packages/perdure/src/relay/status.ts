/** The relay as its owner sees it: whether it is well, who uses it, what it costs, what broke lately. */
import type { Clock } from "../host/clock.ts";
import type { Surroundings } from "../host/surroundings.ts";
import { isCloned } from "../protocol/delivery/attach-passes.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { FoundLimit } from "../protocol/link/line-keeper.ts";
import { listSettings, type SettingRow, type Settings } from "../settings/register.ts";
import type { LogHealth, RecordLog } from "../store/log/record-log.ts";
import type { Bytes } from "../wire/bytes.ts";
import { hex } from "../wire/bytes.ts";
import { type AgentId, agentIdText } from "../wire/ids.ts";
import type { AgentStanding } from "../wire/kept-relay.ts";
import type { DamageStatus } from "./found-damage.ts";
import type { Incident, Incidents } from "./incidents.ts";

export interface AgentRow {
  readonly id: AgentId;
  /** As its own record claims; foreign text. */
  readonly name: string | undefined;
  readonly connected: boolean;
  /**
   * `frozen`: two logs of it contradict each other. `cloned`: two copies of its folder were opened. Of both nobody reads the mailbox until
   * its owner decides. `retired`: its owner ended it.
   */
  readonly standing: AgentStanding | "cloned";
  readonly waitingMessages: number;
  readonly waitingBytes: number;
  /** When the message that waits longest was stored, milliseconds since 1970. */
  readonly oldestWaitingSinceMs: number | undefined;
}

/** Another relay this one has mail for, or gets mail from. */
export interface PeerRow {
  readonly id: AgentId;
  /** Where it answered last, else where it is said to be; foreign text. */
  readonly url: string | undefined;
  readonly connected: boolean;
  /** Which side opened the session that is open now. */
  readonly dialledBy: "us" | "them" | undefined;
  /** Mail that waits here to be passed on to it. */
  readonly waitingMessages: number;
  readonly waitingBytes: number;
  /** When the message that waits longest was stored, milliseconds since 1970. */
  readonly oldestWaitingSinceMs: number | undefined;
  /** Pairs of a sender here and a recipient there whose mail is held back because that relay refused some of it for the time being. */
  readonly parkedLanes: number;
  /** Messages it has taken since this relay started. */
  readonly passedOn: number;
  /** Messages of its agents taken here since this relay started. */
  readonly relayedIn: number;
  /** Code and words of what went wrong last; `undefined` once a session is open. */
  readonly lastError: string | undefined;
}

export interface RelayStatus {
  readonly id: AgentId;
  readonly address: string;
  readonly healthy: boolean;
  /** What is wrong, for people; empty when healthy. */
  readonly reasons: readonly string[];
  readonly nowMs: number;
  readonly startedAtMs: number;
  /** 16 hexadecimal digits. */
  readonly generation: string;
  readonly connections: number;
  readonly agentCount: number;
  /** Those with most waiting first, at most 500. */
  readonly agents: readonly AgentRow[];
  /** Other relays, those with most waiting first, at most 500. */
  readonly peers: readonly PeerRow[];
  /** Limits of the way to other relays that nobody told, learned from how connections ended; suspected ones as well. */
  readonly limits: readonly FoundLimit[];
  readonly waitingMessages: number;
  readonly waitingBytes: number;
  readonly diskBytes: number;
  /** Bytes on their way to the disk. */
  readonly queuedBytes: number;
  readonly diskLimitBytes: number;
  /** Bytes of memory of the process, where the caller can tell. */
  readonly memoryBytes: number | undefined;
  readonly counters: {
    readonly accepted: number;
    readonly duplicates: number;
    readonly delivered: number;
    readonly settled: number;
    readonly expired: number;
    readonly lost: number;
    readonly statements: number;
    /** By error code. */
    readonly refused: Readonly<Record<string, number>>;
    /** Times somebody came up against a limit, by the name of the setting. */
    readonly limited: Readonly<Record<string, number>>;
  };
  /** What of the log could not be read when this process opened it. */
  readonly damage: DamageStatus;
  /** Oldest first, at most 50. */
  readonly incidents: readonly Incident[];
  readonly settings: readonly SettingRow[];
  /** Limits of the machine and of what lies below, and settings that do not go together. */
  readonly surroundings: Surroundings;
  readonly tickets: {
    /** An agent nobody knows needs one to register. */
    readonly required: boolean;
    /** Tickets somebody can still register with. */
    readonly open: number;
  };
  /** Origins whose pages may connect. */
  readonly origins: readonly string[];
  /** Agents and relays its owner turns away, newest first, at most 500. */
  readonly bans: readonly { readonly id: AgentId; readonly why: string; readonly atMs: number }[];
}

export interface StatusOptions {
  readonly id: AgentId;
  readonly address: () => string;
  readonly clock: Clock;
  readonly startedAtMs: number;
  readonly generation: Bytes;
  readonly mailboxes: Mailboxes;
  readonly log: RecordLog;
  readonly settings: Settings;
  readonly settingOrigins: Readonly<Record<string, string>> | undefined;
  readonly ticketsRequired: boolean;
  readonly origins: readonly string[];
  readonly incidents: Incidents;
  readonly connections: () => number;
  /** Those with most waiting first, at most as many as asked for. */
  readonly peers: (limit: number) => readonly PeerRow[];
  readonly limits: () => readonly FoundLimit[];
  /** Reasons the log does not know of. */
  readonly troubles: () => readonly string[];
  readonly damage: DamageStatus;
  readonly memoryBytes: (() => number) | undefined;
  readonly surroundings: () => Surroundings;
}

const ROWS = 500;

export function createStatus(options: StatusOptions): () => RelayStatus {
  const { mailboxes, log, settings } = options;
  const { state, counters } = mailboxes;
  return () => {
    const reasons = [...healthReasons(log.health, options.clock.wallMs()), ...options.troubles()];
    return {
      id: options.id,
      address: options.address(),
      healthy: reasons.length === 0,
      reasons,
      nowMs: options.clock.wallMs(),
      startedAtMs: options.startedAtMs,
      generation: hex(options.generation),
      connections: options.connections(),
      agentCount: state.agents.size,
      agents: agentRows(mailboxes),
      peers: options.peers(ROWS),
      limits: options.limits(),
      waitingMessages: state.storedMessages,
      waitingBytes: state.storedBytes,
      diskBytes: log.bytesOnDisk,
      queuedBytes: log.queuedBytes,
      diskLimitBytes: settings.storeBytes,
      memoryBytes: options.memoryBytes?.(),
      counters: { ...counters, refused: Object.fromEntries(counters.refused), limited: Object.fromEntries(counters.limited) },
      damage: options.damage,
      incidents: [...options.incidents.recent],
      settings: listSettings(settings, options.settingOrigins),
      surroundings: options.surroundings(),
      tickets: { required: options.ticketsRequired, open: openTickets(mailboxes, options.clock.wallMs()) },
      origins: options.origins,
      bans: banRows(mailboxes),
    };
  };
}

function healthReasons(health: LogHealth, nowMs: number): readonly string[] {
  if (health.state === "good") return [];
  return [
    `the disk takes nothing (${health.code}) for ${Math.round((nowMs - health.sinceMs) / 1000)} s; new mail is refused, accepted mail is kept`,
  ];
}

function openTickets({ state }: Mailboxes, nowMs: number): number {
  return [...state.tickets.values()].filter(({ expiresAtMs, usesLeft }) => expiresAtMs > nowMs && usesLeft > 0).length;
}

function banRows({ state }: Mailboxes): RelayStatus["bans"] {
  const newest = [...state.bans.values()].sort((one, other) => other.atMs - one.atMs).slice(0, ROWS);
  return newest.map(({ agentId, why, atMs }) => ({ id: agentIdText(agentId), why, atMs }));
}

function agentRows(mailboxes: Mailboxes): readonly AgentRow[] {
  const busiest = [...mailboxes.state.agents.values()].sort((a, b) => b.mailbox.stored.size - a.mailbox.stored.size).slice(0, ROWS);
  return busiest.map((agent) => {
    return {
      id: agent.id,
      name: agent.name,
      connected: mailboxes.isAttached(agent),
      standing: agent.standing === "open" && isCloned(agent) ? "cloned" : agent.standing,
      waitingMessages: agent.mailbox.stored.size,
      waitingBytes: agent.mailbox.storedBytes,
      oldestWaitingSinceMs: agent.mailbox.stored.oldestMs,
    };
  });
}
