/**
 * What becomes of the identity of a folder by each change, as `protocol/identity.md` has it: the table of its stages, what is written, what is
 * kept. Keys have no bytes here: an instance is known by its number.
 */
import type { Home } from "../../packages/perdure/src/wire/identity.ts";
import { keysUntilMs, knownOf, lineOf, type Made, type MadeBody, relationOf, sayingOf } from "./made-log.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** The settings as they are by themselves, milliseconds. */
export const LIVES = {
  certificate: 30 * DAY_MS,
  record: 90 * DAY_MS,
  oldKeys: 10 * MINUTE_MS,
  inboxUse: 7 * DAY_MS,
  inboxLeft: 37 * DAY_MS,
  early: 10 * MINUTE_MS,
};
const CERTIFICATES = 8;
const INBOX_SECRETS = 16;
const DESTROYED = 64;

export interface ModelCertificate {
  readonly instance: number;
  readonly beginsMs: number;
  readonly endsMs: number;
  readonly controlSeq: number;
  /** The event the keys behind it came into force with: a log without it does not bear it out. */
  readonly under: Made;
}

export interface Generation {
  readonly number: number;
  readonly madeAtMs: number;
  readonly destroyAtMs: number;
}

export interface Folder {
  readonly tip: Made;
  /** A log of others that outranks or contradicts its own. */
  readonly rival: Made | undefined;
  readonly custody: "together" | "split";
  readonly adoptedFrom: number | undefined;
  readonly homes: readonly Home[];
  readonly recordVersion: number;
  readonly recordUntilMs: number;
  readonly instance: number;
  /** Oldest first; the last is in use. */
  readonly certificates: readonly ModelCertificate[];
  readonly generations: readonly Generation[];
  /** Numbers of the generations whose keys were destroyed. */
  readonly destroyed: readonly number[];
}

export type Standing = "in-force" | "frozen" | "superseded" | "retired";
export type Stage = "draft" | "operating" | "compromised" | "suspended" | "superseded" | "retired";

export const isRetired = ({ said }: Made): boolean => said.kind === "retire";

export function standingOf({ tip, rival }: Pick<Folder, "tip" | "rival">): Standing {
  const relation = rival === undefined ? "same" : relationOf(tip, rival);
  if (relation === "forked") return "frozen";
  if (relation === "behind" || relation === "outranked") return "superseded";
  return isRetired(tip) ? "retired" : "in-force";
}

export function stageOf(folder: Folder): Stage {
  const standing = standingOf(folder);
  if (standing === "frozen") return "suspended";
  if (standing !== "in-force") return standing;
  return folder.homes.length > 0 ? "operating" : "draft";
}

const REFUSED = { suspended: "identity-forked", superseded: "instance-revoked", retired: "identity-retired" } as const;

/** The code with which the table of stages refuses a change; empty when it does not. */
export function refusedInStage(folder: Folder, change: "join" | "move" | "control" | "rotate" | "retire"): string {
  const stage = stageOf(folder);
  if (stage === "retired") return REFUSED.retired;
  if (change === "rotate") return "";
  if (stage === "superseded") return REFUSED.superseded;
  if (change === "retire") return "";
  if (stage === "suspended") return REFUSED.suspended;
  if (change === "join" && stage !== "draft") return "wrong-relay";
  return change === "move" && stage === "draft" ? "bad-argument" : "";
}

export function isRevoked(tip: Made, instance: Uint8Array): boolean {
  const revoked = sayingOf(undefined, tip)["revoked"] as readonly { readonly instanceKey: Uint8Array }[];
  return revoked.some(({ instanceKey }) => instanceKey.every((byte, index) => byte === instance[index]));
}

/** The only homes there may be, by a log. */
export const homesIn = (tip: Made): readonly Home[] | undefined => sayingOf(undefined, tip)["homes"] as readonly Home[] | undefined;

export const inForceAt = (tip: Made): Made =>
  lineOf(tip).findLast(({ said }) => said.kind === "rotate" || said.kind === "inception") as Made;

/** Those that a log bears out: it has the keys behind them. */
export const borneOut = (tip: Made, certificates: readonly ModelCertificate[]): readonly ModelCertificate[] =>
  certificates.filter(({ under, controlSeq }) => {
    const epoch = lineOf(tip).findLast(({ seq, said }) => seq <= controlSeq && (said.kind === "rotate" || said.kind === "inception"));
    return controlSeq <= tip.seq && epoch?.position === under.position;
  });

export function certified(folder: Folder, tip: Made, instance: number, nowMs: number): readonly ModelCertificate[] {
  const made = { instance, beginsMs: nowMs - LIVES.early, endsMs: nowMs + LIVES.certificate, controlSeq: tip.seq, under: inForceAt(tip) };
  return [...borneOut(tip, folder.certificates), made].slice(-CERTIFICATES);
}

/** The last moment at which what was signed under a certificate counts. */
export function holdsUntilMs(tip: Made, { endsMs, controlSeq }: ModelCertificate, instanceKey: Uint8Array): number {
  const from = lineOf(tip).findLast(({ seq, said }) => seq <= controlSeq && (said.kind === "rotate" || said.kind === "inception")) as Made;
  const revoked = (sayingOf(undefined, tip)["revoked"] as readonly { readonly instanceKey: Uint8Array; readonly voidFromMs: number }[])
    .filter((each) => each.instanceKey.every((byte, index) => byte === instanceKey[index]))
    .map(({ voidFromMs }) => voidFromMs - 1);
  return Math.min(endsMs, keysUntilMs(tip, from.seq) ?? endsMs, ...revoked);
}

export const said = (folder: Folder, nowMs: number): Pick<Folder, "recordVersion" | "recordUntilMs"> => ({
  recordVersion: folder.recordVersion + 1,
  recordUntilMs: nowMs + LIVES.record,
});

export function withoutDue(
  { generations, destroyed }: Pick<Folder, "generations" | "destroyed">,
  nowMs: number,
): Pick<Folder, "generations" | "destroyed"> {
  const surplus = generations.length - INBOX_SECRETS;
  const gone = generations.filter(({ destroyAtMs }, index) => index < surplus || (destroyAtMs !== 0 && destroyAtMs <= nowMs));
  return {
    generations: generations.filter((each) => !gone.includes(each)),
    destroyed: [...destroyed, ...gone.map(({ number }) => number)].slice(-DESTROYED),
  };
}

export function nextGeneration(
  folder: Pick<Folder, "generations" | "destroyed">,
  nowMs: number,
): Pick<Folder, "generations" | "destroyed"> {
  const before = folder.generations.map((each) => (each.destroyAtMs === 0 ? { ...each, destroyAtMs: nowMs + LIVES.inboxLeft } : each));
  const number = (folder.generations.at(-1)?.number ?? 0) + 1;
  return withoutDue({ generations: [...before, { number, madeAtMs: nowMs, destroyAtMs: 0 }], destroyed: folder.destroyed }, nowMs);
}

/** What is renewed when a folder is opened, or asked to; the second says whether others should see it. */
export function renewed(folder: Folder, nowMs: number, instanceRevoked: boolean): readonly [Folder, boolean] {
  const passed = (beginMs: number, endMs: number): boolean => nowMs < beginMs || nowMs >= beginMs + (endMs - beginMs) / 3;
  const destroyed = { ...folder, ...withoutDue(folder, nowMs) };
  if (standingOf(folder) !== "in-force" || instanceRevoked) return [destroyed, false];
  const certificate = folder.certificates.at(-1) as ModelCertificate;
  const isDue = passed(certificate.beginsMs, certificate.endsMs);
  const newest = folder.generations.at(-1) as Generation;
  const isWorn = nowMs < newest.madeAtMs || nowMs >= newest.madeAtMs + LIVES.inboxUse;
  if (!isDue && !isWorn && !passed(folder.recordUntilMs - LIVES.record - LIVES.early, folder.recordUntilMs)) return [destroyed, false];
  return [
    {
      ...folder,
      ...(isWorn ? nextGeneration(folder, nowMs) : withoutDue(folder, nowMs)),
      ...said(folder, nowMs),
      certificates: isDue ? certified(folder, folder.tip, folder.instance, nowMs) : folder.certificates,
    },
    true,
  ];
}

/** Which log a rotation or retirement follows: what outranks this folder's own, or contradicts one that has ended. */
export function baseOf(folder: Folder): Made {
  const standing = standingOf(folder);
  const isEnded = standing === "superseded" || (standing === "frozen" && isRetired(folder.tip));
  return isEnded && folder.rival !== undefined ? folder.rival : folder.tip;
}

/** A rival that the log continues or outranks is none any more. */
export function stillRival(tip: Made, rival: Made | undefined): Made | undefined {
  const relation = rival === undefined ? "same" : relationOf(tip, rival);
  return relation === "same" || relation === "continues" || relation === "outranks" ? undefined : rival;
}

/** The ends of the logs a folder shows: both of a fork when its own instance is of what they share, else its own. */
export function shownBy(folder: Folder): readonly Made[] {
  const { tip, rival, certificates } = folder;
  if (standingOf(folder) !== "frozen" || rival === undefined) return [tip];
  const { common, fork } = knownOf(new Set([tip, rival]));
  return fork !== undefined && borneOut(common, certificates.slice(-1)).length === 1 ? fork : [tip];
}

export type Adoption = "nothing" | "continued" | "superseded" | "forked";

/** What a folder makes of logs that others hold of its agent. */
export function adopted(folder: Folder, others: readonly Made[]): { readonly adoption: Adoption; readonly folder: Folder } {
  let adoption: Adoption = "nothing";
  let next = folder;
  for (const other of others) {
    const relation = relationOf(next.tip, other);
    if (relation === "same" || relation === "continues" || relation === "outranks") continue;
    if (relation === "behind" && other.position === folder.tip.position && !isRetired(other)) {
      next = { ...next, tip: other, rival: stillRival(other, next.rival), adoptedFrom: next.adoptedFrom ?? folder.tip.seq + 1 };
      adoption = "continued";
      continue;
    }
    const held = next.rival === undefined ? "behind" : relationOf(next.rival, other);
    if (held !== "behind" && held !== "outranked") continue;
    next = { ...next, rival: other };
    adoption = relation === "forked" ? "forked" : "superseded";
  }
  return { adoption, folder: next };
}

/** The body a rotation has that shall void from there on; `undefined` for one that cannot be. */
export function rotationOn(
  folder: Folder,
  wish: { readonly voidFromSeq: number | undefined; readonly untilMs: number },
): MadeBody | undefined {
  const next = baseOf(folder).seq + 1;
  const asked = wish.voidFromSeq ?? next;
  // What lies beyond what it follows is undone anyway.
  const voidFromSeq = asked <= folder.tip.seq + 1 ? Math.min(asked, next) : asked;
  return voidFromSeq < 1 || voidFromSeq > next ? undefined : { kind: "rotate", voidFromSeq, untilMs: wish.untilMs, salt: 0 };
}
