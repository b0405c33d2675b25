import { expect, test } from "vitest";
import { FIXED } from "./fixed.ts";
import { createSettings, listSettings, SETTINGS, type SettingName } from "./register.ts";

const names = Object.keys(SETTINGS) as SettingName[];

test.each(names)("%s has a default inside its bounds and a reason", (name) => {
  const { value, min, max, reason } = SETTINGS[name];
  expect(value).toBeGreaterThanOrEqual(min);
  expect(value).toBeLessThanOrEqual(max);
  expect(reason.length).toBeGreaterThan(20);
  expect(reason.endsWith(".")).toBe(true);
});

test("what can only be 0 or 1 is a switch, and a switch nothing else", () => {
  for (const { unit, min, max } of listSettings(createSettings()).filter(({ origin }) => origin !== "fixed"))
    expect(unit === "yes or no").toBe(min === 0 && max === 1);
});

test("an override is in force and listed as set", () => {
  const settings = createSettings({ pingEveryMs: 20_000 });
  expect(settings.pingEveryMs).toBe(20_000);
  const rows = listSettings(settings);
  expect(rows.filter(({ origin }) => origin === "set").map(({ name }) => name)).toEqual(["pingEveryMs"]);
  expect(rows.filter(({ origin }) => origin !== "fixed")).toHaveLength(names.length);
});

test("what a session agreed on is listed as negotiated, before who set it", () => {
  const rows = listSettings(createSettings({ pingEveryMs: 60_000 }), { pingEveryMs: "flag" }, { pingEveryMs: 15_000, windowFrames: 7 });
  const negotiated = rows.filter(({ origin }) => origin === "negotiated").map(({ name, value }) => [name, value]);
  expect(negotiated).toEqual([
    ["pingEveryMs", 15_000],
    ["windowFrames", 7],
  ]);
});

test("what nobody can set is listed as fixed, under names of its own", () => {
  const fixed = listSettings(createSettings()).filter(({ origin }) => origin === "fixed");
  expect(fixed.map(({ name }) => name)).toEqual(Object.keys(FIXED));
  expect(Object.keys(FIXED).filter((name) => Object.hasOwn(SETTINGS, name))).toEqual([]);
  for (const { reason, min, max, value } of fixed) expect([reason.endsWith("."), min, max]).toEqual([true, value, value]);
  expect(() => createSettings({ closeTimeoutMs: 1 })).toThrow(expect.objectContaining({ code: "unknown-setting" }));
});

test("a name nobody knows is refused", () => {
  expect(() => createSettings({ pingEvery: 1 })).toThrow(expect.objectContaining({ code: "unknown-setting" }));
});

test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, SETTINGS.pingEveryMs.max + 1])("%s is no value for a setting", (value) => {
  expect(() => createSettings({ pingEveryMs: value })).toThrow(expect.objectContaining({ code: "bad-argument" }));
});

test("names of settings used as keys of every object are refused like any other", () => {
  expect(() => createSettings({ constructor: 1 } as Record<string, number>)).toThrow(expect.objectContaining({ code: "unknown-setting" }));
});
