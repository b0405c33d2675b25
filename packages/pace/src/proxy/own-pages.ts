/** What a proxy answers itself, under `/pace`: how it stands, for people, monitors, Prometheus and whoever keeps it running. */
import type { Snapshot } from "../monitor/snapshot.ts";
import type { Answer, Field } from "./exchange.ts";
import { failureAnswer } from "./failure.ts";
import { PAGE } from "./page.ts";

interface Ports {
  readonly snapshot: () => Snapshot;
  readonly metrics: { readonly contentType: string; text(): string };
  readonly isClosing: () => boolean;
  /** Of `PAGE`'s script: nothing else runs in it. */
  readonly scriptHash: string;
}

const USUAL: readonly Field[] = [
  ["cache-control", "no-store"],
  ["x-content-type-options", "nosniff"],
];
const THERE = ["/pace/", "/pace/health", "/pace/state", "/pace/metrics"];

export function createOwnPages({ snapshot, metrics, isClosing, scriptHash }: Ports): (path: string, method: string) => Answer {
  const policy = `default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src '${scriptHash}'; frame-ancestors 'none'; base-uri 'none'`;
  const page = (path: string): Answer => {
    switch (path) {
      case "":
        return { status: 308, fields: [["location", "/pace/"]], body: undefined };
      case "/":
        return answer(200, "text/html; charset=utf-8", PAGE, [["content-security-policy", policy]]);
      case "/health":
        return answer(isClosing() ? 503 : 200, "application/json", `${JSON.stringify({ ok: !isClosing() })}\n`);
      case "/state":
        return answer(200, "application/json", `${JSON.stringify(snapshot())}\n`);
      case "/metrics":
        return answer(200, metrics.contentType, metrics.text());
      default:
        return failureAnswer({ code: "not-found", message: "there is no such page of the proxy", hint: `There are ${THERE.join(", ")}.` });
    }
  };
  return (path, method) => {
    if (method === "GET") return page(path);
    const failure = failureAnswer({
      code: "bad-request",
      message: `pages of the proxy are read, not asked to ${method.slice(0, 20)}`,
      hint: "Use GET.",
    });
    return method === "HEAD"
      ? { ...page(path), body: undefined }
      : { ...failure, status: 405, fields: [...failure.fields, ["allow", "GET, HEAD"]] };
  };
}

function answer(status: number, type: string, body: string, more: readonly Field[] = []): Answer {
  return { status, fields: [["content-type", type], ...USUAL, ...more], body };
}
