/** All other relays this one deals with: a link each, made when mail or a question waits for one, or when one dials. */
import type { VerifiedIdentity } from "../../identity/verify.ts";
import { isBanned } from "../../protocol/delivery/bans.ts";
import type { RelayOutput } from "../../protocol/delivery/mailbox-events.ts";
import { findPeer } from "../../protocol/delivery/mailbox-state.ts";
import type { Mailboxes } from "../../protocol/delivery/mailboxes.ts";
import { parseRelayAddress } from "../../protocol/link/address.ts";
import type { RecordLog } from "../../store/log/record-log.ts";
import { type Bytes, EMPTY, equalBytes, hex } from "../../wire/bytes.ts";
import type { Lookup, Route } from "../../wire/control.ts";
import type { MailReader } from "../delivery-pump.ts";
import type { SessionTaker } from "../session-entry.ts";
import type { OpenSession, Sessions } from "../sessions.ts";
import type { PeerRow } from "../status.ts";
import { createDialSlots } from "./dial-slots.ts";
import { createForwarder, type WaitingMail } from "./forwarder.ts";
import { createPeerLink, type PeerLink, type PeerLinkOptions } from "./peer-link.ts";
import type { Answer } from "./peer-lookups.ts";

export interface PeerLinks {
  /** Where a relay is, as an agent says. */
  route(route: Route, teller: Bytes): void;
  /** Asks the relay that `at` names; never rejects. */
  ask(asked: Lookup): Promise<Answer>;
  /** Mail waits for a relay. */
  want(relayId: Bytes): void;
  /** A relay dialled and proved its id; throws why it cannot come in now. */
  arrived(peer: VerifiedIdentity): void;
  opened(open: OpenSession): SessionTaker;
  /** What the machine says to a forwarder; false when the session is none. */
  carry(session: number, output: RelayOutput): boolean;
  readerOf(session: number): MailReader | undefined;
  /** Bytes that wait for each relay and are at hand. */
  queued(): Iterable<number>;
  /** Those with most waiting first. */
  rows(limit: number): readonly PeerRow[];
  stop(): void;
}

export interface PeerLinksOptions
  extends Omit<PeerLinkOptions, "slots" | "idRaw" | "forwarder" | "urls" | "met" | "mailWaits" | "banned" | "sessions"> {
  readonly mailboxes: Mailboxes;
  readonly log: Pick<RecordLog, "read">;
  readonly generation: Bytes;
  readonly sessions: Sessions;
  /** The record of a message is damaged: it is lost. */
  readonly lost: (mailbox: string, position: number) => Promise<void>;
  readonly failed: (error: unknown) => void;
}

export function createPeerLinks(options: PeerLinksOptions): PeerLinks {
  const { host, settings, own, loop, mailboxes, sessions } = options;
  // bound: relayPeers
  const links = new Map<string, PeerLink>();
  // bound: one per link
  const forwarders = new Map<number, PeerLink>();
  const slots = createDialSlots(settings.peerDials);
  let stopped = false;

  const waits = (idRaw: Bytes, position: number): WaitingMail | undefined => {
    const mail = findPeer(mailboxes.state, idRaw)?.mailbox.stored.passedAt(position);
    return mail && { digest: mail.digest, bytes: mail.sizeBytes, from: mail.sender.from, place: mail.place };
  };

  const makeLink = (idRaw: Bytes): PeerLink => {
    const link: PeerLink = createPeerLink({
      ...options,
      slots,
      idRaw: idRaw.slice(),
      urls: () => mailboxes.peer(idRaw)?.urls ?? [],
      met: () => (mailboxes.peer(idRaw)?.bundle.length ?? 0) > 0,
      mailWaits: () => (findPeer(mailboxes.state, idRaw)?.mailbox.stored.size ?? 0) > 0,
      banned: () => isBanned(mailboxes.state, idRaw),
      forwarder: (wanted) =>
        createForwarder({
          clock: host.clock,
          random: host.random,
          points: host.points,
          settings,
          generation: options.generation,
          loop,
          peerId: idRaw,
          nextNumber: () => {
            const number = sessions.nextNumber();
            for (const [old, each] of forwarders) if (each === link) forwarders.delete(old);
            forwarders.set(number, link);
            return number;
          },
          isOver: sessions.isOver,
          isWaiting: (position) => findPeer(mailboxes.state, idRaw)?.mailbox.stored.has(position) === true,
          waits: (position) => waits(idRaw, position),
          read: options.log.read,
          lost: async (position) => {
            const peer = findPeer(mailboxes.state, idRaw);
            if (peer !== undefined) await options.lost(peer.key, position);
          },
          wanted,
          failed: options.failed,
        }),
    });
    return link;
  };

  /** One that is of no use any more makes room when there are as many as the relay remembers. */
  const makeRoom = (): void => {
    if (links.size < settings.relayPeers) return;
    for (const [key, link] of links) {
      if (!link.idle) continue;
      links.delete(key);
      for (const [number, each] of forwarders) if (each === link) forwarders.delete(number);
      return;
    }
  };

  const linkTo = (idRaw: Bytes): PeerLink => {
    const key = hex(idRaw);
    let link = links.get(key);
    if (link === undefined) {
      makeRoom();
      link = makeLink(idRaw);
      links.set(key, link);
    }
    return link;
  };

  const want = (relayId: Bytes): void => {
    if (!stopped) linkTo(relayId).want();
  };

  return {
    route: ({ relayId, url }, teller) => {
      const plain = dialable(url);
      if (plain === undefined || equalBytes(relayId, own.idRaw)) {
        host.log.write("debug", "relay.route-ignored", { url });
        return;
      }
      loop.feed({ kind: "peer", relayId: relayId.slice(), url: plain, bundle: undefined, teller: hex(teller) });
      if ((findPeer(mailboxes.state, relayId)?.mailbox.stored.size ?? 0) > 0) want(relayId);
    },
    ask: async ({ at, what, key }) => {
      if (stopped) return { bundle: EMPTY, code: "relay-draining" };
      if (mailboxes.peer(at) === undefined) return { bundle: EMPTY, code: "unknown-relay" };
      return await linkTo(at).ask({ what, key });
    },
    want,
    arrived: (peer) => linkTo(peer.idRaw).arrived(),
    opened: (open) => linkTo(open.identity.idRaw).opened(open),
    carry: (session, output) => {
      const link = forwarders.get(session);
      if (link?.forwarder.number === session) link.carry(output);
      return link !== undefined;
    },
    readerOf: (session) => {
      const link = forwarders.get(session);
      return link?.forwarder.number === session ? link.forwarder : undefined;
    },
    queued: function* () {
      for (const { forwarder } of links.values()) yield forwarder.queuedBytes;
    },
    rows: (limit) =>
      mailboxes.peers(limit).map(({ id, idRaw, mailbox, peer }) => {
        const link = links.get(hex(idRaw));
        return {
          id,
          url: link?.url ?? peer?.urls[0],
          connected: link?.dialledBy !== undefined,
          dialledBy: link?.dialledBy,
          waitingMessages: mailbox.stored.size,
          waitingBytes: mailbox.storedBytes,
          oldestWaitingSinceMs: mailbox.stored.oldestMs,
          parkedLanes: link?.forwarder.parkedLanes ?? 0,
          passedOn: peer?.passedOn ?? 0,
          relayedIn: peer?.relayedIn ?? 0,
          lastError: link?.lastError,
        };
      }),
    stop: () => {
      stopped = true;
      for (const link of links.values()) link.stop();
    },
  };
}

/** What can be dialled, without anything that does not belong to an address; the address comes from anybody. */
function dialable(url: string): string | undefined {
  try {
    return parseRelayAddress(url).url;
  } catch {
    return undefined;
  }
}
