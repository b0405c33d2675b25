/**
 * How far something is: on a terminal a bar in one line that is drawn over, with rate and time left; elsewhere a line now and then, so that a log says
 * that something goes on. With `--json` nothing.
 */
import { durationText, figure } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

export interface Progress {
  /** `share` from 0 to 1; `done` of `unit` so far. */
  at(share: number, done: number): void;
  /** Takes the bar away. */
  end(): void;
}

/** Often enough to be seen moving, seldom enough to cost nothing. */
const DRAW_EVERY_MS = 80;
const SAY_EVERY_MS = 10_000;
/** Before that, a time left would be a guess. */
const GUESS_FROM_MS = 500;
const NARROWEST_BAR = 8;
const WIDEST_BAR = 30;

export function startProgress(terminal: Terminal, what: string, unit: string, now: () => number = () => performance.now()): Progress {
  const startedAt = now();
  let saidAt = startedAt;
  let drawn = false;
  const wordsAt = (share: number, done: number, passed: number): string => {
    const rate = passed > 0 ? `${figure((done / passed) * 1000)} ${unit}/s` : "";
    const left = passed > GUESS_FROM_MS && share > 0 ? `${durationText((passed / share) * (1 - share))} left` : "";
    return [rate, left].filter((text) => text !== "").join(", ");
  };
  return {
    at: (share, done) => {
      const at = now();
      const passed = at - startedAt;
      const percent = `${Math.floor(share * 100)} %`.padStart(6);
      if (terminal.movesCursor && (!drawn || at - saidAt >= DRAW_EVERY_MS)) {
        const words = `${percent}  ${wordsAt(share, done, passed)}`;
        const room = Math.min(WIDEST_BAR, terminal.columns() - what.length - words.length - 6);
        const filled = Math.round(Math.max(0, room) * share);
        const bar = room < NARROWEST_BAR ? "" : ` ${"█".repeat(filled)}${"░".repeat(room - filled)}`;
        terminal.draw(`\r\u001b[K${`${what}${bar}${words}`.slice(0, terminal.columns() - 1)}`);
        drawn = true;
        saidAt = at;
      }
      if (!terminal.movesCursor && !terminal.json && at - saidAt >= SAY_EVERY_MS) {
        terminal.note(`${what}:${percent}, ${wordsAt(share, done, passed)}`);
        saidAt = at;
      }
    },
    end: () => {
      if (drawn) terminal.draw("\r\u001b[K");
      drawn = false;
    },
  };
}
