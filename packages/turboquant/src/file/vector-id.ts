import { orAwaited, refuse, shown } from "../argument.ts";
import { MOST_ID_BYTES, type VectorId } from "./segment.ts";

/** Throws `bad-argument`. */
export function checkId(id: VectorId): void {
  const isFine =
    typeof id === "number"
      ? Number.isSafeInteger(id) && id >= 0
      : typeof id === "string" && id.length <= MOST_ID_BYTES && id.isWellFormed() && textBytes(id) <= MOST_ID_BYTES;
  if (!isFine)
    refuse(
      `an id is ${typeof id === "string" && id.isWellFormed() ? `a text of ${textBytes(id)} bytes` : shown(id)}`,
      `It is a whole number from 0 to 2^53 - 1, or a well-formed text of at most ${MOST_ID_BYTES} bytes in UTF-8.`,
    );
}

/** Throws `bad-argument` for what none can be; one that is too long only is of nothing. */
export function checkIdKind(id: VectorId): void {
  if (typeof id !== "number" && typeof id !== "string") checkId(id);
}

/** Throws `bad-argument` for what is no list. */
export function checkIdList(ids: Iterable<VectorId>): void {
  if (typeof ids !== "object" || ids === null || !(Symbol.iterator in ids))
    refuse(`ids are ${shown(ids)}`, orAwaited(ids, "They are an array of ids, or another list of them."));
}

function textBytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const code = char.codePointAt(0) as number;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}
