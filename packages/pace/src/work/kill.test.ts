import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { openWork } from "./open.ts";

const folder = await mkdtemp(join(tmpdir(), "pace-kill-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * A process that puts off work and does it: "keyed" makes a file for its key, which can be made only once; "keyless" adds a line. It says what was accepted,
 * and `end` when nothing is left to do.
 */
const PROCESS = `
import { appendFileSync, writeFileSync, mkdirSync, readFileSync, existsSync } from "node:fs";
import { openWork, task } from ${JSON.stringify(new URL("./index.ts", import.meta.url).href)};
const [folder, first, count] = [process.argv[1], Number(process.argv[2]), Number(process.argv[3])];
const lines = folder + "/lines";
const work = await openWork(folder + "/work", { tries: 1000 });
mkdirSync(folder + "/made", { recursive: true });
const made = (name) => existsSync(lines) && readFileSync(lines, "utf8").includes(name + ";");
const plan = (effect, run) => task({ version: 1, steps: ["one", "two", "three"].map((name) => ({ name, effect, run: (given) => run(name, given) })) });
work.handle("keyed", plan("keyed", async (name, { key }) => {
  try { writeFileSync(folder + "/made/" + key.replaceAll("/", "_"), "", { flag: "wx" }); } catch (error) { if (error.code !== "EEXIST") throw error; }
}));
work.handle("keyless", plan("keyless", async (name, { input }) => appendFileSync(lines, input + " " + name + ";")));
process.stdout.write("open\\n");
for (let nth = first; nth < first + count; nth++) {
  const kind = nth % 2 ? "keyed" : "keyless";
  await work.defer(kind, kind + nth, { key: kind + nth });
  process.stdout.write(kind + nth + "\\n");
}
for (;;) {
  for (const { key, reason } of work.list("undecided"))
    await work.decide(key, made(key + " " + /"(\\w+)"/.exec(reason)[1]) ? { kind: "made", result: null } : { kind: "not-made" });
  const { classes, undecided } = work.state();
  if (undecided === 0 && [...classes.values()].every(({ waiting, running }) => waiting + running === 0)) break;
  await new Promise((resolve) => setTimeout(resolve, 5));
}
process.stdout.write("end " + work.list("done").map(({ key }) => key).join(" ") + "\\n");
await work.close();
`;

const ARGUMENTS = ["--no-warnings", "--input-type=module", "-e", PROCESS];

/** What it said until it ended, or was killed so long after it had opened. */
function live(first: number, count: number, killAfterMs: number | undefined): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...ARGUMENTS, folder, `${first}`, `${count}`]);
    let said = "";
    let errors = "";
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.stdout.on("data", (text) => {
      if (said === "" && killAfterMs !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfterMs);
      said += text;
    });
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(errors));
      resolve(said.split("\n").slice(0, -1));
    });
  });
}

describe("work of a process that is killed", () => {
  it("is nobody else's while it lives, and free at once when it does not", async () => {
    const place = join(folder, "one");
    await mkdir(place);
    const child = spawn(process.execPath, [...ARGUMENTS, place, "0", "100000"]);
    await once(child.stdout, "data");
    await expect(openWork(join(place, "work"))).rejects.toMatchObject({ code: "in-use" });
    child.kill("SIGKILL");
    await once(child, "close");
    const work = await openWork(join(place, "work"));
    expect(work.list("running").length).toBe(0);
    await work.close();
  });

  it("is neither lost nor doubled when another takes it up", { timeout: 120_000 }, async () => {
    const random = seededRandom(5);
    const accepted = new Set<string>();
    let asked = 0;
    let kills = 0;
    for (; kills < 10; kills++) {
      const said = await live(asked, 20, random() * 150);
      asked += 20;
      for (const key of said.filter((line) => line.startsWith("key"))) accepted.add(key);
    }
    const end = (await live(asked, 1, undefined)).at(-1) as string;
    const done = new Set(end.split(" ").slice(1));
    expect(accepted.size).toBeGreaterThan(20);
    expect([...accepted].filter((key) => !done.has(key))).toEqual([]);
    const lines = (await readFile(join(folder, "lines"), "utf8")).split(";").slice(0, -1);
    expect(lines.filter((line, at) => lines.indexOf(line) !== at)).toEqual([]);
    const made = (await readdir(join(folder, "made"))).map((name) => name.split("_").slice(0, 2).join(" "));
    expect(made.filter((name, at) => made.indexOf(name) !== at)).toEqual([]);
    for (const key of done) expect([key, [...lines, ...made].filter((name) => name.startsWith(`${key} `)).length]).toEqual([key, 3]);
  });
});
