/** The other relays a relay knows, in the order in which it came to know them. */
import type { MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";

export interface Known {
  urls: readonly string[];
  /** Who said which url. */
  readonly tellers: Map<string, string>;
  isMet: boolean;
  seenAtMs: number;
  /** It is written down. */
  isKept: boolean;
  /** Messages that came from it or went there. */
  traffic: number;
}

const MOST_URLS = 4;
const HOUR_MS = 3_600_000;

/** What a relay is doing, for the question which one makes room. */
export interface Doings {
  /** Mail waits for it, or mail of it waits here. */
  waits(name: string): boolean;
  isAttached(name: string): boolean;
}

export interface Heard {
  readonly name: string;
  readonly url: string | undefined;
  readonly isMet: boolean;
  readonly teller: string;
}

export type Meeting = "no room" | "nothing new" | "to be written down" | "remembered";

export function createKnownRelays(limits: MailboxesOptions["limits"], self: string, { waits, isAttached }: Doings) {
  let known = new Map<string, Known>();

  const isIdle = (name: string): boolean => !waits(name) && !isAttached(name);

  /** Who makes room for one more; `undefined` when nobody can. */
  const whoMakesRoom = (): readonly string[] | undefined => {
    const missing = known.size - limits.relayPeers + 1;
    if (missing <= 0) return [];
    const idle = [...known].filter(([name]) => isIdle(name));
    const unmet = idle.find(([, { isMet }]) => !isMet);
    if (missing === 1 && unmet !== undefined) return [unmet[0]];
    const inOrder = idle.sort(([, a], [, b]) => Number(a.isMet) - Number(b.isMet) || a.seenAtMs - b.seenAtMs);
    return idle.length < missing ? undefined : inOrder.slice(0, missing).map(([name]) => name);
  };

  const noteUrl = (relay: Known, url: string, isProven: boolean, teller: string): void => {
    const { urls, tellers } = relay;
    if (isProven) {
      tellers.delete(url);
      relay.urls = [url, ...urls.filter((each) => each !== url)].slice(0, MOST_URLS);
      return;
    }
    if (urls.includes(url)) return;
    const proven = urls.slice(0, relay.isMet ? 1 : 0);
    const hearsay = urls.slice(proven.length);
    tellers.set(url, teller);
    if (urls.length === MOST_URLS) {
      // Who said most loses what was said first.
      const saidBy = (each: string): number =>
        [...proven, url, ...hearsay].filter((other) => tellers.get(other) === tellers.get(each)).length;
      const most = Math.max(...hearsay.map(saidBy));
      const at = hearsay.findLastIndex((each) => saidBy(each) === most);
      hearsay.splice(at, 1);
    }
    relay.urls = [...proven, url, ...hearsay];
    for (const each of tellers.keys()) if (!relay.urls.includes(each)) tellers.delete(each);
  };

  return {
    get all(): ReadonlyMap<string, Known> {
      return known;
    },
    /** Somebody who is attached, and of whom nothing came and for whom nothing waits, makes room for who comes in. */
    whoLeaves(name: string): string | undefined {
      if (known.has(name)) return undefined;
      const most = Math.max(1, Math.floor((limits.relayPeers * limits.newcomerPeersPercent) / 100));
      const newcomers = [...known].filter(([each, { traffic }]) => traffic === 0 && !waits(each) && isAttached(each));
      return newcomers.length < most ? undefined : newcomers[0]?.[0];
    },
    /** `forgets` is told of those that made room, before. */
    meet({ name, url, isMet, teller }: Heard, nowMs: number, forgets: (name: string) => void): Meeting {
      if (name === self) return "no room";
      const before = known.get(name);
      if (before === undefined) {
        const victims = whoMakesRoom();
        if (victims === undefined) return "no room";
        victims.forEach(forgets);
        for (const victim of victims) known.delete(victim);
      }
      const relay = before ?? { urls: [], tellers: new Map(), isMet: false, seenAtMs: 0, isKept: false, traffic: 0 };
      known.set(name, relay);
      const [urls, wasMet] = [relay.urls.join(), relay.isMet];
      relay.isMet ||= isMet;
      if (url !== undefined) noteUrl(relay, url, isMet, teller);
      const isNews = urls !== relay.urls.join() || wasMet !== relay.isMet;
      if (before !== undefined && !isNews && !(isMet && nowMs - relay.seenAtMs >= HOUR_MS)) return "nothing new";
      if (isMet || before === undefined) relay.seenAtMs = nowMs;
      if (!isMet && !relay.isKept) return "remembered";
      relay.isKept = true;
      return "to be written down";
    },
    forget: (name: string): void => void known.delete(name),
    /** What a restart knows, in its order. */
    become(next: ReadonlyMap<string, Known>): void {
      known = new Map(next);
    },
  };
}
