import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTypedLine } from "./typed-line.ts";

describe("a line typed at the trial", () => {
  let folder = "";
  let file = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "perdure-typed-"));
    file = join(folder, "my notes.txt");
    await writeFile(file, "x");
    await mkdir(join(folder, "sub"));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  it("is nothing when empty", () => expect(readTypedLine("  ")).toEqual({ kind: "nothing" }));

  it("is a command only when it is exactly one", () => {
    expect(readTypedLine("/kill b")).toEqual({ kind: "command", command: "kill b" });
    expect(readTypedLine("/kill")).toEqual({ kind: "command", command: "kill a" });
    expect(readTypedLine("?")).toEqual({ kind: "command", command: "help" });
    expect(readTypedLine("kill")).toEqual({ kind: "text", text: "kill" });
  });

  it("is a file however a terminal writes its path", () => {
    for (const line of [file, `'${file}'`, `"${file}"`, file.replaceAll(" ", "\\ "), pathToFileURL(file).href, `${file} `]) {
      expect(readTypedLine(line), line).toEqual({ kind: "file", path: file });
    }
    expect(readTypedLine("~/my notes.txt", folder)).toEqual({ kind: "file", path: file });
  });

  it("that looks like a path and names nothing is not sent as text", () => {
    expect(readTypedLine("./nowhere.pdf")).toEqual({ kind: "missing", path: "./nowhere.pdf" });
    expect(readTypedLine("/wakeup")).toEqual({ kind: "missing", path: "/wakeup" });
  });

  it("is text otherwise, whatever letters it has", () => {
    for (const text of ["hello", "and/or", "a".repeat(5000), "it's", "1/2", "\\o/", "what?"])
      expect(readTypedLine(text), text).toEqual({ kind: "text", text });
    expect(readTypedLine("a\u0000b")).toEqual({ kind: "text", text: "a\u0000b" });
  });

  it("names a folder by its path, so that sending can say it is one", () => {
    expect(readTypedLine(join(folder, "sub"))).toEqual({ kind: "file", path: join(folder, "sub") });
  });
});
