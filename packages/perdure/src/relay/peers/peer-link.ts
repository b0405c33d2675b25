/**
 * One other relay: at most one session with it, dialled by either side, and what is passed on over it.
 *
 *   apart -> dialling -> open -> apart …      or      apart -> open (it dialled us) -> apart …
 *
 * What must hold: a relay is dialled only while mail or a question waits for it, and whoever answers must prove the id that is
 * meant. Doubles are resolved by `tie-break.ts`, and the session that stays is probed, so that a dead one keeps nobody out. The
 * dialling side closes a session that was of no use to either for `peerIdleMs`.
 */
import type { Host } from "../../host/host.ts";
import type { OwnIdentity } from "../../identity/own-identity.ts";
import type { RelayOutput } from "../../protocol/delivery/mailbox-events.ts";
import { connectSession } from "../../protocol/link/connect.ts";
import { goodbyeFor, goodbyeOf } from "../../protocol/link/goodbyes.ts";
import type { LineKeeper } from "../../protocol/link/line-keeper.ts";
import type { Settings } from "../../settings/register.ts";
import { type Bytes, EMPTY } from "../../wire/bytes.ts";
import { type Lookup, type MailFrame, offer, resume } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { agentIdText, GENERATION_BYTES } from "../../wire/ids.ts";
import type { Directory } from "../directory.ts";
import type { Incidents } from "../incidents.ts";
import { peerRegistration, type Registrar } from "../registrar.ts";
import type { RelayLoop } from "../relay-loop.ts";
import type { Requests } from "../requests.ts";
import type { SessionTaker } from "../session-entry.ts";
import type { OpenSession, Sessions } from "../sessions.ts";
import type { DialSlots } from "./dial-slots.ts";
import type { Forwarder, LinkStanding } from "./forwarder.ts";
import { createPeerDialler } from "./peer-dialler.ts";
import { type Answer, createPeerLookups } from "./peer-lookups.ts";
import { createPeerSession, type PeerSession } from "./peer-session.ts";
import { createPeerStatements } from "./peer-statements.ts";
import { type Dialler, takesOver } from "./tie-break.ts";

export interface PeerLink {
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
  readonly host: Pick<Host, "clock" | "random" | "net" | "crypto" | "log" | "points">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly loop: RelayLoop;
  readonly incidents: Incidents;
  readonly sessions: Pick<Sessions, "adopt" | "attach" | "refuseGlut">;
  readonly directory: Directory;
  readonly requests: Requests;
  readonly slots: DialSlots;
  readonly idRaw: Bytes;
  readonly registrar: Pick<Registrar, "admit">;
  /** Other relays are dialled at public addresses only. */
  readonly publicOnly: boolean;
  readonly forwarder: (wanted: () => void) => Forwarder;
  readonly urls: () => readonly string[];
  readonly met: () => boolean;
  readonly mailWaits: () => boolean;
  /** The owner turns it away. */
  readonly banned: () => boolean;
  readonly takeMails: (session: number, mails: readonly MailFrame[]) => void;
  /** Keeps the lines this relay dials away from limits on their way. */
  readonly lines: LineKeeper;
}

const NOWHERE = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };

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
  let cancelIdle = (): void => {};

  const forwarder = options.forwarder(() => want());
  const lookups = createPeerLookups({
    clock,
    timeoutMs: settings.lookupTimeoutMs,
    send: (frame) => current?.session.send([frame]),
  });
  const statements = createPeerStatements({
    crypto: host.crypto,
    clock,
    log,
    incidents,
    ownId: own.idRaw,
    link: () => forwarder.link,
    covered: forwarder.covered,
    proven: forwarder.proven,
    vouch: (senders, number, proof) => loop.feed({ kind: "vouch", senders, number, proof }),
    outdated: () =>
      current?.session.close(goodbyeFor("certificate-expired", "your certificate was renewed; show it again", { retry: "now" })),
  });
  const dialler = createPeerDialler({
    host,
    settings,
    incidents,
    slots: options.slots,
    id,
    signal: stopping.signal,
    urls: options.urls,
    met: options.met,
    wanted: () => wanted(),
    connect: (at) => connect(at),
    hopeless: lookups.end,
  });

  const wanted = (): boolean => current === undefined && !options.banned() && (lookups.waiting > 0 || options.mailWaits());

  const forwardOver = (to: PeerSession, standing: LinkStanding): void => {
    resumed = true;
    if (forwarder.begin(to.session, standing)) return;
    log.write("warn", "relay.link-anew", { peer: id });
    to.session.close(goodbyeFor("connection-closed", "the link begins anew", { retry: "now" }));
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
    const { number: session, identity } = from;
    options.sessions
      .attach({
        session,
        role: "peer",
        registration: peerRegistration(identity.idRaw, identity.bundle),
        link: link.slice(),
        consume: false,
        ticket: "",
        instanceKey: EMPTY,
        pass: EMPTY,
        have: NOWHERE,
      })
      .then(({ linkUpTo, linkRefused }) => {
        const { peerWindowFrames: windowFrames, peerWindowBytes: windowBytes } = settings;
        const payload = resume.encode({ link: link.slice(), linkUpTo, linkRefused: [...linkRefused], windowFrames, windowBytes });
        from.session.send([{ name: "resume", payload }]);
        loop.feed({ kind: "ready", session });
      })
      .catch((error: unknown) => from.session.close(goodbyeOf(error)));
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
    const requests = options.requests.of(id, "relay");
    const peer: PeerSession = createPeerSession({
      clock,
      settings,
      open,
      dialledBy,
      owing: () => forwarder.inFlight > 0 || lookups.waiting > 0,
      mails: (mails) => options.takeMails(open.number, mails),
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
        if (requests.ask() !== undefined) return { bundle: EMPTY, code: "rate-limited" };
        return options.directory.isHere(asked.at) ? options.directory.find(asked) : { bundle: EMPTY, code: "unknown-relay" };
      },
      found: lookups.answered,
    });
    return peer;
  };

  const ended = (which: PeerSession): void => {
    which.stop();
    current = undefined;
    cancelIdle();
    forwarder.end();
  };

  /** Why a session that comes second is not taken; the one that stays has to show that it lives. */
  const fenced = (): PerdureError => {
    current?.probe("another session was opened meanwhile");
    return new PerdureError("fenced", "another session between the two relays is open", {
      retry: "after",
      afterMs: settings.probeTimeoutMs,
    });
  };

  /** `standing` says how far the peer has come on our link, when we dialled. */
  const begin = (open: OpenSession, dialledBy: Dialler, standing: LinkStanding | undefined): SessionTaker => {
    const before = current;
    if (before !== undefined && !takesOver(dialledBy, before.dialledBy, own.idRaw, idRaw)) {
      open.session.close(goodbyeOf(fenced()));
      return { frame: () => {}, mails: () => {} };
    }
    if (before !== undefined) {
      ended(before);
      const afterMs = settings.probeTimeoutMs;
      before.session.close(goodbyeFor("fenced", "another session between the two relays took over", { retry: "after", afterMs }));
    }
    const peer = sessionOf(open, dialledBy);
    current = peer;
    offered = false;
    resumed = false;
    lastError = undefined;
    dialler.opened();
    const startedMs = clock.monotonicMs();
    log.write("info", "relay.peer-open", { peer: id, dialledBy, remote: open.session.remote });
    if (before !== undefined && before.dialledBy !== dialledBy) peer.probe("it took the place of another session");
    if (dialledBy === "us") armIdle();
    if (standing !== undefined) forwardOver(peer, standing);
    else if (options.mailWaits()) offerLink(peer);
    lookups.resume();
    return {
      frame: peer.take,
      mails: peer.takeMails,
      drained: () => {
        if (current === peer) forwarder.drained();
      },
      closed: (reason) => {
        if (current !== peer) return;
        ended(peer);
        dialler.ended(clock.monotonicMs() - startedMs);
        // A session that ends while nothing waits is no trouble.
        lastError = reason.code === "connection-closed" && !wanted() ? undefined : `${reason.code}: ${reason.why}`;
        log.write("info", "relay.peer-closed", { peer: id, code: reason.code, why: reason.why });
        if (wanted()) dialler.begin(true);
      },
    };
  };

  const connect = async (at: string): Promise<void> => {
    const plan = options.lines.plan(at);
    const {
      session,
      line: meter,
      welcome,
      relay: shown,
      relayInstanceKey,
    } = await connectSession({
      host,
      settings,
      url: at,
      relayIdRaw: idRaw,
      own,
      role: "relay",
      link: forwarder.link,
      consume: false,
      have: NOWHERE,
      keepAliveMs: plan.keepAliveMs,
      publicOnly: options.publicOnly,
      signal: stopping.signal,
    });
    const { identity: relay } = await options.registrar.admit(shown, relayInstanceKey, "relay").catch((error: unknown) => {
      session.close(goodbyeOf(error));
      throw error;
    });
    url = at;
    loop.feed({ kind: "peer", relayId: idRaw, url: at, bundle: relay.bundle });
    options.sessions.adopt(session, relay, (open) => {
      const ended = options.lines.begin(plan, {
        meter,
        generation: welcome.generation,
        quiet: () => !forwarder.busy && lookups.waiting === 0,
        renew: (why) => session.close(goodbyeFor("connection-closed", why, { retry: "now" })),
      });
      const taker = begin(open, "us", welcome);
      return {
        ...taker,
        closed: (reason) => {
          ended(reason);
          taker.closed?.(reason);
        },
      };
    });
  };

  const want = (): void => {
    if (current !== undefined) offerLink(current);
    else if (wanted()) dialler.begin(false);
  };

  return {
    get dialledBy() {
      return current?.dialledBy;
    },
    get url() {
      return url;
    },
    get lastError() {
      return current === undefined ? (dialler.lastFailure ?? lastError) : undefined;
    },
    forwarder,
    get idle() {
      return current === undefined && !dialler.dialling && !forwarder.busy && forwarder.parkedLanes === 0 && lookups.waiting === 0;
    },
    want,
    ask: (question) => {
      if (options.banned()) return Promise.resolve({ bundle: EMPTY, code: "blocked" });
      const answer = lookups.ask(question);
      dialler.hurry();
      want();
      return answer;
    },
    arrived: () => {
      if (current !== undefined && !takesOver("them", current.dialledBy, own.idRaw, idRaw)) throw fenced();
    },
    opened: (open) => {
      loop.feed({ kind: "peer", relayId: idRaw, url: undefined, bundle: open.identity.bundle });
      return begin(open, "them", undefined);
    },
    carry: forwarder.carry,
    stop: () => {
      stopping.abort(new PerdureError("aborted", "the relay is stopping"));
      lookups.end("relay-draining");
      if (current !== undefined) ended(current);
    },
  };
}
