/** Relays' notices about our messages: whose counts, and what they are kept as. */
import type { Host } from "../host/host.ts";
import type { VerifiedIdentity } from "../identity/index.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import type { Envelope } from "../wire/envelope.ts";
import { PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import { NOTICE_OUTCOMES, type Notice, notice, signedNotice } from "../wire/statement.ts";
import { evidenceRecords, itemOf } from "./evidence-records.ts";
import type { Homes } from "./homes.ts";
import type { Planned } from "./planned.ts";

export interface NoticeOptions {
  readonly host: Pick<Host, "crypto">;
  readonly outbox: Outbox;
  readonly homes: Homes;
}

/** Which of our messages a notice of `by` is about; nothing when we did not send it like that, or `by` has no part in it. */
function noticed(outbox: Outbox, homes: Homes, said: Notice, by: Bytes): Outgoing | undefined {
  const outgoing = outbox.ofPart(said.stream, said.seq);
  const part = outgoing?.parts.find((each) => each.seq === said.seq);
  if (outgoing === undefined || part === undefined || outgoing.head.class !== "mail") return undefined;
  if (!equalBytes(part.to, said.to) || !equalBytes(part.digest, said.digest)) return undefined;
  const hasProven = [...outgoing.steps, ...outgoing.late].some((step) => step.proof === "statement" && equalBytes(step.by, by));
  return hasProven || homes.isOf(by, part.to) ? outgoing : undefined;
}

/** Before another relay is looked up for its notice: whether it may give one about our messages at all. */
export function refuseForeignNotice({ outbox, homes }: NoticeOptions, envelope: Envelope): void {
  const said = notice.decode(signedNotice.decode(envelope.body).notice);
  if (noticed(outbox, homes, said, envelope.from) === undefined)
    throw new PerdureError("bad-signature", "a notice of somebody who is neither this agent's relay nor that of a recipient");
}

/** What a relay's notice says of one of our messages, and the notice itself as evidence. */
export function noticeSteps(
  { outbox, homes, host }: NoticeOptions,
  envelope: Envelope,
  said: Notice,
  by: VerifiedIdentity,
): readonly Planned[] {
  const outgoing = noticed(outbox, homes, said, by.idRaw);
  const state = NOTICE_OUTCOMES[said.outcome];
  if (outgoing === undefined || state === undefined) return [];
  const { stream, seq } = outgoing.head;
  const { hash } = host.crypto;
  const { records, names } = evidenceRecords(outbox.evidence, [itemOf(hash, "notice", envelope.body), itemOf(hash, "bundle", by.bundle)]);
  return [
    ...records,
    {
      kept: {
        kind: "step",
        head: {
          stream,
          seq,
          state,
          atMs: said.timeMs,
          by: said.relayId,
          proof: "notice",
          detail: `said by ${agentIdText(said.relayId)}`,
          evidence: names,
        },
      },
    },
  ];
}
