/**
 * Judges an evidence file offline: for each step of a message whether what somebody signed proves it. Nothing is taken from the
 * sender's word but what is called a claim.
 *
 * What a verdict means: `proven`, its signer said exactly this, signed by a key that its id vouches for; `claimed`, nothing but the
 * sender's word, or a part of it that no signature covers; `not-proven`, said to be proven and it is not.
 */

import type { Crypto } from "../../host/crypto.ts";
import { certifiedInstance } from "../../identity/certificate.ts";
import { readIdentity, type VerifiedIdentity, verifyBundle, verifyNotice, verifySignedPlaintext } from "../../identity/index.ts";
import { type Bytes, equalBytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES } from "../../wire/envelope.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import {
  EVIDENCE_FORMAT,
  type Evidence,
  type EvidenceItem,
  type EvidenceStep,
  evidence,
  evidenceItem,
  signedEvidence,
  signedReceipt,
  statementConflict,
  storedProof,
} from "../../wire/evidence.ts";
import { certificate, identityBundle, signedCertificate, toBeSigned } from "../../wire/identity.ts";
import { type AgentId, agentIdText, type MessageId, messageIdText } from "../../wire/ids.ts";
import type { DeliveryState } from "../../wire/kept-agent.ts";
import { WIRE_VERSION } from "../../wire/limits.ts";
import { receipt } from "../../wire/sealed.ts";
import { NOTICE_OUTCOMES, statement, statementProof } from "../../wire/statement.ts";
import { otherVersion, PEER_OF_OLDER, versionIn } from "../../wire/version.ts";
import { leafCovers, verifyStatementProof } from "../delivery/statement-proof.ts";

export type Verdict = "proven" | "claimed" | "not-proven";

export interface Finding {
  readonly state: DeliveryState;
  readonly atMs: number;
  /** Who says so; the sender itself for `self`. */
  readonly by: AgentId | "self";
  readonly verdict: Verdict;
  /** For people: what was signed, or why it proves nothing. */
  readonly why: string;
}

export interface ConflictFinding {
  readonly relay: AgentId | undefined;
  readonly numbers: readonly number[];
  readonly verdict: "proven" | "not-proven";
  readonly why: string;
}

export interface Party {
  readonly id: AgentId;
  /** As its own record says; nobody else vouches for it. */
  readonly name: string | undefined;
  readonly isRelay: boolean;
  /** Where its own record says that it lives. */
  readonly homes: readonly { readonly relayId: AgentId; readonly url: string }[];
}

export interface EvidenceReport {
  readonly id: MessageId;
  readonly from: AgentId;
  readonly to: AgentId | undefined;
  readonly toName: string;
  readonly sentAtMs: number;
  readonly expiresAtMs: number;
  /** Hexadecimal digests of the envelopes, one for each part. */
  readonly digests: readonly string[];
  /** Who signed that the first digest is that of this message; without it that is the sender's word. */
  readonly boundBy: AgentId | undefined;
  readonly steps: readonly Finding[];
  readonly conflicts: readonly ConflictFinding[];
  readonly parties: readonly Party[];
  /** Nothing that is said to be proven fails. */
  readonly proven: boolean;
}

interface File {
  readonly said: Evidence;
  readonly items: readonly EvidenceItem[];
  readonly digests: readonly Bytes[];
  /** Encoded bundles by the id they verify to. */
  readonly bundles: ReadonlyMap<string, readonly Bytes[]>;
}

/** Throws `malformed`, `needs-older-version`, `needs-newer-version`, and `not-proven` when the file is not what its sender signed. */
export async function verifyEvidence(crypto: Crypto, bytes: Bytes): Promise<EvidenceReport> {
  const { evidence: encoded, signature } = signedEvidence.decode(bytes);
  const version = versionIn(encoded);
  if (version !== undefined && version !== WIRE_VERSION)
    throw otherVersion({ what: "the evidence", found: version, older: "Check it with the perdure that wrote it." });
  const said = evidence.decode(encoded);
  if (said.format !== EVIDENCE_FORMAT) throw new PerdureError("malformed", "this is no evidence file of Perdure");
  if (said.version !== WIRE_VERSION) throw otherVersion({ what: "the evidence", found: said.version, older: PEER_OF_OLDER });
  if (said.digests.length % DIGEST_BYTES !== 0) throw new PerdureError("malformed", "evidence: a digest is cut off");
  const items = said.items.map((item) => evidenceItem.decode(item));
  const { bundles, parties } = await readBundles(crypto, items);
  const file: File = { said, items, digests: split(said.digests), bundles };
  await refuseUnsigned(crypto, file, encoded, signature);
  const steps: Finding[] = [];
  let boundBy: AgentId | undefined;
  const holders = new Set<string>();
  for (const step of said.steps) {
    const judged = await judge(crypto, file, step, holders);
    if (step.proof === "statement" && judged.verdict === "proven") holders.add(hex(step.by));
    steps.push({
      state: step.state,
      atMs: step.atMs,
      by: step.by.length === 0 ? "self" : agentIdText(step.by),
      verdict: judged.verdict,
      why: judged.why,
    });
    if (judged.binds && judged.verdict === "proven") boundBy ??= agentIdText(step.by);
  }
  const conflicts: ConflictFinding[] = [];
  for (const place of said.conflicts) conflicts.push(await judgeConflict(crypto, file, place));
  return {
    id: messageIdText(said.stream, said.seq),
    from: agentIdText(said.from),
    to: said.to.length === 0 ? undefined : agentIdText(said.to),
    toName: said.toName,
    sentAtMs: said.sentAtMs,
    expiresAtMs: said.expiresAtMs,
    digests: file.digests.map(hex),
    boundBy,
    steps,
    conflicts,
    parties,
    proven: [...steps, ...conflicts].every((each) => each.verdict !== "not-proven"),
  };
}

interface Judged {
  readonly verdict: Verdict;
  readonly why: string;
  /** Its signer named message and digest together. */
  readonly binds?: boolean;
}

/** `holders`: relays that earlier steps prove to have had the message. */
async function judge(crypto: Crypto, file: File, step: EvidenceStep, holders: ReadonlySet<string>): Promise<Judged> {
  if (step.proof === "none") {
    return { verdict: "claimed", why: step.by.length === 0 ? "the sender's own word" : "the sender says that it was told so" };
  }
  try {
    if (step.proof === "statement") return await judgeStatement(crypto, file, step);
    return step.proof === "notice" ? await judgeNotice(crypto, file, step, holders) : await judgeReceipt(crypto, file, step);
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    return { verdict: "not-proven", why: error.message };
  }
}

async function judgeStatement(crypto: Crypto, file: File, step: EvidenceStep): Promise<Judged> {
  if (step.state !== "stored" && step.state !== "accepted") throw unproven(`a statement proves no message ${step.state}`);
  if (file.digests.length === 0) throw unproven("the file names no digest");
  const missing = new Set(file.digests.map(hex));
  const numbers: number[] = [];
  const times: number[] = [];
  for (const content of contents(file, step, "stored")) {
    const { proof, digests } = storedProof.decode(content);
    const listed = split(digests);
    const verified = await withBundleOf(file, step.by, (bundle) => judgeAt(proof, bundle, crypto, step.by));
    if (!leafCovers(crypto.hash.sha256, verified.leaf, listed)) throw unproven("the digests are not those of the statement's leaf");
    for (const digest of listed) missing.delete(hex(digest));
    numbers.push(verified.statement.number);
    times.push(verified.statement.timeMs);
  }
  if (missing.size > 0) throw unproven(`${missing.size} of ${file.digests.length} parts are in no statement`);
  if (!times.includes(step.atMs)) throw unproven("no statement is of that time");
  const what = `signed statement${numbers.length > 1 ? "s" : ""} ${numbers.join(", ")}: on its disk`;
  if (step.state === "accepted" || (await isHome(crypto, file, step))) return { verdict: "proven", why: what };
  return { verdict: "claimed", why: `${what}; that it is the recipient's relay is the sender's word` };
}

async function judgeAt(proof: Bytes, bundle: Bytes, crypto: Crypto, relayIdRaw: Bytes): ReturnType<typeof verifyStatementProof> {
  const { timeMs } = statement.decode(statementProof.decode(proof).statement);
  return await verifyStatementProof(crypto, await verifyBundle(crypto, bundle, timeMs, relayIdRaw), proof);
}

/** Whether the recipient's own record names the relay of `step` as its home at that time. */
async function isHome(crypto: Crypto, { said, bundles }: File, step: EvidenceStep): Promise<boolean> {
  for (const bundle of bundles.get(hex(said.to)) ?? []) {
    const identity = await verifyBundle(crypto, bundle, step.atMs, said.to).catch(() => undefined);
    if (identity?.homes.some(({ relayId }) => equalBytes(relayId, step.by))) return true;
  }
  return false;
}

async function judgeNotice(crypto: Crypto, file: File, step: EvidenceStep, holders: ReadonlySet<string>): Promise<Judged> {
  const { said, digests } = file;
  const [body] = contents(file, step, "notice");
  if (body === undefined) throw unproven("the notice is missing");
  const notice = await withBundleOf(
    file,
    step.by,
    async (bundle) => await verifyNotice({ crypto, relay: await verifyBundle(crypto, bundle, step.atMs, step.by), body }),
  );
  const digest = digests[notice.seq - said.seq];
  const isOurs = equalBytes(notice.stream, said.stream) && equalBytes(notice.to, said.to) && digest !== undefined;
  if (!isOurs || !equalBytes(notice.digest, digest)) throw unproven("the notice is about another message");
  if (NOTICE_OUTCOMES[notice.outcome] !== step.state || notice.timeMs !== step.atMs) throw unproven("the notice says something else");
  const isRelay = holders.has(hex(step.by)) || (await isHome(crypto, file, step));
  const binds = notice.seq === said.seq;
  if (isRelay) return { verdict: "proven", why: "signed notice", binds };
  return { verdict: "claimed", why: "signed notice; that this relay had the message is the sender's word", binds };
}

async function judgeReceipt(crypto: Crypto, file: File, step: EvidenceStep): Promise<Judged> {
  const { said, digests } = file;
  const [content] = contents(file, step, "receipt");
  if (content === undefined) throw unproven("the receipt is missing");
  if (!equalBytes(step.by, said.to)) throw unproven("the receipt is not of the recipient");
  const signed = signedReceipt.decode(content);
  const judged = await withBundleOf(file, step.by, async (bundle) => await readReceipt(crypto, bundle, step, signed));
  const { inner } = judged;
  if (inner.class !== "receipt" || !equalBytes(inner.to, said.from)) throw unproven("the receipt was not written to the sender");
  const entry = receipt.decode(judged.content).entries.find((each) => each.seq === said.seq && equalBytes(each.stream, said.stream));
  if (entry === undefined || digests[0] === undefined || !equalBytes(entry.digest, digests[0]))
    throw unproven("the receipt does not name this message");
  if (entry.outcome !== step.state || entry.atMs !== step.atMs) throw unproven(`the receipt says ${entry.outcome}`);
  const words = entry.outcome === "done" ? "" : `: ${entry.code}${entry.why === "" ? "" : `, ${entry.why}`}`;
  return { verdict: "proven", why: `receipt signed by the recipient${words}`, binds: true };
}

/** The certificate is judged at the time the receipt names. */
async function readReceipt(
  crypto: Crypto,
  bundle: Bytes,
  step: EvidenceStep,
  signed: ReturnType<typeof signedReceipt.decode>,
): ReturnType<typeof verifySignedPlaintext> {
  return await verifySignedPlaintext(crypto, await verifyBundle(crypto, bundle, step.atMs, step.by), signed);
}

async function judgeConflict(crypto: Crypto, file: File, place: number): Promise<ConflictFinding> {
  let relay: AgentId | undefined;
  try {
    const item = file.items[place];
    if (item?.kind !== "conflict") throw unproven("no conflict is there");
    const pair = statementConflict.decode(item.content);
    const first = statement.decode(pair.first);
    const second = statement.decode(pair.second);
    relay = agentIdText(first.relayId);
    if (!equalBytes(first.relayId, second.relayId)) throw unproven("they are of two relays");
    await verifyStatement(crypto, file, first, pair.first, pair.firstSignature);
    await verifyStatement(crypto, file, second, pair.second, pair.secondSignature);
    const isDouble = first.number === second.number && !equalBytes(pair.first, pair.second);
    const isBroken = second.number === first.number + 1 && !equalBytes(second.previous, crypto.hash.sha256(pair.first));
    if (!isDouble && !isBroken) throw unproven("both can be true");
    const why = isDouble
      ? `two signed statements with number ${first.number}`
      : `statement ${second.number} does not follow from ${first.number}`;
    return { relay, numbers: [first.number, second.number], verdict: "proven", why };
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    return { relay, numbers: [], verdict: "not-proven", why: error.message };
  }
}

async function verifyStatement(
  crypto: Crypto,
  file: File,
  said: ReturnType<typeof statement.decode>,
  encoded: Bytes,
  signature: Bytes,
): Promise<void> {
  await withBundleOf(file, said.relayId, async (bundle) => {
    const relay = await verifyBundle(crypto, bundle, said.timeMs, said.relayId);
    certifiedInstance(relay, await signerOf(crypto, relay, toBeSigned("statement", encoded), signature), "relay", said.timeMs);
  });
}

async function signerOf(crypto: Crypto, identity: VerifiedIdentity, signed: Bytes, signature: Bytes): Promise<Bytes> {
  for (const { instanceKey } of identity.certificates)
    if (await crypto.signatures.verify(instanceKey, signed, signature)) return instanceKey;
  throw new PerdureError("bad-signature", `no instance of ${identity.id} signed this`);
}

/** The file says no time of its own making: any instance the sender ever certified for mail may have signed it. */
async function refuseUnsigned(crypto: Crypto, file: File, encoded: Bytes, signature: Bytes): Promise<void> {
  const signed = toBeSigned("evidence", encoded);
  try {
    await withBundleOf(file, file.said.from, async (bundle) => {
      const sender = await readIdentity(crypto, bundle, newestCertificateMs(bundle), file.said.from);
      const key = await signerOf(crypto, sender, signed, signature);
      const own = sender.certificates.filter((each) => equalBytes(each.instanceKey, key) && each.scopes.includes("mail"));
      if (!own.some((each) => each.notBeforeMs <= each.validUntilMs))
        throw new PerdureError("bad-signature", "the key that signed is not certified for mail");
    });
  } catch (cause) {
    if (!isPerdureError(cause)) throw cause;
    throw new PerdureError("not-proven", `the file is not what ${agentIdText(file.said.from)} signed: ${cause.message}`, {
      hint: "It was changed, or somebody else made it. Ask for it again.",
      cause,
    });
  }
}

/** A time at which the newest certificate of a bundle is in force. */
function newestCertificateMs(bundle: Bytes): number {
  const begins = identityBundle
    .decode(bundle)
    .certificates.map((each) => certificate.decode(signedCertificate.decode(each).certificate).notBeforeMs);
  return Math.max(0, ...begins);
}

async function readBundles(
  crypto: Crypto,
  items: readonly EvidenceItem[],
): Promise<{ readonly bundles: ReadonlyMap<string, readonly Bytes[]>; readonly parties: readonly Party[] }> {
  const bundles = new Map<string, readonly Bytes[]>();
  const parties = new Map<string, Party>();
  for (const { kind, content } of items) {
    if (kind !== "bundle") continue;
    const identity = await readIdentity(crypto, content, newestCertificateMs(content)).catch((cause: unknown) => {
      if (!isPerdureError(cause)) throw cause;
      throw new PerdureError("not-proven", `an identity in the file does not verify: ${cause.message}`, { cause });
    });
    const key = hex(identity.idRaw);
    bundles.set(key, [...(bundles.get(key) ?? []), content]);
    parties.set(key, {
      id: identity.id,
      name: identity.name,
      isRelay: identity.certificates.some(({ scopes }) => scopes.includes("relay")),
      homes: identity.homes.map(({ relayId, url }) => ({ relayId: agentIdText(relayId), url })),
    });
  }
  return { bundles, parties: [...parties.values()] };
}

/** As `work` does with the first of an identity's bundles that it can be done with; the last failure when there is none. */
async function withBundleOf<Value>({ bundles }: File, idRaw: Bytes, work: (bundle: Bytes) => Promise<Value>): Promise<Value> {
  let failure: PerdureError = unproven(`the identity of ${idRaw.length === 0 ? "the signer" : agentIdText(idRaw)} is missing`);
  for (const bundle of bundles.get(hex(idRaw)) ?? []) {
    try {
      return await work(bundle);
    } catch (error) {
      if (!isPerdureError(error)) throw error;
      failure = error;
    }
  }
  throw failure;
}

function contents({ items }: File, step: EvidenceStep, kind: EvidenceItem["kind"]): readonly Bytes[] {
  return step.items.flatMap((place) => {
    const item = items[place];
    if (item === undefined) throw unproven("a proof is missing");
    return item.kind === kind ? [item.content] : [];
  });
}

function split(digests: Bytes): readonly Bytes[] {
  return Array.from({ length: Math.floor(digests.length / DIGEST_BYTES) }, (_, index) =>
    digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
  );
}

function unproven(why: string): PerdureError {
  return new PerdureError("not-proven", why);
}
