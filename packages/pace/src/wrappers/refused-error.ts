/**
 * A refusal of ours inside the error of a client. `clientFetch` and the proxy refuse by an answer, which each client throws as an error of its own class: those of OpenAI
 * and Anthropic keep its fields in `headers`, the AI SDK in `responseHeaders`, and wraps the last of several in `lastError`.
 *
 * It is known by the fields that are ours alone; words and codes of the body are any service's. Both who write these fields take them out of what services answer.
 */
import type { PaceErrorCode } from "../error.ts";
import { fieldsOf } from "../providers/fields.ts";

/** Of `clientFetch`: the code of a `PaceError`. */
export const REFUSED = "pace-refused";
/** Beside it: the client has asked the same before, and nobody here knows what came of that. */
export const ASKED_BEFORE = "pace-asked-before";
/** Of the proxy. */
export const PROXY_ERROR = "pace-error";

export interface RefusedError {
  /** Of a `PaceError`, or of the proxy's own. */
  readonly code: string;
  /** As of a `PaceError`. */
  readonly availableInMs: number | undefined;
  /** Whether it is known that nothing left: not of the proxy, and not where another try of the client may have. */
  readonly isUnmade: boolean;
}

/** As we refuse: what is no refusal has none of these. */
const STATUSES: ReadonlySet<unknown> = new Set([400, 429, 503]);
/** What is refused by it here is more than a whole quota has: no wait is told, and none helps. */
const NEVER = "quota-spent" satisfies PaceErrorCode;
const SPAN = /^\d{1,15}$/;

/** Of this error alone, not of those behind it. */
export function refusedErrorOf(error: object): RefusedError | undefined {
  try {
    const { status, statusCode, headers, responseHeaders, response } = error as Readonly<Record<string, unknown>>;
    if (!STATUSES.has(status ?? statusCode)) return undefined;
    const fields = fieldsOf(headers ?? responseHeaders ?? (response as { readonly headers?: unknown } | null | undefined)?.headers);
    const code = fields.get(REFUSED) ?? fields.get(PROXY_ERROR);
    if (code === null) return undefined;
    const waitMs = fields.get("retry-after-ms");
    const unsaidMs = code === NEVER ? Number.POSITIVE_INFINITY : undefined;
    return {
      code,
      availableInMs: waitMs !== null && SPAN.test(waitMs) ? Number(waitMs) : unsaidMs,
      isUnmade: fields.get(REFUSED) !== null && fields.get(ASKED_BEFORE) === null,
    };
  } catch {
    // Errors of others may be anything, and one that cannot be looked at is none of ours.
    return undefined;
  }
}
