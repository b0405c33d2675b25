/** Logs for the tests of this folder: an agent whose every key is at hand, the owner's and the thief's. */
import type { Crypto, SigningKey } from "../host/crypto.ts";
import { type Bytes, utf8 } from "../wire/bytes.ts";
import type { Home } from "../wire/identity.ts";
import { type LogState, signControlEvent, signInception, signRetirement, signRotation, verifyLog } from "./agent-log.ts";
import { signCertificate } from "./certificate.ts";
import { createKeyChain, nextPosition } from "./key-chain.ts";

export const LOG_BEGINS_MS = 1_800_000_000_000;

export type Wish =
  | { readonly kind: "anchor"; readonly about: string }
  | { readonly kind: "home-set"; readonly homes: readonly Home[] }
  | { readonly kind: "instance-revoke"; readonly instanceKey: Bytes; readonly voidFromMs?: number }
  | {
      readonly kind: "rotate";
      /** Other names, other rotations. */
      readonly to: string;
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
  /** What those keys were committed to with. */
  following(log: LogState): readonly Bytes[];
  /** `log` and one more event, by its owner. */
  append(log: readonly Bytes[], wish: Wish): Promise<readonly Bytes[]>;
  certificate(log: readonly Bytes[], instanceKey: Bytes, lifeMs?: number): Promise<Bytes>;
}

/** An agent with one control key at first and `keys` after that, of which `threshold` sign. */
export async function createTestAgent(crypto: Crypto, name: string, keys = 1, threshold = keys): Promise<TestAgent> {
  const first = await crypto.signatures.load(crypto.hash.sha256(utf8(`${name} control`)));
  const chains = await Promise.all(
    Array.from({ length: keys }, (_, index) => createKeyChain(crypto, crypto.hash.sha256(utf8(`${name} next ${index}`)))),
  );
  const nextKeys = (log: LogState): readonly SigningKey[] => chains.map((chain) => chain.keyAt(nextPosition(log)));
  const following = (log: LogState): readonly Bytes[] => chains.map((chain) => chain.commitmentAt(nextPosition(log) + 1));
  const controlKeys = (log: LogState): readonly SigningKey[] =>
    nextPosition(log) === 1 ? [first] : chains.map((chain) => chain.keyAt(nextPosition(log) - 1));
  const inception = await signInception({
    crypto,
    controlKey: first,
    nextCommitments: chains.map((chain) => chain.commitmentAt(1)),
    nextThreshold: threshold,
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
      case "rotate":
        return await signRotation(crypto, state, {
          revealed: nextKeys(state),
          following: following(state),
          recoverySalt: crypto.hash.sha256(utf8(`${name} salt ${wish.to}`)),
          body: { voidFromSeq: wish.voidFromSeq ?? state.seq + 1, oldKeysUntilMs: wish.untilMs ?? nowMs, extensions },
          nowMs,
        });
      case "retire":
        return await signRetirement(crypto, state, {
          revealed: nextKeys(state),
          following: following(state),
          body: { successor: new Uint8Array(), reason: wish.reason ?? "over", oldKeysUntilMs: wish.untilMs ?? nowMs, extensions },
          nowMs,
        });
    }
  };
  return {
    inception,
    controlKeys,
    nextKeys,
    following,
    append: async (log, wish) => [...log, await sign(await verifyLog(crypto, log), wish)],
    certificate: async (log, instanceKey, lifeMs = 30 * 24 * 60 * 60 * 1000) => {
      const state = await verifyLog(crypto, log);
      const [controlKey] = controlKeys(state) as readonly [SigningKey];
      return await signCertificate({ crypto, controlKey, log: state, instanceKey, scope: "mail", nowMs: LOG_BEGINS_MS, lifeMs });
    },
  };
}
