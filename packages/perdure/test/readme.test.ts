/** What README.md shows is what happens: its examples are taken from it as they stand and run from the packed package. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport, type StdioServerParameters } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, toolPath } from "../../../scripts/tool.ts";
import { CONSUMER_OPTIONS, type Consumer, createConsumer, SLOW_MS, type Started } from "./test-consumer.ts";

const README = readFileSync(join(ROOT, "README.md"), "utf8");
/** The addresses in the examples; a test's relays have other ports when these are busy. */
const PRINTED = ["ws://127.0.0.1:4410/", "ws://127.0.0.1:4411/"] as const;

let consumer: Consumer;
/** What the printed addresses are here. */
let urls: readonly [string, string];
const started: Started[] = [];

beforeAll(async () => {
  consumer = await createConsumer();
  const folder = consumer.subfolder("relays");
  const relay = async (name: string): Promise<string> => {
    const running = begin(consumer.command, ["relay", "--listen", "127.0.0.1:0", "--at", `./${name}`], folder);
    return (await running.firstLine).replace(/#.*/, "");
  };
  urls = [await relay("relay-a"), await relay("relay-b")];
}, SLOW_MS);

afterAll(async () => {
  await Promise.all(started.map((each) => each.stop()));
  consumer?.remove();
});

test("the TypeScript developer's story: desk gives an invite, anna of another owner accepts it, and her message is done", {
  timeout: SLOW_MS,
}, async () => {
  const [desk, anna] = blocks("ts");
  const folder = consumer.subfolder("ten-lines");
  for (const [name, code] of Object.entries({ desk, anna })) {
    expect(PRINTED.some((url) => code?.includes(url))).toBe(true);
    writeFileSync(join(folder, `${name}.ts`), here(String(code)));
  }
  // A project on Node has the types of Node.
  const compilerOptions = { ...CONSUMER_OPTIONS, types: ["node"], typeRoots: [join(ROOT, "node_modules/@types")] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["desk.ts", "anna.ts"] }));
  expect(consumer.run(process.execPath, [toolPath("typescript", "tsc"), "-p", folder])).toBe("");

  const invite = await begin(process.execPath, ["desk.ts"], folder).firstLine;
  expect(invite).toMatch(/^perdure1:/);
  const said = consumer.run(process.execPath, ["anna.ts", invite], { cwd: folder });
  // A desk that is awake may be done before a relay has stated that it stored the message.
  expect(said).toMatch(/^queued self\n(?:(?:accepted|stored) ag1\w+\n)*done ag1\w+\n$/);
});

test("the story of a person with an MCP client: accepts the invite, asks across both relays, reads, is done", {
  timeout: SLOW_MS,
}, async () => {
  const folder = consumer.subfolder("mcp");
  const [desk] = blocks("ts");
  writeFileSync(join(folder, "desk.ts"), here(String(desk)).replace('"desk" }', '"desk-of-bo" }'));
  const invite = await begin(process.execPath, ["desk.ts"], folder).firstLine;

  const line = lineWith("perdure mcp").replace(/^npx perdure /, "");
  const { mcpServers } = JSON.parse(consumer.run(consumer.command, here(line).split(" "), { cwd: folder })) as {
    readonly mcpServers: Readonly<Record<string, StdioServerParameters>>;
  };
  const client = new Client({ name: "reader", version: "1" });
  await client.connect(new StdioClientTransport({ ...(mcpServers["perdure"] as StdioServerParameters), stderr: "ignore" }));
  const call = async (name: string, words: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>> => {
    const result = await client.callTool({ name, arguments: words }, { timeout: SLOW_MS });
    expect(result.isError, JSON.stringify(result.content)).not.toBe(true);
    return result.structuredContent as Readonly<Record<string, unknown>>;
  };
  try {
    await call("status", {});
    await call("accept", { invite });
    const { contacts } = (await call("contacts", {})) as { readonly contacts: readonly { readonly id: string }[] };
    const asked = await call("ask", { to: contacts[0]?.id, text: "four words of text", waitSeconds: 60 });
    expect(asked).toMatchObject({ answered: true, answer: { content: expect.stringContaining("18 characters, noted.") } });
    expect(await call("inbox", {})).toMatchObject({ waiting: 1 });
    await call("done", { ids: [(asked["answer"] as { readonly id: string }).id] });
    expect(await call("inbox", {})).toMatchObject({ waiting: 0 });
    expect(await call("trace", { id: asked["questionId"] })).toMatchObject({ message: { state: "done" } });
  } finally {
    await client.close();
  }
});

test.runIf(process.platform !== "win32")(
  "any command becomes an agent, line by line, between two owners",
  { timeout: SLOW_MS },
  async () => {
    const lines = blocks("sh").find((block) => block.includes("perdure on-mail"));
    const folder = consumer.subfolder("any-command");
    const filled: Record<string, string> = {};
    const said: Record<string, string> = {};
    for (const line of String(lines).trim().split("\n")) {
      const words = here(line.replace(/\s+#.*$/, "")).replace(/<(\w+)>/g, (_, name: string) => `'${filled[name]}'`);
      const verb = words.split(" ")[1] as string;
      if (verb === "on-mail") {
        begin("/bin/sh", ["-c", `exec ${words}`], folder);
        continue;
      }
      said[verb] = consumer.run("/bin/sh", ["-c", words], { cwd: folder });
      if (verb === "invite") filled["invite"] = said[verb].trim().split("\n")[0] as string;
      if (verb === "send") filled["id"] = said[verb].trim();
    }
    expect(said["send"]).toMatch(/^[0-9a-f]{16}\.1\n$/);
    expect(said["trace"]).toMatch(/ done +handled; signed receipt\n/);
    expect(said["verify"]).toMatch(/proven/);
    expect(said["ask"]?.trim()).toBe("4");
  },
);

test("the example of a test type-checks and runs", { timeout: SLOW_MS }, () => {
  const [, , example, ofPace, ...more] = blocks("ts");
  expect(more).toEqual([]);
  // It is run with that README.
  expect(readFileSync(join(ROOT, "packages/pace/README.md"), "utf8")).toContain(ofPace);
  const folder = consumer.subfolder("testing");
  writeFileSync(join(folder, "net.ts"), String(example));
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: CONSUMER_OPTIONS, files: ["net.ts"] }));
  expect(consumer.run(process.execPath, [toolPath("typescript", "tsc"), "-p", folder])).toBe("");
  expect(consumer.run(process.execPath, ["net.ts"], { cwd: folder })).toBe("done\n");
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

/** The line of the page that contains `words`, without its remark. */
function lineWith(words: string): string {
  return (
    README.split("\n")
      .find((line) => line.includes(words))
      ?.replace(/\s+#.*$/, "") ?? ""
  );
}

/** The text with the addresses of the relays that run here. */
function here(text: string): string {
  return text.replaceAll(/(ws:\/\/)?127\.0\.0\.1:441([01])\/?/g, (_, scheme: string | undefined, which: string) => {
    const url = urls[Number(which)] as string;
    return scheme === undefined ? new URL(url).host : url;
  });
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
