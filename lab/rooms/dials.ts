/**
 * When another relay is dialled, and when an agent dials its own, beside the rule for pauses said once more: drawn between the shortest and three times the
 * pause before, never beyond the longest.
 */
import { openRelayLink, type RelayLinkOptions } from "../../packages/perdure/src/agent/relay-link.ts";
import { connectSession } from "../../packages/perdure/src/protocol/link/index.ts";
import { createPeerDialler } from "../../packages/perdure/src/relay/peers/peer-dialler.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { type ErrorCode, PerdureError } from "../../packages/perdure/src/wire/error.ts";
import { agentIdText } from "../../packages/perdure/src/wire/ids.ts";
import { createHandClock, settled } from "./hand-clock.ts";
import { parted, type Room } from "./room.ts";

interface Says {
  readonly code: ErrorCode | "";
  readonly afterMs: number;
}

type Step =
  | ({ readonly do: "answer"; readonly at: number } & Says)
  | { readonly do: "places"; readonly count: number }
  | { readonly do: "want"; readonly wanted: boolean }
  | { readonly do: "begin"; readonly afterPause: boolean }
  | { readonly do: "hurry" }
  | { readonly do: "end"; readonly lastedMs: number }
  | { readonly do: "pass"; readonly ms: number };

const STEPS = 60;
const PLACES = ["ws://one.example:1/", "ws://two.example:1/", "ws://three.example:1/"];
const MIN_MS = 400;
const MAX_MS = 20_000;
const LONG_SESSION_MS = 5000;
const HURRY_AFTER_MS = 2000;
const DOWN_MS = 60_000;
const CODES = ["", "relay-unreachable", "relay-unreachable", "wrong-relay", "peer-forbidden", "too-busy", "blocked"] as const;
const EPOCH_MS = 1_800_000_000_000;

export const dials: Room<Step> = {
  name: "dials",
  about: "when a relay is dialled, beside the rule for pauses",
  draw: (draws) =>
    Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(100);
      if (kind < 22) {
        const code = CODES[draws.below(CODES.length)] as Says["code"];
        return { do: "answer", at: draws.below(PLACES.length), code, afterMs: draws.chance(0.3) ? draws.below(40_000) : 0 };
      }
      if (kind < 27) return { do: "places", count: draws.below(PLACES.length + 1) };
      if (kind < 35) return { do: "want", wanted: draws.chance(0.8) };
      if (kind < 52) return { do: "begin", afterPause: draws.chance(0.4) };
      if (kind < 58) return { do: "hurry" };
      if (kind < 65) return { do: "end", lastedMs: draws.chance(0.3) ? LONG_SESSION_MS : draws.below(12_000) };
      return { do: "pass", ms: draws.below(draws.chance(0.3) ? 30_000 : 1500) };
    }),
  run: async (steps, tools) => {
    const shares = tools.draws("shares");
    const drawn = Array.from({ length: 4000 }, () => shares.u32());
    await besidePeer(steps, drawn);
    await besideAgent(steps, drawn);
  },
};

/** One pause after the other. */
function createPauses(drawn: readonly number[]) {
  let drawnSoFar = 0;
  let lastMs = MIN_MS;
  return {
    next(askedMs: number): number {
      const share = (drawn[drawnSoFar++] ?? 0) / 2 ** 32;
      lastMs = Math.min(MAX_MS, MIN_MS + share * (3 * lastMs - MIN_MS));
      return Math.max(lastMs, Math.min(askedMs, MAX_MS));
    },
    restart(): void {
      lastMs = MIN_MS;
    },
  };
}

function randomOf(drawn: readonly number[]) {
  let at = 0;
  return {
    bytes: (count: number): Uint8Array => {
      const bytes = new Uint8Array(count);
      if (count === 4) new DataView(bytes.buffer).setUint32(0, drawn[at++] ?? 0);
      return bytes;
    },
  };
}

const errorOf = ({ code, afterMs }: Says): PerdureError =>
  new PerdureError(code === "" ? "internal" : code, "it is said so", afterMs === 0 ? { retry: "never" } : { retry: "after", afterMs });

const silent = { write: () => {} };
const settings = createSettings({ redialMinMs: MIN_MS, redialMaxMs: MAX_MS });

function same(what: string, said: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(said), JSON.stringify(expected)];
  if (one !== other) parted(`${what} says ${one} instead of ${other}`);
}

async function besidePeer(steps: readonly Step[], drawn: readonly number[]): Promise<void> {
  const clock = createHandClock(EPOCH_MS);
  const says: Says[] = PLACES.map(() => ({ code: "relay-unreachable", afterMs: 0 }));
  let [places, wanted, open] = [1, true, false];
  const [heard, told]: [string[], string[]] = [[], []];
  const dialler = createPeerDialler({
    host: { clock, random: randomOf(drawn), log: silent } as never,
    settings,
    incidents: { add: (_: string, what: string) => void heard.push(what.includes("cannot be reached") ? "away" : "impostor") } as never,
    slots: { take: async () => () => {} } as never,
    id: agentIdText(new Uint8Array(32)),
    signal: new AbortController().signal,
    urls: () => PLACES.slice(0, places),
    met: () => false,
    wanted: () => wanted && !open,
    connect: async (url) => {
      heard.push(`${clock.monotonicMs()} ${url}`);
      const said = says[PLACES.indexOf(url)] as Says;
      if (said.code !== "") throw errorOf(said);
      open = true;
      dialler.opened();
    },
    hopeless: (code) => void heard.push(code),
  });

  // The reference.
  const pauses = createPauses(drawn);
  let dialling = false;
  let isOpen = false;
  let pausedAtMs: number | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let awaySinceMs: number | undefined;
  let isToldAway = false;
  let impostorAt: number | undefined;

  const pause = (nowMs: number, askedMs: number): void => {
    pausedAtMs = nowMs;
    dueMs = nowMs + pauses.next(askedMs);
  };
  const dialAll = (nowMs: number): void => {
    pausedAtMs = undefined;
    dueMs = Number.POSITIVE_INFINITY;
    dialling = false;
    if (!wanted || isOpen) return;
    let failure: Says = { code: "unknown-relay", afterMs: 0 };
    for (let at = 0; at < places; at++) {
      told.push(`${nowMs} ${PLACES[at]}`);
      const said = says[at] as Says;
      if (said.code === "") {
        isOpen = true;
        [awaySinceMs, isToldAway] = [undefined, false];
        return;
      }
      if (said.code === "wrong-relay" && impostorAt !== at) {
        impostorAt = at;
        told.push("impostor");
      }
      if (at === 0 || said.code !== "peer-forbidden") failure = said;
    }
    const { code, afterMs } = failure;
    if (code === "unknown-relay" || code === "peer-forbidden") told.push(code);
    awaySinceMs ??= nowMs;
    if (!isToldAway && (code === "blocked" || nowMs - awaySinceMs >= DOWN_MS)) {
      isToldAway = true;
      told.push("away");
    }
    if (code === "unknown-relay") return;
    dialling = true;
    pause(nowMs, afterMs);
  };

  for (const step of steps) {
    const nowMs = clock.monotonicMs();
    if (step.do === "answer") says[step.at] = { code: step.code, afterMs: step.afterMs };
    else if (step.do === "places") places = step.count;
    else if (step.do === "want") wanted = step.wanted;
    else if (step.do === "begin") {
      if (!dialling) {
        dialling = true;
        if (step.afterPause) pause(nowMs, 0);
        else dialAll(nowMs);
      }
      dialler.begin(step.afterPause);
    } else if (step.do === "hurry") {
      if (pausedAtMs !== undefined && nowMs - pausedAtMs > HURRY_AFTER_MS) dialAll(nowMs);
      dialler.hurry();
    } else if (step.do === "end") {
      if (!open) continue;
      [open, isOpen] = [false, false];
      if (step.lastedMs > LONG_SESSION_MS) pauses.restart();
      dialler.ended(step.lastedMs);
    } else {
      while (dueMs <= nowMs + step.ms) dialAll(dueMs);
      await clock.pass(step.ms);
    }
    await settled();
    same("what was dialled and told of another relay", heard, told);
    same("whether it is dialled", [dialler.dialling, open], [dialling, isOpen]);
  }
}

/** An agent's relay that never answers. */
async function besideAgent(steps: readonly Step[], drawn: readonly number[]): Promise<void> {
  const clock = createHandClock(EPOCH_MS);
  let says: Says = { code: "relay-unreachable", afterMs: 0 };
  const [heard, told]: [number[], number[]] = [[], []];
  const dial = async (): Promise<never> => {
    heard.push(clock.monotonicMs());
    throw errorOf(says);
  };
  const link = openRelayLink({
    connect: connectSession,
    host: { clock, random: randomOf(drawn), log: silent, net: { dial } },
    settings,
    own: { instanceKey: { publicKey: new Uint8Array(32) }, logHead: new Uint8Array(32) },
    address: `${PLACES[0]}#${agentIdText(new Uint8Array(32).fill(1))}`,
    outbox: { queue: {} },
    cursor: { have: () => ({ generation: new Uint8Array(8), position: 0 }) },
    passes: { shown: () => new Uint8Array(0) },
    lines: { plan: () => ({ keepAliveMs: 0 }) },
    onFailed: () => {},
  } as unknown as RelayLinkOptions);
  const pauses = createPauses(drawn);
  let dueMs = 0;
  for (const step of steps) {
    if (step.do === "answer" && step.code !== "") says = { code: step.code, afterMs: step.afterMs };
    if (step.do !== "pass") continue;
    const nowMs = clock.monotonicMs();
    for (; dueMs <= nowMs + step.ms; dueMs += pauses.next(says.afterMs)) told.push(dueMs);
    await settled();
    await clock.pass(step.ms);
    same("when an agent dialled its relay", heard, told);
  }
  await link.close();
}
