/** How much everybody may bring at once. Between two dates of the clock every bucket is full again. */
import type { MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";

export function createSpeeds(limits: MailboxesOptions["limits"]) {
  let atMs = Number.NEGATIVE_INFINITY;
  let brought = new Map<string, { messages: number; bytes: number }>();

  return {
    /** The rate that one more message of so many bytes is beyond; what is within it is counted. */
    beyond(who: string, isRelay: boolean, bytes: number, nowMs: number): string | undefined {
      if (nowMs !== atMs) brought = new Map();
      atMs = nowMs;
      const [of, mostMessages, mostBytes] = isRelay
        ? (["peer", limits.peerMessagesBurst, limits.peerBytesBurst] as const)
        : (["agent", limits.agentMessagesBurst, limits.agentBytesBurst] as const);
      const before = brought.get(who) ?? { messages: 0, bytes: 0 };
      if (before.messages + 1 > mostMessages) return `${of}MessagesPerSecond`;
      if (before.bytes + bytes > mostBytes) return `${of}BytesPerSecond`;
      brought.set(who, { messages: before.messages + 1, bytes: before.bytes + bytes });
      return undefined;
    },
    forget(): void {
      brought = new Map();
    },
  };
}
