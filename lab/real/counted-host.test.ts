import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { countedHost } from "./counted-host.ts";

test("the end comes before the call does anything, at the call it was set to", async () => {
  const folder = await mkdtemp(join(tmpdir(), "perdure-counted-"));
  const path = join(folder, "file");
  try {
    const { host, endAt } = countedHost(createNodeHost(), () => {
      throw new Error("the end");
    });
    endAt(3);
    const file = await host.files.open(path, "write");
    await file.write(0, new Uint8Array(3));
    expect(await file.size()).toBe(3);
    expect(() => file.write(3, new Uint8Array(3))).toThrow("the end");
    expect(await file.size()).toBe(3);
    await file.sync();
    endAt(1);
    endAt(0);
    await file.close();
    host.clock.after(0, () => {})();
    endAt(1);
    expect(() => host.clock.after(0, () => {})).toThrow("the end");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
