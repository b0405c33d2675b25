/**
 * A contact book, the list of it that a relay is told, and that relay's look-ups, beside lists of what was decided: few ids, two of which begin alike, few
 * places, invites that run out, and restarts at any step.
 */
import { type ContactBook, createContactBook, KEEP_INVITE_MS } from "../../packages/perdure/src/protocol/contacts/contact-book.ts";
import { contactList } from "../../packages/perdure/src/protocol/contacts/contact-list.ts";
import { createContactList, knows, turnsAway } from "../../packages/perdure/src/protocol/delivery/contact-list.ts";
import { EMPTY, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import {
  CONTACT_ORIGINS,
  decodeKept,
  encodeKept,
  type Kept,
  type KeptContact,
  type KeptInvite,
  STANDINGS,
} from "../../packages/perdure/src/wire/kept-agent.ts";
import { parted, type Room } from "./room.ts";

interface Step {
  readonly do: "decide" | "decide at once" | "invite" | "use" | "policy" | "wait" | "restart";
  readonly pick: number;
  readonly other: number;
  readonly few: number;
}

const STEPS = 45;
const BOUNDS = { contacts: 4, invites: 3 };
const PEOPLE = 7;
const HOMES = 3;
const NAMES = ["", "anna", "bob", "carl"];
/** The last two begin with the same eight bytes. */
const IDS = Array.from({ length: PEOPLE }, (_, person) =>
  new Uint8Array(32).fill(1 + person).fill(person < PEOPLE - 1 ? 1 + person : PEOPLE - 1, 0, 8),
);
const idOf = (person: number): Uint8Array => IDS[person] as Uint8Array;
const homeOf = (home: number): Uint8Array => new Uint8Array(32).fill(50 + home);
const secretOf = (number: number): Uint8Array => new Uint8Array(32).fill(100 + number);

export const contacts: Room<Step> = {
  name: "contacts",
  about: "who may write, as its owner decided and its relay is told, beside the decisions",
  draw: (draws) =>
    Array.from({ length: STEPS }, () => {
      const deeds: readonly Step["do"][] = [
        "decide",
        "decide",
        "decide",
        "decide at once",
        "invite",
        "invite",
        "use",
        "use",
        "policy",
        "wait",
        "restart",
      ];
      return { do: deeds[draws.below(deeds.length)] ?? "wait", pick: draws.below(60), other: draws.below(60), few: draws.below(4) };
    }),
  run: async (steps) => goThrough(steps),
};

function goThrough(steps: readonly Step[]): void {
  let book = createContactBook(BOUNDS);
  const people = new Map<number, KeptContact>();
  const invites = new Map<number, KeptInvite>();
  let policy: Kept = { kind: "policy", head: { strangers: "wait", listVersion: 0, listHash: new Uint8Array(16) } };
  let nowMs = 1_000_000;

  /** What somebody is after a wish; `undefined`: as before. */
  const after = (
    person: number,
    wish: Pick<KeptContact, "standing" | "how" | "name">,
    home: number | undefined,
  ): KeptContact | undefined => {
    const before = people.get(person);
    const { standing, how, name } = wish;
    if (before === undefined && standing === "none") return undefined;
    const saysNew = before?.standing !== standing || (name !== "" && name !== before.name) || home !== undefined;
    // Who was written to and is then chosen on purpose is one who was chosen; never the other way round.
    if (!saysNew && (how === before.how || how === "written-to")) return undefined;
    return {
      ...{ id: idOf(person), standing, how, name: name === "" ? (before?.name ?? "") : name },
      homeId: home === undefined ? (before?.homeId ?? EMPTY) : homeOf(home),
      homeUrl: home === undefined ? (before?.homeUrl ?? "") : `wss://${home}.example/`,
      atMs: before !== undefined && before.standing === standing ? before.atMs : nowMs,
    };
  };
  const isFull = (person: number): boolean => !people.has(person) && people.size >= BOUNDS.contacts;
  const setPerson = (person: number, contact: KeptContact): void => {
    people.delete(person);
    if (contact.standing !== "none") people.set(person, contact);
  };
  /** What a plan gives, or the code it is refused with. */
  const planned = (plan: () => readonly Kept[]): readonly Kept[] | string => {
    try {
      return plan();
    } catch (error) {
      if (isPerdureError(error)) return error.code;
      throw error;
    }
  };
  const take = (what: string, said: readonly Kept[] | string, expected: readonly Kept[] | string): boolean => {
    // In whatever order they are written down.
    const inOrder = (records: readonly Kept[] | string): string =>
      typeof records === "string" ? records : records.map(shown).sort().join(" ");
    if (inOrder(said) !== inOrder(expected)) parted(`${what} gives ${inOrder(said)}, not ${inOrder(expected)}`);
    if (typeof said === "string") return false;
    for (const kept of said) book.apply(kept);
    return true;
  };

  for (const { do: deed, pick, other, few } of steps) {
    const person = pick % PEOPLE;
    if (deed === "decide" || deed === "decide at once") {
      const standing = STANDINGS[other % STANDINGS.length] ?? "none";
      const how = CONTACT_ORIGINS[few] ?? "added";
      const name = NAMES[pick % NAMES.length] ?? "";
      const home = other % 4 === 0 ? other % HOMES : undefined;
      if (deed === "decide at once") {
        const contact = {
          id: idOf(person),
          standing,
          how,
          name,
          homeId: home === undefined ? EMPTY : homeOf(home),
          homeUrl: "",
          atMs: nowMs,
        };
        book.apply({ kind: "contact", head: contact });
        setPerson(person, contact);
      } else {
        const homeSaid = home === undefined ? {} : { home: { relayId: homeOf(home), url: `wss://${home}.example/` } };
        const said = planned(() => book.decided({ idRaw: idOf(person), standing, how, name, nowMs, ...homeSaid }));
        const changed = after(person, { standing, how, name }, home);
        const expected = changed === undefined ? [] : isFull(person) ? "mailbox-full" : [{ kind: "contact", head: changed } as const];
        if (take(`${standing} by ${how} for ${person}`, said, expected) && changed !== undefined) setPerson(person, changed);
      }
    } else if (deed === "invite") {
      const number = other % 5;
      const label = few === 0 ? "a friend" : "";
      const invite = { hash: secretOf(number), label, expiresAtMs: nowMs + 1000 * (pick % 5), usesLeft: pick % 4, atMs: nowMs };
      if (few === 3) {
        // A date of 0 forgets it.
        const kept = { ...invite, expiresAtMs: pick % 2 === 0 ? 0 : invite.expiresAtMs };
        book.apply({ kind: "invite", head: kept });
        invites.delete(number);
        if (kept.expiresAtMs > 0) invites.set(number, kept);
      } else {
        const said = planned(() => book.invited(invite));
        const old = [...invites].filter(([, { expiresAtMs }]) => nowMs >= expiresAtMs + KEEP_INVITE_MS);
        const forgotten = old.map(([, head]) => ({ kind: "invite", head: { ...head, expiresAtMs: 0 } }) as const);
        const isFullOfInvites = invites.size - old.length >= BOUNDS.invites;
        const expected = invites.has(number)
          ? []
          : isFullOfInvites
            ? "mailbox-full"
            : [...forgotten, { kind: "invite", head: invite } as const];
        if (take(`invite ${number}`, said, expected) && !invites.has(number)) {
          for (const [each] of old) invites.delete(each);
          invites.set(number, invite);
        }
      }
    } else if (deed === "use") {
      const number = other % 5;
      const invite = invites.get(number);
      const name = NAMES[pick % NAMES.length] ?? "";
      const uses = few > 1 ? 0 : few;
      const said = planned(() => book.accepted(secretOf(number), { idRaw: idOf(person), name }, nowMs, uses));
      const isContact = people.get(person)?.standing === "contact";
      const isGood = invite !== undefined && invite.usesLeft > uses && people.get(person)?.standing !== "blocked";
      const called = isContact ? "" : (invite?.label ?? "") === "" ? name : (invite?.label ?? "");
      const changed = isGood ? after(person, { standing: "contact", how: "invite", name: called }, undefined) : undefined;
      const left = invite === undefined ? undefined : { ...invite, usesLeft: invite.usesLeft - uses - 1 };
      const records = [
        ...(changed === undefined ? [] : [{ kind: "contact", head: changed } as const]),
        ...(left === undefined ? [] : [{ kind: "invite", head: left } as const]),
      ];
      const expected = !isGood ? [] : changed !== undefined && isFull(person) ? "mailbox-full" : records;
      if (take(`invite ${number} used by ${person}`, said, expected) && isGood) {
        if (changed !== undefined) setPerson(person, changed);
        if (left !== undefined) invites.set(number, left);
      }
    } else if (deed === "policy") {
      policy = {
        kind: "policy",
        head: { strangers: few > 1 ? "welcome" : "wait", listVersion: pick, listHash: new Uint8Array(16).fill(other) },
      };
      book.apply(policy);
    } else if (deed === "wait") nowMs += few === 0 ? KEEP_INVITE_MS - 1000 * (other % 3) : 1000 * (other % 4);
    else if (deed === "restart") {
      const restated = book.restate().map(({ kept }) => decodeKept(encodeKept(kept, undefined)).kept);
      if (few > 1) book = createContactBook(BOUNDS);
      else book.reset();
      for (const kept of restated) book.apply(kept);
    }
    compare(book, { people, invites, policy, nowMs });
  }
}

interface Expected {
  readonly people: ReadonlyMap<number, KeptContact>;
  readonly invites: ReadonlyMap<number, KeptInvite>;
  readonly policy: Kept;
  readonly nowMs: number;
}

function compare(book: ContactBook, { people, invites, policy, nowMs }: Expected): void {
  const same = (what: string, said: unknown, expected: unknown): void => {
    if (said !== expected && shown(said) !== shown(expected)) parted(`${what}: ${shown(said)}, not ${shown(expected)}`);
  };
  const byId = (a: KeptContact, b: KeptContact): number => (hex(a.id) < hex(b.id) ? -1 : 1);
  same("policy", book.policy, policy.head);
  same("entries", [...book.entries()].sort(byId), [...people.values()].sort(byId));
  const byHash = (a: KeptInvite, b: KeptInvite): number => (hex(a.hash) < hex(b.hash) ? -1 : 1);
  same("invites", [...book.invites()].sort(byHash), [...invites.values()].sort(byHash));
  for (let person = 0; person < PEOPLE; person++) {
    same(`standing of ${person}`, book.standing(idOf(person)), people.get(person)?.standing ?? "none");
    same(`entry of ${person}`, book.find(idOf(person)), people.get(person));
  }
  for (let number = 0; number < 5; number++)
    for (const uses of [0, 1]) {
      const invite = invites.get(number);
      const isOver = invite !== undefined && invite.expiresAtMs <= nowMs;
      const worth = invite === undefined ? "unknown" : isOver ? "expired" : invite.usesLeft > uses ? "good" : "used";
      same(
        `worth of ${number} after ${uses}`,
        uses === 0 ? book.weighInvite(secretOf(number), nowMs) : book.weighInvite(secretOf(number), nowMs, uses),
        worth,
      );
    }
  const homeFor = (idRaw: Uint8Array): Uint8Array => {
    const homeId = book.find(idRaw)?.homeId ?? EMPTY;
    return homeId.length > 0 ? homeId : homeOf(0);
  };
  const entry = (id: Uint8Array, home: Uint8Array): string => hex(id.subarray(0, 8)) + hex(home.subarray(0, 8));
  const told = contactList(book, homeFor);
  const listed = [...people.values()].filter(({ standing }) => standing === "contact").map(({ id }) => entry(id, homeFor(id)));
  const blocked = [...people.values()].filter(({ standing }) => standing === "blocked").map(({ id }) => hex(id.subarray(0, 8)));
  const open = (policy as Extract<Kept, { readonly kind: "policy" }>).head.strangers === "welcome";
  same("list", [told.open, hex(told.contacts), hex(told.blocked)], [open, listed.sort().join(""), blocked.sort().join("")]);
  // A relay takes any order.
  const list = createContactList(3, told.open, turned(told.contacts, 16), turned(told.blocked, 8));
  same("list of the relay", list && [list.version, list.open, hex(list.contacts), hex(list.blocked)], [
    3,
    open,
    listed.join(""),
    blocked.join(""),
  ]);
  for (const [cut, size] of [
    [told.contacts, 16],
    [told.blocked, 8],
  ] as const)
    if (cut.length > 0)
      same(
        "a list of parts",
        [createContactList(1, true, size === 16 ? cut.subarray(1) : cut.subarray(0, 0), size === 8 ? cut.subarray(1) : EMPTY)],
        [undefined],
      );
  for (let person = 0; person < PEOPLE; person++) {
    const id = idOf(person);
    for (let home = 0; home < HOMES; home++) {
      same(`${person} from ${home}`, knows(list, id, 0, homeOf(home)), open || listed.includes(entry(id, homeOf(home))));
      same("everybody without a list", knows(undefined, id, 0, homeOf(home)), true);
    }
    same(`${person} turned away`, turnsAway(list, id, 0), blocked.includes(hex(id.subarray(0, 8))));
    same("nobody turned away without a list", turnsAway(undefined, id, 0), false);
  }
}

/** The entries the other way round. */
function turned(entries: Uint8Array, size: number): Uint8Array {
  const list = Array.from({ length: entries.length / size }, (_, index) => entries.subarray(index * size, (index + 1) * size));
  return new Uint8Array(list.reverse().flatMap((each) => [...each]));
}

function shown(value: unknown): string {
  const sorted = (_: string, each: unknown): unknown => {
    if (each instanceof Uint8Array) return hex(each);
    const isPlain = typeof each === "object" && each !== null && !Array.isArray(each);
    return isPlain ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each;
  };
  return JSON.stringify(value, sorted) ?? "nothing";
}
