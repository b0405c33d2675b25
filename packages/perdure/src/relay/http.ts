/** What a relay answers over plain HTTP on its port: whether it is well, and what its owner wants to see. */
import { Hono } from "hono";
import { hostnameOf, isLoopbackName } from "./loopback.ts";
import { PAGE_HTML } from "./page.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
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

export interface HttpOptions {
  /** `undefined` while the relay is starting. */
  readonly status: () => RelayStatus | undefined;
}

/** Routes of a relay; others may be added to what it returns. */
export function createHttp({ status }: HttpOptions): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    // A page elsewhere can point its own name at this machine; it cannot make the browser send a loopback name.
    if (!isLoopbackName(hostnameOf(context.req.header("host"))))
      return context.text("This relay answers under loopback names only.\n", 421, HEADERS);
    await next();
    for (const [name, value] of Object.entries(HEADERS)) context.res.headers.set(name, value);
    return;
  });
  app.get("/healthz", (context) => {
    const now = status();
    const reasons = now === undefined ? ["the relay is starting"] : now.reasons;
    return context.json({ healthy: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503);
  });
  app.get("/status.json", (context) => {
    const now = status();
    return now === undefined ? context.json({ healthy: false, reasons: ["the relay is starting"] }, 503) : context.json(now);
  });
  app.get("/", (context) => context.html(PAGE_HTML));
  app.get("/page.css", (context) => context.body(PAGE_STYLE, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/page.js", (context) => context.body(PAGE_SCRIPT, 200, { "content-type": "text/javascript; charset=utf-8" }));
  return app;
}
