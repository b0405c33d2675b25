/**
 * This version serves one machine: it listens on loopback only, answers only under loopback names, and speaks with programs only. A
 * browser lets any page connect to any port of this machine and says so in `origin`; a page elsewhere can also point a name of
 * its own at this machine, which shows in `host`.
 */
import type { Caller } from "../host/net.ts";
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

/** True for a program of this machine: it says no origin, and calls the relay by a loopback name. */
export function isProgramHere({ host, origin }: Caller): boolean {
  return origin === undefined && isLoopbackName(hostnameOf(host));
}

/** The host name in a `Host` header, empty when there is none. */
export function hostnameOf(host: string | undefined): string {
  const address = `http://${host ?? ""}`;
  return URL.canParse(address) ? new URL(address).hostname : "";
}
