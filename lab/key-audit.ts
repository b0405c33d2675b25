/**
 * Invariant 7, on what lies on the disks: who an agent is follows from log bytes alone.
 *
 *   - every log anybody kept verifies, and no rotation or retirement in it reveals a key that its owner had not revealed
 *   - what somebody has pinned of an agent is never followed by something older or outranked
 *   - after the owner has put things right everybody has its log or an older part of it, and its relay has all of it
 *   - whatever the moment of a crash, the owner has keys in force and keys that come next
 */
import type { Crypto, Hash } from "../packages/perdure/src/host/crypto.ts";
import { createDisk, createMemoryFiles, createWorld } from "../packages/perdure/src/host/simulated/index.ts";
import { verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { openKept } from "../packages/perdure/src/identity/custody.ts";
import { type Branches, joinLogs, relateBranches, rivalLog, sameBranches } from "../packages/perdure/src/identity/log-ranking.ts";
import { loadState, type OwnState } from "../packages/perdure/src/identity/own-state.ts";
import { openChain, parseRecovery, type Recovery } from "../packages/perdure/src/identity/recovery.ts";
import { fromUtf8, hex } from "../packages/perdure/src/wire/bytes.ts";
import { EVENT_KINDS, identityBundle, identityEvent, signedEvent } from "../packages/perdure/src/wire/identity.ts";
import { agentIdText } from "../packages/perdure/src/wire/ids.ts";
import { decodeKept as decodeAgentRecord } from "../packages/perdure/src/wire/kept-agent.ts";
import { decodeKept as decodeRelayRecord } from "../packages/perdure/src/wire/kept-relay.ts";
import { type Image, readRecords } from "./disk-records.ts";
import { InvariantBroken } from "./ledger.ts";
import { AGENT_FOLDER, isRelay, RELAY_FOLDER, VAULT } from "./town.ts";

/** What was surely on somebody's disk at some moment. */
export interface DiskWitness {
  readonly atMs: number;
  readonly host: string;
  readonly image: Image;
}

export interface KeyAudit {
  /** Oldest first; the last of each host is how it was in the end. */
  readonly witnesses: readonly DiskWitness[];
  /** The relay each agent lives at. */
  readonly homes: ReadonlyMap<string, string>;
  /** Hosts whose disk was put back from an older copy: what they know may have gone back with it. */
  readonly putBack: ReadonlySet<string>;
  /** Agents whose keys somebody else has, and whose owner did nothing about it. */
  readonly abandoned: ReadonlySet<string>;
  readonly hash: Hash;
  readonly crypto?: Crypto | undefined;
}

const ROTATE = EVENT_KINDS.indexOf("rotate");
const RETIRE = EVENT_KINDS.indexOf("retire");

/** Throws {@link InvariantBroken} for the first thing that must not be. */
export async function auditKeys({ witnesses, homes, putBack, abandoned, hash, crypto: given }: KeyAudit): Promise<void> {
  const crypto = given ?? createWorld({ seed: "audit", hash, cryptoOrder: "at-once" }).host("auditor").crypto;
  const owners = new Map<string, OwnState>();
  for (const witness of witnesses) if (!isRelay(witness.host)) owners.set(witness.host, await ownerOf(crypto, witness));
  const revealed = new Set([...owners.values()].flatMap(({ kept }) => kept.log.filter(isNextKeyEvent).flatMap(keysOf)));
  const byId: ReadonlyMap<string, string> = new Map([...owners].map(([name, { log }]) => [agentIdText(log.idRaw), name] as const));
  const pinned = new Map<string, Branches>();
  const seen = new Map<string, Branches[]>();
  for (const { host, image, atMs } of witnesses) {
    for (const [agent, branches] of await identitiesOn(host, image)) {
      const name = byId.get(agent);
      if (name === undefined) continue;
      const where = `at ${(atMs / 1000).toFixed(3)} s, ${name} as ${host} has it`;
      await verifyAll(crypto, branches, revealed, where);
      const before = pinned.get(`${host} ${agent}`);
      const relation = before === undefined ? "same" : relateBranches(branches, before);
      if ((relation === "behind" || relation === "outranked") && !putBack.has(host)) throw broken(`${where} went back: it is ${relation}`);
      pinned.set(`${host} ${agent}`, branches);
      seen.set(name, [...(seen.get(name) ?? []), branches]);
    }
  }
  for (const [name, all] of seen) judgeTogether(name, all);
  for (const [agent, name] of byId) {
    if (abandoned.has(name)) continue;
    const { kept } = owners.get(name) as OwnState;
    for (const host of [...homes.values(), ...owners.keys()]) {
      const held = pinned.get(`${host} ${agent}`);
      if (held === undefined) continue;
      const relation = relateBranches(held, { log: kept.log, rival: [] });
      const isHome = homes.get(name) === host;
      // Whoever it has not written to since may still know what a thief showed; mail of its new keys that nobody believes breaks custody.
      const hasNotHeard = !isHome && (relation === "behind" || relation === "outranked");
      if (relation !== "same" && !hasNotHeard) throw broken(`in the end the log of ${name} at ${host} is ${relation} to its owner's`);
    }
  }
}

/** Whatever the order in which two parties heard of logs, they come to the same. */
function judgeTogether(name: string, all: readonly Branches[]): void {
  const [first, ...rest] = all;
  if (first === undefined) return;
  const forth = rest.reduce(joinLogs, first);
  const back = all.toReversed().reduce(joinLogs);
  if (!sameBranches(forth, back)) throw broken(`the logs of ${name} that were seen judge differently in another order`);
}

/** The owner's own state; throws when a crash at that moment would have left no usable key. */
async function ownerOf(crypto: Crypto, { host, image, atMs }: DiskWitness): Promise<OwnState> {
  const at = `at ${(atMs / 1000).toFixed(3)} s, ${host}`;
  try {
    const opened = await openKept(createMemoryFiles(createDisk(image)), crypto, AGENT_FOLDER, undefined);
    if (opened === undefined) throw broken(`${at} has no identity`);
    const { kept } = opened;
    const state = await loadState(crypto, kept, `${host}/keys.cbor`);
    const pages: Recovery[] =
      kept.next === undefined ? pagesOf(crypto.hash, image) : [{ agentId: agentIdText(state.log.idRaw), ...kept.next }];
    if (!(await someOpens(crypto, pages, state))) throw broken(`${at} has no next key`);
    return state;
  } catch (error) {
    if (error instanceof InvariantBroken) throw error;
    throw broken(`${at} has no usable keys: ${String(error)}`);
  }
}

function pagesOf(hash: Hash, image: Image): Recovery[] {
  return [...image].flatMap(([path, bytes]) => {
    if (!path.startsWith(VAULT)) return [];
    try {
      return [parseRecovery(hash, fromUtf8(bytes))];
    } catch {
      return [];
    }
  });
}

async function someOpens(crypto: Crypto, pages: readonly Recovery[], { log }: OwnState): Promise<boolean> {
  if (log.retired !== undefined) return true;
  for (const page of pages) {
    const opens = await openChain(crypto, page, log).then(
      () => true,
      () => false,
    );
    if (opens) return true;
  }
  return false;
}

/** What a host has of each agent, by agent id. */
async function identitiesOn(host: string, image: Image): Promise<ReadonlyMap<string, Branches>> {
  const found = new Map<string, Branches>();
  const note = (idRaw: Uint8Array, bundle: Uint8Array): void => {
    if (bundle.length > 0) found.set(agentIdText(idRaw), identityBundle.decode(bundle));
  };
  if (isRelay(host))
    await readRecords(image, RELAY_FOLDER, "relay", (record) => {
      const kept = decodeRelayRecord(record);
      if (kept.kind === "registration") note(kept.value.agentId, kept.value.bundle);
    });
  else
    await readRecords(image, `${AGENT_FOLDER}/agent`, "agent", (record) => {
      const { kept, payload } = decodeAgentRecord(record);
      if (kept.kind === "peer") note(kept.head.id, payload.slice());
    });
  return found;
}

async function verifyAll(crypto: Crypto, branches: Branches, revealed: ReadonlySet<string>, where: string): Promise<void> {
  const rival = rivalLog(branches);
  for (const log of rival === undefined ? [branches.log] : [branches.log, rival]) {
    await verifyLog(crypto, log).catch((error: unknown) => {
      throw broken(`${where} does not verify: ${String(error)}`);
    });
    const foreign = log.filter(isNextKeyEvent).flatMap(keysOf);
    if (foreign.some((key) => !revealed.has(key))) throw broken(`${where} was rotated or retired by somebody else than its owner`);
  }
}

function isNextKeyEvent(signed: Uint8Array): boolean {
  const { kind } = identityEvent.decode(signedEvent.decode(signed).event);
  return kind === ROTATE || kind === RETIRE;
}

/** The keys that a rotation or retirement reveals. */
function keysOf(signed: Uint8Array): readonly string[] {
  return identityEvent.decode(signedEvent.decode(signed).event).controlKeys.map((key) => hex(key));
}

function broken(what: string): InvariantBroken {
  return new InvariantBroken("7 key state", what);
}
