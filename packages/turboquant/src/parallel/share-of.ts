import type { VectorId } from "../file/segment.ts";

/** Which of `shares` holds the vector of this id: the same at every call, and evenly whatever ids are like. */
export function shareOf(id: VectorId, shares: number): number {
  const mixed = typeof id === "number" ? mix(id >>> 0) ^ mix(Math.floor(id / 2 ** 32) + 1) : hashOf(id);
  return Math.floor((mix(mixed) / 2 ** 32) * shares);
}

/** Fowler, Noll and Vo's, of 16-bit units. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash;
}

/** The finish of MurmurHash3: every bit of a number changes half of those of the result. */
function mix(number: number): number {
  let mixed = number;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
