/** A relay's machine with the reference beside it: each input goes to both, and what both say and know must be the same. */

import type { LogFields } from "../../../packages/perdure/src/host/log.ts";
import type { RelayInput, RelayOutput } from "../../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import type { AgentState, Load } from "../../../packages/perdure/src/protocol/delivery/mailbox-state.ts";
import type { MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { readLabel } from "../../../packages/perdure/src/protocol/delivery/stored-mails.ts";
import { agentId, createTestRelay, envelope, key, type TestRelay } from "../../../packages/perdure/src/protocol/delivery/test-relay.ts";
import { hex } from "../../../packages/perdure/src/wire/bytes.ts";
import { agentIdText } from "../../../packages/perdure/src/wire/ids.ts";
import { parted } from "../room.ts";
import { boxOf, floorOf, type Letter } from "./relay-book.ts";
import { createRelayReference, type RelayReference } from "./relay-reference.ts";

export interface WatchedRelay {
  readonly name: string;
  readonly relay: TestRelay;
  readonly reference: RelayReference;
  rotate(left: "mail" | undefined): void;
  crash(more: number): void;
  compare(): void;
}

export interface WatchedOptions {
  readonly name: string;
  readonly agents: readonly string[];
  /** Everybody who has a name. */
  readonly names: readonly string[];
  readonly limits: MailboxesOptions["limits"];
}

/** The stream of all that is not a relay's notice. */
const WRITTEN = "0101010101010101.";

export function createWatchedRelay({ name, agents, names, limits }: WatchedOptions): WatchedRelay {
  const byId = new Map(names.map((each) => [hex(agentId(each)), each]));
  const byText = new Map(names.map((each) => [agentIdText(agentId(each)) as string, each]));
  const nameOf = (id: Uint8Array): string | undefined => byId.get(hex(id));
  const relay = createTestRelay({}, limits, name);
  const noticeOverhead = envelope(name, "somebody", 1, { class: "notice", words: "." }).bytes.length - 1;
  const reference = createRelayReference({
    self: name,
    selfId: agentId(name),
    limits,
    nameOf,
    agents,
    generation: relay.generation,
    noticeBytes: (body) => noticeOverhead + body.length,
  });

  const keyOf = (owner: AgentState): string => `${owner.peer === undefined ? "agent" : "relay"} ${nameOf(owner.idRaw)}`;
  const ownerOf = (box: string): AgentState | undefined =>
    box.startsWith("agent ")
      ? relay.machine.lookup("agent", agentId(box.slice("agent ".length)))
      : relay.machine.state.peers.get(hex(agentId(box.slice("relay ".length))));
  /** The reference names boxes by names. */
  const translated = (input: RelayInput): RelayInput => {
    if (input.kind !== "end") return input;
    const { state } = relay.machine;
    const owner = state.agents.get(input.agent) ?? state.routes.get(input.agent);
    return owner === undefined ? input : { ...input, agent: keyOf(owner) };
  };

  /** Something came in that was not compared yet. */
  let isStirred = true;
  const feed = relay.feed;
  relay.feed = (input) => {
    if (input.kind === "appended") return feed(input);
    isStirred = true;
    const before = relay.unsynced;
    const heard = translated(input);
    const outputs = feed(input);
    const expected = reference.heed(heard, relay.nowMs, relay.unsynced > before, relay.unsynced > 0);
    same(`${input.kind}`, framesFirst(outputs.flatMap(wordsOf)), framesFirst(expected));
    return outputs;
  };
  /** What is written down of mail that came together may stand between what leaves of it, or behind. */
  const framesFirst = (lines: readonly string[]): readonly string[] => {
    const isNoted = (line: string): boolean => line.startsWith("appended ");
    return [...lines.filter((line) => !isNoted(line)), ...lines.filter(isNoted)];
  };
  const factIn = (event: string, fields: LogFields): readonly string[] => {
    const nameIn = (text: unknown): string => byText.get(String(text)) ?? String(text);
    const { agent, from, id, linkSeq, position } = fields;
    if (event === "relay.mail-appended") {
      const routed = fields.routed === true ? `for ${nameIn(fields.to)}` : "here";
      const author = fields.relayed === true ? `of ${nameIn(fields.author)}` : (fields.author ?? "own");
      return [`appended ${nameIn(agent)} ${nameIn(from)} ${id} ${fields.class} ${fields.bytes} ${linkSeq} ${position} ${routed} ${author}`];
    }
    if (event === "relay.refused") return [`refused ${nameIn(agent)} ${linkSeq} ${fields.code}`];
    if (event === "relay.peer") return [`met ${nameIn(agent)} ${fields.url} ${fields.met}`];
    if (event !== "relay.expired") return [];
    const noticeFor = nameIn(fields.noticeFor);
    const notice = fields.noticed === true ? `${agents.includes(noticeFor) ? "agent" : "relay"} ${noticeFor} ${fields.noticeAt}` : "";
    return [
      `expired ${fields.routed === true ? "relay" : "agent"}-${nameIn(agent)} ${position} ${String(id).startsWith(WRITTEN) ? id : "notice"} ${fields.expiresAtMs} ${fields.atMs} ${notice}`,
    ];
  };
  const wordsOf = (output: RelayOutput): readonly string[] => {
    switch (output.kind) {
      case "welcome": {
        const { epoch, tail, settledFloor, linkUpTo, linkRefused } = output.standing;
        return [`welcome ${output.session} ${epoch} ${tail} ${settledFloor} ${linkUpTo} [${linkRefused}]`];
      }
      case "ack":
        return [`ack ${output.session} ${output.upTo}`];
      case "refuse": {
        const { code, limit } = output.reason;
        return [`refuse ${output.session} ${output.linkSeq} ${code}${limit === undefined ? "" : ` ${limit.name}`}`];
      }
      case "goodbye":
        return [`goodbye ${output.session} ${output.reason.code}`];
      case "deliver":
        return output.envelopes.map((_, index) => `deliver ${output.session} ${output.position + index}`);
      case "behind":
        return [`behind ${output.session}`];
      case "position":
        return [`position ${output.session} ${output.epoch} ${output.settledFloor} ${output.tail}`];
      case "peer-wanted":
        return [`peer-wanted ${nameOf(output.relayId)}`];
      case "fact":
        return factIn(output.event, output.fields);
      default:
        return [];
    }
  };
  const same = (what: string, said: unknown, expected: unknown): void => {
    const [one, other] = [JSON.stringify(said), JSON.stringify(expected)];
    if (one !== other) parted(`${name}: ${what} says ${one} instead of ${other}`);
  };

  const watchReading = (): void => {
    const { machine } = relay;
    const { nextFor } = machine;
    machine.nextFor = (session, maxBytes, after) => {
      const due = nextFor(session, maxBytes, after);
      const [box] = [...reference.readers()].find(([, reader]) => reader.session === session) ?? [];
      const expected = box === undefined ? [] : reference.dueFor(box, maxBytes);
      same(
        `what session ${session} gets next`,
        due.map(({ position }) => position),
        expected,
      );
      return due;
    };
  };

  const letters = (owner: AgentState): readonly unknown[] =>
    [...owner.mailbox.stored].map(([position, { sender, sizeBytes, wantsNotice, seq, label }]) => [
      position,
      wantsNotice || sender.via !== undefined || sender.author !== undefined ? `${hex(readLabel(label).stream)}.${seq}` : "notice",
      sizeBytes,
      wantsNotice,
      sender.via && nameOf(sender.via.idRaw),
      sender.author && nameOf(sender.author.idRaw),
    ]);
  const told = (stored: ReadonlyMap<number, Letter>): readonly unknown[] =>
    [...stored].map(([position, { id, bytes, isMail, via, author }]) => [position, id, bytes, isMail, via, author]);
  const loadOf = (all: readonly Letter[]): Load => ({ messages: all.length, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0) });

  const compareLoads = (): void => {
    const { state } = relay.machine;
    const all = [...reference.book.boxes].flatMap(([box, { stored }]) => [...stored.values()].map((letter) => ({ box, letter })));
    const those = (counts: (box: string, letter: Letter) => boolean): Load =>
      loadOf(all.filter(({ box, letter }) => counts(box, letter)).map(({ letter }) => letter));
    const isRoute = (box: string): boolean => box.startsWith("relay ");
    same("what waits in all", { messages: state.storedMessages, bytes: state.storedBytes }, loadOf(all.map(({ letter }) => letter)));
    same("what waits to be passed on", state.routed, those(isRoute));
    same(
      "what other relays brought",
      state.relayed,
      those((box, { via }) => !isRoute(box) && via !== undefined),
    );
    for (const peer of state.peers.values()) {
      const brought = those((box, { via }) => !isRoute(box) && via === nameOf(peer.idRaw));
      same(`what ${nameOf(peer.idRaw)} brought`, peer.peer?.charged, brought);
    }
    for (const each of agents) {
      const agent = relay.machine.lookup("agent", agentId(each));
      if (agent === undefined) continue;
      const written = those((_, { author }) => author === each);
      const passedOn = those((box, { author }) => isRoute(box) && author === each);
      same(`what ${each} wrote`, [agent.authored, agent.outbound], [written, passedOn]);
    }
  };

  const compareOwner = (owner: AgentState): void => {
    const box = keyOf(owner);
    const { mailbox } = owner;
    const expected = boxOf(reference.book, box);
    same(`what waits for ${box}`, letters(owner), told(expected.stored));
    same(
      `how far ${box} got`,
      [mailbox.nextPosition, mailbox.syncedTail, mailbox.epoch, mailbox.settled.firstMissing(1) - 1],
      [expected.next, reference.tailOf(box), expected.epoch, floorOf(expected)],
    );
    const writers = new Set(
      [...expected.stored.values()].map(({ via, author, from }) =>
        via === undefined && author === undefined ? "" : `${via} ${author} ${from}`,
      ),
    );
    same(`how many have mail in ${box}`, mailbox.senders.size, writers.size);
    for (const { place } of mailbox.stored.values())
      if (place !== undefined && relay.released.has(key(place))) parted(`${name}: a letter for ${box} is let go of while it waits`);
    const reader = reference.readers().get(box);
    if (reader !== undefined) relay.machine.nextFor(reader.session, 400);
  };

  const compareRelays = (): void => {
    const { machine } = relay;
    same(
      "the relays it knows",
      [...machine.state.peers.values()].map(({ idRaw, bundle, peer }) => [nameOf(idRaw), peer?.urls, bundle.length > 0]),
      [...reference.relays].map(([each, { urls, isMet }]) => [each, urls, isMet]),
    );
    const wanted = [...reference.relays.keys()].filter(
      (each) => boxOf(reference.book, `relay ${each}`).stored.size > 0 && !reference.book.bans.has(each),
    );
    same("the relays that mail waits for", machine.peersWithMail().map(nameOf), wanted);
  };

  watchReading();
  return {
    name,
    relay,
    reference,
    rotate(left) {
      relay.rotate(left);
      reference.restate();
    },
    crash(more) {
      isStirred = true;
      relay.crash(more);
      reference.restart(more, relay.generation);
      const { state } = relay.machine;
      const relays = [...state.peers.values()].map((peer) => {
        const each = nameOf(peer.idRaw) ?? "";
        const written = boxOf(reference.book, keyOf(peer)).next;
        const isMet = peer.bundle.length > 0;
        const facts = reference.book.relays.get(each);
        if (facts === undefined) parted(`${name}: ${each} is known after a restart, and was never written down`);
        if (facts.isMet && !isMet) parted(`${name}: who ${each} is was forgotten in a restart`);
        if (peer.mailbox.nextPosition < written) parted(`${name}: position ${peer.mailbox.nextPosition} for ${each} is given once more`);
        return { name: each, next: peer.mailbox.nextPosition, epoch: peer.mailbox.epoch, isMet };
      });
      reference.recall(relays, state.routeFloor);
      for (const [box, { stored }] of reference.book.boxes)
        if (stored.size > 0 && ownerOf(box) === undefined) parted(`${name}: nobody knows ${box} after a restart, and mail waits for it`);
      watchReading();
    },
    compare() {
      if (!isStirred) return;
      isStirred = false;
      const { machine } = relay;
      for (const each of agents) {
        const agent = machine.lookup("agent", agentId(each));
        if (agent !== undefined) compareOwner(agent);
      }
      for (const peer of machine.state.peers.values()) compareOwner(peer);
      compareRelays();
      compareLoads();
      const { refused, limited, ...counted } = reference.counters;
      const { counters } = machine;
      const numbers = Object.keys(counted).map((each) => counters[each as keyof typeof counted]);
      same("what it counts", [numbers, [...counters.refused], [...counters.limited]], [Object.values(counted), [...refused], [...limited]]);
    },
  };
}
