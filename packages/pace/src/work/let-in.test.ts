import { describe, expect, it } from "vitest";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { letIn } from "./let-in.ts";

describe("an answer in a handler", () => {
  const time = createVirtualTime();

  it("is what it is where the service let the call in", async () => {
    for (const status of [200, 404, 500]) expect((await letIn(new Response("body", { status }), time)).status).toBe(status);
    expect(await (await letIn(new Response("body"), time)).text()).toBe("body");
  });

  it.each([
    [429, { "retry-after": "10800" }, "quota-spent", 10_800_000],
    [429, {}, "quota-spent", undefined],
    [529, { "retry-after": "5" }, "attempts-spent", 5000],
    [503, {}, "attempts-spent", undefined],
  ])("is a budget that stops the work where it says %d", async (status, headers, code, availableInMs) => {
    await expect(letIn(new Response("", { status, headers }), time)).rejects.toMatchObject({ code, availableInMs });
  });

  it("says why nothing is left of an account", async () => {
    const answer = new Response('{"error":{"code":"insufficient_quota","message":"no money"}}', { status: 429 });
    await expect(letIn(answer, time)).rejects.toMatchObject({ code: "quota-spent", message: expect.stringContaining("no money") });
  });
});
