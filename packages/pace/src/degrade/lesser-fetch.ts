/**
 * A `fetch` whose requests are done with less where something is short, and whose answers say so in the field `pace-degraded`.
 *
 * Strategies see `{ url, method, accept, body }`, the body as JSON where it is some. Work that was deferred is answered with 202 and its ticket; only who said that it may
 * be deferred gets that. An answer of which nothing was lost is handed on as it came.
 */
import { answerLike, bodiless } from "../providers/answer-like.ts";
import type { Degrader, Operation } from "./degrader.ts";
import { isRecord, type Json } from "./json.ts";
import { isQuestion } from "./question.ts";
import { fieldOfStamps, STAMP_FIELD } from "./stamp.ts";
import type { Lesser, Stamp } from "./strategy.ts";

type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What a call says of itself; its scope is whose credentials it goes with. */
export type LesserTraits = Pick<Operation<unknown>, "class" | "isDeferrable" | "isQuestion" | "lessenedBy"> & { readonly scope: string };

interface Asked {
  readonly url: string;
  readonly method: string;
  /** Of these fields an answer's form depends. */
  readonly accept: string | undefined;
  readonly body: Json | undefined;
}

/** Throws what `send` throws, and `PaceError` with the code `shed` for what is not done. */
export async function fetchLesser(
  degrader: Degrader,
  traits: LesserTraits,
  send: Fetch,
  input: string | URL | Request,
  init: RequestInit = {},
): Promise<Response> {
  const url = input instanceof Request ? input.url : String(input);
  const method = (init.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
  const body = typeof init.body === "string" ? parsed(init.body) : undefined;
  const isGet = method === "GET" || method === "HEAD";
  // A body that nobody can look into is nobody's to lessen.
  if (body === undefined && !isGet) return await send(input, init);
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  const asked: Asked = { url, method, accept: headers.get("accept") ?? undefined, body };
  const operation = `${method} ${url.split(/[?#]/)[0]}`;
  const work = { isQuestion: isQuestion(asked), ...traits, operation, request: asked, fits };
  const outcome = await degrader.perform(work, async (request) =>
    request === asked ? await send(input, init) : await send(...sendable(request, input, init)),
  );
  if (outcome.kind === "deferred") return stamped(Response.json({ deferred: { ticket: outcome.ticket } }, { status: 202 }), outcome.stamps);
  return outcome.stamps.length === 0 ? outcome.result : stamped(outcome.result, outcome.stamps);
}

/** Whether a strategy gave what can be sent, or handed on as an answer. Throws where it has itself in it. */
function fits(lesser: Lesser): boolean {
  if (lesser.kind === "answer") {
    // Of any realm.
    const { status, headers, bodyUsed } = lesser.result as Response;
    return typeof status === "number" && typeof headers.get === "function" && !bodyUsed;
  }
  if (lesser.kind !== "request") return true;
  const { url, method, body } = lesser.request as Asked;
  return typeof url === "string" && URL.canParse(url) && typeof method === "string" && typeof (JSON.stringify(body) ?? "") === "string";
}

function sendable({ url, method, body }: Asked, input: string | URL | Request, init: RequestInit): [string | Request, RequestInit] {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  headers.delete("content-length");
  const changed: RequestInit = { ...init, method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  return [input instanceof Request ? new Request(url, input.clone()) : url, changed];
}

function parsed(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function stamped(answer: Response, stamps: readonly Stamp[]): Response {
  const headers = new Headers(answer.headers);
  headers.set(STAMP_FIELD, fieldOfStamps(stamps));
  return answerLike(bodiless(answer), { body: answer.body, headers });
}
