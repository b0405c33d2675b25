import { describe, expect, it } from "vitest";
import { decodeKept, encodeKept, KEPT_KINDS, type Kept } from "./kept-agent.ts";

const part: Kept = { kind: "part", head: { stream: new Uint8Array(8).fill(1), seq: 5 } };

describe("kept records of an agent", () => {
  it("reads back head and payload", () => {
    const payload = new Uint8Array([1, 2, 3]);
    expect(decodeKept(encodeKept(part, payload))).toEqual({ kept: part, restated: undefined, payload });
  });

  it("reads back where the payload of a restated record lies", () => {
    const restated = { segment: 2, offset: 2 ** 40, length: 77 };
    expect(decodeKept(encodeKept(part, undefined, restated))).toEqual({ kept: part, restated, payload: new Uint8Array(0) });
  });

  it("refuses a record that is cut off anywhere in its head", () => {
    const encoded = encodeKept(part, undefined, { segment: 1, offset: 1, length: 1 });
    for (let length = 0; length < encoded.length; length++) expect(() => decodeKept(encoded.subarray(0, length))).toThrow();
  });

  it("says that a kind of a later version is newer", () => {
    const encoded = encodeKept(part, undefined);
    encoded[0] = KEPT_KINDS.length;
    expect(() => decodeKept(encoded)).toThrow(expect.objectContaining({ code: "needs-newer-version" }));
  });

  it("keeps the numbers of its kinds", () => {
    expect(KEPT_KINDS).toEqual([
      "reset",
      "group",
      "queued",
      "part",
      "sealed",
      "step",
      "forgotten",
      "received",
      "started",
      "put",
      "completed",
      "passed",
      "stream",
      "streamForgotten",
      "positions",
      "peer",
      "peerName",
      "relayName",
      "contact",
      "invite",
      "policy",
      "paused",
      "evidence",
      "conflict",
      "pass",
      "sealedUnder",
      "keyRetired",
    ]);
  });
});
