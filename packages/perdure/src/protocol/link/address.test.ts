import { describe, expect, it } from "vitest";
import { agentIdText } from "../../wire/ids.ts";
import { formatRelayAddress, parseRelayAddress } from "./address.ts";

const raw = new Uint8Array(32).fill(7);

describe("a relay address", () => {
  it("comes back as it was written", () => {
    const text = formatRelayAddress("ws://127.0.0.1:4410", raw);
    expect(text).toBe(`ws://127.0.0.1:4410/#${agentIdText(raw)}`);
    expect(parseRelayAddress(text)).toEqual({ url: "ws://127.0.0.1:4410/", relayIdRaw: raw, ticket: undefined });
  });

  it("may leave the id open", () => {
    expect(parseRelayAddress("ws://127.0.0.1:4410").relayIdRaw).toBeUndefined();
  });

  it("may carry a ticket, which is no part of what is dialled", () => {
    const text = formatRelayAddress("wss://relay.example", raw, "abc-123_x");
    expect(text).toBe(`wss://relay.example/#${agentIdText(raw)}?ticket=abc-123_x`);
    expect(parseRelayAddress(text)).toEqual({ url: "wss://relay.example/", relayIdRaw: raw, ticket: "abc-123_x" });
    expect(formatRelayAddress(text, raw)).toBe(`wss://relay.example/#${agentIdText(raw)}`);
  });

  for (const said of ["?", "?ticket=", "?ticket=a b", `?ticket=${"a".repeat(65)}`, "?tickets=a", "?ticket=a?ticket=b"]) {
    it(`has no ticket in "${said}"`, () => {
      expect(() => parseRelayAddress(`wss://relay.example/#${agentIdText(raw)}${said}`)).toThrowError(
        expect.objectContaining({ code: "bad-argument" }),
      );
    });
  }

  for (const text of ["", "127.0.0.1:4410", "http://127.0.0.1:4410/", "ws://127.0.0.1:4410/#ag1short", "ws://user:secret@127.0.0.1/"]) {
    it(`is not "${text}"`, () => {
      expect(() => parseRelayAddress(text)).toThrowError(expect.objectContaining({ code: "bad-argument" }));
    });
  }
});
