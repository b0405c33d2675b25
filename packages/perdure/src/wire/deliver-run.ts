/** Many `deliver` frames as one piece, made where they go, each envelope copied once. */
import type { Bytes } from "./bytes.ts";
import { DELIVER_HEADER_BYTES, type DeliverFrame, putDeliver } from "./control.ts";
import { FRAME_HEADER_BYTES, type OutFrames, putFrameHeader } from "./frame.ts";

const HEADERS_BYTES = FRAME_HEADER_BYTES + DELIVER_HEADER_BYTES;

/** Those of envelopes that follow one another in their mailbox, and were stored at one time. */
export class DeliverFrames implements OutFrames {
  readonly length: number;
  readonly #generation: Bytes;
  readonly #position: number;
  readonly #storedAtMs: number;
  readonly #envelopes: readonly Bytes[];

  /** `position`: of the first. */
  constructor({ generation, position, storedAtMs, envelopes }: Omit<DeliverFrame, "envelope"> & { readonly envelopes: readonly Bytes[] }) {
    let length = envelopes.length * HEADERS_BYTES;
    for (const envelope of envelopes) length += envelope.length;
    this.length = length;
    this.#generation = generation;
    this.#position = position;
    this.#storedAtMs = storedAtMs;
    this.#envelopes = envelopes;
  }

  writeTo(message: Bytes, from: number, channel: number): void {
    let at = from;
    for (let index = 0; index < this.#envelopes.length; index++) {
      const envelope = this.#envelopes[index] as Bytes;
      putFrameHeader(message, at, "deliver", channel, DELIVER_HEADER_BYTES + envelope.length);
      putDeliver(message, at + FRAME_HEADER_BYTES, this.#generation, this.#position + index, this.#storedAtMs, envelope);
      at += HEADERS_BYTES + envelope.length;
    }
  }
}

export interface DeliverRunOptions {
  readonly generation: Bytes;
  readonly positions: readonly number[];
  readonly storedAtMs: readonly number[];
  /** Where the envelopes lie: each from one of `starts` to the one of `ends` beside it. */
  readonly bytes: Bytes;
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** The envelopes are not needed any more. */
  readonly written: () => void;
  /** Memory for a message of so many bytes, which may be used again when it has left. */
  readonly memory: (bytes: number) => Bytes | undefined;
}

/** Those of envelopes that lie in one memory. */
export class DeliverRun implements OutFrames {
  readonly length: number;
  readonly #options: DeliverRunOptions;

  constructor(options: DeliverRunOptions) {
    this.#options = options;
    let bytes = 0;
    for (let index = 0; index < options.starts.length; index++)
      bytes += HEADERS_BYTES + (options.ends[index] as number) - (options.starts[index] as number);
    this.length = bytes;
  }

  memory(bytes: number): Bytes | undefined {
    return this.#options.memory(bytes);
  }

  writeTo(message: Bytes, from: number, channel: number): void {
    const { generation, positions, storedAtMs, bytes, starts, ends, written } = this.#options;
    let at = from;
    for (let index = 0; index < starts.length; index++) {
      const envelope = bytes.subarray(starts[index], ends[index]);
      putFrameHeader(message, at, "deliver", channel, DELIVER_HEADER_BYTES + envelope.length);
      putDeliver(message, at + FRAME_HEADER_BYTES, generation, positions[index] as number, storedAtMs[index] as number, envelope);
      at += HEADERS_BYTES + envelope.length;
    }
    written();
  }
}
