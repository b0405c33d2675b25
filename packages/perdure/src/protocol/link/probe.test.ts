import { expect, test } from "vitest";
import { challenge } from "../../wire/control.ts";
import { decodeTransport, encodeTransport } from "../../wire/frame.ts";
import { MAX_TRANSPORT_BYTES, WIRE_VERSION } from "../../wire/limits.ts";
import { probeRelay } from "./probe.ts";
import { meet, settings } from "./test-meeting.ts";
import { challengeToSign } from "./transcript.ts";

const ADDRESS = "ws://other:1";

/** A relay that answers with what it was not offered, and signs that. */
async function probeOne(chosen: { readonly version: number; readonly mode: "none" | "mac" }): Promise<unknown> {
  const { world, relay } = await meet();
  const { net, crypto, random, clock } = world.host("relay");
  const ephemeral = await world.complete(crypto.encapsulation.load(random.bytes(32)));
  await world.complete(
    net.listen(ADDRESS, {
      maxMessageBytes: MAX_TRANSPORT_BYTES,
      onConnection: (connection) =>
        connection.start({
          message: (message) => {
            const [hello] = decodeTransport(message, 0);
            if (hello?.name !== "hello") return;
            const unsigned = {
              ...chosen,
              relayId: relay.idRaw,
              nonce: random.bytes(32),
              ephemeralKey: ephemeral.publicKey,
              relayTimeMs: clock.wallMs(),
              bundle: relay.bundle(),
              signature: new Uint8Array(64),
              extensions: [],
            };
            const toSign = challengeToSign(crypto.hash, hello.payload, unsigned);
            void crypto.signatures.sign(relay.instanceKey, toSign).then((signature) => {
              connection.send(encodeTransport([{ name: "challenge", payload: challenge.encode({ ...unsigned, signature }) }], 0));
            });
          },
          drained: () => undefined,
          closed: () => undefined,
        }),
    }),
  );
  return await world.complete(probeRelay({ host: world.host("agent"), settings, url: ADDRESS, relayIdRaw: relay.idRaw }));
}

test("a relay that chose of what it was offered is there", async () => {
  await expect(probeOne({ version: WIRE_VERSION, mode: "mac" })).resolves.toMatchObject({ relay: { id: expect.any(String) } });
});

test("a relay that answers in another version is not taken for one that can be used", async () => {
  await expect(probeOne({ version: WIRE_VERSION + 1, mode: "mac" })).rejects.toMatchObject({ code: "needs-newer-version" });
});

test("a relay that chooses an unprotected session over a network is not taken for one that can be used", async () => {
  await expect(probeOne({ version: WIRE_VERSION, mode: "none" })).rejects.toMatchObject({ code: "bad-handshake" });
});
