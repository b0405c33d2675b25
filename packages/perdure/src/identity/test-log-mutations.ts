/**
 * What somebody without the committed next keys does to a log: damage, and forgeries with stolen, strange and misused keys. Each mutation
 * gives a log that no verifier may take for another log of the agent.
 */
import type { Crypto, SigningKey } from "../host/crypto.ts";
import type { Draws } from "../host/simulated/draws.ts";
import { type Bytes, EMPTY, utf8 } from "../wire/bytes.ts";
import {
  anchorBody,
  DOMAINS,
  type Domain,
  EVENT_KINDS,
  type IdentityEvent,
  identityEvent,
  retireBody,
  rotateBody,
  signedEvent,
  toBeSigned,
} from "../wire/identity.ts";
import { type LogState, nextKeyCommitment, verifyLog } from "./agent-log.ts";
import { relateLogs } from "./log-ranking.ts";
import type { LogDefences } from "./log-rules.ts";
import { createTestAgent, LOG_BEGINS_MS, type TestAgent, type Wish } from "./test-log.ts";

export type Log = readonly Bytes[];

export interface Target {
  readonly agent: TestAgent;
  readonly log: Log;
  readonly state: LogState;
}

/** A random valid log of 6 to `most` events: every kind, one to three keys and thresholds, some retired at the end. */
export async function growLog(crypto: Crypto, name: string, draws: Draws, most = 20): Promise<Target> {
  const keys = 1 + draws.below(3);
  const agent = await createTestAgent(crypto, name, keys, 1 + draws.below(keys));
  let log: Log = [agent.inception];
  const length = 6 + draws.below(most - 5);
  while (log.length < length) log = await agent.append(log, wishOf(draws, log.length));
  if (draws.chance(0.3)) log = await agent.append(log, { kind: "retire" });
  return { agent, log, state: await verifyLog(crypto, log) };
}

export function wishOf(draws: Draws, seq: number): Wish {
  switch (draws.below(5)) {
    case 0:
      return { kind: "rotate", to: `event ${seq}`, voidFromSeq: 1 + draws.below(seq) };
    case 1:
      return { kind: "instance-revoke", instanceKey: draws.bytes(32) };
    case 2:
      return { kind: "home-set", homes: [{ relayId: draws.bytes(32), url: "wss://relay.example/", preference: 0 }] };
    default:
      return { kind: "anchor", about: `of event ${seq}` };
  }
}

export interface Forger {
  readonly crypto: Crypto;
  readonly draws: Draws;
  /** Keys the agent never named. */
  readonly stranger: SigningKey;
}

type Mutation = (forger: Forger, target: Target, other: Target) => Promise<Log | undefined>;

/** An event that follows `state` with what is asked changed, signed for `domain` by `keys` as if they were its control keys. */
export async function forgeEvent(
  crypto: Crypto,
  state: LogState,
  changes: Partial<IdentityEvent>,
  keys: readonly SigningKey[],
  domain: Domain = "event",
): Promise<Bytes> {
  const { controlKeys, controlThreshold, nextCommitments, nextThreshold, recoveryCommitment } = state;
  const event = identityEvent.encode({
    version: 1,
    kind: EVENT_KINDS.indexOf("anchor"),
    agentId: state.idRaw,
    seq: state.seq + 1,
    previous: state.head,
    controlKeys,
    controlThreshold,
    nextCommitments,
    nextThreshold,
    recoveryCommitment,
    witnessThreshold: 0,
    witnesses: [],
    body: anchorBody.encode({ root: new Uint8Array(32), about: "forged", extensions: [] }),
    claimedAtMs: LOG_BEGINS_MS,
    extensions: [],
    ...changes,
  });
  const signatures = [];
  for (const [keyIndex, key] of keys.entries())
    signatures.push({ keyIndex, signature: await crypto.signatures.sign(key, toBeSigned(domain, event)) });
  return signedEvent.encode({ event, signatures });
}

/** What a rotation by `keys` says besides itself: that `following` comes after them. */
export function rotation(state: LogState, keys: readonly SigningKey[], following: readonly Bytes[]): Partial<IdentityEvent> {
  return {
    kind: EVENT_KINDS.indexOf("rotate"),
    controlKeys: keys.map(({ publicKey }) => publicKey),
    controlThreshold: state.nextThreshold,
    nextCommitments: following,
    body: rotateBody.encode({ voidFromSeq: state.seq + 1, oldKeysUntilMs: LOG_BEGINS_MS, extensions: [] }),
  };
}

export function retirement(state: LogState, keys: readonly SigningKey[], following: readonly Bytes[]): Partial<IdentityEvent> {
  return {
    ...rotation(state, keys, following),
    kind: EVENT_KINDS.indexOf("retire"),
    body: retireBody.encode({ successor: EMPTY, reason: "forged", oldKeysUntilMs: LOG_BEGINS_MS, extensions: [] }),
  };
}

/** Commitments to keys of the forger's, one for each the agent has: he opens them with `key`, after which comes `end`. */
export function committedTo(crypto: Crypto, state: LogState, key: SigningKey): readonly Bytes[] {
  return state.nextCommitments.map((_, index) => nextKeyCommitment(crypto.hash, key.publicKey, new Uint8Array(32).fill(index)));
}

const replaced = (log: Log, at: number, event: Bytes): Log => log.map((each, index) => (index === at ? event : each));
const anyOf = <Item>(draws: Draws, items: readonly Item[]): Item => items[draws.below(items.length)] as Item;
const SIGNED_BY_MISTAKE = (Object.keys(DOMAINS) as Domain[]).filter((domain) => domain !== "event");

/** The event at `at` as a signed one with other signatures or another content. */
function rewritten(
  log: Log,
  at: number,
  change: (signed: ReturnType<typeof signedEvent.decode>) => ReturnType<typeof signedEvent.decode>,
): Log {
  return replaced(log, at, signedEvent.encode(change(signedEvent.decode(log[at] as Bytes))));
}

export const MUTATIONS: Readonly<Record<string, Mutation>> = {
  async flip({ draws }, { log }) {
    const at = draws.below(log.length);
    const bad = (log[at] as Bytes).slice();
    const byte = draws.below(bad.length);
    bad[byte] = (bad[byte] as number) ^ (1 << draws.below(8));
    return replaced(log, at, bad);
  },
  async cut({ draws }, { log }) {
    const at = draws.below(log.length);
    return replaced(log, at, (log[at] as Bytes).slice(0, draws.below((log[at] as Bytes).length)));
  },
  async lengthen({ draws }, { log }) {
    const at = draws.below(log.length);
    return replaced(log, at, new Uint8Array([...(log[at] as Bytes), draws.below(256)]));
  },
  async reorder({ draws }, { log }) {
    const at = 1 + draws.below(log.length - 2);
    return [...log.slice(0, at), log[at + 1] as Bytes, log[at] as Bytes, ...log.slice(at + 2)];
  },
  async drop({ draws }, { log }) {
    const at = draws.below(log.length - 1);
    return log.filter((_, index) => index !== at);
  },
  async duplicate({ draws }, { log }) {
    const at = draws.below(log.length);
    return [...log.slice(0, at + 1), ...log.slice(at)];
  },
  async splice({ draws }, { log }, other) {
    const at = 1 + draws.below(Math.min(log.length, other.log.length) - 1);
    return [...log.slice(0, at), ...other.log.slice(at)];
  },
  async insert({ draws }, { log }, other) {
    const at = 1 + draws.below(log.length);
    return [...log.slice(0, at), anyOf(draws, other.log), ...log.slice(at)];
  },
  async unsign({ draws }, { log }) {
    return rewritten(log, draws.below(log.length), (signed) => ({ ...signed, signatures: [] }));
  },
  /** The content changed, and no signature made again. */
  async backdate({ draws }, { log }) {
    return rewritten(log, log.length - 1, (signed) => ({
      ...signed,
      event: identityEvent.encode({ ...identityEvent.decode(signed.event), claimedAtMs: draws.u32() }),
    }));
  },
  async signedByStranger({ crypto, stranger, draws }, { log }) {
    const at = draws.below(log.length);
    const { event, signatures } = signedEvent.decode(log[at] as Bytes);
    const said = identityEvent.encode({ ...identityEvent.decode(event), claimedAtMs: draws.u32() });
    const signature = await crypto.signatures.sign(stranger, toBeSigned("event", said));
    return replaced(log, at, signedEvent.encode({ event: said, signatures: signatures.map(({ keyIndex }) => ({ keyIndex, signature })) }));
  },
  async strangerKeys({ crypto, stranger }, { log, state }) {
    return [...log, await forgeEvent(crypto, state, { controlKeys: [stranger.publicKey], controlThreshold: 1 }, [stranger])];
  },
  async strangerRotates({ crypto, stranger }, { log, state }) {
    const keys = state.nextCommitments.map(() => stranger);
    return [...log, await forgeEvent(crypto, state, rotation(state, keys, committedTo(crypto, state, stranger)), keys)];
  },
  async currentKeyRotates({ crypto, stranger }, { log, state, agent }) {
    const keys = agent.controlKeys(state);
    return [...log, await forgeEvent(crypto, state, rotation(state, keys, committedTo(crypto, state, stranger)), keys)];
  },
  async currentKeyRetires({ crypto }, { log, state, agent }) {
    const keys = agent.controlKeys(state);
    return [...log, await forgeEvent(crypto, state, retirement(state, keys, agent.following(state)), keys)];
  },
  /** The commitment that the keys in force opened is opened with them again, and other keys follow. */
  async currentKeyReopens({ crypto, stranger }, { log, state, agent }) {
    const fromSeq = state.events.findLast(({ kind }) => kind === "rotate" || kind === "retire")?.seq;
    if (fromSeq === undefined) return undefined;
    const before = await verifyLog(crypto, log.slice(0, fromSeq));
    const keys = agent.controlKeys(state);
    return [
      ...log.slice(0, fromSeq),
      await forgeEvent(crypto, before, rotation(before, keys, committedTo(crypto, before, stranger)), keys),
    ];
  },
  /** A change of the guardians' commitment, which is the next keys' alone. */
  async currentKeyChangesGuardians({ crypto, draws }, { log, state, agent }) {
    return [...log, await forgeEvent(crypto, state, { recoveryCommitment: draws.bytes(32) }, agent.controlKeys(state))];
  },
  async currentKeyLowersThreshold({ crypto }, { log, state, agent }) {
    const keys = agent.controlKeys(state).slice(0, 1);
    if (state.controlThreshold === 1) return undefined;
    return [...log, await forgeEvent(crypto, state, { controlKeys: keys.map((key) => key.publicKey), controlThreshold: 1 }, keys)];
  },
  async otherPurpose({ crypto, draws }, { log, state, agent }) {
    if (state.retired !== undefined) return undefined;
    return [
      ...log,
      await forgeEvent(crypto, state, { claimedAtMs: draws.u32() }, agent.controlKeys(state), anyOf(draws, SIGNED_BY_MISTAKE)),
    ];
  },
  async afterRetirement({ crypto, draws }, { log, state, agent }) {
    if (state.retired === undefined) return undefined;
    return [...log, await forgeEvent(crypto, state, { claimedAtMs: draws.u32() }, agent.controlKeys(state))];
  },
  async unknownKind({ crypto, draws }, { log, state, agent }) {
    return [...log, await forgeEvent(crypto, state, { kind: 7 + draws.below(20) }, agent.controlKeys(state))];
  },
  async secondInception({ crypto }, { log, state, agent }) {
    return [...log, await forgeEvent(crypto, state, { kind: 1, body: utf8("") }, agent.controlKeys(state))];
  },
};

export type Verdict = "rejected" | "same" | "older" | "forged";

/** What a verifier that wants `target`'s agent makes of a mutant. */
export async function judgeMutant(crypto: Crypto, target: Target, mutant: Log, defences?: LogDefences): Promise<Verdict> {
  let state: LogState;
  try {
    state = await verifyLog(crypto, mutant, defences);
  } catch {
    return "rejected";
  }
  if (state.idRaw.some((byte, index) => byte !== target.state.idRaw[index])) return "rejected";
  const relation = relateLogs(mutant, target.log);
  return relation === "same" ? "same" : relation === "behind" ? "older" : "forged";
}
