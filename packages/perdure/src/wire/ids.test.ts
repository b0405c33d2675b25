import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { agentIdBytes, agentIdText, isAgentId, isAgentName, messageIdText, parseMessageId } from "./ids.ts";

const refused = (code: string) => expect.objectContaining({ name: "PerdureError", code });

describe("ids", () => {
  it("agent ids come back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (raw) => {
        const text = agentIdText(raw);
        expect(text).toMatch(/^ag1[a-z2-7]{52}$/);
        expect(agentIdBytes(text)).toEqual(raw);
      }),
    );
  });

  it.each([
    "",
    "ag1",
    "ag2".padEnd(55, "a"),
    "ag1".padEnd(54, "a"),
    "ag1".padEnd(56, "a"),
    "AG1".padEnd(55, "a"),
    `${"ag1".padEnd(54, "a")}b`,
    "ag1".padEnd(55, "1"),
  ])("%j is not an agent id", (text) => {
    expect(isAgentId(text)).toBe(false);
    expect(() => agentIdBytes(text)).toThrow(refused("bad-argument"));
  });

  it("message ids come back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (stream, seq) => {
        expect(parseMessageId(messageIdText(stream, seq))).toEqual({ stream, seq });
      }),
    );
  });

  it.each([
    "",
    "9f2c4e81d03b7a55",
    "9f2c4e81d03b7a55.",
    "9f2c4e81d03b7a55.01",
    "9f2c4e81d03b7a55.0",
    "9F2C4E81D03B7A55.1",
    "9f2c4e81d03b7a55.1e3",
    "9f2c4e81d03b7a5.1",
    "9f2c4e81d03b7a55.1.2",
    "9f2c4e81d03b7a55.-1",
    "9f2c4e81d03b7a55.9007199254740992",
  ])("%j is not a message id", (text) => {
    expect(() => parseMessageId(text)).toThrow(refused("bad-argument"));
  });

  it.each([
    ["a", true],
    ["desk-2", true],
    ["a".repeat(32), true],
    ["a".repeat(33), false],
    ["-a", false],
    ["a-", false],
    ["A", false],
    ["", false],
    ["ä", false],
  ])("the name %j: %s", (text, good) => {
    expect(isAgentName(text)).toBe(good);
  });
});
