/** Where the command line has passphrases from: a file, the environment, or a person at a terminal. Never from a word of the call, which others can see. */
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { PerdureError } from "../wire/error.ts";
import type { Environment } from "./paint.ts";
import type { Terminal } from "./terminal.ts";

const MAX_FILE_BYTES = 4096;
/** Whoever takes a sealed file guesses at leisure: each letter less makes that a hundred times quicker. */
const SHORTEST_LETTERS = 8;
export const PASSPHRASE_VARIABLE = "PERDURE_PASSPHRASE";

export interface PassphraseSource {
  /** Whether somebody can be asked. */
  readonly canAsk: boolean;
  /** From `--passphrase-file` or the environment; `undefined` when neither says. `not-found`, `bad-argument`. */
  given(): Promise<string | undefined>;
  /** Asks on the terminal, without showing what is typed; `passphrase-required` without a terminal, `aborted` for Ctrl-C. */
  ask(what: string): Promise<string>;
  /** As `given`, for what is to be sealed with it: `bad-argument` when it is too short for that. */
  givenNew(): Promise<string | undefined>;
  /** A new one: what is given, else asked for twice; `bad-argument` when it is too short, or the two differ. */
  choose(what: string): Promise<string>;
}

export interface PassphraseSourceOptions {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly prompts: { write(text: string): unknown };
  readonly file: string | undefined;
}

export function createPassphraseSource({ terminal, environment, stdin, prompts, file }: PassphraseSourceOptions): PassphraseSource {
  const canAsk = stdin.isTTY === true && stdin.setRawMode !== undefined && terminal.stderr.isTerminal;
  const given = async (): Promise<string | undefined> => {
    if (file !== undefined) return await fromFile(file);
    const said = environment[PASSPHRASE_VARIABLE];
    return said === undefined || said === "" ? undefined : said;
  };
  const ask = async (what: string): Promise<string> => {
    if (!canAsk)
      throw new PerdureError("passphrase-required", `a passphrase is needed: ${what}`, {
        hint: `Put it into a file that only you can read and name that with --passphrase-file, or set ${PASSPHRASE_VARIABLE}.`,
      });
    prompts.write(`${what}: `);
    try {
      return await readHidden(stdin);
    } finally {
      prompts.write("\n");
    }
  };
  const givenNew = async (): Promise<string | undefined> => {
    const said = await given();
    return said === undefined ? undefined : longEnough(said);
  };
  return {
    canAsk,
    given,
    givenNew,
    ask,
    async choose(what) {
      const said = await givenNew();
      if (said !== undefined) return said;
      const first = longEnough(await ask(what));
      if (first !== (await ask("the same again"))) throw new PerdureError("bad-argument", "these two differ", { hint: "Call it again." });
      return first;
    },
  };
}

function longEnough(passphrase: string): string {
  if ([...passphrase].length >= SHORTEST_LETTERS) return passphrase;
  throw new PerdureError("bad-argument", `a passphrase has at least ${SHORTEST_LETTERS} letters`, {
    hint: "Four or five words that nobody else would put together are easy to remember and hard to guess.",
  });
}

/** One line of a terminal that shows nothing of it. */
function readHidden(stdin: PassphraseSourceOptions["stdin"]): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = "";
    const end = (finish: () => void): void => {
      stdin.off("data", take);
      stdin.setRawMode?.(false);
      stdin.pause();
      finish();
    };
    const take = (chunk: Uint8Array | string): void => {
      for (const letter of typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk)) {
        if (letter === "\r" || letter === "\n" || letter === "\u0004") return end(() => resolve(typed));
        if (letter === "\u0003") return end(() => reject(new PerdureError("aborted", "no passphrase was given")));
        typed = letter === "\u007f" || letter === "\b" ? [...typed].slice(0, -1).join("") : typed + letter;
      }
    };
    stdin.setRawMode?.(true);
    stdin.on("data", take);
    stdin.resume();
  });
}

/** The first line of a file. */
async function fromFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new PerdureError("not-found", `the passphrase file ${path} cannot be read`, { cause });
  });
  const [line = ""] = new TextDecoder().decode(bytes.subarray(0, MAX_FILE_BYTES)).split(/\r?\n/);
  if (line === "") throw new PerdureError("bad-argument", `the passphrase file ${path} begins with an empty line`);
  return line;
}
