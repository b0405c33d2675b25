/** For tests of the MCP server: the real command as a process, a real MCP client on its pipes. */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CallToolResult, Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
/** A cold start of the command on a loaded machine. */
const PATIENT_MS = 60_000;

export interface McpRun extends AsyncDisposable {
  readonly client: Client;
  readonly pid: number;
  /** What the server said on stderr so far. */
  said(): string;
  /** The text and data of an answer; throws the text of an answer that is an error. */
  call<Data = Record<string, unknown>>(
    tool: string,
    words?: Record<string, unknown>,
  ): Promise<{ readonly text: string; readonly data: Data }>;
  /** The text of an answer that has to be an error. */
  failure(tool: string, words?: Record<string, unknown>): Promise<string>;
}

export interface McpStart {
  readonly command?: { readonly file: string; readonly args: readonly string[] };
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The one protocol revision the client speaks; that of 2025 when absent. */
  readonly revision?: string;
}

/** Starts `perdure mcp` with these words. */
export async function startMcp(words: readonly string[], start: McpStart = {}): Promise<McpRun> {
  const { file, args } = start.command ?? { file: process.execPath, args: [MAIN] };
  const transport = new StdioClientTransport({
    command: file,
    args: [...args, "mcp", ...words],
    env: { ...(process.env as Record<string, string>), ...start.env },
    stderr: "pipe",
    ...(start.cwd === undefined ? {} : { cwd: start.cwd }),
  });
  let said = "";
  transport.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const { revision } = start;
  const client = new Client(
    { name: "test", version: "1" },
    revision === undefined ? {} : { versionNegotiation: { mode: { pin: revision } } },
  );
  await client.connect(transport, { timeout: PATIENT_MS });
  // Learning the tools makes the client check every answer against its schema.
  await client.listTools();
  const answer = async (name: string, words: Record<string, unknown>): Promise<CallToolResult> =>
    (await client.callTool({ name, arguments: words }, { timeout: PATIENT_MS })) as CallToolResult;
  return {
    client,
    pid: transport.pid ?? 0,
    said: () => said,
    async call<Data>(tool: string, words = {}) {
      const result = await answer(tool, words);
      if (result.isError === true) throw new Error(textOf(result));
      return { text: textOf(result), data: result.structuredContent as Data };
    },
    async failure(tool, words = {}) {
      const result = await answer(tool, words);
      if (result.isError !== true) throw new Error(`not an error: ${textOf(result)}`);
      return textOf(result);
    },
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function textOf({ content }: CallToolResult): string {
  return content.map((block) => (block.type === "text" ? block.text : `[${block.type}]`)).join("\n");
}

export interface RawServer {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly exit: Promise<number | null>;
}

/** The command with nothing of an SDK at the other end of its pipes. */
export function startRaw(words: readonly string[]): RawServer {
  const child = spawn(process.execPath, [MAIN, "mcp", ...words], { stdio: ["pipe", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, stdout: () => stdout, stderr: () => stderr, exit };
}
