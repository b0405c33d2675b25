/**
 * The sessions of a relay: handshake, admission, then frames in and out of the machine.
 *
 * A session has a connection to itself, or joined that of another agent. It is: shaking hands (counted against `relayHandshakes`), admitted (the machine has its attachment, the welcome is on its
 * way), or open. Frames for a session that is not open yet wait for it. Every connection ends with a goodbye that says why.
 * Sessions this relay dialled itself are open from the start. What frames mean is for whoever takes them: see `agent-frames.ts`
 * and `peers/`.
 */
import type { Host } from "../host/host.ts";
import type { Connection } from "../host/net.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { headOf } from "../identity/verified-before.ts";
import type { VerifiedIdentity } from "../identity/verify.ts";
import type { Reason, Registration, RelayInput, RelayOutput, Standing } from "../protocol/delivery/mailbox-events.ts";
import type { AgentState } from "../protocol/delivery/mailbox-state.ts";
import { type Accepted, acceptJoin, acceptSession, type Joining, type Proven } from "../protocol/link/accept.ts";
import { errorOfGoodbye, goodbyeFor, goodbyeOf } from "../protocol/link/goodbyes.ts";
import { sharedByExtension } from "../protocol/link/join-proof.ts";
import { refuseConnection } from "../protocol/link/refuse.ts";
import { type Session, silenceRounds } from "../protocol/link/session.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes, hex } from "../wire/bytes.ts";
import { encodeAck, type Goodbye, position, published, type Role, refuse, type Welcome } from "../wire/control.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import type { MailReader } from "./delivery-pump.ts";
import { createEqualWaits } from "./equal-waits.ts";
import type { Incidents } from "./incidents.ts";
import type { Registrar } from "./registrar.ts";
import type { RelayLoop } from "./relay-loop.ts";
import type { Requests } from "./requests.ts";
import { createSendQueues } from "./send-queues.ts";
import { Entry, type EntryEvents, type SessionTaker } from "./session-entry.ts";
import { createSources } from "./sources.ts";

/** An authenticated session, as whoever takes its frames knows it. */
export interface OpenSession {
  /** Its number in the machine. */
  readonly number: number;
  readonly session: Session;
  readonly identity: VerifiedIdentity;
}

/** The same of an agent's, of whom no more is kept: there are thousands. */
export interface AgentSession {
  readonly number: number;
  readonly session: Session;
  readonly agent: Pick<AgentState, "id" | "idRaw">;
}

type Attach = Extract<RelayInput, { readonly kind: "attach" }>;

export interface Sessions {
  readonly open: number;
  /** Since the relay began, those of relays among them. */
  readonly begun: number;
  accept(connection: Connection): void;
  /** Takes a session in that this relay dialled. */
  adopt(session: Session, identity: VerifiedIdentity, take: (open: OpenSession) => SessionTaker): OpenSession;
  /** A number for what attaches to the machine without a connection. */
  nextNumber(): number;
  /** Attaches a session to the machine; rejects with what it says against it, or the signal's reason. */
  attach(input: Omit<Attach, "kind">, signal?: AbortSignal): Promise<Standing>;
  /** Frames and goodbyes of the machine. */
  carry(output: RelayOutput): void;
  /** Ends sessions of instances whose certificate is over. */
  endExpired(): Promise<void>;
  /** The reader of a mailbox at the other end of a session that is open. */
  readerOf(number: number): MailReader | undefined;
  /** Throws `too-busy` when a session has asked for more than it reads. */
  refuseGlut(session: Session): void;
  /** Whether so much is more than may be queued for one session now. */
  isOver(bytes: number): boolean;
  /** Turns new connections away and says goodbye to all. */
  drain(reason: Goodbye): void;
}

export interface SessionsOptions {
  readonly host: Pick<Host, "clock" | "random" | "crypto" | "log">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly generation: Bytes;
  readonly loop: RelayLoop;
  readonly incidents: Incidents;
  readonly requests: Requests;
  /** Somebody came up against the limit of that name. */
  readonly limited: (name: string) => void;
  readonly registrar: Registrar;
  /** The agent of that session in the machine. */
  readonly agentOf: (session: number) => Registered | undefined;
  readonly registered: (idRaw: Bytes) => Registered | undefined;
  /** Why nobody can attach now, or `undefined`. */
  readonly closedFor: () => PerdureError | undefined;
  readonly drained: (session: number) => void;
  readonly agentOpened: (open: AgentSession) => SessionTaker;
  /** Another relay proved its id; throws why it cannot come in now. */
  readonly peerArrived: (peer: VerifiedIdentity) => void;
  readonly peerOpened: (open: OpenSession) => SessionTaker;
  /** Bytes that wait for each of the other relays besides what is queued in sessions. */
  readonly peersQueued: () => Iterable<number>;
}

/** What is registered of an agent here; an empty bundle for nothing. */
type Registered = Pick<AgentState, "id" | "idRaw" | "bundle" | "recordVersion" | "passes">;

/** Somebody who wants a session. */
interface Arrival {
  /** The connection has as many agents as may share one. */
  readonly full?: boolean;
  readonly turnAway: (reason: Goodbye) => void;
  readonly shakeHands: (entry: Entry) => Promise<Accepted>;
}

/** Goodbye codes that are nobody's misbehaviour. */
const ORDINARY: ReadonlySet<string> = new Set([
  "aborted",
  "connection-closed",
  "timed-out",
  "fenced",
  "relay-draining",
  "ticket-required",
  "blocked",
  "name-taken",
  "cloned",
  "identity-forked",
  "instance-revoked",
  "certificate-expired",
]);

export function createSessions(options: SessionsOptions): Sessions {
  const { host, settings, own, generation, loop, incidents } = options;
  const sources = createSources(host.clock, settings);
  // bound: relayConnections, and one per other relay
  const entries = new Map<number, Entry>();
  const queues = createSendQueues(host.clock, settings, function* () {
    for (const { session } of entries.values()) if (session !== undefined) yield session.queuedBytes;
    yield* options.peersQueued();
  });
  const rounds = silenceRounds(host.clock, settings.silenceTimeoutMs);
  const confirmations = createEqualWaits(host.clock, settings.handshakeTimeoutMs, (session) => loop.feed({ kind: "confirm-due", session }));
  const sharedBy = sharedByExtension(settings.agentsPerConnection);
  let handshakes = 0;
  let numbers = 0;
  let draining: Goodbye | undefined;

  const events: EntryEvents = {
    generation,
    turnEnded: (session) => refuseGlut(session),
    drained: options.drained,
    closed: (entry, reason) => {
      drop(entry);
      if (entry.session !== undefined) noteEnd(entry, entry.session.remote, reason);
    },
  };

  const newEntry = (leave: () => void): Entry => {
    const entry = new Entry(++numbers, leave, events);
    entries.set(entry.number, entry);
    return entry;
  };

  const accept = (connection: Connection): void =>
    arrive(connection, {
      turnAway: (reason) => turnAway(connection, reason),
      shakeHands: (entry) => acceptSession({ ...shaking(entry), connection, onJoin: join }),
    });

  /** One more agent on a connection: it counts as what it costs, which is all but the socket. */
  const join = (joining: Joining): void => {
    const { transport, connection } = joining;
    if (queues.isGlut(connection.leftBytes)) return connection.endAll(goodbyeOf(glut()));
    arrive(transport, {
      full: connection.sessions > settings.agentsPerConnection,
      turnAway: (reason) => turnAwayJoining(joining, reason),
      shakeHands: (entry) => acceptJoin(shaking(entry), joining),
    });
  };

  const arrive = (from: Pick<Connection, "remote" | "local">, { full = false, ...arrival }: Arrival): void => {
    if (draining !== undefined) return arrival.turnAway(draining);
    let leave: () => void;
    try {
      if (full) throw fullHouse("agentsPerConnection");
      if (handshakes >= settings.relayHandshakes) throw fullHouse("relayHandshakes");
      if (entries.size >= settings.relayConnections) throw fullHouse("relayConnections");
      leave = sources.enter(from);
    } catch (error) {
      return arrival.turnAway(goodbyeOf(error));
    }
    const entry = newEntry(leave);
    handshakes++;
    arrival
      .shakeHands(entry)
      .finally(() => handshakes--)
      .then(({ session, agent, role }) => open(entry, session, entry.identity ?? agent, role))
      .catch((error: unknown) => {
        drop(entry);
        noteEnd(entry, from.remote, goodbyeOf(error));
      });
  };

  const shaking = (entry: Entry) => {
    const { verify } = options.registrar;
    const admitting = (proven: Proven, signal: AbortSignal) => admit(entry, proven, signal);
    return { host, settings, rounds, own, verify, newest: newestFor, admit: admitting };
  };

  const fullHouse = (name: "relayHandshakes" | "relayConnections" | "agentsPerConnection"): PerdureError =>
    new PerdureError("too-busy", "more connections than this relay serves at once", {
      retry: "after",
      afterMs: settings.redialMinMs,
      limit: { name, value: settings[name], remaining: 0 },
    });

  /** Before any handshake. */
  const turnAway = (connection: Connection, reason: Goodbye): void => {
    if (draining !== undefined) return refuseConnection(connection, reason);
    noteTurnedAway(connection.remote, reason);
    if (sources.mayBeTold()) refuseConnection(connection, reason);
    else connection.close(true);
  };

  /** Told in any case: it costs no socket, and what others do at the door is no reason to cut those who are in. */
  const turnAwayJoining = ({ transport }: Joining, reason: Goodbye): void => {
    if (draining === undefined) noteTurnedAway(transport.remote, reason);
    transport.end(reason);
  };

  const noteTurnedAway = (remote: string, { limit, code, why }: Goodbye): void => {
    if (limit !== undefined) options.limited(limit.name);
    if (limit?.name.startsWith("source")) incidents.add("peer", `${remote}: ${code}, ${why}`);
  };

  const admit = async (entry: Entry, { agent, instanceKey, proof, role }: Proven, signal: AbortSignal): Promise<Welcome> => {
    const closed = options.closedFor();
    if (closed !== undefined) throw closed;
    if (signal.aborted) throw signal.reason;
    entry.peer = role === "relay";
    options.requests.begin(agent.id, role);
    const { registration, identity, validUntilMs } = await options.registrar.admit(agent, instanceKey, role);
    if (signal.aborted) throw signal.reason;
    entry.identity = identity;
    entry.proven = { idRaw: identity.idRaw, instanceKey, role, validUntilMs, judgedBy: registration.bundle };
    if (entry.peer) options.peerArrived(identity);
    const standing = await attach(
      {
        session: entry.number,
        role: role === "relay" ? "peer" : "agent",
        registration,
        link: proof.link.slice(),
        consume: role === "agent" && proof.consume,
        ticket: proof.ticket,
        instanceKey,
        pass: proof.pass.slice(),
        have: { generation: proof.haveGeneration, position: proof.havePosition },
      },
      signal,
    );
    // The same bytes as what is registered of it, not a copy beside them for as long as it stays.
    const registered = options.agentOf(entry.number);
    if (registered !== undefined && equalBytes(registered.bundle, registration.bundle)) {
      const { idRaw, bundle, passes } = registered;
      const key = passes.get(hex(instanceKey))?.instanceKey ?? instanceKey;
      entry.proven = { ...entry.proven, idRaw, instanceKey: key, judgedBy: bundle };
    }
    return {
      ...standing,
      relayTimeMs: host.clock.wallMs(),
      generation,
      windowFrames: role === "relay" ? settings.peerWindowFrames : settings.windowFrames,
      windowBytes: role === "relay" ? settings.peerWindowBytes : settings.windowBytes,
      pingEveryMs: settings.pingEveryMs,
      extensions: role === "agent" ? sharedBy : [],
    };
  };

  const attach = (input: Omit<Attach, "kind">, signal?: AbortSignal): Promise<Standing> => {
    const entry = entries.get(input.session);
    if (entry === undefined) return Promise.reject(new PerdureError("connection-closed", "the session is over", { retry: "now" }));
    if (entry.doomed !== undefined) return Promise.reject(errorOfGoodbye(entry.doomed));
    return new Promise<Standing>((resolve, reject) => {
      entry.admitted = resolve;
      entry.turnedAway = reject;
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
      loop.feed({ kind: "attach", ...input });
    }).finally(() => {
      entry.admitted = undefined;
      entry.turnedAway = undefined;
    });
  };

  const open = (entry: Entry, session: Session, identity: VerifiedIdentity, role: Role): void => {
    if (entries.get(entry.number) !== entry)
      return session.close(goodbyeFor("connection-closed", "the session ended before it began", { retry: "now" }));
    const { number } = entry;
    entry.identity = undefined;
    const taker =
      role === "relay"
        ? options.peerOpened({ number, session, identity })
        : options.agentOpened({ number, session, agent: options.agentOf(number) ?? identity });
    begin(entry, session, taker);
    if (entry.doomed !== undefined) return;
    confirmations.begin(number);
    loop.feed({ kind: "ready", session: number });
  };

  const begin = (entry: Entry, session: Session, taker: SessionTaker): void => {
    entry.session = session;
    entry.taker = taker;
    session.start(entry);
    if (entry.early !== undefined) session.send(entry.early);
    entry.early = undefined;
    entry.doomed ??= draining;
    if (entry.doomed !== undefined) session.close(entry.doomed);
  };

  const refuseGlut = (session: Session): void => {
    if (queues.isGlut(session.queuedBytes)) throw glut();
  };

  const drop = (entry: Entry): void => {
    if (!entries.delete(entry.number)) return;
    entry.leave();
    confirmations.end(entry.number);
    entry.turnedAway?.(new PerdureError("connection-closed", "the session is over", { retry: "now" }));
    loop.feed({ kind: "detach", session: entry.number });
  };

  /** Two sessions between one pair of relays are no incident: one of them is closed as soon as both are seen. */
  const noteEnd = ({ peer }: Entry, remote: string, reason: Goodbye): void => {
    if (reason.limit !== undefined) options.limited(reason.limit.name);
    host.log.write("debug", "relay.session-ended", { remote, code: reason.code, why: reason.why });
    if (reason.code === "fenced" && !peer) incidents.add("fenced", `${remote}: ${reason.why}`);
    else if (!ORDINARY.has(reason.code)) incidents.add("peer", `${remote}: ${reason.code}, ${reason.why}`);
  };

  const send = (number: number, frame: Frame): void => {
    const entry = entries.get(number);
    if (entry === undefined) return;
    if (entry.session !== undefined) return entry.session.send([frame]);
    entry.early ??= [];
    entry.early.push(frame);
  };

  /** Answers to settles are for whoever comes to look for them. */
  const sendLater = (number: number, frame: Frame): void => {
    const session = entries.get(number)?.session;
    if (session === undefined) send(number, frame);
    else session.pushLater(frame);
  };

  const carry = (output: RelayOutput): void => {
    switch (output.kind) {
      case "welcome":
        return entries.get(output.session)?.admitted?.(output.standing);
      case "ack":
        return send(output.session, { name: "ack", payload: encodeAck(output.upTo) });
      case "refuse":
        return send(output.session, { name: "refuse", payload: refuse.encode({ linkSeq: output.linkSeq, ...wordsOf(output.reason) }) });
      case "position":
        return sendLater(output.session, {
          name: "position",
          payload: position.encode({ generation, epoch: output.epoch, settledFloor: output.settledFloor, tail: output.tail }),
        });
      case "proof":
        // Few come in a second, and whoever sent may wait for nothing else.
        return send(output.session, { name: "statement", payload: output.proof });
      case "published":
        return sayPublished(output.session, output.verdict);
      case "goodbye":
        return sayGoodbye(output.session, goodbyeFor(output.reason.code, output.reason.why, output.reason));
      default:
    }
  };

  const publishedOf = ({ bundle, recordVersion }: Registered, code: Registration["verdict"]): Bytes =>
    published.encode({ ...headOf(host.crypto, bundle), recordVersion, code, bundle: code === "" ? EMPTY : bundle });

  const sayPublished = (number: number, verdict: Registration["verdict"]): void => {
    const agent = options.agentOf(number);
    if (agent !== undefined && agent.bundle.length > 0) send(number, { name: "published", payload: publishedOf(agent, verdict) });
  };

  /** An instance that was taken out of use learns by which log: it may be an honest one that has to become another. */
  const newestFor = ({ agent, role }: Proven, error: unknown): Bytes | undefined => {
    if (role !== "agent" || !isPerdureError(error) || error.code !== "instance-revoked") return undefined;
    const registered = options.registered(agent.idRaw);
    return registered === undefined || registered.bundle.length === 0 ? undefined : publishedOf(registered, "record-rolled-back");
  };

  /**
   * Sessions whose certificate has run out end, unless a newer one was published; so do those whose keys a rotation, revoke or retirement
   * ends later than when it was registered.
   */
  const endExpired = async (): Promise<void> => {
    for (const entry of [...entries.values()]) {
      const { proven } = entry;
      if (proven === undefined) continue;
      const { idRaw, instanceKey, role } = proven;
      const judgedBy = options.registrar.held(idRaw, role);
      const isSame = judgedBy === proven.judgedBy || judgedBy.length === 0;
      if (isSame && host.clock.wallMs() <= proven.validUntilMs) continue;
      try {
        const validUntilMs = await options.registrar.certifiedUntil(idRaw, instanceKey, role);
        entry.proven = { ...proven, validUntilMs, judgedBy };
      } catch (error) {
        const reason = goodbyeOf(error);
        sayGoodbye(entry.number, { ...reason, retry: reason.code === "certificate-expired" ? "now" : "never" });
      }
    }
  };

  const sayGoodbye = (number: number, reason: Goodbye): void => {
    const entry = entries.get(number);
    if (entry === undefined) return;
    entry.doomed ??= reason;
    entry.turnedAway?.(errorOfGoodbye(reason));
    entry.session?.close(reason);
  };

  return {
    get open() {
      return entries.size;
    },
    get begun() {
      return numbers;
    },
    accept,
    adopt: (session, identity, take) => {
      const entry = newEntry(() => {});
      entry.peer = true;
      const opened: OpenSession = { number: entry.number, session, identity };
      begin(entry, session, take(opened));
      return opened;
    },
    nextNumber: () => ++numbers,
    attach,
    carry,
    endExpired,
    refuseGlut,
    readerOf: (number) => {
      const entry = entries.get(number);
      return entry?.session === undefined ? undefined : entry;
    },
    isOver: queues.isOver,
    drain: (reason) => {
      draining = reason;
      for (const number of [...entries.keys()]) sayGoodbye(number, reason);
    },
  };
}

function glut(): PerdureError {
  return new PerdureError("too-busy", "answers were asked for faster than they are read", { retry: "after" });
}

function wordsOf(reason: Reason): Pick<Goodbye, "code" | "retry" | "afterMs" | "limit" | "hint"> {
  const { code, retry, afterMs, limit, hint } = goodbyeFor(reason.code, reason.why, reason);
  return { code, retry, afterMs, limit, hint };
}
