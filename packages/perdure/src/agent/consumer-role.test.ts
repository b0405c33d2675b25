import { describe, expect, it } from "vitest";
import { createConsumerRole } from "./consumer-role.ts";

const ONE = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

describe("who reads the mailbox", () => {
  it("shows its pass once more when it is fenced, and leaves the mailbox when it is fenced again", () => {
    const role = createConsumerRole();
    role.begin(ONE);
    role.confirmed();
    expect([role.ended("fenced"), role.consumes, role.trouble]).toEqual([true, true, undefined]);
    role.begin(ONE);
    role.confirmed();
    expect([role.ended("fenced"), role.consumes]).toEqual([true, false]);
    expect(role.trouble).toContain("fenced");
    expect(role.alert).toBeUndefined();
  });

  it("goes on reading however often it is fenced before its pass is confirmed", () => {
    const role = createConsumerRole();
    for (let turn = 0; turn < 5; turn++) {
      role.begin(ONE);
      expect([role.ended("fenced"), role.consumes]).toEqual([false, true]);
    }
  });

  it("leaves the mailbox when the folder lives twice, and says what to run", () => {
    const role = createConsumerRole();
    role.begin(ONE);
    role.ended("cloned");
    role.begin(ONE);
    expect([role.consumes, role.alert?.run]).toEqual([false, "perdure id claim"]);
    expect(role.ended("fenced")).toBe(false);
  });

  it("reads again as another instance", () => {
    const role = createConsumerRole();
    role.begin(ONE);
    role.ended("cloned");
    role.begin(OTHER);
    expect([role.consumes, role.alert, role.trouble]).toEqual([true, undefined, undefined]);
  });

  it("goes on reading after every other end", () => {
    const role = createConsumerRole();
    role.begin(ONE);
    for (const code of ["connection-closed", "too-busy", "timed-out", "relay-draining"]) expect(role.ended(code)).toBe(false);
    expect(role.consumes).toBe(true);
  });
});
