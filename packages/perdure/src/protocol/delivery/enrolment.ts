/** Whether a relay takes what an agent says of itself: first come, first served for names; bounded in number and size. */
import { EMPTY, equalBytes } from "../../wire/bytes.ts";
import type { Reason, Registration } from "./mailbox-events.ts";
import { findAgent, type RelayState } from "./mailbox-state.ts";

export interface EnrolmentLimits {
  /** Agents registered at once. */
  readonly agents: number;
  readonly bundleBytes: number;
  /** Other relays remembered at once. */
  readonly relayPeers: number;
  /** Of those: relays that came by themselves and with which no mail was exchanged since this start. */
  readonly newcomerPeersPercent: number;
  /** Tickets open, and agents and relays turned away, at once. */
  readonly openTickets: number;
  readonly keptBans: number;
  /** Whoever is new must show a ticket. */
  readonly ticketsRequired: boolean;
}

/** `known` when there is nothing new in it. */
export function judgeRegistration(state: RelayState, limits: EnrolmentLimits, wanted: Registration): "known" | "new" | Reason {
  const known = findAgent(state, wanted.idRaw);
  if (known !== undefined && known.bundle.length > 0 && equalBytes(known.bundle, wanted.bundle)) return "known";
  if (!equalBytes(known?.bundle ?? EMPTY, wanted.replaces)) return CHANGED_MEANWHILE;
  // A proof that two logs contradict each other holds both.
  const most = (wanted.standing === "frozen" ? 2 : 1) * limits.bundleBytes;
  if (wanted.bundle.length > most) {
    return {
      code: "too-large",
      why: `an identity bundle of ${wanted.bundle.length} bytes is more than ${most}`,
      retry: "never",
      afterMs: 0,
      hint: "",
    };
  }
  const holder = wanted.name === undefined ? undefined : state.names.get(wanted.name);
  if (holder !== undefined && holder !== known) {
    return {
      code: "name-taken",
      why: `@${wanted.name} belongs to ${holder.id} at this relay`,
      retry: "never",
      afterMs: 0,
      hint: "Choose another name.",
    };
  }
  if (known === undefined && state.agents.size >= limits.agents) {
    return {
      code: "too-busy",
      why: `this relay serves ${limits.agents} agents and takes no more`,
      retry: "after",
      afterMs: 60_000,
      hint: "Ask its owner, or use another relay.",
    };
  }
  return "new";
}

const CHANGED_MEANWHILE: Reason = {
  code: "too-busy",
  why: "another identity of this agent was registered meanwhile",
  retry: "now",
  afterMs: 0,
  hint: "",
};
