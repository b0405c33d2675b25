/** Kept state as the SDK shows it. */
import { isTerminal } from "../protocol/delivery/delivery-lattice.ts";
import { headOf, type Incoming, incomingFrom, incomingId } from "../protocol/delivery/incoming.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { type Bytes, hex } from "../wire/bytes.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import type { KeptStep } from "../wire/kept-agent.ts";
import type { Step } from "./api.ts";
import type { MailView, OutgoingView } from "./core.ts";

export function outgoingView(outgoing: Outgoing, named: (name: string) => Bytes | undefined): OutgoingView {
  const { head } = outgoing;
  const to = head.to.length > 0 ? head.to : named(head.toName);
  return {
    id: outgoing.id,
    to: to === undefined ? `@${head.toName}` : agentIdText(to),
    toName: head.toName === "" ? undefined : head.toName,
    expiresAtMs: head.expiresAtMs,
    steps: outgoing.steps.map(stepView),
    ended: isTerminal(outgoing.state),
  };
}

function stepView({ state, atMs, by, proof, detail }: KeptStep): Step {
  return { state, atMs, by: by.length === 0 ? "self" : agentIdText(by), proof, detail };
}

/** What is known of the sender besides the message itself. */
export interface SenderView {
  readonly standing: "contact" | "none";
  readonly fromAddress: string | undefined;
}

export function mailView(incoming: Incoming, sender: SenderView): MailView {
  const kept = headOf(incoming);
  const { head } = kept;
  return {
    from: incomingFrom(incoming),
    id: incomingId(incoming),
    attempt: incoming.claim?.attempt ?? incoming.attempt,
    box: incoming.box,
    ...sender,
    arrival: incoming.arrival,
    fromName: kept.fromName === "" ? undefined : kept.fromName,
    thread: hex(head.thread),
    inReplyTo: head.inReplyTo === undefined ? undefined : messageIdText(head.inReplyTo.stream, head.inReplyTo.seq),
    auto: head.auto,
    depth: head.depth,
    contentType: head.contentType,
    fileName: head.fileName === "" ? undefined : head.fileName,
    sizeBytes: head.wholeBytes,
    parts: incoming.parts,
    sentAtMs: head.sentAtMs,
    receivedAtMs: incoming.wholeAtMs,
    expiresAtMs: kept.expiresAtMs,
    collapseKey: head.collapseKey === "" ? undefined : head.collapseKey,
  };
}
