/** What README.md shows is what happens: its examples are taken from it as they stand and run from the packed package. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, toolPath } from "../../../scripts/tool.ts";
import { CONSUMER_OPTIONS, type Consumer, createConsumer, SLOW_MS, type Started } from "./test-consumer.ts";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
/** The address in the examples; a test's relay has another port when this one is busy. */
const PRINTED_RELAY = "ws://127.0.0.1:4410/";
const POLL_MS = 50;

let consumer: Consumer;
const started: Started[] = [];

beforeAll(async () => {
  consumer = await createConsumer();
}, SLOW_MS);

afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
  consumer?.remove();
});

test("both examples type-check and run: anna's message is done", { timeout: SLOW_MS }, async () => {
  const [desk, anna, ...more] = blocks("ts");
  expect(more).toEqual([]);
  const folder = consumer.subfolder("ten-lines");
  const relay = begin(consumer.command, ["relay", "--listen", "127.0.0.1:0", "--at", "./relay"], folder);
  const address = await relay.firstLine;
  const url = address.replace(/#.*/, "");
  for (const [name, code] of Object.entries({ desk, anna })) {
    expect(code).toContain(PRINTED_RELAY);
    writeFileSync(join(folder, `${name}.ts`), String(code).replace(PRINTED_RELAY, url));
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: CONSUMER_OPTIONS, files: ["desk.ts", "anna.ts"] }));
  expect(consumer.run(process.execPath, [toolPath("typescript", "tsc"), "-p", folder])).toBe("");

  const serving = begin(process.execPath, ["desk.ts"], folder);
  await untilKnown(url.replace(/^ws:/, "http:"), "desk", serving);
  const said = consumer.run(process.execPath, ["anna.ts"], { cwd: folder });
  expect(said).toMatch(/^queued self\n(?:\w+ ag1\w+\n)*done ag1\w+\n$/);
});

test.runIf(process.platform !== "win32")("any command becomes an agent, line by line", { timeout: SLOW_MS }, async () => {
  const lines = blocks("sh").find((block) => block.includes("perdure on-mail"));
  const folder = consumer.subfolder("any-command");
  const filled: Record<string, string> = {};
  const printed: string[] = [];
  for (const line of String(lines).trim().split("\n")) {
    const words = line.replace(/\s+#.*$/, "").replace(/<(\w+)>/g, (_, name: string) => `'${filled[name]}'`);
    if (/^perdure (relay|on-mail)/.test(words)) {
      const running = begin("/bin/sh", ["-c", `exec ${words}`], folder);
      if (words === "perdure relay") filled["address"] = await running.firstLine;
      continue;
    }
    const said = consumer.run("/bin/sh", ["-c", words], { cwd: folder });
    if (words.startsWith("perdure send")) filled["id"] = said.trim();
    printed.push(said);
  }
  const [, , id, trace, answer] = printed;
  expect(id).toMatch(/^[0-9a-f]{16}\.1\n$/);
  expect(trace).toMatch(/ done +handled; signed receipt\n$/);
  expect(answer?.trim()).toBe("4");
});

test("the trial's transcript has the lines a trial of a file of that size prints", { timeout: SLOW_MS }, () => {
  const transcript = String(/<!-- try-transcript -->\s*```\n([\s\S]*?)```/.exec(README)?.[1]);
  const bytes = Number(/\(([\d,]+) bytes\)/.exec(transcript)?.[1]?.replaceAll(",", ""));
  const folder = consumer.subfolder("trial");
  writeFileSync(join(folder, "my.pdf"), Buffer.alloc(bytes, 7));
  const said = consumer.run(consumer.command, ["try", "./my.pdf"], { cwd: folder });
  const report = transcript.slice(transcript.indexOf("\nsent ") + 1);
  expect(shape(said)).toEqual(shape(report));
});

function begin(file: string, args: readonly string[], cwd: string): Started {
  const running = consumer.start(file, args, { cwd });
  started.push(running);
  return running;
}

/** The code blocks of a language, in their order. */
function blocks(language: string): readonly string[] {
  return [...README.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, is]) => is === language).map(([, , code]) => String(code));
}

async function untilKnown(page: string, name: string, agent: Started): Promise<void> {
  for (;;) {
    const status = (await (await fetch(new URL("status.json", page))).json()) as { readonly agents: readonly { readonly name?: string }[] };
    if (status.agents.some((each) => each.name === name)) return;
    if (agent.child.exitCode !== null) throw new Error(`@${name} ended: ${agent.said()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A report without what differs from run to run: numbers, hashes, units of time, and what came before the longest gap. */
function shape(report: string): readonly string[] {
  return report
    .trim()
    .split("\n")
    .map((line) =>
      line
        .replace(/"[^"]*"/, "…")
        .replace(/[0-9a-f]{64}/, "…")
        .replace(/\d[\d.,:]*/g, "0")
        .replace(/0 (ms|s)\b/g, "0 s"),
    );
}
