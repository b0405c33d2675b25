import { expect, test } from "vitest";
import { killNine } from "./kill-nine.ts";

/** The long run is a command of its own: `npm run soak -- --kills 50`. */
const KILLS = 12;

test("what was promised survives kill -9 of relay, server and writer", { timeout: 5 * 60_000 }, async () => {
  const result = await killNine(KILLS, 7);
  expect(result.kills.relay + result.kills.desk + result.kills.anna).toBe(KILLS);
  expect(result).toMatchObject({ lost: [], completedTwice: [], unexplainedStarts: [], troubles: [] });
  expect(result.done).toBeGreaterThan(100);
});
