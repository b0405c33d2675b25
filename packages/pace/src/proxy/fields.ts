/**
 * Which header fields go on. Those of one connection do not (RFC 9110, section 7.6.1), nor those that a `Connection` field names, nor those that are for the proxy.
 * How long a message is, is said anew by whoever sends it on: what a client claims of it cannot make two requests of one.
 */

import { PaceError } from "../error.ts";
import type { CallTraits } from "../policy.ts";
import { CALL_FIELDS, CLASS, checkCallFields, DEADLINE, REQUESTER } from "../wrappers/call-fields.ts";
import { type Field, fieldOf } from "./exchange.ts";

const OF_A_CONNECTION = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
];
/** Said anew on the way to the service. */
const SAID_ANEW = ["host", "content-length", "expect"];

/** A day: longer than any client keeps a connection open. */
const MOST_DEADLINE_MS = 86_400_000;
const MOST_REQUESTER = 100;

/** Of a request, on its way to the service. `via`: what the proxy is called. */
export function fieldsThere(fields: readonly Field[], classHeader: string, via: string): readonly Field[] {
  const left = new Set([...OF_A_CONNECTION, ...SAID_ANEW, ...CALL_FIELDS, classHeader, "via", ...namedByConnection(fields)]);
  const before = fields.flatMap(([name, value]) => (name === "via" ? [value] : []));
  return [...fields.filter(([name]) => !left.has(name)), ["via", [...before, `1.1 ${via}`].join(", ")]];
}

/** Of an answer, on its way to whoever asked. */
export function fieldsHere(fields: readonly Field[]): readonly Field[] {
  const left = new Set([...OF_A_CONNECTION, ...namedByConnection(fields)]);
  return fields.filter(([name]) => !left.has(name));
}

/** Whether it went through the proxy of that name before. */
export function isLoop(fields: readonly Field[], via: string): boolean {
  return fields.some(([name, value]) => name === "via" && value.split(",").some((each) => each.trim().split(/\s+/)[1] === via));
}

function namedByConnection(fields: readonly Field[]): readonly string[] {
  return fields.flatMap(([name, value]) => (name === "connection" ? value.split(",").map((each) => each.trim().toLowerCase()) : []));
}

/** What a request says of itself to the proxy. Throws `bad-argument`. */
export function traitsOf(fields: readonly Field[], classHeader: string): CallTraits {
  checkCallFields(
    fields.map(([name]) => name),
    classHeader,
  );
  const name = fieldOf(fields, classHeader) ?? fieldOf(fields, CLASS);
  const deadline = fieldOf(fields, DEADLINE);
  const requester = fieldOf(fields, REQUESTER);
  if (deadline !== undefined && (!/^\d{1,9}$/.test(deadline) || Number(deadline) < 1 || Number(deadline) > MOST_DEADLINE_MS))
    throw new PaceError(
      "bad-argument",
      `${DEADLINE} is "${deadline.slice(0, 40)}"`,
      `It is a whole number of milliseconds, at most ${MOST_DEADLINE_MS}.`,
    );
  if (requester !== undefined && requester.length > MOST_REQUESTER)
    throw new PaceError("bad-argument", `${REQUESTER} has ${requester.length} letters`, `At most ${MOST_REQUESTER} name one.`);
  return {
    ...(name === undefined ? {} : { class: name.trim() }),
    ...(deadline === undefined ? {} : { deadlineMs: Number(deadline) }),
    ...(requester === undefined ? {} : { requester }),
  };
}

/** A name without a port: of this machine itself. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|[\w.-]+\.localhost|127(?:\.\d{1,3}){3}|::1|\[::1\])$/i.test(host);
}
