import fc from "fast-check";
import { expect, test } from "vitest";
import { type ExternalReading, listExternal, type MachineName } from "./external.ts";
import { FIXED } from "./fixed.ts";
import { MACHINE } from "./machine.ts";
import { PAGE } from "./page.ts";
import { createSettings, SETTINGS, type SettingName } from "./register.ts";
import { RELATIONS, type RelationDefinition, type RelationName } from "./relation-rows.ts";
import { contradictions, requireRelations } from "./relations.ts";

const ROWS = { ...MACHINE, ...PAGE };
const relations = Object.entries(RELATIONS) as [RelationName, RelationDefinition][];
const settingNames = Object.keys(SETTINGS) as SettingName[];
const isSetting = (name: string): name is SettingName => Object.hasOwn(SETTINGS, name);

/** A machine as it was reviewed, but for what is said otherwise. */
function machine(more: Partial<Record<MachineName, number>> = {}) {
  const readings = (Object.keys(ROWS) as MachineName[]).map(
    (name): ExternalReading => ({ name, value: more[name] ?? ROWS[name].reviewed }),
  );
  return listExternal(ROWS, readings);
}

/** Everything on the left as large as can be, everything on the right as small as can be. */
function worst({ less, than }: RelationDefinition) {
  const [overrides, readings]: [Partial<Record<string, number>>, Partial<Record<MachineName, number>>] = [{}, {}];
  for (const [, name] of less) if (isSetting(name)) overrides[name] = SETTINGS[name].max;
  for (const [, name] of than) {
    if (isSetting(name)) overrides[name] = SETTINGS[name].min;
    else if (Object.hasOwn(ROWS, name)) readings[name as MachineName] = 1;
  }
  return { settings: createSettings(overrides), external: machine(readings) };
}

test("the defaults satisfy every relation on a machine as it was reviewed, and on one that tells nothing", () => {
  expect(contradictions(createSettings(), { external: machine() })).toEqual([]);
  expect(contradictions(createSettings())).toEqual([]);
});

test.each(relations)("%s is broken by values that are each within their own bounds, and names both sides", (relation, definition) => {
  const { settings, external } = worst(definition);
  const found = contradictions(settings, { external }).find((each) => each.relation === relation);
  expect(found).toBeDefined();
  for (const [, name] of [...definition.less, ...definition.than]) expect(found?.says).toContain(name);
  expect(found?.hint).toMatch(/\S{3}/);
});

test.each(relations.filter(([, { hard }]) => hard === true))("%s lets nothing start", (_, definition) => {
  const { settings, external } = worst(definition);
  const thrown = expect.objectContaining({ code: "bad-argument", hint: expect.stringMatching(/\S/) });
  expect(() => requireRelations(settings, { external })).toThrow(thrown);
});

test("a refusal names both settings, their values and who set them", () => {
  const settings = createSettings({ redialMinMs: 30_000, redialMaxMs: 20_000 });
  expect(() => requireRelations(settings, { origins: { redialMinMs: "flag", redialMaxMs: "file" } })).toThrow(
    "redialMinMs (30000 ms, flag) must be at most redialMaxMs (20000 ms, file)",
  );
});

test("equal values satisfy those relations only that say so", () => {
  const of = (overrides: Record<string, number>): readonly string[] =>
    contradictions(createSettings(overrides)).map(({ relation }) => relation);
  expect(of({ redialMinMs: 700, redialMaxMs: 700 })).toEqual([]);
  expect(of({ dialTimeoutMs: FIXED.addressAttemptMs.value })).toEqual(["dial-tries-addresses"]);
});

test("what the machine does not tell breaks nothing; what it tells has its origin in the words", () => {
  const settings = createSettings({ relayConnections: 50_000 });
  expect(contradictions(settings, { external: listExternal(ROWS, [{ name: "openFiles", unknown: "not told" }]) })).toEqual([]);
  const [found] = contradictions(settings, { external: machine({ openFiles: 20_000 }) });
  expect(found?.says).toContain("must be less than openFiles (20000 files, os)");
});

test("settings at random: what is found is exactly what does not hold, and only hard ones throw", () => {
  const anySettings = fc.record(
    Object.fromEntries(
      settingNames.map((name) => [name, fc.integer({ min: Math.ceil(SETTINGS[name].min), max: Math.floor(SETTINGS[name].max) })]),
    ),
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(anySettings, (overrides) => {
      const settings = createSettings(overrides as Record<string, number>);
      const found = new Set(contradictions(settings).map(({ relation }) => relation));
      for (const [relation, { less, than, orEqual }] of relations) {
        if (![...less, ...than].every(([, name]) => isSetting(name))) continue;
        const sum = (terms: RelationDefinition["less"]): number =>
          terms.reduce((all, [times, name]) => all + times * settings[name as SettingName], 0);
        const holds = sum(less) < sum(than) || (orEqual === true && sum(less) === sum(than));
        expect(found.has(relation)).toBe(!holds);
      }
      const hasHard = contradictions(settings).some(({ hard }) => hard);
      if (hasHard) expect(() => requireRelations(settings)).toThrow();
      else expect(requireRelations(settings)).toEqual(contradictions(settings));
    }),
    { numRuns: 200 },
  );
});
