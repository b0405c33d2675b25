/**
 * The newest attach pass of each instance of this agent from each of its relays: shown at the next attach, so that the relay notices
 * when a copy of this folder is opened too.
 *
 * What must hold: a pass is shown, and confirmed to the relay, only once it is durable here.
 */
import type { Log } from "../host/log.ts";
import { type Bytes, EMPTY, hex } from "../wire/bytes.ts";
import type { Kept, KeptHead } from "../wire/kept-agent.ts";
import type { AgentStore, SmallState } from "./agent-store.ts";
import type { Planned } from "./planned.ts";

/** Pairs of relay and instance; the oldest is forgotten first. */
const MAX_PASSES = 16;

export interface AttachPasses extends SmallState {
  /** Empty when there is none. */
  newest(relayId: Bytes, instanceKey: Bytes): Bytes;
  restate(): readonly (Planned & { readonly kept: Kept })[];
}

export function createAttachPasses(): AttachPasses {
  // bound: MAX_PASSES
  const passes = new Map<string, KeptHead<"pass">>();
  const keyOf = (relayId: Bytes, instanceKey: Bytes): string => hex(relayId) + hex(instanceKey);
  return {
    newest: (relayId, instanceKey) => passes.get(keyOf(relayId, instanceKey))?.pass ?? EMPTY,
    apply(kept) {
      if (kept.kind !== "pass") return;
      const key = keyOf(kept.head.relayId, kept.head.instanceKey);
      passes.delete(key);
      passes.set(key, kept.head);
      for (const oldest of passes.keys()) {
        if (passes.size <= MAX_PASSES) break;
        passes.delete(oldest);
      }
    },
    reset: () => passes.clear(),
    restate: () => [...passes.values()].map((head) => ({ kept: { kind: "pass", head } })),
  };
}

/** Makes a pass durable; false when that cannot be done now. */
export async function keepPass(
  { log, store }: { readonly log: Log; readonly store: AgentStore },
  head: KeptHead<"pass">,
): Promise<boolean> {
  try {
    return await store.commit({ onFailure: "give-up", plan: () => ({ records: [{ kept: { kind: "pass", head } }], result: true }) });
  } catch (error) {
    log.write("warn", "agent.not-kept", { what: "an attach pass", why: String(error) });
    return false;
  }
}
