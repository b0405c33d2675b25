import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PaceError } from "../../error.ts";
import { ledgerFrom } from "../../rights/ledger-text.ts";
import type { Report } from "../../rights/report.ts";
import { HUNGRY, rightsStoreConformance } from "../../rights/rights-store.conformance.ts";
import { openRightsFile } from "./rights-file.ts";

let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pace-rights-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const newPath = (): string => join(folder, `${files++}.db`);

const REPORT: Report = { ...HUNGRY, holder: "a", nth: 1 };

rightsStoreConformance("a file", () => {
  const path = newPath();
  const [one, other] = [openRightsFile(path), openRightsFile(path)];
  return {
    one,
    other,
    close: () => {
      one.close();
      other.close();
    },
  };
});

describe("a file of rights", () => {
  it("is nobody else's to read", () => {
    const path = newPath();
    openRightsFile(path).close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("is refused where it is something else: text, another database, a folder", () => {
    const text = newPath();
    writeFileSync(text, "dear diary, ".repeat(1000));
    expect(() => openRightsFile(text)).toThrow(/cannot be shared/);
    const foreign = newPath();
    const database = new DatabaseSync(foreign);
    database.exec("CREATE TABLE friends (name TEXT)");
    database.close();
    expect(() => openRightsFile(foreign)).toThrow(/something else/);
    expect(() => openRightsFile(folder)).toThrow(/cannot be shared/);
  });

  it("that is damaged while it is used is told once, answers nothing, and is used again when another lies in its place", async () => {
    const path = newPath();
    const told: PaceError[] = [];
    const store = openRightsFile(path, (error) => told.push(error));
    const exchange = (nth: number): boolean => {
      let isAnswered = false;
      store.exchange("service", { ...REPORT, nth }, () => {
        isAnswered = true;
      });
      return isAnswered;
    };
    expect(exchange(1)).toBe(true);
    const writer = new DatabaseSync(path);
    writer.exec("UPDATE ledger SET text = '{\"version\":1}'");
    writer.close();
    expect([exchange(2), exchange(3)]).toEqual([false, false]);
    expect(told.map(({ message }) => message)).toEqual([expect.stringContaining("damaged")]);
    const aside = newPath();
    openRightsFile(aside).close();
    for (const end of ["-wal", "-shm"]) rmSync(path + end, { force: true });
    renameSync(aside, path);
    await expect.poll(() => exchange(4), { timeout: 20_000 }).toBe(true);
    store.close();
  });

  it("that is damaged while it is used breaks nothing else, though who is told of it throws", () => {
    const path = newPath();
    const store = openRightsFile(path, () => {
      throw new Error("the log is full");
    });
    store.exchange("service", REPORT, () => undefined);
    const writer = new DatabaseSync(path);
    writer.exec("UPDATE ledger SET text = '{\"version\":1}'");
    writer.close();
    expect(() => store.exchange("service", { ...REPORT, nth: 2 }, () => expect.unreachable("it is damaged"))).not.toThrow();
    store.close();
  });

  it("that another has all the time is waited for, and used when it is free", async () => {
    const path = newPath();
    openRightsFile(path).close();
    const holder = new DatabaseSync(path);
    holder.exec("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; PRAGMA user_version = 1");
    const store = openRightsFile(path);
    let isAnswered = false;
    const exchange = (nth: number): boolean => {
      store.exchange("service", { ...REPORT, nth }, () => {
        isAnswered = true;
      });
      return isAnswered;
    };
    expect(exchange(1)).toBe(false);
    holder.exec("ROLLBACK");
    holder.close();
    let nth = 2;
    await expect.poll(() => exchange(nth++), { timeout: 20_000 }).toBe(true);
    store.close();
  });

  it("that loses its bytes is told, and nothing is thrown", () => {
    const path = newPath();
    const told: PaceError[] = [];
    const store = openRightsFile(path, (error) => told.push(error));
    store.exchange("service", REPORT, () => undefined);
    if (existsSync(`${path}-wal`)) truncateSync(`${path}-wal`, 10);
    truncateSync(path, 10);
    for (let nth = 2; nth < 5; nth++) store.exchange("service", { ...REPORT, nth }, () => undefined);
    store.close();
  });
});

const CHILD = `
import { createPace } from ${JSON.stringify(new URL("../../pace.ts", import.meta.url).href)};
const [at, url, name] = process.argv.slice(1);
const pace = createPace({ shareAt: at });
const work = async () => { for (;;) { const answer = await pace.fetch(url, { headers: { who: name } }); await answer.text(); } };
await Promise.all(Array.from({ length: 6 }, work));
`;

describe("three processes that share a limit by a file", () => {
  it("take like parts of it, and what one held that was killed is the others' after its lease", { timeout: 120_000 }, async () => {
    const PER_SECOND = 30;
    const seen: { who: string; atMs: number; isIn: boolean }[] = [];
    let [level, filledMs] = [10, performance.now()];
    const server = createServer((request, response) => {
      const now = performance.now();
      level = Math.min(10, level + ((now - filledMs) * PER_SECOND) / 1000);
      filledMs = now;
      const isIn = level >= 1;
      if (isIn) level--;
      seen.push({ who: String(request.headers.who), atMs: now, isIn });
      response.writeHead(isIn ? 200 : 429, {
        "x-ratelimit-limit-requests": String(PER_SECOND * 60),
        "x-ratelimit-remaining-requests": String(Math.floor(level)),
        "x-ratelimit-reset-requests": `${Math.ceil(((PER_SECOND * 60 - level) / PER_SECOND) * 1000)}ms`,
      });
      response.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const path = newPath();
    const children: ChildProcess[] = ["a", "b", "c"].map((name) =>
      spawn(process.execPath, ["--input-type=module", "-e", CHILD, path, url, name], { stdio: ["ignore", "ignore", "inherit"] }),
    );
    const countOf = (who: string, fromMs: number): number => seen.filter((one) => one.who === who && one.isIn && one.atMs >= fromMs).length;
    try {
      await expect.poll(() => ["a", "b", "c"].every((who) => countOf(who, 0) >= 20), { timeout: 60_000 }).toBe(true);
      /** Of the rate of all, what each holds. */
      const parts = (): readonly number[] => {
        const database = new DatabaseSync(path, { readOnly: true });
        const row = database.prepare("SELECT text FROM ledger").get() as { text: string };
        database.close();
        return [...(ledgerFrom(row.text)?.ledger.rates.get("requests")?.values() ?? [])].map(({ amount }) => amount);
      };
      const areLike = (count: number) => (): boolean => {
        const held = parts();
        return held.length === count && held.every((part) => Math.abs(part - 1 / count) < 0.05);
      };
      await expect.poll(areLike(3), { timeout: 30_000 }).toBe(true);
      children[2]?.kill("SIGKILL");
      await expect.poll(areLike(2), { timeout: 30_000 }).toBe(true);
      const laterMs = performance.now();
      await expect.poll(() => ["a", "b"].every((who) => countOf(who, laterMs) >= 20), { timeout: 30_000 }).toBe(true);
    } finally {
      for (const child of children) child.kill("SIGKILL");
      server.closeAllConnections();
      server.close();
    }
  });
});
