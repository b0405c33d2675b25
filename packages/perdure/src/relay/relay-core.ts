/** The running relay without its port: log, machine, loop, sessions, pump, statements, sweep. */

import type { Host } from "../host/host.ts";
import type { Connection } from "../host/net.ts";
import { SpareMemory } from "../host/spare-memory.ts";
import type { Surroundings } from "../host/surroundings.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { readWhole } from "../identity/whole-file.ts";
import { PASS_KEY_BYTES } from "../protocol/delivery/attach-passes.ts";
import { ALL_RELAY_DEFENCES, type RelayDefences, type RelayOutput } from "../protocol/delivery/mailbox-events.ts";
import { findAgent, findPeer, mailboxOwners, type Place } from "../protocol/delivery/mailbox-state.ts";
import { createMailboxes, type Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { IncidentKeeper } from "../protocol/incidents/keeper.ts";
import { goodbyeFor } from "../protocol/link/goodbyes.ts";
import { limitText } from "../protocol/link/limit-culprits.ts";
import { openLineKeeper } from "../protocol/link/open-line-keeper.ts";
import type { Settings } from "../settings/register.ts";
import { INDEX_FILES } from "../store/log/index-files.ts";
import { type OpenRecordLogOptions, openRecordLog } from "../store/log/open-log.ts";
import { APPEND_QUEUE_BYTES, type IndexedRecords, type LogHealth, type RecordLog } from "../store/log/record-log.ts";
import { preparedWithin } from "../store/log/spare-segments.ts";
import { type Bytes, EMPTY, hex } from "../wire/bytes.ts";
import type { MailFrame } from "../wire/control.ts";
import { PerdureError } from "../wire/error.ts";
import { type AgentId, agentIdText, GENERATION_BYTES } from "../wire/ids.ts";
import { decodeRestored, RESTORED_FILE } from "../wire/relay-backup.ts";
import { createAgentFrames } from "./agent-frames.ts";
import { type BackupHolds, createBackupHolds } from "./backup-holds.ts";
import { startCompaction } from "./compaction.ts";
import { createDeliveryPump } from "./delivery-pump.ts";
import { createDirectory } from "./directory.ts";
import { createFoundDamage, type FoundDamage } from "./found-damage.ts";
import { createIncidents, type Incidents } from "./incidents.ts";
import { createMailRest, type MailRest } from "./mail-rest.ts";
import { createMemoryReturn } from "./memory-return.ts";
import { createPeerLinks } from "./peers/peer-links.ts";
import { createRegistrar } from "./registrar.ts";
import { createRelayLoop } from "./relay-loop.ts";
import { createRequests } from "./requests.ts";
import { recallFrom } from "./segment-indexes.ts";
import { createSessions } from "./sessions.ts";
import { startStatements } from "./statement-rounds.ts";
import { createStatus, type RelayStatus } from "./status.ts";
import { createSweeper } from "./sweeper.ts";

export interface RelayCore {
  accept(connection: Connection): void;
  status(): RelayStatus;
  /** The agent that has a name here. */
  agentNamed(name: string): AgentId | undefined;
  /** Durable when it resolves; `too-busy` when as many are open as it keeps. */
  issueTicket(ticket: { readonly hash: Bytes; readonly expiresAtMs: number; readonly uses: number }): Promise<void>;
  /** Durable when it resolves; `too-busy` when as many are turned away as it remembers. */
  ban(ban: { readonly agentId: Bytes; readonly banned: boolean; readonly why: string }): Promise<void>;
  readonly backups: BackupHolds;
  incident: Incidents["add"];
  /** Somebody came up against the limit of that name. */
  limited(name: string): void;
  sayGoodbye(): void;
  /** Resolves when everything taken so far is durable. */
  durable(): Promise<void>;
  stop(): Promise<void>;
}

export interface RelayCoreOptions {
  readonly host: Host;
  readonly folder: string;
  readonly settings: Settings;
  readonly settingOrigins: Readonly<Record<string, string>> | undefined;
  readonly own: OwnIdentity;
  readonly address: string;
  /** An agent nobody knows needs a ticket to register. */
  readonly ticketsRequired: boolean;
  /** Whose pages may connect, for the status. */
  readonly origins: readonly string[];
  /** Other relays are dialled at public addresses only. */
  readonly publicPeersOnly: boolean;
  readonly memoryBytes: (() => number) | undefined;
  readonly surroundings: () => Surroundings;
  readonly defences: Partial<RelayDefences> | undefined;
  /** Where incidents are written down. */
  readonly ledger: IncidentKeeper | undefined;
}

const ONE_GENERATION = new Uint8Array(GENERATION_BYTES).fill(1);
/** Agents one relay registers; with MAX_BUNDLE_BYTES it bounds what identities cost, however many are made. */
const MAX_AGENTS = 10_000;
/** What a message can carry of its sender's identity; nobody needs to publish more. */
const MAX_BUNDLE_BYTES = 16 * 1024;
const MAX_RESTORED_BYTES = 64;

export async function startRelayCore({
  host,
  folder,
  settings,
  settingOrigins,
  own,
  address,
  ticketsRequired,
  origins,
  publicPeersOnly,
  memoryBytes,
  surroundings,
  defences,
  ledger,
}: RelayCoreOptions): Promise<RelayCore> {
  const { clock, crypto, random } = host;
  const incidents = createIncidents(clock, host.log, (kind, symptom, ofPeers) => ledger?.add({ kind, symptom, ofPeers }));
  // Without generations every start hands out positions as if it were the one before.
  const generation = defences?.generation === false ? ONE_GENERATION : random.bytes(GENERATION_BYTES);
  const mailboxes = createMailboxes({
    relayId: own.idRaw,
    generation,
    passKey: random.bytes(PASS_KEY_BYTES),
    sha256: crypto.hash.sha256,
    limits: {
      ...settings,
      noticeExpiryMs: settings.defaultExpiryMs,
      agents: MAX_AGENTS,
      bundleBytes: MAX_BUNDLE_BYTES,
      ticketsRequired,
    },
    defences: { ...ALL_RELAY_DEFENCES, ...defences },
    wantsFact: (event) => host.log.wants?.("debug", event) ?? true,
  });
  let onHealth = (_health: LogHealth): void => {};
  const damage = createFoundDamage();
  let rest: MailRest | undefined;
  // Not one for both: the next read would go where a message lay, and not where the last read was, and a relay reads a tenth less a second.
  const spare = { forReads: new SpareMemory(), forMessages: new SpareMemory() };
  const log = await openStore(host, folder, settings, mailboxes, damage, {
    spare: spare.forReads,
    onHealth: (health) => onHealth(health),
    onSegment: () => rest?.segmentClosed(),
    needed: async (segment) => (await rest?.needed(segment)) ?? [],
  });
  damage.tell(incidents, host.log, mailboxOwners(mailboxes.state));
  try {
    await log.append(mailboxes.begin(clock.wallMs()), { orReject: true }).synced;
  } catch (error) {
    await log[Symbol.asyncDispose]();
    throw error;
  }

  const failed = (error: unknown): void => incidents.add("internal", String(error));
  const loop = createRelayLoop({ mailboxes, log, clock, carry: (output) => carry(output), points: host.points, failed });
  const directory = createDirectory(own, mailboxes);
  const registrar = createRegistrar({
    host,
    held: (idRaw, role) => (role === "agent" ? findAgent(mailboxes.state, idRaw) : findPeer(mailboxes.state, idRaw))?.bundle ?? EMPTY,
  });
  const requests = createRequests(clock, settings, defences?.rates);
  const sessions = createSessions({
    host,
    settings,
    own,
    generation,
    loop,
    incidents,
    requests,
    limited: mailboxes.noteLimited,
    registrar,
    agentOf: mailboxes.agentOf,
    registered: (idRaw) => findAgent(mailboxes.state, idRaw),
    closedFor: () => stuckError(log.health),
    drained: (session) => {
      pump.drained(session);
      // Nearly always nothing waited: a turn for each message that has left would cost as much as a message.
      const consumer = mailboxes.agentOf(session)?.mailbox.consumer;
      if (consumer?.session === session && consumer.blocked) loop.feed({ kind: "blocked", session, blocked: false });
    },
    agentOpened: createAgentFrames({
      host,
      settings,
      loop,
      directory,
      bringerOf: (session, from) => mailboxes.bringerOf(session, from),
      registrar,
      requests,
      refuseGlut: (session) => sessions.refuseGlut(session),
      peers: () => peers,
      takeMails: (session, mails) => takeMails(session, mails),
      watchDisk: () => watchDisk(),
    }),
    peerArrived: (peer) => peers.arrived(peer),
    peerOpened: (open) => peers.opened(open),
    peersQueued: () => peers.queued(),
  });
  const sweeper = createSweeper({ host, settings, own, mailboxes, loop, incidents, endExpired: sessions.endExpired });
  const memory =
    host.heap &&
    createMemoryReturn({
      ...host,
      heap: host.heap,
      spare: Object.values(spare),
      settings,
      done: () => sessions.begun + mailboxes.counters.accepted + mailboxes.counters.delivered,
    });
  const lines = await openLineKeeper({
    host,
    folder,
    settings,
    settingOrigins,
    surroundings,
    owner: "relay",
    changed: ({ change }, limit) => {
      if (change === "found" && limit !== undefined) incidents.add("link", limitText(limit));
    },
  });
  const peers = createPeerLinks({
    lines,
    host,
    settings,
    own,
    generation,
    loop,
    incidents,
    mailboxes,
    sessions,
    requests,
    directory,
    registrar,
    log,
    publicOnly: publicPeersOnly,
    takeMails: (session, mails) => takeMails(session, mails),
    lost: (mailbox, position) => sweeper.endLost(mailbox, position),
    failed,
  });
  const pump = createDeliveryPump({
    mailboxes,
    log,
    loop,
    failed,
    clock,
    diskRetryMs: settings.diskRetryMs,
    spare: spare.forMessages,
    points: host.points,
    isOver: sessions.isOver,
    readerOf: (number) => peers.readerOf(number) ?? sessions.readerOf(number),
    lost: async (session, position) => {
      const agent = mailboxes.agentOf(session);
      if (agent !== undefined) await sweeper.endLost(agent.key, position);
    },
  });
  const backups = createBackupHolds(host, log);
  const resting = createMailRest({
    clock,
    settings,
    mailboxes,
    log,
    loop,
    points: host.points,
    damaged: (segment) => incidents.add("damage", `the index of segment ${segment} is damaged; the segment is read in its place`),
    lost: (agent, position) => sweeper.endLost(agent, position),
    failed,
  });
  rest = resting;
  const stopCompaction = startCompaction({ clock, settings, log, alone: resting.alone, points: host.points, failed });
  const statements = startStatements(host, settings, own, mailboxes, loop.feed, incidents);
  let stopped = false;
  let troubled = false;
  let looked = false;
  let crowded = false;

  /** Tells the machine when new mail can no longer be kept, and when it can again. What the disk says is asked once a turn. */
  const watchDisk = (): void => {
    const isCrowded = mailboxes.state.storedMessages >= settings.storeMessages;
    if (looked && isCrowded === crowded) return;
    if (!looked)
      queueMicrotask(() => {
        looked = false;
      });
    [looked, crowded] = [true, isCrowded];
    lookAtDisk();
  };

  /** Mail that came together; where the store may become full of it, each is looked at after the one before. */
  const takeMails = (session: number, mails: readonly MailFrame[]): void => {
    const fits = mailboxes.state.storedMessages + mails.length <= settings.storeMessages;
    for (const together of fits ? [mails] : mails.map((mail) => [mail])) {
      watchDisk();
      loop.feed({ kind: "mails", session, mails: together });
    }
  };

  const lookAtDisk = (): void => {
    const stuck = stuckError(log.health);
    const full = stuck ?? overfullError(log, mailboxes, settings);
    if ((full !== undefined) === troubled) return;
    troubled = full !== undefined;
    loop.feed({
      kind: "trouble",
      trouble: full === undefined ? undefined : { code: full.code, why: full.message, afterMs: full.afterMs ?? settings.diskRetryMs },
    });
    if (full?.code === "disk-full" && stuck === undefined) incidents.add("disk", full.message);
  };

  onHealth = (health) => {
    if (health.state === "stuck") {
      incidents.add("disk", `a write failed: ${health.code}; nothing is handed out before it is durable any more`);
      loop.feed({ kind: "distrust-disk" });
    }
    lookAtDisk();
  };

  const carry = (output: RelayOutput): void => {
    statements.arm();
    if (output.kind === "fact") return host.log.write("debug", output.event, output.fields);
    if (output.kind === "behind") return pump.wake(output.session);
    if (output.kind === "rows-wanted") return resting.want(output);
    if (output.kind === "alarm") return incidents.add("identity", `${output.agent}: ${output.why}`);
    if (output.kind === "sign") return statements.sign(output.statement);
    if (output.kind === "peer-wanted") return peers.want(output.relayId);
    if (output.kind === "deliver") {
      const { session, position, storedAtMs, envelopes } = output;
      const reader = sessions.readerOf(session) ?? peers.readerOf(session);
      return reader?.deliver(position, storedAtMs, envelopes) === true ? pump.noticeQueue(session) : undefined;
    }
    if ("session" in output && peers.carry(output.session, output)) return;
    sessions.carry(output);
  };

  for (const relayId of mailboxes.peersWithMail()) peers.want(relayId);
  host.log.write("info", "relay.started", { id: own.id, address, generation: hex(generation), waiting: mailboxes.state.storedMessages });
  return {
    accept: sessions.accept,
    agentNamed: (name) => {
      const registered = mailboxes.lookup("name", name);
      return registered === undefined ? undefined : agentIdText(registered.idRaw);
    },
    issueTicket: async (ticket) => {
      loop.feed({ kind: "issue-ticket", ...ticket });
      await loop.durable();
      if (mailboxes.state.tickets.has(hex(ticket.hash))) return;
      throw new PerdureError("too-busy", `${settings.openTickets} tickets are open, and that is as many as may be`, {
        retry: "after",
        limit: { name: "openTickets", value: settings.openTickets, remaining: 0 },
        hint: "Wait until some are used or have expired.",
      });
    },
    ban: async (ban) => {
      loop.feed({ kind: "ban", ...ban });
      await loop.durable();
      if (mailboxes.state.bans.has(hex(ban.agentId)) === ban.banned) return;
      throw new PerdureError("too-busy", `${settings.keptBans} are turned away, and that is as many as this relay remembers`, {
        limit: { name: "keptBans", value: settings.keptBans, remaining: 0 },
        hint: "Let some come again: perdure relay unblock.",
      });
    },
    backups,
    incident: incidents.add,
    limited: mailboxes.noteLimited,
    status: createStatus({
      id: own.id,
      address: () => address,
      clock,
      startedAtMs: clock.wallMs(),
      generation,
      mailboxes,
      log,
      settings,
      settingOrigins,
      ticketsRequired,
      origins,
      incidents,
      memoryBytes,
      surroundings,
      connections: () => sessions.open,
      peers: peers.rows,
      limits: () => lines.limits,
      troubles: () => [
        ...(sweeper.holding ? ["the wall clock jumped; nothing expires until it can be trusted"] : []),
        ...(log.health.state === "good" ? [overfullError(log, mailboxes, settings)?.message ?? ""].filter((why) => why !== "") : []),
        ...damage.reasons,
        ...(stopped ? ["the relay is stopping"] : []),
      ],
      damage: damage.status,
    }),
    sayGoodbye: () => {
      stopped = true;
      peers.stop();
      sessions.drain(goodbyeFor("relay-draining", "the relay is stopping", { retry: "after", afterMs: settings.redialMinMs }));
    },
    durable: loop.durable,
    stop: async () => {
      stopped = true;
      peers.stop();
      statements.stop();
      sweeper.stop();
      memory?.stop();
      stopCompaction();
      backups.stop();
      resting.stop();
      await lines.close();
      await log[Symbol.asyncDispose]();
      host.log.write("info", "relay.stopped", { id: own.id });
    },
  };
}

async function openStore(
  host: Host,
  folder: string,
  settings: Settings,
  mailboxes: Mailboxes,
  damage: FoundDamage,
  { spare, onHealth, onSegment, needed }: Pick<OpenRecordLogOptions, "spare" | "onHealth" | "onSegment"> & Pick<IndexedRecords, "needed">,
): Promise<RecordLog> {
  // bound: what was let go of while the log is read
  const dead: Place[] = [];
  const restored = await restoredStatements(host, folder);
  let read = false;
  /** Once all was read, and before any of it is restated: what cannot be read must be over in the first thing that is written. */
  const whenRead = (): void => {
    if (read) return;
    read = true;
    mailboxes.skipStatements(restored);
    if (damage.status.places === 0) return;
    damage.mustHaveKey(mailboxes.state.passKey);
    damage.missing(mailboxes.closeHoles(damage.unknownBytes));
  };
  const log = await openRecordLog({
    files: host.files,
    crc32: host.crypto.hash.crc32,
    random: host.random,
    clock: host.clock,
    log: host.log,
    folder: `${folder}/log`,
    magic: "relay",
    segmentBytes: settings.segmentBytes,
    prepared: preparedWithin(settings.storeBytes),
    diskRetryMs: settings.diskRetryMs,
    spare,
    points: host.points,
    replay: (record, at) => void dead.push(...mailboxes.replay(record, at)),
    onDamage: settings.isolateDamage === 0 ? undefined : damage.note,
    snapshot: () => {
      whenRead();
      return mailboxes.snapshot();
    },
    indexed: { by: { ...recallFrom(mailboxes), needed }, files: INDEX_FILES },
    ...(onHealth === undefined ? {} : { onHealth }),
    ...(onSegment === undefined ? {} : { onSegment }),
  });
  for (const place of dead) log.release(place);
  // What is restated from here on says it.
  if (restored > 0) await host.files.remove(`${folder}/${RESTORED_FILE}`);
  return log;
}

/** How many numbers of statements a folder that was put back from a backup leaves out; 0 for any other. */
async function restoredStatements({ files, clock }: Pick<Host, "files" | "clock">, folder: string): Promise<number> {
  const bytes = await readWhole(files, `${folder}/${RESTORED_FILE}`, MAX_RESTORED_BYTES);
  const left = bytes === undefined ? 0 : decodeRestored(bytes, clock.wallMs());
  if (left !== undefined) return left;
  throw new PerdureError("malformed", `${folder}/${RESTORED_FILE} says nothing of statements`, { hint: "Restore the folder once more." });
}

function stuckError(health: LogHealth): PerdureError | undefined {
  if (health.state === "good") return undefined;
  return new PerdureError(health.code, "the relay's disk takes nothing now", {
    retry: "after",
    afterMs: 5000,
    hint: "What was accepted is kept; the relay's owner sees why on its status page.",
  });
}

/** The space set for mail is used up, on disk or in memory, or the disk is slower than what comes in. */
function overfullError(log: RecordLog, { state }: Mailboxes, settings: Settings): PerdureError | undefined {
  if (state.storedMessages >= settings.storeMessages)
    return new PerdureError("too-busy", `the relay holds ${state.storedMessages} messages and takes no more`, { afterMs: 5000 });
  if (log.bytesOnDisk >= settings.storeBytes)
    return new PerdureError("disk-full", "the disk space set for mail is used up", { afterMs: 5000 });
  if (log.queuedBytes >= APPEND_QUEUE_BYTES)
    return new PerdureError("too-busy", "the relay's disk is slower than what comes in", { afterMs: 500 });
  return undefined;
}
