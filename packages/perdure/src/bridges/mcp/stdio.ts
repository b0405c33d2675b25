/** The server on a pair of pipes, as clients start it: one process per client. */
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { createMcpServer, type McpServerOptions } from "./mcp-server.ts";

type Pipes = ConstructorParameters<typeof StdioServerTransport>;

export interface StdioOptions extends Omit<McpServerOptions, "era"> {
  readonly stdin: NonNullable<Pipes[0]>;
  readonly stdout: NonNullable<Pipes[1]>;
}

/** Serves until stdin ends or `closing` fires. Nothing but the protocol is written to stdout. */
export async function serveMcp({ stdin, stdout, ...options }: StdioOptions): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const end = (): void => ended.resolve();
  stdin.once("end", end).once("close", end).once("error", end);
  options.closing.addEventListener("abort", end, { once: true });
  if (options.closing.aborted) end();
  const handle = serveStdio(({ era }) => createMcpServer({ ...options, era }), {
    transport: new StdioServerTransport(stdin, stdout),
    onerror: (error) => options.host.log.write("warn", "mcp.protocol", { why: error.message }),
  });
  await ended.promise;
  await handle.close();
}
