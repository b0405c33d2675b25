import { expect, it } from "vitest";
import type { RelayOutput } from "../protocol/delivery/mailbox-events.ts";
import { createTestRelay, envelope } from "../protocol/delivery/test-relay.ts";
import { PerdureError } from "../wire/error.ts";
import { createRelayLoop } from "./relay-loop.ts";

it("what the log gave up is not acknowledged with what it kept later", async () => {
  const relay = createTestRelay();
  relay.attach(1, "anna");
  relay.attach(2, "bert");
  const broken = new PerdureError("internal", "the log is broken");
  const fates = [() => Promise.reject(broken), () => Promise.resolve()];
  const carried: RelayOutput[] = [];
  const failures: unknown[] = [];
  const loop = createRelayLoop({
    mailboxes: relay.machine,
    log: {
      append: (records) => ({
        segment: 9,
        offsets: records.map((_, nth) => 64 * nth),
        at: [],
        synced: (fates.shift() as () => Promise<void>)(),
      }),
      release: () => {},
      hurry: () => {},
    },
    clock: { wallMs: () => relay.nowMs, monotonicMs: () => relay.nowMs, after: () => () => {} },
    carry: (output) => void carried.push(output),
    points: undefined,
    failed: (error) => void failures.push(error),
  });
  for (let seq = 1; seq <= 2; seq++) {
    const { bytes } = envelope("anna", "bert", seq);
    loop.feed({ kind: "mails", session: 1, mails: [{ linkSeq: seq, hopLimit: 8, home: undefined, envelope: bytes }] });
    await expect(loop.durable()).rejects.toBe(broken);
  }
  expect(fates).toEqual([]);
  expect(failures).toEqual([broken]);
  expect(carried.filter(({ kind }) => kind === "ack")).toEqual([]);
});

it("a turn of much mail ends before everything that arrived was taken in, and is written with it", async () => {
  const relay = createTestRelay();
  relay.attach(1, "anna");
  relay.attach(2, "bert");
  const appends: number[] = [];
  const written: number[] = [];
  const turns: (() => void)[] = [];
  const loop = createRelayLoop({
    mailboxes: relay.machine,
    log: {
      append: (records, { laterMs } = {}) => {
        appends.push(records.length);
        if (laterMs === undefined) written.push(appends.length);
        return { segment: 9, offsets: records.map((_, nth) => 64 * nth), at: [], synced: new Promise(() => {}) };
      },
      release: () => {},
      hurry: () => void written.push(appends.length),
    },
    clock: {
      wallMs: () => relay.nowMs,
      monotonicMs: () => relay.nowMs,
      after: () => () => {},
      afterArrivals: (then) => void turns.push(then),
    },
    carry: () => {},
    points: undefined,
    failed: (error) => expect.fail(String(error)),
  });
  const send = (seq: number, bodyBytes: number): void => {
    const { bytes } = envelope("anna", "bert", seq, { words: "x".repeat(bodyBytes) });
    loop.feed({ kind: "mails", session: 1, mails: [{ linkSeq: seq, hopLimit: 8, home: undefined, envelope: bytes }] });
  };
  send(1, 100);
  send(2, 100);
  await Promise.resolve();
  expect(appends).toEqual([]);
  for (const end of turns.splice(0)) end();
  expect(appends).toEqual([2]);
  expect(written).toEqual([1]);
  // Two are as much as a turn holds, the third comes in the same job, and the fourth after it.
  for (let seq = 3; seq <= 5; seq++) send(seq, 40_000);
  expect(appends).toEqual([2]);
  await Promise.resolve();
  expect(appends).toEqual([2, 3]);
  expect(written).toEqual([1]);
  for (const end of turns.splice(0)) end();
  expect(written).toEqual([1, 2]);
  send(6, 100);
  for (const end of turns.splice(0)) end();
  expect(appends).toEqual([2, 3, 1]);
  expect(written).toEqual([1, 2, 3]);
});
