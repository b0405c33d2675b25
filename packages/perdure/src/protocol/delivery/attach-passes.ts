/**
 * Attach passes: how a relay finds out that a folder lives twice.
 *
 * Every consuming attach of an instance gets a pass with a number that was never given before, and the next attach must show it. Once an
 * instance has confirmed a pass, or shown it, all earlier ones are used up. A folder that was copied, or put back from a snapshot, has an
 * older pass; the second of both to come shows one that was used, and from then on neither reads the mailbox: the relay cannot know which
 * is the owner's. A new instance, made with the control key, begins a new chain.
 *
 * What must hold:
 * - Nothing of the mailbox is handed out in a session, and nothing it settles counts, before its pass is confirmed, and handed out only
 *   once that is durable: whoever reads has used up every pass the other has.
 * - A crash is never taken for a clone: the number is durable before the pass is given, and all passes since the last confirmed one, and
 *   that one, count until the next is confirmed.
 * - A pass with a higher number than is known here was given by this relay too (it carries its MAC), before the relay's folder was put
 *   back: it counts.
 */
import { type Bytes, concat, EMPTY, equalBytes, hex, putU64, u64At, utf8 } from "../../wire/bytes.ts";
import { encodeKept, type KeptValue } from "../../wire/kept-relay.ts";
import type { Reason } from "./mailbox-events.ts";
import type { AgentState, PassChain } from "./mailbox-state.ts";
import type { RelayMachine } from "./relay-machine.ts";
import { sendAway } from "./standing.ts";

/** Instances of one agent whose chains are remembered: more than a bundle certifies. */
export const CHAINS_PER_AGENT = 16;
export const PASS_KEY_BYTES = 32;

const DOMAIN = utf8("perdure/attach-pass/1");
const NUMBER_BYTES = 8;
const MAC_BYTES = 24;

/** The pass of that number: the number (u64) and a MAC only this relay can make. */
function passOf({ state, sha256 }: Pick<RelayMachine, "state" | "sha256">, agent: AgentState, instanceKey: Bytes, number: number): Bytes {
  const pass = new Uint8Array(NUMBER_BYTES + MAC_BYTES);
  putU64(pass, 0, number);
  // Every part has a fixed length and the hash is cut, so that key in front makes a MAC.
  const mac = sha256(concat(DOMAIN, state.passKey, agent.idRaw, instanceKey, pass.subarray(0, NUMBER_BYTES)));
  pass.set(mac.subarray(0, MAC_BYTES), NUMBER_BYTES);
  return pass;
}

/** The number of a pass of this relay for that instance; 0 when it shows none, `undefined` for one that is not of this relay. */
function numberOf(machine: RelayMachine, agent: AgentState, instanceKey: Bytes, pass: Bytes): number | undefined {
  if (pass.length === 0) return 0;
  if (pass.length !== NUMBER_BYTES + MAC_BYTES) return undefined;
  const number = u64At(pass, 0);
  if (number === undefined || number === 0) return undefined;
  return equalBytes(passOf(machine, agent, instanceKey, number), pass) ? number : undefined;
}

/**
 * Judges the pass of a consuming attach; the pass for its welcome, or `undefined` when there is no chain to go on with: the alarm has
 * been raised and every session of that instance that reads the mailbox was sent away.
 */
export function usePass(machine: RelayMachine, agent: AgentState, instanceKey: Bytes, shown: Bytes, nowMs: number): Bytes | undefined {
  const { state, defences } = machine;
  if (!defences.passes || state.passKey.length === 0) return EMPTY;
  const known = agent.passes.get(hex(instanceKey));
  if (known !== undefined && known.clonedAtMs > 0) return undefined;
  const number = numberOf(machine, agent, instanceKey, shown);
  const { given, confirmed } = known ?? { given: 0, confirmed: 0 };
  if (number === undefined || number < confirmed) {
    raiseAlarm(machine, agent, { instanceKey: instanceKey.slice(), given, confirmed, clonedAtMs: nowMs });
    return undefined;
  }
  if (number > given) {
    const why = `an instance showed attach pass ${number}, the newest known here is ${given}: this relay's folder was put back from an older copy`;
    machine.journal.emit({ kind: "alarm", agent: agent.id, why });
  }
  // Whoever shows a pass has it on its disk: that confirms it.
  const next = Math.max(given, number) + 1;
  keepChain(machine, agent, { instanceKey: instanceKey.slice(), given: next, confirmed: number, clonedAtMs: 0 });
  return passOf(machine, agent, instanceKey, next);
}

/** The instance has the pass of its welcome on its disk: from here on its session settles, and once that is durable it reads. */
export function confirmPass(machine: RelayMachine, session: number, pass: Bytes): void {
  const attachment = machine.attachments.get(session);
  if (attachment === undefined || attachment.superseded || attachment.confirmed || !equalBytes(pass, attachment.pass)) return;
  const { agent, instanceKey } = attachment;
  const chain = agent.passes.get(hex(instanceKey));
  const number = numberOf(machine, agent, instanceKey, pass);
  if (chain === undefined || number === undefined || number < chain.confirmed) return;
  attachment.confirmed = true;
  attachment.pass = EMPTY;
  keepChain(machine, agent, { ...chain, confirmed: number });
  machine.journal.whenDurable({ kind: "confirmed", attachment });
  machine.journal.fact("relay.pass-confirmed", () => ({ agent: agent.id, instance: hex(instanceKey) }));
}

/** The time a session has for confirming its pass is over. */
export function endUnconfirmed(machine: RelayMachine, session: number): void {
  const attachment = machine.attachments.get(session);
  if (attachment === undefined || attachment.superseded || attachment.confirmed) return;
  sendAway(machine, attachment, UNCONFIRMED);
}

const UNCONFIRMED: Reason = {
  code: "timed-out",
  why: "the pass of the welcome was not confirmed in time: mail is handed out only to who has its pass on its disk",
  retry: "after",
  afterMs: 1000,
  hint: "",
};

function raiseAlarm(machine: RelayMachine, agent: AgentState, chain: PassChain): void {
  keepChain(machine, agent, chain);
  const { attachments, journal } = machine;
  const why = "an attach pass was shown that had been used: a copy of its folder is open somewhere, or an old state of it was put back";
  journal.emit({ kind: "alarm", agent: agent.id, why });
  journal.fact("relay.cloned", () => ({ agent: agent.id, instance: hex(chain.instanceKey) }));
  for (const other of attachments.of(agent)) {
    if (!other.consume || !equalBytes(other.instanceKey, chain.instanceKey)) continue;
    sendAway(machine, other, CLONED);
  }
}

export const CLONED: Reason = {
  code: "cloned",
  why: "two copies of this agent's folder were opened; neither reads the mailbox until its owner says which one goes on, and mail waits",
  retry: "never",
  afterMs: 0,
  hint: "In the folder that shall go on: perdure id claim. If nobody of yours made a copy: perdure id rotate.",
};

/** Whether the instance that came last has been copied, and its owner has not said yet which copy goes on: that begins a new chain. */
export function isCloned({ passes }: AgentState): boolean {
  return ([...passes.values()].at(-1)?.clonedAtMs ?? 0) > 0;
}

function keepChain({ journal }: RelayMachine, agent: AgentState, chain: PassChain): void {
  noteChain(agent, chain);
  for (const record of encodeChain(agent, chain)) journal.record(record);
}

/** Two records of which each says one number: what is confirmed, and what was given beyond. */
export function encodeChain(agent: AgentState, { instanceKey, given, confirmed, clonedAtMs }: PassChain): readonly Bytes[] {
  const said = { agentId: agent.idRaw, instanceKey, clonedAtMs };
  const records: Bytes[] = [];
  if (confirmed > 0) records.push(encodeKept("pass", { ...said, given: confirmed, confirmed: true }));
  if (given > confirmed || confirmed === 0) records.push(encodeKept("pass", { ...said, given, confirmed: false }));
  return records;
}

/** A record of the log: a chain only goes on, whatever the order in which restated and earlier records are read. */
export function replayChain(agent: AgentState, kept: KeptValue<"pass">): void {
  const known = agent.passes.get(hex(kept.instanceKey));
  noteChain(agent, {
    instanceKey: kept.instanceKey.slice(),
    given: Math.max(kept.given, known?.given ?? 0),
    confirmed: Math.max(kept.confirmed ? kept.given : 0, known?.confirmed ?? 0),
    clonedAtMs: Math.max(kept.clonedAtMs, known?.clonedAtMs ?? 0),
  });
}

/** The chains used longest ago are forgotten first, those of clones last. */
function noteChain({ passes }: AgentState, chain: PassChain): void {
  const key = hex(chain.instanceKey);
  passes.delete(key);
  passes.set(key, chain);
  if (passes.size <= CHAINS_PER_AGENT) return;
  const oldest = [...passes].find(([each, { clonedAtMs }]) => clonedAtMs === 0 && each !== key) ?? [...passes][0];
  if (oldest !== undefined) passes.delete(oldest[0]);
}
