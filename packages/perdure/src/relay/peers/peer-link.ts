/**
 * One other relay: at most one session with it, dialled by either side, and what is passed on over it.
 *
 *   apart -> dialling -> open -> apart …      or      apart -> open (it dialled us) -> apart …
 *
 * What must hold: a relay is dialled only while mail or a question waits for it, at every place it is said to be in turn, with pauses
 * drawn at random (decorrelated jitter); whoever answers there must prove the id that is meant. Doubles are resolved by
 * `tie-break.ts`, and the session that stays is probed, so that a dead one keeps nobody out. The dialling side closes a session that
 * was of no use to either for `peerIdleMs`.
 */
import { sleep } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import type { OwnIdentity } from "../../identity/own-identity.ts";
import type { VerifiedIdentity } from "../../identity/verify.ts";
import type { RelayOutput } from "../../protocol/delivery/mailbox-events.ts";
import { type Connected, connectSession } from "../../protocol/link/connect.ts";
import { errorOfGoodbye, goodbyeFor } from "../../protocol/link/goodbyes.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, EMPTY, viewOf } from "../../wire/bytes.ts";
import { type Goodbye, type Lookup, offer, resume } from "../../wire/control.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { type AgentId, agentIdText, GENERATION_BYTES } from "../../wire/ids.ts";
import type { Directory } from "../directory.ts";
import type { Incidents } from "../incidents.ts";
import type { RelayLoop } from "../relay-loop.ts";
import { type OpenSession, registrationOf, type Sessions, type SessionTaker } from "../sessions.ts";
import type { DialSlots } from "./dial-slots.ts";
import type { Forwarder, LinkStanding } from "./forwarder.ts";
import { type Answer, createPeerLookups } from "./peer-lookups.ts";
import { createPeerSession, type PeerSession } from "./peer-session.ts";
import { createPeerStatements } from "./peer-statements.ts";
import { type Dialler, takesOver } from "./tie-break.ts";

export interface PeerLink {
  readonly id: AgentId;
  readonly idRaw: Bytes;
  readonly dialledBy: Dialler | undefined;
  /** Where it answered last. */
  readonly url: string | undefined;
  readonly lastError: string | undefined;
  readonly forwarder: Forwarder;
  /** Nothing is under way or waits for it, and there is no session. */
  readonly idle: boolean;
  /** Mail waits for it, or it is to be asked something. */
  want(): void;
  ask(question: Pick<Lookup, "what" | "key">): Promise<Answer>;
  /** It dialled and proved its id; throws `fenced` when the open session stays. */
  arrived(): void;
  opened(open: OpenSession): SessionTaker;
  carry(output: RelayOutput): void;
  stop(): void;
}

export interface PeerLinkOptions {
  readonly host: Pick<Host, "clock" | "random" | "net" | "crypto" | "log">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly loop: RelayLoop;
  readonly incidents: Incidents;
  readonly sessions: Pick<Sessions, "adopt" | "attach" | "refuseGlut">;
  readonly directory: Directory;
  readonly slots: DialSlots;
  readonly idRaw: Bytes;
  /** Other relays are dialled at public addresses only. */
  readonly publicOnly: boolean;
  readonly forwarder: (wanted: () => void) => Forwarder;
  readonly urls: () => readonly string[];
  readonly mailWaits: () => boolean;
  readonly watchDisk: () => void;
}

const SHORT_SESSION_MS = 5_000;
/** A relay that cannot be reached for this long, with mail waiting for it, is an incident. */
const DOWN_MS = 60_000;
/** A new question ends a pause between dials that has lasted this long. */
const NUDGE_AFTER_MS = 2_000;

export function createPeerLink(options: PeerLinkOptions): PeerLink {
  const { host, settings, own, loop, incidents, idRaw } = options;
  const { clock, log } = host;
  const id = agentIdText(idRaw);
  const stopping = new AbortController();
  let current: PeerSession | undefined;
  let offered = false;
  let resumed = false;
  let url: string | undefined;
  let lastError: string | undefined;
  let dialling = false;
  let endPause = (): void => {};
  let pausedAtMs = 0;
  let pauseMs = settings.redialMinMs;
  let downSinceMs: number | undefined;
  let toldDown = false;
  let impostorAt: string | undefined;
  let cancelIdle = (): void => {};

  const forwarder = options.forwarder(() => want());
  const lookups = createPeerLookups({
    clock,
    timeoutMs: settings.lookupTimeoutMs,
    send: (frame) => {
      current?.session.send([frame]);
      return current !== undefined;
    },
  });
  const statements = createPeerStatements({
    crypto: host.crypto,
    log,
    incidents,
    ownId: own.idRaw,
    link: () => forwarder.link,
    covered: forwarder.covered,
    proven: forwarder.proven,
    vouch: (sender, number, proof) => loop.feed({ kind: "vouch", sender, number, proof }),
    outdated: () =>
      current?.session.close(goodbyeFor("certificate-expired", "your certificate was renewed; show it again", { retry: "now" })),
  });

  const wanted = (): boolean => lookups.waiting > 0 || options.mailWaits();

  /** The session can carry nothing for us: its link does not fit. */
  const beginAnew = (session: PeerSession): void => {
    log.write("warn", "relay.link-anew", { peer: id });
    session.session.close(goodbyeFor("connection-closed", "the link begins anew", { retry: "now" }));
  };

  const forwardOver = (to: PeerSession, standing: LinkStanding): void => {
    resumed = true;
    if (!forwarder.begin(to.session, standing)) beginAnew(to);
  };

  /** The side that was called says which link its mail comes on when it has some. */
  const offerLink = (to: PeerSession): void => {
    if (offered || to.dialledBy === "us") return;
    offered = true;
    to.session.send([{ name: "offer", payload: offer.encode({ link: forwarder.link }) }]);
  };

  const takeOffer = (from: PeerSession, link: Bytes): void => {
    if (offered) throw new PerdureError("malformed", "a second offer in one session");
    offered = true;
    const none = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
    options.sessions
      .attach({
        session: from.number,
        role: "peer",
        registration: registrationOf(from.identity),
        link: link.slice(),
        consume: false,
        ticket: "",
        have: none,
      })
      .then(({ linkUpTo, linkRefused }) => {
        const { windowFrames, windowBytes } = settings;
        from.session.send([
          { name: "resume", payload: resume.encode({ link, linkUpTo, linkRefused: [...linkRefused], windowFrames, windowBytes }) },
        ]);
        loop.feed({ kind: "ready", session: from.number });
      })
      .catch((error: unknown) => log.write("debug", "relay.offer-refused", { peer: id, why: String(error) }));
  };

  const armIdle = (): void => {
    cancelIdle = clock.after(settings.peerIdleMs / 2, () => {
      const open = current;
      if (open === undefined) return;
      const unused = clock.monotonicMs() - open.usedAtMs >= settings.peerIdleMs;
      if (unused && !forwarder.busy && lookups.waiting === 0)
        open.session.close(goodbyeFor("connection-closed", "nothing is to be said", { retry: "now" }));
      else armIdle();
    });
  };

  const sessionOf = (open: OpenSession, dialledBy: Dialler): PeerSession => {
    const peer: PeerSession = createPeerSession({
      clock,
      settings,
      open,
      dialledBy,
      owing: () => forwarder.inFlight > 0 || lookups.waiting > 0,
      mail: (frame) => {
        options.watchDisk();
        loop.feed({ kind: "mail", session: open.number, ...frame });
      },
      acked: forwarder.acked,
      refused: forwarder.refused,
      statement: (proof) => statements.take(open.identity, proof),
      offered: ({ link }) => takeOffer(peer, link),
      resumed: (said) => {
        if (!offered || resumed) throw new PerdureError("malformed", "a resume that nobody asked for");
        forwardOver(peer, said);
      },
      look: (asked) => {
        options.sessions.refuseGlut(open.session);
        return options.directory.isHere(asked.at) ? options.directory.find(asked) : { bundle: EMPTY, code: "unknown-relay" };
      },
      found: lookups.answered,
    });
    return peer;
  };

  /** The session that is open makes room for another. */
  const leave = (reason: Goodbye): void => {
    const before = current;
    if (before === undefined) return;
    ended(before);
    before.session.close(reason);
  };

  const ended = (which: PeerSession): void => {
    if (current !== which) return;
    which.stop();
    current = undefined;
    cancelIdle();
    forwarder.end();
  };

  const fenced = (): PerdureError => {
    current?.probe("another session was opened meanwhile");
    return new PerdureError("fenced", "another session between the two relays is open", {
      retry: "after",
      afterMs: settings.probeTimeoutMs,
    });
  };

  const begin = (open: OpenSession, dialledBy: Dialler): SessionTaker => {
    const peer = sessionOf(open, dialledBy);
    if (current !== undefined && !takesOver(dialledBy, current.dialledBy, own.idRaw, idRaw)) {
      const { code, message, afterMs } = fenced();
      peer.stop();
      open.session.close(goodbyeFor(code, message, { retry: "after", afterMs: afterMs ?? 0 }));
      return { frame: () => {} };
    }
    const doubled = current !== undefined && current.dialledBy !== dialledBy;
    leave(goodbyeFor("fenced", "another session between the two relays took over", { retry: "after", afterMs: settings.probeTimeoutMs }));
    current = peer;
    offered = false;
    resumed = false;
    lastError = undefined;
    downSinceMs = undefined;
    toldDown = false;
    const startedMs = clock.monotonicMs();
    log.write("info", "relay.peer-open", { peer: id, dialledBy, remote: open.session.remote });
    if (doubled) peer.probe("it took the place of another session");
    if (dialledBy === "us") armIdle();
    else if (options.mailWaits()) offerLink(peer);
    lookups.resume();
    return {
      frame: peer.take,
      drained: () => {
        if (current === peer) forwarder.drained();
      },
      closed: (reason) => {
        if (current !== peer) return;
        ended(peer);
        if (clock.monotonicMs() - startedMs > SHORT_SESSION_MS) pauseMs = settings.redialMinMs;
        note(errorOfGoodbye(reason));
        log.write("info", "relay.peer-closed", { peer: id, code: reason.code, why: reason.why });
        if (wanted()) keepDialling(true);
      },
    };
  };

  const note = (failure: PerdureError): void => {
    lastError = `${failure.code}: ${failure.message}`;
    downSinceMs ??= clock.monotonicMs();
    const down = clock.monotonicMs() - downSinceMs >= DOWN_MS && options.mailWaits();
    if (toldDown || !(failure.code === "blocked" || down)) return;
    toldDown = true;
    incidents.add("peer", `relay ${id} cannot be reached: ${lastError}`);
  };

  /** Somebody else answers where it is said to be: the owner is told once for each place. */
  const noteImpostor = (failure: PerdureError, at: string): void => {
    if (failure.code !== "wrong-relay" || impostorAt === at) return;
    impostorAt = at;
    incidents.add("peer", `${at}: ${failure.code}, ${failure.message}`);
  };

  const connect = async (at: string): Promise<void> => {
    const release = await options.slots.take(downSinceMs !== undefined, stopping.signal);
    let connected: Connected;
    try {
      connected = await connectSession({
        host,
        settings,
        url: at,
        relayIdRaw: idRaw,
        own,
        role: "relay",
        link: forwarder.link,
        consume: false,
        have: { generation: new Uint8Array(GENERATION_BYTES), position: 0 },
        publicOnly: options.publicOnly,
        signal: stopping.signal,
      });
    } finally {
      release();
    }
    url = at;
    met(connected.relay, at);
    const { number } = options.sessions.adopt(connected.session, connected.relay, (open) => begin(open, "us"));
    if (current?.number === number) forwardOver(current, connected.welcome);
  };

  /** It proved its id: what it signs of itself is remembered, and where it answered. */
  const met = (relay: VerifiedIdentity, at: string | undefined): void =>
    loop.feed({ kind: "peer", relayId: idRaw, url: at, bundle: relay.bundle });

  /** Tries every place in turn; the last failure when none of them is the relay. */
  const dialOnce = async (): Promise<PerdureError | undefined> => {
    let failure = new PerdureError("unknown-relay", "nobody has said where it is", { retry: "after" });
    for (const at of options.urls()) {
      try {
        await connect(at);
        return undefined;
      } catch (error) {
        if (stopping.signal.aborted || current !== undefined) return undefined;
        failure = isPerdureError(error) ? error : new PerdureError("internal", String(error), { cause: error });
        noteImpostor(failure, at);
        log.write("info", "relay.peer-unreachable", { peer: id, url: at, code: failure.code, why: failure.message });
      }
    }
    return failure;
  };

  const pause = async (atLeastMs: number): Promise<void> => {
    const share = viewOf(host.random.bytes(4)).getUint32(0) / 2 ** 32;
    pauseMs = Math.min(settings.redialMaxMs, settings.redialMinMs + share * Math.max(0, pauseMs * 3 - settings.redialMinMs));
    const cut = new AbortController();
    endPause = () => cut.abort();
    pausedAtMs = clock.monotonicMs();
    const both = AbortSignal.any([cut.signal, stopping.signal]);
    await sleep(clock, Math.max(pauseMs, Math.min(atLeastMs, settings.redialMaxMs)), both).catch(() => undefined);
    endPause = () => {};
  };

  const dial = async (afterPause: boolean): Promise<void> => {
    let askedMs = 0;
    for (let waits = afterPause; ; waits = true) {
      if (waits) await pause(askedMs);
      if (stopping.signal.aborted || current !== undefined || !wanted()) return;
      const failure = await dialOnce();
      if (failure === undefined) return;
      note(failure);
      if (failure.code === "unknown-relay") return lookups.end("unknown-relay");
      askedMs = failure.retry === "after" ? (failure.afterMs ?? 0) : 0;
    }
  };

  const keepDialling = (afterPause: boolean): void => {
    if (dialling) return;
    dialling = true;
    dial(afterPause)
      .catch((error: unknown) => incidents.add("internal", `dialling a relay failed: ${String(error)}`))
      .finally(() => {
        dialling = false;
      });
  };

  const want = (): void => {
    if (stopping.signal.aborted) return;
    if (current !== undefined) offerLink(current);
    else keepDialling(false);
  };

  return {
    id,
    idRaw,
    get dialledBy() {
      return current?.dialledBy;
    },
    get url() {
      return url;
    },
    get lastError() {
      return lastError;
    },
    forwarder,
    get idle() {
      return current === undefined && !dialling && !forwarder.busy && forwarder.parkedLanes === 0 && lookups.waiting === 0;
    },
    want,
    ask: (question) => {
      const answer = lookups.ask(question);
      if (clock.monotonicMs() - pausedAtMs > NUDGE_AFTER_MS) endPause();
      want();
      return answer;
    },
    arrived: () => {
      if (current !== undefined && !takesOver("them", current.dialledBy, own.idRaw, idRaw)) throw fenced();
    },
    opened: (open) => {
      met(open.identity, undefined);
      return begin(open, "them");
    },
    carry: forwarder.carry,
    stop: () => {
      stopping.abort(new PerdureError("aborted", "the relay is stopping"));
      lookups.end("relay-draining");
      if (current !== undefined) ended(current);
    },
  };
}
