/**
 * How often one address, and everybody together, may ask over HTTP; said in the fields of draft-ietf-httpapi-ratelimit-headers-10:
 *
 *   RateLimit-Policy: "sourceRequestsPerSecond";q=200;w=10, "relayRequestsPerSecond";q=2000;w=4
 *   RateLimit: "sourceRequestsPerSecond";r=199;t=1, "relayRequestsPerSecond";r=1999;t=1
 *
 * The names are those of settings; `q` is what may come at once and `w` the seconds in which as much comes again, `r` what is left and
 * `t` the seconds until all of it is there again.
 */
import type { Clock } from "../host/clock.ts";
import { sourceOf } from "../host/public-address.ts";
import type { Verdict } from "../protocol/limits/gcra.ts";
import { createMeter, type Meter } from "../protocol/limits/meter.ts";
import type { Settings } from "../settings/register.ts";

export interface HttpLimits {
  /** Counts a request from `address:port`. */
  judge(remote: string): HttpVerdict;
}

export interface HttpVerdict {
  readonly fields: Readonly<Record<string, string>>;
  /** The request is one too many. */
  readonly over: { readonly limit: string; readonly value: number; readonly afterMs: number } | undefined;
}

export function createHttpLimits(clock: Clock, settings: Settings, limited: (name: string) => void = () => {}): HttpLimits {
  const source = { name: "sourceRequestsPerSecond", meter: createMeter(settings, "sourceRequests") } as const;
  const relay = { name: "relayRequestsPerSecond", meter: createMeter(settings, "relayRequests") } as const;

  return {
    judge: (remote) => {
      const nowMs = clock.monotonicMs();
      const from = sourceOf(remote);
      const asked = [...(from === undefined ? [] : [{ ...source, key: from }]), { ...relay, key: "" }];
      const said: ((typeof asked)[number] & { readonly verdict: Verdict })[] = [];
      for (const each of asked) {
        const verdict = each.meter.measure(each.key, 1, nowMs);
        said.push({ ...each, verdict });
        if (!verdict.taken) break;
      }
      const last = said.at(-1);
      if (last?.verdict.taken === false) limited(last.name);
      return {
        fields: {
          "ratelimit-policy": asked.map(({ name, meter }) => policyOf(name, meter)).join(", "),
          ratelimit: said.map(({ name, verdict }) => `"${name}";r=${verdict.remaining};t=${seconds(verdict.fullMs)}`).join(", "),
        },
        over:
          last === undefined || last.verdict.taken
            ? undefined
            : { limit: last.name, value: settings[last.name], afterMs: last.verdict.resetMs },
      };
    },
  };
}

function policyOf(name: string, { burst, windowMs }: Meter): string {
  return `"${name}";q=${Math.floor(burst)};w=${seconds(windowMs)}`;
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
