/** This version serves one machine: it listens on loopback only, and answers HTTP only under loopback names. */
import { PerdureError } from "../wire/error.ts";

/** Throws `bad-argument` unless `address` is a `ws:` address of this machine alone. */
export function requireLoopback(address: string): void {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url?.protocol !== "ws:")
    throw new PerdureError("bad-argument", `a relay cannot listen on "${address}"`, { hint: "Use an address like ws://127.0.0.1:4410." });
  if (isLoopbackName(url.hostname)) return;
  throw new PerdureError("bad-argument", `${url.hostname} is not an address of this machine alone`, {
    hint: "This version serves one machine: agents register without a ticket, so it listens on 127.0.0.1, ::1 or localhost only.",
  });
}

/** True for localhost, ::1 and 127.0.0.0/8 as a URL writes them. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
