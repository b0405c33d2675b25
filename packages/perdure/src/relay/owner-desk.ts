/** What the owner of a running relay may do: see it, hand out tickets, turn somebody away. */
import type { Host } from "../host/host.ts";
import type { InputBundle } from "../protocol/incidents/input-bundle.ts";
import { formatRelayAddress, parseRelayAddress } from "../protocol/link/address.ts";
import { base32, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdBytes } from "../wire/ids.ts";
import type { IssuedTicket, OwnerCall } from "../wire/owner-calls.ts";
import type { BackupHolds } from "./backup-holds.ts";
import type { RelayCore } from "./relay-core.ts";

export interface OwnerDesk {
  answer(call: OwnerCall): Promise<unknown>;
  issueTicket(options?: { readonly uses?: number; readonly expiresInMs?: number }): Promise<IssuedTicket>;
  ban(who: string, banned?: boolean, why?: string): Promise<void>;
}

export interface OwnerDeskOptions {
  readonly host: Pick<Host, "clock" | "random" | "crypto">;
  readonly core: Pick<RelayCore, "status" | "issueTicket" | "ban">;
  /** The relay's address with its id. */
  readonly address: string;
  /** Where the owner sees the relay's page. */
  readonly page: string;
  readonly backups: Pick<BackupHolds, "begin" | "renew" | "end">;
  /** What lately came in; absent where no inputs are kept. */
  readonly bundle?: (() => Promise<InputBundle>) | undefined;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const MIN_TICKET_MS = 60 * 1000;
const MAX_TICKET_MS = 366 * DAY_MS;
const MAX_TICKET_USES = 10_000;
const TICKET_BYTES = 16;
const MAX_WHY = 256;

export function createOwnerDesk({ host, core, address, page, bundle, backups }: OwnerDeskOptions): OwnerDesk {
  const issueTicket: OwnerDesk["issueTicket"] = async ({ uses = 1, expiresInMs = DAY_MS } = {}) => {
    if (!Number.isSafeInteger(uses) || uses < 1 || uses > MAX_TICKET_USES)
      throw new PerdureError("bad-argument", `a ticket is for 1 to ${MAX_TICKET_USES} agents, not ${uses}`);
    if (!Number.isFinite(expiresInMs) || expiresInMs < MIN_TICKET_MS || expiresInMs > MAX_TICKET_MS)
      throw new PerdureError("bad-argument", "a ticket is good for a minute to 366 days", { hint: "Say for how long: 1m to 366d." });
    const ticket = base32(host.random.bytes(TICKET_BYTES));
    const expiresAtMs = host.clock.wallMs() + Math.round(expiresInMs);
    await core.issueTicket({ hash: host.crypto.hash.sha256(utf8(ticket)), expiresAtMs, uses });
    const { url, relayIdRaw } = parseRelayAddress(address);
    if (relayIdRaw === undefined) throw new PerdureError("internal", "the relay's own address has no id");
    return { address: formatRelayAddress(url, relayIdRaw, ticket), uses, expiresAtMs };
  };

  const ban: OwnerDesk["ban"] = async (who, banned = true, why = "") => {
    if (why.length > MAX_WHY) throw new PerdureError("bad-argument", `the reason is longer than ${MAX_WHY} letters`);
    await core.ban({ agentId: agentIdBytes(who), banned, why });
  };

  const answer: OwnerDesk["answer"] = async (call) => {
    switch (call.name) {
      case "status":
        return core.status();
      case "page":
        return page;
      case "bundle":
        if (bundle === undefined) throw new PerdureError("not-found", "this relay keeps no inputs", { hint: "keepInputs is 0." });
        return await bundle();
      case "backup-begin":
        return await backups.begin();
      case "backup-renew":
        return backups.renew(call.id);
      case "backup-end":
        return backups.end(call.id);
      case "issue-ticket":
        return await issueTicket(call);
      case "ban":
        return await ban(call.who, call.banned, call.why);
    }
  };

  return { answer, issueTicket, ban };
}
