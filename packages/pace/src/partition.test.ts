import { describe, expect, it } from "vitest";
import { modelOf, partitionOf } from "./partition.ts";

const GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-x:generateContent";
const FAST = '{"model":"claude-opus-x","speed":"fast","messages":[]}';
const FAST_BETA = { "anthropic-beta": "files-api-2025-04-14,fast-mode-2026-02-01" };

function named(url: string, headers: Record<string, string> = {}, body?: string): string {
  return partitionOf(new URL(url), { headers: new Headers(headers), body }, undefined);
}

describe("the model of a request", () => {
  it.each([
    [GEMINI, "gemini-x"],
    ["https://a.openai.azure.com/openai/deployments/large-eu/chat/completions?api-version=1", "large-eu"],
    ["https://bedrock-runtime.a.example/model/maker.large-v2%3A0/converse", "maker.large-v2:0"],
    ["https://bedrock-runtime.a.example/model/maker.large/invoke-with-response-stream", "maker.large"],
    ["https://api.github.com/repos/one/other/deployments/123/statuses", undefined],
    ["https://shop.example/model/chair-7/pictures", undefined],
  ])("is read from its address: %s", (url, model) => {
    expect(modelOf({ url, headers: new Headers(), body: '{"messages":[]}' })).toBe(model);
  });
});

describe("two requests", () => {
  it.each([
    ["Google's, in the query", `${GEMINI}?key=AIza-one`, `${GEMINI}?alt=sse&key=AIza-two`],
    ["in the query of others", "https://a.example/v1?api_key=one", "https://a.example/v1?api_key=two"],
    ["however it is spelt", "https://a.example/v1?apiKey=one", "https://a.example/v1?apiKey=two"],
    ["of who may access", "https://a.example/v1?access_token=one", "https://a.example/v1?access_token=two"],
  ])("with two keys have two quotas: %s", (_where, one, other) => {
    expect(named(one)).not.toBe(named(other));
    expect(named(one)).toBe(named(one));
  });

  it.each([["authorization"], ["x-api-key"], ["api-key"], ["x-goog-api-key"]])("with two keys in %s have two quotas", (field) => {
    expect(named(GEMINI, { [field]: "one" })).not.toBe(named(GEMINI, { [field]: "two" }));
  });

  it("with the same credentials of a gateway and two keys behind it have two quotas", () => {
    const at = "https://gateway.example/v1/messages";
    expect(named(at, { authorization: "Bearer gate", "x-api-key": "one" })).not.toBe(
      named(at, { authorization: "Bearer gate", "x-api-key": "two" }),
    );
  });

  it("that look something up by its key have one quota", () => {
    expect(named("https://a.example/items?key=one")).toBe(named("https://a.example/items?key=two"));
    expect(named("https://notgoogleapis.com/items?key=one")).toBe(named("https://notgoogleapis.com/items?key=two"));
  });

  it.each([
    [
      "AWS4-HMAC-SHA256 Credential=AKIA1/20261123/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=aa",
      "AWS4-HMAC-SHA256 Credential=AKIA1/20261124/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=bb",
      "AWS4-HMAC-SHA256 Credential=AKIA2/20261123/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=aa",
    ],
    [
      'Digest username="me", realm="r", nonce="1", response="aa"',
      'Digest username="me", realm="r", nonce="2", response="bb"',
      'Digest username="you", realm="r", nonce="1", response="aa"',
    ],
    [
      'OAuth oauth_consumer_key="me", oauth_nonce="1", oauth_signature="aa"',
      'OAuth oauth_consumer_key="me", oauth_nonce="2", oauth_signature="bb"',
      'OAuth oauth_consumer_key="you", oauth_nonce="1", oauth_signature="aa"',
    ],
    [
      "AWS4-ECDSA-P256-SHA256 Credential=AKIA1/20261123/s3/aws4_request, SignedHeaders=host, Signature=aa",
      "AWS4-ECDSA-P256-SHA256 Credential=AKIA1/20261124/s3/aws4_request, SignedHeaders=host, Signature=bb",
      "AWS4-ECDSA-P256-SHA256 Credential=AKIA2/20261123/s3/aws4_request, SignedHeaders=host, Signature=aa",
    ],
    [
      "GOOG4-RSA-SHA256 Credential=me@p.example/20261123/auto/storage/goog4_request, SignedHeaders=host, Signature=aa",
      "GOOG4-RSA-SHA256 Credential=me@p.example/20261124/auto/storage/goog4_request, SignedHeaders=host, Signature=bb",
      "GOOG4-RSA-SHA256 Credential=you@p.example/20261123/auto/storage/goog4_request, SignedHeaders=host, Signature=aa",
    ],
    [
      "HMAC-SHA256 Credential=me&SignedHeaders=x-ms-date;host&Signature=aa",
      "HMAC-SHA256 Credential=me&SignedHeaders=x-ms-date;host&Signature=bb",
      "HMAC-SHA256 Credential=you&SignedHeaders=x-ms-date;host&Signature=aa",
    ],
    ["SharedKey me:aa+/id==", "SharedKey me:bb==", "SharedKey you:aa+/id=="],
    ["SharedKeyLite me:aa=", "SharedKeyLite me:bb=", "SharedKeyLite you:aa="],
    ["AWS AKIA1:aa=", "AWS AKIA1:bb=", "AWS AKIA2:aa="],
    [
      'Signature keyId="https://a.example/me#key",headers="date",signature="aa"',
      'Signature keyId="https://a.example/me#key",headers="date",signature="b+/id="',
      'Signature keyId="https://a.example/you#key",headers="date",signature="aa"',
    ],
  ])("that one signed have one quota, whatever the signature: %s", (one, again, other) => {
    const of = (authorization: string): string => named("https://a.example/v1", { authorization });
    expect(of(one)).toBe(of(again));
    expect(of(one)).not.toBe(of(other));
  });

  it("that name nobody but are signed have one quota, and with two tokens two", () => {
    const of = (authorization: string): string => named("https://a.example/v1", { authorization });
    expect(of("HMAC-SHA256 SignedHeaders=host&Signature=aa")).toBe(of("HMAC-SHA256 SignedHeaders=host&Signature=bb"));
    expect(of("OAuth one")).not.toBe(of("OAuth two"));
  });

  it.each([
    [
      "signature-input",
      'a=("@method" "date");created=1;keyid="me"',
      'a=("@method" "date");created=2;keyid="me"',
      'a=("date");created=1;keyid="you"',
    ],
    ["signature", 'keyId="me",signature="aa"', 'keyId="me",signature="bb"', 'keyId="you",signature="aa"'],
    ["signature", "a=:aa=:", "a=:bb=:", undefined],
  ])("that one signed in the field %s have one quota: %s", (field, one, again, other) => {
    const of = (value: string): string => named("https://a.example/v1", { [field]: value });
    expect(of(one)).toBe(of(again));
    if (other !== undefined) expect(of(one)).not.toBe(of(other));
  });

  it("of which one asks Anthropic to be fast have two quotas", () => {
    const at = "https://api.anthropic.com/v1/messages";
    expect(named(at, FAST_BETA, FAST)).not.toBe(named(at, FAST_BETA, FAST.replace("fast", "standard")));
    expect(named(at, FAST_BETA, FAST)).toBe(named(at, FAST_BETA, FAST.replace('"speed":"fast"', '"speed" : "fast"')));
  });

  it("of which one has a tool that is fast have one quota", () => {
    const at = "https://api.anthropic.com/v1/messages";
    expect(named(at, {}, FAST)).toBe(named(at, {}, FAST.replace("fast", "standard")));
    expect(named(at, FAST_BETA, '{"messages":[{"content":"{\\"speed\\":\\"fast\\"}"}]}')).toBe(named(at, FAST_BETA, "{}"));
  });
});
