/**
 * A relay's folder with so much mail waiting that filling it would take hours: its indexes are what the relay would have written, its
 * segments are files of the right length without a byte in them, which a start does not read. Mail cannot be handed out from it.
 */
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { recordBytes } from "../../packages/perdure/src/protocol/delivery/index-reading.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import {
  batchBytes,
  encodeBatch,
  encodeManifest,
  encodeSegmentHeader,
  GROWING,
  LOG_ID_BYTES,
  MANIFEST,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  SNAPSHOT,
  segmentName,
} from "../../packages/perdure/src/store/log/segment-format.ts";
import { encodeIndex, indexName } from "../../packages/perdure/src/store/log/segment-index.ts";
import { type Bytes, concat } from "../../packages/perdure/src/wire/bytes.ts";
import {
  INDEX_LOAD_BYTES,
  INDEX_ROW_BYTES,
  indexLayout,
  putIndexHead,
  putIndexLoad,
  putIndexMailbox,
  putIndexRow,
  putIndexRun,
  putIndexSender,
} from "../../packages/perdure/src/wire/kept-index.ts";
import { encodeKept } from "../../packages/perdure/src/wire/kept-relay.ts";
import { createIdentities } from "../relay/agent-identities.ts";
import type { FillWish } from "./fill.ts";

const MAGIC = "relay";
const LIFE_MS = 24 * 3_600_000;

export async function synthesise(wish: FillWish, reader: string): Promise<void> {
  const { folder, messages, readers, senders, bodyBytes } = wish;
  const host = createNodeHost();
  const { random, clock, crypto } = host;
  const settings = createSettings();
  await createIdentity({ host, folder, role: "relay", custody: "together", settings });
  const known = await createIdentity({ host, folder: reader, role: "mail", custody: "together", settings });
  const recipients = [known, ...(await createIdentities(host, settings, readers - 1))];
  const sizeBytes = 128 + bodyBytes;
  const length = recordBytes({ route: false }, { kind: "agent" }, sizeBytes);
  const perMailbox = Math.floor(settings.segmentBytes / (RECORD_HEADER_BYTES + length) / readers);
  const rows = perMailbox * readers;
  const segments = Math.ceil(messages / rows);
  const end = SEGMENT_HEADER_BYTES + batchBytes(rows * length, rows);
  const logId = random.bytes(LOG_ID_BYTES);
  const log = join(folder, "log");
  mkdirSync(log, { recursive: true });

  const counts = { mailboxes: readers, senders, runs: readers, rows };
  const layout = indexLayout(counts);
  const body = new Uint8Array(layout.recipients);
  const nowMs = clock.wallMs();
  putIndexHead(body, counts);
  for (const [nth, { idRaw }] of recipients.entries()) putIndexMailbox(body, nth, { route: false, id: idRaw });
  for (let nth = 0; nth < senders; nth++)
    putIndexSender(body, layout.senders, nth, { kind: "agent", from: random.bytes(32), via: new Uint8Array(32) });
  for (let row = 0; row < rows; row++) {
    putIndexLoad(body, layout.loads + row * INDEX_LOAD_BYTES, { sender: row % senders, sizeBytes, wantsNotice: true });
    putIndexRow(body, layout.rows + row * INDEX_ROW_BYTES, {
      offset: SEGMENT_HEADER_BYTES + row * length,
      storedAtMs: nowMs,
      expiresAtMs: nowMs + LIFE_MS,
      seq: row,
      stream: random.bytes(8),
      digest: random.bytes(16),
    });
  }
  const { crc32 } = crypto.hash;
  for (let segment = 1; segment <= segments; segment++) {
    for (let nth = 0; nth < readers; nth++)
      putIndexRun(body, layout.runs, nth, {
        mailbox: nth,
        first: 1 + (segment - 1) * perMailbox,
        count: perMailbox,
        expiresAtMs: nowMs + LIFE_MS,
        storedAtMs: nowMs,
      });
    const path = join(log, segmentName(segment));
    writeFileSync(path, encodeSegmentHeader(MAGIC, logId, segment, GROWING));
    truncateSync(path, end);
    writeFileSync(join(log, indexName(segment)), encodeIndex({ magic: MAGIC, logId, segment, end, crc32 }, body));
  }

  const nextPosition = 1 + segments * perMailbox;
  const small: Bytes[] = recipients.flatMap((own) => [
    encodeKept("registration", { agentId: own.idRaw, name: undefined, recordVersion: 1, standing: "open", bundle: own.bundle() }),
    encodeKept("mailbox", { agentId: own.idRaw, nextPosition, epoch: 1 }),
  ]);
  const newest = segments + 1;
  const manifest = encodeManifest(Array.from({ length: segments }, (_, nth) => ({ segment: nth + 1, end })));
  const first = encodeBatch({ logId, segment: newest, offset: SEGMENT_HEADER_BYTES, crc32 }, segments + 1, [
    ...small.map((payload) => ({ kind: SNAPSHOT, payload }) as const),
    { kind: MANIFEST, payload: manifest },
  ]);
  writeFileSync(join(log, segmentName(newest)), concat(encodeSegmentHeader(MAGIC, logId, newest, GROWING), first));
}
