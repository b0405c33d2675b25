import { describe, expect, test } from "vitest";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { hex } from "../wire/bytes.ts";
import type { DeliveryState } from "../wire/kept-agent.ts";
import { createMissingProofs } from "./missing-proofs.ts";

const HOUR_MS = 3_600_000;
const idOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);

interface Mail {
  readonly to: number;
  /** The relay of the recipient; the own one is 0. */
  readonly relay: number;
  state: DeliveryState;
}

function stage(mails: Mail[]) {
  const asked: string[] = [];
  const on = { asked, connected: true, nowMs: 0, look: (): number => 0 };
  const outgoing = ({ to, state }: Mail): Outgoing =>
    ({ head: { class: "mail" }, state, parts: [{ to: idOf(to) }] }) as unknown as Outgoing;
  const proofs = createMissingProofs({
    outbox: { open: () => mails.map(outgoing) },
    homes: {
      elsewhere: (to) => {
        const relay = mails.find((mail) => hex(idOf(mail.to)) === hex(to))?.relay ?? 0;
        return relay === 0 ? undefined : { relayId: idOf(relay), url: "ws://elsewhere", preference: 0 };
      },
    },
    isConnected: () => on.connected,
    ask: async (to) => {
      asked.push(`${to[0]} at ${on.nowMs}`);
      throw new Error("nobody answers");
    },
  });
  on.look = () => proofs.look(on.nowMs);
  return on;
}

/** Looks whenever it is due, until that time. */
function until(on: ReturnType<typeof stage>, endMs: number): void {
  for (let waitMs = on.look(); on.nowMs + waitMs <= endMs; waitMs = on.look()) on.nowMs += Math.max(1, waitMs);
  on.nowMs = endMs;
}

describe("proofs that did not come", () => {
  test("are asked for a second after the mail was taken, and then less and less often, at most once an hour", () => {
    const on = stage([{ to: 1, relay: 9, state: "accepted" }]);
    until(on, 15_000);
    expect(on.asked).toEqual(["1 at 1000", "1 at 3000", "1 at 7000", "1 at 15000"]);
    until(on, 20 * HOUR_MS);
    const before = on.asked.length;
    until(on, 40 * HOUR_MS);
    expect(on.asked.length - before).toBe(20);
  });

  test("are not asked for once they came, or where the own relay is the one to prove", () => {
    const late: Mail = { to: 1, relay: 9, state: "accepted" };
    const on = stage([
      late,
      { to: 2, relay: 0, state: "accepted" },
      { to: 3, relay: 8, state: "queued" },
      { to: 4, relay: 7, state: "stored" },
    ]);
    until(on, 1000);
    late.state = "stored";
    until(on, HOUR_MS);
    expect(on.asked).toEqual(["1 at 1000"]);
    expect(on.look()).toBe(Number.POSITIVE_INFINITY);
  });

  test("of many recipients at one relay are asked for once, and of many relays in turn", () => {
    const one = stage(Array.from({ length: 30 }, (_, at) => ({ to: at + 1, relay: 99, state: "accepted" as const })));
    until(one, 1000);
    expect(one.asked).toHaveLength(1);
    const many = stage(Array.from({ length: 30 }, (_, at) => ({ to: at + 1, relay: 100 + at, state: "accepted" as const })));
    many.look();
    many.nowMs = 1000;
    many.look();
    expect(many.asked).toHaveLength(16);
    many.look();
    expect(new Set(many.asked.map((each) => each.split(" ")[0])).size).toBe(30);
  });

  test("are not asked for without a session, and soon after the next one begins", () => {
    const on = stage([{ to: 1, relay: 9, state: "accepted" }]);
    until(on, 5 * HOUR_MS);
    on.asked.length = 0;
    on.connected = false;
    until(on, 6 * HOUR_MS);
    expect(on.asked).toEqual([]);
    on.connected = true;
    until(on, 6 * HOUR_MS + 1000);
    expect(on.asked).toEqual([`1 at ${6 * HOUR_MS + 1000}`]);
  });
});
