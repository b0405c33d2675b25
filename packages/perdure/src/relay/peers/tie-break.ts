/** Which of two sessions between one pair of relays stays. Both sides come to the same answer without asking each other. */
import { type Bytes, compareBytes } from "../../wire/bytes.ts";

/** Which side opened a session. */
export type Dialler = "us" | "them";

/**
 * Whether a session that is just opening takes the place of the one that is open. Of two by the same dialler the newer: who dials
 * again has lost the older. Of two by different diallers the one dialled by the lower id.
 */
export function takesOver(newcomer: Dialler, open: Dialler, ownId: Bytes, peerId: Bytes): boolean {
  if (newcomer === open) return true;
  return newcomer === (compareBytes(ownId, peerId) < 0 ? "us" : "them");
}
