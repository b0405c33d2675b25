/** A running proxy: pace, pages and socket put together. */
import { bad, checkFunction, checkMethods, checkNames, checkNumber, checkText, checkTexts, checkWhole, shown } from "../argument.ts";
import { isPaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import { systemClock } from "../host/node/clock.ts";
import { LISTENER_SETTINGS, listen } from "../host/node/listener.ts";
import { systemRandom } from "../host/node/random.ts";
import { createRawFetch, RAW_FETCH_SETTINGS } from "../host/node/raw-fetch.ts";
import { scriptHashOf } from "../host/node/sha256.ts";
import type { Random } from "../host/random.ts";
import type { ReactionFault } from "../ladder/reactions.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createOverview } from "../monitor/overview.ts";
import { createPace, type Pace } from "../pace.ts";
import type { PacePolicy } from "../policy.ts";
import { PROXY_HOST, PROXY_PORT } from "./address.ts";
import { isLoopback } from "./fields.ts";
import { createOwnPages } from "./own-pages.ts";
import { PAGE_SCRIPT } from "./page.ts";
import { createProxy } from "./proxy.ts";
import { targetsOf } from "./target.ts";

export interface ProxyOptions {
  /** "https://api.example.com", or "/name=https://api.example.com" for one of several. */
  readonly for: readonly string[];
  /** 8790 unless said; 0 for any that is free. */
  readonly port?: number | undefined;
  /** 127.0.0.1 unless said: this machine only. */
  readonly host?: string | undefined;
  readonly policy?: PacePolicy | undefined;
  /** The field that names the class of a call, besides `pace-class`. */
  readonly classHeader?: string | undefined;
  /** Of one request; 64 MB unless said. */
  readonly mostBodyBytes?: number | undefined;
  /** Of all that wait or are under way; 512 MB unless said, and never less than one may have. */
  readonly mostKeptBytes?: number | undefined;
  /** Until a service begins to answer; ten minutes unless said. */
  readonly answerMs?: number | undefined;
  /** That calls which are under way have when it closes; 30 s unless said. */
  readonly graceMs?: number | undefined;
}

export interface ProxyPorts {
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  /**
   * Told of faults of the proxy's own, why quotas are not shared where the policy says so, of models without a price where it counts dollars, and of keepers and
   * watchers of `pace` that failed; dropped unless said.
   */
  readonly fault?: ((error: unknown) => void) | undefined;
}

export interface OpenProxy extends AsyncDisposable {
  /** "http://127.0.0.1:8790" */
  readonly url: string;
  readonly pace: Pace;
  /** Bytes of bodies that are kept now. */
  readonly keptBytes: number;
  /** What waits is refused, what is under way has its time, and then it is gone. */
  close(): Promise<void>;
}

const MOST_BODY_BYTES = 64_000_000;
const MOST_KEPT_BYTES = 512_000_000;
const GRACE_MS = 30_000;
const OPTIONS: Readonly<Record<keyof ProxyOptions, true>> = {
  for: true,
  port: true,
  host: true,
  policy: true,
  classHeader: true,
  mostBodyBytes: true,
  mostKeptBytes: true,
  answerMs: true,
  graceMs: true,
};

/** Throws `bad-argument`, and what binding to the address throws. */
export async function openProxy(options: ProxyOptions, ports: ProxyPorts = {}): Promise<OpenProxy> {
  check(options, ports);
  const { clock = systemClock, random = systemRandom, fault: hear } = ports;
  const fault = (error: unknown): void => {
    try {
      hear?.(error);
    } catch {
      // Nobody is left to tell.
    }
  };
  const { host = PROXY_HOST, port = PROXY_PORT, graceMs = GRACE_MS, answerMs = RAW_FETCH_SETTINGS.answerMs } = options;
  const targets = targetsOf(options.for);
  const metrics = createMetrics();
  const overview = createOverview(
    targets.map(({ prefix, origin, base }) => `${prefix === "" ? "" : `${prefix} = `}${origin}${base}`),
    clock,
  );
  const upstream = createRawFetch(clock, { ...RAW_FETCH_SETTINGS, answerMs });
  const watch: typeof metrics.watch = (event) => {
    metrics.watch(event);
    overview.watch(event);
  };
  const pace = createPace(options.policy, {
    clock,
    random,
    fetch: upstream.fetch,
    watch,
    sharingTrouble: fault,
    fault: hear && ((told) => fault(faultOf(told))),
  });
  let isClosing = false;
  const own = createOwnPages({
    snapshot: overview.snapshot,
    metrics: { contentType: metrics.contentType, text: () => metrics.text(pace) },
    isClosing: () => isClosing,
    scriptHash: scriptHashOf(PAGE_SCRIPT),
  });
  const mostBytes = options.mostBodyBytes ?? MOST_BODY_BYTES;
  const settings = {
    targets,
    classHeader: (options.classHeader ?? "pace-class").toLowerCase(),
    onlyLoopback: isLoopback(host),
    via: `pace-${Math.floor(random() * 2 ** 40).toString(36)}`,
    mostBytes,
    mostKeptBytes: Math.max(options.mostKeptBytes ?? MOST_KEPT_BYTES, mostBytes),
  };
  const proxy = createProxy(settings, { pace, own });
  const listener = await listen({ ...LISTENER_SETTINGS, host, port }, { clock, answer: proxy.answer, fault }).catch((error: unknown) => {
    pace.close();
    upstream[Symbol.dispose]();
    throw error;
  });
  overview.follow(pace);
  const close = async (): Promise<void> => {
    if (isClosing) return;
    isClosing = true;
    pace.close();
    await listener.close(graceMs);
    overview[Symbol.dispose]();
    upstream[Symbol.dispose]();
  };
  return {
    url: listener.url,
    pace,
    get keptBytes() {
      return proxy.keptBytes;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function faultOf(told: ReactionFault): unknown {
  if (told.kind === "late") return new Error(`${told.who} took too long`);
  return isPaceError(told.error) ? told.error : new Error(`${told.who} failed`, { cause: told.error });
}

function check(options: ProxyOptions, ports: ProxyPorts): void {
  checkNames("a proxy", options, Object.keys(OPTIONS));
  checkNames("a proxy, as its second argument,", ports, ["clock", "random", "fault"]);
  const { port, host, classHeader } = options;
  checkTexts("the services that a proxy is for", options.for);
  for (const name of ["mostBodyBytes", "mostKeptBytes", "answerMs", "graceMs"] as const)
    if (options[name] !== undefined) checkNumber(name, options[name], 0);
  if (port !== undefined) checkWhole("the port", port, 0, 65_535);
  if (host !== undefined) checkText("the host", host, PROXY_HOST);
  if (classHeader !== undefined && !(typeof classHeader === "string" && /^[\w!#$%&'*+.^`|~-]{1,60}$/.test(classHeader)))
    throw bad(`${shown(classHeader)} is no name of a header field`, 'As in "x-priority".');
  if (ports.clock !== undefined) checkMethods("clock", ports.clock, ["now", "date", "wake"]);
  for (const name of ["random", "fault"] as const) if (ports[name] !== undefined) checkFunction(name, ports[name]);
}
