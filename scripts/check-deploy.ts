/**
 * Tries what `deploy/` says, on this machine: each proxy there is in front of a real relay, and the relays of compose.yaml as their
 * own users, under their own authority, from the packed tarball. Needs openssl, and nginx, caddy or root where a part says so;
 * a part that cannot run here says why and does not count. Containers themselves are not built.
 *
 *   npm run check:deploy
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { runNpm } from "../packages/perdure/bin/bring-node.mjs";
import { pack } from "./pack.ts";
import { ROOT } from "./tool.ts";

const DEPLOY = join(ROOT, "deploy");
const MAIN = join(ROOT, "packages/perdure/src/cli/main.ts");
const CALL_MS = 60_000;
const RELAYS = ["relay-a", "relay-b", "relay-c"];
const USER = "10001";

const folder = mkdtempSync(join(tmpdir(), "perdure-deploy-"));
const running = new Set<ChildProcess>();
let passed = 0;
let failed = 0;

/** A program with its first words. */
type Program = readonly [string, ...string[]];

interface Ran {
  readonly exit: number;
  readonly out: string;
}

function start(program: Program, words: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const [command, ...first] = program;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(folder, "tls/ca.pem"), ...environment };
  const child = spawn(command, [...first, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.on("error", () => running.delete(child));
  return child;
}

async function call(program: Program, ...words: readonly string[]): Promise<Ran> {
  const child = start(program, words);
  const deadline = setTimeout(() => child.kill("SIGKILL"), CALL_MS);
  let out = "";
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (piece: string) => (out += piece));
  const exit = await new Promise<number>((resolve) => child.on("error", () => resolve(127)).on("close", (code) => resolve(code ?? 1)));
  clearTimeout(deadline);
  return { exit, out };
}

/** The first line of a relay: its address. */
async function startRelay(program: Program, words: readonly string[]): Promise<string> {
  const child = start(program, ["relay", ...words]);
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => (said += piece));
  if (child.stdout === null) throw new Error("no stdout");
  const ended = once(child, "exit").then(() => Promise.reject(new Error(`no relay: ${said}`)));
  const [line] = await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended]);
  return String(line);
}

async function stop(child: ChildProcess, signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

function found(name: string): boolean {
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"].some((place) => {
    try {
      accessSync(join(place, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

function must(what: string, holds: boolean, said = ""): void {
  if (holds) passed++;
  else failed++;
  process.stdout.write(`${holds ? "ok  " : "FAIL"}  ${what}\n${holds ? "" : `${said}\n`}`);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tried = 0; tried < 100; tried++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Agents on both sides of a proxy that is killed in between. */
async function tryProxy(name: string, startProxy: (outside: number, inside: number) => ChildProcess): Promise<void> {
  if (!found(name)) return void process.stdout.write(`left out: ${name} is not on this machine\n`);
  const [outside, inside] = [await freePort(), await freePort()];
  const here = join(folder, name);
  const perdure: Program = [process.execPath, MAIN];
  const at = (agent: string): readonly string[] => ["--at", join(here, agent)];
  let proxy = startProxy(outside, inside);
  const address = await startRelay(perdure, [...at("relay"), "--listen", `127.0.0.1:${inside}`, "--public", `wss://localhost:${outside}/`]);
  await until(`${name} to answer`, async () => (await call(perdure, "relay", "check", address)).exit === 0);
  must(`${name}: relay check`, true);
  const ticket = (await call(perdure, "relay", "ticket", ...at("relay"), "--uses", "2")).out.split("\n")[0] ?? "";
  for (const agent of ["anna", "desk"]) {
    const made = await call(perdure, "init", ...at(agent), "--relay", ticket, "--name", agent, "--custody", "together");
    must(`${name}: @${agent} registers`, made.exit === 0, made.out);
  }
  await call(perdure, "contacts", "policy", "welcome", ...at("desk"));
  const desk = start(perdure, ["on-mail", ...at("desk"), "--", "cat"]);
  const first = await call(perdure, "send", ...at("anna"), "@desk", "one", "--until", "done", "--timeout", "30s");
  must(`${name}: a message is done`, first.exit === 0, first.out);
  await stop(proxy, "SIGKILL");
  proxy = startProxy(outside, inside);
  const second = await call(perdure, "send", ...at("anna"), "@desk", "two", "--until", "done", "--timeout", "50s");
  must(`${name}: and another after the proxy was killed`, second.exit === 0, second.out);
  const forged = ["-sk", "-H", "Host: 127.0.0.1", "-H", "X-Forwarded-For: 127.0.0.1"];
  const seen = await call(["curl"], ...forged, `https://localhost:${outside}/status.json`);
  must(`${name}: a forged Host does not make an owner`, !seen.out.includes("agentCount"), seen.out);
  for (const child of [desk, proxy]) await stop(child, "SIGKILL");
}

function startNginx(outside: number, inside: number): ChildProcess {
  const here = join(folder, "nginx-run");
  mkdirSync(here, { recursive: true });
  const server = readFileSync(join(DEPLOY, "nginx.conf"), "utf8")
    .replace("listen 443", `listen 127.0.0.1:${outside}`)
    .replaceAll("/etc/ssl/relay.example", join(folder, "tls/localhost"))
    .replace("server_name relay.example", "server_name localhost")
    .replace("127.0.0.1:4410", `127.0.0.1:${inside}`);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((each) => `${each}_temp_path ${here}/${each};`).join("\n");
  const whole = `daemon off;\nuser root;\npid ${here}/pid;\nerror_log ${here}/error.log;\nevents {}\nhttp {\naccess_log off;\n${paths}\n${server}}\n`;
  writeFileSync(join(here, "nginx.conf"), whole);
  return start(["nginx"], ["-p", here, "-c", join(here, "nginx.conf")], { PATH: `${process.env["PATH"]}:/usr/sbin` });
}

function startCaddy(outside: number, inside: number): ChildProcess {
  const here = join(folder, "caddy-run");
  mkdirSync(here, { recursive: true });
  const certificate = join(folder, "tls/localhost");
  const site = readFileSync(join(DEPLOY, "Caddyfile"), "utf8")
    .replace("relay.example {", `https://localhost:${outside} {\n\ttls ${certificate}.pem ${certificate}.key`)
    .replace("127.0.0.1:4410", `127.0.0.1:${inside}`);
  writeFileSync(join(here, "Caddyfile"), `{\n\tadmin off\n\tauto_https disable_redirects\n}\n${site}`);
  return start(["caddy"], ["run", "--adapter", "caddyfile", "--config", join(here, "Caddyfile")], {
    HOME: here,
    XDG_DATA_HOME: here,
    XDG_CONFIG_HOME: here,
  });
}

/** The three relays of compose.yaml with the words that stand there, each by its own loopback address under its own name. */
async function tryCompose(): Promise<void> {
  if (process.getuid?.() !== 0 || !found("unshare") || !found("setpriv"))
    return void process.stdout.write("left out: the relays of compose.yaml need root here, for names and users of their own\n");
  const tarball = await pack(folder);
  const installed = await runNpm(
    ["install", "--prefix", join(folder, "opt"), "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", tarball],
    folder,
  );
  must("the tarball installs as the Dockerfile does it", installed.code === 0, installed.output);
  const hosts = join(folder, "hosts");
  writeFileSync(hosts, `127.0.0.1 localhost\n${RELAYS.map((name, at) => `127.0.1.${at + 1} ${name}`).join("\n")}\n`);
  const enter = `mount --bind ${hosts} /etc/hosts && exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --no-new-privs "$@"`;
  const command = join(folder, "opt/node_modules/perdure/bin/perdure.mjs");
  const perdure: Program = ["unshare", "--mount", "sh", "-c", enter, "sh", process.execPath, command];
  const compose = readFileSync(join(DEPLOY, "compose.yaml"), "utf8");
  const data = join(folder, "data");
  await call(["install"], "-d", "-o", USER, "-g", USER, "-m", "0700", data, ...RELAYS.map((name) => join(data, name)));
  await call(["chmod"], "-R", "a+rX", join(folder, "opt"), folder);
  await call(["chmod"], "0700", data);
  const tickets = new Map<string, string>();
  for (const [number, name] of RELAYS.entries()) {
    const line = compose.split("\n").find((each) => each.includes("command:") && each.includes(`wss://${name}:`)) ?? "";
    const words = (JSON.parse(line.slice(line.indexOf("["))) as string[]).map((word) => word.replace("/tls/", join(folder, "tls/")));
    const here = join(data, name);
    await startRelay(perdure, ["--at", here, "--listen", `127.0.1.${number + 1}:4410`, "--log", "json", ...words]);
    tickets.set(name, (await call(perdure, "relay", "ticket", "--at", here)).out.split("\n")[0] ?? "");
  }
  const agents = [
    ["anna", "relay-a"],
    ["desk", "relay-b"],
  ] as const;
  for (const [agent, relay] of agents) {
    const made = await call(
      perdure,
      "init",
      "--at",
      join(data, agent),
      "--relay",
      tickets.get(relay) ?? "",
      "--name",
      agent,
      "--custody",
      "together",
    );
    must(`compose: @${agent} registers at ${relay} as user ${USER}`, made.exit === 0, made.out);
  }
  await call(perdure, "contacts", "policy", "welcome", "--at", join(data, "desk"));
  start(perdure, ["on-mail", "--at", join(data, "desk"), "--", "cat"]);
  const sent = await call(
    perdure,
    "send",
    "--at",
    join(data, "anna"),
    "@desk@relay-b:4410",
    "hello",
    "--until",
    "done",
    "--timeout",
    "50s",
  );
  must("compose: a message from relay-a to @desk@relay-b:4410 is done", sent.exit === 0, sent.out);
  const checked = await call(perdure, "relay", "check", "wss://relay-c:4410/");
  must("compose: relay check of relay-c", checked.exit === 0, checked.out);
}

async function main(): Promise<void> {
  const made = await call(
    [join(DEPLOY, "authority.sh")],
    join(folder, "tls"),
    process.getuid?.() === 0 ? `${USER}:${USER}` : String(process.getuid?.()),
    "localhost",
    ...RELAYS,
  );
  must("authority.sh makes an authority and certificates", made.exit === 0, made.out);
  await tryProxy("nginx", startNginx);
  await tryProxy("caddy", startCaddy);
  await tryCompose();
  if (found("systemd-analyze")) {
    const unit = join(folder, "perdure-relay.service");
    writeFileSync(unit, readFileSync(join(DEPLOY, "perdure-relay.service"), "utf8").replace("/usr/local/bin/perdure", "/bin/true"));
    const verified = await call(["systemd-analyze"], "verify", unit);
    must("systemd-analyze verify", verified.exit === 0 && verified.out.trim() === "", verified.out);
  } else process.stdout.write("left out: systemd-analyze is not on this machine\n");
}

try {
  await main();
} catch (error) {
  must("ran to its end", false, String(error));
} finally {
  for (const child of running) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
