/**
 * What goes into the relay's machine and what comes out of it.
 *
 * Sessions have one of three roles. An `agent` writes as itself and may consume its mailbox. A `peer` is another relay on the
 * other end of a link: it writes for its agents, and consumes nothing. A `forwarder` is this relay's own consumer of the mail
 * that waits for one peer: it is handed `deliver` and `behind` like any consumer, passes the mail on over the link, and
 * settles what the peer has acknowledged. Numbers of all sessions come from one counter.
 */

import type { LogFields } from "../../host/log.ts";
import type { Bytes, Piece } from "../../wire/bytes.ts";
import type { MailFrame } from "../../wire/control.ts";
import type { ErrorCode, LimitHit, Retry } from "../../wire/error.ts";
import type { AgentId } from "../../wire/ids.ts";
import type { AgentStanding, Ending } from "../../wire/kept-relay.ts";
import type { IndexedPositions, RestingRow } from "./index-reading.ts";
import type { Places } from "./places.ts";

/** Who somebody has proven to be, and what its verified bundle says. */
export interface Registration {
  /** 32 bytes. */
  readonly idRaw: Bytes;
  readonly bundle: Bytes;
  readonly name: string | undefined;
  readonly recordVersion: number;
  /** The bundle it was compared with, and takes the place of; empty when none was known. */
  readonly replaces: Bytes;
  /** What has to be said of what was offered, when that is not what came out of the comparison. */
  readonly verdict: "" | "record-rolled-back" | "identity-forked";
  readonly standing: AgentStanding;
  /** Keys of the instances that may act for it now. */
  readonly instances: readonly Bytes[];
}

export interface SettleRequest {
  readonly generation: Bytes;
  readonly epoch: number;
  readonly floor: number;
  readonly ranges: readonly (readonly number[])[];
}

export type SessionRole = "agent" | "peer" | "forwarder";

export type RelayInput =
  | {
      readonly kind: "attach";
      readonly session: number;
      readonly role: SessionRole;
      /** Of a forwarder only the id counts: that of the peer, which must be known. */
      readonly registration: Registration;
      /** Of a forwarder: not looked at. */
      readonly link: Bytes;
      /** Never of a peer; always of a forwarder. */
      readonly consume: boolean;
      /** What an agent shows to register where that is asked for; empty when it has none. */
      readonly ticket: string;
      /** The instance that proved itself; empty of a forwarder. */
      readonly instanceKey: Bytes;
      /** Its newest attach pass; empty when it has none, and without `consume`. */
      readonly pass: Bytes;
      readonly have: { readonly generation: Bytes; readonly position: number };
    }
  /** The welcome has left. */
  | { readonly kind: "ready"; readonly session: number }
  | { readonly kind: "detach"; readonly session: number }
  /** The pass of its welcome is durable on its side. */
  | { readonly kind: "confirm"; readonly session: number; readonly pass: Bytes }
  /** The time for confirming the pass of its welcome is over. */
  | { readonly kind: "confirm-due"; readonly session: number }
  | { readonly kind: "publish"; readonly session: number; readonly registration: Registration }
  /** Mail that came together, in order. */
  | { readonly kind: "mails"; readonly session: number; readonly mails: readonly MailFrame[] }
  | { readonly kind: "settle"; readonly session: number; readonly settle: SettleRequest }
  /** What the agent of that session says of whom it knows; lists as in the frame. */
  | {
      readonly kind: "contacts";
      readonly session: number;
      readonly version: number;
      readonly open: boolean;
      readonly contacts: Bytes;
      readonly blocked: Bytes;
    }
  /**
   * Another relay: where it is said to be, or with `bundle` (verified, newest) where that says it is, or where it just answered.
   * Without room for another relay it changes nothing. `teller`: the key of the agent that says where it is.
   */
  | {
      readonly kind: "peer";
      readonly relayId: Bytes;
      readonly url: string | undefined;
      readonly bundle: Bytes | undefined;
      readonly teller?: string | undefined;
    }
  /** Another relay proved, and it was verified, that mail of these agents of ours is stored there: at most PEER_LEAF_MESSAGES. */
  | { readonly kind: "vouch"; readonly senders: readonly Bytes[]; readonly number: number; readonly proof: Bytes }
  /** SHA-256 of the ticket's text; 0 uses take it back. */
  | { readonly kind: "issue-ticket"; readonly hash: Bytes; readonly expiresAtMs: number; readonly uses: number }
  /** An agent or a relay is turned away from here on, or no longer. */
  | { readonly kind: "ban"; readonly agentId: Bytes; readonly banned: boolean; readonly why: string }
  /** Where the records of the output `append` of that ticket lie. */
  | { readonly kind: "appended"; readonly ticket: number; readonly segment: number; readonly offsets: readonly number[] }
  /** Everything up to that ticket survives a loss of power. */
  | { readonly kind: "synced"; readonly ticket: number }
  /** Messages that were read from the log have left for that session, in their order. */
  | { readonly kind: "handed-over"; readonly session: number; readonly positions: readonly number[] }
  | { readonly kind: "blocked"; readonly session: number; readonly blocked: boolean }
  /** New mail cannot be kept now, or can again. */
  | { readonly kind: "trouble"; readonly trouble: Trouble | undefined }
  /** A sync failed: from here on nothing is delivered before it is durable. */
  | { readonly kind: "distrust-disk" }
  /** A message expired or was found damaged; `notice` is the body of the notice for its sender. */
  | { readonly kind: "end"; readonly agent: string; readonly position: number; readonly ending: Ending; readonly notice: Bytes | undefined }
  /** Rows that the output `rows-wanted` asked for, of positions from `first` on. */
  | { readonly kind: "rows"; readonly agent: string; readonly first: number; readonly rows: readonly RestingRow[] }
  /** The index of a closed segment names this mail; what nobody is about to read rests from here on, or with `all` everything. */
  | { readonly kind: "rest"; readonly segment: number; readonly runs: readonly IndexedPositions[]; readonly all: boolean }
  /** Mail that rests and may have expired by then is wanted. */
  | { readonly kind: "sweep"; readonly beforeMs: number }
  | { readonly kind: "statement-due" }
  | { readonly kind: "signed"; readonly signature: Bytes }
  | { readonly kind: "not-signed" };

export interface Trouble {
  readonly code: ErrorCode;
  readonly why: string;
  readonly afterMs: number;
}

export interface Reason {
  readonly code: ErrorCode;
  readonly why: string;
  readonly retry: Retry;
  readonly afterMs: number;
  /** The limit that was hit. */
  readonly limit?: LimitHit | undefined;
  readonly hint: string;
}

/** What the welcome of a session says of its mailbox and link. */
export interface Standing {
  readonly epoch: number;
  readonly tail: number;
  readonly settledFloor: number;
  readonly linkUpTo: number;
  readonly linkRefused: readonly number[];
  /** Version of the contact list kept here; 0 when there is none. */
  readonly contactsVersion: number;
  /** For the next attach of this instance; empty without `consume`. */
  readonly pass: Bytes;
}

export type RelayOutput =
  /** Records for the log, durable together; come back as `appended` at once and as `synced` later. With `later` nobody waits for them. */
  | { readonly kind: "append"; readonly ticket: number; readonly records: readonly Piece[]; readonly later?: boolean }
  /** Somebody waits, after all, for what is not durable yet. */
  | { readonly kind: "hurry" }
  /** Nothing needs these records any more. */
  | { readonly kind: "release"; readonly places: Places }
  | { readonly kind: "welcome"; readonly session: number; readonly standing: Standing }
  /** Mail for the consumer of that session: one envelope for each position from that one on. */
  | {
      readonly kind: "deliver";
      readonly session: number;
      readonly position: number;
      readonly storedAtMs: number;
      readonly envelopes: readonly Bytes[];
    }
  /** There is mail in the log for this session; see `nextFor`. */
  | { readonly kind: "behind"; readonly session: number }
  /** Mail that rests is needed: so many positions from `first` on, whose rows begin at `row` in the index of the segment. */
  | {
      readonly kind: "rows-wanted";
      readonly agent: string;
      readonly segment: number;
      readonly row: number;
      readonly first: number;
      readonly count: number;
    }
  | { readonly kind: "ack"; readonly session: number; readonly upTo: number }
  | { readonly kind: "refuse"; readonly session: number; readonly linkSeq: number; readonly reason: Reason }
  | { readonly kind: "position"; readonly session: number; readonly epoch: number; readonly settledFloor: number; readonly tail: number }
  | { readonly kind: "proof"; readonly session: number; readonly proof: Bytes }
  /** Mail waits for this relay and nobody passes it on: an invitation to dial it and attach a forwarder. May repeat. */
  | { readonly kind: "peer-wanted"; readonly relayId: Bytes }
  | { readonly kind: "goodbye"; readonly session: number; readonly reason: Reason }
  | { readonly kind: "sign"; readonly statement: Bytes }
  /** What is registered of the agent of that session is durable; `verdict` on what it offered. */
  | { readonly kind: "published"; readonly session: number; readonly verdict: Registration["verdict"] }
  /** Something about an agent's identity its owner and the relay's must see. */
  | { readonly kind: "alarm"; readonly agent: AgentId; readonly why: string }
  | { readonly kind: "fact"; readonly event: string; readonly fields: LogFields };

/** The safety mechanisms that a test may switch off by name, to see that it is they that keep the promise. */
export interface RelayDefences {
  readonly ackAfterSync: boolean;
  readonly generation: boolean;
  readonly settleClamp: boolean;
  readonly epoch: boolean;
  /** No sender, stranger or peer fills more than its share. */
  readonly pools: boolean;
  /** An agent writes as itself only, and a peer's notices are its own. */
  readonly fromCheck: boolean;
  /** Nobody brings mail, or new agents, faster than set. */
  readonly rates: boolean;
  /** Mail of a peer is for agents of this relay, or refused. */
  readonly noTransit: boolean;
  /** A folder that lives twice is found out by its attach passes. */
  readonly passes: boolean;
}

export const ALL_RELAY_DEFENCES: RelayDefences = {
  ackAfterSync: true,
  generation: true,
  settleClamp: true,
  epoch: true,
  pools: true,
  rates: true,
  fromCheck: true,
  noTransit: true,
  passes: true,
};
