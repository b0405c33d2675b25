/**
 * The agent's one connection to its relay: dialled until it holds, watched, dialled again.
 *
 *   apart -> connecting -> attached -> apart …
 *
 * What must hold: envelopes leave in the order of their link sequence numbers, and after a break only the gap is sent
 * again; with mail under way and nothing heard for `ackTimeoutMs` the relay is probed, and without an answer within
 * `probeTimeoutMs` the connection is given up. Pauses between dials are drawn at random (decorrelated jitter). Fenced by
 * another consumer of this identity, or found to live twice, the agent goes on sending and says so in its status: see consumer-role.ts.
 */
import { sleep } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { rarely } from "../host/points.ts";
import type { OwnIdentity, VerifiedIdentity } from "../identity/index.ts";
import { createLinkWindow, type LinkWindow } from "../protocol/delivery/link-window.ts";
import type { MailboxCursor } from "../protocol/delivery/mailbox-cursor.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { OutgoingPart } from "../protocol/delivery/outgoing.ts";
import { refusalPauseMs } from "../protocol/delivery/refusal-pause.ts";
import {
  type connectSession,
  errorOfGoodbye,
  goodbyeFor,
  type LineKeeper,
  leaveUnused,
  parseRelayAddress,
  type Session,
} from "../protocol/link/index.ts";
import { FIXED } from "../settings/fixed.ts";
import type { NegotiatedSettings, Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes, hex, u32At } from "../wire/bytes.ts";
import {
  confirm,
  DEFAULT_HOP_LIMIT,
  decodeAck,
  encodeMail,
  type Goodbye,
  position,
  type Refuse,
  refuse,
  route,
  settle,
  type Welcome,
} from "../wire/control.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import type { Frame } from "../wire/frame.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdText, LINK_BYTES } from "../wire/ids.ts";
import { type AckWatch, watchAcks } from "./ack-watch.ts";
import type { AgentStatus, Alert } from "./api.ts";
import { createConsumerRole } from "./consumer-role.ts";
import { type AttachPassStore, createPassKeeping } from "./pass-keeping.ts";

export interface RelayLinkOptions {
  readonly connect: typeof connectSession;
  readonly host: Host;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly address: string;
  readonly outbox: Outbox;
  readonly cursor: MailboxCursor;
  /** Attach passes of this relay. */
  readonly passes: AttachPassStore;
  readonly readEnvelope: (part: OutgoingPart) => Promise<Bytes>;
  /** Whether the envelope of a part would be worth nothing where it arrives, and the part can be sealed anew. */
  readonly isOutdated: (part: OutgoingPart) => boolean;
  /** Takes a part out of the queue until it has another envelope. */
  readonly sealAnew: (part: OutgoingPart) => void;
  /** The relay a part has to be passed on to; `undefined` when its recipient lives at this one. */
  readonly homeOf: (part: OutgoingPart) => Home | undefined;
  /** A session begins; deliveries follow. */
  readonly onWelcome: (welcome: Welcome, relay: VerifiedIdentity) => void;
  readonly onAcked: (parts: readonly OutgoingPart[], relay: VerifiedIdentity) => void;
  readonly onRefused: (part: OutgoingPart, refusal: Refuse) => void;
  /** Frames that are not about the link itself: deliver, statement, found. */
  readonly onFrame: (frame: Frame, relay: VerifiedIdentity, window: LinkWindow<OutgoingPart>, link: Bytes) => void;
  /** What the relay holds of this agent's identity, when it refuses this instance for it. */
  readonly onPublished: (payload: Bytes) => void;
  /** Keeps this line away from limits on its way. */
  readonly lines: LineKeeper;
  readonly onApart: () => void;
  readonly onFailed: (failure: PerdureError, endsReading: boolean) => void;
}

export type RelayLinkStatus = AgentStatus["relay"];

export interface RelayLink {
  /** Resolves when the first dial has succeeded or failed. */
  readonly firstDial: Promise<void>;
  readonly status: RelayLinkStatus;
  readonly alert: Alert | undefined;
  readonly relay: VerifiedIdentity | undefined;
  /** The relay's date as the last session began, carried on by this machine's monotonic clock; `undefined` before the first. */
  readonly relayNowMs: number | undefined;
  /** Parts may have become ready to travel. */
  pump(): void;
  /** Positions may have become settled. */
  settle(): void;
  /** False when there is no session. */
  send(frame: Frame): boolean;
  /** Says where another relay is, once a session, or `again`; false when there is no session. */
  tell(home: Home, again?: boolean): boolean;
  /** SHA-256 of the newest log event this agent had shown when the session began; `undefined` without a session. */
  readonly shownHead: Bytes | undefined;
  /** Begins anew at once, under the identity as it is now. */
  renew(): void;
  /** Gives the session up and dials again after a pause. */
  restart(code: "disk-full" | "disk-failed" | "too-busy", why: string): void;
  close(): Promise<void>;
}

/** Envelopes read at once and sent together, and their bytes. */
const BATCH_PARTS = 32;
const BATCH_BYTES = 1024 * 1024;
const CLOCK_WARNING_MS = 30_000;
const SHORT_SESSION_MS = 5_000;
const STEADY_REFUSAL_PAUSE_MS = 60_000;

interface Attached {
  readonly session: Session;
  readonly relay: VerifiedIdentity;
  /** Head of the log that was shown. */
  readonly head: Bytes;
  readonly consumes: boolean;
  readonly epoch: number;
  /** Highest position of the mailbox when the session began. */
  readonly tail: number;
  readonly resend: { readonly linkSeq: number; readonly item: OutgoingPart }[];
  /** Where other relays are, as this session has said. */
  readonly told: Map<string, string>;
  readonly negotiated: NegotiatedSettings;
  readonly acks: AckWatch;
  /** The relay was told that the pass of this session is durable here: it hands out mail, and takes what is settled. */
  confirmed: boolean;
}

export function openRelayLink(options: RelayLinkOptions): RelayLink {
  const { host, settings, own, outbox, cursor } = options;
  const { clock, random, log, points } = host;
  const { url, relayIdRaw } = parseRelayAddress(options.address);
  if (relayIdRaw === undefined) throw new PerdureError("bad-argument", "the address of the agent's relay names no relay id");
  const closing = new AbortController();
  let dialled = (): void => {};
  const firstDial = new Promise<void>((resolve) => {
    dialled = resolve;
  });
  let link = random.bytes(LINK_BYTES);
  let window = createLinkWindow<OutgoingPart>(settings);
  let attached: Attached | undefined;
  let lastRelay: VerifiedIdentity | undefined;
  const role = createConsumerRole();
  const passes = createPassKeeping({ clock, log, settings, passes: options.passes, closing: closing.signal });
  let lastError: string | undefined;
  let clockOffsetMs: number | undefined;
  /** The relay's date minus this machine's monotonic clock, in milliseconds. */
  let relayAhead: number | undefined;
  /** The session ended so that the next could begin before a limit of the way. */
  let planned = false;
  let pumping = false;
  let pumpAgain = false;
  let cancelWake = (): void => {};
  let pause = new AbortController();

  /** The next part to travel and its number; `undefined` when there is none, or no room. */
  const nextToSend = (to: Attached): { readonly linkSeq: number; readonly item: OutgoingPart } | undefined => {
    const again = to.resend.shift();
    if (again !== undefined) return again;
    for (;;) {
      const item = outbox.queue.next();
      if (item === undefined || !window.hasRoom(item.bytes)) return undefined;
      if (options.isOutdated(item)) options.sealAnew(item);
      else if (item.of.head.expiresAtMs > clock.wallMs()) {
        outbox.queue.sent(item);
        return { linkSeq: window.send(item), item };
      }
      // Its verdict is due; looked at again for a clock that is put right before.
      else outbox.queue.putOff(item, clock.monotonicMs() + settings.sweepEveryMs);
    }
  };

  /** What one transport message carries well. */
  const nextBatch = (to: Attached): NonNullable<ReturnType<typeof nextToSend>>[] => {
    const batch = [];
    for (let bytes = 0, most = rarely(points, "mail-one") ? 1 : BATCH_BYTES; bytes < most && batch.length < BATCH_PARTS; ) {
      const next = nextToSend(to);
      if (next === undefined) break;
      batch.push(next);
      bytes += next.item.bytes;
    }
    return batch;
  };

  const tellTo = (to: Attached, { relayId, url }: Home, again: boolean): void => {
    const key = hex(relayId);
    if (!again && to.told.get(key) === url) return;
    to.told.set(key, url);
    to.session.send([{ name: "route", payload: route.encode({ relayId, url }) }]);
  };

  const pumpOnce = async (to: Attached): Promise<void> => {
    const wakeMs = outbox.queue.wake(clock.monotonicMs());
    cancelWake();
    if (Number.isFinite(wakeMs)) cancelWake = clock.after(Math.max(1, wakeMs - clock.monotonicMs()), pump);
    while (attached === to) {
      const batch = nextBatch(to);
      if (batch.length === 0) return;
      const envelopes = await Promise.all(batch.map(({ item }) => options.readEnvelope(item)));
      if (attached !== to) return;
      batch.forEach(({ linkSeq, item }, index) => {
        const envelope = envelopes[index] as Bytes;
        const home = options.homeOf(item);
        if (home !== undefined) tellTo(to, home, false);
        to.session.send([{ name: "mail", payload: encodeMail({ linkSeq, hopLimit: DEFAULT_HOP_LIMIT, home: home?.relayId, envelope }) }]);
        to.acks.sent();
        log.write("debug", "agent.sent", { id: item.of.id, seq: item.seq, link: hex(link), linkSeq });
      });
    }
  };

  const pump = (): void => {
    if (pumping) {
      pumpAgain = true;
      return;
    }
    if (attached === undefined) return;
    pumping = true;
    const to = attached;
    pumpOnce(to)
      .catch((error: unknown) => {
        log.write(isPerdureError(error) && error.retry === "after" ? "warn" : "error", "agent.send-failed", { why: String(error) });
        to.session.close(goodbyeFor("connection-closed", "an envelope could not be read", { retry: "after" }));
      })
      .finally(() => {
        pumping = false;
        if (!pumpAgain) return;
        pumpAgain = false;
        pump();
      });
  };

  const settleNow = (): void => {
    const to = attached;
    if (to === undefined || !to.consumes || !to.confirmed) return;
    for (let said = cursor.take(); said !== undefined; said = cursor.take()) {
      const { generation, floor } = said;
      const ranges = said.ranges.map((range) => [...range]);
      to.session.send([{ name: "settle", payload: settle.encode({ generation, epoch: to.epoch, floor, ranges }) }]);
      log.write("debug", "agent.settle-sent", {
        generation: hex(generation),
        epoch: to.epoch,
        floor,
        ranges: ranges.map(([first, last]) => `${first}-${last}`).join(" "),
      });
    }
  };

  /** The relay takes nothing of this agent for a while: everything rests, and goes on in its order. */
  const tooFast = (part: OutgoingPart, said: Refuse): void => {
    const pauseMs = Math.min(Math.max(said.afterMs, settings.redialMinMs), FIXED.askedPauseMs.value);
    outbox.queue.rest(part, clock.monotonicMs() + pauseMs);
    log.write("debug", "agent.too-fast", { limit: said.limit?.name, value: said.limit?.value, pauseMs });
    options.onRefused(part, said);
    pump();
  };

  const refused = (payload: Bytes): void => {
    const said = refuse.decode(payload);
    const part = window.refused(said.linkSeq);
    if (part === undefined) return;
    outbox.queue.landed(part, false);
    if (said.code === "rate-limited" && said.limit?.name.startsWith("agent")) return tooFast(part, said);
    part.refusals++;
    // The way is said again with the part's next number.
    if (said.code === "unknown-relay") attached?.told.delete(hex(options.homeOf(part)?.relayId ?? EMPTY));
    const pauses = { firstMs: 2 * settings.redialMinMs, steadyMs: STEADY_REFUSAL_PAUSE_MS, longestMs: settings.refusedRetryMaxMs };
    const backoffMs = said.retry === "now" && part.refusals === 1 ? 0 : refusalPauseMs(part.refusals, pauses);
    outbox.queue.putOff(part, clock.monotonicMs() + Math.max(Math.min(said.afterMs, FIXED.askedPauseMs.value), backoffMs));
    log.write("debug", "agent.refused", { id: part.of.id, seq: part.seq, linkSeq: said.linkSeq, code: said.code });
    options.onRefused(part, said);
    pump();
  };

  const acked = (payload: Bytes, from: Attached): void => {
    const parts = window.acked(decodeAck(payload));
    if (parts === undefined) throw new PerdureError("malformed", "an acknowledgement of mail that was never sent");
    for (const part of parts) outbox.queue.landed(part, true);
    log.write("debug", "agent.acked", { link: hex(link), upTo: window.acknowledged });
    if (parts.length > 0) options.onAcked(parts, from.relay);
    pump();
  };

  const take = (frame: Frame, from: Attached): void => {
    from.acks.heard();
    if (frame.name === "ack") acked(frame.payload, from);
    else if (frame.name === "refuse") refused(frame.payload);
    else if (frame.name === "position") {
      const said = position.decode(frame.payload);
      cursor.relaySettled(said.generation, said.settledFloor);
    } else if (frame.name !== "pong") options.onFrame(frame, from.relay, window, link);
  };

  /** Takes up the link where the relay has it; a relay that knows another history of it gets a new one. */
  const resume = (welcome: Welcome): Attached["resend"] | undefined => {
    const resumed = window.resume(welcome.linkUpTo, welcome.linkRefused);
    if (resumed === undefined) return undefined;
    window.allow(welcome.windowFrames, welcome.windowBytes);
    for (const part of resumed.refused) {
      outbox.queue.landed(part, false);
      outbox.queue.putOff(part, clock.monotonicMs() + settings.redialMinMs);
    }
    for (const part of resumed.acked) outbox.queue.landed(part, true);
    if (resumed.acked.length > 0 && lastRelay !== undefined) options.onAcked(resumed.acked, lastRelay);
    // One that is gone cannot fill its number any more: its message ended after a refusal the relay did not yet count. Nor may one
    // that is worth nothing by now.
    if (resumed.resend.some(({ item }) => item.envelope === undefined || options.isOutdated(item))) return undefined;
    for (const { item } of resumed.resend) if (item.flights === 0) outbox.queue.sentAgain(item);
    return [...resumed.resend];
  };

  /** The relay learns that the pass of this session is durable here, which uses up all before it; what waits follows. */
  const confirmPass = (pass: Bytes, to: Attached): void => {
    if (pass.length > 0) to.session.send([{ name: "confirm", payload: confirm.encode({ pass }) }]);
    role.confirmed();
    to.confirmed = true;
    settleNow();
  };

  /** One session from dialling to its end; resolves with the reason. */
  const live = async (proven: () => void): Promise<Goodbye> => {
    const instanceKey = own.instanceKey.publicKey;
    const head = own.logHead;
    role.begin(instanceKey);
    const consumes = role.consumes;
    const plan = options.lines.plan(url);
    const connected = await options.connect({
      host,
      settings,
      url,
      relayIdRaw,
      own,
      link,
      consume: consumes,
      pass: consumes ? await passes.shown() : undefined,
      onProven: proven,
      onPublished: options.onPublished,
      have: cursor.have(),
      keepAliveMs: plan.keepAliveMs,
      signal: closing.signal,
    });
    const { session, welcome, relay, line: meter } = connected;
    lastRelay = relay;
    if (!equalBytes(head, own.logHead)) {
      leaveUnused(session, "the agent comes back with other keys");
      return goodbyeFor("connection-closed", "the keys changed while the session began", { retry: "now" });
    }
    const resend = resume(welcome);
    if (resend === undefined) {
      log.write("warn", "agent.link-anew", { link: hex(link), linkUpTo: welcome.linkUpTo });
      link = random.bytes(LINK_BYTES);
      window = createLinkWindow<OutgoingPart>(settings);
      outbox.queue.linkLost();
      leaveUnused(session, "the link begins anew");
      return goodbyeFor("connection-closed", "the link begins anew", { retry: "now" });
    }
    clockOffsetMs = connected.clockOffsetMs;
    relayAhead = clock.wallMs() + clockOffsetMs - clock.monotonicMs();
    if (Math.abs(clockOffsetMs) > CLOCK_WARNING_MS) log.write("warn", "agent.clock-offset", { offsetMs: clockOffsetMs });
    lastError = undefined;
    const now: Attached = {
      session,
      relay,
      head,
      consumes,
      epoch: welcome.epoch,
      tail: welcome.tail,
      resend,
      // bound: one per relay of a recipient of an open message, outboxMessages, in one session
      told: new Map(),
      negotiated: connected.negotiated,
      acks: watchAcks({ clock, settings, session, owed: () => window.inFlight > 0 }),
      confirmed: false,
    };
    const ended = options.lines.begin(plan, {
      meter,
      generation: welcome.generation,
      quiet: () => window.inFlight === 0 && now.resend.length === 0,
      renew: (why) => session.close(goodbyeFor("connection-closed", why, { retry: "now" })),
    });
    return await new Promise((resolve) => {
      attached = now;
      dialled();
      options.onWelcome(welcome, relay);
      log.write("debug", "agent.attached", {
        agent: own.id,
        relay: relay.id,
        instance: hex(instanceKey),
        consumes,
        generation: hex(welcome.generation),
        epoch: welcome.epoch,
        linkUpTo: welcome.linkUpTo,
      });
      session.start({
        frame: (frame) => take(frame, now),
        drained: pump,
        closed(reason) {
          if (attached === now) attached = undefined;
          now.acks.stop();
          planned = ended(reason);
          cancelWake();
          options.onApart();
          resolve(reason);
        },
      });
      passes.begin({ instanceKey, pass: welcome.pass, isOpen: () => attached === now, confirmed: () => confirmPass(welcome.pass, now) });
      pump();
    });
  };

  const keep = async (): Promise<void> => {
    let pauseMs = settings.redialMinMs;
    while (!closing.signal.aborted) {
      const startedMs = clock.monotonicMs();
      let failure: PerdureError;
      let proven = false;
      planned = false;
      try {
        const said = await live(() => {
          proven = true;
        });
        failure = errorOfGoodbye(said);
      } catch (error) {
        failure = isPerdureError(error) ? error : new PerdureError("internal", String(error), { cause: error });
      }
      if (closing.signal.aborted) return;
      dialled();
      if (planned) continue;
      lastError = `${failure.code}: ${failure.message}`;
      options.onFailed(failure, proven && role.ended(failure.code));
      if (clock.monotonicMs() - startedMs > SHORT_SESSION_MS) pauseMs = settings.redialMinMs;
      const share = u32At(random.bytes(4), 0) / 2 ** 32;
      pauseMs = Math.min(settings.redialMaxMs, settings.redialMinMs + share * Math.max(0, pauseMs * 3 - settings.redialMinMs));
      const waitMs = rarely(points, "redial-at-once") ? 1 : Math.max(pauseMs, Math.min(failure.afterMs ?? 0, settings.redialMaxMs));
      await sleep(clock, waitMs, AbortSignal.any([closing.signal, pause.signal])).catch(() => undefined);
      pause = new AbortController();
    }
  };
  const kept = keep().catch((error: unknown) => log.write("error", "agent.link-ended", { why: String(error) }));

  return {
    firstDial,
    get status() {
      return {
        id: agentIdText(relayIdRaw),
        url,
        connected: attached !== undefined,
        lastError: role.trouble ?? lastError,
        clockOffsetMs,
        negotiated: attached?.negotiated,
        caughtUp: attached !== undefined && cursor.have().position >= attached.tail,
      };
    },
    get alert() {
      return role.alert;
    },
    get relay() {
      return lastRelay;
    },
    get relayNowMs() {
      return relayAhead === undefined ? undefined : clock.monotonicMs() + relayAhead;
    },
    pump,
    settle: settleNow,
    send(frame) {
      if (attached === undefined) return false;
      attached.session.send([frame]);
      return true;
    },
    tell(home, again = false) {
      if (attached === undefined) return false;
      tellTo(attached, home, again);
      return true;
    },
    get shownHead() {
      return attached?.head;
    },
    renew() {
      pause.abort(new PerdureError("aborted", "the identity changed"));
      attached?.session.close(goodbyeFor("connection-closed", "the agent comes back with other keys", { retry: "now" }));
    },
    restart(code, why) {
      attached?.session.close(goodbyeFor(code, why, { retry: "after", afterMs: settings.diskRetryMs }));
    },
    async close() {
      settleNow();
      closing.abort(new PerdureError("aborted", "this agent is closed"));
      attached?.session.close(goodbyeFor("connection-closed", "the agent was closed"));
      await kept;
    },
  };
}
