import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { utf8 } from "../wire/bytes.ts";
import { MAX_MESSAGE_BYTES } from "../wire/limits.ts";
import { readContent } from "./content.ts";

const noStdin = (): Readable => Readable.from([]);

describe("what is to be sent", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "perdure-content-"));
    await writeFile(join(folder, "minutes.md"), "# Minutes");
    await writeFile(join(folder, "empty"), "");
    await writeFile(join(folder, "blob"), new Uint8Array([0, 1, 2]));
    await writeFile(join(folder, "large"), new Uint8Array(MAX_MESSAGE_BYTES + 1));
    await mkdir(join(folder, "sub"));
  });
  afterAll(async () => await rm(folder, { recursive: true, force: true }));

  it("words are text", async () => {
    expect(await readContent("hello", noStdin())).toMatchObject({ bytes: utf8("hello"), contentType: "text/plain", fileName: undefined });
  });

  it("@@ begins words that begin with @", async () => {
    expect((await readContent("@@desk is a name", noStdin())).bytes).toEqual(utf8("@desk is a name"));
  });

  it("@path is a file, with its name and kind", async () => {
    expect(await readContent(`@${join(folder, "minutes.md")}`, noStdin())).toMatchObject({
      fileName: "minutes.md",
      contentType: "text/markdown",
    });
    expect(await readContent(`@${join(folder, "blob")}`, noStdin())).toMatchObject({ contentType: "application/octet-stream" });
  });

  it("an empty stdin nobody asked for is nothing to send; with - it is a message of 0 bytes", async () => {
    await expect(readContent(undefined, Readable.from([]))).rejects.toMatchObject({
      code: "bad-argument",
      message: expect.stringContaining("stdin was empty"),
    });
    expect((await readContent("-", Readable.from([]))).bytes.length).toBe(0);
  });

  it("an empty file is content of 0 bytes", async () => {
    expect((await readContent(`@${join(folder, "empty")}`, noStdin())).bytes.length).toBe(0);
  });

  it("- and nothing read stdin", async () => {
    for (const word of ["-", undefined]) {
      expect((await readContent(word, Readable.from([Buffer.from("pi"), Buffer.from("ped")]))).bytes).toEqual(utf8("piped"));
    }
  });

  it("nothing at a terminal is a mistake in the call", async () => {
    await expect(readContent(undefined, Object.assign(noStdin(), { isTTY: true }))).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("a missing file, a folder and a file that is too large have their own errors", async () => {
    await expect(readContent(`@${join(folder, "nowhere")}`, noStdin())).rejects.toMatchObject({ code: "not-found" });
    await expect(readContent(`@${join(folder, "sub")}`, noStdin())).rejects.toMatchObject({ code: "bad-argument" });
    await expect(readContent(`@${join(folder, "large")}`, noStdin())).rejects.toMatchObject({ code: "too-large" });
  });

  it("a pipe that does not end at the limit is cut off with an error", async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(1024 * 1024);
      })(),
    );
    await expect(readContent("-", endless)).rejects.toMatchObject({ code: "too-large" });
  });

  it("a pipe that says nothing can be called off", async () => {
    const stop = new AbortController();
    const reading = readContent("-", new Readable({ read() {} }), stop.signal);
    stop.abort();
    await expect(reading).rejects.toMatchObject({ code: "aborted" });
  });
});
