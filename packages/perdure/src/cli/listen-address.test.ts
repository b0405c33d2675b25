import { describe, expect, it } from "vitest";
import { nextPort, parseListenAddress } from "./listen-address.ts";

describe("where a relay listens", () => {
  it.each([
    ["4410", "ws://127.0.0.1:4410"],
    ["127.0.0.1:80", "ws://127.0.0.1:80"],
    ["localhost:0", "ws://localhost:0"],
    ["[::1]:4410", "ws://[::1]:4410"],
    ["ws://127.0.0.1:4410/", "ws://127.0.0.1:4410"],
  ])("%s is %s", (text, address) => expect(parseListenAddress(text)).toBe(address));

  it.each([
    ["443", "wss://127.0.0.1:443"],
    ["0.0.0.0:8443", "wss://0.0.0.0:8443"],
    ["wss://[::]:443/", "wss://[::]:443"],
    ["ws://127.0.0.1:4410", "ws://127.0.0.1:4410"],
  ])("%s with a certificate is %s", (text, address) => expect(parseListenAddress(text, "wss")).toBe(address));

  it.each(["", "localhost", "127.0.0.1:99999", "http://127.0.0.1:1", "ws://127.0.0.1:1/path", ":::"])("%j is refused", (text) => {
    expect(() => parseListenAddress(text)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });

  it("the next port ends behind the last", () => {
    expect(nextPort("ws://127.0.0.1:4410")).toBe("ws://127.0.0.1:4411");
    expect(nextPort("ws://127.0.0.1:65535")).toBeUndefined();
  });
});
