/** `pace probe`. */
import { PaceError } from "../../error.ts";
import { systemClock } from "../../host/node/clock.ts";
import { createRawFetch } from "../../host/node/raw-fetch.ts";
import { amountText, spanText, windowText } from "../../monitor/quantity.ts";
import { beginningOf } from "../../providers/beginning.ts";
import { readingsOf } from "../../providers/readings.ts";
import { needsBody, type Verdict, verdictOf } from "../../providers/verdict.ts";
import type { Reading } from "../../quota/reading.ts";
import { bareAddress } from "../bare-address.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import type { ProbeWords } from "../words.ts";

export async function probe(url: string, { header, method }: ProbeWords, { terminal, signal }: Invocation): Promise<number> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new PaceError("bad-argument", "that is no address of a service", "As in https://api.example.com/v1/models.");
  const { username, password } = new URL(url);
  if (username !== "" || password !== "")
    throw new PaceError("bad-argument", "an address must not have a password in it", 'Send credentials along: -H "authorization: …".');
  // A tunnel has no answer to read.
  if (!/^[a-z]{1,20}$/i.test(method) || /^connect$/i.test(method))
    throw new PaceError("bad-argument", `"${method.slice(0, 40)}" is no method to ask by`, "As in GET, HEAD or OPTIONS.");
  const headers = new Headers(header.map(fieldFrom));
  using raw = createRawFetch(systemClock);
  const beganMs = systemClock.now();
  const answer = await raw.fetch(url, { method: method.toUpperCase(), headers, signal });
  const tookMs = systemClock.now() - beganMs;
  const text = needsBody(answer.status) ? await beginningOf(answer, systemClock) : "";
  await answer.body?.cancel().catch(() => undefined);
  const dateMs = systemClock.date();
  const readings = readingsOf(answer.headers, dateMs);
  const verdict = verdictOf(answer.status, answer.headers, text, dateMs);
  const bare = bareAddress(url);
  terminal.object({ type: "probe", url: bare, status: answer.status, tookMs: Math.round(tookMs), verdict, readings });
  terminal.line(`${bare} answered ${answer.status} after ${Math.round(tookMs)} ms: ${meaningOf(verdict)}.`);
  terminal.line();
  if (readings.length === 0) {
    terminal.line("It tells nothing of its limits. Pace finds the rate by careful trying, unless a policy says it.");
    if (answer.status === 401) terminal.line('It wants credentials, and may tell more with them: -H "authorization: Bearer …".');
  }
  for (const reading of readings) terminal.line(readingLine(reading));
  return EXIT.done;
}

function readingLine({ unit, name, limit, windowMs, remaining, resetInMs, shape }: Reading): string {
  const what = name === unit ? unit : `${unit} (${name})`;
  const filled = shape === "bucket" ? "filled all the time, full" : "full";
  return `${what}: ${amountText(remaining)} left of ${amountText(limit)} in ${windowText(windowMs)}; ${filled} in ${spanText(resetInMs)}`;
}

function meaningOf(verdict: Verdict): string {
  const wait = "waitMs" in verdict && verdict.waitMs !== undefined ? `, and asks to wait for ${spanText(verdict.waitMs)}` : "";
  switch (verdict.kind) {
    case "answered":
      return "it lets us in";
    case "refused":
      return `too much came from us${wait}`;
    case "overloaded":
      return `it has too much of everybody${wait}`;
    case "spent":
      return `no waiting helps (${verdict.why})`;
    case "failed":
      return "it failed at it";
  }
}

function fieldFrom(text: string): [string, string] {
  const [, name = "", value = ""] = /^([\w!#$%&'*+.^`|~-]+):\s*(.*)$/.exec(text) ?? [];
  // A credential may be in it: it is not said again.
  if (name === "" || /[^\t\x20-\x7e\x80-\xff]/.test(value))
    throw new PaceError("bad-argument", "a header field is not understood", 'As in -H "name: value".');
  return [name, value];
}
