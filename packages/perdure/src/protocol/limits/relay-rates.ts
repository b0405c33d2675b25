/**
 * The rates a relay's machine keeps: how much mail an agent or another relay brings, how much of it goes from strangers into one mailbox,
 * how many agents it takes in. What is refused takes nothing.
 */
import { createMeter, type RateHit, type RateLimits } from "./meter.ts";

export interface RelayRates {
  /** Mail of the agent or, with `peer`, of the relay that has this key. */
  mail(key: string, peer: boolean, bytes: number): RateHit | undefined;
  /** Takes so many messages of so many bytes together, as `mail` would one after another; takes nothing and is false where one of them might be refused. */
  mails(key: string, peer: boolean, messages: number, bytes: number): boolean;
  /** Mail, or with `other` receipts and notices, from somebody the agent of that mailbox does not know. */
  stranger(mailbox: string, other: boolean): RateHit | undefined;
  registration(): RateHit | undefined;
  /** From here on it is that time, of the monotonic clock. */
  advance(nowMs: number): void;
}

const EVERYBODY = "";

export function createRelayRates(limits: RateLimits): RelayRates {
  const agent = [createMeter(limits, "agentMessages"), createMeter(limits, "agentBytes")] as const;
  const peer = [createMeter(limits, "peerMessages"), createMeter(limits, "peerBytes")] as const;
  const strangers = createMeter(limits, "strangerMessages");
  const registrations = createMeter(limits, "registrations");
  let nowMs = 0;

  return {
    mail: (key, isPeer, size) => {
      const [messages, bytes] = isPeer ? peer : agent;
      if (!messages.fits(key, 1, nowMs)) return messages.look(key, 1, nowMs);
      return bytes.judge(key, size, nowMs) ?? messages.judge(key, 1, nowMs);
    },
    mails: (key, isPeer, count, size) => {
      const [messages, bytes] = isPeer ? peer : agent;
      // What costs more than a burst is taken from a full bucket, but only as the first.
      if (count > messages.burst || size > bytes.burst || !messages.fits(key, count, nowMs) || !bytes.take(key, size, nowMs)) return false;
      return messages.take(key, count, nowMs);
    },
    stranger: (mailbox, other) => strangers.judge(other ? `${mailbox} other` : mailbox, 1, nowMs),
    registration: () => registrations.judge(EVERYBODY, 1, nowMs),
    advance: (given) => {
      nowMs = given;
    },
  };
}
