/**
 * What a relay knows, as data. Changed in place by `mailboxes.ts`, rebuilt from the log by `mailbox-replay.ts`.
 *
 * Invariants: the positions of a mailbox from 1 to `nextPosition - 1` are each either in `stored` or in `settled`, never in
 * both; `syncedTail < nextPosition`; `synced <= upTo` for every link; a name belongs to at most one agent.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { hex } from "../../wire/bytes.ts";
import { type AgentId, agentIdText, LINK_BYTES } from "../../wire/ids.ts";
import { KEPT_REFUSALS } from "../../wire/kept-relay.ts";
import { createIntervalSet, type IntervalSet, type Range } from "./interval-set.ts";
import { createStatements, type Statements } from "./statements.ts";

/** Where a record lies in the log. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** A message that waits. Its body lies in the log; this is what release, expiry and damage need without reading it. */
export interface StoredMail {
  /** Absent between the step that stored it and the append. */
  place: Place | undefined;
  readonly sizeBytes: number;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  /** Whether its sender gets a notice when it is not settled in time. */
  readonly wantsNotice: boolean;
  /** 32 bytes, shared with the sender's registration where there is one. */
  readonly from: Bytes;
  /** Stream (8) and digest (16), one letter per byte. */
  readonly label: string;
  readonly seq: number;
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
  nextPosition: number;
  syncedTail: number;
  readonly settled: IntervalSet;
  readonly stored: Map<number, StoredMail>;
  storedBytes: number;
  /** No message expires before this. */
  earliestExpiryMs: number;
  epoch: number;
  consumer: Consumer | undefined;
  /** Ranges the current consumer has settled beyond the synced tail; granted as far as the tail has come. */
  deferred: readonly Range[];
  /** Sequence number of the next notice to this agent, of this start. */
  noticeSeq: number;
}

export interface Link {
  readonly raw: Bytes;
  /** Taken or refused, appended. */
  upTo: number;
  /** Taken or refused, durable. */
  synced: number;
  /** Newest last. */
  readonly refused: number[];
}

export interface AgentState {
  readonly key: string;
  readonly id: AgentId;
  readonly idRaw: Bytes;
  name: string | undefined;
  recordVersion: number;
  bundle: Bytes;
  readonly mailbox: Mailbox;
  /** Oldest first. */
  readonly links: Map<string, Link>;
  /** Encoded statement proofs, oldest first. */
  readonly proofs: { readonly number: number; readonly proof: Bytes }[];
}

export interface RelayState {
  readonly agents: Map<string, AgentState>;
  readonly names: Map<string, AgentState>;
  readonly statements: Statements;
  storedMessages: number;
  storedBytes: number;
}

export const NO_LINK: Bytes = new Uint8Array(LINK_BYTES);

export function createRelayState(): RelayState {
  return { agents: new Map(), names: new Map(), statements: createStatements(), storedMessages: 0, storedBytes: 0 };
}

export function addAgent(state: RelayState, idRaw: Bytes): AgentState {
  const key = hex(idRaw);
  const agent: AgentState = {
    key,
    id: agentIdText(idRaw),
    idRaw: idRaw.slice(),
    name: undefined,
    recordVersion: 0,
    bundle: new Uint8Array(0),
    mailbox: {
      nextPosition: 1,
      syncedTail: 0,
      settled: createIntervalSet(),
      stored: new Map(),
      storedBytes: 0,
      earliestExpiryMs: Number.POSITIVE_INFINITY,
      epoch: 0,
      consumer: undefined,
      deferred: [],
      noticeSeq: 1,
    },
    links: new Map(),
    proofs: [],
  };
  state.agents.set(key, agent);
  return agent;
}

export function findAgent(state: RelayState, idRaw: Bytes): AgentState | undefined {
  return state.agents.get(hex(idRaw));
}

/** The newest bundle and name of an agent; a name it gave up is free again. */
export function register(state: RelayState, agent: AgentState, bundle: Bytes, name: string | undefined, recordVersion: number): void {
  if (agent.name !== undefined && state.names.get(agent.name) === agent) state.names.delete(agent.name);
  agent.bundle = bundle.slice();
  agent.name = name;
  agent.recordVersion = recordVersion;
  if (name !== undefined) state.names.set(name, agent);
}

/** Links remembered per agent: it draws one at each opening, and needs an old one only until it has opened again. */
export const LINKS_PER_AGENT = 16;

/** The link of that number, new if need be; those used longest ago are forgotten for it, unless `inUse`. */
export function linkOf(agent: AgentState, raw: Bytes, inUse: (link: Link) => boolean = () => false): Link {
  const key = hex(raw);
  const link: Link = agent.links.get(key) ?? { raw: raw.slice(), upTo: 0, synced: 0, refused: [] };
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

export function keepMail(state: RelayState, mailbox: Mailbox, position: number, mail: StoredMail): void {
  mailbox.stored.set(position, mail);
  mailbox.storedBytes += mail.sizeBytes;
  mailbox.earliestExpiryMs = Math.min(mailbox.earliestExpiryMs, mail.expiresAtMs);
  state.storedMessages++;
  state.storedBytes += mail.sizeBytes;
}

/** Takes a message out of the waiting ones; its place is still held in the log until it is released there. */
export function dropMail(state: RelayState, mailbox: Mailbox, position: number): StoredMail | undefined {
  const mail = mailbox.stored.get(position);
  if (mail === undefined) return undefined;
  mailbox.stored.delete(position);
  mailbox.storedBytes -= mail.sizeBytes;
  if (mailbox.stored.size === 0) mailbox.earliestExpiryMs = Number.POSITIVE_INFINITY;
  state.storedMessages--;
  state.storedBytes -= mail.sizeBytes;
  return mail;
}

export function settledFloor(mailbox: Mailbox): number {
  return mailbox.settled.firstMissing(1) - 1;
}

/** Stream and digest of an envelope as one short string, cheaper to keep by the hundred thousand than two byte arrays. */
export function labelOf(stream: Bytes, digest: Bytes): string {
  return String.fromCharCode(...stream, ...digest);
}

export function readLabel(label: string): { readonly stream: Bytes; readonly digest: Bytes } {
  const bytes = new Uint8Array(label.length);
  for (let index = 0; index < label.length; index++) bytes[index] = label.charCodeAt(index);
  return { stream: bytes.slice(0, 8), digest: bytes.slice(8) };
}
