/**
 * Real processes, real sockets, real `kill -9`: two relays, a writer at the one and a server at the other, under load, each killed
 * again and again. What `send` promised must be done in the end, no message completed twice, and every second start of a handler
 * must follow a kill.
 *
 *   npm run soak -- --kills 100
 *   npm run soak -- --kills 100 --rotate 10
 *   npm run soak -- --namespaces --kills 40
 *   npm run soak -- --hostile --kills 40
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Ground, loopbackGround, namespaceGround, type Site } from "./ground.ts";
import type { HeldLog } from "./held-log.ts";
import { createTally, type Fact, type TallyResult } from "./tally.ts";
import { onWholeLines } from "./whole-lines.ts";

const USAGE = `Real processes, really killed: two relays, a writer at the one and a server at the other, under load.

  npm run soak -- --kills 100    how often to kill -9 one of them (default 50)
  npm run soak -- --seed 2       another order of kills (default 1)
  npm run soak -- --namespaces   each side in a network namespace of its own, the cable between them pulled now and then;
                                 needs root and \`ip\`
  npm run soak -- --rotate 10    before every tenth kill anna or desk replaces its keys, and is killed in the midst of it
  npm run soak -- --hostile      the server's relay lies, and a stranger floods both sides; the relay is honest after the last kill
`;

/** After the last kill everything promised must come to its end within this time. */
const SETTLE_UP_MS = 120_000;
const MEAN_LIFE_MS = 700;
const PULLED_MS = 1500;
/** A kill falls somewhere into this time after a rotation was asked for. */
const ROTATION_MS = 600;
/** An agent shows its relay new keys within this time of the last kill. */
const SHOWN_MS = 30_000;
const STARTED_MS = 90_000;
const PACKAGE = new URL("../../packages/perdure/src/", import.meta.url);
/** Short pauses, so that a minute sees what a day would. */
const RELAY_SETTINGS = { redialMinMs: 50, redialMaxMs: 1000, dialTimeoutMs: 2000, ackTimeoutMs: 1000 };

export const ROLES = ["west relay", "east relay", "desk", "anna"] as const;
export type Role = (typeof ROLES)[number];

export interface KillNineResult extends TallyResult {
  readonly where: string;
  readonly kills: Readonly<Record<Role, number>>;
  readonly pulled: number;
  /** Rotations in force in the end, at the agents and at their relays. */
  readonly rotations: number;
  /** From the start of a process to its first word. */
  readonly longestStartMs: number;
  readonly seconds: number;
}

export interface KillNineOptions {
  readonly kills: number;
  readonly seed: number;
  readonly namespaces?: boolean;
  /** Keys are replaced before every so many kills; never when absent. */
  readonly rotateEvery?: number;
  /** Only without namespaces. */
  readonly hostile?: boolean;
}

/** A small generator of its own, so that a run can be repeated as far as real processes repeat. */
function createDraws(seed: number): () => number {
  let state = seed * 2654435761 + 1;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) >>> 0;
    return state / 0x1_0000_0000;
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function killNine({
  kills,
  seed,
  namespaces = false,
  hostile = false,
  rotateEvery = 0,
}: KillNineOptions): Promise<KillNineResult> {
  const draw = createDraws(seed);
  const begun = performance.now();
  await using ground = namespaces ? await namespaceGround() : loopbackGround();
  const stage = await openStage(ground, hostile);
  let [pulled, rotations] = [0, 0];
  try {
    for (const role of ROLES) await stage.start(role);
    if (hostile) await stage.letStrangersIn();
    for (let number = 0; number < kills; number++) {
      await pause(MEAN_LIFE_MS * (0.3 + 1.4 * draw()));
      const rotates = rotateEvery > 0 && number % rotateEvery === rotateEvery - 1;
      const role = (rotates ? (draw() < 0.5 ? "anna" : "desk") : ROLES[Math.floor(draw() * ROLES.length)]) as Role;
      if (rotates) {
        stage.order(role, "rotate");
        await pause(ROTATION_MS * draw());
      }
      if (ground.cable === undefined || draw() > 0.3) {
        await stage.kill(role);
        continue;
      }
      pulled++;
      await ground.cable(false);
      await stage.kill(role);
      await pause(PULLED_MS * draw());
      await ground.cable(true);
    }
    stage.order("anna", "stop");
    if (hostile) await stage.endLies();
    const deadline = performance.now() + SETTLE_UP_MS;
    while (stage.tally.open().length > 0 && performance.now() < deadline) await pause(200);
    if (rotateEvery > 0) rotations = await rotationsInForce(stage);
  } finally {
    await stage.end();
  }
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  return {
    where: ground.what,
    kills: stage.kills,
    pulled,
    rotations,
    longestStartMs: stage.longestStartMs(),
    ...stage.tally.result(),
    seconds,
  };
}

/** What an agent says of its keys and what its relay shows of them. */
interface Keys {
  readonly own: { readonly standing: string; readonly rotations: number };
  readonly held: HeldLog;
}

/** Asks until every agent and its relay agree; a trouble for each that does not. */
async function rotationsInForce({ keys, order, tally }: Awaited<ReturnType<typeof openStage>>): Promise<number> {
  const agents: readonly Role[] = ["anna", "desk"];
  const agrees = (role: Role): boolean => {
    const { own, held } = keys.get(role) ?? {};
    return own?.standing === "in-force" && held?.frozen === false && own.rotations === held.rotations;
  };
  for (const deadline = performance.now() + SHOWN_MS; performance.now() < deadline && !agents.every(agrees); ) {
    for (const role of agents) order(role, "keys");
    await pause(500);
  }
  for (const role of agents.filter((each) => !agrees(each))) tally.trouble(`${role} and its relay: ${JSON.stringify(keys.get(role))}`);
  return agents.reduce((sum, role) => sum + (keys.get(role)?.held.rotations ?? 0), 0);
}

async function openStage({ sites: [west, east] }: Ground, hostile: boolean) {
  const folder = await mkdtemp(join(tmpdir(), "perdure-kill-nine-"));
  const tally = createTally(() => performance.now());
  const children = new Map<Role, ChildProcess>();
  const strangers: ChildProcess[] = [];
  const ids: string[] = [];
  const kills: Record<Role, number> = { "west relay": 0, "east relay": 0, desk: 0, anna: 0 };
  const addresses = new Map<Site, string>();
  let invite = "";
  let longestStart = 0;
  const keys = new Map<Role, Keys>();
  let ending = false;
  let lying = hostile;

  const siteOf = (role: Role): Site => (role === "west relay" || role === "anna" ? west : east);
  const wordsOf = (role: Role): readonly string[] => {
    const site = siteOf(role);
    const address = addresses.get(site);
    if (role === "anna" || role === "desk")
      return [new URL("resident.ts", import.meta.url).pathname, join(folder, role), address ?? "", role, role === "anna" ? invite : ""];
    const port = address === undefined ? 0 : Number(new URL(address).port);
    const listening = site.listenWords(port);
    if (lying && role === "east relay") {
      const settings = JSON.stringify(RELAY_SETTINGS);
      return [new URL("lying-relay.ts", import.meta.url).pathname, join(folder, site.name), `ws://127.0.0.1:${port}`, settings];
    }
    return [new URL("cli/main.ts", PACKAGE).pathname, "relay", "--folder", join(folder, site.name), "--json", ...RELAY_WORDS, ...listening];
  };
  const RELAY_WORDS = Object.entries(RELAY_SETTINGS).flatMap(([name, value]) => ["--set", `${name}=${value}`]);
  const heard = (role: Role, fact: Fact): void => {
    if (typeof fact["address"] === "string") addresses.set(siteOf(role), fact["address"]);
    if (role === "desk" && typeof fact["invite"] === "string" && invite === "") invite = fact["invite"];
    if (fact.event === "keys") keys.set(role, fact as unknown as Keys);
    if (fact.event === "up" && typeof fact["id"] === "string" && !ids.includes(fact["id"])) ids.push(fact["id"]);
    tally.take(role, kills[role], fact);
  };

  const start = (role: Role): Promise<void> =>
    new Promise((resolve, reject) => {
      const begunMs = performance.now();
      const [command = "", ...words] = [...siteOf(role).prefix, process.execPath, ...wordsOf(role)];
      const child = spawn(command, words, { stdio: ["pipe", "pipe", "pipe"] });
      children.set(role, child);
      let errors = "";
      let firstLine = true;
      const timer = setTimeout(() => reject(new Error(`${role} did not start within ${STARTED_MS} ms: ${errors}`)), STARTED_MS);
      child.stderr?.on("data", (bytes: Buffer) => {
        errors = (errors + bytes.toString()).slice(-2000);
      });
      onWholeLines(child.stdout as NodeJS.ReadableStream, (line) => {
        heard(role, JSON.parse(line) as Fact);
        clearTimeout(timer);
        longestStart = Math.max(longestStart, performance.now() - (firstLine ? begunMs : performance.now()));
        firstLine = false;
        resolve();
      });
      child.on("exit", (code, signal) => {
        clearTimeout(timer);
        if (signal === "SIGKILL" || ending) return;
        reject(new Error(`${role} ended by itself with ${code}: ${errors}`));
        tally.trouble(`${role} ended by itself with ${code}: ${errors}`);
      });
    });

  const kill = async (role: Role): Promise<void> => {
    const child = children.get(role) as ChildProcess;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    kills[role]++;
    await start(role);
  };

  return {
    tally,
    kills,
    longestStartMs: () => Math.round(longestStart),
    keys,
    order: (role: Role, word: "rotate" | "keys" | "stop"): void => void children.get(role)?.stdin?.write(`${word}\n`),
    start,
    kill,
    /** One at each relay; the first id is desk's. */
    letStrangersIn: async (): Promise<void> => {
      for (const [site, address] of addresses) {
        const victims = site === west ? [...ids] : [...ids].reverse();
        const words = [new URL("stranger.ts", import.meta.url).pathname, join(folder, `stranger ${site.name}`), address, ...victims];
        const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
        strangers.push(child);
        await new Promise((resolve) => child.stdout?.once("data", resolve));
      }
    },
    /** The relay that lied hands over what it still owes, once it runs as it should. */
    endLies: async (): Promise<void> => {
      lying = false;
      await kill("east relay");
    },
    end: async (): Promise<void> => {
      ending = true;
      for (const child of [...children.values(), ...strangers]) child.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function readWords(words: readonly string[]): KillNineOptions {
  try {
    const options = {
      kills: { type: "string", default: "50" },
      seed: { type: "string", default: "1" },
      namespaces: { type: "boolean", default: false },
      hostile: { type: "boolean", default: false },
      rotate: { type: "string", default: "0" },
      help: { type: "boolean" },
    } as const;
    const { values } = parseArgs({ args: [...words], options });
    if (values.help === true) {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    const numbers = { kills: Number(values.kills), seed: Number(values.seed), rotateEvery: Number(values.rotate) };
    if (!Object.values(numbers).every(Number.isSafeInteger)) throw new TypeError("--kills, --seed and --rotate take whole numbers");
    if (values.namespaces && values.hostile) throw new TypeError("--hostile runs on one network, without --namespaces");
    return { ...numbers, namespaces: values.namespaces, hostile: values.hostile };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split("/").at(-1) ?? "")) {
  const result = await killNine(readWords(process.argv.slice(2)));
  const total = Object.values(result.kills).reduce((sum, each) => sum + each, 0);
  const each = ROLES.map((role) => `${role} ${result.kills[role]}`).join(", ");
  process.stdout.write(
    `${result.where}: ${total} kills (${each})${result.pulled > 0 ? `, cable pulled ${result.pulled} times` : ""}` +
      `${result.rotations > 0 ? `, keys replaced ${result.rotations} times` : ""} in ${result.seconds} s\n` +
      `promised ${result.promised}, done ${result.done}, signed for by the recipient's relay ${result.signedFor}, ` +
      `lost ${result.lost.length}, completed twice ${result.completedTwice.length}, started again ${result.secondStarts}, ` +
      `without a kill ${result.unexplainedStarts.length}, longest gap ${result.longestGapMs} ms, longest start ${result.longestStartMs} ms\n`,
  );
  for (const trouble of result.troubles.slice(0, 20)) process.stdout.write(`  ${trouble}\n`);
  process.exitCode =
    result.lost.length + result.completedTwice.length + result.unexplainedStarts.length + result.troubles.length === 0 ? 0 : 1;
}
