import { describe, expect, it } from "vitest";
import { createHttp } from "./http.ts";
import { reachOf } from "./reach.ts";
import { createRelayWorld, LISTEN } from "./test-world.ts";

const UNLIMITED = { judge: () => ({ fields: {}, over: undefined }) };
const HERE = { remote: "127.0.0.1:1" };

async function get(path: string, host = "127.0.0.1:4410"): Promise<Response> {
  const stage = createRelayWorld();
  await stage.open();
  return await stage.world.complete(
    stage.world.network.request(LISTEN, new Request(`http://127.0.0.1:4410${path}`, { headers: { host } })),
  );
}

describe("a relay over HTTP", () => {
  it("says that it is well", async () => {
    const answer = await get("/healthz");
    expect([answer.status, await answer.json()]).toEqual([200, { healthy: true, reasons: [] }]);
  });

  it("says that it is starting", async () => {
    const reach = reachOf({ listen: LISTEN });
    const http = createHttp({ reach, status: () => undefined, agentNamed: () => undefined, isOwner: () => true, limits: UNLIMITED });
    const answer = await http.request("http://127.0.0.1/healthz", { headers: { host: "127.0.0.1" } }, HERE);
    expect([answer.status, await answer.json()]).toEqual([503, { healthy: false, reasons: ["the relay is starting"] }]);
  });

  it("shows its status", async () => {
    const answer = await get("/status.json");
    expect(await answer.json()).toMatchObject({
      healthy: true,
      agents: [],
      waitingMessages: 0,
      settings: expect.arrayContaining([expect.objectContaining({ name: "windowFrames", origin: "default" })]),
    });
  });

  for (const host of ["localhost:4410", "127.0.0.1", "[::1]:4410", "127.8.9.1:80"]) {
    it(`answers under ${host}`, async () => {
      expect((await get("/healthz", host)).status).toBe(200);
    });
  }

  for (const host of ["evil.example", "evil.example:4410", "127.0.0.1.evil.example", "localhost.evil.example", "192.168.1.7:4410", ""]) {
    it(`does not answer under "${host}"`, async () => {
      expect((await get("/status.json", host)).status).toBe(421);
    });
  }

  it("lets no page elsewhere use what it says", async () => {
    const { headers } = await get("/status.json");
    expect([
      headers.get("x-content-type-options"),
      headers.get("access-control-allow-origin"),
      headers.get("content-security-policy"),
    ]).toEqual(["nosniff", null, expect.stringContaining("default-src 'none'")]);
  });
});
