/** One TCP connection through a line: two directions, each with a profile of the kind simulated networks have, and what became of it on its way. */
import type { Socket } from "node:net";
import type { Draws, LinkProfile } from "../../packages/perdure/src/host/simulated/index.ts";

/** What happens to bytes that one side sends: they are carried, nobody hears of them, or the sender is told that there is no connection. */
export type Fate = "carried" | "swallowed" | "reset";
export type Side = "near" | "far";

export interface TwoWays {
  /** From here on; what is under way from that side and is not carried any more is lost. */
  doom(side: Side, fate: Fate): void;
  /** Both sides hear at once that the connection broke. */
  cut(): void;
  /** Profiles have changed: what waited for a line that was down goes on. */
  wake(): void;
}

export interface TwoWaysOptions {
  /** Who dialled. */
  readonly near: Socket;
  readonly far: Socket;
  /** What `near` sends goes by `there`, what `far` sends by `back`. */
  readonly profiles: { readonly there: LinkProfile; readonly back: LinkProfile };
  readonly draws: Draws;
  readonly nowMs: () => number;
  /** Called once, when both sockets are closed. */
  readonly over: () => void;
}

/** What is sent again after a loss waits this long, and twice as long each time after, as in TCP. */
const SENT_AGAIN_MS = 200;
const MOST_LOSSES = 6;
/** Lines with a rate carry pieces of this size, so that they carry evenly. */
const PIECE_BYTES = 2048;

export function joinSockets({ near, far, profiles, draws, nowMs, over }: TwoWaysOptions): TwoWays {
  const flow = { openedMs: nowMs(), passedMs: nowMs(), forgotten: false };
  const fates: Record<Side, Fate> = { near: "carried", far: "carried" };
  let open = 2;

  const createWay = (side: Side, from: Socket, to: Socket, profile: LinkProfile) => {
    /** `undefined` is the end of what that side sends. */
    let queue: { readonly atMs: number; readonly bytes: Buffer | undefined }[] = [];
    let queued = 0;
    let lastMs = 0;
    let wireFreeMs = 0;
    let readerFreeMs = 0;
    let timer: NodeJS.Timeout | undefined;
    let isFull = false;

    const pump = (): void => {
      clearTimeout(timer);
      while (!profile.down && !isFull) {
        const [first] = queue;
        if (first === undefined || to.destroyed) break;
        const wait = first.atMs - nowMs();
        if (wait > 0) {
          timer = setTimeout(pump, wait);
          return;
        }
        queue.shift();
        if (first.bytes === undefined) to.end();
        else {
          queued -= first.bytes.length;
          isFull = !to.write(first.bytes);
        }
      }
      if (queued < profile.bufferBytes) from.resume();
    };

    const push = (bytes: Buffer | undefined): void => {
      const length = bytes?.length ?? 0;
      const now = nowMs();
      wireFreeMs = Math.max(now, wireFreeMs) + (length / profile.bytesPerSecond) * 1000;
      let atMs = wireFreeMs + profile.latencyMs + (profile.jitterMs > 0 ? draws.wait(profile.jitterMs) : 0);
      for (let again = 0; again < MOST_LOSSES && draws.chance(profile.loss); again++) atMs += SENT_AGAIN_MS * 2 ** again;
      readerFreeMs = Math.max(atMs, readerFreeMs) + (length / profile.readBytesPerSecond) * 1000;
      lastMs = Math.max(lastMs, readerFreeMs);
      queue.push({ atMs: lastMs, bytes });
      queued += length;
      if (queued >= profile.bufferBytes) from.pause();
    };

    const take = (bytes: Buffer): void => {
      const { middlebox } = profile;
      const now = nowMs();
      if (now - flow.passedMs > middlebox.forgetsAfterMs || now - flow.openedMs > middlebox.maxAgeMs) flow.forgotten = true;
      flow.passedMs = now;
      const fate = fates[side] === "carried" && flow.forgotten ? (middlebox.resets ? "reset" : "swallowed") : fates[side];
      if (fate === "swallowed") return;
      if (fate === "reset") return void from.resetAndDestroy();
      if (draws.chance(middlebox.drop)) return;
      const at = draws.chance(middlebox.corrupt) ? draws.below(bytes.length) : -1;
      if (at >= 0) bytes[at] = (bytes[at] as number) ^ (1 << draws.below(8));
      const isPaced = Number.isFinite(profile.bytesPerSecond) || Number.isFinite(profile.readBytesPerSecond);
      const step = isPaced ? PIECE_BYTES : bytes.length;
      for (let start = 0; start < bytes.length; start += step) push(bytes.subarray(start, start + step));
      if (draws.chance(middlebox.duplicate)) push(Buffer.from(bytes));
      const [last, before] = [queue.at(-1), queue.at(-2)];
      if (last !== undefined && before !== undefined && draws.chance(middlebox.reorder)) queue.splice(-2, 2, last, before);
      pump();
    };

    const forget = (): void => {
      clearTimeout(timer);
      queue = [];
      queued = 0;
    };

    from.on("data", take);
    from.on("end", () => {
      if (fates[side] !== "carried" || flow.forgotten) return;
      push(undefined);
      pump();
    });
    // What an error means for the other side is said where it closes.
    from.on("error", () => {});
    from.on("close", (hadError) => {
      if (hadError && fates[side] === "carried" && !flow.forgotten && !to.destroyed) {
        forget();
        to.resetAndDestroy();
      }
      if (--open === 0) {
        for (const way of [there, back]) way.forget();
        over();
      }
    });
    to.on("drain", () => {
      isFull = false;
      pump();
    });
    return { pump, forget };
  };

  const there = createWay("near", near, far, profiles.there);
  const back = createWay("far", far, near, profiles.back);
  return {
    doom: (side, fate) => {
      fates[side] = fate;
      if (fate !== "carried") (side === "near" ? there : back).forget();
    },
    cut: () => {
      for (const socket of [near, far]) if (!socket.destroyed) socket.resetAndDestroy();
    },
    wake: () => {
      for (const way of [there, back]) way.pump();
    },
  };
}
