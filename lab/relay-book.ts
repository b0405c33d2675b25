/**
 * What one relay took, said and let go of, from its own facts, and whether it was allowed to.
 *
 *   2 ack         no acknowledgement before the sync that covers it
 *   4 release     only what the recipient dealt with, what the next relay has, or what expired
 *   5 statements  numbers gapless and never twice
 *   9 bounds      no sender, stranger, way or relay beyond its share; an agent writes as itself; nothing is passed on twice
 */
import type { LogFields } from "../packages/perdure/src/host/log.ts";
import { createAged } from "./aged.ts";

/** One envelope as a relay took it. */
export interface Taken {
  /** Who the envelope says wrote it. */
  readonly from: string;
  /** Who it is for. */
  readonly to: string;
  /** Whose mailbox it went to: the recipient's, or that of the relay it is to be passed on to. */
  readonly owner: string;
  /** The relay that brought it, if one did. */
  readonly via: string | undefined;
  readonly routed: boolean;
  readonly id: string;
  readonly digest: string;
  readonly position: number;
  readonly class: string;
  readonly ticket: number;
  /** How many it had taken before. */
  readonly number: number;
  readonly life: number;
  durable: boolean;
  acked: boolean;
  /** A statement of the relay covers it, and that is known. */
  stated: boolean;
  /** Its sender has verified that statement. */
  proven: boolean;
  ended: boolean;
  /** Whether it counts as waiting. */
  charged: boolean;
}

export interface RelayBookOptions {
  readonly name: string;
  readonly fail: (invariant: string, what: string) => void;
  /** Bytes on its disk are not what it wrote. */
  readonly isDamaged: () => boolean;
  /** For people: the process behind an id. */
  readonly hostOf: (id: string) => string;
  /** The recipient completed it, or said why it never will. */
  readonly isDealtWith: (taken: Taken) => boolean;
  /** The relay with that id has it on its disk, or had it there until it ended. */
  readonly isKeptAt: (relayId: string, digest: string) => boolean;
  /** Called with each envelope taken, before it is noted. */
  readonly took: (taken: Taken) => void;
  /** What one sender, and all strangers, may have waiting in one mailbox; messages. */
  readonly shares: Shares;
}

export interface Shares {
  readonly sender: number;
  readonly strangers: number;
  readonly peer: number;
  readonly route: number;
  /** Of one sender on the way to one relay. */
  readonly routeSender: number;
  /** Whether an agent does not know a sender; nobody is a stranger to who takes mail from anybody. */
  readonly isStranger: (agentId: string, from: string) => boolean;
}

export interface RelayBook {
  fact(event: string, fields: LogFields): void;
  /** A sender was told that everything of its link up to that number is kept. */
  acknowledged(link: string, upTo: number): void;
  keeps(digest: string): boolean;
  /** It has, or had, that message of that agent on its disk. */
  stored(from: string, id: string): boolean;
  /** How much it has taken so far: for {@link RelayBook.forget}. */
  readonly taken: number;
  /** Its disk is put back to a picture of when it had taken so much: what came later waits there no more. */
  forget(taken: number): void;
  /** What ended before the last call is forgotten. */
  age(): void;
  /** Digests of what it acknowledged and has not let go of: what its disk must hold at any moment. */
  owed(): readonly string[];
  /** A sender has verified what a statement says of its link from the first to the last number. */
  proven(link: string, first: number, last: number): void;
  /** What was acknowledged and no statement covers, and what was on one of these links and is not proven to its sender; for people. */
  unproven(links: ReadonlySet<string>): readonly string[];
  /** Envelopes that it could not read any more when it opened its folder. */
  readonly unread: number;
  readonly acked: number;
  readonly statements: number;
  /** Envelopes it took from other relays. */
  readonly relayed: number;
}

export function createRelayBook({ name, fail, isDamaged, hostOf, isDealtWith, isKeptAt, took, shares }: RelayBookOptions): RelayBook {
  /** What was not acknowledged yet, by link and its number there. */
  const byLink = new Map<string, Map<number, Taken>>();
  const byPosition = createAged<string, Taken>();
  const byDigest = createAged<string, Taken>();
  const byName = createAged<string, readonly Taken[]>();
  /** What is not proven yet, by link and its number there. */
  const toProve = new Map<string, Map<number, Taken>>();
  const notSynced: Taken[] = [];
  const open = new Set<Taken>();
  /** Messages that wait, by what they are charged to. */
  const waiting = new Map<string, number>();
  let taken = 0;
  let life = 0;
  let syncedTicket = -1;
  let unread = 0;
  let acked = 0;
  let statements = 0;
  let relayed = 0;
  /** What a relay that found damage could read of its mailboxes, by owner, until it has started. */
  let read: Map<string, { readonly next: number; readonly missing: ReturnType<typeof rangesOf> }> | undefined;
  let statement: { readonly number: number; readonly life: number } | undefined;

  const charge = (taken: Taken, by: 1 | -1): void => {
    const from = hostOf(taken.from);
    const most = taken.routed
      ? shares.route
      : taken.class === "mail" && shares.isStranger(taken.owner, taken.from)
        ? shares.strangers
        : undefined;
    const lanes: (readonly [string, string, number])[] = [
      [
        `${taken.owner} < ${taken.from} ${taken.via ?? ""}`,
        `of ${from} for ${hostOf(taken.owner)}`,
        taken.routed ? shares.routeSender : shares.sender,
      ],
      ...(most === undefined
        ? []
        : [[`${taken.owner} < *`, `of ${taken.routed ? "everybody" : "strangers"} for ${hostOf(taken.owner)}`, most] as const]),
      ...(taken.via === undefined ? [] : [[`* < ${taken.via}`, `from ${hostOf(taken.via)}`, shares.peer] as const]),
    ];
    for (const [key, whose, limit] of lanes) {
      const now = (waiting.get(key) ?? 0) + by;
      waiting.set(key, now);
      if (by > 0 && now > limit) fail("9 bounds", `${now} messages ${whose} wait at ${name}, the share is ${limit}`);
    }
  };
  const discharge = (taken: Taken): void => {
    if (!taken.charged) return;
    taken.charged = false;
    charge(taken, -1);
  };
  const end = (taken: Taken): void => {
    taken.ended = true;
    open.delete(taken);
    discharge(taken);
  };

  const append = (text: (field: string) => string, number: (field: string) => number): void => {
    const routed = text("routed") === "true";
    const via = text("relayed") === "true" ? text("from") : undefined;
    const author = text("author");
    if (via === undefined && author !== "" && author !== text("from"))
      fail("9 bounds", `${name} took from ${hostOf(text("from"))} what claims to be from ${hostOf(author)}`);
    const entry: Taken = {
      from: via === undefined ? text("from") : author,
      to: routed ? text("to") : text("agent"),
      owner: text("agent"),
      via,
      routed,
      id: text("id"),
      digest: text("digest"),
      position: number("position"),
      class: text("class"),
      ticket: number("ticket"),
      number: taken++,
      life,
      durable: false,
      acked: false,
      stated: false,
      proven: false,
      ended: false,
      charged: true,
    };
    took(entry);
    if (via !== undefined) relayed++;
    if (via !== undefined && routed) fail("9 bounds", `${name} passes on to ${hostOf(entry.owner)} what ${hostOf(via)} passed on to it`);
    const link = byLink.get(text("link")) ?? new Map<number, Taken>();
    byLink.set(text("link"), link.set(number("linkSeq"), entry));
    toProve.set(text("link"), (toProve.get(text("link")) ?? new Map<number, Taken>()).set(number("linkSeq"), entry));
    byPosition.set(`${entry.owner} ${number("position")}`, entry);
    // Of several copies in one life the first is durable first.
    const copy = byDigest.get(entry.digest);
    if (copy === undefined || (!copy.durable && copy.life < life)) byDigest.set(entry.digest, entry);
    byName.set(`${entry.from} ${entry.id}`, [...(byName.get(`${entry.from} ${entry.id}`) ?? []), entry]);
    notSynced.push(entry);
    open.add(entry);
    charge(entry, 1);
  };

  const settle = (text: (field: string) => string, number: (field: string) => number): void => {
    for (const [first, last] of rangesOf(text("ranges"))) {
      if (last > number("tail"))
        fail("4 release", `positions up to ${last} of ${hostOf(text("agent"))} were released by ${name}, durable are ${number("tail")}`);
      for (let position = first; position <= last; position++) {
        const taken = byPosition.get(`${text("agent")} ${position}`);
        if (taken === undefined || taken.ended) continue;
        end(taken);
        if (taken.routed) {
          if (!isKeptAt(taken.owner, taken.digest))
            fail("4 release", `${taken.id} of ${hostOf(taken.from)} was released by ${name} before ${hostOf(taken.owner)} had it`);
        } else if (taken.class === "mail" && !isDealtWith(taken))
          fail("4 release", `${taken.id} of ${hostOf(taken.from)} was released by ${name} before ${hostOf(taken.to)} completed it`);
      }
    }
  };

  /** Whoever acknowledges has it on its disk, and owes it from then on. */
  const acknowledged = (link: string, upTo: number): void => {
    const waiting = byLink.get(link);
    for (const [number, entry] of waiting ?? []) {
      if (number > upTo) continue;
      waiting?.delete(number);
      entry.acked = true;
      acked++;
      if (entry.life === life && entry.ticket > syncedTicket)
        fail("2 ack", `${entry.id} was acknowledged by ${name} in batch ${entry.ticket}, synced is ${syncedTicket}`);
    }
    if (waiting?.size === 0) byLink.delete(link);
  };

  /** What a life before took under that number was lost with it, and came again too late: the acknowledgement of the number is not of it. */
  const refused = (link: string, linkSeq: number): void => {
    for (const all of [byLink.get(link), toProve.get(link)]) if ((all?.get(linkSeq)?.life ?? life) < life) all?.delete(linkSeq);
  };

  const each = (link: string, first: number, last: number, then: (entry: Taken) => void): void => {
    const all = toProve.get(link);
    for (let number = first; number <= last; number++) {
      const entry = all?.get(number);
      if (entry === undefined) continue;
      then(entry);
      if (entry.stated && entry.proven) all?.delete(number);
    }
  };

  /** It has said what it could not read; of the rest it owes all. */
  const letGoOfUnread = (): void => {
    if (read === undefined) return;
    for (const taken of open) {
      const mailbox = read.get(taken.owner);
      const isGone =
        mailbox === undefined ||
        taken.position >= mailbox.next ||
        mailbox.missing.some(([a, b]) => taken.position >= a && taken.position <= b);
      if (!isGone) continue;
      if (taken.acked) unread++;
      end(taken);
    }
    read = undefined;
  };

  // Whether a batch of a life before reached the disk is known to the disk alone.
  const mayBeDurable = (taken: Taken | undefined): boolean => taken !== undefined && (taken.durable || taken.life < life);

  return {
    fact: (event, fields) => {
      const text = (field: string): string => String(fields[field] ?? "");
      const number = (field: string): number => Number(fields[field] ?? 0);
      switch (event) {
        case "relay.started":
          life++;
          syncedTicket = -1;
          letGoOfUnread();
          // What was not known to be durable may be gone.
          for (const taken of notSynced.splice(0)) discharge(taken);
          return;
        case "relay.mail-appended":
          return append(text, number);
        case "relay.batch-synced":
          syncedTicket = Math.max(syncedTicket, number("ticket"));
          while ((notSynced[0]?.ticket ?? Number.POSITIVE_INFINITY) <= syncedTicket) (notSynced.shift() as Taken).durable = true;
          return;
        case "relay.ack-sent":
          return acknowledged(text("link"), number("upTo"));
        case "relay.refused":
          return refused(text("link"), number("linkSeq"));
        case "relay.settle-applied":
          return settle(text, number);
        case "relay.expired":
        case "relay.lost": {
          const taken = byPosition.get(`${text("agent")} ${number("position")}`);
          if (taken !== undefined) end(taken);
          // A notice may stand where mail of a life before stood that was lost with it.
          if (fields["noticeFor"] !== undefined) byPosition.delete(`${text("noticeFor")} ${number("noticeAt")}`);
          if (event === "relay.expired" && number("atMs") < number("expiresAtMs"))
            fail("4 release", `${text("id")} ended at ${name} ${number("expiresAtMs") - number("atMs")} ms before its expiry`);
          if (event === "relay.lost" && !isDamaged()) fail("1 custody", `${text("id")} was lost by ${name}`);
          return;
        }
        case "relay.damage":
          if (!isDamaged()) fail("1 custody", `${name} found damage of ${number("bytes")} bytes`);
          read = new Map();
          return;
        case "relay.mailbox-read":
          read?.set(text("agent"), { next: number("next"), missing: rangesOf(text("missing")) });
          return;
        case "relay.statement":
          statements++;
          // A relay that died after the sync and before it could say so leaves a number that nobody heard of; none may come again.
          if (
            statement !== undefined &&
            (number("number") <= statement.number || (statement.life === life && number("number") !== statement.number + 1))
          ) {
            fail("5 statements", `statement ${number("number")} of ${name} follows ${statement.number}`);
          }
          // What that unheard of one covers is not known.
          if (statement !== undefined && statement.life !== life && number("number") !== statement.number + 1)
            for (const all of toProve.values()) for (const entry of all.values()) if (entry.life < life) entry.stated = true;
          statement = { number: number("number"), life };
          for (const covered of text("covers").split(" ")) {
            const [link = "", range = ""] = covered.split(":");
            const [first = 1, last = 0] = range.split("-").map(Number);
            each(link, first, last, (entry) => {
              entry.stated = true;
            });
          }
          return;
        default:
      }
    },
    acknowledged,
    keeps: (digest) => mayBeDurable(byDigest.get(digest)),
    stored: (from, id) => (byName.get(`${from} ${id}`) ?? []).some(mayBeDurable),
    proven: (link, first, last) =>
      each(link, first, last, (entry) => {
        entry.stated = true;
        entry.proven = true;
      }),
    unproven: (links) =>
      [...toProve].flatMap(([link, all]) =>
        [...all.values()]
          // Before the first statement of a life nothing tells whether the life before left one that nobody heard of.
          .filter(
            ({ acked, stated, proven, life: of }) =>
              acked && (stated ? links.has(link) && !proven : of === life || statement?.life === life),
          )
          .map(
            ({ id, from, stated }) => `${id} of ${hostOf(from)} is ${stated ? "not proven to its sender" : `in no statement of ${name}`}`,
          ),
      ),
    owed: () => [...open].filter((each) => each.acked).map(({ digest }) => digest),
    get taken() {
      return taken;
    },
    forget: (before) => {
      for (const each of open) if (each.number >= before) discharge(each);
    },
    age: () => {
      for (const map of [byPosition, byDigest]) map.age((taken) => !taken.ended);
      for (const [link, all] of toProve) {
        for (const [number, { ended }] of all) if (ended) all.delete(number);
        if (all.size === 0) toProve.delete(link);
      }
      byName.age((all) => all.some((each) => !each.ended));
    },
    get unread() {
      return unread;
    },
    get acked() {
      return acked;
    },
    get statements() {
      return statements;
    },
    get relayed() {
      return relayed;
    },
  };
}

function rangesOf(text: string): readonly (readonly [number, number])[] {
  return text
    .split(/[ ,]/)
    .filter((each) => each !== "")
    .map((each) => {
      const [first = "0", last = first] = each.split("-");
      return [Number(first), Number(last)] as const;
    });
}
