import { expect, it } from "vitest";
import { createPace, type Pace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import type { RightsStore } from "./rights-store.ts";
import { createMemoryRights } from "./rights-store.ts";

const URL = "https://api.example.com/";
const DAY_MS = 86_400_000;
const SILENT: RightsStore = { isAtomic: false, exchange: () => undefined, turn: () => 0, close: () => undefined };

function played(rightsOf: (time: ReturnType<typeof createVirtualTime>) => RightsStore, limit: number | undefined) {
  const time = createVirtualTime();
  const rights = rightsOf(time);
  let answered = 0;
  const fetch = async (): Promise<Response> => {
    answered++;
    return new Response("{}");
  };
  const quotas = limit === undefined ? {} : { "https://api.example.com": [{ limit, windowMs: DAY_MS, shape: "window" as const }] };
  const paces = [1, 2].map((seed) => createPace({ quotas }, { clock: time, random: seededRandom(seed), fetch, rights }));
  const ask = (pace: Pace): void => {
    void pace.fetch(URL).catch(() => undefined);
  };
  return { time, paces, ask, answered: () => answered };
}

it("a quota of the policy that two share is one for both, to the call", async () => {
  const { time, paces, ask, answered } = played((clock) => createMemoryRights(clock), 10);
  for (let nth = 0; nth < 30; nth++) for (const pace of paces) ask(pace);
  await time.runSettled(100_000);
  expect(answered()).toBe(10);
  for (const pace of paces) pace.close();
});

it("who never hears from the ledger goes on by himself with what the service watches over, after a lease", async () => {
  const { time, paces, ask, answered } = played(() => SILENT, undefined);
  for (let nth = 0; nth < 5; nth++) ask(paces[0] as Pace);
  await time.runSettled(2500);
  expect(answered()).toBe(0);
  await time.runSettled(20_000);
  expect(answered()).toBe(5);
  for (const pace of paces) pace.close();
});

it("... and spends nothing of what nobody else watches over", async () => {
  const { time, paces, ask, answered } = played(() => SILENT, 10);
  for (let nth = 0; nth < 5; nth++) ask(paces[0] as Pace);
  await time.runSettled(100_000);
  expect(answered()).toBe(0);
  for (const pace of paces) pace.close();
});
