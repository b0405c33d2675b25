/**
 * Runs one of our TypeScript entries on a fresh clone: installs what is missing, finds a Node that is new enough, hands
 * over. Plain JavaScript without dependencies, for the Node a machine happens to have (18 and later).
 *
 *   node scripts/with-node.mjs [--from-caller] [--bench] <entry> [arguments…]
 *
 * --from-caller  run in the folder where npm was called, so that relative paths mean what the person meant
 * --bench        also install what only the benchmarks need
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findNode, handOver, npmError, reportStart, runNpm, StartError, seconds } from "../packages/perdure/bin/bring-node.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const runtime = join(root, ".runtime");
const lock = join(runtime, "install.lock");

const LOCK_BEAT_MS = 1_000;
const LOCK_DEAD_MS = 20_000;
const LOCK_WAIT_MS = 15 * 60_000;

const say = (line) => process.stderr.write(`perdure: ${line}\n`);

/** Everything that decides what `npm ci` puts into a folder's node_modules. */
function wantedInstall(folder) {
  const hash = createHash("sha256").update(`${process.platform}-${process.arch}\n`);
  const members = folder === root ? ["lab", ...readdirSync(join(root, "packages")).map((name) => `packages/${name}`)] : [];
  for (const file of ["package-lock.json", ".npmrc", ...["", ...members].map((member) => join(member, "package.json"))]) {
    const path = join(folder, file);
    if (existsSync(path)) hash.update(`${file}\n`).update(file.endsWith("package.json") ? dependenciesIn(path) : readFileSync(path));
  }
  return hash.digest("hex");
}

/** A changed script or description is no reason to install again. */
function dependenciesIn(path) {
  const { workspaces, overrides, dependencies, devDependencies, optionalDependencies, peerDependencies } = JSON.parse(
    readFileSync(path, "utf8"),
  );
  return JSON.stringify([workspaces, overrides, dependencies, devDependencies, optionalDependencies, peerDependencies]);
}

const markOf = (folder) => join(folder, "node_modules", ".perdure-installed");

function isInstalled(folder) {
  return existsSync(markOf(folder)) && readFileSync(markOf(folder), "utf8") === wantedInstall(folder);
}

async function install(folder) {
  if (isInstalled(folder)) return;
  const startedAt = Date.now();
  say(`installing ${folder === root ? "dependencies" : "what the benchmarks need"} (npm ci)`);
  const { code, output } = await runNpm(["ci", "--include=dev", "--include=optional", "--prefer-offline", "--engine-strict=false"], folder);
  if (code !== 0) throw npmError("dependencies could not be installed", output, "Then run the same command again.");
  mkdirSync(dirname(markOf(folder)), { recursive: true });
  writeFileSync(markOf(folder), wantedInstall(folder));
  say(`installed (${seconds(startedAt)})`);
}

/**
 * One installer at a time per clone. The holder touches the lock file every second; a file nobody touched for
 * LOCK_DEAD_MS belonged to a process that was killed, and one that waits takes it over.
 */
async function withLock(work) {
  mkdirSync(runtime, { recursive: true });
  const deadline = Date.now() + LOCK_WAIT_MS;
  let waits = false;
  while (!tryCreate(lock)) {
    if (Date.now() > deadline) {
      throw new StartError(
        5,
        "another installation in this clone does not end",
        `${lock} is still held`,
        "End the other process, then run the same command again.",
      );
    }
    if (!waits) say("waiting for another installation in this clone");
    waits = true;
    if (ageMs(lock) > LOCK_DEAD_MS) removeDead();
    await sleep(LOCK_BEAT_MS / 4);
  }
  const beat = setInterval(() => touch(lock), LOCK_BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    rmSync(lock, { force: true });
  }
}

/** Only who holds the second file may remove a dead first one, so a fresh lock is never taken for the dead one. */
function removeDead() {
  const removing = `${lock}.removing`;
  if (!tryCreate(removing)) {
    if (ageMs(removing) > LOCK_DEAD_MS) rmSync(removing, { force: true });
    return;
  }
  if (ageMs(lock) > LOCK_DEAD_MS) rmSync(lock, { force: true });
  rmSync(removing, { force: true });
}

function tryCreate(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw new StartError(9, `cannot write ${path}`, error.message, "Use a clone in a folder you may write to.");
  }
}

/** A file that is gone is not old. */
function ageMs(path) {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
}

function touch(path) {
  const now = new Date();
  if (existsSync(path)) utimesSync(path, now, now);
}

async function main() {
  const args = process.argv.slice(2);
  const options = new Set();
  while (args[0]?.startsWith("--")) options.add(args.shift());
  const [entry, ...rest] = args;
  if (entry === undefined)
    throw new StartError(2, "no entry named", "nothing would run", "node scripts/with-node.mjs <entry> [arguments…]");

  const folders = [root, ...(options.has("--bench") ? [join(root, "bench")] : [])];
  const need = { folder: runtime, say };
  const missing = folders.some((folder) => !isInstalled(folder));
  const node = await (missing ? withLock(async () => await allDone([findNode(need), ...folders.map(install)])) : findNode(need));
  handOver(node, [join(root, entry), ...rest], { cwd: (options.has("--from-caller") && process.env.INIT_CWD) || root });
}

/** Like Promise.all, but a failure is thrown only when nothing works in the background any more. Gives the first result. */
async function allDone(works) {
  const ended = await Promise.allSettled(works);
  for (const { status, reason } of ended) if (status === "rejected") throw reason;
  return ended[0].value;
}

main().catch(reportStart);
