/** The package as TypeScript sees it that somebody else writes: packed, and checked with all that is strict. */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack } from "../../../scripts/pack.ts";
import { ROOT, runTool, toolPath } from "../../../scripts/tool.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "pace-consumer-"));
const STRICT = {
  target: "es2023",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
};
const PACK_MS = 120_000;

beforeAll(async () => {
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "@perdure"), { recursive: true });
  const packed = await pack(folder, "pace");
  await run("tar", ["xzf", packed, "-C", join(modules, "@perdure")]);
  cpSync(join(modules, "@perdure/package"), join(modules, "@perdure/pace"), { recursive: true });
  for (const name of ["@types/node", "undici-types"]) cpSync(join(ROOT, "node_modules", name), join(modules, name), { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
}, PACK_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the compiler says of it: nothing, where all is well. */
async function complaints(text: string, compilerOptions: object): Promise<string> {
  writeFileSync(join(folder, "program.ts"), text);
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ compilerOptions: { ...STRICT, ...compilerOptions }, files: ["program.ts"] }),
  );
  return (await runTool(toolPath("typescript", "tsc"), ["-p", folder], { deadlineMs: 60_000 })).output;
}

const NODE = { lib: ["es2023"], module: "nodenext", types: ["node"] };
const PAGE = { lib: ["es2023", "dom"], module: "esnext", moduleResolution: "bundler", types: [] };

/** As the clients' own, in short. */
const MESSAGES = `
type Message =
  | { role: "system" | "user"; content: string | { type: "text"; text: string }[]; name?: string }
  | { role: "assistant"; content?: string | null; tool_calls?: { id: string; function: { name: string; arguments: string } }[] }
  | { role: "tool"; tool_call_id: string; content: string };
declare function ask(messages: Message[]): Promise<{ message: Message; usage?: { prompt_tokens: number } }>;
let messages: Message[] = [{ role: "user", content: "hello" }];`;

test("a window gives messages of the client's own type, without being told it", async () => {
  const program = `
import { type ContextWindow, createContextWindow, createPace, memoryStore, openaiMessages } from "@perdure/pace";
${MESSAGES}
const window = createContextWindow({ style: openaiMessages(), store: memoryStore(), sizeTokens: 128_000 });
const call = await window.before(messages);
messages = [...call.messages];
const answer = await ask(messages);
call.answered(answer.usage);
messages.push(answer.message, { role: "tool", tool_call_id: "1", content: await window.admit("read_file", "text") });
const told = createContextWindow<Message>({ style: openaiMessages(), store: memoryStore(), isPinned: ({ role }) => role === "user" });
const windows: ContextWindow<Message>[] = [window, told];
createPace().include(() => windows.map((one) => one.gauge()));
`;
  expect(await complaints(program, NODE)).toBe("");
});

test("a pace and work are disposed of by using, with the types of Node alone", async () => {
  const program = `
import { clientFetch, createPace } from "@perdure/pace";
import { startLocalProvider } from "@perdure/pace/local-provider";
import { createMetrics } from "@perdure/pace/metrics";
import { openProxy } from "@perdure/pace/proxy";
import { letIn, openWork, task } from "@perdure/pace/work";
using pace = createPace({ quotas: { "https://api.example.com": [{ limit: 60, windowMs: 60_000 }] } });
await using work = await openWork("work");
work.handle("read", task<{ url: string }, { read: string }>({
  version: 1,
  steps: [{ name: "read", run: async ({ input, signal }) => await (await letIn(await pace.fetch(input.url, { signal }))).text() }],
}));
await using provider = await startLocalProvider({ requestsPerMinute: 60 });
await using proxy = await openProxy({ for: [provider.url] });
const like: typeof fetch = clientFetch(pace);
const used: number | undefined = [...pace.state().values()][0]?.accounts[0]?.used;
console.log(createMetrics().text(pace), like, used, proxy.url);
`;
  expect(await complaints(program, NODE)).toBe("");
});

test("a page needs the types of pages and no others", async () => {
  const program = `
import { createPace } from "@perdure/pace";
const pace = createPace();
const answer: Response = await pace.fetch("https://api.example.com/");
console.log(answer.status, pace.gauges().length);
pace.close();
`;
  expect(await complaints(program, PAGE)).toBe("");
});
