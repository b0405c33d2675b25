import { expect, it } from "vitest";
import { createAskers } from "./askers.ts";

it.each([
  ["authorization", "Bearer one"],
  ["cookie", "session=one"],
  ["x-user", "one"],
  ["openai-organization", "org-one"],
])("who differs in %s is somebody else", (name, value) => {
  const askers = createAskers();
  const first = askers.of(new Headers({ [name]: value }));
  expect(askers.of(new Headers({ [name]: `${value} other` }))).not.toBe(first);
  expect(askers.of(new Headers())).not.toBe(first);
  expect(askers.of(new Headers({ [name.toUpperCase()]: value }))).toBe(first);
});

it("how a request is sent says nothing of who asks", () => {
  const askers = createAskers();
  const key = { authorization: "Bearer one" };
  const first = askers.of(new Headers(key));
  for (const more of [{ "idempotency-key": "7" }, { "user-agent": "curl" }, { "x-stainless-retry-count": "1" }, { traceparent: "00-1" }])
    expect(askers.of(new Headers({ ...key, ...more } as Record<string, string>))).toBe(first);
});

it("of very many the oldest is forgotten, and never taken for another", () => {
  const askers = createAskers();
  const first = askers.of(new Headers({ cookie: "first" }));
  for (let nth = 0; nth < 10_000; nth++) askers.of(new Headers({ cookie: String(nth) }));
  expect(askers.of(new Headers({ cookie: "first" }))).toBe(10_001);
  expect(first).toBe(0);
});
