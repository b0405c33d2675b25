/** Logs for the tests of this folder: an agent whose every key is at hand, the owner's and the thief's. */
import type { Crypto, SigningKey } from "../host/crypto.ts";
import { type Bytes, equalBytes, utf8 } from "../wire/bytes.ts";
import type { Home } from "../wire/identity.ts";
import { type LogState, nextKeyCommitment, signControlEvent, signInception, signRetirement, signRotation, verifyLog } from "./agent-log.ts";
import { signCertificate } from "./certificate.ts";

export const LOG_BEGINS_MS = 1_800_000_000_000;

export type Wish =
  | { readonly kind: "anchor"; readonly about: string }
  | { readonly kind: "home-set"; readonly homes: readonly Home[] }
  | { readonly kind: "instance-revoke"; readonly instanceKey: Bytes; readonly voidFromMs?: number }
  | {
      readonly kind: "rotate";
      /** Names the next keys this rotation commits to; other names, other rotations. */
      readonly to: string;
      readonly keys?: number;
      readonly threshold?: number;
      readonly voidFromSeq?: number;
      readonly untilMs?: number;
    }
  | { readonly kind: "retire"; readonly reason?: string; readonly untilMs?: number };

export interface TestAgent {
  readonly inception: Bytes;
  /** The keys in force at the end of a log. */
  controlKeys(log: LogState): readonly SigningKey[];
  /** The keys that open what a log committed to. */
  nextKeys(log: LogState): readonly SigningKey[];
  /** `log` and one more event, by its owner. */
  append(log: readonly Bytes[], wish: Wish): Promise<readonly Bytes[]>;
  certificate(log: readonly Bytes[], instanceKey: Bytes, lifeMs?: number): Promise<Bytes>;
}

export async function createTestAgent(crypto: Crypto, name: string): Promise<TestAgent> {
  const known: SigningKey[] = [];
  const keyOf = async (label: string): Promise<SigningKey> => {
    const key = await crypto.signatures.load(crypto.hash.sha256(utf8(`${name} ${label}`)));
    if (!known.some((each) => equalBytes(each.publicKey, key.publicKey))) known.push(key);
    return key;
  };
  const keysOf = (fits: (key: SigningKey, wanted: Bytes) => boolean, wanted: readonly Bytes[]): readonly SigningKey[] =>
    wanted.map((each) => {
      const found = known.find((key) => fits(key, each));
      if (found === undefined) throw new Error("this agent has no such key");
      return found;
    });
  const controlKeys = (log: LogState) => keysOf((key, wanted) => equalBytes(key.publicKey, wanted), log.controlKeys);
  const nextKeys = (log: LogState) =>
    keysOf((key, wanted) => equalBytes(nextKeyCommitment(crypto.hash, key.publicKey), wanted), log.nextCommitments);
  const inception = await signInception({
    crypto,
    controlKey: await keyOf("control"),
    nextPublicKey: (await keyOf("next of inception")).publicKey,
    recoverySalt: crypto.hash.sha256(utf8(`${name} salt`)),
    nowMs: LOG_BEGINS_MS,
  });
  const sign = async (state: LogState, wish: Wish): Promise<Bytes> => {
    const nowMs = LOG_BEGINS_MS + (state.seq + 1) * 1000;
    const extensions = [] as const;
    switch (wish.kind) {
      case "anchor":
        return await signControlEvent(crypto, state, {
          kind: "anchor",
          body: { root: crypto.hash.sha256(utf8(wish.about)), about: wish.about, extensions },
          keys: controlKeys(state),
          nowMs,
        });
      case "home-set":
        return await signControlEvent(crypto, state, {
          kind: "home-set",
          body: { homes: wish.homes, extensions },
          keys: controlKeys(state),
          nowMs,
        });
      case "instance-revoke":
        return await signControlEvent(crypto, state, {
          kind: "instance-revoke",
          body: { instanceKey: wish.instanceKey, voidFromMs: wish.voidFromMs ?? nowMs, reason: "lost", extensions },
          keys: controlKeys(state),
          nowMs,
        });
      case "rotate": {
        const next = await Promise.all(Array.from({ length: wish.keys ?? 1 }, (_, index) => keyOf(`next of ${wish.to} ${index}`)));
        return await signRotation(crypto, state, {
          revealed: nextKeys(state),
          nextPublicKeys: next.map(({ publicKey }) => publicKey),
          nextThreshold: wish.threshold ?? next.length,
          recoverySalt: crypto.hash.sha256(utf8(`${name} salt ${wish.to}`)),
          body: { voidFromSeq: wish.voidFromSeq ?? state.seq + 1, oldKeysUntilMs: wish.untilMs ?? nowMs, extensions },
          nowMs,
        });
      }
      case "retire":
        return await signRetirement(crypto, state, {
          revealed: nextKeys(state),
          body: { successor: new Uint8Array(), reason: wish.reason ?? "over", oldKeysUntilMs: wish.untilMs ?? nowMs, extensions },
          nowMs,
        });
    }
  };
  return {
    inception,
    controlKeys,
    nextKeys,
    append: async (log, wish) => [...log, await sign(await verifyLog(crypto, log), wish)],
    certificate: async (log, instanceKey, lifeMs = 30 * 24 * 60 * 60 * 1000) => {
      const state = await verifyLog(crypto, log);
      const [controlKey] = controlKeys(state) as readonly [SigningKey];
      return await signCertificate({ crypto, controlKey, log: state, instanceKey, scope: "mail", nowMs: LOG_BEGINS_MS, lifeMs });
    },
  };
}
