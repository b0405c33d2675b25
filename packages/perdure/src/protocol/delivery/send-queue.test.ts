import { describe, expect, it } from "vitest";
import type { OutgoingPart } from "./outgoing.ts";
import { createSendQueue, type SendQueue } from "./send-queue.ts";

function part(seq: number): OutgoingPart {
  return { seq, flights: 0, acked: false, uncertain: false, refusals: 0 } as unknown as OutgoingPart;
}

function sendAll(queue: SendQueue, most = Number.POSITIVE_INFINITY): number[] {
  const sent: number[] = [];
  for (let next = queue.next(); next !== undefined && sent.length < most; next = queue.next()) {
    queue.sent(next);
    sent.push(next.seq);
  }
  return sent;
}

describe("a send queue that was too fast", () => {
  const setUp = () => {
    const queue = createSendQueue();
    const parts = [1, 2, 3, 4, 5, 6].map(part);
    for (const each of parts) queue.ready(each);
    expect(sendAll(queue, 4)).toEqual([1, 2, 3, 4]);
    const refuse = (seq: number): void => {
      const refused = parts[seq - 1] as OutgoingPart;
      queue.landed(refused, false);
      queue.rest(refused, 1000);
    };
    return { queue, parts, refuse };
  };

  it("sends nothing until it may, and then goes on in its order", () => {
    const { queue, refuse } = setUp();
    for (const seq of [2, 3, 4]) refuse(seq);
    expect([queue.wake(999), sendAll(queue)]).toEqual([1000, []]);
    queue.wake(1000);
    expect(sendAll(queue)).toEqual([2, 3, 4, 5, 6]);
  });

  it("rests longer when it is told again, and forgets what was dropped meanwhile", () => {
    const { queue, parts, refuse } = setUp();
    refuse(2);
    queue.drop(parts[1] as OutgoingPart);
    queue.landed(parts[2] as OutgoingPart, false);
    queue.rest(parts[2] as OutgoingPart, 3000);
    expect([queue.wake(2000), sendAll(queue)]).toEqual([3000, []]);
    queue.wake(3000);
    expect(sendAll(queue)).toEqual([3, 5, 6]);
  });

  it("does not hold up other mail for what one recipient refuses", () => {
    const { queue, parts } = setUp();
    queue.landed(parts[1] as OutgoingPart, false);
    queue.putOff(parts[1] as OutgoingPart, 1000);
    expect(sendAll(queue)).toEqual([5, 6]);
  });
});
