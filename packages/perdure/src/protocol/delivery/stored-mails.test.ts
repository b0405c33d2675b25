import fc from "fast-check";
import { expect, test } from "vitest";
import { concat } from "../../wire/bytes.ts";
import { createMailColumns, readLabel, type StoredMailOf } from "./stored-mails.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const place = fc.option(fc.record({ segment: fc.integer({ min: 1, max: 1e6 }), offset: fc.maxSafeNat(), length: fc.nat() }), {
  nil: undefined,
});
const mail = fc.record({
  sizeBytes: fc.nat(),
  storedAtMs: fc.maxSafeNat(),
  expiresAtMs: fc.maxSafeNat(),
  wantsNotice: fc.boolean(),
  sender: fc.string(),
  seq: fc.maxSafeNat(),
  stream: bytes(8),
  digest: bytes(16),
  to: bytes(32),
});
const position = fc.integer({ min: 1, max: 12 });
const step = fc.oneof(
  fc.record({ do: fc.constant("put" as const), box: fc.nat(2), position, mail, place }),
  fc.record({ do: fc.constant("place" as const), box: fc.nat(2), position, place }),
  fc.record({ do: fc.constant("delete" as const), box: fc.nat(2), position }),
);

/** The last of three mailboxes is a peer's. */
const ROUTE = 2;

test("mailboxes that share columns each say what a map of their own says", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const columns = createMailColumns<string>();
      const boxes = [columns.mailbox(false), columns.mailbox(false), columns.mailbox(true)];
      const maps = boxes.map(() => new Map<number, StoredMailOf<string>>());
      for (const each of steps) {
        const [box, map] = [boxes[each.box], maps[each.box]];
        if (box === undefined || map === undefined) continue;
        const before = map.get(each.position);
        if (each.do === "delete") {
          box.delete(each.position);
          map.delete(each.position);
        } else if (each.do === "place") {
          if (each.place === undefined) continue;
          box.setPlace(each.position, each.place.segment, each.place.offset, each.place.length);
          if (before !== undefined) map.set(each.position, { ...before, place: each.place });
        } else if (before === undefined) {
          const { stream, digest, to, ...rest } = each.mail;
          box.put(each.position, each.mail, each.place);
          const label = String.fromCharCode(...concat(stream, digest, ...(each.box === ROUTE ? [to] : [])));
          map.set(each.position, { ...rest, place: each.place, label });
        }
        const [held, expected] = [box.loadOf(each.position), map.get(each.position)];
        expect(held?.sender).toBe(expected?.sender);
        expect(box.placeOf(each.position)).toEqual(expected?.place);
        const label = expected && readLabel(expected.label);
        const { sender, sizeBytes } = expected ?? {};
        const passed = label && { sender, sizeBytes, place: expected?.place, digest: label.digest };
        expect(box.passedAt(each.position)).toEqual(passed);
      }
      for (const [index, map] of maps.entries()) {
        expect([...(boxes[index] ?? [])]).toEqual([...map].sort(([one], [other]) => one - other));
        expect(boxes[index]?.size).toBe(map.size);
      }
    }),
  );
});

test("whom mail is for that is passed on is kept however many rows there are, and apart from other mailboxes", () => {
  const columns = createMailColumns<string>();
  const [route, own] = [columns.mailbox(true), columns.mailbox(false)];
  const letter = (position: number): Uint8Array => new Uint8Array(40).fill(position % 251);
  const common = { sizeBytes: 1, storedAtMs: 1, expiresAtMs: 1, wantsNotice: true, sender: "s", seq: 1 };
  for (let position = 1; position <= 300; position++) {
    const to = letter(position);
    to.fill(255, 0, 8);
    route.put(position, { ...common, stream: to, digest: to, to, toAt: 8 }, undefined);
    own.put(position, { ...common, stream: to, digest: to, to }, undefined);
  }
  for (let position = 1; position <= 300; position += 2) route.delete(position);
  expect(columns.rows).toBe(450);
  for (let position = 2; position <= 300; position += 2) {
    expect(readLabel(route.get(position)?.label ?? "").to).toEqual(letter(position).subarray(0, 32));
    expect(own.get(position)?.label.length).toBe(24);
  }
});

test("a label says stream, digest and, where it is kept, the recipient", () => {
  fc.assert(
    fc.property(bytes(8), bytes(16), fc.constantFrom(0, 32), (stream, digest, ids) => {
      const to = new Uint8Array(ids).fill(7);
      expect(readLabel(String.fromCharCode(...stream, ...digest, ...to))).toEqual({ stream, digest, to });
    }),
  );
});
