/**
 * A service as seen by programs in any language: they ask the proxy as they would ask the service, and it asks the service at the pace that its limits let.
 *
 * A request is *checked* (for whom it is, what it says to the proxy), *kept* whole, *paced*, and its answer is handed on piece by piece as it comes. Where there is none
 * the proxy says why. Invariants: nothing is sent but to the targets; what a client says of a message's length is never believed; a body is kept no longer than
 * its call lasts; credentials pass through, and stand in no message and no name.
 */
import { isPaceError } from "../error.ts";
import type { Pace } from "../pace.ts";
import { modelOf } from "../partition.ts";
import { PROXY_ERROR } from "../wrappers/refused-error.ts";
import { type BodyKeeper, type BodyLimits, createBodyKeeper } from "./body.ts";
import { type Answer, type Ask, type Field, fieldOf } from "./exchange.ts";
import { type Failure, failureAnswer, failureOf } from "./failure.ts";
import { fieldsHere, fieldsThere, isLoop, isLoopback, traitsOf } from "./fields.ts";
import { isUnder, locationHere, OWN_PREFIX, type Target, wayOf } from "./target.ts";
import { isUpstreamError } from "./upstream-error.ts";

export interface ProxySettings extends BodyLimits {
  readonly targets: readonly Target[];
  /** The field that names the class of a call, besides `pace-class`. */
  readonly classHeader: string;
  /** Whether to answer only to names of this machine: a page of elsewhere whose name was turned to this address is not listened to. */
  readonly onlyLoopback: boolean;
  /** What it is called in `Via`, unlike any other: a request that comes back is known by it. */
  readonly via: string;
}

interface Ports {
  readonly pace: Pace;
  /** Answers to paths under `OWN_PREFIX`. */
  readonly own: (path: string, method: string) => Answer;
}

export interface Proxy {
  answer(ask: Ask): Promise<Answer>;
  /** Of bodies. */
  readonly keptBytes: number;
}

const NOT_THIS: Failure = {
  code: "bad-request",
  message: "this is no path of a service",
  hint: "Ask for a path, as /v1/things, without . and .. in it. This proxy reaches only what it was started for (--for).",
};

export function createProxy(settings: ProxySettings, { pace, own }: Ports): Proxy {
  const keeper: BodyKeeper = createBodyKeeper(settings);

  /** Why it is not for us, if it is not. */
  const objection = ({ fields, target }: Ask): Failure | undefined => {
    if (/^https?:/i.test(target))
      return {
        code: "bad-request",
        message: "this is no proxy for all addresses",
        hint: "Use it as the base URL of the service it was started for (--for), not as HTTP_PROXY.",
      };
    const host = fieldOf(fields, "host")?.replace(/:\d*$/, "");
    if (settings.onlyLoopback && host !== undefined && !isLoopback(host))
      return {
        code: "wrong-host",
        message: `this proxy is not called ${JSON.stringify(host.slice(0, 80))}`,
        hint: "It listens to this machine only. Ask for 127.0.0.1 or localhost, or start it with --host.",
      };
    if (/^websocket$/i.test(fieldOf(fields, "upgrade") ?? ""))
      return {
        code: "no-upgrade",
        message: "WebSockets are not proxied",
        hint: "They have no answers to pace by. Connect to the service itself.",
      };
    if (isLoop(fields, settings.via))
      return { code: "loop", message: "this request came through this proxy before", hint: "Is --for the address of the proxy itself?" };
    return undefined;
  };

  const paced = async (ask: Ask): Promise<Answer> => {
    const way = wayOf(settings.targets, ask.target);
    if (way.kind === "nowhere" && way.why === "not-a-path") return failureAnswer(NOT_THIS);
    if (way.kind === "nowhere") return failureAnswer(unknownPath(settings.targets));
    const traits = traitsOf(ask.fields, settings.classHeader);
    const paceOfIt = pace.with(traits);
    const declared = fieldOf(ask.fields, "content-length");
    const kept = await keeper.keep(ask.body, declared === undefined ? undefined : Number(declared));
    if (kept.kind !== "kept") return failureAnswer(noRoom(kept.kind, settings), [["connection", "close"]]);
    try {
      const headers = new Headers(fieldsThere(ask.fields, settings.classHeader, settings.via).map(([name, value]) => [name, value]));
      const text = asText(kept.bytes, ask.fields);
      // What a model's answer took is read in it, and tokens are dearer than bytes.
      if (modelOf({ url: way.url, headers, body: text }) !== undefined) headers.set("accept-encoding", "identity");
      const body = kept.bytes.length === 0 ? {} : { body: text ?? kept.bytes };
      const answer = await paceOfIt.fetch(way.url, { method: ask.method, headers, signal: ask.signal, ...body } as RequestInit);
      // By `pace-error` what is refused here is told from what a service says: no service says it.
      const fields = fieldsHere([...answer.headers])
        .filter(([name]) => name !== PROXY_ERROR)
        .map(([name, value]): Field => (name === "location" ? [name, locationHere(settings.targets, way.url, value)] : [name, value]));
      return { status: answer.status, fields, body: answer.body ?? undefined };
    } finally {
      kept.forget();
    }
  };

  return {
    get keptBytes() {
      return keeper.keptBytes;
    },
    answer: async (ask) => {
      const against = objection(ask);
      if (against !== undefined) return failureAnswer(against);
      const [path = ""] = ask.target.split("?", 1);
      if (isUnder(path, OWN_PREFIX)) return own(path.slice(OWN_PREFIX.length), ask.method);
      try {
        return await paced(ask);
      } catch (error) {
        if (isPaceError(error)) return failureAnswer(failureOf(error));
        if (!isUpstreamError(error)) throw error;
        const { code, message } = error;
        return failureAnswer({ code, message, hint: "It may be down, or out of reach from here. Ask again later." });
      }
    },
  };
}

function unknownPath(targets: readonly Target[]): Failure {
  const there = targets.map(({ prefix, origin }) => `${prefix}/ for ${origin}`).join(", ");
  return {
    code: "not-found",
    message: "no service was named for this path",
    hint: `There are ${there}, and ${OWN_PREFIX}/ for the proxy itself.`,
  };
}

function noRoom(kind: "too-large" | "too-much", { mostBytes, mostKeptBytes }: BodyLimits): Failure {
  return kind === "too-large"
    ? { code: "body-too-large", message: `a body may have ${mostBytes} bytes here`, hint: "Start the proxy with a larger --most-body." }
    : { code: "queue-full", message: `bodies of ${mostKeptBytes} bytes are kept already`, hint: "Ask for less at once." };
}

const BRACE = "{".charCodeAt(0);

/** As text where it is: what it will take is told by it. Its bytes are the same when it is sent. */
function asText(bytes: Uint8Array, fields: readonly Field[]): string | undefined {
  if (bytes.length === 0) return undefined;
  const kind = fieldOf(fields, "content-type") ?? "";
  // `curl -d` calls everything a form.
  const isJson = /\bjson\b/i.test(kind) || bytes[0] === BRACE;
  if (!isJson || fieldOf(fields, "content-encoding") !== undefined) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
