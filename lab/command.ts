/** A command of the lab: its words, its exit code, and what went wrong as a person reads it. */
import { safeText } from "../packages/perdure/src/cli/foreign-text.ts";
import { ERROR_CODES, isPerdureError, PerdureError } from "../packages/perdure/src/wire/error.ts";

/** Of what is a mistake of the lab itself, as in `sysexits.h`. */
const SOFTWARE = 70;
/** Of what went wrong: it may name what a file says. */
const MOST_LETTERS = 10_000;

/** Runs `main` with the words of this process, which ends with the code it gives, or with that of what it throws; `name` is that of its script. */
export function runCommand(name: string, main: (words: readonly string[]) => Promise<number>): void {
  // Who reads only the beginning, as `| head` does, has what he wanted.
  process.stdout.on("error", () => process.exit(0));
  main(process.argv.slice(2)).then(
    (code) => {
      process.exitCode = code;
    },
    (thrown: unknown) => {
      const error = isAboutWords(thrown)
        ? new PerdureError("bad-argument", thrown.message, { hint: `npm run ${name} -- --help lists every word.` })
        : thrown;
      process.stderr.write(`${safeText(whyNot(error)).slice(0, MOST_LETTERS)}\n`);
      process.exitCode = isPerdureError(error) ? ERROR_CODES[error.code] : SOFTWARE;
    },
  );
}

/** A whole number from `least` to `most`, as somebody wrote it; throws `bad-argument`, naming the word. */
export function wholeNumber(name: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(number) && number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new PerdureError("bad-argument", `--${name} is "${text}"`, { hint: `It takes a whole number ${range}.` });
}

/** What Node's own reader of arguments throws. */
function isAboutWords(error: unknown): error is Error {
  return error instanceof Error && String((error as { readonly code?: unknown }).code).startsWith("ERR_PARSE_ARGS");
}

function whyNot(error: unknown): string {
  if (!isPerdureError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${error.code}: ${error.message}${error.hint === undefined ? "" : `\n  ${error.hint}`}`;
}
