/** `turboquant inspect <file>`. */
import type { Invocation } from "../invocation.ts";
import type { InspectWords } from "../words.ts";
import { inspectIndex } from "./inspect-index.ts";
import { inspectVectors } from "./inspect-vectors.ts";

export async function inspect(path: string, words: InspectWords, invocation: Invocation): Promise<number> {
  return path.toLowerCase().endsWith(".tqi") ? await inspectIndex(path, invocation) : await inspectVectors(path, words, invocation);
}
