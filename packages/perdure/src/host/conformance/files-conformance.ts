import { describe, expect } from "vitest";
import { concat, utf8 } from "../../wire/bytes.ts";
import { FILE_BLOCK_BYTES, type Files, type OpenMode } from "../files.ts";
import type { Subject } from "./subject.ts";
import { codeOf, portTest } from "./subject.ts";

export interface FilesSubject extends Subject {
  readonly files: Files;
  /** An absolute path that does not exist yet. */
  readonly folder: string;
}

/** Declares the tests every Files passes. What a crash leaves is the matter of the crash recorder, not of this suite. */
export function filesConformance(host: string, make: () => Promise<FilesSubject> | FilesSubject): void {
  describe(`files of ${host}`, () => {
    portTest("bytes come back from where they were written", make, async ({ files, folder }) => {
      await using file = await opened(files, `${folder}/a`, "write");
      await file.write(0, utf8("hello world"));
      await file.write(6, utf8("there"));
      await file.sync();
      expect(await file.read(0, 11)).toEqual(utf8("hello there"));
      expect(await file.read(6, 3)).toEqual(utf8("the"));
      expect(await file.read(6, 3, new Uint8Array(5).fill(1))).toEqual(utf8("the"));
      expect(await file.size()).toBe(11);
    });

    portTest("a read past the end gives what there is", make, async ({ files, folder }) => {
      await using file = await opened(files, `${folder}/a`, "write");
      await file.write(0, utf8("abc"));
      expect(await file.read(1, 100)).toEqual(utf8("bc"));
      expect(await file.read(1, 100, new Uint8Array(100).fill(1))).toEqual(utf8("bc"));
      expect(await file.read(3, 5)).toHaveLength(0);
      expect(await file.read(500, 5)).toHaveLength(0);
      expect(await file.read(0, 0)).toHaveLength(0);
    });

    portTest("a hole left by a write is zeros", make, async ({ files, folder }) => {
      await using file = await opened(files, `${folder}/a`, "write");
      await file.write(4096, utf8("x"));
      expect(await file.size()).toBe(4097);
      expect(await file.read(4090, 100)).toEqual(concat(new Uint8Array(6), utf8("x")));
    });

    portTest("writing nothing is fine and changes nothing", make, async ({ files, folder }) => {
      await using file = await opened(files, `${folder}/a`, "write");
      await file.write(0, new Uint8Array(0));
      await file.sync();
      expect(await file.size()).toBe(0);
    });

    portTest("the bytes a caller changes after the write do not change the file", make, async ({ files, folder }) => {
      await using file = await opened(files, `${folder}/a`, "write");
      const bytes = utf8("before");
      await file.write(0, bytes);
      bytes.fill(0);
      expect(await file.read(0, 6)).toEqual(utf8("before"));
    });

    portTest("a megabyte in one write, and in overlapping order, arrives whole", make, async ({ files, folder }) => {
      const bytes = Uint8Array.from({ length: 1024 * 1024 + 13 }, (_, index) => (index * 31) & 255);
      await using file = await opened(files, `${folder}/a`, "write");
      await Promise.all([file.write(0, bytes), file.write(bytes.length, bytes)]);
      await file.sync();
      expect(equal(await file.read(bytes.length, bytes.length), bytes)).toBe(true);
      expect(equal(await file.read(0, bytes.length), bytes)).toBe(true);
    });

    portTest("opening for writing again keeps what was there", make, async ({ files, folder }) => {
      await put(files, `${folder}/deep/er/a`, "kept");
      await using again = await opened(files, `${folder}/deep/er/a`, "write");
      expect(await again.read(0, 10)).toEqual(utf8("kept"));
    });

    portTest(
      "a file written through is made, written, kept and read as any other, also by another handle",
      make,
      async ({ files, folder }) => {
        const path = `${folder}/deep/a`;
        {
          await using file = await opened(files, path, "write-through");
          await file.write(0, new Uint8Array(1000));
          await file.write(500, utf8("middle"));
          await file.write(1000, utf8("end"));
          await file.write(3, new Uint8Array(0));
          await file.sync();
        }
        await using again = await opened(files, path, "write-through");
        expect(await again.size()).toBe(1003);
        await files.rename(path, `${folder}/deep/b`);
        await again.write(0, utf8("begin"));
        await using reader = await opened(files, `${folder}/deep/b`, "read");
        expect(await reader.read(0, 5)).toEqual(utf8("begin"));
        expect(await reader.read(500, 6)).toEqual(utf8("middle"));
        expect(await reader.read(998, 10)).toEqual(concat(new Uint8Array(2), utf8("end")));
      },
    );

    portTest("what is written one behind the other arrives whole, and before it nothing changes", make, async ({ files, folder }) => {
      const path = `${folder}/a`;
      const sizes = [64, 1, 4095, 4096, 32, 9000, 1024 * 1024 + 5, 2 * 1024 * 1024, 7];
      let expected: Uint8Array = new Uint8Array(0);
      for (const [round, size] of sizes.entries()) {
        const bytes = Uint8Array.from({ length: size }, (_, index) => (index * 37 + round) & 255);
        // Each by a handle that knows nothing of what came before.
        await using file = await opened(files, path, "append-through");
        await file.write(expected.length, bytes);
        expected = concat(expected, bytes);
        const more = new Uint8Array(33).fill(round + 1);
        await file.write(expected.length, more);
        expected = concat(expected, more);
        await file.sync();
      }
      await using reader = await opened(files, path, "read");
      const [size, found] = [await reader.size(), await reader.read(0, expected.length)];
      expect(equal(found, expected)).toBe(true);
      expect(size <= Math.ceil(expected.length / FILE_BLOCK_BYTES) * FILE_BLOCK_BYTES).toBe(true);
      expect((await reader.read(expected.length, size)).every((byte) => byte === 0)).toBe(true);
    });

    portTest("a write one behind the other that goes back leaves what lies before it", make, async ({ files, folder }) => {
      await using file = await opened(files, `${folder}/a`, "append-through");
      await file.write(0, new Uint8Array(10_000).fill(1));
      await file.write(5000, new Uint8Array(32).fill(2));
      await file.write(5032, new Uint8Array(8).fill(3));
      const found = await file.read(0, 5040);
      const of = (byte: number): number => found.filter((each) => each === byte).length;
      expect([of(1), of(2), of(3)]).toEqual([5000, 32, 8]);
    });

    portTest("a file opened for reading can be read and not written", make, async ({ files, folder }) => {
      await put(files, `${folder}/a`, "kept");
      await using file = await opened(files, `${folder}/a`, "read");
      expect(await file.read(0, 10)).toEqual(utf8("kept"));
      expect(await codeOf(file.write(0, utf8("x")))).toBeDefined();
      expect(await file.read(0, 10)).toEqual(utf8("kept"));
    });

    portTest("reading a missing file is not-found and creates nothing", make, async ({ files, folder }) => {
      expect(await codeOf(files.open(`${folder}/a`, "read"))).toBe("not-found");
      await put(files, `${folder}/b`, "");
      expect(await codeOf(files.open(`${folder}/a`, "read"))).toBe("not-found");
      expect(await files.list(folder)).toEqual(["b"]);
    });

    portTest("closing twice is fine", make, async ({ files, folder }) => {
      const file = await files.open(`${folder}/a`, "write");
      await file.close();
      await file.close();
    });

    portTest("a list has the files of one folder, sorted, no folders", make, async ({ files, folder }) => {
      for (const name of ["b", "a", "10", "9", "sub/c"]) await put(files, `${folder}/${name}`, "x");
      expect(await files.list(folder)).toEqual(["10", "9", "a", "b"]);
      expect(await files.list(`${folder}/sub`)).toEqual(["c"]);
      expect(await files.list(`${folder}/missing`)).toEqual([]);
    });

    portTest("a rename takes the place of what was there", make, async ({ files, folder }) => {
      await put(files, `${folder}/old`, "old");
      await put(files, `${folder}/new`, "new");
      await files.rename(`${folder}/new`, `${folder}/old`);
      expect(await files.list(folder)).toEqual(["old"]);
      await using file = await opened(files, `${folder}/old`, "read");
      expect(await file.read(0, 10)).toEqual(utf8("new"));
    });

    portTest("renaming a missing file is not-found", make, async ({ files, folder }) => {
      await put(files, `${folder}/a`, "x");
      expect(await codeOf(files.rename(`${folder}/missing`, `${folder}/a`))).toBe("not-found");
      expect(await files.list(folder)).toEqual(["a"]);
    });

    portTest("removing a file, also a missing one", make, async ({ files, folder }) => {
      await put(files, `${folder}/a`, "x");
      await files.remove(`${folder}/a`);
      await files.remove(`${folder}/a`);
      await files.remove(`${folder}/missing/a`);
      expect(await files.list(folder)).toEqual([]);
    });

    portTest("a locked folder is in use until released", make, async ({ files, folder }) => {
      const lock = await files.lock(folder);
      expect(await codeOf(files.lock(folder))).toBe("folder-in-use");
      expect(await codeOf(files.lock(folder))).toBe("folder-in-use");
      await lock.release();
      await lock.release();
      const again = await files.lock(folder);
      expect(await codeOf(files.lock(folder))).toBe("folder-in-use");
      await again.release();
    });

    portTest("releasing an old lock twice does not free the new one", make, async ({ files, folder }) => {
      const first = await files.lock(folder);
      await first.release();
      const second = await files.lock(folder);
      await first.release();
      expect(await codeOf(files.lock(folder))).toBe("folder-in-use");
      await second.release();
    });

    portTest("locks of different folders do not meet", make, async ({ files, folder }) => {
      const outer = await files.lock(folder);
      const inner = await files.lock(`${folder}/inner`);
      await outer.release();
      await inner.release();
    });
  });
}

async function opened(files: Files, path: string, mode: OpenMode) {
  const file = await files.open(path, mode);
  return { ...file, [Symbol.asyncDispose]: () => file.close() };
}

async function put(files: Files, path: string, text: string): Promise<void> {
  await using file = await opened(files, path, "write");
  await file.write(0, utf8(text));
  await file.sync();
}

/** A plain comparison: for megabytes the matcher of the test runner takes seconds. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
