/** Evidence whose truth is known beside its judgement: what was signed is signed, or one thing of it is not as it is said to be. */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { type EvidenceReport, type Verdict, verifyEvidence } from "../../packages/perdure/src/protocol/evidence/verify-evidence.ts";
import { type Bytes, compareBytes, concat, EMPTY, hex } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { type EvidenceKind, type EvidenceStep, evidence, evidenceItem, signedEvidence } from "../../packages/perdure/src/wire/evidence.ts";
import { identityBundle, signedCertificate, toBeSigned } from "../../packages/perdure/src/wire/identity.ts";
import { messageIdText } from "../../packages/perdure/src/wire/ids.ts";
import {
  CONFLICTS,
  type ConflictKind,
  conflictOf,
  LATE_MS,
  noticeBy,
  type Parties,
  type PartyName,
  partiesOf,
  receiptBy,
  storedBy,
} from "./evidence-maker.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

interface Claim {
  readonly proof: EvidenceStep["proof"];
  readonly state: EvidenceStep["state"];
  readonly by: PartyName | "self";
  /** How the parts are spread over statements; of a notice, which part it is about. */
  readonly groups: "one" | "each" | "missing";
  readonly part: number;
  readonly wrong: string | undefined;
}

interface Step {
  readonly parts: number;
  readonly claims: readonly Claim[];
  readonly conflicts: readonly { readonly kind: ConflictKind | "elsewhere" | "nowhere"; readonly by: "near" | "far" }[];
  /** Whose identity is not in the file. */
  readonly absent: readonly PartyName[];
  readonly to: "desk" | "nobody";
  readonly file: "format" | "newer" | "older" | "cut" | "signer" | "bundle" | "forged" | "flip" | undefined;
  readonly at: number;
}

const FILES = 6;
const WRONG: Readonly<Record<string, readonly string[]>> = {
  none: [],
  statement: ["leaf", "path", "signature", "relay", "time", "late", "place", "kind"],
  notice: ["to", "stream", "digest", "outcome", "time", "missing", "signature", "relay", "late", "beyond"],
  receipt: ["to", "stream", "seq", "digest", "outcome", "time", "missing", "signature", "plaintext", "class", "late"],
};
const SEQ = 3;
const PROOFS = ["none", "statement", "statement", "notice", "receipt"] as const;

export const evidenceRoom: Room<Step> = {
  name: "evidence",
  about: "the judgement of evidence whose truth is known",
  draw: (draws) => Array.from({ length: FILES }, () => drawFile(draws)),
  run: async (steps, tools) => {
    const parties = await partiesOf(tools.hash);
    for (const step of steps) await judgeFile(parties, step, tools);
  },
};

function some<Item>(draws: Draws, from: readonly Item[]): Item {
  return from[draws.below(from.length)] as Item;
}

function drawFile(draws: Draws): Step {
  const relay = (): "near" | "far" => some(draws, ["near", "far"]);
  const claim = (): Claim => {
    const proof = some(draws, PROOFS);
    const isOdd = draws.chance(0.1);
    const by =
      proof === "receipt"
        ? isOdd
          ? "mallory"
          : "desk"
        : proof === "none"
          ? some(draws, ["self", "near", "desk"] as const)
          : isOdd
            ? "mallory"
            : relay();
    const states = {
      none: ["queued", "accepted", "working"],
      statement: ["stored", "accepted", "stored", "accepted", "done"],
      notice: ["expired", "lost"],
      receipt: ["done", "refused", "failed"],
    } as const;
    return {
      proof,
      state: some<EvidenceStep["state"]>(draws, states[proof]),
      by,
      groups: some(draws, ["one", "one", "each", "missing"] as const),
      part: draws.below(3),
      wrong: draws.chance(0.45) ? some(draws, WRONG[proof] as readonly string[]) : undefined,
    };
  };
  const kinds = [...CONFLICTS, "elsewhere", "nowhere"] as const;
  return {
    parts: draws.chance(0.1) ? 0 : 1 + draws.below(3),
    claims: Array.from({ length: draws.below(6) }, claim),
    conflicts: Array.from({ length: draws.chance(0.4) ? 1 + draws.below(2) : 0 }, () => ({ kind: some(draws, kinds), by: relay() })),
    absent: draws.chance(0.25) ? [some(draws, ["anna", "desk", "near", "far"] as const)] : [],
    to: draws.chance(0.1) ? "nobody" : "desk",
    file: draws.chance(0.2) ? some(draws, ["format", "newer", "older", "cut", "signer", "bundle", "forged", "flip"] as const) : undefined,
    at: draws.u32(),
  };
}

async function judgeFile(parties: Parties, step: Step, tools: RoomTools): Promise<void> {
  const { crypto, nowMs, own } = parties;
  const stream = new Uint8Array(8).fill(5);
  const digests = Array.from({ length: step.parts }, (_, nth) => new Uint8Array(16).fill(nth + 1));
  const items = new Map<string, Bytes>();
  const add = (kind: EvidenceKind, content: Bytes): string => {
    const bytes = evidenceItem.encode({ kind, content });
    const name = hex(crypto.hash.sha256(bytes));
    items.set(name, bytes);
    return name;
  };
  const has = (name: PartyName): boolean => !step.absent.includes(name);
  for (const name of ["anna", "desk", "near", "far", "mallory"] as const) if (has(name)) add("bundle", own[name].bundle());

  /** Steps as the file says them, with the names of their items, and what is true of each. */
  const said: {
    readonly step: Omit<EvidenceStep, "items">;
    readonly names: readonly string[];
    readonly verdict: Verdict;
    readonly binds: boolean;
  }[] = [];
  const holders = new Set<PartyName>();
  for (const [nth, claim] of step.claims.entries()) {
    const made = await claimOf(parties, { claim, nth, stream, digests, to: step.to }, tools);
    const { by } = claim;
    const isThere = by === "self" || has(by);
    const isHome = by === "far" && step.to === "desk" && has("desk");
    const isProven = made.isTrue && isThere;
    const verdict: Verdict =
      claim.proof === "none"
        ? "claimed"
        : !isProven
          ? "not-proven"
          : claim.proof === "receipt" ||
              claim.state === "accepted" ||
              isHome ||
              (claim.proof === "notice" && by !== "self" && holders.has(by))
            ? "proven"
            : "claimed";
    if (claim.proof === "statement" && verdict === "proven" && by !== "self") holders.add(by);
    const names = made.items.map(({ kind, content }) => add(kind, content));
    const names1 = claim.wrong === "place" ? [...names, "not there"] : names;
    said.push({
      step: { state: claim.state, atMs: made.atMs, by: by === "self" ? EMPTY : own[by].idRaw, proof: claim.proof },
      names: names1,
      verdict,
      binds: made.binds && verdict === "proven",
    });
  }
  const conflicts: { readonly name: string; readonly kind: string; readonly by: "near" | "far"; readonly number: number }[] = [];
  for (const [nth, { kind, by }] of step.conflicts.entries()) {
    const number = 7 + nth * 10;
    const other = has("anna") ? add("bundle", own.anna.bundle()) : "not there";
    const name =
      kind === "elsewhere" ? other : kind === "nowhere" ? "not there" : add("conflict", await conflictOf(parties, kind, by, number));
    conflicts.push({ name, kind, by, number });
  }
  if (step.file === "bundle") add("bundle", own.near.bundle().slice(0, -1));
  if (step.file === "forged") add("bundle", forgedBundle(own.near.bundle()));

  const sorted = [...items].sort(([one], [other]) => (one < other ? -1 : 1));
  const placeOf = (name: string): number => {
    const place = sorted.findIndex(([each]) => each === name);
    return place < 0 ? sorted.length : place;
  };
  const encoded = evidence.encode({
    format: step.file === "format" ? "perdure story" : "perdure evidence",
    version: step.file === "newer" ? 2 : step.file === "older" ? 0 : 1,
    from: own.anna.idRaw,
    to: step.to === "desk" ? own.desk.idRaw : EMPTY,
    toName: "desk",
    stream,
    seq: SEQ,
    digests: step.file === "cut" ? new Uint8Array(15) : concat(...digests),
    sentAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
    steps: said.map((each) => ({ ...each.step, items: each.names.map(placeOf) })),
    items: sorted.map(([, bytes]) => bytes),
    conflicts: conflicts.map(({ name }) => placeOf(name)),
    extensions: [],
  });
  const signer = own[step.file === "signer" ? "mallory" : "anna"].instanceKey;
  const signature = await crypto.signatures.sign(signer, toBeSigned("evidence", encoded));
  const file = signedEvidence.encode({ evidence: encoded, signature });
  if (step.file === "flip") file[step.at % file.length] = (file[step.at % file.length] as number) ^ (1 << (step.at % 8));
  const [report, code] = await verifyEvidence(crypto, file).then(
    (found): [EvidenceReport, undefined] => [found, undefined],
    (error: unknown): [undefined, string] => {
      if (!isPerdureError(error)) throw error;
      return [undefined, error.code];
    },
  );
  const due = refusalOf(step, has("anna"));
  if (step.file === "flip") {
    if (report !== undefined) parted(`a bit of it is changed, and it is taken`);
    return;
  }
  if (code !== due) parted(`it is ${code ?? "taken"}, and not ${due ?? "taken"}`);
  if (report === undefined) return;

  const [found, wanted] = [report.steps.map(({ verdict }) => verdict).join(), said.map(({ verdict }) => verdict).join()];
  if (found !== wanted) parted(`its steps are ${found}, and not ${wanted}: ${report.steps.map(({ why }) => why).join("; ")}`);
  const shown = report.steps.map(({ state, atMs, by }) => `${state} ${atMs} ${by}`).join();
  const told = step.claims.map(({ state, by }, nth) => `${state} ${said[nth]?.step.atMs} ${by === "self" ? "self" : own[by].id}`).join();
  if (shown !== told) parted(`its steps are shown as ${shown}, and not ${told}`);
  const isLie = (kind: string): boolean => kind === "double" || kind === "broken";
  const judged = conflicts.map(({ kind, by, number }) => {
    const isProven = isLie(kind) && has(by);
    return `${isProven ? "proven" : "not-proven"} ${isProven ? [number, kind === "broken" ? number + 1 : number] : ""} ${kind.endsWith("where") ? undefined : own[by].id}`;
  });
  const judgedNow = report.conflicts.map(({ verdict, numbers, relay }) => `${verdict} ${numbers} ${relay}`);
  if (judgedNow.join() !== judged.join()) parted(`its conflicts are ${judgedNow.join()}, and not ${judged.join()}`);
  const isWhole = said.every(({ verdict }) => verdict !== "not-proven") && conflicts.every(({ kind, by }) => isLie(kind) && has(by));
  if (report.proven !== isWhole) parted(`it is ${report.proven ? "" : "not "}proven as a whole`);
  const binding = step.claims.findIndex((_, nth) => said[nth]?.binds === true);
  const by = step.claims[binding]?.by ?? "self";
  const boundBy = by === "self" ? undefined : own[by].id;
  if (report.boundBy !== boundBy) parted(`its digest is bound by ${report.boundBy}, and not by ${boundBy}`);
  compareFacts(parties, step, report, { stream, digests, order: sorted.map(([, bytes]) => bytes), has });
}

/** Why a file is not looked at any further. */
function refusalOf({ file }: Step, isSignerThere: boolean): string | undefined {
  if (file === "newer" || file === "older") return `needs-${file}-version`;
  if (file === "format" || file === "cut" || file === "bundle") return "malformed";
  return file === "signer" || file === "forged" || !isSignerThere ? "not-proven" : undefined;
}

/** With a certificate that its control key did not sign. */
function forgedBundle(bundle: Bytes): Bytes {
  const parts = identityBundle.decode(bundle);
  const certificates = parts.certificates.map((each) => {
    const signed = signedCertificate.decode(each);
    return signedCertificate.encode({ ...signed, signature: signed.signature.map((byte) => byte ^ 1) });
  });
  return identityBundle.encode({ ...parts, certificates });
}

interface Facts {
  readonly stream: Bytes;
  readonly digests: readonly Bytes[];
  readonly order: readonly Bytes[];
  readonly has: (name: PartyName) => boolean;
}

function compareFacts({ own, nowMs }: Parties, step: Step, report: EvidenceReport, { stream, digests, order, has }: Facts): void {
  const to = step.to === "desk" ? own.desk.id : undefined;
  const found = [report.id, report.from, report.to, report.toName, report.sentAtMs, report.expiresAtMs, ...report.digests];
  const due = [messageIdText(stream, SEQ), own.anna.id, to, "desk", nowMs, nowMs + 60_000, ...digests.map(hex)];
  if (found.join() !== due.join()) parted(`it is about ${found.join()}, and not ${due.join()}`);
  const names = (["anna", "desk", "mallory", "near", "far"] as const).filter(has);
  const bundles = order.map((bytes) => evidenceItem.decode(bytes)).filter(({ kind }) => kind === "bundle");
  const inOrder = bundles.map(({ content }) => names.find((name) => compareBytes(own[name].bundle(), content) === 0) as PartyName);
  const parties = report.parties.map(({ id, name, isRelay, homes }) =>
    [id, name, isRelay, ...homes.map(({ relayId, url }) => `${relayId} ${url}`)].join(" "),
  );
  const all = inOrder.map((name) =>
    [
      own[name].id,
      name === "desk" ? name : undefined,
      name === "near" || name === "far",
      ...(name === "desk" ? [`${own.far.id} ws://far/`] : []),
    ].join(" "),
  );
  if (parties.join() !== all.join()) parted(`its parties are ${parties.join()}, and not ${all.join()}`);
}

interface Wish {
  readonly claim: Claim;
  readonly nth: number;
  readonly stream: Bytes;
  readonly digests: readonly Bytes[];
  readonly to: Step["to"];
}

interface MadeClaim {
  readonly items: readonly { readonly kind: EvidenceKind; readonly content: Bytes }[];
  readonly atMs: number;
  /** Its signer says exactly this. */
  readonly isTrue: boolean;
  readonly binds: boolean;
}

async function claimOf(parties: Parties, wish: Wish, tools: RoomTools): Promise<MadeClaim> {
  const { claim, nth } = wish;
  const { nowMs } = parties;
  const { wrong } = claim;
  const signedMs = nowMs + 10 + nth + (wrong === "late" ? LATE_MS : 0);
  const atMs = wrong === "time" ? signedMs + 1 : signedMs;
  if (claim.by === "self" || claim.proof === "none") return { items: [], atMs, isTrue: true, binds: false };
  const by = claim.by;
  if (claim.proof === "statement") return { ...(await statementClaim(parties, wish, by, signedMs)), atMs };
  if (claim.proof === "notice") return { ...(await noticeClaim(parties, wish, by, signedMs)), atMs };
  return { ...(await receiptClaim(parties, wish, by, signedMs, tools)), atMs };
}

async function statementClaim(
  parties: Parties,
  { claim, nth, digests }: Wish,
  by: PartyName,
  timeMs: number,
): Promise<Omit<MadeClaim, "atMs">> {
  const { wrong, groups } = claim;
  const parts = groups === "each" ? digests.map((digest) => [digest]) : [groups === "missing" ? digests.slice(1) : digests];
  const isWrong = wrong === "leaf" || wrong === "path" || wrong === "signature" || wrong === "relay";
  const items: { kind: EvidenceKind; content: Bytes }[] = [];
  for (const [at, group] of parts.entries()) {
    const content = await storedBy(parties, {
      by,
      digests: group,
      number: 20 + nth * 5 + at,
      // The first is of the time that the step names.
      timeMs: timeMs + at * 1000,
      wrong: isWrong && at === parts.length - 1 ? (wrong as "leaf") : undefined,
    });
    items.push({ kind: wrong === "kind" ? "notice" : "stored", content });
  }
  const isWhole = digests.length > 0 && groups !== "missing";
  const isOfState = claim.state === "stored" || claim.state === "accepted";
  return { items, binds: false, isTrue: wrong === undefined && isWhole && isOfState && by !== "mallory" };
}

async function noticeClaim(
  parties: Parties,
  { claim, stream, digests, to }: Wish,
  by: PartyName,
  timeMs: number,
): Promise<Omit<MadeClaim, "atMs">> {
  const { wrong } = claim;
  const part = wrong === "beyond" ? digests.length : Math.min(claim.part, Math.max(0, digests.length - 1));
  const outcome = claim.state === "expired" ? 0 : 1;
  const digest = digests[part] ?? new Uint8Array(16);
  const content = await noticeBy(parties, {
    by,
    outcome: wrong === "outcome" ? 1 - outcome : outcome,
    to: parties.own[wrong === "to" ? "mallory" : "desk"].idRaw,
    stream: wrong === "stream" ? new Uint8Array(8) : stream,
    seq: SEQ + part,
    digest: wrong === "digest" ? digest.map((byte) => byte ^ 1) : digest,
    timeMs,
    wrong: wrong === "signature" || wrong === "relay" ? wrong : undefined,
  });
  const isTrue = wrong === undefined && digests.length > 0 && to === "desk" && by !== "mallory";
  return { items: wrong === "missing" ? [] : [{ kind: "notice", content }], isTrue, binds: part === 0 };
}

async function receiptClaim(
  parties: Parties,
  { claim, stream, digests, to }: Wish,
  by: PartyName,
  atMs: number,
  tools: RoomTools,
): Promise<Omit<MadeClaim, "atMs">> {
  const { wrong, state } = claim;
  const digest = digests[0] ?? new Uint8Array(16);
  const outcome = state === "done" || state === "refused" || state === "failed" ? state : "done";
  const content = await receiptBy(
    parties,
    {
      by,
      to: wrong === "to" ? "mallory" : "anna",
      entry: {
        stream: wrong === "stream" ? new Uint8Array(8) : stream,
        seq: wrong === "seq" ? SEQ + 1 : SEQ,
        outcome: wrong === "outcome" ? (outcome === "done" ? "failed" : "done") : outcome,
        digest: wrong === "digest" ? digest.map((byte) => byte ^ 1) : digest,
        atMs,
      },
      wrong: wrong === "signature" || wrong === "plaintext" || wrong === "class" ? wrong : undefined,
    },
    tools.draws(`receipt ${atMs}`),
  );
  const isTrue = wrong === undefined && digests.length > 0 && to === "desk" && by === "desk";
  return { items: wrong === "missing" ? [] : [{ kind: "receipt", content }], isTrue, binds: true };
}
