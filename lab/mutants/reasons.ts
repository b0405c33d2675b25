/** Why mutants that the lab does not notice are not noticed; `survivors.json` beside it has them, found by words, not by numbers of lines. */
import { readFileSync } from "node:fs";
import type { Mutant } from "./generate.ts";

/** What kinds of reasons there are. */
export const REASONS = {
  equivalent: "nothing that can be seen differs",
  depth: "another defence stands behind it",
  speed: "it is only slower, or says more than needed",
  bound: "a bound no town comes to",
  form: "how bytes lie on disk or wire: both ends agree on it, and cases of their own fix it",
  words: "words for people, or facts nobody checks",
  gap: "a real gap: the lab should notice",
} as const;

export interface Survivor {
  readonly file: string;
  /** The line as it stands there, without blanks around it. */
  readonly code: string;
  readonly was: string;
  readonly put: string;
  readonly reason: keyof typeof REASONS;
  readonly why: string;
}

export function readSurvivors(): readonly Survivor[] {
  return JSON.parse(readFileSync(new URL("./survivors.json", import.meta.url), "utf8")) as readonly Survivor[];
}

/** The one that is about this mutant; `source` is the text of its file. */
export function survivorOf(mutant: Mutant, source: string, all: readonly Survivor[]): Survivor | undefined {
  const code = lineOf(mutant, source);
  return all.find((each) => each.file === mutant.file && each.code === code && each.was === mutant.was && each.put === mutant.put);
}

/** The line a mutant begins in, without blanks around it. */
export function lineOf({ line }: Mutant, source: string): string {
  return (source.split("\n")[line - 1] ?? "").trim();
}
