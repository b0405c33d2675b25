/**
 * What a relay knows, as data. Changed in place by `mailboxes.ts`, rebuilt from the log by `mailbox-replay.ts`.
 *
 * Another relay is an agent with a `peer` part, in maps of its own: its mailbox holds what is to be passed on to it, its links
 * are those it sends on, its proofs are about what it sent.
 *
 * Invariants: the positions of a mailbox from 1 to `nextPosition - 1` are each either in `stored` or in `settled`, never in
 * both; `syncedTail < nextPosition`; `synced <= upTo` for every link; a name belongs to at most one agent; every load is
 * the sum over the stored mail it is about.
 */
import { type Bytes, EMPTY, equalBytes, hex, startsWith, u32At } from "../../wire/bytes.ts";
import { TO_AT } from "../../wire/envelope.ts";
import { AGENT_ID_BYTES, type AgentId, agentIdText, LINK_BYTES } from "../../wire/ids.ts";
import { type AgentStanding, KEPT_REFUSALS } from "../../wire/kept-relay.ts";
import type { ContactList } from "./contact-list.ts";
import { Few } from "./few.ts";
import { createIntervalSet, type IntervalSet, NO_RANGES, type Range } from "./interval-set.ts";
import { createStatements, type Statements } from "./statements.ts";
import { createMailColumns, type MailColumns, type StoredMailOf, type StoredMails } from "./stored-mails.ts";

export type { Place } from "./places.ts";

/** How much of something waits. */
export interface Load {
  messages: number;
  bytes: number;
}

/** Whoever has mail waiting in one mailbox: an id, and the peer its mail comes through, since nobody else answers for that. */
export interface Sender {
  readonly key: string;
  /** 32 bytes. */
  readonly from: Bytes;
  readonly via: AgentState | undefined;
  /** The agent of this relay that wrote it; absent with `via`, and for the relay's own notices. */
  readonly author: AgentState | undefined;
  /** The agent of the mailbox does not know it. */
  stranger: boolean;
  readonly mail: Load;
  /** Receipts and notices. */
  readonly other: Load;
}

export type StoredMail = StoredMailOf<Sender>;

/** Whose mail it is: the way it came, and under which key its sender's share of a mailbox is counted. */
export interface Origin {
  readonly key: string;
  readonly via: AgentState | undefined;
  readonly author: AgentState | undefined;
}

export interface Consumer {
  readonly session: number;
  readonly epoch: number;
  /** Everything unsettled up to here was handed to this session. */
  cursor: number;
  /** The welcome has left. */
  ready: boolean;
  /** Too much is queued for it; it is served from the log when that has left. */
  blocked: boolean;
}

export interface Mailbox {
  /** It is a peer's, its mail is to be passed on. */
  readonly route: boolean;
  /** Those with mail waiting. */
  readonly senders: Few<Sender>;
  /** What of it is from senders its agent does not know. */
  readonly strangers: { readonly mail: Load; readonly other: Load };
  nextPosition: number;
  syncedTail: number;
  readonly settled: IntervalSet;
  /** Of that, what no durable record says yet, oldest first. */
  readonly leaving: Range[];
  readonly stored: StoredMails<Sender>;
  storedBytes: number;
  /** No message expires before this. */
  earliestExpiryMs: number;
  epoch: number;
  consumer: Consumer | undefined;
  /** Ranges the current consumer has settled beyond the synced tail, or that rest; granted as far as the tail has come, and rows are there. */
  deferred: readonly Range[];
  /** Rows of mail that rests are being read. */
  fetching: boolean;
  /** Sequence number of the next notice to this agent, of this start. */
  noticeSeq: number;
}

export interface Link {
  readonly raw: Bytes;
  /** Of its leaves of statements, once there was one. */
  leafKey: string | undefined;
  /** Taken or refused, appended. */
  upTo: number;
  /** Taken or refused, durable. */
  synced: number;
  /** Newest last. */
  readonly refused: number[];
}

/** What makes another relay of an agent. */
export interface Peer {
  /** Where it is said to be, best first. */
  urls: readonly string[];
  /** Who of this relay's agents said so, by url, since this start. */
  readonly tellers: Map<string, string>;
  /** The log knows of it. */
  kept: boolean;
  /** When it was met last, or first heard of, milliseconds since 1970. */
  seenAtMs: number;
  /** Mail that came from it and waits in mailboxes here. */
  readonly charged: Load;
  /** Messages it has taken, and messages taken from it, since this relay started. */
  passedOn: number;
  relayedIn: number;
}

/** How far the passes of one instance got. */
export interface PassChain {
  readonly instanceKey: Bytes;
  /** Number of the newest one given. */
  given: number;
  /** Number of the newest one the instance is known to have on its disk, 0 for none: those before it count no more. */
  confirmed: number;
  /** When a used one was shown, milliseconds since 1970; 0 for never. */
  clonedAtMs: number;
}

export interface AgentState {
  /** `keptId` as hexadecimal digits. */
  readonly key: string;
  readonly id: AgentId;
  readonly idRaw: Bytes;
  /** What its mailbox and links stand under in the log: a peer's are never those of an agent that has the same id. */
  readonly keptId: Bytes;
  readonly peer: Peer | undefined;
  /** Of mail that comes over its sessions; a peer's depends on who wrote it. */
  readonly origin: Origin | undefined;
  contacts: ContactList | undefined;
  /** Its mail that waits here, in mailboxes and to be passed on. */
  readonly authored: Load;
  /** Its mail that waits to be passed on, over all peers. */
  readonly outbound: Load;
  /** Peers its mail waits for. */
  routes: number;
  name: string | undefined;
  recordVersion: number;
  standing: AgentStanding;
  bundle: Bytes;
  readonly mailbox: Mailbox;
  /** Oldest first. */
  readonly links: Few<Link>;
  /** By instance key, as hexadecimal digits; the one used last stands last. */
  readonly passes: Few<PassChain>;
  /** Encoded statement proofs of this relay, oldest first. */
  readonly proofs: ShelvedProof[];
  /** Those of other relays about mail of this agent. */
  readonly vouched: ShelvedProof[];
}

export interface ShelvedProof {
  readonly number: number;
  readonly proof: Bytes;
  /** The relay that signed it, in hexadecimal digits; empty for this one. */
  readonly by: string;
  /** The same for the same proof. */
  readonly mark: number;
}

export interface Ticket {
  readonly hash: Bytes;
  readonly expiresAtMs: number;
  readonly usesLeft: number;
}

export interface Ban {
  readonly agentId: Bytes;
  readonly why: string;
  readonly atMs: number;
}

export interface UnclaimedProof {
  readonly sender: Bytes;
  readonly link: Bytes;
  readonly number: number;
  readonly proof: Bytes;
}

export interface RelayState {
  /** 32 bytes: the relay itself. */
  readonly relayId: Bytes;
  /** What attach passes are made with, drawn once; empty before that. */
  passKey: Bytes;
  readonly agents: Map<string, AgentState>;
  /** Other relays, by id and by the key of what is kept for them. */
  readonly peers: Map<string, AgentState>;
  readonly routes: Map<string, AgentState>;
  /** By hash and by id, as hexadecimal digits. */
  readonly tickets: Map<string, Ticket>;
  readonly bans: Map<string, Ban>;
  /** Mail that came from peers, and mail that waits for peers. */
  readonly relayed: Load;
  readonly routed: Load;
  /** Positions below this were given in the mailbox of a peer that is forgotten, and are not given again in that of another. */
  routeFloor: number;
  readonly names: Map<string, AgentState>;
  readonly statements: Statements;
  /** While the log is read: proofs of statements that were read before anything was of their senders. */
  readonly unclaimed: UnclaimedProof[];
  /** Those found last, by the first four bytes of their id. */
  readonly recipients: Map<number, AgentState>;
  /** That was found last: mail for one relay, or of one, mostly comes together. */
  lastPeer: { readonly key: string; readonly peer: AgentState } | undefined;
  /** What waits, of all mailboxes. */
  readonly mails: MailColumns<Sender>;
  storedMessages: number;
  storedBytes: number;
  /** Rows that were fetched since this start. */
  fetchedRows: number;
}

/** More than are written to in a while; more only cost a look-up each. */
const RECIPIENTS = 16_384;

export const NO_LINK: Bytes = new Uint8Array(LINK_BYTES);

export function createRelayState(relayId: Bytes): RelayState {
  return {
    relayId,
    passKey: EMPTY,
    // bound: MAX_AGENTS of the relay, limits.agents
    agents: new Map(),
    // bound: relayPeers
    peers: new Map(),
    // bound: relayPeers
    routes: new Map(),
    // bound: openTickets
    tickets: new Map(),
    // bound: keptBans
    bans: new Map(),
    relayed: emptyLoad(),
    routed: emptyLoad(),
    routeFloor: 1,
    // bound: one per agent
    names: new Map(),
    statements: createStatements(),
    // bound: leaves of statements in one batch
    unclaimed: [],
    // bound: RECIPIENTS
    recipients: new Map(),
    lastPeer: undefined,
    mails: createMailColumns<Sender>(),
    storedMessages: 0,
    storedBytes: 0,
    fetchedRows: 0,
  };
}

/** A class because every agent has four: as literals they share a shape with others, whose numbers may be any, and then each number is an object. */
class CountedLoad implements Load {
  messages = 0;
  bytes = 0;
}

export function emptyLoad(): Load {
  return new CountedLoad();
}

export function createAgentState(mails: MailColumns<Sender>, idRaw: Bytes, keptId: Bytes, peer: Peer | undefined): AgentState {
  const id = idRaw.slice();
  const key = hex(keptId);
  const origin: { key: string; via: undefined; author: AgentState | undefined } = { key, via: undefined, author: undefined };
  const agent: AgentState = {
    key,
    id: agentIdText(id),
    idRaw: id,
    keptId: keptId === idRaw ? id : keptId.slice(),
    peer,
    origin: peer === undefined ? origin : undefined,
    contacts: undefined,
    authored: emptyLoad(),
    outbound: emptyLoad(),
    routes: 0,
    name: undefined,
    recordVersion: 0,
    standing: "open",
    bundle: EMPTY,
    mailbox: {
      route: peer !== undefined,
      // bound: mailboxMessages: those with mail in it
      senders: new Few(),
      strangers: { mail: emptyLoad(), other: emptyLoad() },
      nextPosition: 1,
      syncedTail: 0,
      settled: createIntervalSet(),
      // bound: settles and endings that are not durable: APPEND_QUEUE_BYTES
      leaving: [],
      stored: mails.mailbox(peer !== undefined),
      storedBytes: 0,
      earliestExpiryMs: Number.POSITIVE_INFINITY,
      epoch: 0,
      consumer: undefined,
      deferred: NO_RANGES,
      fetching: false,
      noticeSeq: 1,
    },
    // bound: LINKS_PER_AGENT, and those in use
    links: new Few(),
    // bound: CHAINS_PER_AGENT
    passes: new Few(),
    proofs: [],
    vouched: [],
  };
  origin.author = agent;
  return agent;
}

export function addAgent(state: RelayState, idRaw: Bytes): AgentState {
  const agent = createAgentState(state.mails, idRaw, idRaw, undefined);
  state.agents.set(agent.key, agent);
  return agent;
}

/** Agents and peers: everybody who has a mailbox here. */
export function* mailboxOwners(state: RelayState): Generator<AgentState> {
  yield* state.agents.values();
  yield* state.peers.values();
}

/** The agent or the peer whose mailbox has this key. */
export function ownerOf(state: RelayState, key: string): AgentState | undefined {
  return state.agents.get(key) ?? state.routes.get(key);
}

export function findPeer(state: RelayState, relayId: Bytes): AgentState | undefined {
  const { lastPeer: last } = state;
  if (last !== undefined && equalBytes(last.peer.idRaw, relayId) && state.peers.get(last.key) === last.peer) return last.peer;
  if (state.peers.size === 0) return undefined;
  const key = hex(relayId);
  const peer = state.peers.get(key);
  state.lastPeer = peer && { key, peer };
  return peer;
}

/** Whoever sends on that link under that id, which an agent and a peer may share. */
export function senderOnLink(state: RelayState, idRaw: Bytes, link: Bytes): AgentState | undefined {
  const [id, number] = [hex(idRaw), hex(link)];
  const agent = state.agents.get(id);
  return agent?.links.has(number) === true ? agent : (state.peers.get(id) ?? agent);
}

export function findAgent(state: RelayState, idRaw: Bytes): AgentState | undefined {
  return state.agents.get(hex(idRaw));
}

/** The same for the recipient of an envelope, whose id is looked for with each: where it was found last is looked at first. */
export function findRecipient(state: RelayState, envelope: Bytes): AgentState | undefined {
  const start = u32At(envelope, TO_AT);
  const last = state.recipients.get(start);
  if (last !== undefined && startsWith(envelope, last.idRaw, TO_AT) && state.agents.get(last.key) === last) return last;
  const found = findAgent(state, envelope.subarray(TO_AT, TO_AT + AGENT_ID_BYTES));
  if (found !== undefined && (state.recipients.has(start) || state.recipients.size < RECIPIENTS)) state.recipients.set(start, found);
  return found;
}

/** The newest bundle and name of an agent; a name it gave up is free again. */
export function register(
  state: RelayState,
  agent: AgentState,
  { bundle, name, recordVersion, standing }: Pick<AgentState, "bundle" | "name" | "recordVersion" | "standing">,
): void {
  if (agent.name !== undefined && state.names.get(agent.name) === agent) state.names.delete(agent.name);
  agent.bundle = bundle.slice();
  agent.name = name;
  agent.recordVersion = recordVersion;
  agent.standing = standing;
  if (name !== undefined) state.names.set(name, agent);
}

/** Links remembered per agent: it draws one at each opening, and needs an old one only until it has opened again. */
export const LINKS_PER_AGENT = 16;

/** A link nothing came over yet. */
export function newLink(raw: Bytes): Link {
  return { raw: raw.slice(), leafKey: undefined, upTo: 0, synced: 0, refused: [] };
}

/** The link of that number, new if need be; those used longest ago are forgotten for it, unless `inUse`. */
export function linkOf(agent: AgentState, raw: Bytes, inUse: (link: Link) => boolean = () => false): Link {
  const key = hex(raw);
  const link = agent.links.get(key) ?? newLink(raw);
  agent.links.delete(key);
  agent.links.set(key, link);
  for (const [old, each] of agent.links) {
    if (agent.links.size <= LINKS_PER_AGENT) break;
    if (each !== link && !inUse(each)) agent.links.delete(old);
  }
  return link;
}

export function noteRefused(link: Link, linkSeq: number): void {
  link.refused.push(linkSeq);
  if (link.refused.length > KEPT_REFUSALS) link.refused.shift();
}

/** A restatement says what was refused; what was read already stays. */
export function recallRefused(link: Link, refused: readonly number[]): void {
  const all = [...new Set([...refused, ...link.refused])].sort((one, other) => one - other);
  link.refused.splice(0, link.refused.length, ...all.slice(-KEPT_REFUSALS));
}

export function settledFloor(mailbox: Mailbox): number {
  return mailbox.settled.firstMissing(1) - 1;
}
