/** What may happen at a relay, drawn widely: who comes and how, what is sent, settled, written down, lost. */
import type { Draws } from "../../../packages/perdure/src/host/simulated/index.ts";

/** Somebody's session: `back` sessions before the newest of that agent. */
export interface OfSession {
  readonly who: number;
  readonly back: number;
}

/** What changes in an identity that is shown. */
export interface Shown {
  readonly change: boolean;
  readonly name: number;
  readonly standing: "open" | "frozen" | "retired";
  readonly instances: readonly number[];
  readonly large: boolean;
  readonly stale: boolean;
  readonly verdict: "" | "record-rolled-back";
}

export type Step =
  | {
      readonly do: "attach";
      readonly who: number;
      readonly link: number;
      readonly consume: boolean;
      readonly instance: number;
      readonly pass: "newest" | "none" | "older" | "other" | "noise" | "cut";
      readonly back: number;
      readonly have: "here" | "before" | "nothing";
      readonly ticket: number;
      /** It goes on until it may read. */
      readonly through: boolean;
      readonly shown: Shown;
    }
  | ({ readonly do: "ready" | "confirm" | "confirm-wrong" | "confirm-due" | "detach" } & OfSession)
  | ({ readonly do: "publish"; readonly shown: Shown } & OfSession)
  | ({
      readonly do: "mail";
      readonly to: number;
      readonly count: number;
      readonly class: "mail" | "receipt";
      readonly words: number;
      readonly livesMs: number;
      readonly seq: "next" | "again" | "older" | "leap";
      readonly flaw: keyof typeof FLAWS;
    } & OfSession)
  | ({
      readonly do: "settle";
      readonly generation: "here" | "before" | "nothing";
      readonly epoch: number;
      /** Counted back from the last position given; above it when below 0. */
      readonly floor: number;
      readonly ranges: readonly (readonly [number, number])[];
    } & OfSession)
  | ({ readonly do: "pull"; readonly bytes: number; readonly hands: number } & OfSession)
  | ({ readonly do: "block"; readonly blocked: boolean } & OfSession)
  | ({
      readonly do: "contacts";
      readonly open: boolean;
      readonly contacts: readonly number[];
      readonly elsewhere: boolean;
      readonly blocked: readonly number[];
      readonly half: boolean;
    } & OfSession)
  /** So many instances come, one after the other. */
  | { readonly do: "crowd"; readonly attach: Extract<Step, { readonly do: "attach" }>; readonly count: number }
  | { readonly do: "issue"; readonly ticket: number; readonly livesMs: number; readonly uses: number }
  | { readonly do: "ban"; readonly who: number; readonly banned: boolean }
  | { readonly do: "wait"; readonly ms: number; readonly wallMs: number }
  | { readonly do: "sync"; readonly batches: number }
  | { readonly do: "restate"; readonly behind: number; readonly removing: boolean }
  | { readonly do: "compact"; readonly nth: number }
  | { readonly do: "crash"; readonly more: number; readonly copied: boolean }
  | { readonly do: "copy" | "distrust" | "statement-due" | "signed" | "not-signed" }
  | { readonly do: "trouble"; readonly on: boolean }
  | { readonly do: "overdue"; readonly limit: number; readonly tells: boolean }
  | { readonly do: "lose"; readonly who: number; readonly back: number; readonly tells: boolean };

type Of<Kind extends Step["do"]> = Extract<Step, { readonly do: Kind }>;

/** What a message is refused with for its flaw. */
export const FLAWS = {
  "": undefined,
  from: "malformed",
  notice: "malformed",
  hops: "refused",
  relay: "unknown-relay",
  "relay-hops": "refused",
  "own-relay": undefined,
  noise: "malformed",
} as const;

export const AGENTS = 5;
export const LINKS = 5;
export const INSTANCES = 3;

export function drawSteps(draws: Draws, count: number): readonly Step[] {
  const one = <Value>(...values: readonly Value[]): Value => values[draws.below(values.length)] as Value;
  const some = (below: number, chance: number): readonly number[] =>
    Array.from({ length: below }, (_, index) => index).filter(() => draws.chance(chance));
  const who = (): number => (draws.chance(0.85) ? draws.below(3) : draws.below(AGENTS));
  const of = (): OfSession => ({ who: who(), back: draws.chance(0.85) ? 0 : draws.below(4) });
  const shown = (changes: number): Shown => ({
    change: draws.chance(changes),
    name: draws.below(4),
    standing: one("open", "open", "open", "open", "open", "frozen", "retired"),
    instances: draws.chance(0.7) ? [0, 1, 2] : some(INSTANCES, 0.5),
    large: draws.chance(0.06),
    stale: draws.chance(0.04),
    verdict: draws.chance(0.2) ? "record-rolled-back" : "",
  });
  const attach = (agent: number): Of<"attach"> => ({
    do: "attach",
    who: agent,
    link: draws.chance(0.02) ? 0 : 1 + draws.below(LINKS),
    consume: draws.chance(0.75),
    instance: draws.chance(0.7) ? 0 : draws.below(INSTANCES),
    pass: draws.chance(0.96) ? "newest" : one("none", "older", "other", "noise", "cut"),
    back: 1 + draws.below(3),
    have: one("here", "here", "before", "nothing"),
    ticket: draws.below(4),
    through: draws.chance(0.8),
    shown: shown(0.1),
  });
  const kinds: readonly (readonly [weight: number, draw: () => Step])[] = [
    [16, () => attach(who())],
    [0.25, () => ({ do: "crowd", attach: { ...attach(who()), consume: true, through: draws.chance(0.5) }, count: 10 + draws.below(12) })],
    [3, () => ({ do: one("ready", "confirm", "confirm", "confirm-wrong", "confirm-due"), ...of() })],
    [1.5, () => ({ do: "detach", ...of() })],
    [2, () => ({ do: "publish", shown: shown(0.8), ...of() })],
    [
      55,
      () => ({
        do: "mail",
        ...of(),
        to: who(),
        count: draws.chance(0.15) ? 1 + draws.below(6) : 1,
        class: draws.chance(0.7) ? "mail" : "receipt",
        words: draws.chance(0.1) ? draws.below(900) : draws.below(200),
        livesMs: draws.chance(0.08)
          ? one(-1, 0, 2_592_000_000, 2_592_000_900, 2_592_001_000, 2_592_001_001, 2_593_000_000)
          : 1000 * (1 + draws.below(40)),
        seq: draws.chance(0.9) ? "next" : one("again", "older", "leap"),
        flaw: draws.chance(0.93) ? "" : one("from", "notice", "hops", "relay", "relay-hops", "own-relay", "noise"),
      }),
    ],
    [
      18,
      () => ({
        do: "settle",
        ...of(),
        generation: draws.chance(0.9) ? "here" : one("before", "nothing"),
        epoch: draws.chance(0.9) ? 0 : one(-1, 1),
        floor: draws.below(9) - 2,
        ranges: draws.chance(0.5)
          ? []
          : Array.from({ length: 1 + draws.below(3) }, () => [draws.below(9) - 2, draws.below(9) - 2] as const),
      }),
    ],
    [12, () => ({ do: "pull", ...of(), bytes: one(1, 300, 600, 5000, 5000), hands: one(0, 1, 2, 9, 9, 9) })],
    [4, () => ({ do: "block", ...of(), blocked: draws.chance(0.4) })],
    [
      4,
      () => ({
        do: "contacts",
        ...of(),
        open: draws.chance(0.3),
        contacts: some(AGENTS, 0.5),
        elsewhere: draws.chance(0.2),
        blocked: draws.chance(0.7) ? [] : some(AGENTS, 0.3),
        half: draws.chance(0.05),
      }),
    ],
    [4, () => ({ do: "issue", ticket: draws.below(4), livesMs: 1000 * draws.below(40), uses: draws.chance(0.2) ? 0 : 1 + draws.below(3) })],
    [2, () => ({ do: "ban", who: who(), banned: draws.chance(0.25) })],
    [14, () => ({ do: "wait", ms: one(50, 250, 500, 1000, 3000), wallMs: draws.chance(0.1) ? -500 : one(0, 50, 1000, 5000) })],
    [22, () => ({ do: "sync", batches: draws.chance(0.6) ? 99 : 1 + draws.below(3) })],
    [5, () => ({ do: "restate", behind: draws.chance(0.6) ? 99 : draws.below(3), removing: draws.chance(0.7) })],
    [4, () => ({ do: "compact", nth: draws.below(20) })],
    [2.5, () => ({ do: "crash", more: draws.below(4), copied: draws.chance(0.1) })],
    [0.7, () => ({ do: "copy" })],
    [0.4, () => ({ do: "distrust" })],
    [4, () => ({ do: "trouble", on: draws.chance(0.12) })],
    [6, () => ({ do: "statement-due" })],
    [6, () => ({ do: "signed" })],
    [1, () => ({ do: "not-signed" })],
    [6, () => ({ do: "overdue", limit: draws.chance(0.8) ? 99 : 1 + draws.below(2), tells: draws.chance(0.7) })],
    [1, () => ({ do: "lose", who: who(), back: draws.below(6), tells: draws.chance(0.5) })],
  ];
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0);
  const drawn = Array.from({ length: count }, () => {
    const at = draws.below(1_000_000) * (total / 1_000_000);
    let upTo = 0;
    for (const [weight, draw] of kinds) {
      upTo += weight;
      if (at < upTo) return draw();
    }
    return kinds[0]?.[1]() as Step;
  });
  const first: Step = { do: "issue", ticket: 0, livesMs: 60_000, uses: 3 };
  return [first, ...[0, 1, 2].map((agent) => ({ ...attach(agent), consume: true, ticket: 1 })), ...drawn];
}
