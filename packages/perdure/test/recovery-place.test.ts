import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { openAgent } from "../src/agent/index.ts";
import { openStage } from "./test-stage.ts";

test("a recovery file goes nowhere into the folder it protects, at creation as at a change of custody", async () => {
  await using stage = await openStage();
  await stage.startRelay();
  const at = join(stage.folder, "desk");
  const within = [join(at, "desk.recovery"), join(at, "..", "desk", "desk.recovery"), relative(process.cwd(), join(at, "desk.recovery"))];
  for (const recoveryFile of within)
    await expect(openAgent(at, { join: stage.address(), recoveryFile })).rejects.toMatchObject({ code: "bad-argument" });

  await using desk = await openAgent(at, { join: stage.address(), name: "desk" });
  for (const newRecoveryFile of within)
    await expect(desk.identity.rotate({ newRecoveryFile })).rejects.toMatchObject({ code: "bad-argument" });
  const missing = join(stage.folder, "not mounted", "desk.recovery");
  await expect(desk.identity.rotate({ newRecoveryFile: missing })).rejects.toMatchObject({ code: "not-found" });
  expect((await desk.identity.show()).log).toHaveLength(1);

  const page = join(stage.folder, "desk.recovery");
  const here = relative(process.cwd(), page);
  expect(await desk.identity.rotate({ newRecoveryFile: here })).toMatchObject({ seq: 1, identity: { custody: "split" } });
  expect(await readFile(page, "utf8")).toContain(desk.id);
  expect(await desk.identity.rotate({ recoveryFile: here })).toMatchObject({ seq: 2, relayHasIt: true });
  expect(await desk.identity.retire({ recoveryFile: here })).toMatchObject({ seq: 3, identity: { standing: "retired" } });
});
