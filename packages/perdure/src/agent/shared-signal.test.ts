import { expect, it } from "vitest";
import { shareSignal } from "./shared-signal.ts";

function ended(signal: AbortSignal): Promise<unknown> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

it("ends every wait, and those that come later, with one listener on the signal", async () => {
  const source = new AbortController();
  let listeners = 0;
  const listen = source.signal.addEventListener.bind(source.signal);
  source.signal.addEventListener = (...words: Parameters<AbortSignal["addEventListener"]>): void => {
    listeners++;
    listen(...words);
  };
  const shared = shareSignal(source.signal);
  const waits = Array.from({ length: 10_000 }, () => shared.during(undefined, ended));
  source.abort("closed");
  const ends = await Promise.allSettled([...waits, shared.during(undefined, ended)]);
  expect(ends.every((end) => end.status === "rejected" && end.reason === "closed")).toBe(true);
  expect(listeners).toBe(1);
});

it("ends a wait alone with its own signal", async () => {
  const shared = shareSignal(new AbortController().signal);
  const own = new AbortController();
  const wait = shared.during(own.signal, ended);
  const other = shared.during(undefined, async (signal) => signal.aborted);
  own.abort("enough");
  await expect(wait).rejects.toBe("enough");
  expect(await other).toBe(false);
});
