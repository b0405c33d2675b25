/**
 * The rates a relay's machine keeps: how much mail an agent or another relay brings, how much of it goes from strangers into one mailbox,
 * how many agents it takes in. What is refused takes nothing.
 */
import { createMeter, type RateHit, type RateLimits } from "./meter.ts";

export interface RelayRates {
  /** Mail of the agent or, with `peer`, of the relay that has this key. */
  mail(key: string, peer: boolean, bytes: number): RateHit | undefined;
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
    stranger: (mailbox, other) => strangers.judge(other ? `${mailbox} other` : mailbox, 1, nowMs),
    registration: () => registrations.judge(EVERYBODY, 1, nowMs),
    advance: (given) => {
      nowMs = given;
    },
  };
}
