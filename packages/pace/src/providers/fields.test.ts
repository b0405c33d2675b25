import { describe, expect, it } from "vitest";
import { fieldsOf } from "./fields.ts";
import { FIXTURES } from "./fixtures.ts";
import { readingsOf } from "./readings.ts";
import { verdictOf } from "./verdict.ts";

const DATE_MS = Date.parse("2026-11-23T12:00:00Z");

describe("fields of an answer", () => {
  it("tell the same when they are copied as each by itself", () => {
    for (const { fields, status, body = "" } of FIXTURES) {
      const headers = new Headers(fields);
      // As of another realm: not copied.
      const foreign = { get: (name: string) => headers.get(name) };
      expect(readingsOf(fieldsOf(headers), DATE_MS)).toEqual(readingsOf(foreign, DATE_MS));
      expect(verdictOf(status, fieldsOf(headers), body, DATE_MS)).toEqual(verdictOf(status, foreign, body, DATE_MS));
    }
  });

  it("are not asked for one by one of the engine, which checks each name", () => {
    const headers = new Headers({ "x-ratelimit-limit": "10", "x-ratelimit-remaining": "5" });
    let asked = 0;
    Object.defineProperty(headers, "get", {
      value: (name: string) => {
        asked++;
        return Headers.prototype.get.call(headers, name);
      },
    });
    const fields = fieldsOf(headers);
    expect(readingsOf(fields, DATE_MS).length).toBe(1);
    expect(asked).toBe(0);
  });

  it("that come twice are one, as in Headers", () => {
    const headers = new Headers([
      ["Retry-After", "1"],
      ["retry-after", "2"],
    ]);
    expect(fieldsOf(headers).get("retry-after")).toBe("1, 2");
  });

  it.each([[undefined], [null], ["retry-after: 1"], [{ "retry-after": 1 }]])("are none in %j", (headers) => {
    expect(fieldsOf(headers).get("retry-after")).toBe(null);
  });

  it("of clients that say undefined of what is not there, and of maps, are read as those of the engine", () => {
    const told = { "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "5" };
    const headers = new Headers(told);
    const odd: readonly (readonly [unknown, unknown])[] = [...Object.entries(told), [Object.create(null), "1"], [Symbol("a"), {}]];
    const others = [{ get: (name: string) => headers.get(name) ?? undefined }, new Map(odd)];
    for (const other of others) expect(readingsOf(fieldsOf(other), DATE_MS)).toEqual(readingsOf(headers, DATE_MS));
  });

  it("of a record are found whatever the size of their letters", () => {
    expect(fieldsOf({ "Retry-After": "1" }).get("retry-after")).toBe("1");
  });
});
