#!/usr/bin/env node
/** The program `perdure`: signals, a reader that goes away, and the exit code. */
import process from "node:process";
import { runCommand } from "./command.ts";

const INTERRUPTED = 130;
const TERMINATED = 143;
const READER_GONE = 141;

const stopped = new AbortController();
let endedBy: number | undefined;

const stop = (code: number) => (): void => {
  if (endedBy !== undefined) process.exit(endedBy);
  endedBy = code;
  stopped.abort();
};
process.on("SIGINT", stop(INTERRUPTED));
process.on("SIGTERM", stop(TERMINATED));
process.on("SIGHUP", stop(TERMINATED));
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    if (endedBy === undefined) stop(READER_GONE)();
  });
}

const exit = await runCommand(process.argv.slice(2), process, process.env, stopped.signal);
// A verb that took the signal as its proper end says 0; one that was called off says "aborted".
process.exit(endedBy !== undefined && exit !== 0 ? endedBy : exit);
