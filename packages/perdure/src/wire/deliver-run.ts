/** Many `deliver` frames as one piece, from envelopes that lie in one memory to where they go, each copied once. */
import { type Bytes, putU16, putU32, putU64, u16At, type Writing } from "./bytes.ts";
import { DELIVER_HEADER_BYTES } from "./control.ts";
import { FRAME_HEADER_BYTES, FRAME_TYPES } from "./frame.ts";
import { GENERATION_BYTES } from "./ids.ts";

/** Of a transport message and its first frame, at most. */
const FIRST_HEADERS_BYTES = 32;
const HEADERS_BYTES = FRAME_HEADER_BYTES + DELIVER_HEADER_BYTES;

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

/** The payload of a `deliver` frame that has others behind it: it writes the header before it anew, with its own length. */
export class DeliverRun implements Writing {
  readonly length: number;
  readonly #options: DeliverRunOptions;

  constructor(options: DeliverRunOptions) {
    this.#options = options;
    let bytes = -FRAME_HEADER_BYTES;
    for (let index = 0; index < options.starts.length; index++)
      bytes += HEADERS_BYTES + (options.ends[index] as number) - (options.starts[index] as number);
    this.length = bytes;
  }

  memory(bytes: number): Bytes | undefined {
    return this.#options.memory(bytes)?.fill(0, 0, FIRST_HEADERS_BYTES);
  }

  writeTo(to: Bytes, payloadAt: number): void {
    const { generation, positions, storedAtMs, bytes, starts, ends, written } = this.#options;
    let at = payloadAt - FRAME_HEADER_BYTES;
    const channel = u16At(to, at + 2);
    for (let index = 0; index < starts.length; index++) {
      const start = starts[index] as number;
      const end = ends[index] as number;
      to[at] = FRAME_TYPES.deliver;
      to[at + 1] = 0;
      putU16(to, at + 2, channel);
      putU32(to, at + 4, DELIVER_HEADER_BYTES + end - start);
      at += FRAME_HEADER_BYTES;
      for (let byte = 0; byte < GENERATION_BYTES; byte++) to[at + byte] = generation[byte] as number;
      putU64(to, at + 8, positions[index] as number);
      putU64(to, at + 16, storedAtMs[index] as number);
      at += DELIVER_HEADER_BYTES;
      to.set(bytes.subarray(start, end), at);
      at += end - start;
    }
    written();
  }
}
