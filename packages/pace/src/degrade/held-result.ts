import { answerLike, bodiless } from "../providers/answer-like.ts";

/** A result that can be given out more than once. */
const MOST_CHARACTERS = 100_000;

/** `undefined` for what cannot: what is being streamed, what is no success, what is too long. */
export async function held(result: unknown): Promise<(() => unknown) | undefined> {
  try {
    if (result instanceof Response) return await heldResponse(result);
    const text = JSON.stringify(result);
    if (text === undefined || text.length > MOST_CHARACTERS) return undefined;
    const kept: unknown = structuredClone(result);
    return () => structuredClone(kept);
  } catch {
    // It has functions, or itself, in it; or somebody reads it already.
    return undefined;
  }
}

async function heldResponse(answer: Response): Promise<(() => Response) | undefined> {
  const isText = /^(?:application\/(?:[\w.-]+\+)?json|text\/(?!event-stream))/i.test(answer.headers.get("content-type") ?? "");
  const isKept = answer.status === 200 && !/no-store/i.test(answer.headers.get("cache-control") ?? "");
  if (!isKept || answer.bodyUsed || !isText) return undefined;
  const text = await textOf(answer.clone());
  if (text === undefined) return undefined;
  const own = bodiless(answer);
  const headers = new Headers(answer.headers);
  // They told of the bytes on the way.
  for (const name of ["content-encoding", "content-length", "transfer-encoding"]) headers.delete(name);
  return () => answerLike(own, { body: text, headers });
}

async function textOf(answer: Response): Promise<string | undefined> {
  const reader = answer.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      text += decoder.decode(next.value, { stream: true });
      if (text.length <= MOST_CHARACTERS) continue;
      void reader.cancel().catch(() => undefined);
      return undefined;
    }
    return text + decoder.decode();
  } catch {
    return undefined;
  }
}
