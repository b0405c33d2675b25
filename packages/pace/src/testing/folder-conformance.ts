import { describe, expect, it } from "vitest";
import type { Folder } from "../host/folder.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What every folder does; `open` gives a new one, and `again` the same once more. */
export function folderConformance(what: string, make: () => Promise<{ open: () => Promise<Folder> }>): void {
  describe(what, () => {
    const opened = async (): Promise<readonly [Folder, () => Promise<Folder>]> => {
      const { open } = await make();
      return [await open(), open];
    };
    const textOf = async (folder: Folder, name: string): Promise<string | undefined> => {
      const bytes = await folder.read(name);
      return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
    };

    it("reads what was written, and nothing of a file that is not there", async () => {
      const [folder] = await opened();
      expect(await folder.read("one")).toBeUndefined();
      await folder.write("one", 0, bytesOf("begin"));
      await folder.write("one", 5, bytesOf("ning"));
      expect(await textOf(folder, "one")).toBe("beginning");
      await folder.close();
    });

    it("cuts a file off where it writes", async () => {
      const [folder] = await opened();
      await folder.write("one", 0, bytesOf("a long text"));
      await folder.write("one", 2, bytesOf("b"));
      expect(await textOf(folder, "one")).toBe("a b");
      await folder.write("one", 0, bytesOf(""));
      expect(await textOf(folder, "one")).toBe("");
      await folder.close();
    });

    it("puts a file in the place of another, and writes to it there", async () => {
      const [folder] = await opened();
      await folder.write("one", 0, bytesOf("old and long"));
      await folder.write("two", 0, bytesOf("new"));
      await folder.sync("two");
      await folder.rename("two", "one");
      await folder.write("one", 3, bytesOf("er"));
      expect(await textOf(folder, "one")).toBe("newer");
      expect(await folder.read("two")).toBeUndefined();
      await folder.write("two", 0, bytesOf("another"));
      expect(await textOf(folder, "one")).toBe("newer");
      await folder.close();
    });

    it("has what was synced when it is opened again", async () => {
      const [folder, open] = await opened();
      await folder.write("one", 0, bytesOf("kept"));
      await folder.sync("one");
      await folder.close();
      const again = await open();
      expect(await textOf(again, "one")).toBe("kept");
      await again.close();
    });

    it("is nobody else's until it is closed, and then not its own", async () => {
      const [folder, open] = await opened();
      await expect(open()).rejects.toMatchObject({ code: "in-use" });
      await folder.close();
      await folder.close();
      await expect(folder.write("one", 0, bytesOf("late"))).rejects.toMatchObject({ code: "closed" });
      await (await open()).close();
    });
  });
}
