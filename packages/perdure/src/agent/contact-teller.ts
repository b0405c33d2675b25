/**
 * Tells the relay whom this agent knows, whenever that changed or the relay has another version.
 *
 * What must hold: the relay is told a list only after the version that names it is durable here, and two lists never have one
 * version. Changes in quick succession are told once. A book that is empty is told too: a relay that has no list takes nobody for a
 * stranger, and strangers could fill the whole mailbox.
 */
import type { Host } from "../host/host.ts";
import type { ContactBook } from "../protocol/contacts/contact-book.ts";
import { contactList, type ListedContacts } from "../protocol/contacts/contact-list.ts";
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import { contacts } from "../wire/control.ts";
import type { Frame } from "../wire/frame.ts";
import type { Planned } from "./planned.ts";

/** Changes within this time are told together. */
const PAUSE_MS = 50;
const HASH_BYTES = 16;

export interface ContactTeller {
  /** The book, or where a contact lives, may have changed. */
  look(): void;
  /** A session began, and the relay has this version. */
  connected(relayVersion: number): void;
  idle(): Promise<void>;
}

export interface ContactTellerOptions {
  readonly host: Pick<Host, "clock" | "crypto">;
  readonly book: ContactBook;
  readonly homeOf: (idRaw: Bytes) => Bytes;
  readonly keep: (records: () => readonly Planned[], what: string) => Promise<void>;
  readonly send: (frame: Frame) => boolean;
}

export function createContactTeller({ host, book, homeOf, keep, send }: ContactTellerOptions): ContactTeller {
  let running: Promise<void> | undefined;
  let waiting = false;
  let cancel = (): void => {};
  let closed = false;

  const hashOf = (list: ListedContacts): Bytes => host.crypto.hash.sha256(contacts.encode({ version: 1, ...list })).slice(0, HASH_BYTES);
  const isCurrent = (list: ListedContacts): boolean => book.policy.listVersion > 0 && equalBytes(hashOf(list), book.policy.listHash);
  const tell = (version: number, list: ListedContacts): void => {
    send({ name: "contacts", payload: contacts.encode({ version, ...list }) });
  };

  /** Gives the list a new version when it is another one than the last version names. */
  const renew = async (): Promise<void> => {
    if (isCurrent(contactList(book, homeOf))) return;
    let renewed: { readonly version: number; readonly list: ListedContacts } | undefined;
    await keep(() => {
      const list = contactList(book, homeOf);
      renewed = { version: book.policy.listVersion + 1, list };
      return [{ kept: { kind: "policy", head: { ...book.policy, listVersion: renewed.version, listHash: hashOf(list) } } }];
    }, "a contact list");
    if (renewed !== undefined && book.policy.listVersion === renewed.version) tell(renewed.version, renewed.list);
  };
  const run = async (): Promise<void> => {
    waiting = false;
    await renew();
    running = undefined;
    if (waiting) look();
  };
  const look = (): void => {
    if (running !== undefined) waiting = true;
    else if (!closed) {
      cancel();
      cancel = host.clock.after(PAUSE_MS, () => {
        running = run();
      });
    }
  };

  return {
    look,
    connected(relayVersion) {
      const list = contactList(book, homeOf);
      if (!isCurrent(list)) look();
      else if (relayVersion !== book.policy.listVersion) tell(book.policy.listVersion, list);
    },
    async idle() {
      closed = true;
      cancel();
      await running;
    },
  };
}
