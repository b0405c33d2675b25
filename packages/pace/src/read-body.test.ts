import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { withReadBody } from "./read-body.ts";

const URL_OF_IT = "https://api.example.com/v1/chat";
const QUESTION = '{"model":"large","messages":["wie weit ist der Mond? – weit"]}';
const JSON_TYPE = { "content-type": "application/json" };

function request(init: RequestInit): Request {
  return new Request(URL_OF_IT, { method: "POST", ...init });
}

describe("a body that is read before its call", () => {
  it.each([
    ["JSON of a Request", request({ body: QUESTION, headers: JSON_TYPE }), {}],
    ["a text of a Request", request({ body: QUESTION }), {}],
    [
      "JSON of a Request that comes in pieces",
      request({ body: new Blob([QUESTION]).stream(), headers: JSON_TYPE, duplex: "half" } as RequestInit),
      {},
    ],
    ["a file of JSON", URL_OF_IT, { method: "POST", body: new Blob([QUESTION], { type: "application/json" }) }],
    ["a file that says nothing of itself", URL_OF_IT, { method: "POST", body: new Blob([QUESTION]) }],
  ] as const)("is the same to the byte: %s", async (_what, input, init) => {
    const sent = new Request(input, await withReadBody(input, init));
    expect(await sent.text()).toBe(QUESTION);
    if (input instanceof Request) expect(input.bodyUsed).toBe(false);
    const type = sent.headers.get("content-type");
    expect(type).toBe(new Request(input, init).headers.get("content-type"));
  });

  it.each([
    ["a stream", { body: new Blob([QUESTION]).stream(), duplex: "half" }],
    ["what is no JSON", { body: "a question" }],
    ["what was made small", { body: gzipSync(QUESTION), headers: { ...JSON_TYPE, "content-encoding": "gzip" } }],
    ["bytes that are no text", { body: new Uint8Array([0x7b, 0xff]), headers: JSON_TYPE }],
  ])("is left as it was: %s", async (_what, init) => {
    const given = {};
    const input = request(init as RequestInit);
    expect(await withReadBody(input, given)).toBe(given);
    expect(input.bodyUsed).toBe(false);
  });

  it("is read no further than a model could, and sent whole", async () => {
    const piece = new TextEncoder().encode(`{${" ".repeat(1_000_000)}`);
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (pulled++ < 70 ? controller.enqueue(piece.slice()) : controller.close()),
    });
    const input = request({ body, headers: JSON_TYPE, duplex: "half" } as RequestInit);
    const given = {};
    expect(await withReadBody(input, given)).toBe(given);
    expect(pulled).toBeLessThan(60);
    expect((await new Response(input.body).arrayBuffer()).byteLength).toBe(70 * piece.byteLength);
  });

  it.each([
    ["a file that is a picture", { body: new Blob([QUESTION], { type: "image/png" }) }],
    ["a text", { body: QUESTION }],
    ["none", {}],
  ])("is not waited for: %s", (_what, init) => {
    expect(withReadBody(URL_OF_IT, init)).toBe(init);
  });

  it.each([
    ["of the call", (signal: AbortSignal) => [{}, { signal }] as const],
    ["of the Request", (signal: AbortSignal) => [{ signal }, {}] as const],
  ])("is waited for no longer than the signal %s says", async (_whose, given) => {
    const aborter = new AbortController();
    const [own, init] = given(aborter.signal);
    const endless = request({ body: new ReadableStream(), headers: JSON_TYPE, duplex: "half", ...own } as RequestInit);
    const reading = withReadBody(endless, init);
    aborter.abort(new Error("taken back"));
    await expect(reading).rejects.toThrow("taken back");
    await expect(withReadBody(endless, init)).rejects.toThrow("taken back");
  });
});
