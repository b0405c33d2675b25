/**
 * An agent whose every event has a known maker, and the rules of `protocol/identity.md` once more, as short as they can be said. The bytes are
 * made here and not by what the product signs with, so that both are compared.
 */
import type { Crypto, SigningKey } from "../../packages/perdure/src/host/crypto.ts";
import { type Bytes, compareBytes, concat, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import {
  anchorBody,
  EVENT_KINDS,
  type Home,
  homeSetBody,
  type IdentityEvent,
  identityEvent,
  instanceRevokeBody,
  retireBody,
  rotateBody,
  signedEvent,
} from "../../packages/perdure/src/wire/identity.ts";

export const BEGINS_MS = 1_000_000_000;
/** Keys of each chain: more than a log of a room reveals. */
const CHAIN = 24;
const NOTHING: Bytes = new Uint8Array();

export type MadeBody =
  | { readonly kind: "inception" }
  | { readonly kind: "rotate"; readonly voidFromSeq: number; readonly untilMs: number; readonly salt: number }
  | { readonly kind: "instance-revoke"; readonly instance: Bytes; readonly voidFromMs: number; readonly reason: string }
  | { readonly kind: "home-set"; readonly homes: readonly Home[] }
  | { readonly kind: "anchor"; readonly root: Bytes; readonly about: string }
  | { readonly kind: "retire"; readonly untilMs: number; readonly successor: Bytes; readonly reason: string };

/** An event that was made, on the one it names. */
export interface Made {
  readonly before: Made | undefined;
  readonly seq: number;
  readonly said: MadeBody;
  readonly claimedAtMs: number;
  /** How many of the committed keys the log has revealed with it. */
  readonly position: number;
  readonly event: IdentityEvent;
  readonly encoded: Bytes;
  readonly hash: Bytes;
  /** The same event as different keys signed it, the first by as few as may. */
  readonly signed: Bytes[];
}

export interface Owner {
  readonly idRaw: Bytes;
  readonly inception: Made;
  readonly threshold: number;
  /** Control keys once so many were revealed: 0 for those of the inception. */
  keysAt(position: number): readonly SigningKey[];
  commitmentsAt(position: number): readonly Bytes[];
  saltOf(salt: number): Bytes;
  /** The fields of an event of that kind on `before`, as the protocol has them. */
  fieldsOf(before: Made, said: MadeBody, claimedAtMs: number): IdentityEvent;
  /** Signed with those of the event's own control keys. */
  sign(event: IdentityEvent, keys: readonly SigningKey[], indexes: readonly number[]): Promise<Bytes>;
  make(before: Made, said: MadeBody, claimedAtMs: number, skips: number): Promise<Made>;
  /** Which of so many keys sign: as many as the threshold asks for, from the one after `skips` on. */
  signersAt(position: number, skips: number): readonly number[];
}

export async function createOwner(
  crypto: Crypto,
  name: string,
  shape: { readonly first: number; readonly firstThreshold: number; readonly next: number; readonly nextThreshold: number },
): Promise<Owner> {
  const { hash, signatures } = crypto;
  const seedOf = (what: string): Bytes => hash.sha256(utf8(`${name} ${what}`));
  const keys: SigningKey[][] = [[]];
  for (let index = 0; index < shape.first; index++) keys[0]?.push(await signatures.load(seedOf(`control ${index}`)));
  for (let position = 1; position <= CHAIN; position++) {
    const here: SigningKey[] = [];
    for (let index = 0; index < shape.next; index++) here.push(await signatures.load(seedOf(`next ${index} at ${position}`)));
    keys.push(here);
  }
  const commitments: Bytes[][] = [];
  commitments[CHAIN + 1] = Array.from({ length: shape.next }, () => new Uint8Array(32));
  for (let position = CHAIN; position >= 1; position--)
    commitments[position] = (keys[position] ?? []).map(({ publicKey }, index) =>
      hash.sha256(concat(utf8("perdure/next-key/1"), publicKey, commitments[position + 1]?.[index] ?? NOTHING)),
    );
  const keysAt = (position: number): readonly SigningKey[] => keys[position] ?? [];
  const commitmentsAt = (position: number): readonly Bytes[] => commitments[position] ?? [];
  const saltOf = (salt: number): Bytes => seedOf(`salt ${salt}`);
  const thresholdAt = (position: number): number => (position === 0 ? shape.firstThreshold : shape.nextThreshold);
  const common = { version: 1, witnessThreshold: 0, witnesses: [], extensions: [], nextThreshold: shape.nextThreshold };
  const recoveryOf = (salt: number): Bytes => hash.sha256(concat(utf8("perdure/recovery/1"), saltOf(salt)));

  const written = new Map<string, Made>();

  const sign: Owner["sign"] = async (event, own, indexes) => {
    const encoded = identityEvent.encode(event);
    const list = [];
    for (const keyIndex of indexes)
      list.push({ keyIndex, signature: await signatures.sign(own[keyIndex] as SigningKey, concat(utf8("perdure/event/1"), encoded)) });
    return signedEvent.encode({ event: encoded, signatures: list });
  };
  const fieldsOf: Owner["fieldsOf"] = (before, said, claimedAtMs) => {
    const position = before.position + (revealsKeys(said) ? 1 : 0);
    return {
      ...common,
      kind: EVENT_KINDS.indexOf(said.kind),
      agentId: idRaw,
      seq: before.seq + 1,
      previous: before.hash,
      controlKeys: keysAt(position).map(({ publicKey }) => publicKey),
      controlThreshold: thresholdAt(position),
      nextCommitments: commitmentsAt(position + 1),
      recoveryCommitment: said.kind === "rotate" ? recoveryOf(said.salt) : before.event.recoveryCommitment,
      body: bodyOf(said),
      claimedAtMs,
    };
  };
  const signersAt: Owner["signersAt"] = (position, skips) => {
    const count = keysAt(position).length;
    const from = skips % (count - thresholdAt(position) + 1);
    return Array.from({ length: thresholdAt(position) }, (_, index) => from + index);
  };
  const make: Owner["make"] = async (before, said, claimedAtMs, skips) => {
    const event = fieldsOf(before, said, claimedAtMs);
    const encoded = identityEvent.encode(event);
    const position = before.position + (revealsKeys(said) ? 1 : 0);
    const signed = [await sign(event, keysAt(position), signersAt(position, skips))];
    const made = { before, seq: before.seq + 1, said, claimedAtMs, position, event, encoded, hash: hash.sha256(encoded), signed };
    // Who says the same again on the same event writes the same event.
    const again = written.get(hex(made.hash)) ?? made;
    written.set(hex(made.hash), again);
    return again;
  };
  const first: IdentityEvent = {
    ...common,
    kind: 1,
    agentId: NOTHING,
    seq: 0,
    previous: new Uint8Array(32),
    controlKeys: keysAt(0).map(({ publicKey }) => publicKey),
    controlThreshold: shape.firstThreshold,
    nextCommitments: commitmentsAt(1),
    recoveryCommitment: recoveryOf(0),
    body: NOTHING,
    claimedAtMs: BEGINS_MS,
  };
  const encoded = identityEvent.encode(first);
  const idRaw = hash.sha256(concat(utf8("perdure/agent-id/1"), encoded));
  const inception: Made = {
    before: undefined,
    seq: 0,
    said: { kind: "inception" },
    claimedAtMs: BEGINS_MS,
    position: 0,
    event: first,
    encoded,
    hash: hash.sha256(encoded),
    signed: [await sign(first, keysAt(0), signersAt(0, 0))],
  };
  return { idRaw, inception, threshold: shape.nextThreshold, keysAt, commitmentsAt, saltOf, fieldsOf, sign, make, signersAt };
}

export const mayReveal = ({ position }: Made): boolean => position < CHAIN - 1;
export const revealsKeys = ({ kind }: MadeBody): boolean => kind === "rotate" || kind === "retire";
const isControl = ({ kind }: MadeBody): boolean => kind === "instance-revoke" || kind === "home-set" || kind === "anchor";

function bodyOf(said: MadeBody): Bytes {
  const extensions = [] as const;
  switch (said.kind) {
    case "inception":
      return NOTHING;
    case "rotate":
      return rotateBody.encode({ voidFromSeq: said.voidFromSeq, oldKeysUntilMs: said.untilMs, extensions });
    case "instance-revoke":
      return instanceRevokeBody.encode({ instanceKey: said.instance, voidFromMs: said.voidFromMs, reason: said.reason, extensions });
    case "home-set":
      return homeSetBody.encode({ homes: said.homes, extensions });
    case "anchor":
      return anchorBody.encode({ root: said.root, about: said.about, extensions });
    case "retire":
      return retireBody.encode({ successor: said.successor, reason: said.reason, oldKeysUntilMs: said.untilMs, extensions });
  }
}

/** The log that ends with an event, oldest first. */
export function lineOf(last: Made): readonly Made[] {
  const line: Made[] = [];
  for (let each: Made | undefined = last; each !== undefined; each = each.before) line.unshift(each);
  return line;
}

export const logOf = (last: Made): readonly Bytes[] => lineOf(last).map(({ signed }) => signed[0] as Bytes);

/** What a log says, in the fields of the product's `LogState`. */
export function sayingOf(owner: Pick<Owner, "idRaw"> | undefined, last: Made): Readonly<Record<string, unknown>> {
  const line = lineOf(last);
  // A rotation voids what its keys' thief may have said before it.
  const isVoided = ({ said, seq }: Made): boolean =>
    isControl(said) && line.some((each) => each.said.kind === "rotate" && each.seq > seq && each.said.voidFromSeq <= seq);
  const counts = line.filter((each) => !isVoided(each));
  const bodies = <Kind extends MadeBody["kind"]>(kind: Kind): readonly (Made & { said: Extract<MadeBody, { kind: Kind }> })[] =>
    counts.filter((each) => each.said.kind === kind) as (Made & { said: Extract<MadeBody, { kind: Kind }> })[];
  const homes = bodies("home-set").at(-1)?.said.homes ?? [];
  const end = bodies("retire").at(-1);
  const { event } = last;
  return {
    idRaw: owner?.idRaw,
    head: last.hash,
    seq: last.seq,
    sizeBytes: line.reduce((sum, { signed }) => sum + (signed[0]?.length ?? 0), 0),
    controlKeys: event.controlKeys,
    controlThreshold: event.controlThreshold,
    nextCommitments: event.nextCommitments,
    nextThreshold: event.nextThreshold,
    recoveryCommitment: event.recoveryCommitment,
    events: line.map((each) => ({
      seq: each.seq,
      kind: each.said.kind,
      claimedAtMs: each.claimedAtMs,
      hash: each.hash,
      voided: isVoided(each),
    })),
    epochs: line
      .filter(({ said }) => said.kind === "inception" || said.kind === "rotate")
      .map((each) => ({ fromSeq: each.seq, controlKeys: each.event.controlKeys, untilMs: keysUntilMs(last, each.seq) })),
    revoked: bodies("instance-revoke").map(({ said, seq }) => ({
      instanceKey: said.instance,
      voidFromMs: said.voidFromMs,
      seq,
      reason: said.reason,
    })),
    homes: homes.length === 0 ? undefined : homes,
    anchors: bodies("anchor").map(({ said, seq, claimedAtMs }) => ({ root: said.root, about: said.about, seq, claimedAtMs })),
    retired:
      end === undefined
        ? undefined
        : {
            atMs: end.claimedAtMs,
            untilMs: end.said.untilMs,
            successor: end.said.successor.length === 0 ? undefined : end.said.successor,
            reason: end.said.reason,
          },
  };
}

/** Until when keys that came into force with event `fromSeq` hold, by the log that ends with `last`: what any later word leaves them. */
export function keysUntilMs(last: Made, fromSeq: number): number | undefined {
  const ends = lineOf(last).flatMap(({ seq, said }) =>
    (said.kind === "rotate" || said.kind === "retire") && seq > fromSeq ? [said.untilMs] : [],
  );
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** The first event of the keys in force at `seq`, and how many were revealed then. */
export function keysInForceAt(last: Made, seq: number): Made | undefined {
  if (seq > last.seq) return undefined;
  return lineOf(last).findLast((each) => each.seq <= seq && (each.said.kind === "rotate" || each.said.kind === "inception"));
}

/** What is known of an agent by who saw some logs of it: what all that count share, and a proof when two contradict each other. */
export interface Known {
  readonly common: Made;
  /** The last events of the two proofs, the lesser first. */
  readonly fork: readonly [Made, Made] | undefined;
}

/** Of all logs those count that reveal most keys; where they go on in different ways, the agent is frozen at what they share. */
export function knownOf(seen: ReadonlySet<Made>): Known {
  const all = new Set([...seen].flatMap((each) => lineOf(each)));
  const most = Math.max(...[...all].map(({ position }) => position));
  const tips = [...all].filter((each) => each.position === most && ![...all].some(({ before }) => before === each));
  const lines = tips.map(lineOf);
  const [some] = lines as [readonly Made[]];
  let length = 1;
  while (length < some.length && lines.every((line) => line[length] === some[length])) length++;
  const common = some[length - 1] as Made;
  if (tips.length === 1) return { common, fork: undefined };
  const least = new Map<Made, Made>();
  for (const line of lines) {
    const branch = line[length] as Made;
    const end = most === common.position ? branch : (line.find(({ position }) => position === most) as Made);
    const held = least.get(branch);
    if (held === undefined || order(end, held) < 0) least.set(branch, end);
  }
  const [one, other] = [...least.values()].sort(order) as [Made, Made];
  return { common, fork: [one, other] };
}

function order(a: Made, b: Made): number {
  if (a.seq !== b.seq) return a.seq - b.seq;
  const [mine, theirs] = [lineOf(a), lineOf(b)];
  const at = mine.findIndex((each, index) => each !== theirs[index]);
  return at < 0 ? 0 : compareBytes((mine[at] as Made).encoded, (theirs[at] as Made).encoded);
}

export type Relation = "same" | "continues" | "behind" | "outranks" | "outranked" | "forked";

/** What one log is to another. */
export function relationOf(a: Made, b: Made): Relation {
  const [mine, theirs] = [lineOf(a), lineOf(b)];
  if (a === b) return "same";
  if (mine.includes(b)) return "continues";
  if (theirs.includes(a)) return "behind";
  return a.position === b.position ? "forked" : a.position > b.position ? "outranks" : "outranked";
}

/** What somebody who knows `offered` shows to somebody who knows `held`, and both together know `joined`. */
export function relationOfKnown(offered: Known, held: Known, joined: Known): Relation {
  if (offered.fork === undefined && held.fork === undefined) return relationOf(offered.common, held.common);
  if (joined.fork === undefined) return joined.common === offered.common && offered.fork === undefined ? "outranks" : "outranked";
  if (sameFork(offered, joined) && sameFork(held, joined)) return "same";
  if (offered.fork !== undefined) return "forked";
  const toShared = relationOf(offered.common, joined.common);
  if (toShared === "same" || toShared === "behind") return "behind";
  return toShared === "continues" ? "forked" : "outranked";
}

const sameFork = (a: Known, b: Known): boolean => a.common === b.common && a.fork?.[0] === b.fork?.[0] && a.fork?.[1] === b.fork?.[1];
