import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPassphraseSource, type PassphraseSource } from "./passphrase-source.ts";
import { createTerminal } from "./terminal.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-passphrase-"));
});
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));

/** A person who types `lines`, one for each question. */
function typing(lines: readonly string[]): PassphraseSource {
  const streams = { stdin: { isTTY: true }, stdout: new PassThrough(), stderr: Object.assign(new PassThrough(), { isTTY: true }) };
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const left = [...lines];
  const prompts = { write: (text: string) => text.endsWith(": ") && setImmediate(() => stdin.write(`${left.shift() ?? ""}\r`)) };
  return createPassphraseSource({ terminal: createTerminal(streams, {}, false), environment: {}, stdin, prompts, file: undefined });
}

async function reading(text: string): Promise<PassphraseSource> {
  const file = join(folder, "secret");
  await writeFile(file, text);
  const streams = { stdin: {}, stdout: new PassThrough(), stderr: new PassThrough() };
  return createPassphraseSource({
    terminal: createTerminal(streams, {}, false),
    environment: {},
    stdin: new PassThrough(),
    prompts: { write: () => undefined },
    file,
  });
}

describe("a passphrase", () => {
  it("that seals something has 8 letters at least, wherever it comes from", async () => {
    const short = { code: "bad-argument", message: expect.stringContaining("at least 8"), hint: expect.stringContaining("words") };
    await expect(typing(["x", "x"]).choose("new")).rejects.toMatchObject(short);
    await expect(typing(["seven77", "seven77"]).choose("new")).rejects.toMatchObject(short);
    await expect((await reading("x\n")).choose("new")).rejects.toMatchObject(short);
    await expect((await reading("x\n")).givenNew()).rejects.toMatchObject(short);
    await expect(typing(["eight888", "eight888"]).choose("new")).resolves.toBe("eight888");
    await expect((await reading("ünïcödé8\n")).choose("new")).resolves.toBe("ünïcödé8");
  });

  it("that opens something is taken as it is", async () => {
    await expect((await reading("x\n")).given()).resolves.toBe("x");
    await expect(typing(["x"]).ask("the folder's")).resolves.toBe("x");
  });

  it("is asked for twice when it is new", async () => {
    await expect(typing(["one two three", "one two tree"]).choose("new")).rejects.toMatchObject({ message: "these two differ" });
  });
});
