/**
 * Sees an input that never ends: a second thread has the input before the first one tries it, and ends the process when nothing
 * moved for long, leaving the input in a file.
 */
import { writeFileSync } from "node:fs";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import type { Decoder } from "./decoder.ts";

/** Longer than any pause of a busy machine. */
const HANG_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const NAME_BYTES = 64;

interface Shared {
  readonly counters: SharedArrayBuffer;
  readonly name: SharedArrayBuffer;
  readonly input: SharedArrayBuffer;
  readonly folder: string;
}

export interface Watchdog extends AsyncDisposable {
  watching(decoder: Decoder, input: Bytes): void;
}

/** Inputs that hang are left in `folder`. */
export function startWatchdog(folder: string, maxBytes: number): Watchdog {
  const shared: Shared = {
    counters: new SharedArrayBuffer(8),
    name: new SharedArrayBuffer(NAME_BYTES),
    input: new SharedArrayBuffer(maxBytes),
    folder,
  };
  const counters = new Int32Array(shared.counters);
  const name = new Uint8Array(shared.name);
  const held = new Uint8Array(shared.input);
  const worker = new Worker(new URL(import.meta.url), { workerData: shared });
  let shown = "";
  return {
    watching(decoder, input) {
      if (decoder.name !== shown) {
        shown = decoder.name;
        name.fill(0);
        new TextEncoder().encodeInto(shown, name);
      }
      held.set(input.subarray(0, held.length));
      counters[1] = input.length;
      Atomics.add(counters, 0, 1);
    },
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

function watch({ counters: counted, name, input, folder }: Shared): void {
  const counters = new Int32Array(counted);
  let last = -1;
  let since = performance.now();
  setInterval(() => {
    const now = Atomics.load(counters, 0);
    if (now !== last) {
      last = now;
      since = performance.now();
      return;
    }
    if (performance.now() - since < HANG_MS) return;
    const decoder = new TextDecoder().decode(new Uint8Array(name).slice()).replaceAll("\0", "");
    const path = `${folder}/${decoder.replaceAll(/\W+/g, "-")}-hang.bin`;
    writeFileSync(path, new Uint8Array(input).slice(0, counters[1]));
    process.stderr.write(`${decoder}: an input did not come to its end within ${HANG_MS} ms; it is in ${path}\n`);
    process.kill(process.pid, "SIGKILL");
  }, LOOK_EVERY_MS);
}

if (!isMainThread && (workerData as Partial<Shared> | null)?.counters !== undefined) watch(workerData as Shared);
