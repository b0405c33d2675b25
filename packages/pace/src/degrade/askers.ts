/**
 * Who asks, as a number: the same for requests whose fields are alike in all that may tell people apart, and another for all others. It tells nothing of the fields
 * themselves, and is no hash that two could have in common: what one person was answered is never another's.
 */
export interface Askers {
  of(headers: Headers): number;
}

/** Fields that say how, and not for whom; who is not sure of one does better to leave it out, as it costs an answer of before at most. */
const OF_NOBODY = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-length",
  "content-type",
  "date",
  "idempotency-key",
  "traceparent",
  "tracestate",
  "user-agent",
  "x-request-id",
]);
/** Of OpenAI's and Anthropic's clients: their version, their platform, the number of the try. */
const OF_CLIENTS = "x-stainless-";
/** Who is forgotten gets another number, and so no answer of before. */
const MOST = 10_000;

export function createAskers(): Askers {
  // bound: MOST
  const numbers = new Map<string, number>();
  let count = 0;
  return {
    of: (headers) => {
      const fields = [...headers].filter(([name]) => !OF_NOBODY.has(name) && !name.startsWith(OF_CLIENTS));
      const text = JSON.stringify(fields);
      let number = numbers.get(text);
      if (number === undefined) {
        number = count++;
        numbers.set(text, number);
        if (numbers.size > MOST) numbers.delete(numbers.keys().next().value as string);
      }
      return number;
    },
  };
}
