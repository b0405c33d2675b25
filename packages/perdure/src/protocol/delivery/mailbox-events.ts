/** What goes into the relay's machine and what comes out of it. */

import type { LogFields } from "../../host/log.ts";
import type { Bytes } from "../../wire/bytes.ts";
import type { ErrorCode, Retry } from "../../wire/error.ts";
import type { Ending } from "../../wire/kept-relay.ts";
import type { Place } from "./mailbox-state.ts";

/** Who somebody has proven to be, and what its verified bundle says. */
export interface Registration {
  /** 32 bytes. */
  readonly idRaw: Bytes;
  readonly bundle: Bytes;
  readonly name: string | undefined;
  readonly recordVersion: number;
}

export interface SettleRequest {
  readonly generation: Bytes;
  readonly epoch: number;
  readonly floor: number;
  readonly ranges: readonly (readonly number[])[];
}

export type RelayInput =
  | {
      readonly kind: "attach";
      readonly session: number;
      readonly registration: Registration;
      readonly link: Bytes;
      readonly consume: boolean;
      readonly have: { readonly generation: Bytes; readonly position: number };
    }
  /** The welcome has left. */
  | { readonly kind: "ready"; readonly session: number }
  | { readonly kind: "detach"; readonly session: number }
  | { readonly kind: "publish"; readonly session: number; readonly registration: Registration }
  | { readonly kind: "mail"; readonly session: number; readonly linkSeq: number; readonly hopLimit: number; readonly envelope: Bytes }
  | { readonly kind: "settle"; readonly session: number; readonly settle: SettleRequest }
  /** What the output `append` of that ticket gave. */
  | { readonly kind: "appended"; readonly ticket: number; readonly places: readonly Place[] }
  /** Everything up to that ticket survives a loss of power. */
  | { readonly kind: "synced"; readonly ticket: number }
  | { readonly kind: "handed-over"; readonly session: number; readonly position: number }
  | { readonly kind: "blocked"; readonly session: number; readonly blocked: boolean }
  /** New mail cannot be kept now, or can again. */
  | { readonly kind: "trouble"; readonly trouble: Trouble | undefined }
  /** A sync failed: from here on nothing is delivered before it is durable. */
  | { readonly kind: "distrust-disk" }
  /** A message expired or was found damaged; `notice` is the body of the notice for its sender. */
  | { readonly kind: "end"; readonly agent: string; readonly position: number; readonly ending: Ending; readonly notice: Bytes | undefined }
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
  readonly hint: string;
}

/** What the welcome of a session says of its mailbox and link. */
export interface Standing {
  readonly epoch: number;
  readonly tail: number;
  readonly settledFloor: number;
  readonly linkUpTo: number;
  readonly linkRefused: readonly number[];
}

export type RelayOutput =
  /** Records for the log, durable together; come back as `appended` at once and as `synced` later. */
  | { readonly kind: "append"; readonly ticket: number; readonly records: readonly Bytes[] }
  /** Nothing needs these records any more. */
  | { readonly kind: "release"; readonly places: readonly Place[] }
  | { readonly kind: "welcome"; readonly session: number; readonly standing: Standing }
  | { readonly kind: "deliver"; readonly session: number; readonly position: number; readonly storedAtMs: number; readonly envelope: Bytes }
  /** There is mail in the log for this session; see `nextFor`. */
  | { readonly kind: "behind"; readonly session: number }
  | { readonly kind: "ack"; readonly session: number; readonly upTo: number }
  | { readonly kind: "refuse"; readonly session: number; readonly linkSeq: number; readonly reason: Reason }
  | { readonly kind: "position"; readonly session: number; readonly epoch: number; readonly settledFloor: number; readonly tail: number }
  | { readonly kind: "proof"; readonly session: number; readonly proof: Bytes }
  | { readonly kind: "goodbye"; readonly session: number; readonly reason: Reason }
  | { readonly kind: "sign"; readonly statement: Bytes }
  | { readonly kind: "fact"; readonly event: string; readonly fields: LogFields };

/** The safety mechanisms that a test may switch off by name, to see that it is they that keep the promise. */
export interface RelayDefences {
  readonly ackAfterSync: boolean;
  readonly generation: boolean;
  readonly settleClamp: boolean;
  readonly epoch: boolean;
}

export const ALL_RELAY_DEFENCES: RelayDefences = { ackAfterSync: true, generation: true, settleClamp: true, epoch: true };
