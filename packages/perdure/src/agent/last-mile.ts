/**
 * Whether something could still reach the own relay in a moment, or the relay's word on it this agent: what a close waits for, as long
 * as a setting says.
 */
import type { Host } from "../host/host.ts";
import { isTerminal } from "../protocol/delivery/delivery-lattice.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { FIXED } from "../settings/fixed.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import type { Peers } from "./peers.ts";

export interface LastMileOptions {
  readonly host: Pick<Host, "clock">;
  readonly outbox: Pick<Outbox, "all">;
  readonly peers: Pick<Peers, "loaded" | "named">;
  /** The own relay, 32 bytes. */
  readonly relayIdRaw: Bytes;
}

export function hasLastMile(options: LastMileOptions): boolean {
  for (const outgoing of options.outbox.all()) {
    if (isAboutToBeProven(outgoing, options)) return true;
    if (outgoing.state !== "queued") continue;
    if (outgoing.parts.some((part) => !part.acked && part.refusals === 0 && (part.bytes > 0 || isKnown(outgoing, options)))) return true;
  }
  return false;
}

function isKnown({ head }: Outgoing, { peers }: LastMileOptions): boolean {
  return peers.loaded(head.to.length > 0 ? head.to : (peers.named(head.toName)?.idRaw ?? EMPTY)) !== undefined;
}

/** The relay took it just now, and is about to state it: a statement is about one link, so the next session cannot make up for it. */
function isAboutToBeProven({ head, parts, steps, late }: Outgoing, { host, relayIdRaw }: LastMileOptions): boolean {
  if (head.class !== "mail" || !parts.every((part) => part.acked)) return false;
  const sinceMs = host.clock.wallMs() - FIXED.lastMileMs.value;
  const isRecent = steps.some((step) => step.proof === "none" && !isTerminal(step.state) && step.atMs > sinceMs);
  return isRecent && ![...steps, ...late].some((step) => step.proof === "statement" && equalBytes(step.by, relayIdRaw));
}
