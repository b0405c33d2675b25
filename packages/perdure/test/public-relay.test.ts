/** A relay for the public on this machine: its own TLS, tickets, blocking, what it shows to whom, what it logs. Every process is a real one. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestAuthority, type TestAuthority } from "../src/host/node/test-certificates.ts";

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const TEST_MS = 120_000;
const CANARY = "canary-4f9d2c";

let folder = "";
let authority: TestAuthority;
let relay: ChildProcess;
let relayLog = "";
let port = 0;
let address = "";
const at = (name: string): string => join(folder, name);

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** One call of the command on a machine that trusts the test's authority. */
function perdure(...words: readonly string[]): Promise<Ran> {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: authority.certificateFile };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, ...words], { env, timeout: TEST_MS }, (error, out, err) =>
      resolve({ exit: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, err }),
    );
    child.stdin?.end();
  });
}

async function ask(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string }> {
  const ca = await readFile(authority.certificateFile);
  const { request } = await import("node:https");
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      { host: "127.0.0.1", port, path, ca, servername: "localhost", headers: { host: `localhost:${port}`, ...headers } },
      (incoming) => {
        let body = "";
        incoming.setEncoding("utf8").on("data", (piece: string) => {
          body += piece;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, body }));
      },
    );
    outgoing.on("error", reject).end();
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function startRelay(): Promise<void> {
  const words = [
    "--listen",
    `127.0.0.1:${port}`,
    "--public",
    `wss://localhost:${port}/`,
    "--tls-cert",
    at("c.pem"),
    "--tls-key",
    at("k.pem"),
  ];
  const more = ["--set", "tlsCheckMs=100", "--set", "redialMinMs=50"];
  relay = spawn(process.execPath, [MAIN, "relay", "--at", at("relay"), "--log", "json", "--verbose", ...words, ...more], { stdio: "pipe" });
  relay.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    relayLog += piece;
  });
  const exit = once(relay, "exit").then(() => Promise.reject(new Error(`it ended at once: ${relayLog}`)));
  const [line] = await Promise.race([once(createInterface({ input: relay.stdout ?? process.stdin }), "line"), exit]);
  address = String(line);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-public-"));
  authority = await createTestAuthority(folder);
  const { certFile, keyFile } = await authority.issue(11, 30);
  await copyFile(certFile, at("c.pem"));
  await copyFile(keyFile, at("k.pem"));
  port = await freePort();
  await startRelay();
}, TEST_MS);

afterAll(async () => {
  relay.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

async function ticket(...words: readonly string[]): Promise<string> {
  return (await perdure("relay", "ticket", "--at", at("relay"), ...words)).out.trim();
}

describe("a relay for the public", { timeout: TEST_MS }, () => {
  it("has the address it is known by, not the one it listens on", () => {
    expect(address).toMatch(new RegExp(`^wss://localhost:${port}/#ag1[a-z2-7]{52}$`));
  });

  it("lets nobody register without a ticket, and one ticket in once", async () => {
    const without = await perdure("init", "--at", at("stranger"), "--relay", address, "--custody", "together");
    expect([without.exit, without.err]).toEqual([9, expect.stringContaining("ticket-required")]);
    const one = await ticket();
    expect(one).toMatch(/\?ticket=[a-z2-7]{26}$/);
    expect((await perdure("init", "--at", at("anna"), "--relay", one, "--name", "anna", "--custody", "together")).exit).toBe(0);
    const again = await perdure("init", "--at", at("second"), "--relay", one, "--custody", "together");
    expect([again.exit, again.err]).toEqual([9, expect.stringContaining("was used")]);
    // Interrupted by the refusal, it goes on with a ticket that lets it in; and who is registered needs none any more.
    expect((await perdure("init", "--at", at("stranger"), "--relay", await ticket(), "--custody", "together")).exit).toBe(0);
    expect((await perdure("inbox", "--at", at("anna"))).exit).toBe(0);
  });

  it("carries mail over TLS, and logs ids and events as JSON, never what is written", async () => {
    const shared = await ticket("--uses", "2", "--expires", "1h");
    for (const name of ["bert", "carl"])
      await perdure("init", "--at", at(name), "--relay", shared, "--name", name, "--custody", "together");
    await writeFile(at(`${CANARY}.txt`), `${CANARY} body`);
    const sent = await perdure("send", "--at", at("bert"), "@carl", `@${at(`${CANARY}.txt`)}`, "--until", "stored");
    expect([sent.exit, sent.err]).toEqual([0, ""]);
    expect(
      (await perdure("inbox", "--at", at("carl"), "--json", "--box", "requests")).out +
        (await perdure("inbox", "--at", at("carl"), "--json")).out,
    ).toContain('"type":"mail"');
    const lines = relayLog.trim().split("\n");
    const events = lines.map((line) => (JSON.parse(line) as { readonly type: string; readonly event: string }).event);
    expect(events).toEqual(expect.arrayContaining(["relay.started", "relay.registered"]));
    expect(relayLog).not.toContain(CANARY);
    expect(relayLog).not.toContain(shared.split("ticket=")[1]);
  });

  it("keeps neither canary nor ticket on its disk", async () => {
    const secret = await ticket();
    const files = await readdir(at("relay"), { recursive: true, withFileTypes: true });
    let bytes = 0;
    for (const file of files) {
      if (!file.isFile()) continue;
      const content = await readFile(join(file.parentPath, file.name), "latin1");
      bytes += content.length;
      expect(content).not.toContain(CANARY);
      expect(content).not.toContain(secret.split("ticket=")[1]);
    }
    expect(bytes).toBeGreaterThan(1000);
  });

  it("shows its numbers to its owner only", async () => {
    const { out } = await perdure("relay", "page", "--at", at("relay"));
    const token = new URL(out.trim()).hash.replace("#token=", "");
    for (const path of ["/status.json", "/metrics"]) {
      expect((await ask(path)).status).toBe(401);
      expect((await ask(path, { authorization: "Bearer wrong" })).status).toBe(401);
      expect((await ask(path, { authorization: token })).status).toBe(401);
      // Whoever calls it by a loopback name is no owner either: behind a terminator everybody can.
      expect((await ask(path, { host: "127.0.0.1", "x-forwarded-for": "127.0.0.1" })).status).toBe(401);
      expect((await ask(path, { authorization: `Bearer ${token}` })).status).toBe(200);
    }
    expect((await ask("/healthz")).body).toBe('{"healthy":true}');
    expect((await ask("/")).body).not.toContain("ag1");
    expect((await ask("/status.json", { host: "rebound.example" })).status).toBe(421);
  });

  it("says who it is, and who has a name there", async () => {
    const id = address.split("#")[1];
    expect(JSON.parse((await ask("/.well-known/perdure")).body)).toEqual({ perdure: 1, relayId: id, url: `wss://localhost:${port}/` });
    const finger = await ask(`/.well-known/webfinger?resource=${encodeURIComponent(`acct:anna@localhost:${port}`)}`);
    const { properties } = JSON.parse(finger.body) as { readonly properties: Readonly<Record<string, string>> };
    const anna = JSON.parse((await perdure("id", "--at", at("anna"), "--json")).out) as { readonly id: string };
    expect(properties["perdure:agent"]).toBe(anna.id);
  });

  it("turns away who is blocked, at once and after, until it is not", async () => {
    const dora = await ticket();
    await perdure("init", "--at", at("dora"), "--relay", dora, "--name", "dora", "--custody", "together");
    const { id } = JSON.parse((await perdure("id", "--at", at("dora"), "--json")).out) as { readonly id: string };
    expect((await perdure("relay", "block", "--at", at("relay"), id, "--why", "floods")).exit).toBe(0);
    const blocked = await perdure("send", "--at", at("dora"), "@anna", "hello", "--until", "stored", "--timeout", "3s");
    expect(blocked.exit).not.toBe(0);
    expect((await perdure("relay", "unblock", "--at", at("relay"), id)).exit).toBe(0);
    expect((await perdure("relay", "block", "--at", at("relay"), "nobody")).exit).toBe(2);
    expect((await perdure("doctor", "--at", at("dora"))).exit).toBe(0);
  });

  it("takes a renewed certificate without dropping anybody", async () => {
    const watching = spawn(process.execPath, [MAIN, "inbox", "--at", at("anna"), "--watch", "--json"], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: authority.certificateFile },
      stdio: ["ignore", "pipe", "pipe"],
    });
    try {
      const connections = async (): Promise<number> =>
        (JSON.parse((await perdure("relay", "status", "--at", at("relay"), "--json")).out) as { readonly connections: number }).connections;
      await expect.poll(connections, { timeout: TEST_MS / 2, interval: 200 }).toBe(1);
      const ended = relayLog.split("relay.session-ended").length;
      const { certFile, keyFile } = await authority.issue(12, 30);
      await copyFile(certFile, at("c.pem"));
      await copyFile(keyFile, at("k.pem"));
      await expect.poll(() => relayLog, { timeout: TEST_MS / 2 }).toContain("relay.certificate-renewed");
      expect((await perdure("relay", "check", address)).out).toMatch(/^ok {4}tls/m);
      expect(await connections()).toBe(1);
      // The checks came and went; nobody else did.
      expect(relayLog.split("relay.session-ended").length - ended).toBeLessThanOrEqual(4);
    } finally {
      watching.kill("SIGKILL");
    }
  });

  it("is examined from elsewhere, step by step", async () => {
    const good = await perdure("relay", "check", address, "--json");
    const found = JSON.parse(good.out) as {
      readonly ok: boolean;
      readonly checks: readonly { readonly name: string; readonly state: string }[];
    };
    expect([good.exit, found.ok]).toEqual([0, true]);
    expect(found.checks.map(({ name, state }) => `${name} ${state}`)).toEqual(
      ["dns", "tcp", "tls", "document", "identity", "clock", "roundtrip", "reconnect"].map((name) => `${name} ok`),
    );
    const other = `${address.slice(0, -5)}aaaaa`;
    const wrong = await perdure("relay", "check", other);
    expect([wrong.exit, wrong.out]).toEqual([1, expect.stringMatching(/^fail {2}identity/m)]);
    const nowhere = await perdure("relay", "check", "wss://127.0.0.1:1/");
    expect([nowhere.exit, nowhere.out]).toEqual([1, expect.stringMatching(/^fail {2}tcp/m)]);
  });

  it("has settings from file, environment and flag, and says which", async () => {
    const running = await perdure("relay", "settings", "--at", at("relay"), "--json");
    const rows = running.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly name: string; readonly value: number; readonly origin: string });
    expect(rows.find(({ name }) => name === "tlsCheckMs")).toMatchObject({ value: 100, origin: "flag" });
    expect(rows.find(({ name }) => name === "windowFrames")).toMatchObject({ origin: "default" });
  });

  it("keeps tickets, names and blocks over kill -9", async () => {
    const kept = await ticket();
    relay.kill("SIGKILL");
    await once(relay, "exit");
    const none = await perdure("relay", "ticket", "--at", at("relay"));
    expect([none.exit, none.err]).toEqual([4, expect.stringContaining("no relay runs in")]);
    await startRelay();
    expect((await perdure("init", "--at", at("emil"), "--relay", kept, "--name", "emil", "--custody", "together")).exit).toBe(0);
    expect((await perdure("init", "--at", at("frida"), "--relay", kept, "--custody", "together")).exit).toBe(9);
  });
});
