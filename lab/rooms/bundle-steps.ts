/** Steps of the room of bundles: what is drawn, and what a record that is drawn says. */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import type { AgentRecord } from "../../packages/perdure/src/wire/identity.ts";
import { relayOf, TICK_MS } from "./drawn-events.ts";
import { BEGINS_MS, type MadeBody, type Owner } from "./made-log.ts";

/** `back` counts from the newest of its sort; numbers beyond what there is begin again. Times count from the inception. */
export type BundleStep =
  | { readonly do: "owner"; readonly next: number; readonly nextThreshold: number }
  | { readonly do: "make"; readonly back: number; readonly kind: MadeBody["kind"]; readonly what: number }
  | {
      readonly do: "certify";
      readonly back: number;
      readonly seq: number;
      readonly key: number;
      readonly instance: number;
      readonly fromMs: number;
      readonly lifeMs: number;
      readonly scopes: readonly ("mail" | "relay")[];
      readonly wrong: string;
    }
  | {
      readonly do: "record";
      readonly instance: number;
      readonly version: number;
      readonly what: number;
      readonly validMs: number;
      readonly wrong: string;
    }
  | {
      readonly do: "show";
      readonly logs: readonly number[];
      readonly certificates: readonly number[];
      readonly records: readonly number[];
      readonly atMs: number;
    }
  | { readonly do: "join"; readonly one: number; readonly other: number; readonly atMs: number }
  | { readonly do: "learn"; readonly at: readonly number[]; readonly isTurned: boolean; readonly atMs: number }
  | { readonly do: "restart" }
  | { readonly do: "serve"; readonly back: number; readonly instance: number; readonly role: "agent" | "relay"; readonly atMs: number };

const KINDS: readonly MadeBody["kind"][] = ["anchor", "home-set", "instance-revoke", "rotate", "rotate", "retire"];
export const INSTANCES = 4;
const LATEST = 30;

/** The record that a step stands for. */
export function recordOf(
  { idRaw }: Owner,
  instanceKey: Bytes,
  { version, what, validMs, wrong }: Extract<BundleStep, { do: "record" }>,
): AgentRecord {
  const [a, b, c] = [what & 0xff, (what >>> 8) & 0xff, (what >>> 16) & 0xff];
  const home = (number: number): AgentRecord["homes"][0] => ({
    relayId: relayOf(number),
    url: `wss://${number % 2}.example/`,
    preference: number % 3,
  });
  return {
    version: wrong === "needs-newer-verifier" ? 2 : wrong === "needs-older-version" ? 0 : 1,
    agentId: wrong === "of another" ? instanceKey : idRaw,
    instanceKey,
    recordVersion: version,
    name: wrong === "malformed" ? "No Name" : a % 4 === 0 ? undefined : `name-${a % 3}`,
    inboxKeys: Array.from({ length: b % 3 }, (_, index) => ({
      keyId: new Uint8Array(8).fill(b + index),
      suite: (b + index) % 5 === 0 ? 2 : 1,
      publicKey: new Uint8Array(32).fill(b + index),
      generation: (c + index) % 4,
      notAfterMs: BEGINS_MS + TICK_MS * ((b >>> 3) + index * 2),
    })),
    homes: Array.from({ length: c % 3 }, (_, index) => home(c + index * 5)),
    capabilities: [],
    freshUntilMs: BEGINS_MS,
    validUntilMs: BEGINS_MS + validMs,
    extensions: [],
  };
}

const WRONG = ["bad-signature", "of another", "malformed", "needs-newer-verifier", "needs-older-version"];

export function drawBundleStep(draws: Draws): BundleStep {
  const atMs = TICK_MS * draws.below(LATEST) + (draws.chance(0.2) ? 1 - draws.below(3) : 0);
  const some = (most: number): readonly number[] => Array.from({ length: draws.below(most + 1) }, () => draws.below(12));
  const wrong = draws.chance(0.06) ? (WRONG[draws.below(WRONG.length)] as string) : "";
  const back = draws.chance(0.6) ? 0 : draws.below(20);
  switch (draws.below(12)) {
    case 0:
    case 1:
      return { do: "make", back, kind: KINDS[draws.below(KINDS.length)] as MadeBody["kind"], what: draws.u32() };
    case 2:
    case 3: {
      const scopes = draws.chance(0.6)
        ? (["mail"] as const)
        : draws.chance(0.5)
          ? (["relay"] as const)
          : draws.chance(0.5)
            ? (["relay", "mail"] as const)
            : [];
      const fromMs = TICK_MS * draws.below(draws.chance(0.7) ? 3 : LATEST);
      return {
        do: "certify",
        back,
        seq: draws.chance(0.8) ? draws.below(4) : draws.below(20),
        key: draws.below(3),
        instance: draws.below(INSTANCES),
        fromMs,
        lifeMs: TICK_MS * draws.below(2 * LATEST),
        scopes,
        wrong,
      };
    }
    case 4:
    case 5:
      return {
        do: "record",
        instance: draws.below(INSTANCES),
        version: 1 + draws.below(4),
        what: draws.u32(),
        validMs: TICK_MS * draws.below(2 * LATEST),
        wrong,
      };
    case 6:
    case 7:
    case 8:
      return {
        do: "show",
        logs: draws.chance(0.7) ? [back] : [back, draws.below(20), draws.below(20)],
        certificates: some(draws.chance(0.2) ? 14 : 5),
        records: some(draws.chance(0.5) ? 4 : 0),
        atMs,
      };
    case 9:
      return { do: "join", one: draws.below(8), other: draws.below(8), atMs };
    case 10:
      return draws.chance(0.2)
        ? { do: "restart" }
        : { do: "learn", at: draws.chance(0.6) ? [back] : [back, draws.below(8), draws.below(8)], isTurned: draws.chance(0.3), atMs };
    default:
      return { do: "serve", back, instance: draws.below(INSTANCES), role: draws.chance(0.7) ? "agent" : "relay", atMs };
  }
}
