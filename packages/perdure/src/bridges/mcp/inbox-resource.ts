/**
 * The inbox as a resource: what the inbox tool shows, and a word to clients that listen when mail has come.
 *
 * What must hold: a client of a revision before 2026 is told only after it has subscribed (later ones open a stream of their
 * own, which the SDK looks after); a flood of mail is one word in `QUIET_MS`, not one for each message. The watch begins with
 * the connection, so it also opens the agent: mail that waits comes in before the first tool is called.
 */
import type { McpServer } from "@modelcontextprotocol/server";
import { sleep } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { isPerdureError } from "../../wire/error.ts";
import type { AgentSource } from "./agent-source.ts";
import { inboxAnswer } from "./reading-tools.ts";
import { errorText } from "./tool.ts";

export const INBOX_URI = "perdure://inbox";
const INBOX_TOKENS = 3000;
const QUIET_MS = 200;
/** Until an agent that could not be opened is tried again. */
const AGAIN_MS = 5000;

export interface InboxResourceOptions {
  readonly host: Pick<Host, "clock" | "random" | "log">;
  readonly source: AgentSource;
  readonly era: "legacy" | "modern";
  /** Ends the watch for new mail. */
  readonly closing: AbortSignal;
}

/** The server must have been made with the capability to subscribe to resources. */
export function addInboxResource(server: McpServer, { host, source, era, closing }: InboxResourceOptions): void {
  const about = { title: "Waiting mail", description: "What the inbox tool shows", mimeType: "text/plain" };
  server.registerResource("inbox", INBOX_URI, about, async (uri, { mcpReq: { signal } }) => {
    try {
      const agent = await source.agent(signal);
      const { text } = await inboxAnswer({ agent, host, signal }, { box: "contacts", maxTokens: INBOX_TOKENS });
      return { contents: [{ uri: uri.href, mimeType: "text/plain", text }] };
    } catch (error) {
      throw new Error(errorText(error, "could not list the inbox"), { cause: error });
    }
  });

  let listening = era === "modern";
  server.server.setRequestHandler("resources/subscribe", ({ params }) => {
    listening ||= params.uri === INBOX_URI;
    return {};
  });
  server.server.setRequestHandler("resources/unsubscribe", ({ params }) => {
    if (params.uri === INBOX_URI) listening = false;
    return {};
  });

  let planned: (() => void) | undefined;
  closing.addEventListener("abort", () => planned?.(), { once: true });
  const tell = (): void => {
    planned = undefined;
    if (!listening || closing.aborted || !server.isConnected()) return;
    server.server.sendResourceUpdated({ uri: INBOX_URI }).catch(() => {});
  };
  const watch = async (): Promise<void> => {
    const agent = await source.agent(closing);
    for await (const _mail of agent.inbox({ watch: true, signal: closing })) planned ??= host.clock.after(QUIET_MS, tell);
  };
  const watchOn = async (): Promise<void> => {
    for (let said = ""; !closing.aborted; await sleep(host.clock, AGAIN_MS, closing)) {
      await watch().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        if (closing.aborted || why === said) return;
        said = why;
        host.log.write("warn", "mcp.agent-not-open", { why, code: isPerdureError(error) ? error.code : undefined });
      });
    }
  };
  // Called off in the middle of a pause.
  watchOn().catch(() => {});
}
