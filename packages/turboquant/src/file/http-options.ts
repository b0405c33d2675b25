/** What a file behind HTTP is asked for with. */
import { checkFunction, checkWhole, kindOf, orAwaited, refuse, shown } from "../argument.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import type { HttpRangeOptions } from "./http-range.ts";

const NAMES: OptionNames = optionNames<HttpRangeOptions>({
  fetch: true,
  headers: true,
  signal: true,
  timeoutMs: true,
  requestsAtOnce: true,
});
/** Timers of engines count so far, and take more for nothing. */
const MOST_TIMEOUT_MS = 2 ** 31 - 1;
/** More streams than servers of HTTP/2 give one connection. */
const MOST_AT_ONCE = 1024;
/** Of a letter: a drive of Windows. */
const OF_A_DISK = /^(file|[a-z]):/i;

/** The address as text. Throws `bad-argument`. */
export function addressOf(url: string | URL, { fetch: own }: HttpRangeOptions): string {
  if (kindOf(url) !== "URL" && (typeof url !== "string" || url.trim() === ""))
    refuse(`the address of a file is ${shown(url)}`, orAwaited(url, 'It is a URL: "https://example.org/notes.tqi".'));
  const address = String(url);
  // Another `fetch` has addresses of its own.
  if (own !== undefined) return address;
  if (OF_A_DISK.test(address))
    refuse(`${shown(address)} is a file of this machine`, "With Node: readIndexAt or openVectorIndexAt of @perdure/turboquant/node.");
  // In pages an address may be told from theirs.
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  if (!URL.canParse(address, location?.href))
    refuse(`${shown(address)} is no URL`, 'It begins with the scheme: "https://example.org/notes.tqi".');
  return address;
}

/** Throws `bad-argument`. */
export function checkHttpOptions(options: HttpRangeOptions): void {
  checkOptions("openHttpRange", options, NAMES);
  const { fetch: ask, headers, signal, timeoutMs, requestsAtOnce } = options;
  checkFunction("fetch", ask);
  // What is spread of Headers, or of a list of pairs, is nothing of what is in them.
  if (headers !== undefined && (typeof headers !== "object" || headers === null || Symbol.iterator in headers))
    refuse(`headers are ${shown(headers)}`, 'They are an object: { Authorization: "…" }; of Headers, Object.fromEntries(headers).');
  if (signal !== undefined && kindOf(signal) !== "AbortSignal")
    refuse(`signal is ${shown(signal)}`, "It is the signal of an AbortController.");
  if (timeoutMs !== undefined) checkWhole("timeoutMs", timeoutMs, 1, MOST_TIMEOUT_MS);
  if (requestsAtOnce !== undefined) checkWhole("requestsAtOnce", requestsAtOnce, 1, MOST_AT_ONCE);
}
