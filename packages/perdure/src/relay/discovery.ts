/**
 * How others find a relay and the agents it has names for, over plain HTTP: the well-known document, and WebFinger (RFC 7033)
 * for `acct:name@host`. Neither proves anything: whoever uses the answer makes relay and agent prove who they are.
 */
import { Hono } from "hono";
import { parseRelayAddress } from "../protocol/link/address.ts";
import { type AgentId, agentIdText, isAgentName } from "../wire/ids.ts";
import { WIRE_VERSION } from "../wire/limits.ts";

export interface DiscoveryOptions {
  /** The address with the id behind `#`; `undefined` while the relay is starting. */
  readonly address: () => string | undefined;
  /** The agent that has a name here. */
  readonly agentNamed: (name: string) => AgentId | undefined;
  /** A public relay answers pages from anywhere, as WebFinger asks; one of a machine tells only pages it lets in who is on it. */
  readonly isPublic: boolean;
  /** Origins whose pages may connect. */
  readonly origins: readonly string[];
}

const STARTING = { error: "the relay is starting" };

export function createDiscovery({ address, agentNamed, isPublic, origins }: DiscoveryOptions): Hono {
  const app = new Hono();
  app.use("/.well-known/*", async (context, next) => {
    await next();
    const origin = context.req.header("origin") ?? "";
    if (isPublic) context.res.headers.set("access-control-allow-origin", "*");
    else if (origins.includes(origin)) {
      context.res.headers.set("access-control-allow-origin", origin);
      context.res.headers.set("vary", "origin");
    }
  });
  app.get("/.well-known/perdure", (context) => {
    const here = address();
    if (here === undefined) return context.json(STARTING, 503);
    const { url, relayIdRaw } = parseRelayAddress(here);
    return context.json({ perdure: WIRE_VERSION, relayId: relayIdRaw === undefined ? "" : agentIdText(relayIdRaw), url });
  });
  app.get("/.well-known/webfinger", (context) => {
    const here = address();
    if (here === undefined) return context.json(STARTING, 503);
    const asked = readAccount(context.req.query("resource"));
    if (asked === undefined) return context.json({ error: "resource is not acct:name@host" }, 400);
    const host = new URL(here).host;
    const agent = asked.host.toLowerCase() === host ? agentNamed(asked.name) : undefined;
    if (agent === undefined) return context.json({ error: `there is no @${asked.name} here` }, 404);
    const subject = `acct:${asked.name}@${host}`;
    const document = {
      subject,
      properties: { "perdure:agent": agent, "perdure:relay": here },
      links: [{ rel: "self", href: `perdure:${agent}` }],
    };
    return context.body(JSON.stringify(document), 200, { "content-type": "application/jrd+json" });
  });
  return app;
}

function readAccount(resource: string | undefined): { readonly name: string; readonly host: string } | undefined {
  const [, name = "", host = ""] = /^acct:([^@]+)@([^@/?#]+)$/.exec(resource ?? "") ?? [];
  return isAgentName(name) && host !== "" ? { name, host } : undefined;
}
