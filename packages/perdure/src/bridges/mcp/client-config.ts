/** How each MCP client is told to start this server: what goes into which file. */

export const MCP_CLIENTS = ["claude-desktop", "claude-code", "cursor", "vscode"] as const;
export type McpClient = (typeof MCP_CLIENTS)[number];

export interface ServerCommand {
  /** Absolute: a client with windows has no PATH of a shell. */
  readonly command: string;
  readonly args: readonly string[];
}

export interface ClientConfig {
  readonly config: object;
  /** Where it goes, for people. */
  readonly file: string;
  /** A line for a shell that does the same, where the client has one. */
  readonly line: string | undefined;
}

const NAME = "perdure";

/** `platform` as Node names it. */
export function clientConfig(client: McpClient, server: ServerCommand, platform: string): ClientConfig {
  const plain = { command: server.command, args: server.args };
  const stdio = { type: "stdio", ...plain };
  switch (client) {
    case "claude-desktop":
      return { config: { mcpServers: { [NAME]: plain } }, file: claudeDesktopFile(platform), line: undefined };
    case "claude-code":
      return {
        config: { mcpServers: { [NAME]: stdio } },
        file: ".mcp.json in a project, for everybody who works on it",
        line: `claude mcp add --scope user ${NAME} -- ${shellWords([server.command, ...server.args])}`,
      };
    case "cursor":
      return { config: { mcpServers: { [NAME]: plain } }, file: "~/.cursor/mcp.json, or .cursor/mcp.json in a project", line: undefined };
    case "vscode":
      return {
        config: { servers: { [NAME]: stdio } },
        file: ".vscode/mcp.json in a project",
        line: `code --add-mcp ${shellWords([JSON.stringify({ name: NAME, ...stdio })])}`,
      };
  }
}

function claudeDesktopFile(platform: string): string {
  const folders: Readonly<Record<string, string>> = { darwin: "~/Library/Application Support/Claude", win32: "%APPDATA%\\Claude" };
  return `${folders[platform] ?? "~/.config/Claude"}${platform === "win32" ? "\\" : "/"}claude_desktop_config.json`;
}

/** As a POSIX shell reads them back. */
function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}
