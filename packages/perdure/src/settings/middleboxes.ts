/**
 * What stands between two machines and cuts connections, as its makers say it. Nobody can read these from here: they are declared, and
 * the keep-alive is held against them.
 */
const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export interface MiddleboxDefinition {
  readonly value: number;
  /** `idle`: nothing was sent for that long. `age`: since it was opened, used or not. */
  readonly cuts: "idle" | "age";
  /** Who says so, and when that was read. */
  readonly source: string;
  readonly reason: string;
}

export const MIDDLEBOXES = {
  herokuRouterIdleMs: {
    value: 55 * SECOND,
    cuts: "idle",
    source: "devcenter.heroku.com, error H15 (2026-11)",
    reason: "Heroku's routers end a WebSocket on which nothing moved.",
  },
  nginxReadIdleMs: {
    value: MINUTE,
    cuts: "idle",
    source: "nginx.org, WebSocket proxying: proxy_read_timeout (2026-11)",
    reason: "nginx ends a proxied WebSocket on which the relay said nothing.",
  },
  awsBalancerIdleMs: {
    value: MINUTE,
    cuts: "idle",
    source: "docs.aws.amazon.com, Elastic Load Balancing: idle timeout (2026-11)",
    reason: "Application and classic load balancers of AWS end an idle connection.",
  },
  cloudflareIdleMs: {
    value: 100 * SECOND,
    cuts: "idle",
    source: "github.com/buildbot/buildbot issue 4078 (2026-11)",
    reason: "Cloudflare's proxy ends a WebSocket on which nothing moved.",
  },
  azureBalancerIdleMs: {
    value: 4 * MINUTE,
    cuts: "idle",
    source: "docs.microsoft.com, Azure Load Balancer: TCP idle timeout (2026-11)",
    reason: "Azure's load balancer forgets an idle connection, mostly without a word.",
  },
  envoyStreamIdleMs: {
    value: 5 * MINUTE,
    cuts: "idle",
    source: "envoyproxy.io, How do I configure timeouts: stream_idle_timeout (2026-11)",
    reason: "Envoy, and what is built on it, ends a stream on which nothing moved.",
  },
  awsNetworkBalancerIdleMs: {
    value: 350 * SECOND,
    cuts: "idle",
    source: "aws.amazon.com, What's new, 3 September 2024 (2026-11)",
    reason: "The network load balancer and the NAT gateway of AWS answer an idle connection with a reset.",
  },
  googleFirewallIdleMs: {
    value: 10 * MINUTE,
    cuts: "idle",
    source: "cloud.google.com, load balancing: TCP session timeout (2026-11)",
    reason: "Google Cloud forgets an idle connection.",
  },
  homeRouterIdleMs: {
    value: 2 * HOUR + 4 * MINUTE,
    cuts: "idle",
    source: "RFC 5382, REQ-5",
    reason: "What a well-behaved translator keeps an idle TCP connection at least; many keep it for minutes.",
  },
  googleBalancerAgeMs: {
    value: 30 * SECOND,
    cuts: "age",
    source: "cloud.google.com, load balancing: backend service timeout (2026-11)",
    reason: "Google's application load balancer ends every WebSocket at this age, whatever moves on it, until its operator sets more.",
  },
} as const satisfies Readonly<Record<string, MiddleboxDefinition>>;

export type MiddleboxName = keyof typeof MIDDLEBOXES;
