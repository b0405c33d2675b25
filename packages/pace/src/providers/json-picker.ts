/**
 * Some values of a JSON text that comes in pieces, by their paths, without keeping the text.
 *
 * It knows whether it is in a string, how deep it is and the names that lead there, and keeps the bytes of a wanted value only, up to a bound. Names inside strings
 * and deeper ones of the same name are not mistaken for it. A text that is no JSON gives nothing, or nonsense of the size of a value: `picked` judges.
 */
export interface JsonPicker {
  feed(bytes: Uint8Array): void;
  /** Another text begins. */
  reset(): void;
}

/** Values that are wanted lie no deeper. */
const DEEPEST = 2;
/** Names that are wanted are no longer, escapes and all. */
const MOST_NAME = 40;
/** Bytes of a value that are kept: usage of a call has some hundred. What is cut off is no JSON any more. */
const MOST_VALUE = 8192;

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Paths are names joined by dots; in an array the name is empty: `usage`, `message.usage`, `.usageMetadata`. */
export function createJsonPicker(wanted: ReadonlySet<string>, picked: (path: string, json: string) => void): JsonPicker {
  const decoder = new TextDecoder();
  let depth = 0;
  let isString = false;
  let isEscaped = false;
  let names: string[] = [];
  /** The last string at a depth where names matter, as far as it is kept. */
  let last: number[] = [];
  let value: { readonly path: string; readonly depth: number; readonly bytes: number[] } | undefined;

  const reset = (): void => {
    [depth, isString, isEscaped, names, last, value] = [0, false, false, [], [], undefined];
  };

  /** A comma ends what is as deep as its name, a bracket what was deeper. */
  const end = (endsDepth: number): void => {
    if (value === undefined || endsDepth > value.depth) return;
    const { path, bytes } = value;
    value = undefined;
    picked(path, decoder.decode(new Uint8Array(bytes)));
  };

  const keep = (bytes: Uint8Array, from: number, to: number, into: number[], most: number): void => {
    // One more than allowed says that it was too many.
    for (let at = from; at < to && into.length <= most; at++) into.push(bytes[at] as number);
  };

  /** Where the string ends in these bytes, or their end. */
  const inString = (bytes: Uint8Array, from: number): number => {
    let at = from;
    while (at < bytes.length) {
      if (isEscaped) {
        isEscaped = false;
        at++;
        continue;
      }
      const quote = bytes.indexOf(QUOTE, at);
      const stop = quote < 0 ? bytes.length : quote;
      // Backslashes right before: an odd number of them escapes.
      let slashes = 0;
      while (stop - slashes > at && bytes[stop - slashes - 1] === BACKSLASH) slashes++;
      isEscaped = slashes % 2 === 1;
      if (quote >= 0 && !isEscaped) {
        isString = false;
        return quote;
      }
      at = stop;
    }
    return at;
  };

  const outside = (byte: number): void => {
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth++;
      if (depth <= DEEPEST) names[depth - 1] = "";
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      end(depth);
      depth = Math.max(0, depth - 1);
    } else if (byte === COMMA) end(depth);
    else if (byte === COLON && depth <= DEEPEST && depth > 0) {
      names[depth - 1] = last.length > MOST_NAME ? "" : String.fromCharCode(...last);
      const path = names.slice(0, depth).join(".");
      if (value === undefined && wanted.has(path)) value = { path, depth, bytes: [] };
    }
  };

  return {
    reset,
    feed: (bytes) => {
      for (let at = 0; at < bytes.length; at++) {
        if (isString) {
          const to = inString(bytes, at);
          if (depth <= DEEPEST) keep(bytes, at, to, last, MOST_NAME);
          if (value !== undefined) keep(bytes, at, Math.min(to + 1, bytes.length), value.bytes, MOST_VALUE);
          at = to;
          continue;
        }
        const byte = bytes[at] as number;
        if (byte === QUOTE) {
          isString = true;
          last = [];
        }
        const before = value;
        if (byte !== QUOTE) outside(byte);
        // What opens or ends it is not of it: the colon before, the comma or brace after.
        if (value !== undefined && value === before) keep(bytes, at, at + 1, value.bytes, MOST_VALUE);
      }
    },
  };
}
