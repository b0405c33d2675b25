import { expect, test } from "vitest";
import { CONTROLS, lateOnes, missesOf, quarryOf, uncontrolled } from "./controls.ts";
import { hunt } from "./hunt.ts";
import { findMistake } from "./mistakes/index.ts";
import { plantedTown } from "./planted.ts";

/** Long enough on a machine that has other things to do. */
const PATIENCE_MS = 10 * 60_000;
/** Some, each of which a town among the first few notices; `npm run lab -- --planted` runs all of them. */
const PLANTED = ["recovery-stops-at-the-manifest", "ack-of-what-is-only-appended", "attempt-not-durable"];
/** A town with it reads again and again for minutes; the room of mailboxes sees at once that what is read is not what was written. */
const PLANTED_IN_A_ROOM = "cursor-of-the-reader-off-by-one";
/** The same of `npm run lab -- --controls`. */
const SWITCHED_OFF = ["ack-after-sync", "epoch", "from-check", "hedge", "no-transit", "passes"];

test("every defence that can be switched off is switched off by some control", () => {
  expect(uncontrolled()).toEqual([]);
});

test("a control that is noticed late, or by nobody, is one that is late", () => {
  const [one, two, three] = CONTROLS;
  if (one === undefined || two === undefined || three === undefined) return expect.unreachable("there are more than three");
  const after = (seeds: number) => ({ found: { seeds, invariant: "1 custody", what: "" } });
  const hunted = [after(one.withinSeeds), after(two.withinSeeds + 1), { found: undefined }];
  expect(lateOnes([one, two, three], hunted)).toEqual([two, three]);
});

test("seeds are in vain as often as all of them miss", () => {
  expect(missesOf(10, 40, 1)).toBe(0.75);
  expect(missesOf(36, 40, 2)).toBeCloseTo(0.01);
  expect(missesOf(0, 40, 24)).toBe(1);
});

test.each(SWITCHED_OFF)("without %s an invariant breaks within the seeds stated", { timeout: PATIENCE_MS }, async (name) => {
  const control = CONTROLS.find(({ without }) => without === name);
  if (control === undefined) return expect.unreachable(`no control switches off ${name}`);
  const [hunted] = await hunt([quarryOf(control)], { seeds: control.withinSeeds });
  expect(hunted?.found?.invariant).toBeDefined();
});

test.each(PLANTED)("with the mistake %s an invariant breaks within ten seeds", { timeout: PATIENCE_MS }, async (id) => {
  const [hunted] = await hunt([{ id, planted: findMistake(id), optionsOf: plantedTown }], { seeds: 10 });
  expect(hunted?.found?.invariant).toBeDefined();
});

test(`with the mistake ${PLANTED_IN_A_ROOM} its room notices within ten seeds`, { timeout: PATIENCE_MS }, async () => {
  const [hunted] = await hunt([{ id: PLANTED_IN_A_ROOM, planted: findMistake(PLANTED_IN_A_ROOM), optionsOf: plantedTown }], {
    seeds: 10,
    rooms: true,
  });
  expect(hunted?.found?.invariant).toBe("room mailbox");
});

test("without any mistake the same towns keep every invariant", { timeout: PATIENCE_MS }, async () => {
  const [hunted] = await hunt([{ id: "none", optionsOf: plantedTown }], { seeds: 5 });
  expect(hunted?.found).toBeUndefined();
});
