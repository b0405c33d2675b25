import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport, type StdioServerParameters } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT, toolPath } from "../../../scripts/tool.ts";
import { isNewEnough } from "../bin/bring-node.mjs";
import { CONSUMER_OPTIONS, type Consumer, createConsumer, SLOW_MS } from "./test-consumer.ts";

const VERSION = (JSON.parse(readFileSync(join(ROOT, "packages/perdure/package.json"), "utf8")) as { readonly version: string }).version;

let consumer: Consumer;
let project = "";
let installed = "";
let command = "";
let run: Consumer["run"];

beforeAll(async () => {
  consumer = await createConsumer();
  ({ folder: project, installed, command, run } = consumer);
}, SLOW_MS);

afterAll(() => consumer?.remove());

test("holds JavaScript, declarations, the launcher and the documents, and nothing else", () => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map((entry) =>
    join(entry.parentPath, entry.name)
      .slice(installed.length + 1)
      .replaceAll("\\", "/"),
  );
  const documents = ["CHANGELOG.md", "LICENSE", "README.md", "bin/bring-node.mjs", "bin/perdure.mjs", "package.json"];
  expect(paths.filter((path) => !/^dist\/.*\.(js|d\.ts)$/.test(path)).sort()).toEqual(documents);
  expect(paths.filter((path) => /\.test\.|conformance|(^|\/)test-/.test(path))).toEqual([]);
});

test("every entry can be imported", () => {
  const entries = Object.keys((JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as { readonly exports: object }).exports);
  const script = `for (const entry of ${JSON.stringify(entries)}) console.log(entry, Object.keys(await import(entry.replace(".", "perdure"))).length > 0);`;
  expect(run(process.execPath, ["--input-type=module", "--eval", script])).toBe(entries.map((entry) => `${entry} true\n`).join(""));
});

test("its types are found and say what the functions take", () => {
  const code = [
    'import { openAgent, type Agent, type Step } from "perdure";',
    'import { openRelay } from "perdure/relay";',
    "export async function greet(at: string): Promise<Step> {",
    "  await using agent: Agent = await openAgent(at, { name: 'anna' });",
    '  const sent = await agent.send("@desk", "hello");',
    '  return await sent.until("done", { timeoutMs: 1000 });',
    "}",
    "// @ts-expect-error A folder is a string.",
    "export const wrong = openAgent(1);",
    "export const relay: typeof openRelay = openRelay;",
  ];
  writeFileSync(join(project, "consumer.ts"), code.join("\n"));
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions: CONSUMER_OPTIONS, files: ["consumer.ts"] }));
  expect(run(process.execPath, [toolPath("typescript", "tsc"), "-p", project])).toBe("");
});

describe("its command", () => {
  test("runs under this Node", () => {
    expect(run(command, ["--version"]).trim()).toBe(VERSION);
    expect(run(command, ["--help"])).toContain("perdure");
  });

  test("starts a relay through which two agents of the library talk", { timeout: SLOW_MS }, async () => {
    const relay = consumer.start(command, ["relay", "--listen", "127.0.0.1:0", "--folder", join(project, "relay")]);
    try {
      const address = await relay.firstLine;
      expect(address, relay.said()).toMatch(/^ws:/);
      const code = [
        'import { openAgent } from "perdure";',
        `const join = ${JSON.stringify(address)};`,
        'await using desk = await openAgent("./desk", { join, name: "desk", strangers: "welcome" });',
        'await using anna = await openAgent("./anna", { join, name: "anna" });',
        "const stop = new AbortController();",
        "const serving = desk.serve(async (mail, turn) => turn.reply((await mail.text()) + ', ' + mail.fromName), { signal: stop.signal });",
        'const answer = await anna.ask("@desk", "hello", { timeoutMs: 60_000 });',
        "console.log(await answer.text());",
        "stop.abort();",
        "await serving;",
      ];
      writeFileSync(join(project, "consumer.mjs"), code.join("\n"));
      expect(run(process.execPath, ["consumer.mjs"])).toBe("hello, anna\n");
      const page = await fetch(new URL("/", address.replace(/^ws:/, "http:")));
      expect([page.status, page.headers.get("content-type")?.toLowerCase()]).toEqual([200, "text/html; charset=utf-8"]);
    } finally {
      expect(await relay.stop()).toBe(0);
    }
  });

  test("tries a file of somebody's", { timeout: SLOW_MS }, () => {
    writeFileSync(join(project, "note.txt"), "a note\n");
    expect(run(command, ["try", "note.txt"])).toMatch(/handled\s+1\b/);
  });

  test("is a server for an MCP client, started as its printed configuration says", { timeout: SLOW_MS }, async () => {
    const relay = consumer.start(command, ["relay", "--listen", "127.0.0.1:0", "--folder", join(project, "mcp-relay")]);
    try {
      const agent = ["--at", join(project, "mcp-agent"), "--relay", await relay.firstLine, "--name", "pat"];
      const printed = run(command, ["mcp", ...agent, "--json", "--print-config", "cursor"]);
      const { mcpServers } = JSON.parse(printed) as { readonly mcpServers: Readonly<Record<string, StdioServerParameters>> };
      const client = new Client({ name: "consumer", version: "1" });
      await client.connect(new StdioClientTransport({ ...(mcpServers["perdure"] as StdioServerParameters), stderr: "ignore" }));
      try {
        const { structuredContent } = await client.callTool({ name: "status", arguments: {} }, { timeout: SLOW_MS });
        expect(structuredContent).toMatchObject({ name: "pat", folder: join(project, "mcp-agent") });
      } finally {
        await client.close();
      }
    } finally {
      expect(await relay.stop()).toBe(0);
    }
  });

  test("brings a newer Node where only an older one is", { timeout: SLOW_MS }, (context) => {
    const older = olderNode();
    if (older === undefined) return context.skip("every Node in the PATH is new enough for Perdure");
    expect(run(command, ["--version"], { node: older }).trim()).toBe(VERSION);
    expect(readdirSync(join(project, "cache/perdure"))).toHaveLength(1);
    expect(run(command, ["--help"], { node: older })).toContain("perdure");
  });
});

/** A Node in the PATH that is too old for Perdure but can start it; in a folder with nothing newer before it. */
function olderNode(): string | undefined {
  const nodes = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "node"));
  return nodes
    .filter((path) => existsSync(path))
    .find((path) => {
      const version = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
      return !isNewEnough(version) && Number(/^v(\d+)/.exec(version)?.[1]) >= 18;
    });
}
