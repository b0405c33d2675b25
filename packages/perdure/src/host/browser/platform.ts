/** What this host asks of a page, in the few words it uses, so that the rooms' program needs no types of the whole DOM. */
import { PerdureError } from "../../wire/error.ts";

export interface StorageRequest<Result> {
  readonly result: Result;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

export interface StoreKeyRange {
  readonly lower: unknown;
}

export interface StorageStore {
  get(key: unknown): StorageRequest<unknown>;
  getAll(range: StoreKeyRange): StorageRequest<readonly unknown[]>;
  getAllKeys(range?: StoreKeyRange): StorageRequest<readonly unknown[]>;
  put(value: unknown, key?: unknown): StorageRequest<unknown>;
  add(value: unknown): StorageRequest<unknown>;
  delete(key: unknown): StorageRequest<unknown>;
}

export interface StorageTransaction {
  readonly error: unknown;
  objectStore(name: string): StorageStore;
  abort(): void;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}

export interface StorageDatabase {
  transaction(
    stores: readonly string[],
    mode: "readonly" | "readwrite",
    options: { readonly durability: "strict" | "relaxed" },
  ): StorageTransaction;
  createObjectStore(name: string, options?: { readonly autoIncrement: true }): unknown;
  close(): void;
  onversionchange: (() => void) | null;
  onclose: (() => void) | null;
}

export interface OpenRequest extends StorageRequest<StorageDatabase> {
  onupgradeneeded: (() => void) | null;
  onblocked: (() => void) | null;
}

export interface StorageFactory {
  open(name: string, version: number): OpenRequest;
}

export interface KeyRanges {
  bound(lower: unknown, upper: unknown, lowerOpen?: boolean, upperOpen?: boolean): StoreKeyRange;
}

/** The Web Locks API: a lock lasts as long as the promise `work` gives, or the page. */
export interface Locks {
  request<Value>(
    name: string,
    options: { readonly ifAvailable?: boolean; readonly signal?: AbortSignal },
    work: (lock: object | null) => Promise<Value>,
  ): Promise<Value>;
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

/** Lets every page of an origin that knows the name hear every other. */
export interface TabChannel {
  postMessage(message: unknown): void;
  close(): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

export interface PageSocket {
  readonly bufferedAmount: number;
  binaryType: string;
  send(data: Uint8Array): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: (() => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
}

/** The Storage API, as far as it tells. */
export interface StorageKeeper {
  estimate(): Promise<{ readonly quota?: number }>;
  persisted(): Promise<boolean>;
}

export interface Platform {
  readonly indexedDB: StorageFactory;
  readonly IDBKeyRange: KeyRanges;
  readonly locks: Locks;
  readonly BroadcastChannel: new (name: string) => TabChannel;
  readonly WebSocket: new (url: string) => PageSocket;
  readonly origin: string;
  readonly storage?: StorageKeeper | undefined;
}

interface Page {
  readonly isSecureContext?: boolean;
  readonly indexedDB?: StorageFactory;
  readonly IDBKeyRange?: KeyRanges;
  readonly navigator?: { readonly locks?: Locks; readonly storage?: StorageKeeper };
  readonly BroadcastChannel?: Platform["BroadcastChannel"];
  readonly WebSocket?: Platform["WebSocket"];
  readonly location?: { readonly origin?: string };
}

/** The page this runs in; `unsupported-platform` when it lacks what this host is made of. */
export function thisPage(): Platform {
  const page = globalThis as unknown as Page;
  const { indexedDB, IDBKeyRange, navigator, BroadcastChannel, WebSocket, location } = page;
  const locks = navigator?.locks;
  if (page.isSecureContext === false)
    throw new PerdureError("unsupported-platform", "a page without TLS gets no keys and no locks from its browser", {
      hint: "Serve the page over https, or from http://localhost.",
    });
  if (
    indexedDB === undefined ||
    IDBKeyRange === undefined ||
    locks === undefined ||
    BroadcastChannel === undefined ||
    WebSocket === undefined
  )
    throw new PerdureError(
      "unsupported-platform",
      "this is no page of a browser with IndexedDB, Web Locks, BroadcastChannel and WebSocket",
      {
        hint: 'Use a browser of 2025 or newer; in Node import "perdure".',
      },
    );
  return {
    indexedDB,
    IDBKeyRange,
    locks,
    BroadcastChannel,
    WebSocket,
    origin: location?.origin ?? "null",
    storage: navigator?.storage,
  };
}
