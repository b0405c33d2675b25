import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { FilesSubject } from "../conformance/files-conformance.ts";
import { filesConformance } from "../conformance/files-conformance.ts";
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
    expect([await mode(`${folder}/sub/a`), await mode(`${folder}/lock`), await mode(`${folder}/holder.json`)]).toEqual([
      0o600, 0o600, 0o600,
    ]);
    expect([await mode(folder), await mode(`${folder}/sub`)]).toEqual([0o700, 0o700]);
    await lock.release();
  }),
);

test.skipIf(process.platform !== "linux")("a disk without room is disk-full, and worth trying again", async () => {
  const file = await createNodeFiles().open("/dev/full", "write");
  await expect(file.write(0, new Uint8Array(10))).rejects.toMatchObject({ code: "disk-full", retry: "after" });
  await file.close();
});

// What is sent to agents in the same turn costs more than handing a batch to the system, and a disk could be at work meanwhile.
test.skipIf(process.platform !== "linux")("a write is under way when the call returns, if none was before it", () =>
  inFolder(async ({ files, folder }) => {
    const path = `${folder}/a`;
    const file = await files.open(path, "append-through");
    await file.write(0, new Uint8Array(100).fill(1));
    const second = file.write(100, new Uint8Array(5000).fill(2));
    // Nothing of this process goes on until it is there, but the threads that write.
    for (const begunAt = performance.now(); readFileSync(path).at(5000) !== 2; )
      if (performance.now() - begunAt > 5000) throw new Error("it was not begun");
    await second;
    await file.close();
    expect(readFileSync(path).subarray(0, 5100)).toEqual(Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(5000, 2)]));
  }),
);

test("errors of the system get our codes", () => {
  const codes = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EPERM", "ENOENT", "EMFILE", "EWHATEVER"].map(
    (code) => fileError({ code }, "try").code,
  );
  expect(codes).toEqual([
    "disk-full",
    "disk-full",
    "disk-failed",
    "read-only",
    "permission-denied",
    "permission-denied",
    "not-found",
    "too-busy",
    "disk-failed",
  ]);
});

test("the lock itself cannot be opened, for a close would give it away", () =>
  inFolder(async ({ files, folder }) => {
    const lock = await files.lock(folder);
    await expect(files.open(`${folder}/lock`, "read")).rejects.toMatchObject({ code: "bad-argument" });
    expect(await files.list(folder)).toEqual(["holder.json", "lock"]);
    await lock.release();
    expect(await files.list(folder)).toEqual(["lock"]);
  }));

test("a folder whose place is taken by a file, or that cannot be made, is an error with an end", () =>
  inFolder(async ({ files, folder }) => {
    await (await files.open(`${folder}/a`, "write")).close();
    await expect(files.open(`${folder}/a/b`, "write")).rejects.toMatchObject({ code: "bad-argument" });
    await expect(files.lock(`${folder}/a`)).rejects.toMatchObject({ code: "bad-argument" });
    if (process.platform === "linux") await expect(files.lock("/proc/no-such-folder/deep")).rejects.toMatchObject({ code: "not-found" });
  }));

const HOLD = `
import { createNodeFiles } from ${JSON.stringify(new URL("./files.ts", import.meta.url).href)};
await createNodeFiles().lock(process.argv[1]);
console.log("locked");
setInterval(() => {}, 1000);
`;

const LOCK_AS_NOBODY = `
import { createNodeFiles } from ${JSON.stringify(new URL("./files.ts", import.meta.url).href)};
if (process.getuid() === 0) process.setuid(65534);
console.log(await createNodeFiles().lock(process.argv[1]).then(() => "locked", (error) => error.code));
process.exit(0);
`;

// SQLite grants an "exclusive" transaction on a file it can only read, to any number of processes at once.
test.skipIf(process.platform === "win32")("a lock file that can only be read locks nothing and says so", () =>
  inFolder(async ({ files, folder }) => {
    await (await files.lock(folder)).release();
    await chmod(`${folder}/lock`, 0o444);
    await chmod(folder, 0o555);
    await chmod(join(folder, ".."), 0o755);
    const child = spawn(process.execPath, ["--input-type=module", "--eval", LOCK_AS_NOBODY, folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await once(child.stdout, "data");
    expect(String(said).trim()).toBe("permission-denied");
    await chmod(folder, 0o700);
  }),
);

test("a lock of another process holds, names it, and ends with a kill", () =>
  inFolder(async ({ files, folder }) => {
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", HOLD, folder], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      await once(holder.stdout, "data");
      await expect(files.lock(folder)).rejects.toMatchObject({
        code: "folder-in-use",
        message: expect.stringContaining(`process ${holder.pid}`),
        hint: expect.any(String),
      });
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
    const lock = await files.lock(folder);
    await lock.release();
  }));
