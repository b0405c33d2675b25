import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { PAGE_HTML } from "./page.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import type { AgentRow, PeerRow, RelayStatus } from "./status.ts";
import { createTestDocument, type TestDocument } from "./test-document.ts";

const START = Date.UTC(2026, 10, 21, 12, 0, 0);
const ID = `ag1${"r".repeat(52)}`;
const HOSTILE = `<script>alert(1)</script><img src=x onerror=alert(2)>"'&amp;`;

type Answer = object | "refused" | "not json" | "not the owner";

interface Viewed extends TestDocument {
  /** Lets the pause between two questions pass; what was not asked by then is not asked at all. */
  next(answer: Answer, afterMs?: number): Promise<void>;
  text(id: string): string;
}

/** The page as somebody sees it whose relay answers `first`. */
async function view(
  first: Answer,
  script = PAGE_SCRIPT,
  more: Readonly<Record<string, unknown>> & { readonly asked?: (headers: unknown) => void } = {},
): Promise<Viewed> {
  const page = createTestDocument(PAGE_HTML);
  let nowMs = START;
  let answer = first;
  let ask: (() => Promise<void>) | undefined;
  const context = {
    document: page.document,
    location: { host: "127.0.0.1:4410" },
    AbortSignal: { timeout: () => undefined },
    performance: { now: () => nowMs },
    Date: class extends Date {
      static override now(): number {
        return nowMs;
      }
    },
    fetch: async (path: string, { headers }: { readonly headers: unknown }) => {
      expect(path).toBe("/status.json");
      more.asked?.(headers);
      if (answer === "not the owner") return { status: 401 };
      if (answer === "refused") throw new TypeError("refused");
      return { json: async () => JSON.parse(answer === "not json" ? "<html>" : JSON.stringify(answer)) };
    },
    setTimeout: (then: () => Promise<void>) => {
      ask = then;
      return 1;
    },
    clearTimeout: () => {},
    ...more,
  };
  const settled = async (): Promise<void> => {
    await expect.poll(() => ask).toBeDefined();
  };
  runInNewContext(script, context);
  await settled();
  return {
    ...page,
    text: (id) => page.element(id).textContent,
    next: async (following, afterMs = 2000) => {
      const due = ask;
      ask = undefined;
      answer = following;
      nowMs += afterMs;
      await due?.();
      await settled();
    },
  };
}

function agent(letter: string, more: object = {}): AgentRow {
  const id = `ag1${letter.repeat(52)}` as AgentRow["id"];
  return {
    id,
    name: letter,
    connected: false,
    standing: "open",
    waitingMessages: 0,
    waitingBytes: 0,
    oldestWaitingSinceMs: undefined,
    ...more,
  };
}

function status(more: Partial<RelayStatus> = {}): RelayStatus {
  return {
    id: ID as RelayStatus["id"],
    address: `ws://127.0.0.1:4410/#${ID}`,
    healthy: true,
    reasons: [],
    nowMs: START,
    startedAtMs: START - 3 * 3_600_000,
    generation: "0011223344556677",
    connections: 1,
    agentCount: more.agents?.length ?? 0,
    agents: [],
    peers: [],
    limits: [],
    waitingMessages: 0,
    waitingBytes: 0,
    diskBytes: 3 * 1024 * 1024,
    queuedBytes: 0,
    diskLimitBytes: 6 * 1024 * 1024,
    memoryBytes: undefined,
    counters: { accepted: 0, duplicates: 0, delivered: 0, settled: 0, expired: 0, lost: 0, statements: 0, refused: {}, limited: {} },
    damage: { places: 0, bytes: 0, lostMessages: 0, mayTurnBack: false },
    incidents: [],
    tickets: { required: false, open: 0 },
    origins: [],
    bans: [],
    settings: [],
    surroundings: { external: [], contradictions: [] },
    ...more,
  };
}

function peer(letter: string, more: Partial<PeerRow> = {}): PeerRow {
  return {
    id: `ag1${letter.repeat(52)}` as PeerRow["id"],
    url: `wss://${letter}.example/`,
    connected: false,
    dialledBy: undefined,
    waitingMessages: 0,
    waitingBytes: 0,
    oldestWaitingSinceMs: undefined,
    parkedLanes: 0,
    passedOn: 0,
    relayedIn: 0,
    lastError: undefined,
    ...more,
  };
}

describe("what others chose", () => {
  const hostile = status({
    healthy: false,
    reasons: [HOSTILE],
    address: HOSTILE,
    generation: HOSTILE,
    agents: [agent("a", { id: HOSTILE, name: HOSTILE })],
    peers: [peer("p", { id: HOSTILE as PeerRow["id"], url: HOSTILE, lastError: HOSTILE })],
    bans: [{ id: HOSTILE, why: HOSTILE, atMs: START }] as unknown as RelayStatus["bans"],
    incidents: [{ atMs: START, kind: HOSTILE as "peer", what: HOSTILE }],
    counters: { ...status().counters, refused: { [HOSTILE]: 1 } },
  });

  it("stands on the page as the text it is", async () => {
    const page = await view(hostile);
    for (const id of ["reasons", "address", "generation", "agent-rows", "peer-rows", "bans", "incidents", "refused", "join"])
      expect(page.text(id)).toContain(HOSTILE);
  });

  it("makes no element", async () => {
    const page = await view(hostile);
    expect([...page.made].sort()).toEqual(["code", "li", "p", "span", "td", "time", "tr"]);
  });

  it("would be caught by this test if it were written as HTML", async () => {
    const page = await view(hostile, PAGE_SCRIPT.replace("say(name, called ?? otherwise)", "name.innerHTML = called"));
    expect(page.text("reasons")).toContain("p.innerHTML must not be set");
  });

  it("cannot hide letters or turn the reading direction", async () => {
    const page = await view(status({ agents: [agent("a", { name: "a\u202ecod\u2066.\u200bx\u0007\n\u2028" })] }));
    expect(page.text("agent-rows")).toContain("a\ufffdcod\ufffd.\ufffdx\ufffd\ufffd\ufffd");
  });
});

describe("the state of the relay", () => {
  it("is healthy in words and without reasons", async () => {
    const page = await view(status());
    expect([page.text("headline"), page.text("reasons"), page.body.dataset["state"]]).toEqual(["Healthy", "", "good"]);
  });

  it("names what is wrong, in the tab's title too", async () => {
    const page = await view(status({ healthy: false, reasons: ["the disk takes nothing", "the clock jumped"] }));
    expect(page.element("reasons").children.map((each) => each.textContent)).toEqual(["the disk takes nothing", "the clock jumped"]);
    expect(page.title()).toBe("Needs attention – Perdure relay");
  });

  it("forgets reasons that have passed", async () => {
    const page = await view(status({ healthy: false, reasons: ["one", "two"] }));
    await page.next(status());
    expect(page.element("reasons").children).toEqual([]);
  });

  it("is starting as long as there are no numbers", async () => {
    const page = await view({ healthy: false, reasons: ["the relay is starting"] });
    expect([page.text("headline"), page.text("waiting")]).toEqual(["Starting", ""]);
  });
});

describe("limits that were hit", () => {
  it("have a line with the times of each, which is not there without any", async () => {
    const page = await view(status());
    expect(page.element("limits").hidden).toBe(true);
    await page.next(status({ counters: { ...status().counters, limited: { agentMessagesPerMinute: 1200, strangerMessages: 0 } } }));
    expect(page.element("limits").hidden).toBe(false);
    expect(page.text("limited")).toBe("agentMessagesPerMinute 1,200; perdure relay --set raises one");
  });
});

describe("a relay that is gone", () => {
  it("leaves its last numbers, marked as old with their age", async () => {
    const page = await view(status({ waitingMessages: 7 }));
    await page.next("refused", 150_000);
    expect([page.body.dataset["state"], page.text("headline"), page.text("waiting")]).toEqual(["gone", "No answer from the relay", "7"]);
    expect(page.text("reasons")).toContain("nothing answers at 127.0.0.1:4410");
    expect(page.text("reasons")).toContain("2 min ago");
  });

  it("is asked again until it is back", async () => {
    const page = await view("refused");
    await page.next("refused");
    await page.next(status());
    expect([page.body.dataset["state"], page.text("headline")]).toEqual(["good", "Healthy"]);
  });

  it("is told apart from something else on its port", async () => {
    const page = await view("not json");
    expect(page.text("reasons")).toContain("is not a status this page can read");
  });
});

describe("numbers", () => {
  it("are sizes, shares and ages people read", async () => {
    const page = await view(status({ waitingMessages: 12_345, waitingBytes: 1536, memoryBytes: 91 * 1024 * 1024 }));
    expect(["waiting", "waiting-size", "disk", "memory", "running"].map(page.text)).toEqual(["12,345", "1.5 KB", "3 MB", "91 MB", "3 h"]);
    expect(page.element("disk-meter").value).toBe(0.5);
  });

  it("give messages a second from two answers", async () => {
    const page = await view(status());
    await page.next(status({ counters: { ...status().counters, accepted: 5, delivered: 400 } }));
    expect([page.text("rate"), page.text("rate-out")]).toEqual(["2.5/s", "out 200/s"]);
  });

  it("give no rate across a restart", async () => {
    const page = await view(status({ counters: { ...status().counters, accepted: 1000 } }));
    await page.next(status({ generation: "8899aabbccddeeff" }));
    expect(page.text("rate")).toBe("…");
  });

  it("raise the alarm about lost mail", async () => {
    const page = await view(status({ counters: { ...status().counters, lost: 1, refused: { "disk-full": 2, "too-busy": 1 } } }));
    expect([page.element("lost").className, page.text("refused")]).toEqual(["alarm", "disk-full 2, too-busy 1"]);
  });

  it("show settings only where somebody changed them", async () => {
    const setting = { name: "redialMinMs", value: 100, unit: "ms", min: 10, max: 60_000, reason: "" } as const;
    const page = await view(
      status({
        settings: [
          { ...setting, origin: "set" },
          { ...setting, name: "pingEveryMs", origin: "default" },
          { ...setting, name: "keepInputs", value: 0, unit: "yes or no", origin: "set" },
        ],
      }),
    );
    expect(page.text("settings")).toBe("redialMinMs = 100 ms, keepInputs = no");
  });
});

describe("agents", () => {
  it("say who waits for how long, and who is there", async () => {
    const waiting = { connected: true, waitingMessages: 3, waitingBytes: 2048, oldestWaitingSinceMs: START - 90_000 };
    const page = await view(status({ agents: [agent("a", waiting), agent("b", { name: undefined })] }));
    const [first, second] = page.element("agent-rows").children.map((row) => row.children.map((cell) => cell.textContent));
    expect(first).toEqual([`@aconnectedag1${"a".repeat(52)}`, "3", "2 KB", "90 s"]);
    expect(second).toEqual([`no nameawayag1${"b".repeat(52)}`, "0", "–", "–"]);
  });

  it("say what keeps their mail", async () => {
    const rows = ["frozen", "cloned", "retired", "open"].map((standing, index) => agent("abcd"[index] as string, { standing }));
    const page = await view(status({ agents: rows }));
    const said = page.element("agent-rows").children.map((row) => row.children[0]?.children[2]?.textContent);
    expect(said).toEqual(["frozen", "cloned", "retired", ""]);
  });

  it("keep their rows when the order changes and lose them when they leave", async () => {
    const [a, b, c] = [agent("a"), agent("b"), agent("c")];
    const page = await view(status({ agents: [a, b, c] }));
    const [rowA, , rowC] = page.element("agent-rows").children;
    await page.next(status({ agents: [c, a] }));
    const after = page.element("agent-rows").children;
    expect(after.length).toBe(2);
    expect(after[0]).toBe(rowC);
    expect(after[1]).toBe(rowA);
  });

  it("are told how to join when there are none", async () => {
    const page = await view(status());
    expect(page.element("nobody").hidden).toBe(false);
    expect(page.text("join")).toBe(`perdure init --relay ws://127.0.0.1:4410/#${ID} --name desk`);
  });

  it("are not all there is when the relay serves more", async () => {
    const page = await view(status({ agents: [agent("a")], agentCount: 1200 }));
    expect(page.text("agents-note")).toContain("The 1 with most waiting, of 1,200.");
  });
});

describe("other relays", () => {
  it("say what waits for them, what passed, and what is wrong", async () => {
    const there = {
      connected: true,
      dialledBy: "us",
      waitingMessages: 3,
      waitingBytes: 2048,
      oldestWaitingSinceMs: START - 90_000,
      passedOn: 1200,
      relayedIn: 7,
    } as const;
    const page = await view(
      status({
        peers: [
          peer("p", there),
          peer("q", { url: undefined, parkedLanes: 2, lastError: "timed-out: no answer" }),
          peer("r", { connected: false }),
        ],
      }),
    );
    const [first, second, third] = page.element("peer-rows").children.map((row) => row.children.map((cell) => cell.textContent));
    expect(first).toEqual([
      `wss://p.example/connectedag1${"p".repeat(52)}passed on 1,200 · taken in 7 · dialled by us`,
      "3",
      "2 KB",
      "90 s",
    ]);
    expect(second).toEqual([
      `address unknownawayag1${"q".repeat(52)}passed on 0 · taken in 0 · 2 held back · timed-out: no answer`,
      "0",
      "–",
      "–",
    ]);
    expect(third?.[0]).toContain("idle");
  });

  it("are not there before the first is met", async () => {
    const page = await view(status());
    expect([page.element("peers").hidden, page.text("peers-note")]).toEqual([true, expect.stringContaining("None yet")]);
  });
});

describe("who may come", () => {
  it("is said in words, with who is turned away", async () => {
    const bans = [{ id: ID as RelayStatus["id"], why: "floods", atMs: START }];
    const page = await view(status({ tickets: { required: true, open: 2 }, bans }));
    expect(page.text("tickets")).toBe("needs a ticket; 2 open");
    expect([page.text("bans"), page.element("no-bans").hidden]).toEqual([expect.stringContaining(`${ID} floods `), true]);
  });
});

describe("the page of a public relay", () => {
  it("shows its owner's token, which leaves the address bar and stays with the tab", async () => {
    const kept = new Map<string, string>();
    const shown: unknown[] = [];
    const open = async (hash: string): Promise<Viewed> => {
      const sessionStorage = {
        setItem: (name: string, value: string) => void kept.set(name, value),
        getItem: (name: string) => kept.get(name) ?? null,
      };
      const replaced: string[] = [];
      const page = await view(status(), PAGE_SCRIPT, {
        location: { host: "relay.example", hash, pathname: "/page" },
        sessionStorage,
        history: { replaceState: (_state: unknown, _title: string, path: string) => void replaced.push(path) },
        asked: (headers: unknown) => void shown.push(headers),
      });
      expect(replaced).toEqual(hash === "" ? [] : ["/page"]);
      return page;
    };
    await open("#token=abc123");
    await open("");
    expect(JSON.parse(JSON.stringify(shown))).toEqual([{ authorization: "Bearer abc123" }, { authorization: "Bearer abc123" }]);
  });

  it("says how to get in to who has none", async () => {
    const page = await view("not the owner");
    expect([page.text("headline"), page.text("reasons")]).toEqual([
      "No answer from the relay",
      expect.stringContaining("perdure relay page"),
    ]);
  });
});

describe("incidents", () => {
  it("stand newest first", async () => {
    const page = await view(
      status({
        incidents: [
          { atMs: START, kind: "clock", what: "first" },
          { atMs: START + 1, kind: "internal", what: "second" },
        ],
      }),
    );
    expect(page.element("incidents").children.map((item) => item.children.slice(1).map((part) => part.textContent))).toEqual([
      ["mistake of ours", "second"],
      ["clock", "first"],
    ]);
  });
});
