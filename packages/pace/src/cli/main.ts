#!/usr/bin/env node
/** The program `pace`: signals, a reader that goes away, and the exit code. */
import process from "node:process";
import { runCommand } from "./command.ts";

const INTERRUPTED = 130;
const TERMINATED = 143;
const READER_GONE = 141;

const stopped = new AbortController();

/** The first time work ends in order, the second time at once. */
const stop = (code: number) => (): void => {
  if (stopped.signal.aborted) process.exit(code);
  stopped.abort();
};
process.on("SIGINT", stop(INTERRUPTED));
process.on("SIGTERM", stop(TERMINATED));
process.on("SIGHUP", stop(TERMINATED));
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(READER_GONE);
  });

process.exitCode = await runCommand(process.argv.slice(2), process, process.env, stopped.signal);
