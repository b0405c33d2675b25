/**
 * The services that a proxy stands for, and which of them a path is for. Nothing else can be reached through it, whatever a path says: an address is put together from
 * the origin of a target, and paths that lead out of where they began (`/../`, in any spelling) are refused. A path that a service has of its own, as `/v1` of
 * `--for https://api.example.com/v1`, is put before paths that do not begin with it: programs may be told the proxy's address with `/v1` or without.
 */
import { PaceError } from "../error.ts";

export interface Target {
  /** Of paths here: "/openai", or "" for all that no other takes. */
  readonly prefix: string;
  /** "https://api.openai.com" */
  readonly origin: string;
  /** Of paths there, without a slash at its end: "" or "/v1". */
  readonly base: string;
}

/** Paths that the proxy answers itself. */
export const OWN_PREFIX = "/pace";

const HINT = "As in --for https://api.example.com, or --for /name=https://api.example.com for one of several.";

/** Of `https://api.example.com` and `/name=https://api.example.com`. Throws `bad-argument`. */
export function targetsOf(texts: readonly string[]): readonly Target[] {
  if (texts.length === 0) throw new PaceError("bad-argument", "it is not said which service is meant", HINT);
  const targets = texts.map(targetOf);
  for (const [at, { prefix }] of targets.entries()) {
    if (targets.findIndex((other) => other.prefix === prefix) === at) continue;
    const where = prefix === "" ? "two services have no path of their own" : `two services have the path ${prefix}`;
    throw new PaceError("bad-argument", where, "Give each another: --for /one=https://… --for /other=https://….");
  }
  // The longest that fits is meant.
  return targets.toSorted((one, other) => other.prefix.length - one.prefix.length);
}

function targetOf(text: string): Target {
  const [, prefix = "", address = ""] = /^(?:(\/[^=]*)=)?(.*)$/s.exec(text) ?? [];
  if (!URL.canParse(address)) throw new PaceError("bad-argument", `"${text.slice(0, 100)}" is no address of a service`, HINT);
  const { protocol, origin, pathname, search, hash, username, password } = new URL(address);
  if (protocol !== "http:" && protocol !== "https:")
    throw new PaceError("bad-argument", `a service is reached by https or http, not by ${protocol}`, HINT);
  if (username !== "" || password !== "")
    throw new PaceError(
      "bad-argument",
      "an address must not have a password in it",
      "Programs send their own credentials through the proxy.",
    );
  if (search !== "" || hash !== "") throw new PaceError("bad-argument", `${origin} is followed by a query or a fragment`, HINT);
  const name = prefix.replace(/\/+$/, "");
  if (!/^(?:\/[\w.~-]+)*$/.test(name) || hasDots(name))
    throw new PaceError("bad-argument", `"${prefix.slice(0, 100)}" is no path that a service can have here`, HINT);
  if (isUnder(name, OWN_PREFIX))
    throw new PaceError("bad-argument", `${OWN_PREFIX} is where the proxy tells of itself`, "Take another path for this service.");
  return { prefix: name, origin, base: pathname.replace(/\/+$/, "") };
}

/** Where a request is for, or why it is for nowhere. */
export type Way =
  | { readonly kind: "to"; readonly url: string; readonly target: Target }
  | { readonly kind: "nowhere"; readonly why: "not-a-path" | "unknown-path" };

/** A path as it is sent over the wire: printable letters of ASCII, no fragment. */
const PATH = /^\/[\x21\x22\x24-\x5b\x5d-\x7e]*$/;

export function wayOf(targets: readonly Target[], path: string): Way {
  if (!PATH.test(path)) return { kind: "nowhere", why: "not-a-path" };
  const [bare = ""] = path.split("?", 1);
  if (hasDots(bare)) return { kind: "nowhere", why: "not-a-path" };
  const target = targets.find(({ prefix }) => isUnder(bare, prefix));
  if (target === undefined) return { kind: "nowhere", why: "unknown-path" };
  const rest = path.slice(target.prefix.length);
  const base = isUnder(rest, target.base) ? "" : target.base;
  return { kind: "to", url: `${target.origin}${base}${rest.startsWith("/") ? "" : "/"}${rest}`, target };
}

/** What `Location` says there, said of here: whoever follows it stays with the proxy. Other services are left as they are. */
export function locationHere(targets: readonly Target[], asked: string, location: string): string {
  if (!URL.canParse(location, asked)) return location;
  const { origin, pathname, search, hash } = new URL(location, asked);
  const target = targets.find((each) => each.origin === origin && isUnder(pathname, each.base));
  if (target === undefined) return location;
  const rest = pathname.slice(target.base.length) || "/";
  // What would be taken for a path with the base before it is said with that.
  return `${target.prefix}${isUnder(rest, target.base) ? pathname : rest}${search}${hash}`;
}

/** Whether a path goes by `.` or `..`, also where these are written with `%2e`. */
function hasDots(path: string): boolean {
  return path.split("/").some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment));
}

export function isUnder(path: string, prefix: string): boolean {
  return path === prefix || path.startsWith(`${prefix}/`) || (prefix !== "" && path.startsWith(`${prefix}?`));
}
