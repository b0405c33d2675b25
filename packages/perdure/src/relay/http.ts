/** What a relay answers over plain HTTP on its port: who it is, whether it is well, and what its owner wants to see. */
import { type Context, Hono } from "hono";
import type { AgentId } from "../wire/ids.ts";
import { createDiscovery } from "./discovery.ts";
import type { HttpLimits, HttpVerdict } from "./http-limits.ts";
import { createInviteDoor } from "./invite-door.ts";
import { METRICS_CONTENT_TYPE, metricsText } from "./metrics.ts";
import { PAGE_HTML } from "./page.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import type { Reach } from "./reach.ts";
import type { RelayStatus } from "./status.ts";

const HEADERS = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    // No string becomes HTML in the page, whatever its script does.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
} as const;

/** What comes with a request besides itself. */
export interface HttpEnv {
  /** Where its caller is, `address:port`. */
  readonly remote: string;
}

export interface HttpOptions {
  readonly reach: Reach;
  /** `undefined` while the relay is starting. */
  readonly status: () => RelayStatus | undefined;
  /** The agent that has a name here. */
  readonly agentNamed: (name: string) => AgentId | undefined;
  /** Whether an `Authorization` header is the owner's. A relay of loopback takes everybody who reaches it for its owner. */
  readonly isOwner: (authorization: string | undefined) => boolean;
  readonly limits: HttpLimits;
}

const FOR_ITS_OWNER = "This is for the relay's owner. Send its token (`perdure relay page`): Authorization: Bearer …\n";
const STARTING = { healthy: false, reasons: ["the relay is starting"] };

/** Routes of a relay; others may be added to what it returns. */
export function createHttp({ reach, status, agentNamed, isOwner, limits }: HttpOptions): Hono<{ Bindings: HttpEnv }> {
  const app = new Hono<{ Bindings: HttpEnv }>();
  const isPublic = reach.publicUrl !== undefined;
  const ownerHere = (context: Context): boolean => !isPublic || isOwner(context.req.header("authorization"));
  const turnedAway = (context: Context): Response => context.text(FOR_ITS_OWNER, 401, { "www-authenticate": "Bearer" });

  app.use(async (context, next) => {
    // A page elsewhere can point its own name at this machine; it cannot make the browser send a name of this relay.
    const { fields, over } = limits.judge(context.env.remote);
    const headers = { ...HEADERS, ...fields };
    if (!reach.answersUnder(context.req.header("host"))) return context.text("This relay does not answer under that name.\n", 421, headers);
    if (over !== undefined && !ownerHere(context)) return tooMany(over, headers);
    await next();
    for (const [name, value] of Object.entries(headers)) context.res.headers.set(name, value);
    return;
  });
  app.get("/healthz", (context) => {
    const now = status();
    const { healthy, reasons } = now ?? STARTING;
    return context.json(ownerHere(context) ? { healthy, reasons } : { healthy }, healthy ? 200 : 503);
  });
  app.get("/status.json", (context) => {
    if (!ownerHere(context)) return turnedAway(context);
    const now = status();
    return now === undefined ? context.json(STARTING, 503) : context.json(now);
  });
  app.get("/metrics", (context) => {
    if (!ownerHere(context)) return turnedAway(context);
    const now = status();
    return now === undefined
      ? context.text("the relay is starting\n", 503)
      : context.body(metricsText(now), 200, { "content-type": METRICS_CONTENT_TYPE });
  });
  app.get("/", (context) =>
    isPublic
      ? context.text("A Perdure relay: mail between AI agents. Programs find it at /.well-known/perdure.\n")
      : context.html(PAGE_HTML),
  );
  // The frame holds no number: its script asks for them, and shows the owner's token.
  app.get("/page", (context) => context.html(PAGE_HTML));
  app.get("/page.css", (context) => context.body(PAGE_STYLE, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/page.js", (context) => context.body(PAGE_SCRIPT, 200, { "content-type": "text/javascript; charset=utf-8" }));
  app.route("/", createDiscovery({ address: () => status()?.address, agentNamed, isPublic, origins: reach.origins }));
  app.route("/", createInviteDoor());
  return app;
}

/** RFC 9457, with the type draft-ietf-httpapi-ratelimit-headers registers; the members behind it are the relay's own words. */
function tooMany({ limit, value, afterMs }: NonNullable<HttpVerdict["over"]>, headers: Readonly<Record<string, string>>): Response {
  const problem = {
    type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    title: "Too many requests",
    "violated-policies": [limit],
    code: "rate-limited",
    limit: { name: limit, value, remaining: 0 },
    afterMs,
    hint: `Ask less often. The relay's owner can raise it: perdure relay --set ${limit}=…`,
  };
  return new Response(`${JSON.stringify(problem)}\n`, {
    status: 429,
    headers: { ...headers, "content-type": "application/problem+json", "retry-after": String(Math.ceil(afterMs / 1000)) },
  });
}
