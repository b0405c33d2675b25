/**
 * What the relay is told of a contact book: whom to keep room for, whom to turn away. The relay learns eight bytes of each id,
 * no names and no reasons.
 */
import { type Bytes, compareBytes, concat } from "../../wire/bytes.ts";
import { MAX_LISTED_CONTACTS } from "../../wire/control.ts";
import type { KeptContact } from "../../wire/kept-agent.ts";
import type { ContactBook } from "./contact-book.ts";

const PREFIX_BYTES = 8;

export interface ListedContacts {
  readonly open: boolean;
  readonly contacts: Bytes;
  readonly blocked: Bytes;
}

/**
 * The list of a book, the same whatever order the book was written in. Past {@link MAX_LISTED_CONTACTS} those chosen on purpose
 * come before those only written to, and the newest first; the rest have the strangers' lane at the relay.
 */
export function contactList(book: ContactBook, homeOf: (idRaw: Bytes) => Bytes): ListedContacts {
  const entries = [...book.entries()];
  const contacts = entries.filter(({ standing }) => standing === "contact").sort(byWeight);
  const blocked = entries.filter(({ standing }) => standing === "blocked").sort(byWeight);
  return {
    open: book.policy.strangers === "welcome",
    contacts: sorted(contacts.map(({ id }) => concat(prefix(id), prefix(homeOf(id))))),
    blocked: sorted(blocked.map(({ id }) => prefix(id))),
  };
}

function byWeight(a: KeptContact, b: KeptContact): number {
  const [chosenA, chosenB] = [a.how !== "written-to", b.how !== "written-to"];
  if (chosenA !== chosenB) return chosenA ? -1 : 1;
  return b.atMs - a.atMs || compareBytes(a.id, b.id);
}

function prefix(id: Bytes): Bytes {
  return id.subarray(0, PREFIX_BYTES);
}

function sorted(entries: readonly Bytes[]): Bytes {
  return concat(...entries.slice(0, MAX_LISTED_CONTACTS).sort(compareBytes));
}
