import { PerdureError } from "../../wire/error.ts";
import type { FolderLock } from "../files.ts";
import type { Locks } from "./platform.ts";

/** A Web Lock by the folder's name: the browser frees it when the page that has it ends, however it ends. */
export async function lockFolder(locks: Locks, folder: string): Promise<FolderLock> {
  const release = await takeLock(locks, `perdure folder ${folder}`);
  if (release !== undefined) return { release };
  throw new PerdureError("folder-in-use", `another tab, or this one, has the folder ${folder}`, {
    retry: "after",
    hint: "Close that tab, or choose another folder.",
  });
}

/** Takes a Web Lock when it is free and gives what lets it go. */
export function takeLock(locks: Locks, name: string): Promise<(() => Promise<void>) | undefined> {
  return new Promise((resolve, reject) => {
    const held = Promise.withResolvers<void>();
    const over = locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock === null) return resolve(undefined);
      resolve(async () => {
        held.resolve();
        await over;
      });
      await held.promise;
    });
    over.catch(reject);
  });
}
