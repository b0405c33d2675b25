/** Events that must not follow a log, each wrong in one way, and the code with which a verifier refuses it. */
import type { Crypto, SigningKey } from "../../packages/perdure/src/host/crypto.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import { type Bytes, concat, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { EVENT_KINDS, type IdentityEvent, identityEvent, rotateBody, signedEvent } from "../../packages/perdure/src/wire/identity.ts";
import type { Made, MadeBody, Owner } from "./made-log.ts";

export interface Forging {
  readonly crypto: Crypto;
  readonly owner: Owner;
  /** What it would follow: no retirement. */
  readonly before: Made;
  readonly stranger: SigningKey;
  readonly draws: Draws;
}

export interface Forged {
  readonly signed: Bytes;
  readonly code: string;
}

/** `undefined`: this log has nothing that could be wrong in that way. */
export type Forgery = (forging: Forging) => Promise<Forged | undefined>;

const ANCHOR: MadeBody = { kind: "anchor", root: new Uint8Array(32), about: "forged" };

/** An event of the keys in force with other fields, signed by them as ever. */
const control =
  (code: string, change: (event: IdentityEvent, forging: Forging) => Partial<IdentityEvent> | undefined): Forgery =>
  async (forging) => {
    const { owner, before } = forging;
    const event = owner.fieldsOf(before, ANCHOR, before.claimedAtMs);
    const changes = change(event, forging);
    if (changes === undefined) return undefined;
    const { position } = before;
    return { code, signed: await owner.sign({ ...event, ...changes }, owner.keysAt(position), owner.signersAt(position, 0)) };
  };

/** A rotation or retirement with other fields, signed by every key it names. */
const nextKeys =
  (
    code: string,
    change: (event: IdentityEvent, forging: Forging) => (Partial<IdentityEvent> & { keys?: readonly SigningKey[] }) | undefined,
  ): Forgery =>
  async (forging) => {
    const { owner, before, draws } = forging;
    const untilMs = before.claimedAtMs;
    const said: MadeBody = draws.chance(0.7)
      ? { kind: "rotate", voidFromSeq: before.seq + 1, untilMs, salt: 1 }
      : { kind: "retire", untilMs, successor: new Uint8Array(), reason: "forged" };
    const changed = change(owner.fieldsOf(before, said, before.claimedAtMs), forging);
    if (changed === undefined) return undefined;
    const { keys = owner.keysAt(before.position + 1), ...changes } = changed;
    const event = { ...owner.fieldsOf(before, said, before.claimedAtMs), controlKeys: keys.map(({ publicKey }) => publicKey), ...changes };
    return { code, signed: await owner.sign(event, keys, [...keys.keys()]) };
  };

/** An ordinary event under other signatures. */
const signedBy =
  (
    code: string,
    pick: (
      forging: Forging & { keys: readonly SigningKey[]; threshold: number; event: IdentityEvent },
    ) => Promise<readonly { keyIndex: number; signature: Bytes }[] | undefined>,
  ): Forgery =>
  async (forging) => {
    const { owner, before } = forging;
    const event = owner.fieldsOf(before, ANCHOR, before.claimedAtMs);
    const signatures = await pick({ ...forging, event, keys: owner.keysAt(before.position), threshold: event.controlThreshold });
    return signatures === undefined ? undefined : { code, signed: signedEvent.encode({ event: identityEvent.encode(event), signatures }) };
  };

const signatureOf = async ({ crypto }: Forging, event: IdentityEvent, key: SigningKey, domain = "perdure/event/1"): Promise<Bytes> =>
  await crypto.signatures.sign(key, concat(utf8(domain), identityEvent.encode(event)));
const other = (draws: Draws, bytes: Bytes): Bytes => {
  const changed = bytes.slice();
  const at = draws.below(bytes.length);
  changed[at] = (changed[at] as number) ^ (1 << draws.below(8));
  return changed;
};
const oneOther = (draws: Draws, list: readonly Bytes[]): readonly Bytes[] => {
  const at = draws.below(list.length);
  return list.map((each, index) => (index === at ? other(draws, each) : each));
};
const reversed = <Item>(list: readonly Item[]): readonly Item[] | undefined => (list.length < 2 ? undefined : list.toReversed());

export const FORGERIES: Readonly<Record<string, Forgery>> = {
  "of version 0": control("needs-older-version", () => ({ version: 0 })),
  "of a later version": control("needs-newer-verifier", (_, { draws }) => ({ version: 2 + draws.below(9) })),
  "of the reserved kind": control("malformed", () => ({ kind: 0 })),
  "of a later kind": control("needs-newer-verifier", (_, { draws }) => ({ kind: 7 + draws.below(9) })),
  "a second inception": control("malformed", () => ({ kind: 1 })),
  "with a witness": control("needs-newer-verifier", (_, { draws }) => ({ witnesses: [draws.bytes(32)] })),
  "with a threshold of witnesses": control("needs-newer-verifier", () => ({ witnessThreshold: 1 })),
  "of another agent": control("malformed", ({ agentId }, { draws }) => ({ agentId: other(draws, agentId) })),
  "with a number left out": control("malformed", ({ seq }) => ({ seq: seq + 1 })),
  "with the number before": control("malformed", ({ seq }) => ({ seq: seq - 1 })),
  "after another event": control("malformed", ({ previous }, { draws }) => ({ previous: other(draws, previous) })),
  "with a key more": control("malformed", ({ controlKeys }, { stranger }) => ({ controlKeys: [...controlKeys, stranger.publicKey] })),
  "with keys in another order": control("malformed", ({ controlKeys }, { owner, before }) => {
    const controls = reversed(controlKeys);
    return controls === undefined || owner.signersAt(before.position, 0).length === 0 ? undefined : { controlKeys: controls };
  }),
  "with another threshold": control("malformed", ({ controlThreshold }, { draws }) => ({
    controlThreshold: draws.chance(0.5) ? controlThreshold + 1 : controlThreshold - 1,
  })),
  "with another commitment": control("malformed", ({ nextCommitments }, { draws }) => ({
    nextCommitments: oneOther(draws, nextCommitments),
  })),
  "with a commitment more": control("malformed", ({ nextCommitments }, { draws }) => ({
    nextCommitments: [...nextCommitments, draws.bytes(32)],
  })),
  "with another threshold to come": control("malformed", ({ nextThreshold }, { draws }) => ({
    nextThreshold: draws.chance(0.5) ? nextThreshold + 1 : nextThreshold - 1,
  })),
  "with other guardians": control("malformed", ({ recoveryCommitment }, { draws }) => ({
    recoveryCommitment: other(draws, recoveryCommitment),
  })),
  "of strange keys": async ({ owner, before, stranger }) => ({
    code: "malformed",
    signed: await owner.sign(
      { ...owner.fieldsOf(before, ANCHOR, 1), controlKeys: [stranger.publicKey], controlThreshold: 1 },
      [stranger],
      [0],
    ),
  }),
  "keys revealed by a stranger": nextKeys("bad-signature", ({ nextCommitments }, { stranger }) =>
    nextCommitments.length === 1 ? { keys: [stranger] } : undefined,
  ),
  "the keys in force revealed": nextKeys("bad-signature", (_, { owner, before }) => ({ keys: owner.keysAt(before.position) })),
  "a key revealed before its turn": nextKeys("bad-signature", (_, { owner, before }) => ({
    keys: owner.keysAt(before.position + 2),
    nextCommitments: owner.commitmentsAt(before.position + 3),
  })),
  "another key to follow": nextKeys("bad-signature", ({ nextCommitments }, { draws }) => ({
    nextCommitments: oneOther(draws, nextCommitments),
  })),
  "one key to follow less": nextKeys("bad-signature", ({ nextCommitments, nextThreshold }) =>
    nextCommitments.length > nextThreshold ? { nextCommitments: nextCommitments.slice(1) } : undefined,
  ),
  "one revealed key less": nextKeys("bad-signature", ({ nextThreshold }, { owner, before }) => {
    const keys = owner.keysAt(before.position + 1).slice(0, -1);
    return keys.length < nextThreshold ? undefined : { keys };
  }),
  "one key and what follows it less": nextKeys("bad-signature", ({ nextThreshold, nextCommitments }, { owner, before }) => {
    const keys = owner.keysAt(before.position + 1).slice(0, -1);
    return keys.length < nextThreshold ? undefined : { keys, nextCommitments: nextCommitments.slice(0, -1) };
  }),
  "revealed in another order": nextKeys("bad-signature", (_, { owner, before }) => {
    const keys = reversed(owner.keysAt(before.position + 1));
    return keys === undefined ? undefined : { keys };
  }),
  "a lower threshold from now on": nextKeys("bad-signature", ({ controlThreshold }, { draws }) => ({
    controlThreshold: controlThreshold + (draws.chance(0.5) ? 1 : -1),
  })),
  "a lower threshold after that": nextKeys("bad-signature", ({ nextThreshold }, { draws }) => ({
    nextThreshold: nextThreshold + (draws.chance(0.5) ? 1 : -1),
  })),
  "voids the inception": nextKeys("malformed", ({ seq }) => rotates({ voidFromSeq: 0, oldKeysUntilMs: seq })),
  "voids what is to come": nextKeys("malformed", ({ seq }) => rotates({ voidFromSeq: seq + 1, oldKeysUntilMs: seq })),
  "with a signature less": signedBy("bad-signature", async (forging) => {
    const { keys, threshold, event } = forging;
    const signatures = [];
    for (const [keyIndex, key] of keys.entries())
      if (keyIndex < threshold - 1) signatures.push({ keyIndex, signature: await signatureOf(forging, event, key) });
    return signatures;
  }),
  "with one that somebody else made": signedBy("bad-signature", async (forging) => {
    const { keys, event, stranger, draws } = forging;
    const wrong = draws.below(keys.length);
    return await Promise.all(
      keys.map(async (key, keyIndex) => ({ keyIndex, signature: await signatureOf(forging, event, keyIndex === wrong ? stranger : key) })),
    );
  }),
  "signed as something else": signedBy("bad-signature", async (forging) => {
    const { keys, event, draws } = forging;
    const domain = ["perdure/certificate/1", "perdure/record/1", "perdure/handshake/1", ""][draws.below(4)] as string;
    return await Promise.all(keys.map(async (key, keyIndex) => ({ keyIndex, signature: await signatureOf(forging, event, key, domain) })));
  }),
  "with a signature twice": signedBy("malformed", async (forging) => {
    const [key] = forging.keys as [SigningKey];
    const signature = await signatureOf(forging, forging.event, key);
    return Array.from({ length: Math.max(2, forging.threshold) }, () => ({ keyIndex: 0, signature }));
  }),
  "with signatures in another order": signedBy("malformed", async (forging) => {
    const { keys, event } = forging;
    const all = await Promise.all(keys.map(async (key, keyIndex) => ({ keyIndex, signature: await signatureOf(forging, event, key) })));
    return reversed(all);
  }),
  "signed by a key that is not there": signedBy("malformed", async (forging) => {
    const { keys, event, stranger } = forging;
    const all = await Promise.all(
      [...keys, stranger].map(async (key, keyIndex) => ({ keyIndex, signature: await signatureOf(forging, event, key) })),
    );
    return all;
  }),
};

const rotates = (body: { readonly voidFromSeq: number; readonly oldKeysUntilMs: number }): Partial<IdentityEvent> => ({
  kind: EVENT_KINDS.indexOf("rotate"),
  body: rotateBody.encode({ ...body, extensions: [] }),
});

/** What an inception must not be, and the code with which it is refused. */
export const FALSE_BEGINNINGS: Readonly<
  Record<string, (event: IdentityEvent, draws: Draws) => Partial<IdentityEvent> & { readonly code?: string }>
> = {
  "names its agent": (_, draws) => ({ agentId: draws.bytes(32) }),
  "has a number": () => ({ seq: 1 }),
  "names something before it": (_, draws) => ({ previous: draws.bytes(32) }),
  "has a body": (_, draws) => ({ body: draws.bytes(1 + draws.below(9)), code: "needs-newer-verifier" }),
  "has a witness": (_, draws) => ({ witnesses: [draws.bytes(32)], code: "needs-newer-verifier" }),
  "is another kind": (_, draws) => ({ kind: 2 + draws.below(5) }),
  "asks for nobody": () => ({ controlThreshold: 0 }),
  "asks for more keys than there are": ({ controlKeys }) => ({ controlThreshold: controlKeys.length + 1 }),
  "asks for nobody later": () => ({ nextThreshold: 0 }),
  "asks for more keys later than there are": ({ nextCommitments }) => ({ nextThreshold: nextCommitments.length + 1 }),
  "has a key twice": ({ controlKeys }) => ({ controlKeys: [...controlKeys, controlKeys[0] as Bytes] }),
  "has a commitment twice": ({ nextCommitments }) => ({ nextCommitments: [...nextCommitments, nextCommitments[0] as Bytes] }),
  "has no keys to come": () => ({ nextCommitments: [] }),
};
