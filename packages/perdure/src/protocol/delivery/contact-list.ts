/**
 * Whom an agent knows and whom it turns away, as its relay keeps it: sorted, so that a look-up costs ten comparisons and
 * the list no more memory than its bytes.
 */
import { type Bytes, compareBytes, EMPTY } from "../../wire/bytes.ts";
import { CONTACT_ENTRY_BYTES } from "../../wire/control.ts";

const PREFIX_BYTES = 8;

export interface ContactList {
  readonly version: number;
  /** Strangers may use the whole mailbox. */
  readonly open: boolean;
  /** Entries of {@link CONTACT_ENTRY_BYTES}, sorted: the first 8 bytes of an id, the first 8 of its home's. */
  readonly contacts: Bytes;
  /** Entries of 8 bytes, sorted. */
  readonly blocked: Bytes;
}

/** `undefined` when a list does not hold whole entries. */
export function createContactList(version: number, open: boolean, contacts: Bytes, blocked: Bytes): ContactList | undefined {
  if (contacts.length % CONTACT_ENTRY_BYTES !== 0 || blocked.length % PREFIX_BYTES !== 0) return undefined;
  return { version, open, contacts: sorted(contacts, CONTACT_ENTRY_BYTES), blocked: sorted(blocked, PREFIX_BYTES) };
}

/**
 * Whether mail of the agent whose id stands in `bytes` from `at` on, and that comes from its home relay `home`, is from somebody the agent
 * knows, or nobody is a stranger to it.
 */
export function knows(list: ContactList | undefined, bytes: Bytes, at: number, home: Bytes): boolean {
  return list === undefined || list.open || contains(list.contacts, CONTACT_ENTRY_BYTES, bytes, at, home);
}

/** Whether it takes no mail of the agent whose id stands in `bytes` from `at` on. */
export function turnsAway(list: ContactList | undefined, bytes: Bytes, at: number): boolean {
  return list !== undefined && list.blocked.length > 0 && contains(list.blocked, PREFIX_BYTES, bytes, at, EMPTY);
}

/** Compared where it lies: this is asked for every message. An entry is the beginning of the id, and of `home` as far as it is longer. */
function contains(entries: Bytes, size: number, id: Bytes, at: number, home: Bytes): boolean {
  let low = 0;
  let high = entries.length / size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    let difference = 0;
    for (let index = 0; index < size && difference === 0; index++) {
      const wanted = index < PREFIX_BYTES ? id[at + index] : home[index - PREFIX_BYTES];
      difference = (entries[middle * size + index] as number) - (wanted as number);
    }
    if (difference === 0) return true;
    if (difference < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

function sorted(entries: Bytes, size: number): Bytes {
  if (entries.length === 0) return EMPTY;
  const list = Array.from({ length: entries.length / size }, (_, index) => entries.subarray(index * size, (index + 1) * size));
  const whole = new Uint8Array(entries.length);
  for (const [index, entry] of list.sort(compareBytes).entries()) whole.set(entry, index * size);
  return whole;
}
