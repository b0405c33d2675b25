/**
 * Decoders that verify: identity bundles, evidence files, sealed envelopes. They run with cryptography that costs nothing and still
 * tells a wrong signature; the repair signs anew what a mutation changed, so that the rules behind the signatures are reached.
 */
import type { Crypto, SigningKey } from "../packages/perdure/src/host/crypto.ts";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { createCheapCrypto } from "../packages/perdure/src/host/simulated/cheap-crypto.ts";
import { verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { forkProof, verifyForkProof } from "../packages/perdure/src/identity/fork-proof.ts";
import {
  createIdentity,
  createSealingSecrets,
  type OwnIdentity,
  openPart,
  sealPart,
  signNotice,
  verifyBundle,
} from "../packages/perdure/src/identity/index.ts";
import { createOpenedSecrets } from "../packages/perdure/src/identity/opened-secrets.ts";
import { createTestMachine, createTestRandom, NOW_MS, settings } from "../packages/perdure/src/identity/test-machine.ts";
import { verifyEvidence } from "../packages/perdure/src/protocol/evidence/verify-evidence.ts";
import { type Bytes, EMPTY, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { decodeEnvelope, encodeEnvelope } from "../packages/perdure/src/wire/envelope.ts";
import { EVIDENCE_FORMAT, evidence, evidenceItem, signedEvidence } from "../packages/perdure/src/wire/evidence.ts";
import {
  agentRecord,
  certificate,
  DOMAINS,
  type Domain,
  identityBundle,
  identityEvent,
  signedCertificate,
  signedEvent,
  signedRecord,
  toBeSigned,
} from "../packages/perdure/src/wire/identity.ts";
import { headOver } from "../packages/perdure/src/wire/test-sealed-head.ts";
import type { CaseSeeds } from "./case-seeds.ts";
import type { Decoder } from "./decoder.ts";

const HOUR_MS = 3_600_000;

export async function identityDecoders(seeds: CaseSeeds): Promise<readonly Decoder[]> {
  const crypto = createCheapCrypto(createNodeCrypto().hash, createTestRandom("fuzz"));
  const anna = await identityOf(crypto, "anna", "mail");
  const desk = await identityOf(crypto, "desk", "mail");
  const relay = await identityOf(crypto, "relay", "relay");
  const signer = signerOf(crypto);
  const { rich, forked } = await historiesOf(crypto);
  const logs = seeds.logs.map((log) => identityBundle.encode({ log, rival: [], certificates: [], records: [] }));
  const words = Object.values(DOMAINS);
  return [
    {
      name: "identity bundle",
      take: async (input) => {
        const seen = await verifyBundle(crypto, input, NOW_MS);
        return seen.bundle;
      },
      seeds: [
        anna.bundle(),
        relay.bundle(),
        rich,
        forked,
        ...(await Promise.all(logs.map(signer.bundle))),
        ...seeds.ofFile("identity", ["bundle"]),
      ],
      repair: signer.bundle,
      words,
      maxBytes: 8192,
      share: 2,
    },
    {
      name: "agent log",
      take: async (input) => {
        await verifyLog(crypto, identityBundle.decode(input).log);
        return undefined;
      },
      seeds: [rich, ...(await Promise.all(logs.map(signer.bundle)))],
      repair: signer.bundle,
      words,
      maxBytes: 8192,
      share: 2,
    },
    {
      name: "fork proof",
      take: async (input) => {
        await verifyForkProof(crypto, input);
        return undefined;
      },
      seeds: [forked],
      repair: signer.bundle,
      words,
      maxBytes: 8192,
    },
    {
      name: "evidence file",
      take: async (input) => {
        await verifyEvidence(crypto, input);
        return undefined;
      },
      seeds: [await evidenceOf(crypto, anna, relay)],
      repair: signer.evidence(anna.instanceKey),
      words: [...words, utf8(EVIDENCE_FORMAT)],
      maxBytes: 16 * 1024,
      share: 2,
    },
    await sealedDecoder(crypto, anna, desk),
  ];
}

async function identityOf(crypto: Crypto, name: string, role: "mail" | "relay"): Promise<OwnIdentity> {
  const host = { ...createTestMachine(`fuzz ${name}`), crypto };
  const own = await createIdentity({ host, folder: "home", role, custody: "together", name, settings });
  await own.setHome({ relayId: new Uint8Array(32).fill(5), url: "ws://127.0.0.1:1/", preference: 0 }, NOW_MS);
  return own;
}

/** A log with an event of every kind but the last, and two logs of one agent that contradict each other. */
async function historiesOf(crypto: Crypto): Promise<{ readonly rich: Bytes; readonly forked: Bytes }> {
  const carol = await identityOf(crypto, "carol", "mail");
  // Two rotations from one state: neither outranks the other.
  const [twin, other] = [await identityOf(crypto, "dora", "mail"), await identityOf(crypto, "dora", "mail")];
  await carol.anchor({ root: new Uint8Array(32).fill(8), about: "a tree", nowMs: NOW_MS });
  await carol.setHomesInLog([{ relayId: new Uint8Array(32).fill(5), url: "ws://127.0.0.1:1/", preference: 0 }], NOW_MS);
  await carol.replaceInstance(NOW_MS);
  await carol.rotate({ nowMs: NOW_MS });
  await twin.rotate({ nowMs: NOW_MS });
  await other.rotate({ nowMs: NOW_MS + 1 });
  const logOf = (own: OwnIdentity): readonly Bytes[] => identityBundle.decode(own.bundle()).log;
  const forked = forkProof({ log: logOf(twin), rival: [] }, { log: logOf(other), rival: [] });
  if (forked === undefined) throw new TypeError("two rotations from one state are a fork");
  return { rich: carol.bundle(), forked };
}

interface Signer {
  readonly bundle: (input: Bytes) => Promise<Bytes>;
  readonly evidence: (key: SigningKey) => (input: Bytes) => Promise<Bytes>;
}

/** Signs with the public key alone, which is all that cheap signatures need. */
function signerOf(crypto: Crypto): Signer {
  const sign = (publicKey: Bytes | undefined, domain: Domain, said: Bytes): Promise<Bytes> =>
    crypto.signatures.sign({ publicKey: publicKey ?? new Uint8Array(32) } as SigningKey, toBeSigned(domain, said));
  const orSame = async (input: Bytes, change: () => Promise<Bytes>): Promise<Bytes> => {
    try {
      return await change();
    } catch {
      return input;
    }
  };
  const logOf = async (log: readonly Bytes[]): Promise<readonly Bytes[]> => {
    const repaired: Bytes[] = [];
    let previous: Bytes | undefined;
    let id: Bytes = EMPTY;
    for (const [seq, encoded] of log.entries()) {
      const next = await orSame(encoded, async () => {
        const { event, signatures } = signedEvent.decode(encoded);
        const said = identityEvent.decode(event);
        const linked = previous === undefined ? said : { ...said, seq, agentId: id, previous };
        const bytes = identityEvent.encode(linked);
        previous = crypto.hash.sha256(bytes);
        if (seq === 0) id = crypto.hash.sha256(new Uint8Array([...DOMAINS.agentId, ...bytes]));
        const signed = await Promise.all(
          signatures.map(async ({ keyIndex }) => ({ keyIndex, signature: await sign(said.controlKeys[keyIndex], "event", bytes) })),
        );
        return signedEvent.encode({ event: bytes, signatures: signed });
      });
      repaired.push(next);
    }
    return repaired;
  };
  const bundle = (input: Bytes): Promise<Bytes> =>
    orSame(input, async () => {
      const parts = identityBundle.decode(input);
      const log = await logOf(parts.log);
      const rival = parts.rival.length === 0 ? parts.rival : await logOf(parts.rival);
      const keysAt = new Map<number, readonly Bytes[]>();
      let agentId: Bytes = EMPTY;
      for (const encoded of log) {
        try {
          const { event } = signedEvent.decode(encoded);
          const said = identityEvent.decode(event);
          keysAt.set(said.seq, said.controlKeys);
          if (said.seq === 0) agentId = crypto.hash.sha256(new Uint8Array([...DOMAINS.agentId, ...event]));
        } catch {
          // What does not decode stays as it is.
        }
      }
      const certificates = await Promise.all(
        parts.certificates.map((encoded) =>
          orSame(encoded, async () => {
            const signed = signedCertificate.decode(encoded);
            const said = { ...certificate.decode(signed.certificate), agentId };
            const bytes = certificate.encode(said);
            const key = keysAt.get(said.controlSeq)?.[signed.keyIndex];
            return signedCertificate.encode({ ...signed, certificate: bytes, signature: await sign(key, "certificate", bytes) });
          }),
        ),
      );
      const records = await Promise.all(
        parts.records.map((encoded) =>
          orSame(encoded, async () => {
            const said = { ...agentRecord.decode(signedRecord.decode(encoded).record), agentId };
            const bytes = agentRecord.encode(said);
            return signedRecord.encode({ record: bytes, signature: await sign(said.instanceKey, "record", bytes) });
          }),
        ),
      );
      return identityBundle.encode({ log, rival, certificates, records });
    });
  const evidenceFile = (key: SigningKey) => (input: Bytes) =>
    orSame(input, async () => {
      const { evidence: said } = signedEvidence.decode(input);
      return signedEvidence.encode({ evidence: said, signature: await crypto.signatures.sign(key, toBeSigned("evidence", said)) });
    });
  return { bundle, evidence: evidenceFile };
}

/** A file with one step of each kind, and a notice that proves one. */
async function evidenceOf(crypto: Crypto, anna: OwnIdentity, relay: OwnIdentity): Promise<Bytes> {
  const digest = new Uint8Array(16).fill(1);
  const stream = new Uint8Array(8).fill(5);
  const notice = {
    version: 1,
    relayId: relay.idRaw,
    outcome: 0,
    to: new Uint8Array(32).fill(3),
    stream,
    seq: 3,
    digest,
    timeMs: NOW_MS,
    extensions: [],
  };
  const items = [
    evidenceItem.encode({ kind: "bundle", content: anna.bundle() }),
    evidenceItem.encode({ kind: "bundle", content: relay.bundle() }),
    evidenceItem.encode({ kind: "notice", content: await signNotice({ crypto, own: relay, notice }) }),
  ];
  const order = items.map((item) => crypto.hash.sha256(item));
  const sorted = items.map((_, index) => index).sort((a, b) => Buffer.compare(order[a] as Bytes, order[b] as Bytes));
  const placeOf = (index: number): number => sorted.indexOf(index);
  const said = evidence.encode({
    format: EVIDENCE_FORMAT,
    version: 1,
    from: anna.idRaw,
    to: notice.to,
    toName: "desk",
    stream,
    seq: 3,
    digests: digest,
    sentAtMs: NOW_MS,
    expiresAtMs: NOW_MS + HOUR_MS,
    steps: [
      { state: "queued", atMs: NOW_MS, by: EMPTY, proof: "none", items: [] },
      { state: "expired", atMs: NOW_MS + 9, by: relay.idRaw, proof: "notice", items: [placeOf(1), placeOf(2)].sort((a, b) => a - b) },
    ],
    items: sorted.map((index) => items[index] as Bytes),
    conflicts: [],
    extensions: [],
  });
  return signedEvidence.encode({ evidence: said, signature: await crypto.signatures.sign(anna.instanceKey, toBeSigned("evidence", said)) });
}

/** Mail from anna to desk: opened, verified, and with its digest made right again after a mutation. */
async function sealedDecoder(crypto: Crypto, anna: OwnIdentity, desk: OwnIdentity): Promise<Decoder> {
  const content = utf8("The quick brown fox.");
  const part = {
    crypto,
    random: createTestRandom("fuzz seal"),
    own: anna,
    recipient: await verifyBundle(crypto, desk.bundle(), NOW_MS),
    class: "mail",
    stream: new Uint8Array(8).fill(7),
    seq: 1,
    expiresAtMs: NOW_MS + HOUR_MS,
    content,
    head: headOver(content, crypto.hash.sha256, { sentAtMs: NOW_MS, bundle: anna.bundle() }),
  } as const;
  const sealed = await sealPart(part);
  // Of the same moment, under the same encapsulated key: a mutation of one meets what the other left behind.
  const many = { ...part, secrets: createSealingSecrets({ ...createTestMachine("fuzz"), crypto }) };
  const [first, second] = [await sealPart(many), await sealPart({ ...many, seq: 2 })];
  const opened = createOpenedSecrets();
  const open = async (input: Bytes): Promise<void> => {
    const known = (): undefined => undefined;
    await openPart({ crypto, own: desk, envelope: decodeEnvelope(input), known, nowMs: NOW_MS, storedAtMs: NOW_MS, opened });
  };
  await open(first.bytes);
  return {
    name: "sealed envelope",
    take: async (input) => {
      await open(input);
      return undefined;
    },
    seeds: [sealed.bytes, first.bytes, second.bytes],
    repair: (input) => {
      try {
        const { bytes: _, digest: __, body, ...header } = decodeEnvelope(input);
        return encodeEnvelope(header, body, crypto.hash.sha256).bytes;
      } catch {
        return input;
      }
    },
    maxBytes: 4096,
  };
}
