import { expect, it } from "vitest";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import type { Incoming } from "../protocol/delivery/incoming.ts";
import { createEndings } from "./endings.ts";
import type { Receipts } from "./receipts.ts";

const message = (seq: number, claimed = false): Incoming =>
  ({
    from: new Uint8Array(32).fill(1),
    stream: new Uint8Array(8).fill(2),
    seq,
    parts: 1,
    attempt: 5,
    failures: 5,
    crashes: 0,
    have: new Map([[0, { head: { digest: new Uint8Array(16), expiresAtMs: 1 } }]]),
    claim: claimed ? {} : undefined,
    committing: false,
  }) as unknown as Incoming;

/** Ends of a box that holds `failed` of which at most `most` may be kept. */
function endingsOf(failed: readonly Incoming[], most: number) {
  const warned: unknown[] = [];
  const inbox = {
    failed: failed.length,
    listed: (_box: string, _after: number, limit: number) => failed.slice(0, limit),
    nextArrival: () => 99,
    twins: () => [],
  } as unknown as Inbox;
  const endings = createEndings({
    host: { clock: { wallMs: () => 7 }, log: { write: (...said: unknown[]) => void warned.push(said) } } as never,
    limits: { failedMessages: most },
    inbox,
    receipts: { add: () => {} } as unknown as Receipts,
  });
  return { endings, warned };
}

const said = (planned: ReturnType<ReturnType<typeof endingsOf>["endings"]["parked"]>): unknown[] =>
  planned.map(({ kept }) => [kept.kind, (kept.head as { readonly seq: number }).seq, (kept.head as { readonly outcome?: string }).outcome]);

it("a failed box with room takes a message and drops none", () => {
  const { endings } = endingsOf([message(1), message(2)], 3);
  expect([said(endings.parked(message(9), "failed", "")), endings.failedDropped]).toEqual([[["put", 9, undefined]], 0]);
});

it("from a full one the oldest goes in the same batch, is counted, and is told to the log", () => {
  const { endings, warned } = endingsOf([message(1), message(2), message(3)], 3);
  expect(said(endings.parked(message(9), "failed", ""))).toEqual([
    ["completed", 1, "failed"],
    ["put", 9, undefined],
  ]);
  expect([endings.failedDropped, warned]).toEqual([
    1,
    [["warn", "agent.failed-box-full", expect.objectContaining({ limit: "failedMessages" })]],
  ]);
});

it("what a handler works on again stays, and a smaller limit is reached with the next failure", () => {
  const { endings } = endingsOf([message(1, true), message(2), message(3)], 2);
  expect(said(endings.parked(message(9), "failed", ""))).toEqual([
    ["completed", 2, "failed"],
    ["put", 9, undefined],
  ]);
});
