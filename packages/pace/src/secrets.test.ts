import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createMetrics } from "./metrics/metrics.ts";
import { createOverview } from "./monitor/overview.ts";
import { createPace, type Fetch } from "./pace.ts";
import { createVirtualTime } from "./testing/virtual-time.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pace-secrets-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = "sk-never-to-be-seen";
const PLACES: readonly (readonly [where: string, url: string, headers: Record<string, string>])[] = [
  ["authorization", "https://api.example.com/v1", { authorization: `Bearer ${SECRET}` }],
  ["a signature", "https://api.example.com/v1", { authorization: `AWS4-HMAC-SHA256 Credential=${SECRET}/us, Signature=${SECRET}` }],
  ["x-api-key", "https://api.anthropic.com/v1", { "x-api-key": SECRET }],
  ["x-goog-api-key", "https://generativelanguage.googleapis.com/v1/models/gemini:x", { "x-goog-api-key": SECRET }],
  ["Google's query", `https://generativelanguage.googleapis.com/v1/models/gemini:x?key=${SECRET}`, {}],
  ["another query", `https://api.example.com/v1?api_key=${SECRET}&q=1`, {}],
  ["a cookie", "https://api.example.com/v1", { cookie: `session=${SECRET}` }],
  ["a password of the address", `https://me:${SECRET}@api.example.com/v1`, {}],
];

it.each(PLACES)("a secret in %s is in nothing that is shown, told, thrown or kept", async (_where, url, headers) => {
  const seen: unknown[] = [];
  const path = join(folder, "shared.db");
  const metrics = createMetrics();
  const time = createVirtualTime();
  const overview = createOverview([], time);
  const answers = [429, 200, 503];
  const fetch: Fetch = async () =>
    new Response("{}", {
      status: answers.shift() ?? 200,
      headers: { "retry-after-ms": "1", "x-ratelimit-limit": "9", "x-ratelimit-remaining": "8" },
    });
  const pace = createPace(
    { shareAt: path, attempts: 2, mostWaiting: 1 },
    {
      fetch,
      clock: time,
      fault: (fault) => seen.push(fault),
      watch: (event) => {
        seen.push(event);
        metrics.watch(event);
        overview.watch(event);
      },
    },
  );
  overview.follow(pace);
  pace.on("log", (event) => void seen.push(event));
  const errors = Promise.allSettled([
    pace.fetch(url, { headers }),
    pace.with({ deadlineMs: 1 }).fetch(url, { headers }),
    pace.with({ cost: { requests: 1e9 } }).fetch(url, { headers }),
    pace.fetch(url, { headers, signal: AbortSignal.abort() }),
  ]);
  await time.runSettled(20_000);
  const state = [...pace.state()].map(([name, { accounts, ...rest }]) => [name, rest, accounts.map((account) => ({ ...account }))]);
  const thrown = (await errors).map((one) => (one.status === "rejected" ? [String(one.reason), { ...one.reason }] : []));
  const kept = readdirSync(folder).map((name) => readFileSync(join(folder, name), "latin1"));
  const shown = { state, gauges: pace.gauges(), standings: pace.standings(), metrics: metrics.text(pace), monitor: overview.snapshot() };
  overview[Symbol.dispose]();
  pace.close();
  expect(seen.length).toBeGreaterThan(4);
  const places = Object.entries({ ...shown, seen, thrown, kept }).map(([name, one]) => [name, JSON.stringify(one)] as const);
  expect(places.filter(([, text]) => !text.includes("https://") && !text.includes("PaceError"))).toEqual([]);
  expect(places.filter(([, text]) => text.includes(SECRET)).map(([name]) => name)).toEqual([]);
});

it.each([[`api.example.com/v1?key=${SECRET}`], [`//me:${SECRET}@api.example.com/v1`], [`https://me:${SECRET}@[bad/v1`], [`/v1#${SECRET}`]])(
  "nor in what is said of an address that is none: %s",
  async (url) => {
    const pace = createPace({ lesser: [] }, { fetch: async () => new Response("{}") });
    const error: unknown = await pace.fetch(url).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "bad-argument" });
    expect(String(error)).not.toContain(SECRET);
    pace.close();
  },
);
