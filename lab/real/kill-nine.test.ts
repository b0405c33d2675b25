import { expect, test } from "vitest";
import { killNine } from "./kill-nine.ts";

/** The long run is a command of its own: `npm run soak -- --kills 100`. */
const KILLS = 12;

test("what was promised survives kill -9 of both relays, server and writer, also in the midst of a rotation", {
  timeout: 5 * 60_000,
}, async () => {
  const result = await killNine({ kills: KILLS, seed: 7, rotateEvery: 4 });
  expect(Object.values(result.kills).reduce((sum, each) => sum + each, 0)).toBe(KILLS);
  expect(result).toMatchObject({ lost: [], completedTwice: [], unexplainedStarts: [], troubles: [] });
  expect(result.done).toBeGreaterThan(100);
});
