/** What an agent signs that joins a connection which another one's handshake began. */
import type { Hash } from "../../host/crypto.ts";
import { type Bytes, concat, putU16, u16At } from "../../wire/bytes.ts";
import { type Join, join, SHARED_BY, type Welcome } from "../../wire/control.ts";
import { toBeSigned } from "../../wire/identity.ts";

const SIGNED_BY_JOINING = 3;
const CHANNEL_BYTES = 2;
const NO_SIGNATURE = new Uint8Array(64);

/** See transcript.ts: `transcript` is that of the connection, whose nonces make it the only one. */
export function joinToSign(hash: Hash, transcript: Bytes, channel: number, unsigned: Join): Bytes {
  const place = new Uint8Array(CHANNEL_BYTES);
  putU16(place, 0, channel);
  const said = join.encode({ ...unsigned, signature: NO_SIGNATURE });
  return toBeSigned("handshake", concat(Uint8Array.of(SIGNED_BY_JOINING), transcript, place, hash.sha256(said)));
}

/** How many agents may share the connection by its welcome; 1 when nobody may join. */
export function sharedBy({ extensions }: Pick<Welcome, "extensions">): number {
  const said = extensions.find(({ code }) => code === SHARED_BY)?.bytes;
  return said?.length === CHANNEL_BYTES ? Math.max(1, u16At(said, 0)) : 1;
}

/** The extension that says it; none for one. */
export function sharedByExtension(agents: number): Welcome["extensions"] {
  if (agents <= 1) return [];
  const bytes = new Uint8Array(CHANNEL_BYTES);
  putU16(bytes, 0, agents);
  return [{ code: SHARED_BY, bytes }];
}
