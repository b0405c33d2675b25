import { expect, test } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createWorld } from "../host/simulated/index.ts";
import { createSettings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { createPassKeeping, type PassKeeping } from "./pass-keeping.ts";

const KEY = new Uint8Array(32);
const [FIRST, SECOND] = [Uint8Array.of(1), Uint8Array.of(2)];
const settings = createSettings();

function stand() {
  const world = createWorld({ seed: 1, hash: createNodeCrypto().hash });
  const { clock, log } = world.host("agent");
  const closing = new AbortController();
  const disk: { kept: Bytes; writes: PromiseWithResolvers<boolean>[] } = { kept: EMPTY, writes: [] };
  const confirmed: string[] = [];
  const keeping: PassKeeping = createPassKeeping({
    clock,
    log,
    settings,
    closing: closing.signal,
    passes: {
      newest: () => disk.kept,
      keep: async (_key, pass) => {
        const write = Promise.withResolvers<boolean>();
        disk.writes.push(write);
        const done = await write.promise;
        if (done) disk.kept = pass;
        return done;
      },
    },
  });
  const open = { first: true, second: true };
  const begin = (name: "first" | "second", pass: Bytes): void =>
    keeping.begin({ instanceKey: KEY, pass, isOpen: () => open[name], confirmed: () => void confirmed.push(name) });
  const pass = (ms: number) => world.run({ untilMs: world.nowMs + ms });
  return { world, disk, confirmed, keeping, open, begin, pass, closing };
}

test("a pass is confirmed once it is durable, tried again until it is, and no session begins meanwhile", async () => {
  const { disk, confirmed, keeping, begin, pass } = stand();
  begin("first", FIRST);
  let shown: Bytes | undefined;
  const showing = keeping.shown().then((passOf) => {
    shown = passOf(KEY);
  });
  await pass(1_000);
  expect([confirmed, shown]).toEqual([[], undefined]);
  disk.writes[0]?.resolve(false);
  await pass(settings.diskRetryMs / 2);
  expect([disk.writes.length, confirmed]).toEqual([1, []]);
  await pass(settings.diskRetryMs);
  expect(disk.writes.length).toBe(2);
  disk.writes[1]?.resolve(true);
  await pass(1);
  await showing;
  expect(confirmed).toEqual(["first"]);
  expect(equalBytes((await keeping.shown())(KEY), FIRST)).toBe(true);
});

test("what became durable after its session ended is not confirmed in another, and is shown in the next", async () => {
  const { disk, confirmed, keeping, begin, open, pass } = stand();
  begin("first", FIRST);
  open.first = false;
  disk.writes[0]?.resolve(true);
  await pass(1);
  begin("second", SECOND);
  expect(confirmed).toEqual([]);
  disk.writes[1]?.resolve(true);
  await pass(1);
  expect([confirmed, equalBytes(disk.kept, SECOND)]).toEqual([["second"], true]);
  expect(equalBytes((await keeping.shown())(KEY), SECOND)).toBe(true);
});

test("a disk that does not answer ends the dial in time, and closing ends every wait", async () => {
  const { keeping, begin, pass, closing } = stand();
  begin("first", FIRST);
  const late = expect(keeping.shown()).rejects.toMatchObject({ code: "timed-out", retry: "after" });
  await pass(settings.handshakeTimeoutMs + 1);
  await late;
  const closed = expect(keeping.shown()).rejects.toMatchObject({ code: "aborted" });
  closing.abort();
  await closed;
});

test("a session without a pass may read at once", () => {
  const { begin, confirmed, disk } = stand();
  begin("first", EMPTY);
  expect([confirmed, disk.writes.length]).toEqual([["first"], 0]);
});
