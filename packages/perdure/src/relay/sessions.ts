/**
 * The connections of a relay: handshake, admission, then frames in and out of the machine.
 *
 * A connection is: shaking hands (counted against `relayHandshakes`), admitted (the machine has its attachment, the welcome is on its
 * way), or open. Frames for a session that is not open yet wait for it. Every connection ends with a goodbye that says why.
 */
import type { Host } from "../host/host.ts";
import type { Connection } from "../host/net.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { type VerifiedIdentity, verifyBundle } from "../identity/verify.ts";
import type { Reason, Registration, RelayOutput, Standing } from "../protocol/delivery/mailbox-events.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import { acceptSession } from "../protocol/link/accept.ts";
import { errorOfGoodbye, goodbyeFor, goodbyeOf } from "../protocol/link/goodbyes.ts";
import { refuseConnection } from "../protocol/link/refuse.ts";
import type { Session } from "../protocol/link/session.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, fromUtf8 } from "../wire/bytes.ts";
import {
  decodeMail,
  encodeAck,
  encodeDeliver,
  found,
  type Goodbye,
  type Lookup,
  lookup,
  type Proof,
  position,
  publish,
  type Role,
  refuse,
  settle,
  type Welcome,
} from "../wire/control.ts";
import { PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import { MAX_TRANSPORT_BYTES } from "../wire/limits.ts";
import type { Incidents } from "./incidents.ts";
import type { RelayLoop } from "./relay-loop.ts";
import { createSendQueues } from "./send-queues.ts";

export interface Sessions {
  readonly open: number;
  accept(connection: Connection): void;
  /** Frames and goodbyes of the machine. */
  carry(output: RelayOutput): void;
  sessionOf(number: number): Session | undefined;
  /** Bytes that may be queued for one session now. */
  sendQueueBytes(): number;
  /** Turns new connections away and says goodbye to all. */
  drain(reason: Goodbye): void;
}

export interface SessionsOptions {
  readonly host: Pick<Host, "clock" | "random" | "crypto" | "log">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly generation: Bytes;
  readonly mailboxes: Mailboxes;
  readonly loop: RelayLoop;
  readonly incidents: Incidents;
  /** Why nobody can attach now, or `undefined`. */
  readonly closedFor: () => PerdureError | undefined;
  readonly drained: (session: number) => void;
  /** Called before what costs disk space: says whether the disk can keep it. */
  readonly watchDisk: () => void;
}

interface Entry {
  readonly number: number;
  session: Session | undefined;
  /** Frames of the machine for a session that is not open yet. */
  early: Frame[];
  /** Said as soon as the session is open. */
  doomed: Goodbye | undefined;
  admitted: ((standing: Standing) => void) | undefined;
  turnedAway: ((error: PerdureError) => void) | undefined;
  verifying: boolean;
  published: Bytes | undefined;
}

/** Goodbye codes that are nobody's misbehaviour. */
const ORDINARY: ReadonlySet<string> = new Set(["aborted", "connection-closed", "timed-out", "fenced", "relay-draining"]);

export function createSessions(options: SessionsOptions): Sessions {
  const { host, settings, own, generation, mailboxes, loop, incidents } = options;
  const entries = new Map<number, Entry>();
  const queues = createSendQueues(host.clock, settings, function* () {
    for (const { session } of entries.values()) if (session !== undefined) yield session.queuedBytes;
  });
  let handshakes = 0;
  let numbers = 0;
  let draining: Goodbye | undefined;

  const accept = (connection: Connection): void => {
    if (draining !== undefined) return refuseConnection(connection, draining);
    if (handshakes >= settings.relayHandshakes || entries.size >= settings.relayConnections) {
      return refuseConnection(
        connection,
        goodbyeFor("too-busy", "more connections than this relay serves at once", { retry: "after", afterMs: settings.redialMinMs }),
      );
    }
    const entry: Entry = {
      number: ++numbers,
      session: undefined,
      early: [],
      doomed: undefined,
      admitted: undefined,
      turnedAway: undefined,
      verifying: false,
      published: undefined,
    };
    entries.set(entry.number, entry);
    handshakes++;
    acceptSession({ host, settings, connection, own, admit: (agent, proof, signal, role) => admit(entry, agent, proof, signal, role) })
      .finally(() => handshakes--)
      .then(({ session, agent }) => open(entry, session, agent))
      .catch((error: unknown) => {
        drop(entry);
        noteEnd(connection.remote, goodbyeOf(error));
      });
  };

  const admit = async (entry: Entry, agent: VerifiedIdentity, proof: Proof, signal: AbortSignal, role: Role): Promise<Welcome> => {
    if (role === "relay") throw new PerdureError("peer-forbidden", "this relay has no links with other relays");
    const closed = options.closedFor();
    if (closed !== undefined) throw closed;
    if (signal.aborted) throw signal.reason;
    if (entry.doomed !== undefined) throw errorOfGoodbye(entry.doomed);
    const standing = await new Promise<Standing>((resolve, reject) => {
      entry.admitted = resolve;
      entry.turnedAway = reject;
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      loop.feed({
        kind: "attach",
        session: entry.number,
        role: "agent",
        ticket: proof.ticket,
        registration: registrationOf(agent),
        link: proof.link.slice(),
        consume: proof.consume,
        have: { generation: proof.haveGeneration, position: proof.havePosition },
      });
    });
    return {
      ...standing,
      relayTimeMs: host.clock.wallMs(),
      generation,
      windowFrames: settings.windowFrames,
      windowBytes: settings.windowBytes,
      pingEveryMs: settings.pingEveryMs,
      extensions: [],
    };
  };

  const open = (entry: Entry, session: Session, agent: VerifiedIdentity): void => {
    if (entries.get(entry.number) !== entry)
      return session.close(goodbyeFor("connection-closed", "the session ended before it began", { retry: "now" }));
    entry.session = session;
    session.start({
      frame: (frame) => take(entry, session, agent, frame),
      turnEnded: () => refuseGlut(session),
      drained: () => options.drained(entry.number),
      closed: (reason) => {
        drop(entry);
        noteEnd(session.remote, reason);
      },
    });
    session.send(entry.early);
    entry.early = [];
    const doomed = entry.doomed ?? draining;
    if (doomed !== undefined) session.close(doomed);
    else loop.feed({ kind: "ready", session: entry.number });
  };

  const refuseGlut = (session: Session): void => {
    if (session.queuedBytes > 2 * queues.allowance() + MAX_TRANSPORT_BYTES)
      throw new PerdureError("too-busy", "answers were asked for faster than they are read", { retry: "after" });
  };

  const drop = (entry: Entry): void => {
    if (!entries.delete(entry.number)) return;
    loop.feed({ kind: "detach", session: entry.number });
  };

  const noteEnd = (remote: string, reason: Goodbye): void => {
    host.log.write("debug", "relay.session-ended", { remote, code: reason.code, why: reason.why });
    if (reason.code === "fenced") incidents.add("fenced", `${remote}: ${reason.why}`);
    else if (!ORDINARY.has(reason.code)) incidents.add("peer", `${remote}: ${reason.code}, ${reason.why}`);
  };

  const take = (entry: Entry, session: Session, agent: VerifiedIdentity, frame: Frame): void => {
    switch (frame.name) {
      case "mail":
        options.watchDisk();
        return loop.feed({ kind: "mail", session: entry.number, ...decodeMail(frame.payload) });
      case "settle":
        return loop.feed({ kind: "settle", session: entry.number, settle: settle.decode(frame.payload) });
      case "lookup": {
        const asked = lookup.decode(frame.payload);
        refuseGlut(session);
        return session.send([{ name: "found", payload: found.encode({ request: asked.request, ...shown(bundleOf(asked)) }) }]);
      }
      case "publish":
        entry.published = publish.decode(frame.payload).bundle;
        options.watchDisk();
        return takePublished(entry, session, agent);
      default:
        throw new PerdureError("malformed", `an agent does not send ${frame.name}`);
    }
  };

  const bundleOf = (asked: Lookup): Bytes => {
    const key = asked.what === "agent" ? asked.key : readName(asked.key);
    return (key === undefined ? undefined : mailboxes.lookup(asked.what, key)?.bundle) ?? new Uint8Array(0);
  };

  /** Verifies one published bundle at a time; of those that come meanwhile the last one counts. */
  const takePublished = (entry: Entry, session: Session, agent: VerifiedIdentity): void => {
    const bundle = entry.published;
    if (entry.verifying || bundle === undefined) return;
    entry.published = undefined;
    entry.verifying = true;
    verifyBundle(host.crypto, bundle, host.clock.wallMs(), agent.idRaw)
      .then((verified) => loop.feed({ kind: "publish", session: entry.number, registration: registrationOf(verified) }))
      .catch((error: unknown) => session.close(goodbyeOf(error)))
      .finally(() => {
        entry.verifying = false;
        takePublished(entry, session, agent);
      });
  };

  const send = (number: number, frame: Frame): void => {
    const entry = entries.get(number);
    if (entry?.session === undefined) entry?.early.push(frame);
    else entry.session.send([frame]);
  };

  const carry = (output: RelayOutput): void => {
    switch (output.kind) {
      case "welcome":
        return entries.get(output.session)?.admitted?.(output.standing);
      case "deliver":
        return send(output.session, {
          name: "deliver",
          payload: encodeDeliver({ generation, position: output.position, storedAtMs: output.storedAtMs, envelope: output.envelope }),
        });
      case "ack":
        return send(output.session, { name: "ack", payload: encodeAck(output.upTo) });
      case "refuse":
        return send(output.session, { name: "refuse", payload: refuse.encode({ linkSeq: output.linkSeq, ...wordsOf(output.reason) }) });
      case "position":
        return send(output.session, {
          name: "position",
          payload: position.encode({ generation, epoch: output.epoch, settledFloor: output.settledFloor, tail: output.tail }),
        });
      case "proof":
        return send(output.session, { name: "statement", payload: output.proof });
      case "goodbye":
        return sayGoodbye(output.session, goodbyeFor(output.reason.code, output.reason.why, output.reason));
      default:
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
    accept,
    carry,
    sessionOf: (number) => entries.get(number)?.session,
    sendQueueBytes: queues.allowance,
    drain: (reason) => {
      draining = reason;
      for (const number of [...entries.keys()]) sayGoodbye(number, reason);
    },
  };
}

function registrationOf(agent: VerifiedIdentity): Registration {
  return { idRaw: agent.idRaw, bundle: agent.bundle, name: agent.name, recordVersion: agent.recordVersion };
}

function shown(bundle: Bytes): { readonly bundle: Bytes; readonly code: string } {
  return { bundle, code: bundle.length > 0 ? "" : "unknown-agent" };
}

function readName(key: Bytes): string | undefined {
  try {
    return fromUtf8(key);
  } catch {
    return undefined;
  }
}

function wordsOf(reason: Reason): Pick<Goodbye, "code" | "retry" | "afterMs" | "hint"> {
  const { code, retry, afterMs, hint } = goodbyeFor(reason.code, reason.why, reason);
  return { code, retry, afterMs, hint };
}
