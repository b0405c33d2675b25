/**
 * Secrets of suite 2 at the recipient, so that the second message under an encapsulated key costs no decapsulation. Only a shortcut: what
 * is not here is found out again from the inbox key, for as long as that is kept.
 *
 * What must hold: a secret is found for the sender, inbox key and encapsulated key it was opened for, and for no other; it is put here only
 * once its sender's signature was verified, since anybody can write any sender and any encapsulated key into a header; it goes with
 * its inbox key. Each sender has a few places of its own, so one with a new encapsulated key in every message pays for every
 * message as in suite 1, and pushes out nobody else's. Whoever makes up more senders than there is room for can push others out; they
 * pay the decapsulation again, and nothing else is lost.
 */
import { FIXED } from "../settings/fixed.ts";
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import type { AgentId } from "../wire/ids.ts";

/** Senders at once; whoever was silent for longest goes first. */
const MAX_SENDERS = 1024;
/** Of one sender: one that sends without a pause uses one after the other, two around a change of inbox keys. */
const SECRETS_OF_SENDER = 4;
const LIFE_MS = FIXED.sealingSecretMs.value;

export interface OpenedSecrets {
  find(from: AgentId, keyId: Bytes, encapsulated: Bytes, nowMs: number): Bytes | undefined;
  /** Of a message whose signature was verified. */
  keep(from: AgentId, opened: OpenedSecret, nowMs: number): void;
  /** Forgets what is too old, by a clock that may also have gone back. */
  sweep(nowMs: number): void;
  /** Forgets every secret whose inbox key is not held any more. */
  forgetUnless(isHeld: (keyId: Bytes) => boolean): void;
  readonly size: number;
}

export interface OpenedSecret {
  /** 8 bytes. */
  readonly keyId: Bytes;
  /** 32 bytes. */
  readonly encapsulated: Bytes;
  /** 32 bytes. */
  readonly secret: Bytes;
}

type Entry = OpenedSecret & { readonly openedAtMs: number };

export function createOpenedSecrets(): OpenedSecrets {
  /** Of each sender the newest last. */
  // bound: MAX_SENDERS
  const senders = new Map<AgentId, readonly Entry[]>();
  /** Who wrote last, and so is the last to go. */
  let latest: AgentId | undefined;

  const isFresh = ({ openedAtMs }: Entry, nowMs: number): boolean => nowMs >= openedAtMs && nowMs - openedAtMs < LIFE_MS;
  const retain = (wanted: (entry: Entry) => boolean): void => {
    for (const [from, entries] of senders) {
      const left = entries.filter(wanted);
      if (left.length > 0) senders.set(from, left);
      else if (senders.delete(from) && from === latest) latest = undefined;
    }
  };

  const place = (from: AgentId, entries: readonly Entry[]): void => {
    if (from !== latest) senders.delete(from);
    senders.set(from, entries);
    latest = from;
  };

  return {
    find(from, keyId, encapsulated, nowMs) {
      const entries = senders.get(from);
      const entry = entries?.findLast((each) => equalBytes(each.encapsulated, encapsulated) && equalBytes(each.keyId, keyId));
      if (entries === undefined || entry === undefined || !isFresh(entry, nowMs)) return undefined;
      if (from !== latest) place(from, entries);
      return entry.secret;
    },
    keep(from, { keyId, encapsulated, secret }, nowMs) {
      const others = (senders.get(from) ?? []).filter(
        (each) => isFresh(each, nowMs) && !(equalBytes(each.encapsulated, encapsulated) && equalBytes(each.keyId, keyId)),
      );
      // Copies: what came in is a view into a frame.
      const entry = { keyId: keyId.slice(), encapsulated: encapsulated.slice(), secret, openedAtMs: nowMs };
      place(from, [...others, entry].slice(-SECRETS_OF_SENDER));
      if (senders.size > MAX_SENDERS) senders.delete(senders.keys().next().value as AgentId);
    },
    sweep: (nowMs) => retain((entry) => isFresh(entry, nowMs)),
    forgetUnless: (isHeld) => retain(({ keyId }) => isHeld(keyId)),
    get size() {
      let size = 0;
      for (const entries of senders.values()) size += entries.length;
      return size;
    },
  };
}
