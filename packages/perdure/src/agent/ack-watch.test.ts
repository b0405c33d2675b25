import { describe, expect, it } from "vitest";
import { createNodeHash } from "../host/node/hash.ts";
import { createWorld } from "../host/simulated/index.ts";
import { createSettings } from "../settings/register.ts";
import { watchAcks } from "./ack-watch.ts";

const settings = createSettings();
const { ackTimeoutMs, probeTimeoutMs } = settings;

function begin() {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  let owed = false;
  let probes = 0;
  let ends = 0;
  const watch = watchAcks({
    clock: world.host("a").clock,
    settings,
    session: { send: () => void probes++, close: () => void ends++ },
    owed: () => owed,
  });
  const pass = (ms: number) => world.run({ untilMs: world.nowMs + ms });
  return {
    watch,
    pass,
    send: () => {
      owed = true;
      watch.sent();
    },
    acknowledge: () => {
      owed = false;
      watch.heard();
    },
    counts: () => ({ probes, ends }),
    events: () => world.events,
  };
}

describe("watching for acknowledgements", () => {
  it("sets no timer while nothing is owed", async () => {
    const { pass, send, acknowledge, events, counts } = begin();
    await pass(100 * ackTimeoutMs);
    expect(events()).toBe(0);
    send();
    acknowledge();
    await pass(100 * ackTimeoutMs);
    expect(events()).toBe(1);
    expect(counts()).toEqual({ probes: 0, ends: 0 });
  });

  it("probes once when nothing is heard, and gives up when the probe is not answered", async () => {
    const { pass, send, counts } = begin();
    send();
    await pass(ackTimeoutMs + 1);
    expect(counts()).toEqual({ probes: 1, ends: 0 });
    await pass(probeTimeoutMs + 1);
    expect(counts()).toEqual({ probes: 1, ends: 1 });
  });

  it("goes on while mail is under way and something is heard, and begins again with the next mail", async () => {
    const { watch, pass, send, acknowledge, counts } = begin();
    send();
    for (let round = 0; round < 10; round++) {
      await pass(ackTimeoutMs / 2);
      watch.heard();
    }
    expect(counts()).toEqual({ probes: 0, ends: 0 });
    acknowledge();
    await pass(2 * ackTimeoutMs);
    send();
    await pass(ackTimeoutMs + 1);
    expect(counts()).toEqual({ probes: 1, ends: 0 });
    watch.heard();
    await pass(probeTimeoutMs + 1);
    expect(counts()).toEqual({ probes: 1, ends: 0 });
    await pass(ackTimeoutMs + 1);
    expect(counts()).toEqual({ probes: 2, ends: 0 });
    watch.stop();
    await pass(100 * ackTimeoutMs);
    expect(counts()).toEqual({ probes: 2, ends: 0 });
  });
});
