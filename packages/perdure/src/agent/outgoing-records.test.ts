import { describe, expect, it } from "vitest";
import { isPerdureError } from "../wire/error.ts";
import { parseRecipient } from "./outgoing-records.ts";

const ID = `ag1${"a".repeat(51)}a`;

function hintFor(to: string): string | undefined {
  try {
    parseRecipient(to);
    return undefined;
  } catch (error) {
    if (isPerdureError(error)) return error.hint;
    throw error;
  }
}

describe("whom mail is for", () => {
  it("is an id, a name, or a name at a host", () => {
    expect(parseRecipient(ID).name).toBe("");
    expect(parseRecipient("@desk").name).toBe("desk");
    expect(parseRecipient("@desk@Relay.Example").name).toBe("desk@relay.example");
    expect(parseRecipient("@desk@[::1]:4411").name).toBe("desk@[::1]:4411");
  });

  it("what was probably meant is said", () => {
    expect(hintFor("@Desk@relay.example")).toContain("@desk@relay.example");
    expect(hintFor(ID.toUpperCase())).toContain(ID);
    expect(hintFor("desk")).toContain("@desk");
    expect(hintFor("desk@relay.example")).toContain("@desk@relay.example");
    expect(hintFor("ag1abc")).toContain("55 letters");
    expect(hintFor("@desk@wss://relay.example/")).toContain("@desk@relay.example");
    expect(hintFor("@desk@::1")).toContain("[::1]");
    expect(hintFor("@")).toContain("@name@host");
    expect(hintFor("")).toContain("@name@host");
  });
});
