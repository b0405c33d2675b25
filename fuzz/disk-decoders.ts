/** Decoders of what lies on disk: records of agents and relays, log files, kept identities, recovery pages. */

import type { OpenFile } from "../packages/perdure/src/host/files.ts";
import { createNodeHash } from "../packages/perdure/src/host/node/hash.ts";
import { decodeKeptFile, encodeKeptFile } from "../packages/perdure/src/identity/kept-file.ts";
import { formatRecovery, parseRecovery } from "../packages/perdure/src/identity/recovery.ts";
import { crc32 } from "../packages/perdure/src/store/log/crc32.ts";
import {
  batchBytes,
  decodeBatch,
  decodeBatchHeader,
  decodeManifest,
  decodeSegmentHeader,
  encodeBatch,
  encodeManifest,
  encodeSegmentHeader,
  GROWING,
  PREPARED,
} from "../packages/perdure/src/store/log/segment-format.ts";
import { scanSegment } from "../packages/perdure/src/store/log/segment-scan.ts";
import { type Bytes, concat, EMPTY, equalBytes, utf8, viewOf, wholePiece } from "../packages/perdure/src/wire/bytes.ts";
import { agentIdText } from "../packages/perdure/src/wire/ids.ts";
import {
  decodeKept as decodeAgentRecord,
  encodeKept as encodeAgentRecord,
  KEPT_SHAPES,
  type Kept,
} from "../packages/perdure/src/wire/kept-agent.ts";
import { KEPT_IDENTITY_DOMAIN, SEALED_IDENTITY_DOMAIN } from "../packages/perdure/src/wire/kept-identity.ts";
import {
  decodeKept as decodeRelayRecord,
  encodeKeptMail,
  encodeKept as encodeRelayRecord,
  RELAY_RECORDS,
  type KeptKind as RelayKind,
} from "../packages/perdure/src/wire/kept-relay.ts";
import type { Shape } from "../packages/perdure/src/wire/shape.ts";
import { sampleOf } from "../scripts/case-value.ts";
import type { CaseSeeds } from "./case-seeds.ts";
import type { Decoder } from "./decoder.ts";

const LOG_ID: Bytes = new Uint8Array(8).fill(7);
const SEGMENT = 3;
const HEADER_BYTES = 64;

export function recordDecoders(): readonly Decoder[] {
  const samples = (shape: Shape<unknown>): readonly unknown[] => [false, true].map((filled) => sampleOf(shape.field.form, filled));
  const agentSeeds = Object.entries(KEPT_SHAPES).flatMap(([kind, shape]) =>
    samples(shape as unknown as Shape<unknown>).flatMap((head) => [
      encodeAgentRecord({ kind, head } as Kept, utf8("payload")),
      encodeAgentRecord({ kind, head } as Kept, undefined, { segment: 1, offset: 2, length: 3 }),
    ]),
  );
  const relaySeeds = [
    ...Object.entries(RELAY_RECORDS).flatMap(([kind, [, shape]]) =>
      samples(shape as unknown as Shape<unknown>).map((value) => encodeRelayRecord(kind as RelayKind, value as never)),
    ),
    wholePiece(encodeKeptMail({ link: LOG_ID, linkSeq: 1, position: 2, storedAtMs: 3, envelope: new Uint8Array(4) })),
    wholePiece(
      encodeKeptMail({ link: LOG_ID, linkSeq: 1, position: 2, storedAtMs: 3, envelope: new Uint8Array(4), routedTo: new Uint8Array(32) }),
    ),
    wholePiece(
      encodeKeptMail({ link: LOG_ID, linkSeq: 1, position: 2, storedAtMs: 3, envelope: new Uint8Array(4), relayedBy: new Uint8Array(32) }),
    ),
  ];
  return [
    {
      name: "record of an agent",
      take: (input) => {
        const { kept, restated, payload } = decodeAgentRecord(input);
        return encodeAgentRecord(kept, payload, restated);
      },
      seeds: agentSeeds,
      repair: (input) => {
        // Its head ends with the record more often than chance would have it.
        const copy = input.slice();
        const start = 6 + (copy[1] === 1 ? 24 : 0);
        if (copy.length >= start) viewOf(copy).setUint32(2, copy.length - start);
        return copy;
      },
      maxBytes: 4096,
      share: 4,
    },
    {
      name: "record of a relay",
      take: (input) => {
        const read = decodeRelayRecord(input);
        return read.kind === "mail" ? wholePiece(encodeKeptMail(read.mail)) : encodeRelayRecord(read.kind, read.value as never);
      },
      seeds: relaySeeds,
      maxBytes: 4096,
      share: 4,
    },
  ];
}

export function logDecoders(): readonly Decoder[] {
  const place = { logId: LOG_ID, segment: SEGMENT, offset: HEADER_BYTES };
  const records = [
    { kind: 0, payload: utf8("first") },
    { kind: 1, payload: new Uint8Array(40) },
    { kind: 2, payload: encodeManifest([{ segment: 1, end: 640 }]) },
  ] as const;
  const batch = encodeBatch(place, 1, records);
  const second = encodeBatch({ ...place, offset: HEADER_BYTES + batch.length }, 2, records.slice(0, 1));
  const header = encodeSegmentHeader("relay", LOG_ID, SEGMENT, GROWING);
  const spent = new Uint8Array(320).fill(0xa5);
  spent.set(encodeBatch({ ...place, segment: SEGMENT - 1, offset: HEADER_BYTES }, 9, records));
  return [
    {
      name: "log file header",
      take: (input) => void decodeSegmentHeader(input),
      seeds: [header, encodeSegmentHeader("relay", LOG_ID, SEGMENT, PREPARED), new Uint8Array(64)],
      repair: (input) => {
        const copy = input.slice();
        if (copy.length >= HEADER_BYTES) viewOf(copy).setUint32(60, crc32(copy.subarray(0, 60)));
        return copy;
      },
      maxBytes: 128,
    },
    {
      name: "log batch",
      take: (input) => {
        const read = decodeBatchHeader(place, input);
        if (read !== undefined && batchBytes(read.bodyBytes, 0) <= input.length) decodeBatch(place, read, input);
        return undefined;
      },
      seeds: [batch],
      repair: (input) => repairedBatch(input, HEADER_BYTES),
      maxBytes: 1024,
      share: 2,
    },
    ...[false, true].map((prepared) => ({
      name: prepared ? "prepared log file" : "log file",
      take: async (input: Bytes) => {
        const ends: number[] = [];
        const end = await scanSegment({
          file: inMemory(input),
          logId: LOG_ID,
          segment: SEGMENT,
          prepared,
          onBatch: (found) => {
            ends.push(found.end);
            return true;
          },
        });
        if (end.end > Math.max(HEADER_BYTES, input.length) || ends.some((each) => each > input.length))
          throw new RangeError("it reads behind the end");
        return undefined;
      },
      seeds: [
        concat(header, batch, second),
        concat(header, batch, second.slice(0, 40)),
        concat(header, batch, new Uint8Array(second.length)),
        concat(header, batch, second, spent),
      ],
      repair: (input: Bytes) => concat(input.slice(0, HEADER_BYTES), repairedBatch(input.slice(HEADER_BYTES), HEADER_BYTES)),
      maxBytes: 2048,
    })),
    {
      name: "log manifest",
      take: (input) => again(decodeManifest(input)),
      seeds: [encodeManifest([{ segment: 1, end: 2 }])],
      maxBytes: 512,
    },
  ];
}

function again(ends: ReturnType<typeof decodeManifest>): Bytes | undefined {
  return ends === undefined ? undefined : encodeManifest(ends);
}

/** The checksums of a batch made right again: by writing its records anew, as far as they can be made out. */
function repairedBatch(input: Bytes, offset: number): Bytes {
  if (input.length < 32) return input;
  const view = viewOf(input);
  const records: { readonly kind: 0 | 1 | 2; readonly payload: Bytes }[] = [];
  for (let at = 32; at + 12 <= input.length && records.length < (view.getUint32(16) & 15); ) {
    const length = Math.min(view.getUint32(at), input.length - at - 12);
    records.push({ kind: ((input[at + 8] as number) % 3) as 0 | 1 | 2, payload: input.slice(at + 12, at + 12 + length) });
    at += 12 + length;
  }
  const number = view.getUint32(12);
  const written = encodeBatch({ logId: LOG_ID, segment: SEGMENT, offset }, number, records);
  return concat(written, input.slice(written.length));
}

function inMemory(bytes: Bytes): OpenFile {
  const refuse = (): Promise<never> => Promise.reject(new TypeError("a scan only reads"));
  return {
    size: async () => bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
    write: refuse,
    sync: refuse,
    close: async () => undefined,
  };
}

/** The file of an identity, plain or under a passphrase. */
export function keptFileDecoder(seeds: CaseSeeds): Decoder {
  const hash = createNodeHash();
  const checked = (domain: Bytes, said: Bytes): Bytes => concat(said, hash.sha256(concat(domain, said)));
  const isSealed = (input: Bytes): boolean => equalBytes(input.subarray(0, SEALED_IDENTITY_DOMAIN.length), SEALED_IDENTITY_DOMAIN);
  return {
    name: "file of an identity",
    take: (input) => encodeKeptFile(hash, decodeKeptFile(hash, input, "here")),
    seeds: [
      ...seeds.ofShape("kept identity").map((said) => checked(KEPT_IDENTITY_DOMAIN, said)),
      ...seeds.ofShape("sealed identity").map((said) => checked(EMPTY, concat(SEALED_IDENTITY_DOMAIN, said))),
    ],
    repair: (input) => {
      const said = input.slice(0, Math.max(0, input.length - 32));
      return isSealed(input) ? checked(EMPTY, said) : checked(KEPT_IDENTITY_DOMAIN, said);
    },
    maxBytes: 8192,
    share: 2,
  };
}

export function recoveryDecoder(): Decoder {
  const hash = createNodeHash();
  const id = agentIdText(new Uint8Array(32).fill(9));
  const page = formatRecovery(hash, { agentId: id, seed: new Uint8Array(32).fill(1), recoverySalt: new Uint8Array(32).fill(2) }, "desk");
  return {
    name: "recovery page",
    take: (input) => void parseRecovery(hash, new TextDecoder().decode(input)),
    seeds: [utf8(page), utf8(page.replaceAll("\n", "\r\n"))],
    words: ["Agent:", "Next key:", "Recovery salt:", "\n", "ag1"].map(utf8),
    maxBytes: 4096,
  };
}
