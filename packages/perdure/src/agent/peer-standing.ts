/**
 * What the newest log of another agent means for mail to and from it.
 *
 * What must hold: messages to an agent that its owner has retired end here, since its log says so, signed with keys nobody else can have,
 * and no relay takes mail for it any more. Mail of an agent that was left at the relay because nobody could say who that is, or while two
 * logs of it contradicted each other, is asked for again once that is known.
 */
import type { Clock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import type { VerifiedIdentity } from "../identity/index.ts";
import { isTerminal } from "../protocol/delivery/delivery-lattice.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { clipWords } from "../protocol/link/goodbyes.ts";
import { type Bytes, EMPTY, equalBytes } from "../wire/bytes.ts";
import { agentIdText } from "../wire/ids.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import type { Sealer } from "./sealer.ts";

/** Every open message to that agent whose recipient is known. */
export function openMessagesTo(outbox: Outbox, idRaw: Bytes): readonly Outgoing[] {
  const isTo = ({ head, parts }: Outgoing): boolean => equalBytes(head.to, idRaw) || parts.some(({ to }) => equalBytes(to, idRaw));
  return [...outbox.all()].filter(isTo);
}

/** The last step of each of these messages to that agent: this agent's own verdict, from the other's log. */
export function retiredSteps(
  messages: readonly Outgoing[],
  { log: { retired } }: Pick<VerifiedIdentity, "log">,
  nowMs: number,
): readonly Planned[] {
  if (retired === undefined) return [];
  const instead = retired.successor === undefined ? "" : `; it names ${agentIdText(retired.successor)} to turn to instead`;
  const detail = clipWords(`identity-retired: its owner retired it${instead}`);
  return messages
    .filter(({ state }) => !isTerminal(state))
    .map(({ head: { stream, seq, class: kind } }) =>
      kind === "receipt"
        ? { kept: { kind: "forgotten", head: { stream, seq } } }
        : {
            kept: {
              kind: "step",
              head: { stream, seq, state: "refused", atMs: nowMs, by: EMPTY, proof: "none", detail, evidence: EMPTY },
            },
          },
    );
}

export interface PeerHeedOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Pick<Peers, "load">;
  readonly outbox: Outbox;
  readonly keep: (records: () => readonly Planned[], what: string) => Promise<void>;
  readonly arrivals: () => Pick<Arrivals, "release">;
  /** Has everything delivered once more that is not settled. */
  readonly redeliver: () => void;
  readonly sealer: Pick<Sealer, "decided">;
}

/** Called whenever something new was pinned of another agent. */
export function createPeerHeed({ clock, log, peers, outbox, keep, arrivals, redeliver, sealer }: PeerHeedOptions): (idRaw: Bytes) => void {
  const heed = async (idRaw: Bytes): Promise<void> => {
    const peer = await peers.load(idRaw);
    if (peer === undefined) return;
    const records = (): readonly Planned[] => (peer.retired ? retiredSteps(openMessagesTo(outbox, idRaw), peer, clock.wallMs()) : []);
    if (records().length > 0) await keep(records, "the end of messages");
    if (peer.frozen) return;
    sealer.decided(idRaw);
    if (arrivals().release(idRaw)) redeliver();
  };
  return (idRaw) => {
    heed(idRaw).catch((error: unknown) => log.write("warn", "agent.peer-not-heeded", { why: String(error) }));
  };
}
