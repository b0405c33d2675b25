/** What a model's stream in the AI SDK took, read while somebody else reads it: what its last part tells, or what was said where there is none. */
import { tokensOfCharacter } from "../providers/cost.ts";
import type { Cost } from "../quota/reading.ts";

export interface MeteredStream {
  /** The same parts, each when it comes. */
  readonly stream: ReadableStream<unknown>;
  /** When it ended, broke or was cancelled. */
  readonly used: Promise<Cost>;
}

interface Part {
  readonly type?: unknown;
  readonly delta?: unknown;
}

/** Of texts, thoughts and what tools are given. */
const SAYS: ReadonlySet<unknown> = new Set(["text-delta", "reasoning-delta", "tool-input-delta"]);

/** `guess`: of the question, where the stream tells nothing of it. */
export function meteredStream(parts: ReadableStream<unknown>, guess: Cost, told: (part: object) => Cost | undefined): MeteredStream {
  const reader = parts.getReader();
  let settle: (used: Cost) => void = () => undefined;
  const used = new Promise<Cost>((resolve) => {
    settle = resolve;
  });
  let tokens = 0;
  let known: Cost | undefined;
  const end = (): void => {
    const [input, output] = [guess["input-tokens"] ?? 0, Math.ceil(tokens)];
    settle(known ?? { requests: 1, "input-tokens": input, "output-tokens": output, tokens: input + output });
  };
  const look = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    const { type, delta } = part as Part;
    if (type === "finish") known = told(part);
    if (typeof delta !== "string" || !SAYS.has(type)) return;
    for (let at = 0; at < delta.length; at++) tokens += tokensOfCharacter(delta.charCodeAt(at));
  };
  const stream = new ReadableStream<unknown>(
    {
      pull: async (controller) => {
        try {
          const next = await reader.read();
          if (next.done) {
            end();
            controller.close();
            return;
          }
          look(next.value);
          controller.enqueue(next.value);
        } catch (error) {
          end();
          throw error;
        }
      },
      cancel: (reason) => {
        end();
        return reader.cancel(reason);
      },
    },
    // Nobody reads ahead of who asks for it.
    { highWaterMark: 0 },
  );
  return { stream, used };
}
