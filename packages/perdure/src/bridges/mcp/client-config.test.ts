import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { clientConfig, MCP_CLIENTS } from "./client-config.ts";

const SERVER = { command: "/opt/my node/bin/node", args: ["/opt/it's/perdure.mjs", "mcp", "--at", "/home/a b/desk"] };

test("every client is told the same command, under the key it reads", () => {
  const keys = { "claude-desktop": "mcpServers", "claude-code": "mcpServers", cursor: "mcpServers", vscode: "servers" };
  for (const client of MCP_CLIENTS) {
    const { config } = clientConfig(client, SERVER, "linux");
    expect(Object.keys(config)).toEqual([keys[client]]);
    expect(Object.values(config)[0]).toMatchObject({ perdure: SERVER });
  }
});

test.runIf(process.platform !== "win32")("a line for a shell means the words it was made of", () => {
  for (const client of MCP_CLIENTS) {
    const { line } = clientConfig(client, SERVER, "linux");
    if (line === undefined) continue;
    const read = execFileSync("/bin/sh", ["-c", `printf '%s\\n' ${line}`], { encoding: "utf8" })
      .trimEnd()
      .split("\n");
    expect(client === "vscode" ? JSON.parse(read[2] ?? "") : read).toEqual(
      client === "vscode"
        ? { name: "perdure", type: "stdio", ...SERVER }
        : ["claude", "mcp", "add", "--scope", "user", "perdure", "--", SERVER.command, ...SERVER.args],
    );
  }
});

test("the file of Claude Desktop is named as the system has it", () => {
  expect(["darwin", "win32", "linux"].map((platform) => clientConfig("claude-desktop", SERVER, platform).file)).toEqual([
    "~/Library/Application Support/Claude/claude_desktop_config.json",
    "%APPDATA%\\Claude\\claude_desktop_config.json",
    "~/.config/Claude/claude_desktop_config.json",
  ]);
});

test("docs/mcp.md shows the configuration of each client as it is printed", () => {
  const page = readFileSync(fileURLToPath(new URL("../../../../../docs/mcp.md", import.meta.url)), "utf8");
  const shown = [...page.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, block]) => JSON.parse(String(block)));
  const server = { command: "/path/to/node", args: ["/path/to/perdure.mjs", "mcp", "--at", "/home/anna/agent"] };
  expect(shown).toEqual(MCP_CLIENTS.map((client) => clientConfig(client, server, "linux").config));
});
