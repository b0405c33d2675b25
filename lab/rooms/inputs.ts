/**
 * What lately came in, kept in a folder: when it is written, what of it and of the processes before is kept where it is too much, and what is
 * left of it when a process dies, power is lost, or a file is damaged. Beside a list of lives that is cut to size again.
 */
import { createHash } from "node:crypto";
import type { RecordedInput } from "../../packages/perdure/src/host/input-ring.ts";
import type { Recording } from "../../packages/perdure/src/host/recording.ts";
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import {
  type InputKeeper,
  type Life,
  openInputKeeper,
  readKeptInputs,
} from "../../packages/perdure/src/protocol/incidents/input-keeper.ts";
import { hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { type BundleStep, bundleStep, drawBundle } from "./bundle-reading.ts";
import { createFolderMachine } from "./folder-machine.ts";
import { settled } from "./hand-clock.ts";
import { parted, type Room, type RoomTools } from "./room.ts";

type Damage = "flip" | "cut" | "format" | "gone" | "salt";

type Step =
  | { readonly do: "note"; readonly count: number; readonly bytes: number; readonly isNoted: boolean }
  | { readonly do: "trouble" | "close" | "kill" | "power" }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "fail"; readonly after: number }
  | { readonly do: "damage"; readonly slot: number; readonly how: Damage; readonly at: number }
  | { readonly do: "bundle"; readonly bundle: BundleStep };

const STEPS = 40;
const FOLDER = "home";
const BYTES = 768 * 1024;
const LIVES = 16;

export const inputs: Room<Step> = {
  name: "inputs",
  about: "what came in lately, kept in a folder and cut to size, beside a list of lives",
  draw: (draws) => {
    const isBig = draws.chance(0.03);
    // Many short lives, of which only so many are remembered.
    if (draws.chance(0.06)) return Array.from({ length: 20 }, () => drawShortLife(draws, isBig)).flat();
    return Array.from({ length: isBig ? STEPS / 2 : STEPS }, () => drawStep(draws, isBig));
  },
  run: (steps, tools) => runInputs(steps, tools),
};

function drawShortLife(draws: Draws, isBig: boolean): readonly Step[] {
  const bytes = isBig && draws.chance(0.5) ? 20_000 + draws.below(30_000) : draws.below(60);
  const note: Step = { do: "note", count: draws.below(3), bytes, isNoted: true };
  return draws.chance(0.8) ? [note, { do: "close" }] : [note, { do: "wait", ms: 1_000 }, { do: "kill" }];
}

function drawStep(draws: Draws, isBig: boolean): Step {
  const roll = draws.below(40);
  if (roll < 12) {
    const bytes = isBig && draws.chance(0.5) ? 20_000 + draws.below(30_000) : draws.below(60);
    return { do: "note", count: 1 + draws.below(isBig ? 6 : 3), bytes, isNoted: draws.chance(0.7) };
  }
  if (roll < 24) {
    const due = [1_000, 2_000, 4_000, 8_000, 15_000, 999, 300_000, 9_000];
    return { do: "wait", ms: draws.chance(0.6) ? (due[draws.below(due.length)] as number) : draws.below(40_000) };
  }
  if (roll < 28) return { do: "trouble" };
  if (roll < 31) return { do: "close" };
  if (roll < 34) return { do: "kill" };
  if (roll === 34 && draws.chance(0.3)) return { do: "power" };
  if (roll === 35) return { do: "fail", after: draws.below(4) };
  if (roll === 36) {
    const how = (["flip", "cut", "format", "gone", "salt"] as const)[draws.below(5)] as Damage;
    return { do: "damage", slot: draws.below(2), how, at: draws.u32() };
  }
  return { do: "bundle", bundle: drawBundle(draws) };
}

/** A file as it lies there: whatever is wrong with it, it is no file. */
interface Slot {
  readonly number: number;
  readonly salt: string;
  readonly lives: readonly Life[];
}

async function runInputs(steps: readonly Step[], tools: RoomTools): Promise<void> {
  const machine = createFolderMachine(tools.hash, tools.draws("machine"));
  const { clock, disk, host } = machine;
  const slots: [Slot | undefined, Slot | undefined] = [undefined, undefined];
  /** What somebody put there is there for good; what a keeper writes is never synced. */
  const durable: [Slot | undefined, Slot | undefined] = [undefined, undefined];
  let fails = Number.POSITIVE_INFINITY;
  let life = await begin();

  async function begin() {
    const found = newest();
    const noted: RecordedInput[] = [];
    const recording = {
      beganMs: clock.wallMs() + 0.3,
      noted: 0,
      inputs: (pseudonym: (text: string) => string) => noted.map((each) => ({ ...each, who: pseudonym("somebody") })),
      stop: () => undefined,
      onTrouble: undefined,
    } as unknown as Recording & { noted: number };
    const keeper = await openInputKeeper(host, FOLDER, recording);
    const hasSalt = found?.salt.length === 32;
    const nowMs = clock.monotonicMs();
    return {
      keeper,
      recording,
      noted,
      earlier: shorten(remember(found?.lives ?? []), BYTES / 2),
      number: found?.number ?? 0,
      salt: hasSalt ? found.salt : undefined,
      closed: false,
      everyMs: 1000,
      dueMs: nowMs + 1000,
      troubleMs: undefined as number | undefined,
      troubleAtMs: Number.NEGATIVE_INFINITY,
      writtenAtMs: Number.NEGATIVE_INFINITY,
      writtenNoted: -1,
    };
  }

  function newest(): Slot | undefined {
    const [one, other] = slots;
    return one !== undefined && (other === undefined || one.number > other.number) ? one : other;
  }

  function livesNow(): readonly Life[] {
    const { earlier, recording, noted, closed, keeper } = life;
    const now: Life = {
      beganMs: Math.round(recording.beganMs),
      lastMs: Math.round(clock.wallMs()),
      closed,
      inputs: noted.map((each) => ({ ...each, who: keeper.pseudonym("somebody") })),
    };
    return [...earlier, now];
  }

  /** What is written at that moment, unless the disk fails. */
  function written(): void {
    const { recording, keeper } = life;
    [life.writtenAtMs, life.writtenNoted] = [clock.monotonicMs(), recording.noted];
    const number = ++life.number;
    life.salt ??= saltOf(keeper, number, disk.read(`${FOLDER}/inputs/${number % 2}`));
    // Opening it and writing its two pieces; after a failure nothing is done any more.
    const done = Math.min(3, fails);
    fails -= done;
    if (done === 3) slots[number % 2] = { number, salt: life.salt ?? "", lives: shorten(livesNow(), BYTES) };
    else if (done === 2) slots[number % 2] = undefined;
  }

  async function passTime(ms: number): Promise<void> {
    const untilMs = clock.monotonicMs() + ms;
    for (;;) {
      if (life.closed) break;
      const nextMs = Math.min(life.dueMs, life.troubleMs ?? Number.POSITIVE_INFINITY);
      if (nextMs > untilMs) break;
      await clock.pass(nextMs - clock.monotonicMs());
      const isTrouble = life.troubleMs === nextMs;
      if (life.dueMs === nextMs) {
        const isQuiet = life.recording.noted === life.writtenNoted && nextMs - life.writtenAtMs < 300_000;
        if (!isQuiet) written();
        life.everyMs = Math.min(2 * life.everyMs, 15_000);
        life.dueMs = nextMs + life.everyMs;
      }
      if (isTrouble) {
        [life.troubleMs, life.troubleAtMs] = [undefined, nextMs];
        written();
      }
      await compare(`${nextMs} ms`);
    }
    await clock.pass(untilMs - clock.monotonicMs());
  }

  async function compare(where: string): Promise<void> {
    for (const slot of [0, 1] as const) {
      const due = slots[slot];
      const found = readSlot(disk.read(`${FOLDER}/inputs/${slot}`));
      if (JSON.stringify(found) !== JSON.stringify(due))
        parted(`after ${where} file ${slot} has ${JSON.stringify(found)?.slice(0, 300)}, and not ${JSON.stringify(due)?.slice(0, 300)}`);
    }
    const [lives, due] = [JSON.stringify(life.keeper.lives()), JSON.stringify(livesNow())];
    if (lives !== due) parted(`after ${where} it tells ${lives.slice(0, 300)}, and not ${due.slice(0, 300)}`);
    const kept = await readKeptInputs(host, FOLDER).then(
      ({ lives: all }) => JSON.stringify(all),
      (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
    );
    const last = newest();
    const told = last === undefined ? "not-found" : last.salt.length === 32 ? JSON.stringify(last.lives) : "malformed";
    if (kept !== told) parted(`after ${where} whoever reads beside it finds ${kept.slice(0, 300)}, and not ${told.slice(0, 300)}`);
    if (clock.timers > (life.closed ? 0 : 2)) parted(`after ${where} ${clock.timers} timers are set`);
  }

  /** The process is gone, and another begins. */
  async function again(): Promise<void> {
    clock.forget();
    disk.failAfter(Number.POSITIVE_INFINITY);
    fails = Number.POSITIVE_INFINITY;
    await passTime(0);
    life = await begin();
  }

  for (const step of steps) {
    switch (step.do) {
      case "note":
        for (let nth = 0; nth < step.count; nth++)
          life.noted.push({ atMs: life.noted.length, what: "w".repeat(step.bytes + nth) } as RecordedInput);
        if (step.isNoted) life.recording.noted++;
        break;
      case "wait":
        await passTime(step.ms);
        break;
      case "trouble":
        life.recording.onTrouble?.();
        if (!life.closed) life.troubleMs ??= clock.monotonicMs() + Math.max(1000, life.troubleAtMs + 10_000 - clock.monotonicMs());
        break;
      case "close": {
        if (life.closed) break;
        life.closed = true;
        const closing = life.keeper[Symbol.asyncDispose]();
        await settled();
        await closing;
        written();
        await compare("the end");
        await again();
        break;
      }
      case "kill":
        await again();
        break;
      case "power":
        disk.restart();
        [slots[0], slots[1]] = durable;
        await again();
        break;
      case "fail":
        fails = step.after;
        disk.failAfter(step.after);
        break;
      case "damage":
        if (damage(step.slot as 0 | 1, step.how, step.at)) durable[step.slot] = slots[step.slot];
        // Whoever runs has read it before.
        await again();
        break;
      case "bundle":
        bundleStep(step.bundle, life.keeper.lives(), life.keeper.pseudonym);
    }
    await settled();
    await compare(step.do);
  }

  function damage(slot: 0 | 1, how: Damage, at: number): boolean {
    const path = `${FOLDER}/inputs/${slot}`;
    const bytes = disk.read(path)?.slice();
    const was = slots[slot];
    if (bytes === undefined || was === undefined) return false;
    const length = fileBytes(was);
    if (how === "salt") {
      const json = JSON.stringify({ ...was, salt: "00ff" });
      slots[slot] = { ...was, salt: "00ff" };
      disk.put(path, utf8(`perdure-inputs/1 ${json.length} ${sha256(json)}\n${json}`));
      return true;
    }
    slots[slot] = undefined;
    if (how === "format") bytes[14] = 50;
    if (how === "flip") bytes[at % length] = (bytes[at % length] as number) ^ (1 << (at % 5));
    disk.put(path, how === "cut" ? bytes.slice(0, at % length) : how === "gone" ? new Uint8Array(0) : bytes);
    return true;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The file as the words above `input-keeper.ts` say it; what lies behind it is of a longer one before. */
function readSlot(bytes: Uint8Array | undefined): Slot | undefined {
  const text = new TextDecoder().decode(bytes ?? new Uint8Array(0));
  const [, length, sum] = /^perdure-inputs\/1 (\d+) ([0-9a-f]{64})\n/.exec(text) ?? [];
  const json = text.slice(text.indexOf("\n") + 1).slice(0, Number(length));
  return length !== undefined && json.length === Number(length) && sha256(json) === sum ? (JSON.parse(json) as Slot) : undefined;
}

function fileBytes(slot: Slot): number {
  const json = JSON.stringify(slot);
  return `perdure-inputs/1 ${json.length} ${sha256(json)}\n`.length + json.length;
}

/** The salt of a keeper that had none before: what its first file says, which its pseudonyms must bear out. */
function saltOf(keeper: InputKeeper, number: number, bytes: Uint8Array | undefined): string | undefined {
  const slot = readSlot(bytes);
  if (slot === undefined || slot.number !== number) return undefined;
  const salt = Buffer.from(slot.salt, "hex");
  if (salt.length !== 16) parted(`a salt of ${salt.length} bytes is drawn`);
  const whole = createHash("sha256").update("perdure/pseudonym/1\n").update(salt).update("somebody").digest();
  if (!hex(whole).startsWith(keeper.pseudonym("somebody")) || keeper.pseudonym("somebody").length < 12)
    parted("a pseudonym is not of its salt");
  return slot.salt;
}

/** Of too many processes those give way that ended as they should and saw least, else the oldest. */
function remember(lives: readonly Life[]): readonly Life[] {
  let kept = lives.filter((each) => each.inputs.length > 0);
  while (kept.length >= LIVES) {
    const closed = kept.filter((each) => each.closed);
    const least = closed.find((each) => closed.every((other) => other.inputs.length >= each.inputs.length)) ?? kept[0];
    kept = kept.filter((each) => each !== least);
  }
  return kept;
}

/** The newest inputs that take at most so many bytes, and the lives they are of. */
function shorten(lives: readonly Life[], most: number): readonly Life[] {
  let left = most - 1024;
  let isFull = false;
  const kept = lives.toReversed().flatMap((life): readonly Life[] => {
    if (isFull) return [];
    left -= 128;
    const newest = life.inputs.toReversed().filter((input) => {
      const bytes = JSON.stringify(input).length + 1;
      isFull ||= bytes > left;
      if (!isFull) left -= bytes;
      return !isFull;
    });
    return [{ ...life, inputs: newest.toReversed() }];
  });
  return kept.toReversed();
}
