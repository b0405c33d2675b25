/** Messages in a byte stream: each is its length as 4 bytes big-endian, then that many bytes. */

const LENGTH_BYTES = 4;

export function lengthPrefix(length: number): Uint8Array {
  return Uint8Array.of(length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
}

export interface MessageReader {
  /** Takes the next bytes of the stream; false once a length was over the limit, from then on the stream means nothing. */
  push(chunk: Uint8Array): boolean;
}

/** Gives every message to `onMessage`, in order. Memory for a message is taken only after its length was found within `maxBytes`. */
export function createMessageReader(maxBytes: number, onMessage: (message: Uint8Array) => void): MessageReader {
  let length = 0;
  let lengthFilled = 0;
  let message: Uint8Array | undefined;
  let filled = 0;
  let broken = false;

  /** Takes what it can from `chunk` at `at`; returns where it stopped. */
  const takeLength = (chunk: Uint8Array, at: number): number => {
    let end = at;
    while (lengthFilled < LENGTH_BYTES && end < chunk.length) {
      length = length * 256 + (chunk[end++] as number);
      lengthFilled++;
    }
    if (lengthFilled < LENGTH_BYTES) return end;
    broken = length > maxBytes;
    if (!broken) message = new Uint8Array(length);
    return end;
  };

  const takeMessage = (into: Uint8Array, chunk: Uint8Array, at: number): number => {
    const part = chunk.subarray(at, at + into.length - filled);
    into.set(part, filled);
    filled += part.length;
    if (filled < into.length) return at + part.length;
    length = 0;
    lengthFilled = 0;
    filled = 0;
    message = undefined;
    onMessage(into);
    return at + part.length;
  };

  return {
    push: (chunk) => {
      let at = 0;
      while (!broken && (at < chunk.length || message?.length === 0)) {
        at = message === undefined ? takeLength(chunk, at) : takeMessage(message, chunk, at);
      }
      return !broken;
    },
  };
}
