import { describe, expect, it } from "vitest";
import { reachOf } from "./reach.ts";

const here = reachOf({ listen: "ws://127.0.0.1:4410" });
const world = reachOf({ listen: "ws://0.0.0.0:4410", public: "wss://relay.example/" });

describe("who may connect to a relay of this machine", () => {
  for (const host of ["127.0.0.1:4410", "localhost:4410", "[::1]:4410"]) {
    it(`is a program that calls it ${host}`, () => expect(here.mayConnect({ host, origin: undefined })).toBe(true));
  }

  const others = {
    "a page elsewhere": { host: "127.0.0.1:4410", origin: "https://page.example" },
    "a page in a sandbox": { host: "127.0.0.1:4410", origin: "null" },
    "a page on another port of this machine": { host: "localhost:4410", origin: "http://localhost:8080" },
    "a name that somebody else points at this machine": { host: "rebound.example:4410", origin: undefined },
    "a request without a host": { host: undefined, origin: undefined },
  };
  for (const [who, caller] of Object.entries(others)) it(`is not ${who}`, () => expect(here.mayConnect(caller)).toBe(false));
});

describe("who may connect to a relay of the world", () => {
  for (const host of ["relay.example", "relay.example:443", "RELAY.example", "127.0.0.1:4410"]) {
    it(`is a program that calls it ${host}`, () => expect(world.mayConnect({ host, origin: undefined })).toBe(true));
  }

  const others = {
    "a page of its own name": { host: "relay.example", origin: "https://relay.example" },
    "a page elsewhere": { host: "relay.example", origin: "https://page.example" },
    "another name for it": { host: "rebound.example", origin: undefined },
    "its number": { host: "192.0.2.7:4410", origin: undefined },
    "a name that begins as its own": { host: "relay.example.evil.example", origin: undefined },
  };
  for (const [who, caller] of Object.entries(others)) it(`is not ${who}`, () => expect(world.mayConnect(caller)).toBe(false));
});

describe("pages whose origin the owner has named", () => {
  const origins = ["https://app.example", "http://localhost:8080/", "https://app.example"];
  const reach = reachOf({ listen: "ws://127.0.0.1:4410", origins });

  it("may connect, under a name of the relay", () => {
    for (const origin of reach.origins) expect(reach.mayConnect({ host: "127.0.0.1:4410", origin })).toBe(true);
    expect(reach.origins).toEqual(["https://app.example", "http://localhost:8080"]);
  });

  it("may not under another name, and pages of others may not at all", () => {
    expect(reach.mayConnect({ host: "rebound.example:4410", origin: "https://app.example" })).toBe(false);
    for (const origin of [
      "null",
      "http://app.example",
      "https://app.example:8443",
      "https://app.example.evil.example",
      "http://localhost:8081",
    ])
      expect(reach.mayConnect({ host: "127.0.0.1:4410", origin })).toBe(false);
  });

  for (const origin of [
    "*",
    "null",
    "app.example",
    "https://app.example/page",
    "https://APP.example",
    "file:///page.html",
    "ws://app.example",
  ]) {
    it(`are not called ${origin}`, () =>
      expect(() => reachOf({ listen: "ws://127.0.0.1:4410", origins: [origin] })).toThrowError(
        expect.objectContaining({ code: "bad-argument" }),
      ));
  }
});

describe("where a relay may be", () => {
  it.each([
    [{ listen: "ws://127.0.0.1:0" }, undefined],
    [{ listen: "ws://localhost:4410" }, undefined],
    [{ listen: "wss://[::1]:4410", tls: {} }, undefined],
    [{ listen: "ws://0.0.0.0:4410", public: "wss://relay.example" }, "wss://relay.example/"],
    [{ listen: "ws://127.0.0.1:4410", public: "wss://relay.example:8443/" }, "wss://relay.example:8443/"],
    [{ listen: "ws://10.0.0.7:4410", public: "ws://relay-a:4410/" }, "ws://relay-a:4410/"],
  ])("%j", (words, shown) => expect(reachOf(words).publicUrl).toBe(shown));

  for (const words of [
    { listen: "ws://0.0.0.0:4410" },
    { listen: "wss://relay.example:443", tls: {} },
    { listen: "wss://127.0.0.1:443" },
    { listen: "ws://127.0.0.1:443", tls: {} },
    { listen: "http://127.0.0.1:4410" },
    { listen: "127.0.0.1:4410" },
    { listen: "ws://0.0.0.0:4410", public: "https://relay.example/" },
    { listen: "ws://0.0.0.0:4410", public: "wss://relay.example/mail" },
    { listen: "ws://0.0.0.0:4410", public: "wss://me:secret@relay.example/" },
    { listen: "ws://0.0.0.0:4410", public: "wss://relay.example/#ag1" },
  ]) {
    it(`not ${JSON.stringify(words)}`, () => expect(() => reachOf(words)).toThrowError(expect.objectContaining({ code: "bad-argument" })));
  }
});
