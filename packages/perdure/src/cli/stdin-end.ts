/** The end of stdin as a signal: a pipe ends when whoever started this process is gone, however that ended. */
import type { Readable } from "node:stream";

export function stdinEnd(stdin: Readable): AbortSignal {
  const ended = new AbortController();
  stdin
    .on("end", () => ended.abort())
    .on("close", () => ended.abort())
    .on("error", () => ended.abort())
    .resume();
  return ended.signal;
}
