import { expect, test } from "vitest";
import type { Host } from "../host/host.ts";
import { createNodeHost } from "../host/node/index.ts";
import { createDisk, createMemoryFiles } from "../host/simulated/index.ts";
import { createIdentity } from "../identity/own-identity.ts";
import { readLedger } from "../protocol/incidents/ledger-file.ts";
import { createSettings } from "../settings/register.ts";
import { PerdureError } from "../wire/error.ts";
import { openIncidentLog } from "./incident-log.ts";

const settings = createSettings({ pingEveryMs: 21_000 });

async function open() {
  const host: Host = { ...createNodeHost(), files: createMemoryFiles(createDisk()) };
  const own = await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings });
  return { host, log: await openIncidentLog({ host, folder: "home", own, settings }) };
}

test("errors and some warnings are incidents, with the settings somebody had set; what is ordinary is none", async () => {
  const { host, log } = await open();
  log.host.log.write("error", "agent.cloned", { why: "the folder lives twice" });
  log.host.log.write("warn", "agent.clock-offset", { offsetMs: 90_000 });
  log.host.log.write("warn", "agent.handler-failed", { why: "of the program that is served" });
  log.host.log.write("info", "agent.apart", { code: "connection-closed" });
  await log[Symbol.asyncDispose]();
  const { book } = await readLedger(host, "home");
  expect(book.incidents.map(({ kind, symptom }) => [kind, symptom])).toEqual([
    ["agent.cloned", "why the folder lives twice"],
    ["agent.clock-offset", "offsetMs 90000"],
  ]);
  expect(book.incidents[0]?.settings).toEqual([{ name: "pingEveryMs", value: 21_000, unit: "ms", origin: "set" }]);
});

test("an agent that could not be opened is one, unless somebody called it off", async () => {
  const damaged = await open();
  await damaged.log.failed(new PerdureError("log-damaged", "home/log/000001.log is damaged at byte 7"));
  expect((await readLedger(damaged.host, "home")).book.incidents).toMatchObject([{ kind: "agent.not-opened" }]);
  const off = await open();
  await off.log.failed(new PerdureError("aborted", "stopped"));
  expect((await readLedger(off.host, "home")).book.incidents).toEqual([]);
});
