/**
 * Dials one other relay for as long as something waits for it: every place it is said to be in turn, then a pause drawn at random
 * (decorrelated jitter), longer each time, `redialMaxMs` at most. The owner learns of a relay that stays away, and of somebody else
 * who answers in its place.
 */
import { sleep } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { rarely } from "../../host/points.ts";
import type { Settings } from "../../settings/register.ts";
import { u32At } from "../../wire/bytes.ts";
import { type ErrorCode, isPerdureError, PerdureError } from "../../wire/error.ts";
import type { AgentId } from "../../wire/ids.ts";
import type { Incidents } from "../incidents.ts";
import type { DialSlots, Known } from "./dial-slots.ts";

export interface PeerDialler {
  readonly dialling: boolean;
  readonly lastFailure: string | undefined;
  /** Dials until a session is open or nothing waits any more; after a pause first, when a session has just ended. */
  begin(afterPause: boolean): void;
  /** Somebody waits for an answer: a pause that has lasted a while is over. */
  hurry(): void;
  /** A session is open, whoever dialled it. */
  opened(): void;
  /** It lasted this long. */
  ended(lastedMs: number): void;
}

export interface PeerDiallerOptions {
  readonly host: Pick<Host, "clock" | "random" | "log" | "points">;
  readonly settings: Settings;
  readonly incidents: Incidents;
  readonly slots: DialSlots;
  readonly id: AgentId;
  readonly signal: AbortSignal;
  readonly urls: () => readonly string[];
  /** It proved its id here at least once. */
  readonly met: () => boolean;
  /** Something waits for the relay and there is no session. */
  readonly wanted: () => boolean;
  /** Resolves when the relay has proven its id and the session is taken in. */
  readonly connect: (url: string) => Promise<void>;
  /** Nobody has said where the relay is (`unknown-relay`), or only places where none may be dialled (`peer-forbidden`). */
  readonly hopeless: (code: ErrorCode) => void;
}

/** How late a dial is that a point makes late. */
const LATE_MS = 300;
const SHORT_SESSION_MS = 5_000;
/** A relay that cannot be reached for this long, with something waiting for it, is an incident. */
const DOWN_MS = 60_000;
/** A pause that has lasted this long may be cut short. */
const HURRY_AFTER_MS = 2_000;

export function createPeerDialler(options: PeerDiallerOptions): PeerDialler {
  const { host, settings, incidents, slots, id, signal } = options;
  const { clock, random, log } = host;
  let dialling = false;
  let lastFailure: string | undefined;
  let pauseMs = settings.redialMinMs;
  let pausedAtMs = 0;
  let endPause = (): void => {};
  let downSinceMs: number | undefined;
  let toldDown = false;
  let impostorAt: string | undefined;

  const noteImpostor = ({ code, message }: PerdureError, at: string): void => {
    if (code !== "wrong-relay" || impostorAt === at) return;
    impostorAt = at;
    incidents.add("link", `${at}: ${code}, ${message}`);
  };

  const noteDown = ({ code, message }: PerdureError): void => {
    lastFailure = `${code}: ${message}`;
    downSinceMs ??= clock.monotonicMs();
    if (toldDown || (code !== "blocked" && clock.monotonicMs() - downSinceMs < DOWN_MS)) return;
    toldDown = true;
    incidents.add("link", `relay ${id} cannot be reached: ${lastFailure}`);
  };

  const known = (): Known => {
    if (options.met()) return downSinceMs === undefined ? "answered" : "failed";
    return downSinceMs === undefined ? "new" : "never-met";
  };

  const dialAt = async (at: string): Promise<void> => {
    const release = await slots.take(known(), signal);
    try {
      if (rarely(host.points, "peer-dial-late")) await sleep(clock, LATE_MS, signal);
      await options.connect(at);
    } finally {
      release();
    }
  };

  /** A failure when none of the places is the relay's: that of one which may be dialled, if there is one. */
  const dialOnce = async (): Promise<PerdureError | undefined> => {
    let failure = new PerdureError("unknown-relay", "nobody has said where it is", { retry: "after" });
    const places = [...options.urls()];
    for (const [tried, at] of places.entries()) {
      try {
        await dialAt(at);
        return undefined;
      } catch (error) {
        if (signal.aborted || !options.wanted()) return undefined;
        const found = isPerdureError(error) ? error : new PerdureError("internal", String(error), { cause: error });
        noteImpostor(found, at);
        log.write("info", "relay.peer-unreachable", { peer: id, url: at, code: found.code, why: found.message });
        if (tried === 0 || found.code !== "peer-forbidden") failure = found;
      }
    }
    const heardOfMore = options.urls().some((at) => !places.includes(at));
    if (failure.code === "unknown-relay" || (failure.code === "peer-forbidden" && !heardOfMore)) options.hopeless(failure.code);
    return failure;
  };

  const pause = async (askedMs: number): Promise<void> => {
    const share = u32At(random.bytes(4), 0) / 2 ** 32;
    pauseMs = Math.min(settings.redialMaxMs, settings.redialMinMs + share * Math.max(0, pauseMs * 3 - settings.redialMinMs));
    const cut = new AbortController();
    endPause = () => cut.abort();
    pausedAtMs = clock.monotonicMs();
    const either = AbortSignal.any([cut.signal, signal]);
    await sleep(clock, Math.max(pauseMs, Math.min(askedMs, settings.redialMaxMs)), either).catch(() => undefined);
    endPause = () => {};
  };

  const dial = async (afterPause: boolean): Promise<void> => {
    let askedMs = 0;
    for (let waits = afterPause; ; waits = true) {
      if (waits) await pause(askedMs);
      if (signal.aborted || !options.wanted()) return;
      const failure = await dialOnce();
      if (failure === undefined) return;
      noteDown(failure);
      if (failure.code === "unknown-relay") return;
      askedMs = failure.retry === "after" ? (failure.afterMs ?? 0) : 0;
    }
  };

  return {
    get dialling() {
      return dialling;
    },
    get lastFailure() {
      return lastFailure;
    },
    begin: (afterPause) => {
      if (dialling || signal.aborted) return;
      dialling = true;
      dial(afterPause)
        .catch((error: unknown) => incidents.add("internal", `dialling a relay failed: ${String(error)}`))
        .finally(() => {
          dialling = false;
        });
    },
    hurry: () => {
      if (clock.monotonicMs() - pausedAtMs > HURRY_AFTER_MS) endPause();
    },
    opened: () => {
      lastFailure = undefined;
      downSinceMs = undefined;
      toldDown = false;
      endPause();
    },
    ended: (lastedMs) => {
      if (lastedMs > SHORT_SESSION_MS) pauseMs = settings.redialMinMs;
    },
  };
}
