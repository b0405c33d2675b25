import { expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld } from "../../host/simulated/index.ts";
import { utf8 } from "../../wire/bytes.ts";
import { openRecordLog } from "./open-log.ts";

/** Small state that is large beside a file: what is restated fills half of each. */
const SEGMENT_BYTES = 4096;
const RESTATED_BYTES = 6000;
const RECORD_BYTES = 400;
const RECORDS = 200;
/** More rounds than there are records mean that records are copied again and again. */
const MOST_ROUNDS = RECORDS;

test("what is copied out of sparse files is not copied again for ever, however large the small state", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  const run = async (): Promise<number> => {
    const log = await openRecordLog({
      ...world.host("a"),
      folder: "/data/log",
      magic: "relay",
      segmentBytes: SEGMENT_BYTES,
      diskRetryMs: 100,
      replay: () => undefined,
      snapshot: () => [new Uint8Array(RESTATED_BYTES)],
    });
    for (let index = 0; index < RECORDS; index++) {
      const { at, synced } = log.append([utf8(`${index}`.padEnd(RECORD_BYTES, "x"))]);
      await synced;
      if (index % 4 !== 0) for (const place of at) log.release(place);
    }
    let rounds = 0;
    while (rounds <= MOST_ROUNDS && (await log.compact())) rounds++;
    await log[Symbol.asyncDispose]();
    return rounds;
  };
  expect(await world.complete(run())).toBeLessThan(MOST_ROUNDS);
});
