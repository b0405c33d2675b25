/** What time alone makes due: verdicts, forgetting, expired mail, proofs that did not come, a certificate to renew. Looked at when the next is due, and at least every `sweepEveryMs`. */
import type { Host } from "../host/host.ts";
import { rarely } from "../host/points.ts";
import type { OwnIdentity } from "../identity/index.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { incomingKey } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import type { KeptPassing, PayloadAt } from "../wire/kept-agent.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Claims } from "./claims.ts";
import type { MissingProofs } from "./missing-proofs.ts";
import type { Planned } from "./planned.ts";
import type { Sealer } from "./sealer.ts";

export interface Housekeeping {
  /** Something changed that may be due earlier than was thought. */
  look(): void;
  close(): void;
  idle(): Promise<void>;
}

export interface HousekeepingOptions {
  readonly host: Pick<Host, "clock" | "log" | "points">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly claims: Claims;
  readonly sealer: Pick<Sealer, "overtaken" | "sweep">;
  readonly missingProofs: MissingProofs;
  readonly store: () => Pick<AgentStore, "read" | "sparsest">;
  readonly keep: (records: readonly Planned[], what: string) => Promise<void>;
  /** The date that has passed by this machine's clock and by the relay's: what is forgotten by it is expired for both. */
  readonly provenMs: () => number;
  /** The agent has a new bundle to show. */
  readonly onRenewed: () => void;
}

/** Evidence and content written anew in one change. */
const MOVE_BYTES = 1024 * 1024;
/** Files of the log remembered as having nothing to move; beyond it they are looked at again. */
const MAX_SETTLED = 1024;
/** Changes in quick succession are looked at once. */
const SHORTEST_PAUSE_MS = 200;

export function createHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { host, settings, own, outbox, inbox, claims, sealer, missingProofs, store, keep, provenMs, onRenewed } = options;
  const { clock, log } = host;
  /** Segments with nothing to move, or nothing that can be read. */
  // bound: MAX_SETTLED
  const settled = new Set<number>();
  let cancel = (): void => {};
  let nextAtMs = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  let closed = false;

  const arm = (atMs: number): void => {
    if (closed || atMs >= nextAtMs) return;
    cancel();
    nextAtMs = atMs;
    cancel = clock.after(Math.max(0, atMs - clock.monotonicMs()), () => {
      nextAtMs = Number.POSITIVE_INFINITY;
      running ??= sweep()
        .catch((error: unknown) => log.write("error", "agent.housekeeping-failed", { why: String(error) }))
        .finally(() => {
          running = undefined;
        });
    });
  };

  /** Parts of a message that never became whole. */
  const sayTooLate = ({ from, stream, seq }: KeptPassing): void => {
    const parts = inbox.find(incomingKey(from, stream, seq))?.parts ?? 1;
    for (let part = 0; part < parts; part++)
      log.write("debug", "agent.too-late", { from: agentIdText(from), id: messageIdText(stream, seq + part) });
  };

  const sweep = async (): Promise<void> => {
    const wallMs = clock.wallMs();
    let pauseMs = settings.sweepEveryMs;
    try {
      const outgoing = outbox.due(wallMs);
      if (outgoing.records.length > 0)
        await keep(
          outgoing.records.map((kept) => ({ kept })),
          "a verdict",
        );
      const overtaken = sealer.overtaken(wallMs);
      if (overtaken.length > 0) await keep(overtaken, "what is to be sealed anew");
      const incoming = inbox.due(wallMs, provenMs());
      for (const kept of incoming.records) if (kept.kind === "passed") sayTooLate(kept.head);
      if (incoming.records.length > 0)
        await keep(
          incoming.records.map((kept) => ({ kept })),
          "an expiry",
        );
      const proofsInMs = missingProofs.look(clock.monotonicMs());
      pauseMs = Math.max(SHORTEST_PAUSE_MS, Math.min(pauseMs, outgoing.nextMs - wallMs, incoming.nextMs - wallMs, proofsInMs));
      await claims.sweep(incoming.expired);
      sealer.sweep();
      own.opened.sweep(wallMs);
      if (await own.renewIfDue(wallMs)) onRenewed();
      await moveOn();
    } finally {
      arm(clock.monotonicMs() + (rarely(host.points, "housekeeping-soon") ? SHORTEST_PAUSE_MS : pauseMs));
    }
  };

  /**
   * Evidence and content of messages that did not end yet outlive what they came between: where little else is needed of a file of
   * the log, they are written anew, so that the file may go.
   */
  const moveOn = async (): Promise<void> => {
    const segment = store().sparsest((each) => settled.has(each));
    if (segment === undefined) return;
    const planned: Planned[] = [];
    let bytes = 0;
    const move = async (kept: Planned["kept"], at: PayloadAt): Promise<void> => {
      const payload = await store()
        .read(at)
        .catch(() => undefined);
      if (payload === undefined) return;
      bytes += payload.length;
      planned.push({ kept, payload });
    };
    for (const { hash, at } of outbox.evidence.in(segment)) {
      if (bytes >= MOVE_BYTES) break;
      await move({ kind: "evidence", head: { hash } }, at);
    }
    for (const { of, seq, plain } of outbox.contentIn(segment)) {
      if (bytes >= MOVE_BYTES) break;
      if (plain !== undefined) await move({ kind: "part", head: { stream: of.head.stream, seq } }, plain);
    }
    if (settled.size >= MAX_SETTLED) settled.clear();
    if (planned.length === 0) settled.add(segment);
    else await keep(planned, "what was moved");
  };

  return {
    look: () => arm(clock.monotonicMs() + SHORTEST_PAUSE_MS),
    close() {
      closed = true;
      cancel();
    },
    async idle() {
      await running;
    },
  };
}
