/** A log that is full of events of the keys in force: its owner can rotate and retire all the same. */
import { expect, test } from "vitest";
import { isPerdureError } from "../wire/error.ts";
import { identityBundle } from "../wire/identity.ts";
import { verifyLog } from "./agent-log.ts";
import { encodeBundle } from "./bundle.ts";
import { readKept } from "./custody.ts";
import { relateLogs } from "./log-ranking.ts";
import { signControlEvent } from "./log-signing.ts";
import { createIdentity, type OwnIdentity } from "./own-identity.ts";
import { createTestMachine, crypto, NOW_MS, settings, type TestMachine } from "./test-machine.ts";

const BUNDLE_BYTES = 16 * 1024;
const homes = (seed: number, count = 4) =>
  Array.from({ length: count }, (_, index) => ({
    relayId: new Uint8Array(32).fill(seed + index),
    url: `wss://${"relay.".repeat(70)}example/`,
    preference: index,
  }));

async function create(): Promise<{ readonly host: TestMachine; readonly own: OwnIdentity }> {
  const host = createTestMachine("full");
  return { host, own: await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings }) };
}

test.each([1, 2, 3, 4])("filled by its owner with homes, %i at a time", async (count) => {
  for (const last of ["rotate", "retire"] as const) {
    const { own } = await create();
    for (let seed = 0; ; seed++) {
      const full = await own.setHomesInLog(homes(seed, count), NOW_MS).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (full === undefined) continue;
      expect(isPerdureError(full) && full.code).toBe("too-large");
      break;
    }
    if (last === "rotate") await own.rotate({ nowMs: NOW_MS });
    await own.retire({ reason: "", nowMs: NOW_MS });
    expect(own.bundle().length).toBeLessThanOrEqual(BUNDLE_BYTES);
  }
});

test("filled by a thief of the key in force, and taken over from the home", async () => {
  for (const last of ["rotate", "retire"] as const) {
    const { host, own } = await create();
    await own.anchor({ root: new Uint8Array(32), about: "ours", nowMs: NOW_MS });
    const { controlSeed, log: ours } = (await readKept(host.files, crypto.hash, "home")) ?? { log: [] };
    const keys = [await crypto.signatures.load(controlSeed as Uint8Array)];
    let log = ours;
    for (let seed = 0; ; seed++) {
      // His own program heeds no limit but the one of relays.
      const state = { ...(await verifyLog(crypto, log)), sizeBytes: 0 };
      const more = [
        ...log,
        await signControlEvent(crypto, state, { kind: "home-set", body: { homes: homes(seed), extensions: [] }, keys, nowMs: 1 }),
      ];
      if (encodeBundle({ ...identityBundle.decode(own.bundle()), log: more }).length > BUNDLE_BYTES) break;
      log = more;
    }
    expect(await own.adopt(encodeBundle({ ...identityBundle.decode(own.bundle()), log }), NOW_MS)).toBe("continued");
    if (last === "rotate") await own.rotate({ nowMs: NOW_MS });
    else await own.retire({ reason: "", nowMs: NOW_MS });
    expect(relateLogs(identityBundle.decode(own.bundle()).log, log)).toBe("outranks");
    expect([own.bundle().length <= BUNDLE_BYTES, own.log.homes, own.log.anchors.length]).toEqual([true, undefined, 1]);
  }
});
