/**
 * The one IndexedDB database of an origin: files in blocks, and the secret keys that no script can read. One transaction is there
 * as a whole or not at all; a strict one is on the disk when it resolves.
 */
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import type { KeyRanges, Platform, StorageDatabase, StorageRequest, StorageStore } from "./platform.ts";
import { storageError } from "./storage-error.ts";

const VERSION = 1;
/** `names`: path -> file number; `files`: file number -> {@link FileEntry}; `blocks`: [file number, index] -> bytes; `keys`: name -> keys. */
export const STORES = ["names", "files", "blocks", "keys"] as const;
export type StoreName = (typeof STORES)[number];

export interface Work {
  readonly store: (name: StoreName) => StorageStore;
  readonly result: <Result>(request: StorageRequest<Result>) => Promise<Result>;
}

export interface Database {
  readonly ranges: KeyRanges;
  /**
   * Runs `work` in one transaction and resolves when it is complete. Between two requests `work` awaits nothing but results of its
   * own. What it throws undoes everything.
   */
  change<Value>(doing: string, stores: readonly StoreName[], work: (work: Work) => Promise<Value>): Promise<Value>;
  look<Value>(doing: string, stores: readonly StoreName[], work: (work: Work) => Promise<Value>): Promise<Value>;
}

export function createDatabase({ indexedDB, IDBKeyRange }: Pick<Platform, "indexedDB" | "IDBKeyRange">, name = "perdure"): Database {
  let opened: Promise<StorageDatabase> | undefined;

  const open = (): Promise<StorageDatabase> => {
    opened ??= new Promise<StorageDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, VERSION);
      request.onupgradeneeded = () => {
        const database = request.result;
        for (const store of STORES) database.createObjectStore(store, ...(store === "files" ? [{ autoIncrement: true } as const] : []));
      };
      request.onsuccess = () => {
        const database = request.result;
        const forget = (): void => {
          opened = undefined;
        };
        database.onclose = forget;
        // A newer version of this code in another tab, or the person who clears the storage, waits for this tab to let go.
        database.onversionchange = () => {
          forget();
          database.close();
        };
        resolve(database);
      };
      request.onerror = () => {
        opened = undefined;
        reject(request.error);
      };
      request.onblocked = () => {
        opened = undefined;
        reject(
          new PerdureError("needs-newer-version", "another tab of this page runs an older version", { hint: "Close the other tabs." }),
        );
      };
    });
    return opened;
  };

  const run = async <Value>(
    doing: string,
    stores: readonly StoreName[],
    mode: "readonly" | "readwrite",
    work: (work: Work) => Promise<Value>,
  ): Promise<Value> => {
    try {
      const transaction = (await open()).transaction(stores, mode, { durability: mode === "readonly" ? "relaxed" : "strict" });
      const ended = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was called off"));
      });
      ended.catch(() => undefined);
      try {
        const value = await work({ store: (store) => transaction.objectStore(store), result });
        await ended;
        return value;
      } catch (error) {
        abort(transaction);
        // Why the transaction ended says more than that a request in it did.
        throw isPerdureError(error) ? error : (transaction.error ?? error);
      }
    } catch (error) {
      throw storageError(error, doing);
    }
  };

  return {
    ranges: IDBKeyRange,
    change: (doing, stores, work) => run(doing, stores, "readwrite", work),
    look: (doing, stores, work) => run(doing, stores, "readonly", work),
  };
}

function abort(transaction: { abort(): void }): void {
  try {
    transaction.abort();
  } catch {
    // It has ended by itself.
  }
}

function result<Result>(request: StorageRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
