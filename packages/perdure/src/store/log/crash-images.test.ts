/**
 * What a loss of power at any moment leaves of the log: everything that was said to be durable, nothing in parts, nothing
 * out of order, nothing that was given up. Each workload runs in a simulated world, each image is opened from memory.
 */

import { describe, expect, test } from "vitest";
import type { Files } from "../../host/files.ts";
import { createDraws } from "../../host/simulated/index.ts";
import { NEVER, runWorkload, tryImages } from "./test-crash-images.ts";

describe.each([
  { of: "files that grow", prepared: false },
  { of: "prepared files", prepared: true },
])("images of a loss of power, of $of,", ({ prepared }) => {
  test.each(["one", "two", "three", "four"])(
    "hold everything durable, nothing in parts, with a disk that works (seed %s)",
    async (seed) => {
      const { images, wrong } = await tryImages(await runWorkload(seed, { failing: false, prepared }), seed, 4);
      expect(wrong).toEqual([]);
      expect(images).toBeGreaterThan(150);
    },
  );

  test.each(["one", "two", "three", "four", "five", "six"])(
    "and nothing that was given up, with a disk that fails (seed %s)",
    async (seed) => {
      const workload = await runWorkload(seed, { failing: true, prepared });
      const { images, wrong } = await tryImages(workload, seed, 4);
      expect(wrong).toEqual([]);
      expect(images).toBeGreaterThan(150);
    },
  );

  test.each(["one", "two", "three"])("also when what they left was written on and the power went again (seed %s)", async (seed) => {
    const first = await runWorkload(seed, { failing: true, prepared });
    const draws = createDraws(`second loss ${seed}`);
    for (const { step, files: image } of first.recorder.images(draws.fork("images"), 4)) {
      if (!draws.chance(0.02)) continue;
      const issued = first.issued.filter(({ atStep }) => atStep < step);
      const second = await runWorkload(`${seed} ${step}`, { failing: false, prepared, after: { image, issued } });
      expect((await tryImages(second, seed, 1)).wrong).toEqual([]);
    }
  });

  test("failing disks do give appends up", async () => {
    const seeds = ["one", "two", "three", "four", "five", "six"];
    const workloads = await Promise.all(seeds.map((seed) => runWorkload(seed, { failing: true, prepared })));
    const rejected = workloads.flatMap(({ issued }) => issued.filter(({ rejectedAt }) => rejectedAt !== NEVER));
    const waited = workloads.flatMap(({ issued }) => issued.filter(({ orReject, durableAt }) => !orReject && durableAt !== NEVER));
    expect(rejected.length).toBeGreaterThan(5);
    expect(waited.length).toBeGreaterThan(50);
  });

  test("negative control: without syncs something durable is lost", async () => {
    const between = (files: Files): Files => ({
      ...files,
      open: async (path, mode) => ({ ...(await files.open(path, mode)), sync: async () => {} }),
    });
    const { wrong } = await tryImages(await runWorkload("one", { failing: false, prepared, between }), "one", 4);
    expect(wrong.join()).toContain("was durable and is lost");
  });
});

describe("of prepared files", () => {
  const versionsOf = async (seed: string): Promise<readonly number[]> => {
    const { recorder } = await runWorkload(seed, { failing: false, prepared: true });
    const versions: number[] = [];
    for (const { files } of recorder.images(createDraws("versions"), 1))
      for (const [path, bytes] of files) if (path.endsWith(".log") && bytes.length >= 64) versions.push(bytes[31] as number);
    return versions;
  };

  test("there are segments, beside those that grew before one was ready", async () => {
    const versions = (await Promise.all(["one", "two", "three", "four"].map(versionsOf))).flat();
    expect(versions).toContain(1);
    expect(versions.filter((version) => version === 2).length).toBeGreaterThan(versions.length / 4);
  });

  test("negative control: what is not written through is lost", async () => {
    const between = (files: Files): Files => ({ ...files, open: (path, mode) => files.open(path, mode === "read" ? mode : "write") });
    const wrong = await Promise.all(
      ["one", "two", "three", "four"].map(
        async (seed) => (await tryImages(await runWorkload(seed, { failing: false, prepared: true, between }), seed, 4)).wrong,
      ),
    );
    expect(wrong.flat().join()).toContain("was durable and is lost");
  });
});
