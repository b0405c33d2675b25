import { expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld } from "../../host/simulated/index.ts";
import { utf8 } from "../../wire/bytes.ts";
import { openRecordLog } from "./open-log.ts";

/** Small state that is large beside a file, and records of which only few fit besides. */
const SEGMENT_BYTES = 4096;
const RECORDS = 200;
/** More rounds than there are records mean that records are copied again and again. */
const MOST_ROUNDS = RECORDS;

test.each([
  [400, 6000],
  [1500, 2000],
  [1500, 6000],
  [900, 1900],
  [1900, 1900],
  [3000, 6000],
])(
  "what is copied out of sparse files is not copied again for ever: records of %i bytes, small state of %i",
  async (recordBytes, restatedBytes) => {
    const world = createWorld({ seed: 1, hash: createNodeHash() });
    const run = async (): Promise<number> => {
      const log = await openRecordLog({
        ...world.host("a"),
        folder: "/data/log",
        magic: "relay",
        segmentBytes: SEGMENT_BYTES,
        diskRetryMs: 100,
        replay: () => undefined,
        snapshot: () => [new Uint8Array(restatedBytes)],
      });
      for (let index = 0; index < RECORDS; index++) {
        const { at, synced } = log.append([utf8(`${index}`.padEnd(recordBytes, "x"))]);
        await synced;
        if (index % 4 !== 0) for (const place of at) log.release(place);
      }
      let rounds = 0;
      while (rounds <= MOST_ROUNDS && (await log.compact())) rounds++;
      await log[Symbol.asyncDispose]();
      return rounds;
    };
    expect(await world.complete(run())).toBeLessThan(MOST_ROUNDS);
  },
);

test("a file that was emptied while the next was written is let go of as well", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  const run = async (): Promise<number> => {
    const log = await openRecordLog({
      ...world.host("a"),
      folder: "/data/log",
      magic: "relay",
      segmentBytes: SEGMENT_BYTES,
      diskRetryMs: 100,
      replay: () => undefined,
      snapshot: () => [],
    });
    const { at, synced } = log.append([new Uint8Array(SEGMENT_BYTES)]);
    await synced;
    const next = log.append([new Uint8Array(10)]);
    // The batch is sealed: its manifest names the file before as needed.
    await new Promise<void>((resolve) => void world.after(0.01, "sealed", resolve));
    for (const place of at) log.release(place);
    await next.synced;
    await new Promise<void>((resolve) => void world.after(50, "a while", resolve));
    await log[Symbol.asyncDispose]();
    return log.bytesOnDisk;
  };
  expect(await world.complete(run())).toBeLessThan(SEGMENT_BYTES);
});
