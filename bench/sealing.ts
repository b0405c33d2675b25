/** Sealing with real cryptography: parts per second, everything checked that a recipient checks. */
import { join } from "node:path";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createIdentity, type OwnIdentity } from "../packages/perdure/src/identity/own-identity.ts";
import { openPart, sealPart } from "../packages/perdure/src/identity/sealing.ts";
import { verifyBundle } from "../packages/perdure/src/identity/verify.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import type { SealedHead } from "../packages/perdure/src/wire/sealed.ts";
import { headOver } from "../packages/perdure/src/wire/test-sealed-head.ts";
import { type Measurement, perSecond } from "./measure.ts";

const CONTENT_BYTES = [400, 200_000];
const LIFE_MS = 3_600_000;

/** Makes two identities in `folder`, which is the caller's to remove. */
export async function benchSealing(folder: string): Promise<readonly Measurement[]> {
  const host = createNodeHost();
  const { crypto, random } = host;
  const settings = createSettings();
  const identity = (name: string) => createIdentity({ host, folder: join(folder, name), role: "mail", custody: "together", settings });
  const [sender, reader] = [await identity("sender"), await identity("reader")];
  const nowMs = host.clock.wallMs();
  const [knownSender, recipient] = [await verifyBundle(crypto, sender.bundle(), nowMs), await verifyBundle(crypto, reader.bundle(), nowMs)];
  const known = () => knownSender;

  const measured: Measurement[] = [];
  for (const bytes of CONTENT_BYTES) {
    const content = random.bytes(bytes);
    const head = sampleHead(host, sender, content);
    const sealing = {
      crypto,
      random,
      own: sender,
      recipient,
      class: "mail",
      stream: random.bytes(8),
      seq: 1,
      expiresAtMs: nowMs + LIFE_MS,
      head,
      content,
    } as const;
    const envelope = await sealPart(sealing);
    measured.push(await perSecond(`seal and sign ${bytes} bytes`, 1, () => sealPart(sealing)));
    measured.push(
      await perSecond(`open and verify ${bytes} bytes`, 1, () =>
        openPart({ crypto, own: reader, envelope, known, nowMs, storedAtMs: nowMs }),
      ),
    );
  }
  return measured;
}

/** The sealed head of a message of one part, without our bundle: what most messages between two that know each other carry. */
export function sampleHead({ clock, crypto, random }: Host, { logHead, certificateHash }: OwnIdentity, content: Bytes): SealedHead {
  const contentType = "application/octet-stream";
  return headOver(content, crypto.hash.sha256, {
    thread: random.bytes(16),
    contentType,
    sentAtMs: clock.wallMs(),
    logHead,
    certificateHash,
  });
}
