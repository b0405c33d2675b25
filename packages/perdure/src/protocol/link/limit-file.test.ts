import { expect, test } from "vitest";
import { createNodeHash } from "../../host/node/hash.ts";
import { createWorld } from "../../host/simulated/index.ts";
import { replaceFile } from "../../identity/whole-file.ts";
import { utf8 } from "../../wire/bytes.ts";
import type { LimitFinding } from "./lifetimes.ts";
import { readLimits, writeLimits } from "./limit-file.ts";

const world = createWorld({ seed: 1, hash: createNodeHash() });
const { files } = world.host("a");
const limit = (valueMs: number, state: LimitFinding["state"] = "found"): LimitFinding => ({
  path: "wss://relay.example",
  kind: "age",
  valueMs,
  errorMs: 100,
  occurrences: 3,
  confidence: 0.999,
  state,
  foundAtMs: 1,
});

test("what was found is read as it was written, what is only suspected is not kept, and never more than fits", async () => {
  const work = async (): Promise<void> => {
    await writeLimits(files, "/data", [limit(1), limit(2, "suspected")]);
    expect(await readLimits(files, "/data")).toEqual([limit(1)]);
    await writeLimits(
      files,
      "/data",
      Array.from({ length: 1_000 }, (_, index) => limit(index)),
    );
    expect((await readLimits(files, "/data")).map(({ valueMs }) => valueMs)).toEqual(Array.from({ length: 64 }, (_, index) => 936 + index));
  };
  await world.complete(work());
});

test.each([
  "",
  "{",
  "null",
  '{"format":"perdure-limits/2","limits":[]}',
  '{"format":"perdure-limits/1","limits":[{"path":1},{"kind":"age"}]}',
])("a file with %j in it, or none, counts as nothing known", async (text) => {
  const work = async (): Promise<void> => {
    expect(await readLimits(files, "/nowhere")).toEqual([]);
    await replaceFile(files, "/data/limits.json", utf8(text));
    expect(await readLimits(files, "/data")).toEqual([]);
  };
  await world.complete(work());
});
