/**
 * Who may come to a relay. One of loopback serves the programs of its machine and nobody else. A public one serves programs from
 * anywhere under the one name it has in the world, and its owner by a token.
 *
 * A browser lets any page connect to any port and says so in `origin`; a page can also point a name of its own at somebody's
 * machine, which shows in `host`: pages get in only from origins the relay's owner has named. Behind a terminator every caller looks like this machine, and what it says of who is behind it
 * anybody can write: so nobody is let in by an address, and how often one
 * may come is counted only where the relay sees it itself.
 */
import type { Caller } from "../host/net.ts";
import { PerdureError } from "../wire/error.ts";

export interface Reach {
  /** The address in the world, `wss://relay.example/`; `undefined` for a relay of loopback. */
  readonly publicUrl: string | undefined;
  /** Origins whose pages may open sessions and read what discovery answers. */
  readonly origins: readonly string[];
  /** Whether a program, or a page, that says this may open a session. */
  mayConnect(caller: Caller): boolean;
  /** Whether requests with this `Host` header are for this relay. */
  answersUnder(host: string | undefined): boolean;
}

export interface ReachWords {
  readonly listen: string;
  readonly public?: string | undefined;
  /** Present when the relay ends TLS itself. */
  readonly tls?: unknown;
  /** `https://app.example`, as a browser says it; pages of no other origin get in. */
  readonly origins?: readonly string[] | undefined;
}

/** `bad-argument` when the two do not fit. */
export function reachOf({ listen, public: shown, tls, origins: named = [] }: ReachWords): Reach {
  const listens = requireWebSocket(listen, "a relay cannot listen on", "Use an address like ws://127.0.0.1:4410.");
  if ((listens.protocol === "wss:") !== (tls !== undefined)) {
    throw new PerdureError(
      "bad-argument",
      `${listens.protocol}// ${tls === undefined ? "needs" : "has no use for"} a certificate and its key`,
      {
        hint: "With a certificate listen on wss://…; behind a proxy that has one, on ws://….",
      },
    );
  }
  const published = shown === undefined ? undefined : requirePublicUrl(shown);
  if (published === undefined && !isLoopbackName(listens.hostname)) {
    throw new PerdureError(
      "bad-argument",
      `${listens.hostname} is not an address of this machine alone, and nobody says where others find it`,
      {
        hint: "Add the relay's address in the world: --public wss://relay.example/. For this machine alone listen on 127.0.0.1.",
      },
    );
  }
  const answersUnder = (host: string | undefined): boolean => {
    const name = hostnameOf(host);
    return isLoopbackName(name) || (published !== undefined && name === published.hostname);
  };
  const origins = [...new Set(named.map(requireOrigin))];
  return {
    publicUrl: published?.href,
    origins,
    answersUnder,
    mayConnect: ({ host, origin }) => (origin === undefined || origins.includes(origin)) && answersUnder(host),
  };
}

/** Answers stand at the root of a host (`/.well-known/…`), so the address is a host and nothing else. */
function requirePublicUrl(text: string): URL {
  const hint = "Write the host alone, as in wss://relay.example/.";
  const url = requireWebSocket(text, "a relay cannot be public at", hint);
  if (url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "") return url;
  throw new PerdureError("bad-argument", `a relay cannot be public at "${text}"`, { hint });
}

/** A page says where it is from as a browser writes it, so nothing else would ever match; "null" is every sandbox and every file. */
function requireOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "https:" || url.protocol === "http:") && (url.origin === text || `${url.origin}/` === text))
    return url.origin;
  throw new PerdureError("bad-argument", `pages do not come from "${text}"`, {
    hint: "Write scheme, host and port alone, as in https://app.example.",
  });
}

function requireWebSocket(text: string, problem: string, hint: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && (url.protocol === "ws:" || url.protocol === "wss:") && url.hostname !== "") return url;
  throw new PerdureError("bad-argument", `${problem} "${text}"`, { hint });
}

/** True for localhost, ::1 and 127.0.0.0/8 as a URL writes them. */
export function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** The host name in a `Host` header, empty when there is none. */
function hostnameOf(host: string | undefined): string {
  const address = `http://${host ?? ""}`;
  return URL.canParse(address) ? new URL(address).hostname : "";
}
