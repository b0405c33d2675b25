import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { metricsText } from "./metrics.ts";
import type { PeerRow, RelayStatus } from "./status.ts";
import { createRelayWorld } from "./test-world.ts";

async function status(): Promise<RelayStatus> {
  return (await createRelayWorld().open()).status();
}

/** A sample line of the text format: name, labels, value. */
const SAMPLE = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

function parse(text: string): { readonly types: ReadonlyMap<string, string>; readonly samples: readonly string[] } {
  const types = new Map<string, string>();
  const samples: string[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const [, name = "", type = ""] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (type !== "") types.set(name, type);
    else if (!line.startsWith("# HELP ")) samples.push(line);
  }
  return { types, samples };
}

describe("metrics of a relay", () => {
  it("are lines that Prometheus reads, each of a declared type and with help", async () => {
    const text = metricsText(await status());
    const { types, samples } = parse(text);
    expect(samples.length).toBeGreaterThan(15);
    for (const line of samples) {
      const [, name = ""] = SAMPLE.exec(line) ?? [];
      expect(types.get(name), line).toMatch(/^(gauge|counter)$/);
      expect(name.endsWith("_total")).toBe(types.get(name) === "counter");
      expect(text).toContain(`# HELP ${name} `);
    }
  });

  it("are all explained to who runs a relay, and nothing else is", async () => {
    const page = await readFile(new URL("../../../../docs/operate.md", import.meta.url), "utf8");
    const explained = new Set([...page.matchAll(/`(perdure_\w+?)(?:\{\w+\})?`/g)].map(([, name]) => name));
    const { types } = parse(metricsText({ ...(await status()), memoryBytes: 1 }));
    expect([...explained].sort()).toEqual([...types.keys()].sort());
  });

  it("count refusals by code and mail by relay, whatever stands in either", async () => {
    const base = await status();
    const peer: PeerRow = {
      id: 'a"g\\1\n' as PeerRow["id"],
      url: undefined,
      connected: true,
      dialledBy: "us",
      waitingMessages: 3,
      waitingBytes: 9,
      oldestWaitingSinceMs: base.nowMs - 1500,
      parkedLanes: 0,
      passedOn: 7,
      relayedIn: 2,
      lastError: undefined,
    };
    const text = metricsText({ ...base, peers: [peer], counters: { ...base.counters, refused: { "mailbox-full": 4 } } });
    expect(text).toContain('perdure_refused_total{code="mailbox-full"} 4\n');
    expect(text).toContain('perdure_peer_oldest_waiting_seconds{relay="a\\"g\\\\1\\n"} 1.5\n');
    expect(text).toContain("perdure_peers_connected 1\n");
    for (const line of parse(text).samples) expect(line).toMatch(SAMPLE);
  });
});
