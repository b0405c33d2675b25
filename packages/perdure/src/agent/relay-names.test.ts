import { describe, expect, it } from "vitest";
import { agentIdText } from "../wire/ids.ts";
import { parseRecipient, splitName } from "./outgoing-records.ts";
import { canonicalHost, hostOfRelay, isLoopbackHost } from "./relay-names.ts";

describe("names at other relays", () => {
  it.each([
    ["relay.example", "relay.example"],
    ["Relay.Example:443", "relay.example"],
    ["relay.example:8443", "relay.example:8443"],
    ["127.0.0.1:4410", "127.0.0.1:4410"],
    ["[::1]:4410", "[::1]:4410"],
    ["bücher.example", "xn--bcher-kva.example"],
  ])("take the host %s as %s", (text, host) => {
    expect(canonicalHost(text)).toBe(host);
    expect(parseRecipient(`@desk@${text}`)).toEqual({ idRaw: new Uint8Array(0), name: `desk@${host}` });
    expect(splitName(`desk@${host}`)).toEqual({ name: "desk", host });
  });

  it.each(["", " ", "a b", "a/b", "a?b", "a#b", "user@host", "a:b:c", ":80", "x".repeat(300), "a\\b", "host:99999"])(
    "refuse %j as a host",
    (text) => {
      expect(canonicalHost(text)).toBeUndefined();
      expect(() => parseRecipient(`@desk@${text}`)).toThrow(expect.objectContaining({ code: "bad-argument" }));
    },
  );

  it.each(["desk", "@", "@Desk", "@desk@", "@@host", "@desk@a@b", "ag1", ""])("refuse %j as a recipient", (text) => {
    expect(() => parseRecipient(text)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });

  it("take ids and own names as before", () => {
    const idRaw = new Uint8Array(32).fill(5);
    expect(parseRecipient(agentIdText(idRaw))).toEqual({ idRaw, name: "" });
    expect(parseRecipient("@desk")).toEqual({ idRaw: new Uint8Array(0), name: "desk" });
  });

  it("name the host of a relay so that its document is found there", () => {
    expect(hostOfRelay("wss://relay.example/")).toBe("relay.example");
    expect(hostOfRelay("wss://relay.example:8443/")).toBe("relay.example:8443");
    expect(hostOfRelay("ws://127.0.0.1:4410/")).toBe("127.0.0.1:4410");
    for (const url of ["wss://relay.example/", "wss://relay.example:8443/", "ws://127.0.0.1:4410/", "ws://[::1]:4410/"])
      expect(canonicalHost(hostOfRelay(url))).toBe(hostOfRelay(url));
  });

  it("are asked for in the clear on this machine only", () => {
    for (const host of ["localhost:1", "127.0.0.1:4410", "127.9.9.9", "[::1]:80"]) expect(isLoopbackHost(host)).toBe(true);
    for (const host of ["localhost.example", "127.0.0.1.example", "relay.example", "10.0.0.1", "[::2]"])
      expect(isLoopbackHost(host)).toBe(false);
  });
});
