/** Sealing with real cryptography: parts per second, everything checked that a recipient checks; and what its signature takes of that. */
import { join } from "node:path";
import type { Host } from "../packages/perdure/src/host/host.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createOpenedSecrets } from "../packages/perdure/src/identity/opened-secrets.ts";
import { createIdentity, type OwnIdentity } from "../packages/perdure/src/identity/own-identity.ts";
import { openPart, sealPart } from "../packages/perdure/src/identity/sealing.ts";
import { createSealingSecrets } from "../packages/perdure/src/identity/sealing-secrets.ts";
import { verifyBundle } from "../packages/perdure/src/identity/verify.ts";
import { FIXED } from "../packages/perdure/src/settings/fixed.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import type { Envelope } from "../packages/perdure/src/wire/envelope.ts";
import type { SealedHead } from "../packages/perdure/src/wire/sealed.ts";
import { headOver } from "../packages/perdure/src/wire/test-sealed-head.ts";
import { type Measurement, perCoreSecond } from "./measure.ts";

const CONTENT_BYTES = [400, 200_000];
const SUITES = [1, 2];
/** Envelopes kept to be opened, by size. */
const ENVELOPES_BYTES = 16 * 1024 * 1024;
const LIFE_MS = 3_600_000;
/** What a sender signs names both ends and hashes of the rest: about so much, however long the content is. */
const SIGNED_BYTES = 256;

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

  const stream = random.bytes(8);
  const measured: Measurement[] = [];
  const signed = random.bytes(SIGNED_BYTES);
  const { instanceKey } = sender;
  const signature = await crypto.signatures.sign(instanceKey, signed);
  const signAlone = () => crypto.signatures.sign(instanceKey, signed);
  const verifyAlone = () => crypto.signatures.verify(instanceKey.publicKey, signed, signature);
  measured.push(await perCoreSecond("a signature alone", signAlone));
  measured.push(await perCoreSecond("a verification alone", verifyAlone));
  for (const bytes of CONTENT_BYTES) {
    const content = random.bytes(bytes);
    const head = sampleHead(host, sender, content);
    for (const suite of SUITES) {
      const secrets = suite === 2 ? { secrets: createSealingSecrets(host) } : {};
      let seq = 0;
      const sealNext = () =>
        sealPart({
          crypto,
          random,
          own: sender,
          recipient,
          class: "mail",
          stream,
          seq: ++seq,
          expiresAtMs: nowMs + LIFE_MS,
          head,
          content,
          ...secrets,
        });
      // No more than share a secret; with each time around the reader knows none of before, as when the sender takes the next one.
      const envelopes: Envelope[] = [];
      const count = Math.min(FIXED.sealedBySecret.value, Math.ceil(ENVELOPES_BYTES / bytes));
      while (envelopes.length < count) envelopes.push(await sealNext());
      let opened = createOpenedSecrets();
      let at = 0;
      const openNext = () => {
        if (at % count === 0) opened = createOpenedSecrets();
        const envelope = envelopes[at++ % count] as Envelope;
        return openPart({ crypto, own: reader, envelope, known, nowMs, storedAtMs: nowMs, opened });
      };
      measured.push(await perCoreSecond(`seal and sign ${bytes} bytes, suite ${suite}`, sealNext));
      measured.push(await perCoreSecond(`open and verify ${bytes} bytes, suite ${suite}`, openNext));
    }
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
