/** `perdure mcp`: the agent of a folder as a server for an MCP client, on stdin and stdout. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { createAgentSource } from "../../bridges/mcp/agent-source.ts";
import { clientConfig, type McpClient } from "../../bridges/mcp/client-config.ts";
import { PerdureError } from "../../wire/error.ts";
import { isAgentName } from "../../wire/ids.ts";
import { agentFolder } from "../folder.ts";
import { type Invocation, passphraseFor, type Verb } from "../invocation.ts";
import { packageVersion } from "../package-version.ts";
import type { McpWords } from "../words.ts";

export function mcpVerb(options: McpWords): Verb {
  return async (invocation) => {
    if (options.printConfig !== undefined) return printConfig(invocation, options, options.printConfig);
    const { host, terminal, environment, overrides, stdin, stdout, signal } = invocation;
    const folder = agentFolder(options.at, environment);
    const passphrase = await passphraseFor(invocation, folder);
    const created = { ...creationOptions(options), ...(passphrase === undefined ? {} : { passphrase }) };
    const { openAgentWith } = await import("../../agent/open-agent.ts");
    const { diary } = await import("../../agent/diary.ts");
    const { serveMcp } = await import("../../bridges/mcp/stdio.ts");
    if (terminal.stdin.isTerminal) terminal.note("an MCP client starts this and speaks JSON-RPC on stdin; Ctrl-D ends it");
    const ended = new AbortController();
    for (const event of ["end", "close", "error"]) stdin.once(event, () => ended.abort());
    const closing = AbortSignal.any([signal, ended.signal]);
    await using source = createAgentSource((until) =>
      openAgentWith(host, folder, { settings: overrides, signal: until, diary, ...created }),
    );
    await serveMcp({ host, source, version: packageVersion(), closing, stdin, stdout });
    return 0;
  };
}

/** Words that only matter while there is no agent in the folder. */
function creationOptions({ relay, name }: McpWords): { readonly join?: string; readonly name?: string } {
  const plain = name?.replace(/^@/, "");
  if (plain !== undefined && !isAgentName(plain)) {
    throw new PerdureError("bad-argument", `"${plain}" cannot be a name`, {
      hint: "Use 1 to 32 lower-case letters, digits and inner hyphens.",
    });
  }
  if (plain !== undefined && relay === undefined) {
    throw new PerdureError("bad-argument", "a name is asked for at a relay", { hint: "Add --relay <address>." });
  }
  return { ...(relay === undefined ? {} : { join: relay }), ...(plain === undefined ? {} : { name: plain }) };
}

function printConfig({ terminal, environment }: Invocation, options: McpWords, client: McpClient): number {
  creationOptions(options);
  const program = fileURLToPath(new URL("../../../bin/perdure.mjs", import.meta.url));
  const args = [program, "mcp", "--at", agentFolder(options.at, environment)];
  if (options.relay !== undefined) args.push("--relay", options.relay);
  if (options.name !== undefined) args.push("--name", options.name);
  const { config, file, line } = clientConfig(client, { command: process.execPath, args }, process.platform);
  terminal.object(config);
  terminal.line(JSON.stringify(config, undefined, 2));
  terminal.note(`goes into ${file}`);
  if (line !== undefined) terminal.note(`or run: ${line}`);
  const folder = agentFolder(options.at, environment);
  if (options.relay === undefined && !existsSync(join(folder, "identity")))
    terminal.note(`there is no agent in ${folder} yet: perdure init makes it, or add --relay <address> to the line above`);
  return 0;
}
