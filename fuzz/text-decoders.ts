/** Decoders of what people copy and browsers ask: invites, addresses, ids, HTTP requests. */
import { parseRelayAddress } from "../packages/perdure/src/protocol/link/address.ts";
import { createHttp } from "../packages/perdure/src/relay/http.ts";
import { reachOf } from "../packages/perdure/src/relay/reach.ts";
import { utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { agentIdBytes, agentIdText, messageIdText, parseMessageId } from "../packages/perdure/src/wire/ids.ts";
import { INVITE_VERSION, inviteLink, inviteText, parseInvite } from "../packages/perdure/src/wire/invite.ts";
import type { Decoder } from "./decoder.ts";

const SHORT_BYTES = 600;
const id = agentIdText(new Uint8Array(32).fill(9));

export function textDecoders(): readonly Decoder[] {
  const invite = {
    version: INVITE_VERSION,
    agentId: new Uint8Array(32).fill(1),
    name: "desk",
    home: { relayId: new Uint8Array(32).fill(2), url: "wss://relay.example/" },
    secret: new Uint8Array(16).fill(3),
    expiresAtMs: 1_800_000_000_000,
  };
  const text = (input: Uint8Array): string => new TextDecoder().decode(input);
  return [
    {
      name: "invite",
      take: (input) => {
        const read = parseInvite(text(input));
        // Both ways of writing what was read are read as the same again.
        if (inviteText(parseInvite(inviteLink(read))) !== inviteText(read)) throw new RangeError("text and link of an invite differ");
        return undefined;
      },
      seeds: [utf8(inviteText(invite)), utf8(inviteLink(invite)), utf8(` ${inviteText(invite)}\n`)],
      words: ["perdure1:", "https://", "http://", "/i#", "#", " ", "\n"].map(utf8),
      maxBytes: 2400,
      share: 2,
    },
    {
      name: "relay address",
      take: (input) => void parseRelayAddress(text(input)),
      seeds: [utf8(`wss://relay.example/#${id}?ticket=abc_-1`), utf8(`ws://[::1]:4410/#${id}`), utf8("relay.example:443")],
      words: ["wss://", "?ticket=", "#", "ag1", "@", "[", "%00", "..", "\\", "xn--"].map(utf8),
      maxBytes: SHORT_BYTES,
    },
    {
      name: "agent id",
      take: (input) => utf8(agentIdText(agentIdBytes(text(input)))),
      seeds: [utf8(id)],
      maxBytes: 80,
    },
    {
      name: "message id",
      take: (input) => {
        const { stream, seq } = parseMessageId(text(input));
        return utf8(messageIdText(stream, seq));
      },
      seeds: [utf8("9f2c4e81d03b7a55.1")],
      maxBytes: 80,
    },
    httpDecoder(),
  ];
}

/** A request as a line of method and path, then headers, as far as they make a request at all; none may fail inside. */
function httpDecoder(): Decoder {
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
