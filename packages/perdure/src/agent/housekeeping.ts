/** What time alone makes due: verdicts, forgetting, expired mail, a certificate to renew. Looked at when the next is due, and at least every `sweepEveryMs`. */
import type { Host } from "../host/host.ts";
import type { OwnIdentity } from "../identity/index.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { incomingKey } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import type { KeptPassing } from "../wire/kept-agent.ts";
import type { Claims } from "./claims.ts";
import type { Planned } from "./planned.ts";

export interface Housekeeping {
  /** Something changed that may be due earlier than was thought. */
  look(): void;
  close(): void;
  idle(): Promise<void>;
}

export interface HousekeepingOptions {
  readonly host: Pick<Host, "clock" | "log">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly claims: Claims;
  readonly keep: (records: readonly Planned[], what: string) => Promise<void>;
  /** The date that has passed by this machine's clock and by the relay's: what is forgotten by it is expired for both. */
  readonly provenMs: () => number;
  /** The agent has a new bundle to show. */
  readonly onRenewed: () => void;
}

/** Changes in quick succession are looked at once. */
const SHORTEST_PAUSE_MS = 200;

export function createHousekeeping(options: HousekeepingOptions): Housekeeping {
  const { host, settings, own, outbox, inbox, claims, keep, provenMs, onRenewed } = options;
  const { clock, log } = host;
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
      const incoming = inbox.due(wallMs, provenMs());
      for (const kept of incoming.records) if (kept.kind === "passed") sayTooLate(kept.head);
      if (incoming.records.length > 0)
        await keep(
          incoming.records.map((kept) => ({ kept })),
          "an expiry",
        );
      pauseMs = Math.max(SHORTEST_PAUSE_MS, Math.min(pauseMs, outgoing.nextMs - wallMs, incoming.nextMs - wallMs));
      await claims.sweep(incoming.expired);
      if (await own.renewIfDue(wallMs)) onRenewed();
    } finally {
      arm(clock.monotonicMs() + pauseMs);
    }
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
