/** Kept state as the SDK shows it. */
import { isTerminal } from "../protocol/delivery/delivery-lattice.ts";
import { headOf, type Incoming, incomingFrom, incomingId } from "../protocol/delivery/incoming.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { type Bytes, EMPTY, hex } from "../wire/bytes.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdText, messageIdText } from "../wire/ids.ts";
import type { KeptStep } from "../wire/kept-agent.ts";
import type { Step } from "./api.ts";
import type { MailView, OutgoingView } from "./core.ts";
import { hostOfRelay } from "./relay-names.ts";

export interface OutgoingNames {
  readonly named: (name: string) => Bytes | undefined;
  /** The home of an agent when it is not the own relay. */
  readonly elsewhere: (idRaw: Bytes) => Home | undefined;
}

/** Whom a message is for, as far as that is known. */
export function recipientOf({ head, parts }: Outgoing, { named }: Pick<OutgoingNames, "named">): Bytes | undefined {
  const sealedTo = parts[0]?.to ?? EMPTY;
  return head.to.length > 0 ? head.to : sealedTo.length > 0 ? sealedTo : named(head.toName);
}

export function outgoingView(outgoing: Outgoing, names: OutgoingNames): OutgoingView {
  const { head } = outgoing;
  const to = recipientOf(outgoing, names);
  const home = to === undefined ? undefined : names.elsewhere(to);
  return {
    id: outgoing.id,
    to: to === undefined ? `@${head.toName}` : agentIdText(to),
    toName: head.toName === "" ? undefined : head.toName,
    expiresAtMs: head.expiresAtMs,
    steps: outgoing.steps.map(stepView),
    late: outgoing.late.map(stepView),
    trouble: outgoing.trouble === "" ? undefined : outgoing.trouble,
    home: home === undefined ? undefined : { id: agentIdText(home.relayId), host: hostOfRelay(home.url) },
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
