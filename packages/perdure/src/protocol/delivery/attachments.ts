/** The sessions of a relay as its machine sees them: who is attached, over which link, and who took over from whom. */
import type { Bytes } from "../../wire/bytes.ts";
import type { Registration, SessionRole } from "./mailbox-events.ts";
import type { AgentState, Link } from "./mailbox-state.ts";

export interface Attachment {
  readonly session: number;
  readonly role: SessionRole;
  readonly agent: AgentState;
  readonly link: Link;
  readonly consume: boolean;
  /** Empty of a forwarder. */
  readonly instanceKey: Bytes;
  /** What it must be told of the identity it showed, once the welcome has left. */
  readonly verdict: Registration["verdict"];
  /** The attach pass of its welcome, until it is confirmed. */
  pass: Bytes;
  /** It has said that this pass is on its disk, or got none. */
  confirmed: boolean;
  /** The confirmation is durable here, or none is needed. */
  mayRead: boolean;
  /** The welcome has left. */
  welcomed: boolean;
  unackedBytes: number;
  /** Mail refused for its rate since some was last within it. */
  tooFast: number;
  /** Another session took its place; its frames count no more. */
  superseded: boolean;
}

export interface Attachments {
  get(session: number): Attachment | undefined;
  add(attachment: Attachment): void;
  remove(session: number): Attachment | undefined;
  /** Those of one agent that count, oldest first. */
  of(agent: AgentState): readonly Attachment[];
  /** The one that holds a link now. */
  holderOf(agent: AgentState, link: Link): Attachment | undefined;
}

export function createAttachments(): Attachments {
  // bound: one per session, relayConnections
  const bySession = new Map<number, Attachment>();
  // bound: one per session, relayConnections
  const byAgent = new Map<AgentState, readonly Attachment[]>();

  const attachments: Attachments = {
    get: (session) => bySession.get(session),
    add: (attachment) => {
      bySession.set(attachment.session, attachment);
      const theirs = byAgent.get(attachment.agent);
      byAgent.set(attachment.agent, theirs === undefined ? [attachment] : [...theirs, attachment]);
    },
    remove: (session) => {
      const attachment = bySession.get(session);
      if (attachment === undefined) return undefined;
      bySession.delete(session);
      const theirs = (byAgent.get(attachment.agent) ?? []).filter((each) => each !== attachment);
      if (theirs.length > 0) byAgent.set(attachment.agent, theirs);
      else byAgent.delete(attachment.agent);
      return attachment;
    },
    of: (agent) => (byAgent.get(agent) ?? []).filter((each) => !each.superseded),
    holderOf: (agent, link) => attachments.of(agent).find((each) => each.link === link),
  };
  return attachments;
}
