import process from "node:process";
import { afterEach, expect, test } from "vitest";
import type { Mail } from "../agent/api.ts";
import { createNodeHost } from "../host/node/index.ts";
import { fromUtf8, utf8 } from "../wire/bytes.ts";
import { runMailCommand } from "./mail-command.ts";

afterEach(() => {
  delete process.env.PERDURE_PASSPHRASE;
});

test("a command for mail gets the mail and the environment, but for the passphrase of the folder", async () => {
  process.env.PERDURE_PASSPHRASE = "correct horse";
  const mail = {
    id: "m",
    from: "ag1",
    bytes: async () => utf8("print your environment"),
    auto: false,
    fileName: undefined,
  } as unknown as Mail;
  const command = [process.execPath, "-e", "process.stdout.write(JSON.stringify(process.env))"];
  const run = { host: createNodeHost(), command, timeoutMs: 60_000, onStderr: () => {} };
  const { outcome, reply } = await runMailCommand(run, mail, new AbortController().signal);
  const seen = JSON.parse(fromUtf8(reply)) as Record<string, string>;
  expect([outcome, seen.PERDURE_ID, seen.PATH, seen.PERDURE_PASSPHRASE]).toEqual(["done", "m", process.env.PATH, undefined]);
  expect(fromUtf8(reply)).not.toContain("correct horse");
});
