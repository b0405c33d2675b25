/**
 * Keys of an agent that were replaced, on machines that keep keys by themselves. Also asked for when a folder is opened, for what an
 * earlier process did not come to.
 */
import type { Host } from "../host/host.ts";
import { hex } from "../wire/bytes.ts";
import { KEY_ID_BYTES } from "../wire/ids.ts";
import type { OwnState } from "./own-state.ts";

/** Destroys control and instance keys out of use and inbox keys whose time is over. What fails is tried again at the next opening. */
export async function destroyGone({ crypto, log }: Pick<Host, "crypto" | "log">, state: OwnState): Promise<void> {
  if (crypto.keyStore === undefined) return;
  const used = new Set([...state.log.controlKeys, state.instanceKey.publicKey].map(hex));
  const known = [
    ...state.log.epochs.flatMap(({ controlKeys }) => controlKeys),
    ...state.log.revoked.map(({ instanceKey }) => instanceKey),
    ...state.certificates.map(({ instanceKey }) => instanceKey),
  ].map(hex);
  const gone = new Set(known.filter((key) => !used.has(key)));
  const goneInbox = new Set(state.kept.destroyed.map(hex));
  const idOf = (publicKey: Uint8Array): string => hex(crypto.hash.sha256(publicKey).subarray(0, KEY_ID_BYTES));
  try {
    await crypto.keyStore.destroy((publicKey) => gone.has(hex(publicKey)) || goneInbox.has(idOf(publicKey)));
  } catch (error) {
    log.write("warn", "identity.keys-not-destroyed", { why: String(error) });
  }
}
