/**
 * The inputs of a process kept in its folder, so that what came before a crash can still be told, with those of the processes before it.
 *
 *   <folder>/inputs/0, <folder>/inputs/1   written in turns, never synced: one that is torn leaves the other
 *     "perdure-inputs/1" SP length SP hexadecimal SHA-256 LF, then so many bytes of JSON: {number, salt, lives}
 *       number   of the writing; the higher one counts
 *       salt     of the pseudonyms, hexadecimal: it stays in the folder
 *       lives    processes, the oldest first
 *
 * What must hold: keeping never fails anybody's work; the file is bounded, and the oldest inputs give way.
 */
import { withDeadline } from "../../host/deadline.ts";
import type { Host } from "../../host/host.ts";
import { pseudonyms, type RecordedInput } from "../../host/input-ring.ts";
import type { Recording } from "../../host/recording.ts";
import { readWhole } from "../../identity/whole-file.ts";
import { FIXED } from "../../settings/fixed.ts";
import { fromHex, fromUtf8, hex, utf8 } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";

/** A file is at most so long; what it holds of earlier processes at most half of that. */
export const INPUTS_BYTES: number = 768 * 1024;
/** Processes that are remembered. */
export const MAX_LIVES = 16;
/** A process that is killed has not told what it lived through since then: less than this, and in its beginning less than half of its life. */
const KEEP_EVERY_MS = 15_000;
const FIRST_MS = 1000;
/** The same for one that meets nothing but keep-alives: its disk need not take the same file four times a minute. */
const QUIET_EVERY_MS = 300_000;
/** What went wrong is kept so soon, and at most so often. */
const TROUBLE_MS = 1000;
const TROUBLE_EVERY_MS = 10_000;
const SALT_BYTES = 16;
/** What a life takes besides its inputs. */
const LIFE_BYTES = 128;
const FORMAT = "perdure-inputs/1";
const LF = 10;

/** One process that had the folder. */
export interface Life {
  /** Milliseconds since 1970, by its own clock. */
  readonly beganMs: number;
  /** When this was written: what came after it is not known. */
  readonly lastMs: number;
  /** It ended as it should. */
  readonly closed: boolean;
  readonly inputs: readonly RecordedInput[];
}

interface Kept {
  readonly number: number;
  readonly salt: string;
  readonly lives: readonly Life[];
}

export interface InputKeeper extends AsyncDisposable {
  /** All that is known, the life of now last. */
  lives(): readonly Life[];
  readonly pseudonym: (text: string) => string;
}

/** Keeps what `recording` notes in `folder`, which the caller holds; `host` is the machine that is not watched. */
export async function openInputKeeper(host: Host, folder: string, recording: Recording): Promise<InputKeeper> {
  const { clock, files, crypto, log, random } = host;
  const before = await newest(host, folder).catch(() => undefined);
  const kept = before === undefined ? undefined : fromHex(before.salt);
  // A shorter one would be guessed, and with it everybody's names.
  const salt = kept?.length === SALT_BYTES ? kept : random.bytes(SALT_BYTES);
  const pseudonym = pseudonyms(crypto.hash, salt);
  const earlier = fitting(remembered(before?.lives ?? []), INPUTS_BYTES / 2);
  let number = before?.number ?? 0;
  let closed = false;
  let cancel: (() => void) | undefined;
  let cancelSoon: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();
  let troubleAtMs = Number.NEGATIVE_INFINITY;
  let [writtenAtMs, writtenNoted] = [Number.NEGATIVE_INFINITY, -1];

  const lives = (): readonly Life[] => [
    ...earlier,
    { beganMs: Math.round(recording.beganMs), lastMs: Math.round(clock.wallMs()), closed, inputs: recording.inputs(pseudonym) },
  ];
  const write = async (): Promise<void> => {
    [writtenAtMs, writtenNoted] = [clock.monotonicMs(), recording.noted];
    try {
      const kept: Kept = { number: ++number, salt: hex(salt), lives: fitting(lives(), INPUTS_BYTES) };
      const json = utf8(JSON.stringify(kept));
      const head = utf8(`${FORMAT} ${json.length} ${hex(crypto.hash.sha256(json))}\n`);
      const file = await files.open(pathOf(folder, number), "write");
      try {
        await file.write(0, head);
        await file.write(head.length, json);
      } finally {
        await file.close();
      }
    } catch (error) {
      log.write("debug", "inputs.not-kept", { code: isPerdureError(error) ? error.code : "internal" });
    }
  };
  const keep = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };
  const later = (delayMs: number): void => {
    cancel = clock.after(delayMs, () => {
      const isQuiet = recording.noted === writtenNoted && clock.monotonicMs() - writtenAtMs < QUIET_EVERY_MS;
      void (isQuiet ? Promise.resolve() : keep()).then(() => closed || later(Math.min(2 * delayMs, KEEP_EVERY_MS)));
    });
  };
  later(FIRST_MS);
  recording.onTrouble = () => {
    const nowMs = clock.monotonicMs();
    if (closed || cancelSoon !== undefined) return;
    const delayMs = Math.max(TROUBLE_MS, troubleAtMs + TROUBLE_EVERY_MS - nowMs);
    cancelSoon = clock.after(delayMs, () => {
      cancelSoon = undefined;
      troubleAtMs = clock.monotonicMs();
      void keep();
    });
  };
  return {
    lives,
    pseudonym,
    [Symbol.asyncDispose]: async () => {
      closed = true;
      recording.onTrouble = undefined;
      cancel?.();
      cancelSoon?.();
      recording.stop();
      // A disk that hangs must not keep a process from ending.
      await withDeadline(clock, { timeoutMs: FIXED.logCloseMs.value, what: "the inputs of this process" }, keep).catch(() => {});
    },
  };
}

/** What is kept in a folder, read beside whoever has it open; `not-found` when nothing is. */
export async function readKeptInputs(
  host: Pick<Host, "files" | "crypto">,
  folder: string,
): Promise<Pick<Kept, "lives"> & Pick<InputKeeper, "pseudonym">> {
  const kept = await newest(host, folder);
  if (kept === undefined)
    throw new PerdureError("not-found", `no inputs are kept in ${folder}`, {
      hint: "A process that runs there keeps them, unless keepInputs is 0.",
    });
  const salt = fromHex(kept.salt);
  if (salt?.length !== SALT_BYTES) throw new PerdureError("malformed", `the inputs kept in ${folder} have no salt`);
  return { lives: kept.lives, pseudonym: pseudonyms(host.crypto.hash, salt) };
}

/** Without those of which nothing is known; of too many, those that ended as they should and saw least give way. */
function remembered(lives: readonly Life[]): readonly Life[] {
  const kept = lives.filter(({ inputs }) => inputs.length > 0);
  while (kept.length > MAX_LIVES - 1) {
    const least = Math.min(...kept.filter(({ closed }) => closed).map(({ inputs }) => inputs.length));
    kept.splice(
      Math.max(
        0,
        kept.findIndex(({ closed, inputs }) => closed && inputs.length === least),
      ),
      1,
    );
  }
  return kept;
}

/** The lives with the oldest inputs left out, until they take at most so many bytes. */
function fitting(lives: readonly Life[], maxBytes: number): readonly Life[] {
  let left = maxBytes - 1024;
  const kept: Life[] = [];
  for (const life of lives.toReversed()) {
    left -= LIFE_BYTES;
    let from = life.inputs.length;
    while (from > 0) {
      const bytes = JSON.stringify(life.inputs[from - 1]).length + 1;
      if (bytes > left) break;
      left -= bytes;
      from--;
    }
    kept.push({ ...life, inputs: life.inputs.slice(from) });
    if (from > 0) break;
  }
  return kept.toReversed();
}

async function newest({ files, crypto }: Pick<Host, "files" | "crypto">, folder: string): Promise<Kept | undefined> {
  let found: Kept | undefined;
  for (const slot of [0, 1]) {
    const bytes = await readWhole(files, pathOf(folder, slot), INPUTS_BYTES + 1024);
    if (bytes === undefined) continue;
    const stop = bytes.indexOf(LF);
    const [format, length, sum] = stop < 0 ? [] : asText(bytes.subarray(0, stop)).split(" ");
    const json = bytes.subarray(stop + 1, stop + 1 + Number(length));
    if (format !== FORMAT || json.length !== Number(length) || hex(crypto.hash.sha256(json)) !== sum) continue;
    const kept = JSON.parse(asText(json)) as Kept;
    if (found === undefined || kept.number > found.number) found = kept;
  }
  return found;
}

function asText(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return "";
  }
}

function pathOf(folder: string, number: number): string {
  return `${folder}/inputs/${number % 2}`;
}
