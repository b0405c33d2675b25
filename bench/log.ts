/**
 * The record log on this machine's disk: appends per second, each counted when it would survive a loss of power. In files that grow and are
 * synced, as agents keep theirs, and in prepared ones that are written through, as relays do, in turns: disks have moods.
 */

import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { openRecordLog } from "../packages/perdure/src/store/log/open-log.ts";
import type { RecordLog } from "../packages/perdure/src/store/log/record-log.ts";
import { type Prepared, preparedWithin } from "../packages/perdure/src/store/log/spare-segments.ts";
import { type Measurement, perSecond } from "./measure.ts";

const RECORD_BYTES = 400;
const MIB = 1024 * 1024;
const IN_FLIGHT = [1, 64, 1024];

/** Writes into `folder`, which is the caller's to remove. */
export async function benchLog(folder: string): Promise<readonly Measurement[]> {
  await using growing = await openLog(`${folder}/growing`, undefined);
  await using prepared = await openLog(`${folder}/prepared`, preparedWithin(Number.POSITIVE_INFINITY));
  await untilPrepared(prepared);
  const measured: Measurement[] = [];
  for (const inFlight of IN_FLIGHT)
    for (const { way, records } of [
      { way: "growing file", records: growing },
      { way: "prepared file", records: prepared },
    ])
      measured.push(await perSecond(`append of ${RECORD_BYTES} bytes, ${inFlight} in flight, ${way}`, inFlight, appending(records)));
  return measured;
}

function openLog(folder: string, prepared: Prepared | undefined): Promise<RecordLog> {
  const { files, random, clock, log, crypto } = createNodeHost();
  const { segmentBytes, diskRetryMs } = createSettings();
  return openRecordLog({
    files,
    random,
    clock,
    log,
    crc32: crypto.hash.crc32,
    folder,
    magic: "bench",
    segmentBytes,
    prepared,
    diskRetryMs,
    replay: () => {},
    snapshot: () => [],
  });
}

function appending(records: RecordLog): () => Promise<void> {
  const record = createNodeHost().random.bytes(RECORD_BYTES);
  return async () => {
    const { at, synced } = records.append([record]);
    await synced;
    for (const each of at) records.release(each);
  };
}

/** The first file of a relay grows; the one after it was prepared. */
async function untilPrepared(records: RecordLog): Promise<void> {
  const record = new Uint8Array(MIB);
  for (let segment = 0; segment < 2; ) {
    const { at, synced } = records.append([record]);
    await synced;
    for (const each of at) records.release(each);
    segment = Math.max(segment, (at[0]?.segment ?? 0) - 1);
  }
}
