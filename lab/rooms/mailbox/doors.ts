/** Who and what is let in: rates counted as time owed, doors in their order, room in a mailbox. */
import type { AgentBook, Books, Identity, Letter } from "./books.ts";

export interface Limits {
  readonly mailboxMessages: number;
  readonly mailboxBytes: number;
  readonly storeMessages: number;
  readonly storeBytes: number;
  readonly senderStoredPercent: number;
  readonly windowFrames: number;
  readonly windowBytes: number;
  readonly agents: number;
  readonly bundleBytes: number;
  readonly openTickets: number;
  readonly keptBans: number;
  readonly ticketsRequired: boolean;
  readonly expiryGraceMs: number;
  readonly noticeExpiryMs: number;
  readonly agentMessagesPerSecond: number;
  readonly agentMessagesBurst: number;
  readonly agentBytesPerSecond: number;
  readonly agentBytesBurst: number;
  readonly strangerMessagesPerHour: number;
  readonly strangerMessagesBurst: number;
  readonly registrationsPerHour: number;
  readonly registrationsBurst: number;
  /** What nobody sets. */
  readonly sessions: number;
  readonly keptRefusals: number;
  readonly keptProofs: number;
  readonly blockedMs: number;
  readonly fullMs: number;
  readonly troubleMs: number;
  readonly longestMs: number;
  readonly shortestPauseMs: number;
}

export interface Reason {
  readonly code: string;
  readonly retry: "now" | "after" | "never";
  readonly afterMs: number;
  readonly limit?: string | undefined;
}

export function reasonText({ code, retry, afterMs, limit }: Reason): string {
  return `${code} ${retry} ${afterMs}${limit === undefined ? "" : ` ${limit}`}`;
}

/** Shares are never smaller, unless the whole is. */
const SHARE_MESSAGES = 64;
const SHARE_BYTES = 16 * 1024 * 1024;

/** A bucket of one key: milliseconds until it is full. */
interface Bucket {
  owedMs: number;
  atMs: number;
}

export type Shop = ReturnType<typeof createShop>;

export function createShop(limits: Limits, live: () => Books) {
  const buckets = new Map<string, Bucket>();
  let nowMs = 0;

  const rate = (
    setting: string,
    key: string,
    cost: number,
    perMs: number,
    value: number,
    burst: number,
    takes: boolean,
  ): Reason | undefined => {
    const bucket = buckets.get(key) ?? { owedMs: 0, atMs: nowMs };
    const owedMs = Math.max(0, bucket.owedMs - (nowMs - bucket.atMs));
    const roomMs = burst / perMs - owedMs;
    const lackMs = Math.min(cost, burst) / perMs - roomMs;
    if (lackMs > 0 && cost > 0) {
      const limit = `${setting}=${value}/${Math.max(0, Math.floor(roomMs * perMs))}`;
      return { code: "rate-limited", retry: "after", afterMs: Math.max(limits.shortestPauseMs, lackMs), limit };
    }
    if (takes) buckets.set(key, { owedMs: owedMs + cost / perMs, atMs: nowMs });
    return undefined;
  };
  const letters = (): readonly Letter[] => [...live().agents.values()].flatMap(({ waiting }) => [...waiting.values()]);
  const bytesOf = (all: readonly Letter[]): number => all.reduce((sum, { size }) => sum + size, 0);
  const later = (code: string, limit?: string): Reason => ({ code, retry: "after", afterMs: limits.fullMs, limit });
  const knows = ({ known }: AgentBook, author: string): boolean => known === undefined || known.open || known.contacts.includes(author);

  const shop = {
    trouble: undefined as string | undefined,
    at: (ms: number): void => {
      nowMs = ms;
    },
    mailRate: (agent: string, size: number): Reason | undefined => {
      const { agentMessagesPerSecond: messages, agentBytesPerSecond: bytes, agentMessagesBurst, agentBytesBurst } = limits;
      const judge = (takes: boolean): Reason | undefined =>
        rate("agentMessagesPerSecond", `m ${agent}`, 1, messages / 1000, messages, agentMessagesBurst, takes);
      return judge(false) ?? rate("agentBytesPerSecond", `b ${agent}`, size, bytes / 1000, bytes, agentBytesBurst, true) ?? judge(true);
    },
    /** The ticket that is used for it, when one is; `undefined` when it is let in without. */
    enrols: (
      agent: string,
      identity: Identity,
      replaces: string,
      ticket: string,
      wallMs: number,
    ): Reason | { readonly uses: number; readonly expiresAtMs: number } | undefined => {
      const { agents, tickets } = live();
      const before = agents.get(agent);
      if ((before?.identity.bundle ?? "") !== replaces) return { code: "too-busy", retry: "now", afterMs: 0 };
      if (identity.bundle.length > (identity.standing === "frozen" ? 2 : 1) * limits.bundleBytes)
        return { code: "too-large", retry: "never", afterMs: 0 };
      const isTaken =
        identity.name !== undefined && [...agents].some(([each, book]) => each !== agent && book.identity.name === identity.name);
      if (isTaken) return { code: "name-taken", retry: "never", afterMs: 0 };
      if (before !== undefined) return undefined;
      if (agents.size >= limits.agents) return { code: "too-busy", retry: "after", afterMs: 60_000 };
      const found = tickets.get(ticket);
      if (limits.ticketsRequired && (found === undefined || found.expiresAtMs <= wallMs))
        return { code: "ticket-required", retry: "never", afterMs: 0 };
      const { registrationsPerHour: value, registrationsBurst } = limits;
      const hit = rate("registrationsPerHour", "new", 1, value / 3_600_000, value, registrationsBurst, true);
      if (hit !== undefined) return hit;
      return limits.ticketsRequired && found !== undefined ? { uses: found.uses - 1, expiresAtMs: found.expiresAtMs } : undefined;
    },
    fullBox: (to: string, size: number): Reason | undefined => {
      const waiting = [...(live().agents.get(to)?.waiting.values() ?? [])];
      const { mailboxMessages, mailboxBytes } = limits;
      if (waiting.length >= mailboxMessages) return later("mailbox-full", `mailboxMessages=${mailboxMessages}/0`);
      if (bytesOf(waiting) + size <= mailboxBytes) return undefined;
      return later("mailbox-full", `mailboxBytes=${mailboxBytes}/${mailboxBytes - bytesOf(waiting)}`);
    },
    admits: (
      from: string,
      to: string,
      size: number,
      letter: Letter | undefined,
      flaw: string | undefined,
      wallMs: number,
    ): Reason | undefined => {
      if (flaw === "unknown-relay") return timeOf(letter, wallMs) ?? later("unknown-relay");
      if (flaw !== undefined || letter === undefined) return { code: flaw ?? "malformed", retry: "never", afterMs: 0 };
      const outOfTime = timeOf(letter, wallMs);
      if (outOfTime !== undefined) return outOfTime;
      const owner = live().agents.get(to);
      if (owner?.identity.standing === "retired") return { code: "identity-retired", retry: "never", afterMs: 0 };
      if (owner === undefined) return later("unknown-agent");
      if (live().bans.has(from) || owner.known?.blocked.includes(from) === true)
        return { code: "blocked", retry: "after", afterMs: limits.blockedMs };
      if (shop.trouble !== undefined) return { code: shop.trouble, retry: "after", afterMs: limits.troubleMs };
      const theirs = letters().filter(({ author }) => author === from);
      const messages = Math.min(limits.storeMessages, Math.max(SHARE_MESSAGES, shareOf(limits.storeMessages)));
      const bytes = Math.min(limits.storeBytes, Math.max(SHARE_BYTES, shareOf(limits.storeBytes)));
      if (theirs.length >= messages || bytesOf(theirs) + size > bytes)
        return later("mailbox-full", `senderStoredPercent=${limits.senderStoredPercent}/0`);
      const full = shop.fullBox(to, size);
      if (full !== undefined || knows(owner, from)) return full;
      const { strangerMessagesPerHour: value, strangerMessagesBurst } = limits;
      const key = `s ${to} ${letter.class === "mail"}`;
      return rate("strangerMessagesPerHour", key, 1, value / 3_600_000, value, strangerMessagesBurst, true);
    },
  };
  return shop;

  function shareOf(whole: number): number {
    return Math.floor((whole * limits.senderStoredPercent) / 100);
  }

  function timeOf(letter: Letter | undefined, wallMs: number): Reason | undefined {
    if (letter === undefined) return undefined;
    if (letter.expiresAtMs <= wallMs) return later("expired");
    return letter.expiresAtMs > wallMs + limits.longestMs + limits.expiryGraceMs ? later("expiry-out-of-range") : undefined;
  }
}
