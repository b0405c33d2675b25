import { createHttp } from "../packages/perdure/src/relay/http.ts";
import { reachOf } from "../packages/perdure/src/relay/reach.ts";
import { utf8 } from "../packages/perdure/src/wire/bytes.ts";
import type { Decoder } from "./decoder.ts";

const SHORT_BYTES = 600;

/** A request as a line of method and path, then headers, as far as they make a request at all; none may fail inside. */
export function httpDecoder(): Decoder {
  const app = createHttp({
    reach: reachOf({ listen: "ws://127.0.0.1:0", public: "wss://relay.example/" }),
    status: () => undefined,
    agentNamed: () => undefined,
    isOwner: (authorization) => authorization === "Bearer right",
    limits: { judge: () => ({ fields: {}, over: undefined }) },
  });
  const paths = [
    "/",
    "/healthz",
    "/status.json",
    "/metrics",
    "/page",
    "/page.js",
    "/.well-known/perdure",
    "/.well-known/webfinger?resource=acct:desk@relay.example",
    "/i",
    "/i?x=1",
  ];
  return {
    name: "HTTP request",
    take: async (input) => {
      const [first = "", ...rest] = new TextDecoder().decode(input).split("\n");
      const [method = "", path = ""] = first.split(" ");
      const headers = new Headers();
      let request: Request;
      try {
        for (const line of rest) headers.append(line.slice(0, Math.max(0, line.indexOf(":"))), line.slice(line.indexOf(":") + 1));
        request = new Request(new URL(`http://relay.example${path}`), { method, headers });
      } catch {
        return undefined;
      }
      const answer = await app.fetch(request, { remote: "127.0.0.1:1" });
      await answer.arrayBuffer();
      // 503: a relay that is starting, as this one always is.
      if (answer.status >= 500 && answer.status !== 503) throw new RangeError(`it is answered ${answer.status}`);
      return undefined;
    },
    seeds: paths.flatMap((path) => [
      utf8(`GET ${path}\nhost: relay.example`),
      utf8(`POST ${path}\nhost: relay.example\nauthorization: Bearer right`),
    ]),
    words: ["GET ", "HEAD ", "OPTIONS ", "/.well-known/", "%", "%ff", "%2e%2e", "?resource=acct:", "@", "host: ", "\n", ":", "//"].map(
      utf8,
    ),
    maxBytes: SHORT_BYTES,
    share: 0.5,
  };
}
