import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { base64url, fromBase64url } from "./bytes.ts";
import { isPerdureError } from "./error.ts";
import { type InviteContent, invite, inviteLink, inviteText, MAX_INVITE_TEXT_BYTES, parseInvite } from "./invite.ts";

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const content: fc.Arbitrary<InviteContent> = fc.record({
  version: fc.constant(1),
  agentId: bytesOf(32),
  name: fc.constantFrom("", "desk", "a", "night-desk-2"),
  home: fc.record({
    relayId: bytesOf(32),
    url: fc.constantFrom("ws://127.0.0.1:4410/", "wss://relay.example/", "wss://relay.example:8443/perdure", "ws://[::1]:1/"),
  }),
  secret: bytesOf(16),
  expiresAtMs: fc.nat(),
});
const codeOf = (written: string): string => {
  try {
    parseInvite(written);
    return "taken";
  } catch (error) {
    return isPerdureError(error) ? error.code : String(error);
  }
};
const [SAMPLE] = fc.sample(content, { seed: 7, numRuns: 1 }) as [InviteContent];

describe("base64url", () => {
  it("reads back what it wrote", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(fromBase64url(base64url(bytes))).toEqual(bytes);
      }),
    );
  });
  it("agrees with the platform's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(base64url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
      }),
    );
  });
  it.each(["a", "ab=", "a+b/", "ab c", "AB", "é"])("refuses %j, which no writer makes", (text) => {
    expect(fromBase64url(text)).toBeUndefined();
  });
});

describe("an invite", () => {
  it("is read back from its text and from its link", () => {
    fc.assert(
      fc.property(content, (wanted) => {
        expect(parseInvite(inviteText(wanted))).toEqual(wanted);
        expect(parseInvite(inviteLink(wanted))).toEqual(wanted);
      }),
    );
  });

  it("survives what mail programs and chats do to long lines", () => {
    const text = inviteText(SAMPLE);
    const broken = `  ${text.slice(0, 30)}\n${text.slice(30, 80)} \r\n\t${text.slice(80)}\n`;
    expect(parseInvite(broken)).toEqual(SAMPLE);
  });

  it("shows its page where its relay is, without the secret in what the server sees", () => {
    const link = inviteLink({ ...SAMPLE, home: { ...SAMPLE.home, url: "wss://relay.example:8443/x" } });
    const { origin, pathname, search, hash } = new URL(link);
    expect([origin, pathname, search]).toEqual(["https://relay.example:8443", "/i", ""]);
    expect(hash.length).toBeGreaterThan(100);
    expect(inviteLink({ ...SAMPLE, home: { ...SAMPLE.home, url: "ws://127.0.0.1:4410/" } })).toMatch(/^http:\/\/127\.0\.0\.1:4410\/i#/);
  });

  it("cut off anywhere is refused, never taken for a shorter one", () => {
    for (const whole of [inviteText(SAMPLE), inviteLink(SAMPLE)])
      for (let end = 0; end < whole.length; end++) expect(codeOf(whole.slice(0, end))).toBe("bad-argument");
  });

  it("says what is wrong with a link", () => {
    expect(() => parseInvite("https://relay.example/i")).toThrow(/ends before its #/);
    expect(() => parseInvite("https://relay.example/i#")).toThrow(/ends before its #/);
    expect(() => parseInvite("https://relay.example/")).toThrow(/goes on with \/i#/);
    expect(() => parseInvite("hello")).toThrow(/starts neither/);
  });

  it("says that it is cut off, and that something else is no invite", () => {
    expect(() => parseInvite(inviteText(SAMPLE).slice(0, -5))).toThrow(/cut off/);
    for (const other of ["hello", "ag1abc", "https://relay.example/", "https://relay.example/x#abcd", "file:///i#abc"])
      expect(() => parseInvite(other)).toThrow(/not an invite/);
  });

  it("of a later version says so", () => {
    const later = invite.encode(SAMPLE);
    later[1] = 2;
    expect(codeOf(`perdure1:${base64url(later)}`)).toBe("needs-newer-version");
  });

  it("with a relay that is none, or a name nobody can have, is refused", () => {
    expect(codeOf(inviteText({ ...SAMPLE, home: { ...SAMPLE.home, url: "javascript:alert(1)" } }))).toBe("bad-argument");
    expect(codeOf(inviteText({ ...SAMPLE, name: "Ä\u001b[2J" }))).toBe("bad-argument");
  });

  it("is never more than its limit, and nothing longer is looked at", () => {
    const long = { ...SAMPLE, home: { ...SAMPLE.home, url: `wss://relay.example/${"x".repeat(480)}` } };
    expect(inviteLink(long).length).toBeLessThan(MAX_INVITE_TEXT_BYTES);
    expect(codeOf("x".repeat(MAX_INVITE_TEXT_BYTES + 1))).toBe("bad-argument");
  });

  it("whatever is read, only errors of ours come out", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(["bad-argument", "needs-older-version", "needs-newer-version", "taken"]).toContain(codeOf(text));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(["bad-argument", "needs-older-version", "needs-newer-version", "taken"]).toContain(codeOf(`perdure1:${base64url(bytes)}`));
      }),
    );
  });
});
