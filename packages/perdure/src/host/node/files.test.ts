import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { filesConformance } from "../conformance/files-conformance.ts";
import type { FilesSubject } from "../conformance/files-conformance.ts";
import { fileError } from "./file-error.ts";
import { createNodeFiles } from "./files.ts";

async function subject(): Promise<FilesSubject> {
  const base = await mkdtemp(join(tmpdir(), "perdure-files-"));
  return { files: createNodeFiles(), folder: join(base, "folder"), dispose: () => rm(base, { recursive: true }) };
}

filesConformance("this machine", subject);

async function inFolder(body: (given: FilesSubject) => Promise<void>): Promise<void> {
  const given = await subject();
  try {
    await body(given);
  } finally {
    await given.dispose?.();
  }
}

test.skipIf(process.platform === "win32")("files are for their owner only, folders too", () =>
  inFolder(async ({ files, folder }) => {
    const file = await files.open(`${folder}/sub/a`, "write");
    await file.close();
    const lock = await files.lock(folder);
    const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect([await mode(`${folder}/sub/a`), await mode(`${folder}/lock`), await mode(`${folder}/holder.json`)]).toEqual([0o600, 0o600, 0o600]);
    expect([await mode(folder), await mode(`${folder}/sub`)]).toEqual([0o700, 0o700]);
    await lock.release();
  }));

test.skipIf(process.platform !== "linux")("a disk without room is disk-full, and worth trying again", async () => {
  const file = await createNodeFiles().open("/dev/full", "write");
  await expect(file.write(0, new Uint8Array(10))).rejects.toMatchObject({ code: "disk-full", retry: "after" });
  await file.close();
});

test("errors of the system get our codes", () => {
  const codes = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EPERM", "ENOENT", "EMFILE", "EWHATEVER"].map((code) => fileError({ code }, "try").code);
  expect(codes).toEqual(["disk-full", "disk-full", "disk-failed", "read-only", "permission-denied", "permission-denied", "not-found", "too-busy", "disk-failed"]);
});

const HOLD = `
import { createNodeFiles } from ${JSON.stringify(new URL("./files.ts", import.meta.url).href)};
await createNodeFiles().lock(process.argv[1]);
console.log("locked");
setInterval(() => {}, 1000);
`;

test("a lock of another process holds, names it, and ends with a kill", () =>
  inFolder(async ({ files, folder }) => {
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", HOLD, folder], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(holder.stdout, "data");
      await expect(files.lock(folder)).rejects.toMatchObject({ code: "folder-in-use", message: expect.stringContaining(`process ${holder.pid}`), hint: expect.any(String) });
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    const lock = await files.lock(folder);
    await lock.release();
  }));
