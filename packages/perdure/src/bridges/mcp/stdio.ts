/** The server on a pair of pipes, as clients start it: one process per client. */
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { createMcpServer, type McpServerOptions } from "./mcp-server.ts";

/** More than the longest text a tool takes, with every letter escaped. What is read of an unfinished line is copied with each piece. */
const MOST_LINE_BYTES = 10_000_000;

type Pipes = ConstructorParameters<typeof StdioServerTransport>;

export interface StdioOptions extends Omit<McpServerOptions, "era"> {
  readonly stdin: NonNullable<Pipes[0]>;
  readonly stdout: NonNullable<Pipes[1]>;
}

/** Serves until stdin ends, the pipes can no longer be used, or `closing` fires. Nothing but the protocol is written to stdout. */
export async function serveMcp({ stdin, stdout, ...options }: StdioOptions): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const end = (): void => ended.resolve();
  stdin.once("end", end).once("close", end).once("error", end);
  options.closing.addEventListener("abort", end, { once: true });
  if (options.closing.aborted) end();
  const transport = new StdioServerTransport(stdin, stdout, { maxBufferSize: MOST_LINE_BYTES });
  const handle = serveStdio(({ era }) => createMcpServer({ ...options, era }), {
    transport,
    onerror: (error) => options.host.log.write("warn", "mcp.protocol", { why: error.message }),
  });
  // The transport closes by itself when a line is too long or stdout is gone: nobody could be answered any more.
  const closed = transport.onclose;
  transport.onclose = () => {
    closed?.();
    end();
  };
  await ended.promise;
  await handle.close();
}
