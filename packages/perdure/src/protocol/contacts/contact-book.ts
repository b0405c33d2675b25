/**
 * The contact book of one agent: whom it takes mail from, the invites it gave out, and what strangers' mail does.
 *
 * States of somebody else: stranger (no entry), contact, blocked. States of an invite: open, used up (or taken back), expired;
 * it is remembered {@link KEEP_INVITE_MS} past its expiry, so that who comes late learns why.
 * Inputs: `apply` (a record that became durable, or is read back). Questions: `standing`, `weighInvite`. The plans
 * (`decided`, `invited`, `accepted`) give the records of a change and change nothing themselves.
 *
 * Invariants:
 * - State changes by `apply` only; of one id the record applied last counts, and a restatement gives the same state.
 * - At most {@link MAX_CONTACTS} entries and {@link MAX_INVITES} invites are planned: a full book refuses, it forgets nobody.
 * - Blocked outweighs everything: no invite and no message of ours makes a contact of who is blocked.
 * - An invite is used at most as often as it says.
 */
import { type Bytes, EMPTY, hex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Kept, KeptContact, KeptInvite, KeptPolicy } from "../../wire/kept-agent.ts";

/** Entries a contact book has at most, blocked ones included. */
export const MAX_CONTACTS = 10_000;
/** Invites remembered at most. */
export const MAX_INVITES = 1000;
/** How long after its expiry an invite is remembered. */
export const KEEP_INVITE_MS: number = 30 * 24 * 60 * 60 * 1000;

export type Standing = KeptContact["standing"];
/** What a secret somebody shows is worth. */
export type InviteWorth = "good" | "used" | "expired" | "unknown";

export interface ContactBook {
  apply(kept: Kept): void;
  reset(): void;
  restate(): readonly { readonly kept: Kept }[];
  readonly policy: KeptPolicy;
  standing(idRaw: Bytes): Standing;
  find(idRaw: Bytes): KeptContact | undefined;
  /** Contacts and blocked ones, in no particular order. */
  entries(): Iterable<KeptContact>;
  /** By the SHA-256 of its secret; `uses` were planned and are not durable yet. */
  weighInvite(hash: Bytes, nowMs: number, uses?: number): InviteWorth;
  invites(): Iterable<KeptInvite>;
  /** Records that give somebody a standing; none when it changes nothing. `mailbox-full` when the book is full. */
  decided(wish: ContactWish): readonly Kept[];
  /** Records of a new invite, and of forgetting old ones; none when it is known. `mailbox-full` when too many are open. */
  invited(invite: KeptInvite): readonly Kept[];
  /** Records of a use of a good invite by `idRaw`, after `uses` that were planned before it. */
  accepted(hash: Bytes, who: Pick<ContactWish, "idRaw" | "name">, nowMs: number, uses?: number): readonly Kept[];
}

export interface ContactWish {
  readonly idRaw: Bytes;
  readonly standing: Standing;
  readonly how: KeptContact["how"];
  /** Empty: as it was. */
  readonly name: string;
  readonly home?: { readonly relayId: Bytes; readonly url: string };
  readonly nowMs: number;
}

const NEW: KeptPolicy = { strangers: "wait", listVersion: 0, listHash: new Uint8Array(16) };

/** `bounds`: others than {@link MAX_CONTACTS} and {@link MAX_INVITES}, so small that a few steps meet them. */
export function createContactBook(bounds = { contacts: MAX_CONTACTS, invites: MAX_INVITES }): ContactBook {
  // bound: MAX_CONTACTS
  const contacts = new Map<string, KeptContact>();
  // bound: MAX_INVITES
  const invites = new Map<string, KeptInvite>();
  let policy = NEW;

  const standing = (idRaw: Bytes): Standing => contacts.get(hex(idRaw))?.standing ?? "none";

  const decided = ({ idRaw, standing: wanted, how, name, home, nowMs }: ContactWish): readonly Kept[] => {
    const before = contacts.get(hex(idRaw));
    if (before === undefined && wanted === "none") return [];
    if (before === undefined && contacts.size >= bounds.contacts)
      throw new PerdureError("mailbox-full", `the contact book has ${bounds.contacts} entries`, {
        retry: "after",
        hint: "Remove some: perdure contacts remove.",
      });
    const isSame = before?.standing === wanted && (name === "" || name === before.name) && home === undefined;
    // Who was written to and is then taken in on purpose moves up in the list the relay is told.
    if (isSame && (before.how === how || how === "written-to")) return [];
    return [
      {
        kind: "contact",
        head: {
          id: idRaw,
          standing: wanted,
          name: name === "" ? (before?.name ?? "") : name,
          homeId: home?.relayId ?? before?.homeId ?? EMPTY,
          homeUrl: home?.url ?? before?.homeUrl ?? "",
          how,
          atMs: before?.standing === wanted ? before.atMs : nowMs,
        },
      },
    ];
  };

  return {
    apply(kept) {
      if (kept.kind === "contact") {
        const key = hex(kept.head.id);
        contacts.delete(key);
        if (kept.head.standing !== "none") contacts.set(key, kept.head);
      } else if (kept.kind === "invite") {
        const key = hex(kept.head.hash);
        invites.delete(key);
        if (kept.head.expiresAtMs > 0) invites.set(key, kept.head);
      } else if (kept.kind === "policy") policy = kept.head;
    },
    reset() {
      contacts.clear();
      invites.clear();
      policy = NEW;
    },
    restate: () => [
      { kept: { kind: "policy", head: policy } },
      ...[...contacts.values()].map((head) => ({ kept: { kind: "contact", head } as const })),
      ...[...invites.values()].map((head) => ({ kept: { kind: "invite", head } as const })),
    ],
    get policy() {
      return policy;
    },
    standing,
    find: (idRaw) => contacts.get(hex(idRaw)),
    entries: () => contacts.values(),
    weighInvite(hash, nowMs, uses = 0) {
      const invite = invites.get(hex(hash));
      if (invite === undefined) return "unknown";
      if (invite.expiresAtMs <= nowMs) return "expired";
      return invite.usesLeft > uses ? "good" : "used";
    },
    invites: () => invites.values(),
    decided,
    invited(invite) {
      if (invites.has(hex(invite.hash))) return [];
      const old = [...invites.values()].filter(({ expiresAtMs }) => expiresAtMs + KEEP_INVITE_MS <= invite.atMs);
      if (invites.size - old.length >= bounds.invites)
        throw new PerdureError("mailbox-full", `${bounds.invites} invites are open or ended lately`, {
          retry: "after",
          hint: "Give out one with more uses.",
        });
      return [
        // A date of 0 is the word for "forgotten".
        ...old.map((head): Kept => ({ kind: "invite", head: { ...head, expiresAtMs: 0 } })),
        { kind: "invite", head: invite },
      ];
    },
    accepted(hash, { idRaw, name }, nowMs, uses = 0) {
      const invite = invites.get(hex(hash));
      if (invite === undefined || invite.usesLeft <= uses || standing(idRaw) === "blocked") return [];
      const called = invite.label === "" ? name : invite.label;
      const records = decided({ idRaw, standing: "contact", how: "invite", name: standing(idRaw) === "contact" ? "" : called, nowMs });
      return [...records, { kind: "invite", head: { ...invite, usesLeft: invite.usesLeft - uses - 1 } }];
    },
  };
}
