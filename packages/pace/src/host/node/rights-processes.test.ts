/** Real processes, a real file and a real server: what one of them learns the others heed, whatever happens to it, to its clock and to the file. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Ledger } from "../../rights/ledger.ts";
import { ledgerFrom } from "../../rights/ledger-text.ts";

const PACE = new URL("../../pace.ts", import.meta.url).href;
const PATIENCE = { timeout: 60_000 };
/** Longer than any of these tests. */
const PAUSE_S = 600;

interface Options {
  /** What its machine's date is before the others'. */
  readonly aheadMs?: number;
  /** The largest file that it may write. */
  readonly mostBytes?: number;
}

function program(path: string, { aheadMs = 0 }: Options): string {
  return `
    const date = Date.now;
    Date.now = () => date() + ${aheadMs};
    const { createPace } = await import(${JSON.stringify(PACE)});
    const say = (what) => process.send(what);
    let pace;
    try {
      pace = createPace({ shareAt: ${JSON.stringify(path)} }, { sharingTrouble: (error) => say({ trouble: error.message }) });
    } catch (error) {
      say({ trouble: error.message });
    }
    process.on("message", async ({ nth, url, deadlineMs }) => {
      const said = await pace.with({ deadlineMs }).fetch(url).then(({ status }) => String(status), (error) => error.code ?? error.message);
      say({ nth, said });
    });
    say({ isReady: true });
  `;
}

interface Process {
  readonly child: ChildProcess;
  readonly troubles: readonly string[];
  /** Resolves to a status, or to the code of an error. */
  ask(url: string, deadlineMs?: number): Promise<string>;
}

let folder: string;
let server: Server;
let url: string;
let seen: string[];
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "pace-processes-"));
  seen = [];
  answer = (_request, response) => response.end("{}");
  server = createServer((request, response) => {
    seen.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(path: string, options: Options = {}): Promise<Process> {
  const { mostBytes } = options;
  const node = [process.execPath, "--no-warnings", "--input-type=module", "-e", program(path, options)];
  // A full disk without one: what goes beyond fails, and the signal that would end the process is ignored.
  const [command = "", ...args] =
    mostBytes === undefined ? node : ["bash", "-c", `trap '' XFSZ; ulimit -f ${Math.ceil(mostBytes / 1024)}; exec "$@"`, "bash", ...node];
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
  children.push(child);
  const troubles: string[] = [];
  const waiting = new Map<number, (said: string) => void>();
  let count = 0;
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      for (const done of waiting.values()) done(`ended: ${code ?? signal}`);
      reject(new Error(`it ended: ${code ?? signal}`));
    });
    child.on("message", (message: { isReady?: true; trouble?: string; nth?: number; said?: string }) => {
      if (message.isReady === true) resolve();
      if (message.trouble !== undefined) troubles.push(message.trouble);
      if (message.nth !== undefined) waiting.get(message.nth)?.(message.said ?? "");
    });
  });
  return {
    child,
    troubles,
    ask: (at, deadlineMs = 10_000) => {
      const nth = count++;
      return new Promise((resolve) => {
        waiting.set(nth, resolve);
        if (!child.connected) resolve("ended");
        else child.send({ nth, url: at, deadlineMs });
      });
    },
  };
}

/** What lies in the file of the server's quota. */
function ledger(path: string): Ledger | undefined {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
  try {
    const row = database.prepare("SELECT text FROM ledger WHERE partition = ?").get(url) as { text: string } | undefined;
    return row === undefined ? undefined : ledgerFrom(row.text)?.ledger;
  } finally {
    database.close();
  }
}

const from = (who: string): number => seen.filter((at) => at.startsWith(`/${who}`)).length;

/** Two that hold parts of one quota; then one is told to stay away for ten minutes. */
async function paused(path: string, one: Process, other: Process): Promise<void> {
  expect([await one.ask(`${url}/one`), await other.ask(`${url}/other`)]).toEqual(["200", "200"]);
  answer = (_request, response) => response.writeHead(429, { "retry-after": String(PAUSE_S) }).end();
  expect(await one.ask(`${url}/one`)).toBe("429");
  await expect.poll(() => ledger(path)?.askedUntilMs ?? 0, PATIENCE).toBeGreaterThan(0);
  answer = (_request, response) => response.end("{}");
}

describe("a pause that a service asked one process for", { timeout: 120_000 }, () => {
  it("is kept by another, that does not knock once", async () => {
    const path = join(folder, "shared.db");
    const [one, other] = await Promise.all([start(path), start(path)]);
    await paused(path, one, other);
    const before = from("other");
    expect(await Promise.all([1, 2, 3].map(() => other.ask(`${url}/other`)))).toEqual(["too-late", "too-late", "too-late"]);
    expect(from("other")).toBe(before);
  });

  it("is kept by one that comes later, when the first was killed", async () => {
    const path = join(folder, "shared.db");
    const [one, other] = await Promise.all([start(path), start(path)]);
    await paused(path, one, other);
    one.child.kill("SIGKILL");
    const late = await start(path);
    expect([await late.ask(`${url}/late`), await other.ask(`${url}/other`)]).toEqual(["too-late", "too-late"]);
    expect(from("late")).toBe(0);
  });

  it.each([
    ["who was told", 3_600_000, 0],
    ["who was not", 0, 3_600_000],
    ["who was told, backwards,", -3_600_000, 0],
  ])("is as long whatever the date is of %s", async (_who, ofOne, ofOther) => {
    const path = join(folder, "shared.db");
    const [one, other] = await Promise.all([start(path, { aheadMs: ofOne }), start(path, { aheadMs: ofOther })]);
    await paused(path, one, other);
    expect(await other.ask(`${url}/other`)).toBe("too-late");
    expect([from("other"), one.troubles, other.troubles]).toEqual([1, [], []]);
    const { askedUntilMs = 0, seenMs = 0 } = ledger(path) ?? {};
    expect(askedUntilMs - seenMs).toBeGreaterThan(0);
    expect(askedUntilMs - seenMs).toBeLessThanOrEqual(PAUSE_S * 1000);
  });

  it("is not heard of by who shares nothing", async () => {
    const [one, other] = await Promise.all([start(join(folder, "one.db")), start(join(folder, "other.db"))]);
    await paused(join(folder, "one.db"), one, other);
    expect(await other.ask(`${url}/other`)).toBe("200");
  });
});

describe("a file that many processes make at once", { timeout: 120_000 }, () => {
  it("is made by one of them, and used by all", async () => {
    for (let round = 0; round < 3; round++) {
      const path = join(folder, `${round}.db`);
      const all = await Promise.all([1, 2, 3, 4].map(() => start(path)));
      expect(all.flatMap(({ troubles }) => troubles)).toEqual([]);
      for (const { child } of all) child.kill("SIGKILL");
    }
  });
});

describe("a breaker that one process opened", { timeout: 120_000 }, () => {
  it("is looked through by another once the first was killed", async () => {
    const path = join(folder, "shared.db");
    const [one, other] = await Promise.all([start(path), start(path)]);
    const plenty = { "x-ratelimit-limit-requests": "6000", "x-ratelimit-remaining-requests": "5999", "x-ratelimit-reset-requests": "10ms" };
    answer = (_request, response) => response.writeHead(200, plenty).end("{}");
    expect([await one.ask(`${url}/one`), await other.ask(`${url}/other`)]).toEqual(["200", "200"]);
    answer = (request, response) => response.writeHead(request.url === "/one" ? 429 : 200, plenty).end("{}");
    void one.ask(`${url}/one`, 60_000);
    await expect.poll(() => ledger(path)?.breaker, PATIENCE).toBeDefined();
    one.child.kill("SIGKILL");
    expect(await other.ask(`${url}/other`, 60_000)).toBe("200");
    expect(ledger(path)?.breaker).toBeUndefined();
  });
});

describe("a file that is ruined while processes use it", { timeout: 120_000 }, () => {
  it.each<[string, (path: string) => void]>([
    ["truncated", (path) => truncateSync(path, 100)],
    ["garbage", (path) => writeFileSync(path, Buffer.alloc(20_000, "garbage "))],
    ["gone", (path) => rmSync(path)],
    ["gone with all that lies beside it", () => rmSync(folder, { recursive: true })],
    ["cut in its log", (path) => truncateSync(`${path}-wal`, 50)],
  ])("ends nobody, and calls are answered: %s", async (_how, ruin) => {
    const path = join(folder, "shared.db");
    const [one, other] = await Promise.all([start(path), start(path)]);
    expect([await one.ask(`${url}/one`), await other.ask(`${url}/other`)]).toEqual(["200", "200"]);
    ruin(path);
    expect(await Promise.all([one.ask(`${url}/one`), other.ask(`${url}/other`)])).toEqual(["200", "200"]);
    expect(await Promise.all([one.ask(`${url}/one`), other.ask(`${url}/other`)])).toEqual(["200", "200"]);
    // Told once of each thing that is wrong, and not for every call.
    for (const { troubles } of [one, other]) expect(new Set(troubles).size).toBe(troubles.length);
  });

  it("is told of where the disk is full, and calls are answered", async () => {
    const path = join(folder, "shared.db");
    await start(path);
    const full = await start(path, { mostBytes: 1024 });
    expect(await full.ask(`${url}/full`)).toBe("200");
    await expect.poll(() => full.troubles.length, PATIENCE).toBeGreaterThan(0);
  });

  it("cannot be made where it has no place, which is told at once", async () => {
    // No rights of a folder would hold who may do everything.
    const file = join(folder, "no-folder");
    writeFileSync(file, "");
    const { troubles } = await start(join(file, "shared.db"));
    expect(troubles).toEqual([expect.stringContaining("cannot be shared")]);
  });
});
