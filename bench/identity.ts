/** Judging identities with real cryptography: an agent log of 20 events, new and known, and which of two logs counts. */
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { signControlEvent, signInception, signRotation, verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { encodeBundle } from "../packages/perdure/src/identity/bundle.ts";
import { signCertificate } from "../packages/perdure/src/identity/certificate.ts";
import { createKeyChain, nextPosition } from "../packages/perdure/src/identity/key-chain.ts";
import { relateLogs } from "../packages/perdure/src/identity/log-ranking.ts";
import { mergeIdentities, verifyBundle } from "../packages/perdure/src/identity/verify.ts";
import { type Bytes, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { type Measurement, perSecond } from "./measure.ts";

const EVENTS = 20;
const ROTATE_EVERY = 5;
const NOW_MS = 1_800_000_000_000;
const DAY_MS = 86_400_000;

export async function benchIdentity(): Promise<readonly Measurement[]> {
  const crypto = createNodeCrypto();
  const keyOf = async (name: string) => await crypto.signatures.load(crypto.hash.sha256(utf8(name)));
  let controlKey = await keyOf("control");
  const chain = await createKeyChain(crypto, crypto.hash.sha256(utf8("chain")));
  const recoverySalt = new Uint8Array(32);
  let log: readonly Bytes[] = [
    await signInception({ crypto, controlKey, nextCommitments: [chain.commitmentAt(1)], recoverySalt, nowMs: NOW_MS }),
  ];
  while (log.length < EVENTS) {
    const state = await verifyLog(crypto, log);
    if (log.length % ROTATE_EVERY === 0) {
      const position = nextPosition(state);
      const body = { voidFromSeq: log.length, oldKeysUntilMs: NOW_MS, extensions: [] };
      log = [
        ...log,
        await signRotation(crypto, state, {
          revealed: [chain.keyAt(position)],
          following: [chain.commitmentAt(position + 1)],
          recoverySalt,
          body,
          nowMs: NOW_MS,
        }),
      ];
      controlKey = chain.keyAt(position);
    } else {
      const body = { root: crypto.hash.sha256(utf8(`${log.length}`)), about: "receipts", extensions: [] };
      log = [...log, await signControlEvent(crypto, state, { kind: "anchor", body, keys: [controlKey], nowMs: NOW_MS })];
    }
  }
  const state = await verifyLog(crypto, log);
  const instanceKey = (await keyOf("instance")).publicKey;
  const certificate = await signCertificate({ crypto, controlKey, log: state, instanceKey, scope: "mail", nowMs: NOW_MS, lifeMs: DAY_MS });
  const bundle = encodeBundle({ log, certificates: [certificate], records: [] });
  const known = await verifyBundle(crypto, bundle, NOW_MS);
  const shown = { ...known, bundle: bundle.slice() };
  const behind = log.slice(0, -1);

  return [
    await perSecond(`verify a log of ${EVENTS} events, ${log.reduce((sum, each) => sum + each.length, 0)} bytes`, 1, () =>
      verifyLog(crypto, log),
    ),
    await perSecond("verify its bundle with one certificate", 1, () => verifyBundle(crypto, bundle, NOW_MS)),
    await perSecond("take the bundle of somebody known, unchanged", 1, () => mergeIdentities(crypto, known, shown, NOW_MS)),
    await perSecond("tell which of two of its logs counts", 1, async () => relateLogs(log, behind)),
  ];
}
