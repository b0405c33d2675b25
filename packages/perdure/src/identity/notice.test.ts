import { beforeAll, describe, expect, it } from "vitest";
import { toBeSigned } from "../wire/identity.ts";
import { type Notice, notice, signedNotice } from "../wire/statement.ts";
import { signNotice, verifyNotice } from "./notice.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { crypto, NOW_MS, newIdentity } from "./test-machine.ts";
import { type VerifiedIdentity, verifyBundle } from "./verify.ts";

let relay: OwnIdentity;
let seen: VerifiedIdentity;
let said: Notice;
beforeAll(async () => {
  relay = await newIdentity("relay", { role: "relay" });
  seen = await verifyBundle(crypto, relay.bundle(), NOW_MS);
  said = {
    version: 1,
    relayId: relay.idRaw,
    outcome: 0,
    to: new Uint8Array(32),
    stream: new Uint8Array(8),
    seq: 1,
    digest: new Uint8Array(16),
    timeMs: NOW_MS,
    extensions: [],
  };
});

describe("a notice", () => {
  it("is taken from the relay that signed it", async () => {
    expect(await verifyNotice({ crypto, relay: seen, body: await signNotice({ crypto, own: relay, notice: said }) })).toEqual(said);
  });

  it("is refused with any byte changed", async () => {
    const good = await signNotice({ crypto, own: relay, notice: said });
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at] = (bad[at] as number) ^ 1;
      await expect(verifyNotice({ crypto, relay: seen, body: bad }), `byte ${at}`).rejects.toMatchObject({ name: "PerdureError" });
    }
  });

  it("is refused from an agent that is no relay", async () => {
    const agent = await newIdentity("agent");
    const body = await signNotice({ crypto, own: agent, notice: { ...said, relayId: agent.idRaw } });
    await expect(verifyNotice({ crypto, relay: await verifyBundle(crypto, agent.bundle(), NOW_MS), body })).rejects.toMatchObject({
      code: "bad-signature",
    });
  });

  it("is refused when it names another relay than the one it came from", async () => {
    const other = await newIdentity("other relay", { role: "relay" });
    const body = await signNotice({ crypto, own: relay, notice: said });
    await expect(verifyNotice({ crypto, relay: await verifyBundle(crypto, other.bundle(), NOW_MS), body })).rejects.toMatchObject({
      code: "bad-signature",
    });
  });

  it("is refused outside the time of the relay's certificate", async () => {
    const body = await signNotice({ crypto, own: relay, notice: { ...said, timeMs: NOW_MS + 40 * 24 * 60 * 60 * 1000 } });
    await expect(verifyNotice({ crypto, relay: seen, body })).rejects.toMatchObject({ code: "certificate-expired" });
  });

  it("is refused when the signature was made for another purpose", async () => {
    const encoded = notice.encode(said);
    const body = signedNotice.encode({
      notice: encoded,
      signature: await crypto.signatures.sign(relay.instanceKey, toBeSigned("statement", encoded)),
    });
    await expect(verifyNotice({ crypto, relay: seen, body })).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("with an outcome nobody knows asks for a newer version", async () => {
    const body = await signNotice({ crypto, own: relay, notice: { ...said, outcome: 9 } });
    await expect(verifyNotice({ crypto, relay: seen, body })).rejects.toMatchObject({ code: "needs-newer-version" });
  });
});
