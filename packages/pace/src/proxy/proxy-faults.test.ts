import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { PacePolicy } from "../policy.ts";
import { openProxy } from "./open-proxy.ts";
import { ask, PLENTY, testService } from "./test-service.ts";

describe("a proxy tells", () => {
  const counted: PacePolicy = {
    quotas: { "*": [{ unit: "usd", limit: 1, windowMs: 60_000 }] },
    prices: { small: { inputUsdPerMillion: 1, outputUsdPerMillion: 1 } },
  };

  it("of a model without a price that shows only by its answer, where dollars are counted", async () => {
    await using service = await testService((_, response) =>
      response
        .writeHead(200, { ...PLENTY, "content-type": "application/json" })
        .end('{"model":"large","usage":{"prompt_tokens":7,"completion_tokens":9}}'),
    );
    const faults: unknown[] = [];
    await using proxy = await openProxy({ for: [service.url], port: 0, policy: counted }, { fault: (error) => faults.push(error) });
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    await ask(proxy.url, { method: "POST", headers, body: gzipSync('{"model":"large","messages":[]}') });
    await expect.poll(() => faults.length).toBeGreaterThan(0);
    expect(faults).toMatchObject([{ code: "bad-argument", message: expect.stringContaining('"large" has no price') }]);
  });

  it("of watchers of its pace that fail, and takes none where nobody would hear of it", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    const faults: unknown[] = [];
    await using heard = await openProxy(
      { for: [service.url], port: 0, policy: { quotas: { "*": [{ limit: 1, windowMs: 60_000 }] } } },
      { fault: (error) => faults.push(error) },
    );
    heard.pace.on("the log", () => {
      throw new Error("the disk is full");
    });
    await ask(heard.url);
    await expect.poll(() => faults.length).toBeGreaterThan(0);
    expect(faults[0]).toMatchObject({ message: expect.stringContaining("the log"), cause: { message: "the disk is full" } });
    await using unheard = await openProxy({ for: [service.url], port: 0 });
    expect(() => unheard.pace.on("the log", () => undefined)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });

  it("nobody twice: who is told of a fault and throws breaks nothing", async () => {
    await using service = await testService((_, response) => response.end());
    const policy: PacePolicy = {
      partitionOf: () => {
        throw new Error("no name");
      },
    };
    const fault = (): never => {
      throw new Error("the log is full");
    };
    await using proxy = await openProxy({ for: [service.url], port: 0, policy }, { fault });
    expect(await ask(proxy.url)).toMatchObject({ status: 500, headers: { "pace-error": "fault" } });
  });
});
