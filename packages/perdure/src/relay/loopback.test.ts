import { describe, expect, it } from "vitest";
import { isProgramHere } from "./loopback.ts";

describe("who may connect to a relay", () => {
  for (const host of ["127.0.0.1:4410", "localhost:4410", "[::1]:4410"]) {
    it(`is a program that calls it ${host}`, () => expect(isProgramHere({ host, origin: undefined })).toBe(true));
  }

  const others = {
    "a page elsewhere": { host: "127.0.0.1:4410", origin: "https://page.example" },
    "a page in a sandbox": { host: "127.0.0.1:4410", origin: "null" },
    "a page on another port of this machine": { host: "localhost:4410", origin: "http://localhost:8080" },
    "a name that somebody else points at this machine": { host: "rebound.example:4410", origin: undefined },
    "a request without a host": { host: undefined, origin: undefined },
  };
  for (const [who, caller] of Object.entries(others)) it(`is not ${who}`, () => expect(isProgramHere(caller)).toBe(false));
});
