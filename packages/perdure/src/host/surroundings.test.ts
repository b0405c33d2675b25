import { expect, test } from "vitest";
import type { ExternalReading, LiveLimit } from "../settings/external.ts";
import { MACHINE } from "../settings/machine.ts";
import { createSettings } from "../settings/register.ts";
import type { External } from "./external.ts";
import type { Log } from "./log.ts";
import { lookAround } from "./surroundings.ts";

function machine(readings: readonly ExternalReading[], live: readonly LiveLimit[] = []) {
  const lines: (readonly [string, string, unknown])[] = [];
  const log: Log = { write: (level, event, fields) => void lines.push([level, event, fields]) };
  const external: External = { declared: MACHINE, read: async () => readings, live: () => live };
  return { log, external, lines };
}

test("a lesser contradiction is one line of log and stays to be seen", async () => {
  const { lines, ...host } = machine([{ name: "acceptBacklog", value: 128 }]);
  const surroundings = await lookAround(host, "folder", createSettings());
  expect(lines).toEqual([
    ["warn", "settings.contradiction", expect.objectContaining({ says: expect.stringContaining("acceptBacklog (128") })],
  ]);
  expect(surroundings().contradictions.map(({ relation }) => relation)).toEqual(["backlog-is-granted"]);
  surroundings();
  expect(lines).toHaveLength(1);
});

test("what nobody chose is a line of log that nobody has to see", async () => {
  const { lines, ...host } = machine([{ name: "volatileDisk", value: 1 }]);
  await lookAround(host, "folder", createSettings());
  expect(lines).toEqual([["info", "limits.unchosen", { name: "volatileDisk", value: 1, advice: expect.stringContaining("disk") }]]);
});

test("a hard one with the machine refuses to start", async () => {
  const { lines, ...host } = machine([{ name: "fileSizeBytes", value: 1024 }]);
  await expect(lookAround(host, "folder", createSettings())).rejects.toMatchObject({
    code: "bad-argument",
    hint: expect.stringContaining("ulimit"),
  });
  expect(lines).toEqual([]);
});

test("what is alive is looked at when it is asked for, not when the process started", async () => {
  const live: LiveLimit[] = [];
  const surroundings = await lookAround(machine([], live), "folder", createSettings());
  const names = (): readonly string[] => surroundings().external.map(({ name }) => name);
  expect(names()).not.toContain("HTTP server: timeout");
  live.push({ on: "HTTP server", name: "timeout", value: 5, row: "requestIdleMs", expected: 60_000 });
  expect(names()).toContain("HTTP server: timeout");
});

test("a machine that cannot tell has no rows, and settings are held against each other all the same", async () => {
  const { log } = machine([]);
  expect((await lookAround({ log }, "folder", createSettings()))()).toEqual({ external: [], contradictions: [] });
  await expect(lookAround({ log }, "folder", createSettings({ pingEveryMs: 60_000 }))).rejects.toMatchObject({ code: "bad-argument" });
});
