/** What waits in `requests`, together and by sender, so that a share of it is weighed without visiting the messages. */
import { type Bytes, hex } from "../../wire/bytes.ts";
import { headOf, type Incoming } from "./incoming.ts";

export interface Held {
  readonly messages: number;
  readonly bytes: number;
}

export interface RequestTally {
  /** Counting a message twice changes nothing. */
  add(incoming: Incoming): void;
  remove(incoming: Incoming): void;
  held(from?: Bytes): Held;
  clear(): void;
}

const NOTHING: Held = { messages: 0, bytes: 0 };

export function createRequestTally(): RequestTally {
  // bound: what `requests` holds: its share of mailboxMessages
  const counted = new Map<Incoming, number>();
  // bound: what `requests` holds: its share of mailboxMessages
  const senders = new Map<string, Held>();
  let all = NOTHING;

  const change = (incoming: Incoming, messages: number, bytes: number): void => {
    const key = hex(incoming.from);
    const before = senders.get(key) ?? NOTHING;
    const after = { messages: before.messages + messages, bytes: before.bytes + bytes };
    if (after.messages === 0) senders.delete(key);
    else senders.set(key, after);
    all = { messages: all.messages + messages, bytes: all.bytes + bytes };
  };

  return {
    add(incoming) {
      if (counted.has(incoming)) return;
      const { wholeBytes } = headOf(incoming).head;
      counted.set(incoming, wholeBytes);
      change(incoming, 1, wholeBytes);
    },
    remove(incoming) {
      const bytes = counted.get(incoming);
      if (bytes === undefined) return;
      counted.delete(incoming);
      change(incoming, -1, -bytes);
    },
    held: (from) => (from === undefined ? all : (senders.get(hex(from)) ?? NOTHING)),
    clear() {
      counted.clear();
      senders.clear();
      all = NOTHING;
    },
  };
}
