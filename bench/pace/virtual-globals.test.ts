import { describe, expect, it } from "vitest";
import { installVirtualGlobals, type VirtualGlobals } from "./virtual-globals.ts";

async function within(act: (globals: VirtualGlobals) => Promise<void>): Promise<void> {
  const globals = installVirtualGlobals();
  try {
    await act(globals);
  } finally {
    globals.restore();
  }
}

/** What a program sees of timers and promises: names in the order in which they happen. */
function program(say: (name: string) => void): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(say, 20.9, "fractions of a millisecond are none");
    setTimeout(() => {
      say("first of the same moment");
      void Promise.resolve()
        .then(() => say("awaited in the first"))
        .then(() => process.nextTick(say, "tick after what was awaited"));
      process.nextTick(say, "tick in the first");
    }, 20);
    setTimeout(say, 20, "second of the same moment");
    setTimeout(say, -5, "at least one millisecond");
    const taken = setTimeout(say, 10, "never");
    setTimeout(() => clearTimeout(taken), 5);
    let count = 0;
    const beat = setInterval(() => {
      say(`beat ${++count}`);
      if (count < 3) return;
      clearInterval(beat);
      void (async () => {
        await null;
        say("awaited in the last beat");
        setTimeout(resolve, 40);
      })();
    }, 30);
  });
}

describe("virtual time in the place of the machine's", () => {
  it("lets the same happen in the same order", async () => {
    const real: string[] = [];
    await program((name) => real.push(name));
    const virtual: string[] = [];
    await within(async (globals) => {
      globals.begin(1);
      void program((name) => virtual.push(name));
      await globals.run(1000);
    });
    expect(virtual).toEqual(real);
    expect(virtual).toHaveLength(11);
  });

  it("passes half an hour in no time, for all clocks alike", async () => {
    const seen: number[] = [];
    await within(async (globals) => {
      globals.begin(1);
      const [date, now] = [Date.now(), performance.now()];
      setTimeout(() => seen.push(Date.now() - date, performance.now() - now, Date.parse(new Date().toISOString()) - date), 1_800_000);
      await globals.run(1_800_000);
    });
    expect(seen).toEqual([1_800_000, 1_800_000, 1_800_000]);
  });

  it("draws the same chance for the same seed, and forgets what waited in the time before", async () => {
    await within(async (globals) => {
      globals.begin(7);
      const first = Math.random();
      let late = 0;
      setTimeout(() => late++, 10);
      globals.begin(7);
      expect(Math.random()).toBe(first);
      await globals.run(100);
      expect(late).toBe(0);
    });
  });

  it("gives everything back", async () => {
    const before = [setTimeout, setInterval, setImmediate, Date, performance.now, Math.random];
    await within(async () => undefined);
    expect([setTimeout, setInterval, setImmediate, Date, performance.now, Math.random]).toEqual(before);
  });
});
