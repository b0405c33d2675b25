import { describe, expect, it } from "vitest";
import { createRelayBook, type RelayBook } from "./relay-book.ts";

/** The book of a relay, and what it found wrong. */
function open(): { readonly book: RelayBook; readonly wrong: string[] } {
  const wrong: string[] = [];
  const shares = { sender: 9, strangers: 9, peer: 9, route: 9, routeSender: 9, isStranger: () => false };
  const book = createRelayBook({
    name: "relay",
    fail: (invariant, what) => void wrong.push(`${invariant}: ${what}`),
    isDamaged: () => false,
    hostOf: (id) => id,
    isDealtWith: () => false,
    isKeptAt: () => false,
    took: () => {},
    shares,
  });
  book.fact("relay.started", {});
  return { book, wrong };
}

const takes = (book: RelayBook, position: number, ticket: number): void =>
  book.fact("relay.mail-appended", {
    from: "anna",
    agent: "desk",
    id: "m.1",
    digest: "d",
    class: "mail",
    position,
    ticket,
    linkSeq: position,
  });

describe("the book of a relay", () => {
  it("knows an envelope as kept from the sync of its first copy on, however many follow", () => {
    const { book } = open();
    takes(book, 1, 1);
    takes(book, 2, 2);
    expect(book.keeps("d")).toBe(false);
    book.fact("relay.batch-synced", { ticket: 1 });
    expect(book.keeps("d")).toBe(true);
    takes(book, 3, 3);
    expect(book.keeps("d")).toBe(true);
  });

  it("counts a copy of a later life where the first may have been lost with the one before", () => {
    const { book } = open();
    takes(book, 1, 1);
    book.fact("relay.started", {});
    takes(book, 1, 1);
    expect(book.keeps("d")).toBe(false);
    book.fact("relay.batch-synced", { ticket: 1 });
    expect(book.keeps("d")).toBe(true);
  });

  it("tells an acknowledgement before the sync, and a release of what nobody dealt with", () => {
    const { book, wrong } = open();
    takes(book, 1, 1);
    book.fact("relay.ack-sent", { link: "", upTo: 1 });
    expect(wrong).toEqual(["2 ack: m.1 was acknowledged by relay in batch 1, synced is -1"]);
    book.fact("relay.settle-applied", { agent: "desk", ranges: "1-1", tail: 1 });
    expect(wrong.slice(1)).toEqual(["4 release: m.1 of anna was released by relay before desk completed it"]);
  });

  it("owes nothing under a number that was lost with a life before and refused when it came again", () => {
    const { book } = open();
    takes(book, 1, 1);
    book.fact("relay.started", {});
    book.fact("relay.refused", { link: "", linkSeq: 1, code: "expired" });
    book.fact("relay.ack-sent", { link: "", upTo: 1 });
    expect(book.owed()).toEqual([]);
    expect(book.unproven(new Set([""]))).toEqual([]);
  });

  it("owes what was taken and is refused in one life", () => {
    const { book } = open();
    takes(book, 1, 1);
    book.fact("relay.refused", { link: "", linkSeq: 1, code: "expired" });
    book.fact("relay.batch-synced", { ticket: 1 });
    book.fact("relay.ack-sent", { link: "", upTo: 1 });
    expect(book.owed()).toEqual(["d"]);
  });

  it("takes a notice for what stands at a position from which mail of a life before was lost", () => {
    const { book, wrong } = open();
    takes(book, 1, 1);
    book.fact("relay.started", {});
    book.fact("relay.expired", { agent: "anna", position: 4, atMs: 1, expiresAtMs: 1, noticeFor: "desk", noticeAt: 1 });
    book.fact("relay.settle-applied", { agent: "desk", ranges: "1-1", tail: 1 });
    expect(wrong).toEqual([]);
  });
});
