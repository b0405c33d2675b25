/** How much the next outputs of tools will add, by what each tool gave lately. */

export interface ToolGrowth {
  /** An output of so many tokens. */
  saw(tool: string, tokens: number): void;
  /** A model call leaves: outputs after it are of the next turn of the loop. */
  turned(): void;
  /** Tokens that the outputs before the next model call add, at the ninth of ten; `largest` is what one may add. */
  next(largest: number): number;
}

/** Of each tool. */
const REMEMBERED = 64;
/** Names that a model makes up are no tools; the one that was seen first makes room. */
const MOST_TOOLS = 1000;
/** Fewer outputs say nothing of the ninth of ten: then it counts as the largest that is admitted. */
const LEAST_SEEN = 5;
/** Tools that were used in so many turns will be used in the next. */
const TURNS = 4;
const QUANTILE = 0.9;

export function createToolGrowth(): ToolGrowth {
  const sizes = new Map<string, number[]>();
  let turns: (readonly string[])[] = [];
  let now: string[] = [];

  const ofTool = (tool: string) => {
    const seen = sizes.get(tool);
    if (seen === undefined) return undefined;
    const sorted = [...seen].sort((one, other) => one - other);
    return { p90: sorted[Math.ceil(QUANTILE * sorted.length) - 1] ?? 0, isKnown: seen.length >= LEAST_SEEN };
  };

  return {
    saw: (tool, tokens) => {
      const seen = sizes.get(tool) ?? [];
      sizes.delete(tool);
      const first = sizes.keys().next();
      if (sizes.size >= MOST_TOOLS && first.done !== true) sizes.delete(first.value);
      seen.push(tokens);
      if (seen.length > REMEMBERED) seen.shift();
      sizes.set(tool, seen);
      now.push(tool);
    },
    turned: () => {
      if (now.length > 0) turns = [...turns.slice(1 - TURNS), now];
      now = [];
    },
    next: (largest) => {
      const recent = [...turns, now].slice(-TURNS);
      if (recent.every((tools) => tools.length === 0)) return largest;
      const sumOf = (tools: readonly string[]): number =>
        tools.reduce((sum, tool) => {
          const seen = ofTool(tool);
          return sum + (seen?.isKnown ? Math.min(seen.p90, largest) : largest);
        }, 0);
      return Math.max(...recent.map(sumOf));
    },
  };
}
