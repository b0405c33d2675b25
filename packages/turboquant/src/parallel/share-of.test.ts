import { expect, it } from "vitest";
import type { VectorId } from "../file/segment.ts";
import { shareOf } from "./share-of.ts";

it.each([
  ["that rise", (nth: number): VectorId => nth],
  ["in steps", (nth: number): VectorId => 4096 * nth],
  ["beyond 2^32", (nth: number): VectorId => 2 ** 40 + 2 ** 32 * nth],
  ["of text", (nth: number): VectorId => `note ${nth}`],
])("ids %s are shared out evenly", (_, idOf) => {
  for (const shares of [1, 2, 3, 7]) {
    const counts = new Array<number>(shares).fill(0);
    for (let nth = 0; nth < 7000; nth++) {
      const share = shareOf(idOf(nth), shares);
      counts[share] = (counts[share] as number) + 1;
    }
    for (const count of counts) expect(Math.abs(count / (7000 / shares) - 1)).toBeLessThan(0.15);
  }
});
