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
        at: records.map(({ length }, nth) => ({ segment: 9, offset: 64 * nth, length })),
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
    loop.feed({ kind: "mail", session: 1, linkSeq: seq, hopLimit: 8, home: undefined, envelope: bytes });
    await expect(loop.durable()).rejects.toBe(broken);
  }
  expect(fates).toEqual([]);
  expect(failures).toEqual([broken]);
  expect(carried.filter(({ kind }) => kind === "ack")).toEqual([]);
});
