/** Records lie in the memory of their batch from the moment they are appended, and that memory is used again. */
import { expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld } from "../../host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import { openRecordLog } from "./open-log.ts";
import type { RecordLog } from "./record-log.ts";

test("a record is what it was when it was appended, whatever becomes of its bytes, and of the memory of a batch before", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  const replayed: string[] = [];
  const open = (): Promise<RecordLog> =>
    openRecordLog({
      ...world.host("a"),
      folder: "/log",
      magic: "relay",
      segmentBytes: 4096,
      diskRetryMs: 100,
      replay: (record) => void replayed.push(fromUtf8(record)),
      snapshot: () => [],
    });
  const run = async (): Promise<void> => {
    const log = await open();
    const expected: string[] = [];
    for (let round = 0; round < 6; round++) {
      const words = `what came in round ${round}`;
      const bytes = utf8(words);
      const first = log.append([bytes]);
      const second = log.append([bytes, bytes]);
      bytes.fill(0);
      expected.push(words, words, words);
      for (const place of [...first.at, ...second.at]) expect(fromUtf8(await log.read(place))).toBe(words);
      await Promise.all([first.synced, second.synced]);
      for (const place of [...first.at, ...second.at]) expect(fromUtf8(await log.read(place))).toBe(words);
    }
    await log[Symbol.asyncDispose]();
    await (await open())[Symbol.asyncDispose]();
    expect(replayed).toEqual(expected);
  };
  await world.complete(run());
});
