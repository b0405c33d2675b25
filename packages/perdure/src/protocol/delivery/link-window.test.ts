import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLinkWindow, FURTHEST_UNPROVEN, type LinkWindow } from "./link-window.ts";

interface Item {
  readonly name: number;
  readonly digest: Uint8Array;
  readonly bytes: number;
}
const item = (name: number, bytes = 10): Item => ({ name, digest: new Uint8Array(16).fill(name), bytes });
const names = (items: readonly Item[] | undefined): readonly number[] | undefined => items?.map(({ name }) => name);
const windowOf = (frames = 4, bytes = 1000): LinkWindow<Item> => createLinkWindow<Item>({ windowFrames: frames, windowBytes: bytes });

describe("link window", () => {
  it("gives numbers without a gap and stops at the window", () => {
    const window = windowOf(3);
    const given: number[] = [];
    for (let name = 1; window.hasRoom(10); name++) given.push(window.send(item(name)));
    expect(given).toEqual([1, 2, 3]);
    window.acked(1);
    expect(window.hasRoom(10)).toBe(true);
  });

  it("lets one item travel that is larger than the window", () => {
    const window = windowOf(3, 5);
    expect(window.hasRoom(10)).toBe(true);
    window.send(item(1));
    expect(window.hasRoom(1)).toBe(false);
  });

  it("acknowledges what was not refused", () => {
    const window = windowOf();
    for (const name of [1, 2, 3]) window.send(item(name));
    expect(window.refused(2)?.name).toBe(2);
    expect(names(window.acked(3))).toEqual([1, 3]);
    expect(window.inFlight).toBe(0);
  });

  it("does not take an acknowledgement of a number it never gave", () => {
    const window = windowOf();
    window.send(item(1));
    expect(window.acked(2)).toBeUndefined();
  });

  it("resends only the gap, under the same numbers", () => {
    const window = windowOf();
    for (const name of [1, 2, 3, 4]) window.send(item(name));
    window.acked(1);
    const resumed = window.resume(3, [2]);
    expect(names(resumed?.acked)).toEqual([3]);
    expect(names(resumed?.refused)).toEqual([2]);
    expect(resumed?.resend.map(({ linkSeq }) => linkSeq)).toEqual([4]);
  });

  it("knows when the relay has another history of the link", () => {
    const window = windowOf();
    window.send(item(1));
    window.acked(1);
    expect(window.resume(0, [])).toBeUndefined();
    expect(window.resume(2, [])).toBeUndefined();
  });

  it("tells what a statement covers, refused numbers left out", () => {
    const window = windowOf();
    for (const name of [1, 2, 3]) window.send(item(name));
    window.refused(2);
    window.acked(3);
    expect(names(window.covered(1, 3))).toEqual([1, 3]);
    window.prove(1, 1);
    expect(window.covered(1, 3)).toBeUndefined();
    expect(names(window.covered(2, 3))).toEqual([3]);
  });

  it("proves what came before also when a later statement was heard first", () => {
    const window = windowOf();
    for (const name of [1, 2, 3]) window.send(item(name));
    window.acked(3);
    window.prove(3, 3);
    expect(names(window.covered(1, 2))).toEqual([1, 2]);
    expect(window.covered(3, 3)).toBeUndefined();
  });

  it.each([false, true])("forgets what was never proven once others were proven far beyond it (refused: %s)", (refused) => {
    const window = windowOf();
    window.send(item(1));
    if (refused) window.refused(1);
    window.acked(1);
    const kept = refused ? [] : [1];
    const send = (): void => {
      const linkSeq = window.send(item(2));
      window.acked(linkSeq);
      window.prove(linkSeq, linkSeq);
    };
    for (let count = 1; count < FURTHEST_UNPROVEN; count++) send();
    expect(names(window.covered(1, 1))).toEqual(kept);
    send();
    expect(window.covered(1, 1)).toBeUndefined();
  });

  it("remembers what an item was as it travelled", () => {
    const window = windowOf();
    const changing = { ...item(1) };
    window.send(changing);
    window.send(item(2));
    const before = changing.digest;
    changing.digest = new Uint8Array(16).fill(99);
    window.acked(1);
    expect(window.coveredDigests(1, 2)).toEqual([before, item(2).digest]);
    expect(window.coveredDigests(1, 3)).toBeUndefined();
  });

  it("sends what is left of a link as it is by then", () => {
    const window = windowOf();
    const changing = { ...item(1) };
    window.send(changing);
    changing.digest = new Uint8Array(16).fill(99);
    expect(window.resume(0, [])?.resend).toHaveLength(1);
    window.acked(1);
    expect(window.coveredDigests(1, 1)).toEqual([changing.digest]);
  });

  it("delivers every item exactly once or refuses it, over lost acknowledgements and breaks", () => {
    const actions = fc.array(fc.constantFrom("send", "relay", "refuse", "ack", "break"), { maxLength: 200 });
    fc.assert(
      fc.property(actions, (script) => {
        const window = windowOf(8);
        const wire: { linkSeq: number; item: Item }[] = [];
        let relayUpTo = 0;
        const taken: number[] = [];
        const refusedAtRelay = new Set<number>();
        const acked: number[] = [];
        const refused: number[] = [];
        let sent = 0;
        const take = (refuse: boolean): void => {
          const next = wire.shift();
          if (next === undefined || next.linkSeq <= relayUpTo) return;
          expect(next.linkSeq).toBe(relayUpTo + 1);
          relayUpTo = next.linkSeq;
          if (refuse) refusedAtRelay.add(next.linkSeq);
          else taken.push(next.item.name);
        };
        const settle = (linkRefused: readonly number[], upTo: number): void => {
          for (const linkSeq of linkRefused) {
            const item = window.refused(linkSeq);
            if (item !== undefined) refused.push(item.name);
          }
          acked.push(...(names(window.acked(upTo)) ?? []));
        };
        const reconnect = (): void => {
          wire.length = 0;
          const resumed = window.resume(relayUpTo, [...refusedAtRelay]);
          expect(resumed).toBeDefined();
          acked.push(...(names(resumed?.acked) ?? []));
          refused.push(...(names(resumed?.refused) ?? []));
          wire.push(...(resumed?.resend ?? []));
        };
        for (const action of script) {
          if (action === "send" && window.hasRoom(10)) {
            const next = item(++sent);
            wire.push({ linkSeq: window.send(next), item: next });
          } else if (action === "relay") take(false);
          else if (action === "refuse") take(true);
          else if (action === "ack") settle([...refusedAtRelay], relayUpTo);
          else if (action === "break") reconnect();
        }
        reconnect();
        while (wire.length > 0) take(false);
        settle([...refusedAtRelay], relayUpTo);
        expect([...taken].sort((a, b) => a - b)).toEqual([...acked].sort((a, b) => a - b));
        expect(acked.length + refused.length).toBe(sent);
        expect(new Set([...acked, ...refused]).size).toBe(sent);
      }),
      { numRuns: 300 },
    );
  });
});
