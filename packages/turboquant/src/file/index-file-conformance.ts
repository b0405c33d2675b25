/** What whoever keeps an index must do: memory, a disk, or something of yours. */
import { describe, expect, it } from "vitest";
import type { IndexFile } from "./index-file.ts";
import { codeOfLater } from "./test-code-of.ts";

/** `open` gives an empty file and, for what is kept somewhere, a second look at it. */
export function indexFileConformance(
  name: string,
  open: () => Promise<{ readonly file: IndexFile; readonly again?: () => Promise<IndexFile> }>,
): void {
  describe(`a file on ${name}`, () => {
    it("is as long as what was appended, and says what that was", async () => {
      const { file, again } = await open();
      expect(file.size).toBe(0);
      await file.append(Uint8Array.of(1, 2, 3));
      await file.append(new Uint8Array(0));
      await file.append(Uint8Array.of(4, 5));
      await file.sync();
      for (const one of [file, ...(again === undefined ? [] : [await again()])]) {
        expect(one.size).toBe(5);
        expect([...(await one.read(0, 5))]).toEqual([1, 2, 3, 4, 5]);
        expect([...(await one.read(2, 2))]).toEqual([3, 4]);
        expect((await one.read(5, 0)).length).toBe(0);
      }
    });

    it("is cut where it is truncated, and goes on there", async () => {
      const { file, again } = await open();
      await file.append(new Uint8Array(100_000).fill(7));
      await file.truncate(70_000);
      expect(file.size).toBe(70_000);
      expect(await codeOfLater(() => file.read(69_999, 2))).toBe("bad-file");
      await file.append(Uint8Array.of(9));
      await file.sync();
      const seen = await (await (again?.() ?? file)).read(69_999, 2);
      expect([...seen]).toEqual([7, 9]);
    });

    it.each([
      ["behind the end", 6, 1],
      ["beyond the end", 3, 4],
      ["far beyond it", 2 ** 50, 1],
      ["more than there is memory for", 0, 2 ** 45],
      ["before the beginning", -1, 2],
      ["less than nothing", 2, -1],
      ["a fraction", 0.5, 1],
    ])("refuses to read %s", async (_name, at, length) => {
      const { file } = await open();
      await file.append(new Uint8Array(6));
      expect(await codeOfLater(() => file.read(at, length))).toBe("bad-file");
    });

    it("takes bytes over, and gives its own away", async () => {
      const { file } = await open();
      const bytes = Uint8Array.of(1, 2, 3);
      await file.append(bytes);
      bytes.fill(9);
      (await file.read(0, 3)).fill(8);
      expect([...(await file.read(0, 3))]).toEqual([1, 2, 3]);
    });

    it("bears readings at once, and while something is appended", async () => {
      const { file } = await open();
      await file.append(Uint8Array.from({ length: 1000 }, (_, at) => at));
      const readings = Array.from({ length: 50 }, (_, at) => file.read(at * 20, 20));
      const appending = file.append(new Uint8Array(1000));
      for (const [nth, bytes] of (await Promise.all(readings)).entries()) expect(bytes[3]).toBe((nth * 20 + 3) & 255);
      await appending;
      expect(file.size).toBe(2000);
    });
  });
}
