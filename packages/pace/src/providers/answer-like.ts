/** What an answer says of itself that no constructor takes; clients put it into their logs, and resolve links by it. */
const OWN = ["status", "ok", "url", "redirected", "type"] as const;

interface Instead {
  readonly body: ReadableStream<Uint8Array> | string | null;
  readonly headers: Headers;
}

export type Bodiless = Readonly<Pick<Response, (typeof OWN)[number] | "statusText">>;

/** An answer with another body and other fields, and the same in all else: also one that failed (`Response.error()`, of status 0), and each of its clones. */
export function answerLike({ statusText, ...own }: Bodiless, { body, headers }: Instead): Response {
  const isMade = own.status >= 200 && own.status <= 599;
  return alike(new Response(body, { ...(isMade ? { status: own.status } : {}), statusText, headers }), own);
}

/** All of it but its body and its fields, for who keeps it longer than these. */
export function bodiless({ status, statusText, ok, url, redirected, type }: Response): Bodiless {
  return { status, statusText, ok, url, redirected, type };
}

function alike(made: Response, own: Omit<Bodiless, "statusText">): Response {
  const clone = made.clone.bind(made);
  for (const name of OWN) if (made[name] !== own[name]) Object.defineProperty(made, name, { value: own[name], configurable: true });
  return Object.defineProperty(made, "clone", { value: () => alike(clone(), own), configurable: true });
}
