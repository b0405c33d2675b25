/** Whose limit it may be: own settings and limits of middleboxes whose value fits what was found. */
import type { LimitFinding, LimitKind } from "./lifetimes.ts";

/** A limit with a value, of whoever has it. */
export interface LimitCandidate {
  readonly name: string;
  readonly valueMs: number;
  /** What it ends; undefined where it could be either. */
  readonly kind?: LimitKind | undefined;
  /** Where the value comes from: the origin of a setting, or the documentation of a product. */
  readonly origin: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Limits of what stands between two machines, as their makers or users state them. */
export const KNOWN_LIMITS: readonly LimitCandidate[] = [
  {
    name: "AWS Network Load Balancer, TCP idle timeout",
    valueMs: 350 * SECOND,
    kind: "idle",
    origin: "docs.aws.amazon.com, network load balancers",
  },
  {
    name: "AWS Application Load Balancer, idle timeout",
    valueMs: 60 * SECOND,
    kind: "idle",
    origin: "docs.aws.amazon.com, application load balancers",
  },
  {
    name: "Azure Load Balancer, TCP idle timeout",
    valueMs: 4 * MINUTE,
    kind: "idle",
    origin: "learn.microsoft.com, load balancer TCP reset",
  },
  { name: "Google Cloud firewall, idle TCP connections", valueMs: 10 * MINUTE, kind: "idle", origin: "cloud.google.com, VPC firewalls" },
  {
    name: "Google Cloud load balancer, backend service timeout",
    valueMs: 30 * SECOND,
    kind: "age",
    origin: "cloud.google.com, backend services",
  },
  { name: "Cloudflare, proxy read timeout", valueMs: 100 * SECOND, kind: "idle", origin: "developers.cloudflare.com, connection limits" },
  { name: "Heroku router, idle WebSocket", valueMs: 55 * SECOND, kind: "idle", origin: "devcenter.heroku.com, request timeout" },
  { name: "nginx, proxy_read_timeout", valueMs: 60 * SECOND, kind: "idle", origin: "nginx.org, ngx_http_proxy_module" },
  { name: "Envoy, stream idle timeout", valueMs: 5 * MINUTE, kind: "idle", origin: "envoyproxy.io, timeouts" },
  { name: "Envoy, connection idle timeout", valueMs: HOUR, kind: "idle", origin: "envoyproxy.io, timeouts" },
  { name: "Node HTTP server, requestTimeout", valueMs: 300 * SECOND, kind: "age", origin: "nodejs.org, http.Server" },
  { name: "Linux netfilter, established TCP", valueMs: 5 * 24 * HOUR, kind: "idle", origin: "kernel.org, nf_conntrack-sysctl" },
  { name: "RFC 5382, least idle time of a translator", valueMs: 124 * MINUTE, kind: "idle", origin: "RFC 5382, section 5" },
  { name: "daily reconnect of an access line", valueMs: 24 * HOUR, kind: "age", origin: "common on DSL lines" },
];

/** In one line, for people: what ends where, after how long, and whose limit it may be. */
export function limitText({
  path,
  kind,
  valueMs,
  errorMs,
  state,
  culprits,
}: LimitFinding & { readonly culprits: readonly LimitCandidate[] }): string {
  const ends = kind === "age" ? `end when they are ${spanText(valueMs)} old` : `end after ${spanText(valueMs)} of quiet`;
  const exact = errorMs < valueMs / 100 ? "" : ` (give or take ${spanText(errorMs)})`;
  const named = culprits.slice(0, NAMED).map(({ name, origin }) => `${name} (${origin})`);
  const whose = named.length === 0 ? "no setting here has that value" : `that is the value of ${named.join(", ")}`;
  return `lines to ${path} ${state === "found" ? "" : "seem to "}${ends}${exact}; ${whose}`;
}

function spanText(ms: number): string {
  const [value, unit] = ms >= 2 * HOUR ? [ms / HOUR, "h"] : ms >= 2 * MINUTE ? [ms / MINUTE, "min"] : [ms / SECOND, "s"];
  return `${Math.round(value * 10) / 10} ${unit}`;
}

/** Relative to the value: clocks, round trips and the time until an end is noticed. */
const FITS = 0.005;
/** Culprits that fit into a line. */
const NAMED = 3;

/** Those whose value fits, the closest first; own settings before others of one value. */
export function culpritsOf(
  finding: Pick<LimitFinding, "kind" | "valueMs" | "errorMs">,
  candidates: readonly LimitCandidate[],
): readonly LimitCandidate[] {
  const off = ({ valueMs }: LimitCandidate): number => Math.abs(valueMs - finding.valueMs);
  return [...candidates, ...KNOWN_LIMITS]
    .filter((one) => (one.kind === undefined || one.kind === finding.kind) && off(one) <= Math.max(finding.errorMs, finding.valueMs * FITS))
    .sort((one, other) => off(one) - off(other));
}
