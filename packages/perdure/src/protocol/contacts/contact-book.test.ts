import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hex } from "../../wire/bytes.ts";
import { isPerdureError } from "../../wire/error.ts";
import type { Kept } from "../../wire/kept-agent.ts";
import { type ContactBook, createContactBook, KEEP_INVITE_MS, MAX_CONTACTS, MAX_INVITES } from "./contact-book.ts";
import { contactList } from "./contact-list.ts";
import { bookRecord, contactRecord, idOf, reread } from "./test-contacts.ts";

const HOME = new Uint8Array(32).fill(50);
const HASH = new Uint8Array(32).fill(60);
const homeOf = (): Uint8Array => HOME;

function bookOf(records: readonly Kept[]): ContactBook {
  const book = createContactBook();
  for (const kept of records) book.apply(kept);
  return book;
}
const stateOf = (book: ContactBook): unknown => ({
  policy: book.policy,
  contacts: Object.fromEntries([...book.entries()].map((entry) => [hex(entry.id), entry])),
  invites: Object.fromEntries([...book.invites()].map((each) => [hex(each.hash), each])),
});
const apply = (book: ContactBook, records: readonly Kept[]): number => {
  for (const kept of records) book.apply(reread(kept));
  return records.length;
};
const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "done";
  } catch (error) {
    return isPerdureError(error) ? error.code : String(error);
  }
};
const invite = (usesLeft: number, expiresAtMs = 1000): Kept => ({
  kind: "invite",
  head: { hash: HASH, label: "", expiresAtMs, usesLeft, atMs: 0 },
});

describe("the book's records", () => {
  it("give the same state however often a restatement comes between them", () => {
    fc.assert(
      fc.property(fc.array(bookRecord, { maxLength: 40 }), fc.nat(40), (records, cut) => {
        const whole = bookOf(records.map(reread));
        const begun = bookOf(records.slice(0, cut).map(reread));
        const again = bookOf(begun.restate().map(({ kept }) => reread(kept)));
        for (const kept of records.slice(cut)) again.apply(reread(kept));
        expect(stateOf(again)).toEqual(stateOf(whole));
      }),
    );
  });

  it("about different agents may come in any order", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(contactRecord, { selector: (kept) => (kept.kind === "contact" ? hex(kept.head.id) : "") }),
        fc.infiniteStream(fc.nat()),
        (records, draws) => {
          const shuffled = [...records].map((kept) => ({ kept, at: draws.next().value as number })).sort((a, b) => a.at - b.at);
          expect(stateOf(bookOf(shuffled.map(({ kept }) => kept)))).toEqual(stateOf(bookOf(records)));
          expect(contactList(bookOf(shuffled.map(({ kept }) => kept)), homeOf)).toEqual(contactList(bookOf(records), homeOf));
        },
      ),
    );
  });

  it("applied twice change nothing more", () => {
    fc.assert(
      fc.property(fc.array(bookRecord, { maxLength: 20 }), (records) => {
        const once = bookOf(records);
        const last = records.at(-1);
        if (last !== undefined) once.apply(last);
        expect(stateOf(once)).toEqual(stateOf(bookOf(records)));
      }),
    );
  });

  it("after a reset are as if there had been none", () => {
    const book = bookOf(fc.sample(bookRecord, { seed: 1, numRuns: 20 }));
    book.reset();
    expect(stateOf(book)).toEqual(stateOf(createContactBook()));
  });
});

describe("standings", () => {
  const decide = (
    book: ContactBook,
    standing: "contact" | "blocked" | "none",
    how: "added" | "written-to" | "accepted" = "added",
  ): number => apply(book, book.decided({ idRaw: idOf(0), standing, how, name: "", nowMs: 5 }));

  it("nobody is known at first, and strangers wait", () => {
    const book = createContactBook();
    expect([book.standing(idOf(0)), book.policy.strangers, book.policy.listVersion]).toEqual(["none", "wait", 0]);
  });

  it("a decision that changes nothing writes nothing", () => {
    const book = createContactBook();
    expect([
      decide(book, "none"),
      decide(book, "contact"),
      decide(book, "contact"),
      decide(book, "blocked"),
      decide(book, "blocked"),
    ]).toEqual([0, 1, 0, 1, 0]);
  });

  it("who was written to and is then added counts as added, and not the other way round", () => {
    const book = createContactBook();
    decide(book, "contact", "written-to");
    expect(decide(book, "contact", "added")).toBe(1);
    expect(book.find(idOf(0))?.how).toBe("added");
    expect(decide(book, "contact", "written-to")).toBe(0);
    expect(book.find(idOf(0))?.how).toBe("added");
  });

  it("removing leaves no entry", () => {
    const book = createContactBook();
    decide(book, "contact");
    decide(book, "none");
    expect([...book.entries()]).toEqual([]);
  });

  it("a full book refuses one more and forgets nobody", () => {
    const book = createContactBook();
    for (let number = 0; number < MAX_CONTACTS; number++) {
      const idRaw = new Uint8Array(32);
      new DataView(idRaw.buffer).setUint32(0, number);
      for (const kept of book.decided({ idRaw, standing: "contact", how: "added", name: "", nowMs: 1 })) book.apply(kept);
    }
    expect(codeOf(() => decide(book, "contact"))).toBe("mailbox-full");
    expect(codeOf(() => decide(book, "blocked"))).toBe("mailbox-full");
    expect([...book.entries()]).toHaveLength(MAX_CONTACTS);
  });
});

describe("invites", () => {
  it("are good, used up, expired or unknown", () => {
    expect(bookOf([invite(1)]).weighInvite(HASH, 999)).toBe("good");
    expect(bookOf([invite(1)]).weighInvite(HASH, 1000)).toBe("expired");
    expect(bookOf([invite(0)]).weighInvite(HASH, 999)).toBe("used");
    expect(bookOf([]).weighInvite(HASH, 999)).toBe("unknown");
  });

  it("make a contact as often as they say, and not once more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(7), { maxLength: 20 }), (uses, comers) => {
        const book = bookOf([invite(uses)]);
        let taken = 0;
        for (const comer of comers) {
          if (book.standing(idOf(comer)) === "contact" || book.weighInvite(HASH, 1) !== "good") continue;
          apply(book, book.accepted(HASH, { idRaw: idOf(comer), name: "x" }, 1));
          taken++;
        }
        expect(taken).toBeLessThanOrEqual(uses);
        expect([...book.entries()]).toHaveLength(taken);
      }),
    );
  });

  it("uses planned into one batch count", () => {
    const book = bookOf([invite(1)]);
    expect(book.weighInvite(HASH, 1, 1)).toBe("used");
    expect(book.accepted(HASH, { idRaw: idOf(1), name: "" }, 1, 1)).toEqual([]);
  });

  it("make no contact of who is blocked", () => {
    const book = bookOf([invite(1)]);
    apply(book, book.decided({ idRaw: idOf(0), standing: "blocked", how: "added", name: "", nowMs: 1 }));
    expect(book.accepted(HASH, { idRaw: idOf(0), name: "" }, 1)).toEqual([]);
  });

  it("name who accepts them by their label", () => {
    const book = bookOf([{ kind: "invite", head: { hash: HASH, label: "the printer", expiresAtMs: 9, usesLeft: 1, atMs: 0 } }]);
    apply(book, book.accepted(HASH, { idRaw: idOf(0), name: "what it says of itself" }, 1));
    expect(book.find(idOf(0))).toMatchObject({ name: "the printer", how: "invite" });
  });

  it("are remembered a while past their end, then make room; too many at once are refused", () => {
    const book = createContactBook();
    const add = (number: number, atMs: number): number => {
      const hash = new Uint8Array(32);
      new DataView(hash.buffer).setUint32(0, number);
      return apply(book, book.invited({ hash, label: "", expiresAtMs: atMs + 10, usesLeft: 1, atMs }));
    };
    for (let number = 0; number < MAX_INVITES; number++) add(number, 1);
    expect(codeOf(() => add(MAX_INVITES, 10 + KEEP_INVITE_MS))).toBe("mailbox-full");
    expect(add(MAX_INVITES, 11 + KEEP_INVITE_MS)).toBe(MAX_INVITES + 1);
    expect([...book.invites()]).toHaveLength(1);
  });
});

describe("the list for the relay", () => {
  const entry = (number: number, standing: "contact" | "blocked", how: "added" | "written-to", atMs: number): Kept => {
    const id = new Uint8Array(32);
    new DataView(id.buffer).setUint32(0, number);
    return { kind: "contact", head: { id, standing, name: "n", homeId: new Uint8Array(0), homeUrl: "", how, atMs } };
  };

  it("has eight bytes of each id and of its home, and nothing else", () => {
    const list = contactList(bookOf([entry(7, "contact", "added", 1), entry(8, "blocked", "added", 1)]), homeOf);
    expect(hex(list.contacts)).toBe(`0000000700000000${"32".repeat(8)}`);
    expect([hex(list.blocked), list.open]).toEqual(["0000000800000000", false]);
  });

  it("keeps those chosen on purpose when there are too many", () => {
    const records = [entry(1, "contact", "added", 0)];
    for (let number = 2; number < 1500; number++) records.push(entry(number, "contact", "written-to", number));
    const { contacts } = contactList(bookOf(records), homeOf);
    expect(contacts).toHaveLength(1024 * 16);
    expect(hex(contacts.subarray(0, 4))).toBe("00000001");
  });
});
