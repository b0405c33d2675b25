/**
 * Two relays' machines with a link between them that breaks, for the tests of this folder: mail of either goes to the other
 * through a real forward queue; frames are carried one by one, and those under way are lost when the link is cut.
 */
import { hex } from "../../wire/bytes.ts";
import { decodeKeptMail } from "../../wire/kept-relay.ts";
import { createForwardQueue, type ForwardFacts, type ForwardQueue } from "./forward-queue.ts";
import type { RelayOutput } from "./mailbox-events.ts";
import { findPeer, type StoredMail } from "./mailbox-state.ts";
import { readLabel } from "./stored-mails.ts";
import { agentId, LIMITS, positionsOf, type TestRelay } from "./test-relay.ts";

export interface Hop {
  readonly from: TestRelay;
  readonly to: TestRelay;
  readonly connected: boolean;
  connect(): void;
  /** The session is gone at both ends with everything under way. */
  cut(): void;
  /** Nothing waits and nothing is under way: the session ends, and the forwarder goes. */
  idle(): void;
  /** The relay mail is passed on by has begun anew: it remembers nothing of the link. */
  restart(): void;
  /** Carries so many frames to the other relay, and so many back. */
  carry(count: number): void;
  carryBack(count: number): void;
  /** What came out of either machine. */
  heed(relay: TestRelay, outputs: readonly RelayOutput[]): void;
  readonly underWay: number;
}

type Frame = { readonly kind: "ack"; readonly upTo: number } | Extract<RelayOutput, { readonly kind: "refuse" }>;

export interface HopOptions {
  readonly from: TestRelay;
  readonly fromName: string;
  readonly to: TestRelay;
  readonly toName: string;
  readonly session: () => number;
  readonly limits?: { readonly peerWindowFrames: number; readonly peerWindowBytes: number };
  /** A session the other relay ends is cut, and not an error. */
  readonly mayEnd?: boolean;
}

export function createHop({ from, fromName, to, toName, session, limits = LIMITS, mayEnd = false }: HopOptions): Hop {
  let queue: ForwardQueue;
  let link = 0;
  let forwarder = 0;
  let epoch = 0;
  let peer = 0;
  let mails: { readonly linkSeq: number; readonly bytes: Uint8Array }[] = [];
  let answers: Frame[] = [];
  let waiting: { readonly linkUpTo: number; readonly linkRefused: readonly number[] } | undefined;

  const storedAt = (position: number): StoredMail | undefined =>
    findPeer(from.machine.state, agentId(toName))?.mailbox.stored.get(position);

  const factsOf = (position: number): ForwardFacts | undefined => {
    const mail = storedAt(position);
    return mail === undefined ? undefined : { digest: readLabel(mail.label).digest, bytes: mail.sizeBytes, from: mail.sender.from };
  };

  const restart = (): void => {
    queue = createForwardQueue({
      windowFrames: limits.peerWindowFrames,
      windowBytes: limits.peerWindowBytes,
      pauseMinMs: 1000,
      pauseMaxMs: 60_000,
      pauseLongestMs: 3_600_000,
      recall: factsOf,
    });
    link = session() % 250;
    forwarder = 0;
  };

  const add = (position: number): void => {
    const facts = factsOf(position);
    const mail = storedAt(position);
    if (facts === undefined || mail === undefined || position <= queue.addedUpTo) return;
    queue.add({ ...facts, position, lane: hex(facts.from) + hex(readLabel(mail.label).to) });
  };

  const settle = (positions: readonly number[]): void => {
    if (positions.length === 0) return;
    const ranges = positions.map((position) => [position, position] as const);
    from.feed({ kind: "settle", session: forwarder, settle: { generation: from.generation, epoch, floor: 0, ranges } });
  };

  const pump = (): void => {
    if (peer === 0 || waiting !== undefined) return;
    for (let next = queue.next(from.nowMs); next !== undefined; next = queue.next(from.nowMs)) {
      const place = storedAt(next.item.position)?.place;
      if (place === undefined) queue.drop(next.item);
      else {
        const { envelope } = decodeKeptMail(from.read(place));
        mails.push({ linkSeq: next.linkSeq ?? queue.send(next.item), bytes: envelope });
      }
    }
  };

  const pull = (): void => {
    for (let [due] = from.machine.nextFor(forwarder, 1); due !== undefined; [due] = from.machine.nextFor(forwarder, 1)) {
      add(due.position);
      from.feed({ kind: "handed-over", session: forwarder, positions: [due.position] });
    }
  };

  const open = (): void => {
    peer = session();
    waiting = { linkUpTo: -1, linkRefused: [] };
    to.attach(peer, fromName, { role: "peer", link });
  };

  const begin = (standing: { readonly linkUpTo: number; readonly linkRefused: readonly number[] }): void => {
    waiting = undefined;
    const resumed = queue.resume(standing.linkUpTo, standing.linkRefused, from.nowMs);
    settle(resumed.done);
    if (!resumed.whole) {
      queue.renew();
      link = session() % 250;
      to.feed({ kind: "detach", session: peer });
      return open();
    }
    pump();
  };

  const hop: Hop = {
    from,
    to,
    get connected() {
      return peer !== 0;
    },
    get underWay() {
      return mails.length + answers.length + queue.inFlight;
    },
    connect() {
      if (peer !== 0) return;
      from.feed({ kind: "peer", relayId: agentId(toName), url: "wss://other/", bundle: undefined });
      if (forwarder === 0) {
        forwarder = session();
        from.attach(forwarder, toName, { role: "forwarder" });
      }
      open();
    },
    cut() {
      if (peer !== 0) to.feed({ kind: "detach", session: peer });
      peer = 0;
      mails = [];
      answers = [];
      waiting = undefined;
    },
    idle() {
      const route = findPeer(from.machine.state, agentId(toName));
      if (hop.underWay > 0 || (route?.mailbox.stored.size ?? 0) > 0) return;
      if (forwarder !== 0) from.feed({ kind: "detach", session: forwarder });
      hop.restart();
    },
    restart() {
      hop.cut();
      restart();
    },
    carry(count) {
      pump();
      for (const { linkSeq, bytes } of mails.splice(0, count)) {
        if (peer === 0) return;
        to.feed({ kind: "mails", session: peer, mails: [{ linkSeq, hopLimit: 7, envelope: bytes }] });
      }
    },
    carryBack(count) {
      for (const answer of answers.splice(0, count)) {
        if (answer.kind === "refuse") queue.refused(answer.linkSeq, answer.reason, from.nowMs, 0);
        else settle(queue.acked(answer.upTo) ?? []);
      }
      pump();
    },
    heed(relay, outputs) {
      for (const output of outputs) {
        if (relay === from && "session" in output && output.session === forwarder) {
          if (output.kind === "welcome") epoch = output.standing.epoch;
          else if (output.kind === "deliver") for (const position of positionsOf(output)) add(position);
          else if (output.kind === "behind") pull();
        }
        if (relay !== to || !("session" in output) || output.session !== peer) continue;
        if (output.kind === "welcome") begin(output.standing);
        else if (output.kind === "ack") answers.push({ kind: "ack", upTo: output.upTo });
        else if (output.kind === "refuse") answers.push(output);
        else if (output.kind === "goodbye" && mayEnd) hop.cut();
        else if (output.kind === "goodbye") throw new Error(`the link ended: ${output.reason.code}, ${output.reason.why}`);
      }
      pump();
    },
  };
  restart();
  return hop;
}

/** Id of a message, the same in every mailbox it waits in. */
export function storedId(mail: StoredMail): string {
  return `${hex(readLabel(mail.label).stream)}.${mail.seq}`;
}
