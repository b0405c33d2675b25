import { describe, expect, it } from "vitest";
import { formatRelayAddress } from "../protocol/link/address.ts";
import { agentIdText } from "../wire/ids.ts";
import { createDiscovery } from "./discovery.ts";

const RELAY = agentIdText(new Uint8Array(32).fill(1));
const DESK = agentIdText(new Uint8Array(32).fill(2));
const ADDRESS = formatRelayAddress("wss://relay.example/", RELAY);

async function ask(path: string, address = ADDRESS, isPublic = true, origin = "https://elsewhere.example"): Promise<Response> {
  const app = createDiscovery({
    address: () => address,
    agentNamed: (name) => (name === "desk" ? DESK : undefined),
    isPublic,
    origins: ["https://app.example"],
  });
  return await app.request(`https://relay.example${path}`, { headers: { origin } });
}

const finger = (resource: string): string => `/.well-known/webfinger?resource=${encodeURIComponent(resource)}`;

describe("finding a relay and its agents", () => {
  it("says who answers here", async () => {
    expect(await (await ask("/.well-known/perdure")).json()).toEqual({ perdure: 1, relayId: RELAY, url: "wss://relay.example/" });
  });

  it("says who has a name here", async () => {
    for (const resource of ["acct:desk@relay.example", "acct:desk@RELAY.example"]) {
      const answer = await ask(finger(resource));
      expect([answer.status, answer.headers.get("content-type"), answer.headers.get("access-control-allow-origin")]).toEqual([
        200,
        "application/jrd+json",
        "*",
      ]);
      expect(await answer.json()).toEqual({
        subject: "acct:desk@relay.example",
        properties: { "perdure:agent": DESK, "perdure:relay": ADDRESS },
        links: [{ rel: "self", href: `perdure:${DESK}` }],
      });
    }
  });

  for (const resource of ["acct:nobody@relay.example", "acct:desk@other.example", "acct:desk@relay.example:8443"]) {
    it(`knows nothing of ${resource}`, async () => expect((await ask(finger(resource))).status).toBe(404));
  }

  for (const resource of [
    "",
    "desk@relay.example",
    "acct:desk",
    "acct:De sk@relay.example",
    "acct:desk@relay.example/x",
    "https://relay.example/desk",
  ]) {
    it(`cannot read "${resource}"`, async () => expect((await ask(finger(resource))).status).toBe(400));
  }

  it("lets no page ask who is on a relay of one machine", async () => {
    const answer = await ask(finger("acct:desk@127.0.0.1:4410"), formatRelayAddress("ws://127.0.0.1:4410/", RELAY), false);
    expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, null]);
  });

  it("lets pages it lets in ask, also at a relay of one machine", async () => {
    for (const path of ["/.well-known/perdure", finger("acct:desk@127.0.0.1:4410")]) {
      const answer = await ask(path, formatRelayAddress("ws://127.0.0.1:4410/", RELAY), false, "https://app.example");
      expect([answer.status, answer.headers.get("access-control-allow-origin"), answer.headers.get("vary")]).toEqual([
        200,
        "https://app.example",
        "origin",
      ]);
    }
  });

  it("waits for the relay to be up", async () => {
    const app = createDiscovery({ address: () => undefined, agentNamed: () => undefined, isPublic: true, origins: [] });
    for (const path of ["/.well-known/perdure", finger("acct:desk@relay.example")])
      expect((await app.request(`https://relay.example${path}`)).status).toBe(503);
  });
});
