/**
 * Words for what is of another version. Nothing is converted and nothing is negotiated down: what was written by another version is
 * read by that version, and `needs-older-version` and `needs-newer-version` say on which side the update is due.
 */
import { PerdureError } from "./error.ts";
import { WIRE_VERSION } from "./limits.ts";

export interface OtherVersion {
  /** What is of that version, as "the identity in /home/anna". */
  readonly what: string;
  readonly found: number;
  /** The one this program reads there; the wire version unless given. */
  readonly own?: number;
  /** What helps when `found` is the older one. */
  readonly older: string;
  readonly newer?: string;
  readonly cause?: unknown;
}

/** `needs-older-version` or `needs-newer-version`, with what to do about it. */
export function otherVersion({ what, found, own = WIRE_VERSION, older, newer = "Update perdure.", cause }: OtherVersion): PerdureError {
  const isOlder = found < own;
  return new PerdureError(
    isOlder ? "needs-older-version" : "needs-newer-version",
    `${what} is of version ${found}, and this perdure reads version ${own}`,
    { hint: isOlder ? older : newer, ...(cause === undefined ? {} : { cause }) },
  );
}

/** For what lies in a folder and stays as it is. */
export const FOLDER_OF_OLDER =
  "Go on with the perdure that wrote it, or begin anew in another folder: older folders are not converted. Nothing in this one was changed.";

/** For who is met over the network. */
export const PEER_OF_OLDER = "The other side has to update perdure.";

/** The unsigned integer below 24 that a CBOR array begins with, after a text where there is one: where signed arrays have their version. */
export function versionIn(encoded: Uint8Array): number | undefined {
  let at = 1;
  const head = encoded[0] ?? 0;
  if (head === 0x98) at = 2;
  else if (head < 0x81 || head > 0x97) return undefined;
  const first = encoded[at] ?? 0xff;
  if (first >= 0x60 && first < 0x78) at += 1 + first - 0x60;
  const version = encoded[at];
  return version !== undefined && version < 24 ? version : undefined;
}
