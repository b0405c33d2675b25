/**
 * The load, the same for every system: agents in a ring, each writing to its successor and reading from its predecessor, and so many
 * messages of each outstanding. One ends when its sender was told that it is taken and its reader has it, whichever comes later.
 *
 * Everything that one turn of the loop brought is answered in one write per connection.
 */
import { createHistogram } from "./histogram.ts";
import type { Line, LineEvents } from "./line.ts";

const NO_LIMIT = 2 ** 32 - 1;

export interface TrafficOptions {
  readonly agents: number;
  /** Messages outstanding of each agent. */
  readonly window: number;
  readonly lineOf: (agent: number) => Line | undefined;
  /** Whether the system tells a sender that its message was taken. */
  readonly tellsAcks: () => boolean;
  /** Whether a message ends only when it was read; else when it was taken. */
  readonly reads: boolean;
  readonly failed: (error: unknown) => void;
}

export interface TimesMs {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
}

export interface Traffic extends LineEvents {
  /** Keeps all windows full from here on; with `agent`, only that one's, until it has sent `limit` messages since the beginning. */
  go(agent?: number, limit?: number): void;
  stop(): void;
  /** Forgets the times so far. */
  clearTimes(): void;
  /** Messages that have ended. */
  readonly ended: number;
  /** Messages that were read. */
  readonly read: number;
  /** Messages that are under way. */
  readonly outstanding: number;
  readonly delivery: TimesMs;
  readonly ack: TimesMs;
}

export function createTraffic({ agents, window, lineOf, tellsAcks, reads, failed }: TrafficOptions): Traffic {
  const sent = new Uint32Array(agents);
  const acked = new Uint32Array(agents);
  const delivered = new Uint32Array(agents);
  /** Of the message with sequence number n at place n % window. */
  const sentAt = new Float64Array(agents * window);
  const [deliveries, acks] = [createHistogram(), createHistogram()];
  const isDue = new Uint8Array(agents);
  // bound: one per agent
  let due: number[] = [];
  let scheduled = false;
  const goingTo = new Float64Array(agents);
  let now = performance.now();

  const endedOf = (agent: number): number => {
    if (!tellsAcks()) return delivered[agent] as number;
    if (!reads) return acked[agent] as number;
    return Math.min(acked[agent] as number, delivered[agent] as number);
  };

  const wake = (agent: number): void => {
    if (isDue[agent] === 1) return;
    isDue[agent] = 1;
    due.push(agent);
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  };

  const turn = (): void => {
    const woken = due;
    due = [];
    scheduled = false;
    const at = performance.now();
    try {
      for (const agent of woken) {
        isDue[agent] = 0;
        const line = lineOf(agent);
        if (line === undefined) continue;
        const before = sent[agent] as number;
        const count = Math.max(0, Math.min(endedOf(agent) + window, goingTo[agent] as number) - before);
        for (let seq = before + 1; seq <= before + count; seq++) sentAt[agent * window + (seq % window)] = at;
        sent[agent] = before + count;
        line.write(count);
      }
    } catch (error) {
      failed(error);
    }
  };

  return {
    turnBegins: () => {
      now = performance.now();
    },
    owes: wake,
    acked: (agent, count) => {
      const upTo = (acked[agent] as number) + count;
      if (upTo > (sent[agent] as number)) throw new Error(`agent ${agent} was told of ${upTo} messages and sent ${sent[agent]}`);
      for (let seq = (acked[agent] as number) + 1; seq <= upTo; seq++) acks.add(now - (sentAt[agent * window + (seq % window)] as number));
      acked[agent] = upTo;
      wake(agent);
    },
    delivered: (reader, sender, seq) => {
      const due = (delivered[sender] as number) + 1;
      if (seq !== due) throw new Error(`agent ${reader} was given message ${seq} of agent ${sender} where ${due} was due`);
      delivered[sender] = seq;
      deliveries.add(now - (sentAt[sender * window + (seq % window)] as number));
      wake(sender);
      wake(reader);
    },
    failed,
    go: (only, limit = NO_LIMIT) => {
      for (let agent = 0; agent < agents; agent++) {
        if (only !== undefined && only !== agent) continue;
        goingTo[agent] = limit;
        wake(agent);
      }
    },
    stop: () => void goingTo.fill(0),
    clearTimes: () => {
      deliveries.clear();
      acks.clear();
    },
    get ended() {
      let ended = 0;
      for (let agent = 0; agent < agents; agent++) ended += endedOf(agent);
      return ended;
    },
    get read() {
      return delivered.reduce((sum, each) => sum + each, 0);
    },
    get outstanding() {
      let outstanding = 0;
      for (let agent = 0; agent < agents; agent++) outstanding += (sent[agent] as number) - endedOf(agent);
      return outstanding;
    },
    get delivery() {
      return { p50: deliveries.quantile(0.5), p99: deliveries.quantile(0.99) };
    },
    get ack() {
      return { p50: acks.quantile(0.5), p99: acks.quantile(0.99) };
    },
  };
}
