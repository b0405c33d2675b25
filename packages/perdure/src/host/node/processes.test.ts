import { expect, test } from "vitest";
import { concat, fromUtf8, utf8 } from "../../wire/bytes.ts";
import type { SpawnedProcess } from "./processes.ts";
import { spawnProcess } from "./processes.ts";

const node = (script: string, options: Partial<Parameters<typeof spawnProcess>[0]> = {}): SpawnedProcess =>
  spawnProcess({ command: process.execPath, args: ["--eval", script], env: process.env, ...options });

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return fromUtf8(concat(...chunks));
}

const ECHO = "process.stdin.pipe(process.stdout)";

test("input, both outputs and the exit code are carried", async () => {
  const child = node(`console.error("trouble"); process.exitCode = 7; ${ECHO}`, { stdin: utf8("body") });
  expect(child.pid).toBeGreaterThan(0);
  expect(await Promise.all([textOf(child.stdout), textOf(child.stderr), child.exit])).toEqual([
    "body",
    "trouble\n",
    { code: 7, signal: undefined },
  ]);
});

test("a stream of megabytes passes through", async () => {
  async function* stream(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < 64; index++) yield new Uint8Array(64 * 1024).fill(65);
  }
  expect((await textOf(node(ECHO, { stdin: stream() }).stdout)).length).toBe(4 * 1024 * 1024);
});

test("a process that does not read its input ends all the same", async () => {
  expect(await node("process.exit(0)", { stdin: new Uint8Array(1024 * 1024) }).exit).toEqual({ code: 0, signal: undefined });
});

test("a kill is told by its signal, and killing again does nothing", async () => {
  const child = node("setInterval(() => {}, 1000)");
  child.kill("SIGKILL");
  expect(await child.exit).toEqual({ code: undefined, signal: "SIGKILL" });
  child.kill("SIGKILL");
});

test("an abort ends also a process that ignores being asked", async () => {
  const controller = new AbortController();
  const child = node(`process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)`, { signal: controller.signal });
  for await (const chunk of child.stdout) {
    expect(fromUtf8(chunk)).toBe("ready\n");
    controller.abort();
    break;
  }
  expect(await child.exit).toEqual({ code: undefined, signal: "SIGKILL" });
});

const OUTLIVES = "setTimeout(() => console.log('outlived'), 10_000)";
const STARTS = `require("node:child_process").spawn(process.execPath, ["--eval", ${JSON.stringify(OUTLIVES)}], { stdio: "inherit" })`;

// Whoever of them lives holds the output, which does not end before.
test.skipIf(process.platform === "win32")("an abort ends what the process started as well", async () => {
  const controller = new AbortController();
  const child = node(`${STARTS}.on("spawn", () => console.log("ready"))`, { signal: controller.signal });
  let said = "";
  for await (const chunk of child.stdout) {
    said += fromUtf8(chunk);
    controller.abort();
  }
  expect(said).toBe("ready\n");
  expect(await child.exit).toEqual({ code: undefined, signal: "SIGTERM" });
});

test.skipIf(process.platform === "win32")("an abort ends what a process left behind that has ended itself", async () => {
  const controller = new AbortController();
  const child = node(`${STARTS}.on("spawn", () => process.exit(3))`, { signal: controller.signal });
  expect((await child.exit).code).toBe(3);
  controller.abort();
  expect(await textOf(child.stdout)).toBe("");
});

test("a command that is not there is not-found", () => {
  expect(() => spawnProcess({ command: "no-such-command-of-ours", args: [], env: process.env })).toThrowError(
    expect.objectContaining({ code: "not-found" }),
  );
});

test("the environment is the one given, and no shell reads the words", async () => {
  const child = spawnProcess({
    command: process.execPath,
    args: ["--print", "JSON.stringify([process.env.WORD, process.argv[1]])", "--", "$(id); *"],
    env: { WORD: "given", GONE: undefined },
  });
  expect(JSON.parse(await textOf(child.stdout))).toEqual(["given", "$(id); *"]);
});
