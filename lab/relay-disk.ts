/** What stands on a relay's disk: everything it owes, and nothing that anybody wrote. */

import { type Disk, ONLY_SYNCED } from "../packages/perdure/src/host/simulated/index.ts";
import { hex } from "../packages/perdure/src/wire/bytes.ts";
import { decodeEnvelope, type Envelope } from "../packages/perdure/src/wire/envelope.ts";
import { decodeKept } from "../packages/perdure/src/wire/kept-relay.ts";
import { type Image, readRecords } from "./disk-records.ts";
import { InvariantBroken } from "./ledger.ts";
import { RELAY_FOLDER } from "./town.ts";
import { CANARY } from "./traffic.ts";

/** What a loss of power at some moment would have left, and what had to be in it. */
export interface DiskAudit {
  readonly atMs: number;
  readonly relay: string;
  readonly image: Image;
  readonly owed: readonly string[];
  /** False where a relay changes what others sealed: one sealed body then stands under two names. */
  readonly keysOnce: boolean;
}

export function auditOf(input: Omit<DiskAudit, "image"> & { readonly disk: Disk }): DiskAudit {
  return { ...input, image: input.disk.image(ONLY_SYNCED) };
}

/** Encapsulated key and salt: what the one-time key of an envelope depends on besides its header. */
const KEY_MATERIAL_BYTES = 64;

/** Throws unless the image holds what is owed, shows nobody's words, and uses no key for two texts. */
export async function audit({ atMs, relay, image, owed, keysOnce }: DiskAudit): Promise<void> {
  const at = `${(atMs / 1000).toFixed(3)} s, ${relay}`;
  for (const [path, bytes] of image)
    if (Buffer.from(bytes).includes(CANARY)) throw new InvariantBroken("8 sealing", `at ${at} a body stands in ${path}`);
  const envelopes = await readEnvelopes(image);
  const held = new Set(envelopes.map(({ digest }) => hex(digest)));
  const missing = owed.filter((digest) => !held.has(digest));
  if (missing.length > 0)
    throw new InvariantBroken(
      "1 custody",
      `at ${at} ${missing.length} of ${owed.length} acknowledged envelopes were not on the relay's disk`,
    );
  if (!keysOnce) return;
  const keys = new Map<string, string>();
  for (const { body, digest } of envelopes.filter((each) => each.class !== "notice")) {
    const key = hex(body.subarray(0, KEY_MATERIAL_BYTES));
    if ((keys.get(key) ?? hex(digest)) !== hex(digest)) throw new InvariantBroken("8 sealing", `at ${at} two envelopes share a key`);
    keys.set(key, hex(digest));
  }
}

async function readEnvelopes(image: Image): Promise<readonly Envelope[]> {
  const envelopes: Envelope[] = [];
  await readRecords(image, RELAY_FOLDER, "relay", (record) => {
    const kept = decodeKept(record);
    if (kept.kind === "mail") envelopes.push(decodeEnvelope(kept.mail.envelope));
  });
  return envelopes;
}
