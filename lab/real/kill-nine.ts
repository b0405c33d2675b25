/**
 * Real processes, real sockets, real `kill -9`: a relay, a writer and a server under load, each killed again and again. What
 * `send` promised must be done in the end, no message completed twice, and every second start of a handler must follow a kill.
 *
 *   npm run soak -- --kills 50
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const USAGE = `Real processes, really killed: a relay, a writer and a server under load.

  npm run soak -- --kills 50     how often to kill -9 one of them (default 50)
  npm run soak -- --seed 2       another order of kills (default 1)
`;

/** After the last kill everything promised must come to its end within this time. */
const SETTLE_UP_MS = 90_000;
const MEAN_LIFE_MS = 700;
const PACKAGE = new URL("../../packages/perdure/src/", import.meta.url);

type Role = "relay" | "desk" | "anna";
interface Fact {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A small generator of its own, so that a run can be repeated as far as real processes repeat. */
function createDraws(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0;
    return state / 0x1_0000_0000;
  };
}

export interface KillNineResult {
  readonly kills: Readonly<Record<Role, number>>;
  readonly promised: number;
  readonly done: number;
  readonly lost: readonly string[];
  readonly completedTwice: readonly string[];
  readonly unexplainedStarts: readonly string[];
  readonly secondStarts: number;
  readonly longestGapMs: number;
  readonly troubles: readonly string[];
  readonly seconds: number;
}

export async function killNine(kills: number, seed: number): Promise<KillNineResult> {
  const draw = createDraws(seed);
  const folder = await mkdtemp(join(tmpdir(), "perdure-kill-nine-"));
  const begun = performance.now();
  const children = new Map<Role, ChildProcess>();
  const killCount: Record<Role, number> = { relay: 0, desk: 0, anna: 0 };
  const promised = new Set<string>();
  const done = new Set<string>();
  const completed = new Map<string, number>();
  const starts = new Map<string, { attempt: number; life: number }>();
  const unexplained: string[] = [];
  const troubles: string[] = [];
  let secondStarts = 0;
  let longestGapMs = 0;
  let lastDoneMs = performance.now();
  let address = "";
  let ending = false;

  const take = (role: Role, fact: Fact): void => {
    const id = String(fact["id"]);
    if (fact.event === "promised") promised.add(id);
    else if (fact.event === "step" && fact["state"] === "done") {
      done.add(id);
      longestGapMs = Math.max(longestGapMs, performance.now() - lastDoneMs);
      lastDoneMs = performance.now();
    } else if (fact.event === "agent.completed" && role === "desk") completed.set(id, (completed.get(id) ?? 0) + 1);
    else if (fact.event === "agent.handler-start" && role === "desk") {
      const before = starts.get(id);
      if (before !== undefined) {
        secondStarts++;
        if (before.life === killCount.desk) unexplained.push(`${id}: attempt ${String(fact["attempt"])} without a kill in between`);
      }
      starts.set(id, { attempt: Number(fact["attempt"]), life: killCount.desk });
    } else if (fact.event === "trouble" || fact.event === "agent.commit-failed") troubles.push(`${role} ${JSON.stringify(fact)}`);
  };

  const start = (role: Role): Promise<void> =>
    new Promise((resolve, reject) => {
      const args =
        role === "relay"
          ? [
              new URL("cli/main.ts", PACKAGE).pathname,
              "relay",
              "--folder",
              join(folder, "relay"),
              "--json",
              ...(address === "" ? [] : ["--listen", new URL(address).host]),
            ]
          : [new URL("resident.ts", import.meta.url).pathname, role === "desk" ? "serve" : "write", join(folder, role), address, role];
      const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] });
      children.set(role, child);
      let errors = "";
      child.stderr?.on("data", (bytes: Buffer) => {
        errors = (errors + bytes.toString()).slice(-2000);
      });
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
        const fact = JSON.parse(line) as Fact;
        if (role === "relay" && typeof fact["address"] === "string") address = fact["address"];
        take(role, fact);
        resolve();
      });
      child.on("exit", (code, signal) => {
        if (signal === "SIGKILL" || ending) return;
        reject(new Error(`${role} ended by itself with ${code}: ${errors}`));
        troubles.push(`${role} ended by itself with ${code}: ${errors}`);
      });
    });

  const kill = async (role: Role): Promise<void> => {
    const child = children.get(role) as ChildProcess;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    killCount[role]++;
    await start(role);
  };

  try {
    await start("relay");
    await start("desk");
    await start("anna");
    const roles: readonly Role[] = ["relay", "desk", "anna"];
    for (let number = 0; number < kills; number++) {
      await new Promise((resolve) => setTimeout(resolve, MEAN_LIFE_MS * (0.3 + 1.4 * draw())));
      await kill(roles[Math.floor(draw() * roles.length)] as Role);
    }
    children.get("anna")?.stdin?.write("stop\n");
    const deadline = performance.now() + SETTLE_UP_MS;
    while ([...promised].some((id) => !done.has(id)) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 200));
  } finally {
    ending = true;
    for (const child of children.values()) child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
  return {
    kills: killCount,
    promised: promised.size,
    done: done.size,
    lost: [...promised].filter((id) => !done.has(id)),
    completedTwice: [...completed].filter(([, times]) => times > 1).map(([id]) => id),
    unexplainedStarts: unexplained,
    secondStarts,
    longestGapMs: Math.round(longestGapMs),
    troubles,
    seconds: Math.round((performance.now() - begun) / 100) / 10,
  };
}

function readWords(words: readonly string[]): { readonly kills: number; readonly seed: number } {
  try {
    const options = {
      kills: { type: "string", default: "50" },
      seed: { type: "string", default: "1" },
      help: { type: "boolean" },
    } as const;
    const { values } = parseArgs({ args: [...words], options });
    if (values.help === true) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const numbers = { kills: Number(values.kills), seed: Number(values.seed) };
    if (!Object.values(numbers).every(Number.isSafeInteger)) throw new TypeError("--kills and --seed take whole numbers");
    return numbers;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split("/").at(-1) ?? "")) {
  const { kills, seed } = readWords(process.argv.slice(2));
  const result = await killNine(kills, seed);
  const total = result.kills.relay + result.kills.desk + result.kills.anna;
  process.stdout.write(
    `${total} kills (relay ${result.kills.relay}, server ${result.kills.desk}, writer ${result.kills.anna}) in ${result.seconds} s\n` +
      `promised ${result.promised}, done ${result.done}, lost ${result.lost.length}, completed twice ${result.completedTwice.length}, ` +
      `started again ${result.secondStarts}, without a kill ${result.unexplainedStarts.length}, longest gap ${result.longestGapMs} ms\n`,
  );
  for (const trouble of result.troubles.slice(0, 20)) process.stdout.write(`  ${trouble}\n`);
  process.exitCode =
    result.lost.length + result.completedTwice.length + result.unexplainedStarts.length + result.troubles.length === 0 ? 0 : 1;
}
