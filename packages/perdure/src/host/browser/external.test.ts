import { expect, test } from "vitest";
import { listExternal, unchosen } from "../../settings/external.ts";
import { createBrowserExternal } from "./external.ts";
import type { StorageKeeper } from "./platform.ts";

async function read(storage: StorageKeeper | undefined) {
  const external = createBrowserExternal({ storage });
  return listExternal(external.declared, await external.read("folder"), external.live());
}

test("a page says how much it may keep and whether it stays, and that both need attention when they do", async () => {
  const good = await read({ estimate: async () => ({ quota: 2 ** 31 }), persisted: async () => true });
  expect(unchosen(good)).toEqual([]);
  expect(good.find(({ name }) => name === "storageBytes")?.value).toBe(2 ** 31);
  const scarce = await read({ estimate: async () => ({ quota: 1024 }), persisted: async () => false });
  expect(unchosen(scarce).map(({ name, blast }) => [name, blast])).toEqual([
    ["storageBytes", "data"],
    ["storageKept", "data"],
  ]);
});

test.each([
  ["without the interface", undefined],
  ["that refuses to tell", { estimate: () => Promise.reject(new Error("no")), persisted: () => Promise.reject(new Error("no")) }],
])("of a browser %s nothing is made up", async (_, storage) => {
  const rows = (await read(storage)).filter(({ origin }) => origin === "browser");
  expect(rows.map(({ chosenBy }) => chosenBy)).toEqual(["unknown", "unknown", "unknown"]);
});
