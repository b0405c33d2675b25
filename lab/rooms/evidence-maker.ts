/** Whoever signs something about a message, and what they sign: true, or with one thing wrong. */
import type { Crypto, Hash } from "../../packages/perdure/src/host/crypto.ts";
import { createDraws, type Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { createIdentity, openPart, sealPart, signNotice, verifyBundle } from "../../packages/perdure/src/identity/index.ts";
import type { OwnIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { createMerkleTree } from "../../packages/perdure/src/protocol/delivery/merkle.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { type Bytes, concat, EMPTY } from "../../packages/perdure/src/wire/bytes.ts";
import { signedReceipt, statementConflict, storedProof } from "../../packages/perdure/src/wire/evidence.ts";
import { toBeSigned } from "../../packages/perdure/src/wire/identity.ts";
import { RECEIPT_CONTENT_TYPE, type ReceiptEntry, receipt } from "../../packages/perdure/src/wire/sealed.ts";
import { statement, statementProof, storedLeaf } from "../../packages/perdure/src/wire/statement.ts";
import { headOver } from "../../packages/perdure/src/wire/test-sealed-head.ts";
import { createFolderMachine } from "./folder-machine.ts";

export type PartyName = "anna" | "desk" | "mallory" | "near" | "far";

export interface Parties {
  readonly crypto: Crypto;
  readonly nowMs: number;
  readonly own: Readonly<Record<PartyName, OwnIdentity>>;
}

/** Long after every certificate. */
export const LATE_MS = 20 * 365 * 86_400_000;

/** The same people for every seed, so that a visit costs what it looks at and not what it takes to make them. */
const MADE = new WeakMap<Hash, Promise<Parties>>();

/** Anna writes to desk, who lives at far; near is Anna's relay; mallory is an agent of neither. */
export function partiesOf(hash: Hash): Promise<Parties> {
  const made = MADE.get(hash) ?? createParties(hash, createDraws("parties of the rooms"));
  MADE.set(hash, made);
  return made;
}

async function createParties(hash: Hash, draws: Draws): Promise<Parties> {
  const settings = createSettings();
  const machine = createFolderMachine(hash, draws);
  const { crypto } = machine.host;
  const nowMs = machine.clock.wallMs();
  const make = (name: PartyName, role: "mail" | "relay"): Promise<OwnIdentity> =>
    createIdentity({
      host: { ...createFolderMachine(hash, draws).host, crypto },
      folder: "home",
      role,
      custody: "together",
      settings,
      ...(name === "desk" ? { name } : {}),
    });
  const own = {
    anna: await make("anna", "mail"),
    desk: await make("desk", "mail"),
    mallory: await make("mallory", "mail"),
    near: await make("near", "relay"),
    far: await make("far", "relay"),
  };
  await own.desk.setHome({ relayId: own.far.idRaw, url: "ws://far/", preference: 0 }, nowMs);
  return { crypto, nowMs, own };
}

export interface StatementWish {
  readonly by: PartyName;
  readonly digests: readonly Bytes[];
  readonly number: number;
  readonly timeMs: number;
  readonly previous?: Bytes;
  readonly wrong?: "leaf" | "path" | "signature" | "relay" | undefined;
}

/** A stored proof of these digests, behind that of somebody else's. */
export async function storedBy({ crypto, own }: Parties, wish: StatementWish): Promise<Bytes> {
  const { sha256 } = crypto.hash;
  const listed = [new Uint8Array(16).fill(9), ...wish.digests];
  const inLeaf = wish.wrong === "leaf" ? listed.slice(0, -1) : listed;
  const leaf = storedLeaf.encode({
    sender: own.anna.idRaw,
    link: new Uint8Array(8),
    firstSeq: 1,
    lastSeq: listed.length,
    contents: sha256(concat(...inLeaf)),
  });
  const tree = createMerkleTree(sha256, [leaf, new Uint8Array(1)]);
  const encoded = statementBytes(own, { ...wish, root: wish.wrong === "path" ? new Uint8Array(32) : tree.root });
  const signer = wish.wrong === "signature" ? own.mallory : own[wish.by];
  const signature = await crypto.signatures.sign(signer.instanceKey, toBeSigned("statement", encoded));
  const proof = statementProof.encode({
    statement: encoded,
    signature,
    leaf,
    leafIndex: 0,
    path: tree.path(0),
    digests: EMPTY,
    writers: EMPTY,
  });
  return storedProof.encode({ proof, digests: concat(...listed) });
}

function statementBytes(own: Parties["own"], wish: Omit<StatementWish, "digests"> & { readonly root: Bytes }): Bytes {
  return statement.encode({
    version: 1,
    relayId: wish.wrong === "relay" ? own[wish.by === "far" ? "near" : "far"].idRaw : own[wish.by].idRaw,
    number: wish.number,
    previous: wish.previous ?? new Uint8Array(32),
    timeMs: wish.timeMs,
    leafCount: 2,
    root: wish.root,
    extensions: [],
  });
}

export interface NoticeWish {
  readonly by: PartyName;
  readonly outcome: number;
  readonly to: Bytes;
  readonly stream: Bytes;
  readonly seq: number;
  readonly digest: Bytes;
  readonly timeMs: number;
  readonly wrong?: "signature" | "relay" | undefined;
}

export async function noticeBy({ crypto, own }: Parties, { by, wrong, ...said }: NoticeWish): Promise<Bytes> {
  const relayId = own[wrong === "relay" ? (by === "far" ? "near" : "far") : by].idRaw;
  return await signNotice({
    crypto,
    own: wrong === "signature" ? own.mallory : own[by],
    notice: { ...said, version: 1, relayId, extensions: [] },
  });
}

export interface ReceiptWish {
  readonly by: PartyName;
  readonly to: PartyName;
  readonly entry: Omit<ReceiptEntry, "code" | "why" | "attempts">;
  readonly wrong?: "signature" | "plaintext" | "class" | undefined;
}

/** A receipt as its reader keeps it: what was sealed for him, opened. */
export async function receiptBy(parties: Parties, { by, to, entry, wrong }: ReceiptWish, draws: Draws): Promise<Bytes> {
  const { crypto, nowMs, own } = parties;
  const whole: ReceiptEntry = { ...entry, code: entry.outcome === "done" ? "" : "refused", why: "", attempts: 1 };
  const other = { ...whole, seq: whole.seq + 40 };
  const content = receipt.encode({ version: 1, entries: [other, whole], extensions: [] });
  const envelope = await sealPart({
    crypto,
    random: draws,
    own: own[by],
    recipient: await verifyBundle(crypto, own[to].bundle(), nowMs),
    class: wrong === "class" ? "mail" : "receipt",
    stream: new Uint8Array(8).fill(8),
    seq: 1,
    expiresAtMs: nowMs + 60_000,
    content,
    head: headOver(content, crypto.hash.sha256, {
      auto: true,
      contentType: RECEIPT_CONTENT_TYPE,
      sentAtMs: nowMs + 20,
      bundle: own[by].bundle(),
    }),
  });
  const { signed } = await openPart({ crypto, own: own[to], envelope, known: () => undefined, nowMs, storedAtMs: nowMs });
  const flipped = (bytes: Bytes): Bytes => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte));
  return signedReceipt.encode({
    ...signed,
    ...(wrong === "signature" ? { signature: flipped(signed.signature) } : {}),
    ...(wrong === "plaintext" ? { plaintext: flipped(signed.plaintext) } : {}),
  });
}

export const CONFLICTS = ["double", "broken", "follows", "same", "gap", "two-relays", "unsigned-first", "unsigned-second", "late"] as const;
export type ConflictKind = (typeof CONFLICTS)[number];

/** Two statements of a relay, and whether both can be true. */
export async function conflictOf({ crypto, own, nowMs }: Parties, kind: ConflictKind, by: "near" | "far", number: number): Promise<Bytes> {
  const timeMs = kind === "late" ? nowMs + LATE_MS : nowMs + 5;
  const first = statementBytes(own, { by, number, timeMs, root: new Uint8Array(32).fill(1) });
  const previous = kind === "follows" ? crypto.hash.sha256(first) : new Uint8Array(32);
  const isNext = kind === "broken" || kind === "follows";
  const second =
    kind === "same"
      ? first
      : statementBytes(own, {
          by: kind === "two-relays" ? (by === "far" ? "near" : "far") : by,
          number: isNext ? number + 1 : kind === "gap" ? number + 2 : number,
          timeMs,
          previous,
          root: new Uint8Array(32).fill(2),
        });
  const sign = (encoded: Bytes, isRight: boolean, signer = by): Promise<Bytes> =>
    crypto.signatures.sign(own[isRight ? signer : "mallory"].instanceKey, toBeSigned("statement", encoded));
  return statementConflict.encode({
    first,
    firstSignature: await sign(first, kind !== "unsigned-first"),
    second,
    secondSignature: await sign(second, kind !== "unsigned-second", kind === "two-relays" ? (by === "far" ? "near" : "far") : by),
  });
}
