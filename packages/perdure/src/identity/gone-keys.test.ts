import { expect, it } from "vitest";
import type { Crypto } from "../host/crypto.ts";
import { hex } from "../wire/bytes.ts";
import { KEY_CHAIN } from "./key-chain.ts";
import { createIdentity, openIdentity } from "./own-identity.ts";
import { createTestMachine, NOW_MS, settings } from "./test-machine.ts";

/** A machine whose key store holds these public keys, and loses them. */
function machineWithStore() {
  const machine = createTestMachine("a");
  const held = new Map<string, Uint8Array>();
  let fails = false;
  const noting = <Made extends { readonly key: { readonly publicKey: Uint8Array } }>(made: Made): Made => {
    held.set(hex(made.key.publicKey), made.key.publicKey);
    return made;
  };
  const { signatures, encapsulation } = machine.crypto;
  const crypto: Crypto = {
    ...machine.crypto,
    signatures: { ...signatures, create: async (random) => noting(await signatures.create(random)) },
    encapsulation: { ...encapsulation, create: async (random) => noting(await encapsulation.create(random)) },
    keyStore: {
      takeIn: async (seed) => seed,
      keepAs: async (keys) => {
        for (const { name } of keys) noting({ key: await signatures.load(name) });
      },
      destroy: async (isGone) => {
        if (fails) throw new Error("the disk is away");
        for (const [name, publicKey] of held) if (isGone(publicKey)) held.delete(name);
      },
    },
  };
  return {
    host: { ...machine, crypto },
    held,
    failing: (now: boolean) => {
      fails = now;
    },
  };
}

it("keys that were replaced are destroyed, those in use and those still needed are not", async () => {
  const { host, held, failing } = machineWithStore();
  const open = () => openIdentity({ host, folder: "home", settings });
  const own = await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings });
  const first = { control: own.log.controlKeys[0], instance: own.instanceKey.publicKey, inbox: own.inboxKey };
  // Control, instance, inbox, and the chain of next keys.
  expect(held.size).toBe(3 + KEY_CHAIN);

  failing(true);
  await own.rotate({ nowMs: NOW_MS });
  expect(held.size).toBe(5 + KEY_CHAIN);
  failing(false);
  const again = await open();
  // The old inbox key opens what is on its way; control keys come out of the chain.
  expect(held.size).toBe(3 + KEY_CHAIN);
  for (const gone of [first.control, first.instance]) expect(held.has(hex(gone as Uint8Array))).toBe(false);
  for (const stays of [again.log.controlKeys[0], again.instanceKey.publicKey, again.inboxKey.publicKey, first.inbox.publicKey])
    expect(held.has(hex(stays as Uint8Array))).toBe(true);

  const laterMs = NOW_MS + settings.inboxKeyGraceMs + settings.inboxKeyKeepMs + 1;
  await again.renewIfDue(laterMs);
  expect(held.has(hex(first.inbox.publicKey))).toBe(false);
  expect(again.isDestroyed(first.inbox.keyId)).toBe(true);
  await again.replaceInstance(laterMs);
  expect(held.has(hex(again.instanceKey.publicKey))).toBe(true);
  expect(held.size).toBe(3 + KEY_CHAIN + again.generations.length - 2);
});
