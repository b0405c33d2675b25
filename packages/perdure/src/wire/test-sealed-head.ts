/** The head of a message that begins a conversation and says nothing special, for tests and benchmarks to change. */
import type { Bytes } from "./bytes.ts";
import { WIRE_VERSION } from "./limits.ts";
import type { SealedHead } from "./sealed.ts";

/** What travels with a message as its sender wished it. */
export const PLAIN_WORDS = {
  thread: new Uint8Array(16),
  depth: 0,
  auto: false,
  inReplyTo: undefined,
  collapseKey: "",
  idempotencyKey: "",
  contentType: "text/plain",
  fileName: "",
} as const;

/** Of one part, by nobody and of nothing. */
export function plainHead(changes: Partial<SealedHead> = {}): SealedHead {
  return {
    version: WIRE_VERSION,
    ...PLAIN_WORDS,
    part: 0,
    parts: 1,
    wholeBytes: 0,
    wholeHash: new Uint8Array(32),
    floor: 1,
    sentAtMs: 0,
    logHead: new Uint8Array(32),
    certificateHash: new Uint8Array(32),
    bundle: new Uint8Array(0),
    extensions: [],
    ...changes,
  };
}

/** Of a whole content in one part; whoever seals it puts in its own log head and certificate. */
export function headOver(content: Bytes, sha256: (bytes: Bytes) => Bytes, changes: Partial<SealedHead> = {}): SealedHead {
  return plainHead({ wholeBytes: content.length, wholeHash: sha256(content), ...changes });
}
