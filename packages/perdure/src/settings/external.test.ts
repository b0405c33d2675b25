import { expect, test } from "vitest";
import { listExternal, type MachineName, UNLIMITED, unchosen } from "./external.ts";
import { BLAST_RADII, type ExternalDefinition } from "./external-definition.ts";
import { MACHINE } from "./machine.ts";
import { MIDDLEBOXES } from "./middleboxes.ts";
import { PAGE } from "./page.ts";
import { SETTINGS } from "./register.ts";

const DECLARED = { ...MACHINE, ...PAGE };
const names = Object.keys(DECLARED) as MachineName[];

test.each(names)("%s was found right as it commonly is, and says why and what to do", (name) => {
  const { reviewed, least = -1, most = UNLIMITED, reason, advice, source }: ExternalDefinition = DECLARED[name];
  expect(reviewed).toBeGreaterThanOrEqual(least);
  expect(reviewed).toBeLessThanOrEqual(most);
  expect(least >= 0 || most < UNLIMITED, "nothing would ever be reported").toBe(true);
  for (const text of [reason, advice]) expect(text.length).toBeGreaterThan(10);
  expect(reason.endsWith(".")).toBe(true);
  expect(source.length).toBeGreaterThan(5);
});

test("no inherited limit has the name of a setting", () => {
  expect([...names, ...Object.keys(MIDDLEBOXES)].filter((name) => Object.hasOwn(SETTINGS, name))).toEqual([]);
});

test("who chose a value: nobody, an operator, a review, its maker, or it is not known", () => {
  const rows = listExternal(MACHINE, [
    { name: "openFiles", value: 256 },
    { name: "heapBytes", value: 1, operator: "--max-old-space-size=1" },
    { name: "acceptBacklog", value: 4096 },
    { name: "userProcesses", unknown: "not told here" },
    { name: "trackedIdleMs", absent: true },
  ]);
  const chosen = new Map(rows.map(({ name, chosenBy }) => [name, chosenBy]));
  expect(chosen.get("openFiles")).toBe("nobody");
  expect(chosen.get("heapBytes")).toBe("operator");
  expect(chosen.get("acceptBacklog")).toBe("reviewed");
  expect(chosen.get("userProcesses")).toBe("unknown");
  expect(chosen.has("trackedIdleMs")).toBe(false);
  for (const name of Object.keys(MIDDLEBOXES)) expect(chosen.get(name)).toBe("declared");
  expect(rows.find(({ name }) => name === "userProcesses")).toMatchObject({ advice: "not told here" });
  expect(rows.find(({ name }) => name === "userProcesses")).not.toHaveProperty("value");
});

test("those that nobody chose come with the worst first: data, process, connection, request", () => {
  const rows = listExternal(
    MACHINE,
    [
      { name: "bufferBytes", value: 1 },
      { name: "acceptBacklog", value: 1 },
      { name: "tlsVersion", value: 1 },
      { name: "openFiles", value: 1 },
    ],
    [{ on: "request", name: "timeout", value: 5000, row: "socketIdleMs", expected: 0 }],
  );
  expect(unchosen(rows).map(({ name, blast }) => [name, blast])).toEqual([
    ["tlsVersion", "data"],
    ["openFiles", "process"],
    ["acceptBacklog", "connection"],
    ["bufferBytes", "request"],
    ["request: timeout", "request"],
  ]);
  expect(BLAST_RADII).toEqual(["request", "connection", "process", "data"]);
});
