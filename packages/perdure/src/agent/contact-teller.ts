/**
 * Tells the relay whom this agent knows, whenever that changed or the relay has another version.
 *
 * What must hold: the relay is told a list only after the version that names it is durable here, and two lists never have one
 * version. Changes in quick succession are told once.
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

  const hashOf = (list: ListedContacts): Bytes => host.crypto.hash.sha256(contacts.encode({ version: 0, ...list })).slice(0, HASH_BYTES);
  const isEmpty = ({ open, contacts: known, blocked }: ListedContacts): boolean => !open && known.length === 0 && blocked.length === 0;
  const tell = (): void => {
    send({ name: "contacts", payload: contacts.encode({ version: book.policy.listVersion, ...contactList(book, homeOf) }) });
  };

  /** Gives the list a new version when it is another one than the last version names. */
  const renew = async (): Promise<void> => {
    const list = contactList(book, homeOf);
    const listHash = hashOf(list);
    if (book.policy.listVersion === 0 ? isEmpty(list) : equalBytes(listHash, book.policy.listHash)) return;
    const next = (): Planned => ({
      kept: { kind: "policy", head: { ...book.policy, listVersion: book.policy.listVersion + 1, listHash } },
    });
    await keep(() => [next()], "a contact list");
    tell();
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
      if (relayVersion !== book.policy.listVersion) tell();
      look();
    },
    async idle() {
      closed = true;
      cancel();
      await running;
    },
  };
}
