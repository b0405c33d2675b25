/**
 * Invariant 5, on what a sender can show to anybody: the evidence of each message tells all of its steps, whoever signed for one is named for
 * it, nothing that is said to be proven is not, and not one bit of the file can be changed unseen.
 */
import type { Agent, Sent } from "../packages/perdure/src/agent/api.ts";
import type { Crypto, Hash, SigningKey } from "../packages/perdure/src/host/crypto.ts";
import { createWorld, type World } from "../packages/perdure/src/host/simulated/index.ts";
import { verifyEvidence } from "../packages/perdure/src/protocol/evidence/verify-evidence.ts";
import { isPerdureError } from "../packages/perdure/src/wire/error.ts";
import { InvariantBroken } from "./ledger.ts";
import { tellLies } from "./lying-sender.ts";
import { patiently } from "./patience.ts";

export interface EvidenceAudit {
  readonly world: World;
  /** By the names of their hosts; each knows all it will ever know. */
  readonly agents: ReadonlyMap<string, Agent>;
  readonly hash: Hash;
  readonly crypto?: Crypto | undefined;
  /** The key an agent signs with now: what it can make others believe is tried out. */
  readonly keyOf?: ((name: string) => Promise<SigningKey | undefined>) | undefined;
}

/** Messages that are looked at, per agent. */
const MOST_MESSAGES = 8;
/** Messages about which a sender lies, per town. */
const MOST_LIARS = 3;
/** Bits that are changed, per file. */
const CHANGES = 4;

export async function auditEvidence({ world, agents, hash, crypto: given, keyOf }: EvidenceAudit): Promise<void> {
  const crypto = given ?? createWorld({ seed: "audit", hash, cryptoOrder: "at-once" }).host("auditor").crypto;
  let liars = 0;
  for (const [name, agent] of agents) {
    const sent = await world.complete(agent.outbox());
    const key = await keyOf?.(name);
    for (const each of spread(sent, MOST_MESSAGES)) {
      const bytes = await patiently(world, () => each.export());
      if (key !== undefined && liars++ < MOST_LIARS) await tellLies(crypto, key, bytes);
      await judge(crypto, name, agent, each, bytes);
      await changeAndJudge(crypto, name, each, bytes);
    }
  }
}

async function judge(crypto: Crypto, name: string, agent: Agent, sent: Sent, bytes: Uint8Array): Promise<void> {
  const report = await verifyEvidence(crypto, bytes);
  const fail = (what: string): never => {
    throw new InvariantBroken("5 statements", `the evidence of ${sent.id} of ${name} ${what}`);
  };
  if (report.id !== sent.id || report.from !== agent.id) fail(`is that of ${report.id} of ${report.from}`);
  const told = report.steps.map(({ state, atMs }) => `${state} ${atMs}`).join(", ");
  const known = sent.steps.map(({ state, atMs }) => `${state} ${atMs}`).join(", ");
  if (told !== known) fail(`tells ${told}, and its sender shows ${known}`);
  for (const [index, { state, proof, by }] of sent.steps.entries()) {
    const finding = report.steps[index];
    if (finding === undefined) continue;
    if (proof === "none" ? finding.verdict !== "claimed" : finding.verdict !== "proven")
      fail(`shows ${state}, with the proof ${proof}, as ${finding.verdict}: ${finding.why}`);
    if (proof !== "none" && finding.by !== by) fail(`says that ${finding.by} signed for ${state}, and ${by} did`);
  }
  // The recipient's receipt names message and digest together; a statement names digests alone.
  const receipt = sent.steps.find(({ proof }) => proof === "receipt");
  if (receipt !== undefined && report.boundBy !== receipt.by && !sent.steps.some(({ proof }) => proof === "notice"))
    fail(`says that ${report.boundBy} signed for what its digest is, and ${receipt.by} did`);
  if (sent.steps.every(({ proof }) => proof === "none" || proof === "statement") && report.boundBy !== undefined)
    fail(`says that ${report.boundBy} signed for what its digest is, and nobody did`);
  if (!report.proven) fail("is not proven as a whole");
  if (report.conflicts.length > 0) fail(`shows ${report.conflicts.length} conflicts, and nobody lied`);
}

async function changeAndJudge(crypto: Crypto, name: string, { id }: Sent, bytes: Uint8Array): Promise<void> {
  for (let change = 0; change < CHANGES; change++) {
    const at = Math.floor((bytes.length * (change + 0.5)) / CHANGES);
    const changed = bytes.slice();
    changed[at] = (bytes[at] as number) ^ (1 << change);
    try {
      await verifyEvidence(crypto, changed);
    } catch (error) {
      if (isPerdureError(error)) continue;
      throw error;
    }
    throw new InvariantBroken("5 statements", `bit ${change} of byte ${at} in the evidence of ${id} of ${name} can be changed unseen`);
  }
}

/** So many of them, over the whole list. */
function spread<Each>(all: readonly Each[], most: number): readonly Each[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, nth) => all[Math.floor((nth * all.length) / most)] as Each);
}
