import { describe, expect, it } from "vitest";
import { MAX_DESTROYED, MAX_INBOX_SECRETS } from "../wire/kept-identity.ts";
import { hasDue, isWorn, type KeptInbox, nextGeneration, withoutDue } from "./inbox-keys.ts";
import { createIdentity, openIdentity } from "./own-identity.ts";
import { createTestMachine, NOW_MS, settings } from "./test-machine.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const NONE: KeptInbox = { inboxSecrets: [], destroyed: [] };

describe("inbox keys", () => {
  it("are replaced after a week, open for five weeks more, and are destroyed then", async () => {
    const host = createTestMachine("a");
    const first = await nextGeneration(host, NONE, settings, NOW_MS);
    expect(isWorn(first, settings, NOW_MS + 7 * DAY_MS - 1)).toBe(false);
    expect(isWorn(first, settings, NOW_MS + 7 * DAY_MS)).toBe(true);
    const second = await nextGeneration(host, first, settings, NOW_MS + 7 * DAY_MS);
    expect(second.inboxKey.generation).toBe(2);
    expect(second.inboxSecrets.map(({ destroyAtMs }) => destroyAtMs)).toEqual([NOW_MS + 44 * DAY_MS, 0]);
    expect(hasDue(second, NOW_MS + 44 * DAY_MS - 1)).toBe(false);
    const later = withoutDue(second, NOW_MS + 44 * DAY_MS);
    expect(later.inboxSecrets.map(({ generation }) => generation)).toEqual([2]);
    expect(later.destroyed).toEqual([first.inboxKey.keyId]);
  });

  it("the newest one is never destroyed, however old it is", async () => {
    const first = await nextGeneration(createTestMachine("a"), NONE, settings, NOW_MS);
    expect(withoutDue(first, NOW_MS + 1000 * DAY_MS).inboxSecrets).toHaveLength(1);
  });

  it("made under a clock that was ahead are replaced at once", async () => {
    const first = await nextGeneration(createTestMachine("a"), NONE, settings, NOW_MS + DAY_MS);
    expect(isWorn(first, settings, NOW_MS)).toBe(true);
  });

  it("are bounded, however often a new one is forced", async () => {
    const host = createTestMachine("a");
    let kept: KeptInbox = NONE;
    for (let count = 0; count < 200; count++) kept = await nextGeneration(host, kept, settings, NOW_MS + count);
    expect(kept.inboxSecrets).toHaveLength(MAX_INBOX_SECRETS);
    expect(kept.destroyed).toHaveLength(MAX_DESTROYED);
    expect(kept.inboxSecrets.at(-1)?.generation).toBe(200);
  });

  it("of a folder that was not opened for long are destroyed when it is", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings });
    const { keyId } = own.inboxKey;
    expect(await own.renewIfDue(NOW_MS + 8 * DAY_MS)).toBe(true);
    expect(own.inboxSecret(keyId)).toBeDefined();
    host.setWallMs(NOW_MS + 46 * DAY_MS);
    const again = await openIdentity({ host, folder: "home", settings });
    expect(again.inboxSecret(keyId)).toBeUndefined();
    expect(again.isDestroyed(keyId)).toBe(true);
    expect(again.generations.map(({ generation }) => generation)).toEqual([2, 3]);
  });
});
