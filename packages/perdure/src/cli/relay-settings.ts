/** Settings of a relay from where its owner can put them: the call, the environment, a file in its folder; the nearest wins. */
import { join } from "node:path";
import type { Files } from "../host/files.ts";
import { readWhole } from "../identity/whole-file.ts";
import { fromUtf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { parseOverrides } from "./invocation.ts";
import type { Environment } from "./paint.ts";

export interface RelaySettings {
  readonly overrides: Readonly<Record<string, number>>;
  /** Who set each: `flag`, `env` or `file`. */
  readonly origins: Readonly<Record<string, string>>;
}

const FILE = "settings";
const MAX_BYTES = 64 * 1024;
const VARIABLE = "PERDURE_RELAY_SETTINGS";

/** `bad-argument` or `unknown-setting`, naming the place it stands in. */
export async function relaySettings(
  files: Files,
  folder: string,
  environment: Environment,
  flags: Readonly<Record<string, number>>,
): Promise<RelaySettings> {
  const path = join(folder, FILE);
  const bytes = await readWhole(files, path, MAX_BYTES);
  const lines = bytes === undefined ? [] : fromUtf8(bytes).split("\n");
  const words = lines.map((line) => line.replace(/#.*/, "").replaceAll(/\s/g, "")).filter((line) => line !== "");
  const sources = [
    ["file", within(path, words)],
    [
      "env",
      within(
        `$${VARIABLE}`,
        (environment[VARIABLE] ?? "").split(/[\s,]+/).filter((word) => word !== ""),
      ),
    ],
    ["flag", flags],
  ] as const;
  const overrides: Record<string, number> = {};
  const origins: Record<string, string> = {};
  for (const [origin, values] of sources) {
    for (const [name, value] of Object.entries(values)) {
      overrides[name] = value;
      origins[name] = origin;
    }
  }
  return { overrides, origins };
}

function within(place: string, words: readonly string[]): Readonly<Record<string, number>> {
  try {
    return parseOverrides(words);
  } catch (error) {
    if (!(error instanceof PerdureError)) throw error;
    throw new PerdureError(error.code, `${place}: ${error.message}`, {
      hint: "Write one name=value a line; `perdure relay settings` lists the names.",
    });
  }
}
