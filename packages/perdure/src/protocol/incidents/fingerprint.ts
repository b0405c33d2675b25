/** What makes two incidents the same: their kind, and their symptom without what differs from time to time. */
import type { Hash } from "../../host/crypto.ts";
import { hex, utf8 } from "../../wire/bytes.ts";

const DOMAIN = "perdure/incident-fingerprint/1";

/** Ids, addresses, paths, times and numbers become one letter each: "took 312 ms" and "took 7 ms" are the same incident. */
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/\b(?:wss?|https?):\/\/\S+/g, "U"],
  [/\bag1[a-z2-7]+/g, "A"],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, "H"],
  [/\[?[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\]?(?::\d+)?/gi, "H"],
  [/(?:\/[\w.@+-]+){2,}/g, "P"],
  [/\b[0-9a-f]{8,}(?:\.\d+)?\b/gi, "X"],
  [/\d+(?:\.\d+)?/g, "N"],
];

/** 64 hexadecimal digits. */
export function fingerprintOf(hash: Hash, kind: string, symptom: string): string {
  let same = symptom;
  for (const [varying, letter] of VARYING) same = same.replace(varying, letter);
  return hex(hash.sha256(utf8(`${DOMAIN}\n${kind}\n${same}`)));
}
