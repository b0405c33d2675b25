import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { placeApart } from "./place-apart.ts";

let root = "";
let desk = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "perdure-apart-"));
  desk = join(root, "desk");
  await mkdir(join(desk, "deeper"), { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true, maxRetries: 3 }));

describe("the place of a recovery file", () => {
  it("is any folder that is there, outside of the one it protects", async () => {
    await mkdir(join(root, "desk-usb"));
    await mkdir(join(root, "..stick"));
    for (const [path, folder] of [
      [join(root, "desk.recovery"), desk],
      [join(root, "desk-usb", "page"), desk],
      [join(root, "..stick", "page"), desk],
      [join(root, "desk.recovery"), join(root, "not", "made", "yet")],
    ] as const)
      await expect(placeApart(path, folder)).resolves.toMatch(/page$|desk\.recovery$/);
  });

  it("is never in that folder, whatever the way there is called", async () => {
    const linked = join(root, "link");
    if (process.platform !== "win32") await symlink(desk, linked);
    const ways = [join(desk, "page"), join(desk, "deeper", "page"), join(root, "other", "..", "desk", "page")];
    if (process.platform !== "win32") ways.push(join(linked, "page"), join(linked, "deeper", "page"));
    for (const path of ways) await expect(placeApart(path, desk)).rejects.toMatchObject({ code: "bad-argument" });
    if (process.platform !== "win32") await expect(placeApart(join(desk, "page"), linked)).rejects.toMatchObject({ code: "bad-argument" });
    await expect(placeApart(join(root, "page"), join(root, "page"))).rejects.toMatchObject({ code: "bad-argument" });
    await expect(placeApart(join(desk, "page"), join(desk, "..", "desk"))).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("is not made: a disk that is not mounted must not become a folder of this one", async () => {
    const missing = join(root, "usb", "desk.recovery");
    await expect(placeApart(missing, desk)).rejects.toMatchObject({ code: "not-found", hint: expect.stringContaining("mounted") });
    await writeFile(join(root, "file"), "");
    await expect(placeApart(join(root, "file", "page"), desk)).rejects.toMatchObject({ code: "bad-argument" });
  });
});
