/** The record log on this machine's disk: appends per second, each counted when it would survive a loss of power. */
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { openRecordLog } from "../packages/perdure/src/store/log/open-log.ts";
import { type Measurement, perSecond } from "./measure.ts";

const RECORD_BYTES = 400;
const IN_FLIGHT = [1, 64, 1024];

/** Writes into `folder`, which is the caller's to remove. */
export async function benchLog(folder: string): Promise<readonly Measurement[]> {
  const { files, random, clock, log } = createNodeHost();
  const { segmentBytes, diskRetryMs } = createSettings();
  const magic = "bench";
  await using records = await openRecordLog({
    files,
    random,
    clock,
    log,
    folder,
    magic,
    segmentBytes,
    diskRetryMs,
    replay: () => {},
    snapshot: () => [],
  });
  const record = random.bytes(RECORD_BYTES);
  const append = async (): Promise<void> => {
    const { at, synced } = records.append([record]);
    await synced;
    for (const each of at) records.release(each);
  };
  const measured: Measurement[] = [];
  for (const inFlight of IN_FLIGHT)
    measured.push(await perSecond(`append of ${RECORD_BYTES} bytes, ${inFlight} in flight`, inFlight, append));
  return measured;
}
