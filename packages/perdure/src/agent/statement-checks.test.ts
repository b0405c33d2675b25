import { beforeAll, expect, test } from "vitest";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { crypto, NOW_MS, newIdentity } from "../identity/test-machine.ts";
import { verifyBundle } from "../identity/verify.ts";
import type { LinkWindow } from "../protocol/delivery/link-window.ts";
import { createMerkleTree } from "../protocol/delivery/merkle.ts";
import type { OutgoingPart } from "../protocol/delivery/outgoing.ts";
import { type Bytes, concat, EMPTY, equalBytes } from "../wire/bytes.ts";
import { evidenceItem, storedProof } from "../wire/evidence.ts";
import { toBeSigned } from "../wire/identity.ts";
import { statement, statementProof, storedLeaf } from "../wire/statement.ts";
import type { Planned } from "./planned.ts";
import { createStatementChecks, type StatementCheckOptions } from "./statement-checks.ts";

const { sha256 } = crypto.hash;
const digest = new Uint8Array(16).fill(1);

let own: OwnIdentity;
let relay: OwnIdentity;
beforeAll(async () => {
  own = await newIdentity("own");
  relay = await newIdentity("relay", { role: "relay" });
});

async function stated(number: number, previous: Bytes): Promise<{ readonly said: Bytes; readonly proof: Bytes }> {
  const leaf = storedLeaf.encode({ sender: own.idRaw, link: new Uint8Array(8), firstSeq: 1, lastSeq: 1, contents: sha256(digest) });
  const tree = createMerkleTree(sha256, [leaf]);
  const of = { version: 1, relayId: relay.idRaw, number, previous, timeMs: NOW_MS + number, leafCount: 1, root: tree.root, extensions: [] };
  const said = statement.encode(of);
  const signature = await crypto.signatures.sign(relay.instanceKey, toBeSigned("statement", said));
  const about = { leaf, leafIndex: 0, path: tree.path(0), digests: EMPTY, writers: EMPTY };
  return { said, proof: statementProof.encode({ statement: said, signature, ...about }) };
}

test("a step is of the statement that it names, also when the next one came before the step was kept", async () => {
  const part = { digest, to: own.idRaw, of: undefined as unknown } as OutgoingPart;
  const outgoing = { head: { stream: new Uint8Array(8), seq: 1, class: "mail" }, parts: [part], state: "queued", steps: [], late: [] };
  Object.assign(part, { of: outgoing });
  const plans: (() => readonly Planned[])[] = [];
  const checks = createStatementChecks({
    host: { crypto, log: { write: () => undefined } },
    ownIdRaw: own.idRaw,
    outbox: { evidence: { has: () => false, conflicts: [] } },
    homes: { isOwn: (id: Bytes) => equalBytes(id, relay.idRaw), elsewhere: () => undefined },
    lookups: {},
    onProven: (plan: () => readonly Planned[]) => plans.push(plan),
    onConflict: () => expect.unreachable("both are true"),
  } as unknown as StatementCheckOptions);
  const window = { covered: () => [part], coveredDigests: () => [digest], prove: () => undefined } as unknown as LinkWindow<OutgoingPart>;
  const verified = await verifyBundle(crypto, relay.bundle(), NOW_MS);
  const first = await stated(1, new Uint8Array(32));
  const second = await stated(2, sha256(first.said));
  for (const { proof } of [first, second]) checks.take(proof, verified, window, new Uint8Array(8));
  await checks.idle();
  expect(plans.length).toBe(2);
  for (const plan of plans) {
    const planned = plan();
    const step = planned.flatMap(({ kept }) => (kept.kind === "step" ? [kept.head] : []))[0];
    const items = planned.flatMap(({ payload }) => (payload instanceof Uint8Array ? [payload] : []));
    expect(step?.evidence).toEqual(concat(...items.map(sha256)));
    const proofs = items.map(evidenceItem.decode).filter(({ kind }) => kind === "stored");
    const times = proofs.map(({ content }) => statement.decode(statementProof.decode(storedProof.decode(content).proof).statement).timeMs);
    expect(times).toContain(step?.atMs);
  }
});
