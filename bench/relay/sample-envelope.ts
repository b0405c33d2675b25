/** The sealed envelope of a message of so many bytes, as most messages between two that know each other carry. */
import { join } from "node:path";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createIdentity, type OwnIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { sealPart } from "../../packages/perdure/src/identity/sealing.ts";
import { verifyBundle } from "../../packages/perdure/src/identity/verify.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import { sampleHead } from "../sealing.ts";

const LIFE_MS = 24 * 3_600_000;

/** Makes two identities in `folder`, which is the caller's to remove. */
export async function sampleEnvelope(folder: string, contentBytes: number): Promise<Bytes> {
  const host = createNodeHost();
  const settings = createSettings();
  const identity = (name: string): Promise<OwnIdentity> =>
    createIdentity({ host, folder: join(folder, name), role: "mail", custody: "together", settings });
  const [sender, reader] = [await identity("sender"), await identity("reader")];
  const content = host.random.bytes(contentBytes);
  const { bytes } = await sealPart({
    crypto: host.crypto,
    random: host.random,
    own: sender,
    recipient: await verifyBundle(host.crypto, reader.bundle(), host.clock.wallMs()),
    class: "mail",
    stream: host.random.bytes(8),
    seq: 1,
    expiresAtMs: host.clock.wallMs() + LIFE_MS,
    head: sampleHead(host, sender, content),
    content,
  });
  return bytes;
}
