import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { ask, PLENTY, testService } from "../proxy/test-service.ts";
import { call } from "./test-call.ts";

const folder = mkdtempSync(join(tmpdir(), "pace-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(text: string): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, text);
  return path;
}

/** A link to itself. */
function circle(): string {
  const path = join(folder, "circle");
  symlinkSync(path, path);
  return path;
}

async function said(words: readonly string[]): Promise<{ exit: number; out: string; err: string }> {
  const calling = call(words);
  const exit = await calling.exit;
  await new Promise((resolve) => setImmediate(resolve));
  return { exit, out: calling.out(), err: calling.err() };
}

/** Until it has said it. */
async function heard(calling: ReturnType<typeof call>, what: RegExp): Promise<RegExpExecArray> {
  for (let nth = 0; nth < 1000; nth++) {
    const found = what.exec(calling.out());
    if (found !== null) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return expect.unreachable(`it did not say ${what}: ${calling.out()}${calling.err()}`);
}

async function proxyOf(words: readonly string[]) {
  const calling = call(["proxy", "--port", "0", "--json", ...words]);
  const [line] = await heard(calling, /\{.*"listening".*\}/);
  return { calling, url: (JSON.parse(line) as { url: string }).url };
}

describe("pace", () => {
  it("explains itself", async () => {
    const { exit, out } = await said(["--help"]);
    expect(exit).toBe(0);
    for (const word of ["proxy", "monitor", "probe", "OPENAI_BASE_URL", "Exit codes"]) expect(out).toContain(word);
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(90);
  });

  it.each([
    [["prox"], "Is proxy meant?"],
    [["proxy"], "--for"],
    [["proxy", "--for", "https://a.example", "--prot", "1"], "Is --port meant?"],
    [["proxy", "--for", "a.example"], "https://api.example.com"],
    [["proxy", "--for", "https://a.example", "--port", "99999"], "proxy --help"],
    [["proxy", "--for", "https://a.example", "--class", "a b"], "x-priority"],
    [["monitor", "--every", "soon"], "monitor --help"],
    [["monitor", "::"], "http://127.0.0.1:8790"],
    [["probe", "a.example"], "https://api.example.com"],
    [["probe", "https://a.example", "-H", "nothing"], '-H "name: value"'],
    [["proxy", "--fro", "https://a.example"], "Is --for meant?"],
    [["proxy", "--for", "https://a.example", "--hots", "::1"], "Is --host meant?"],
    [["monitor", "--evry", "3"], "Is --every meant?"],
    [["probe", "https://a.example", "--methd", "GET"], "Is --method meant?"],
    [["--verison"], "Is --version meant?"],
    [["proxy", "https://a.example"], "proxy --help"],
    [["proxy", "--for"], "proxy --help"],
    [["proxy", "--for", "https://a.example", "--port", "-1"], "proxy --help"],
    [["proxy", "--for", "https://a.example", "--host", ""], "127.0.0.1"],
    [["proxy", "--for", "https://a.example", "--port", "0", "--host", "192.0.2.1"], "--host"],
    [["proxy", "--for", "https://a.example", "--port", "0", "--host", "no such host"], "address"],
    [["monitor", "ftp://127.0.0.1"], "http://127.0.0.1:8790"],
    [["probe", "https://a.example", "--method", "G,T"], "GET"],
    [["probe", "https://a.example", "--method", "CONNECT"], "GET"],
    [["probe", "https://name:sk-secret@a.example"], "-H"],
  ])("answers %j with a hint and exit code 2", async (words, hint) => {
    const { exit, err } = await said(words);
    expect(exit).toBe(2);
    expect(err).toContain("hint:");
    expect(err).toContain(hint);
    // What, why and what to do: no stack, and nothing that is secret.
    expect(err.trimEnd().split("\n").length).toBe(3);
    expect(err).not.toContain("sk-secret");
  });

  it.each([
    ["none", "there is no such file", join(folder, "none")],
    ["a folder", "it is a folder", folder, ""],
    ["in a file", "there is no such file", join(fileWith("{}"), "policy.json")],
    ["of a name that is too long", "no file has so long a name", join(folder, "x".repeat(300))],
    ["in a circle", "the path goes in a circle", circle()],
  ])("answers a policy that is %s with its path, a hint and exit code 2", async (_what, why, path, shown = `: ${path}`) => {
    const { exit, err } = await said(["proxy", "--for", "https://a.example", "--port", "0", "--policy", path]);
    expect([exit, err.trimEnd().split("\n").length]).toEqual([2, 3]);
    expect(err).toContain(`${why}${shown}`);
  });

  it.each([
    ["a folder that is none", join(folder, "none", "pace.db")],
    ["a file that is something else", fileWith("this is no database, and it is longer than one would be ".repeat(40))],
  ])("says where quotas cannot be shared: %s", async (_what, shareAt) => {
    const { exit, err } = await said([
      "proxy",
      "--for",
      "https://a.example",
      "--port",
      "0",
      "--policy",
      fileWith(JSON.stringify({ shareAt })),
    ]);
    expect([exit, err.trimEnd().split("\n").length]).toEqual([2, 3]);
    expect(err).toContain(shareAt);
  });

  it("says failures to programs as JSON, and nothing else", async () => {
    const { exit, out, err } = await said(["proxy", "--fro", "https://a.example", "--json"]);
    expect([exit, err]).toEqual([2, ""]);
    expect(JSON.parse(out)).toMatchObject({ type: "failure", code: "bad-argument", hint: expect.stringContaining("--for") });
  });

  it.each([
    ["{", "no JSON"],
    ["[]", "{ }"],
    ['{"quotas":{"https://a.example/":[]}}', "no service"],
    ['{"quotas":{"https://a.example":{}}}', "[ ]"],
    ['{"quotas":{"https://a.example":[{"limt":1}]}}', "limt"],
    ['{"deadline":1}', "deadlineMs"],
    ['{"classes":"urgent"}', "[ ]"],
    ['{"attempts":0}', "attempts"],
    ['{"quotass":{}}', 'the policy has no option "quotass"'],
    ['{"ladder":{"thresholds":{"warnd":0.5}}}', '"warned" meant'],
    ['{"rules":[{}]}', "a rule has no when"],
    ['{"shareAt":5}', "shareAt is 5"],
    ['{"lesser":[]}', "openProxy"],
  ])("refuses the policy %s, and says why, and in which file", async (text, why) => {
    const path = fileWith(text);
    const { exit, err } = await said(["proxy", "--for", "https://a.example", "--port", "0", "--policy", path]);
    expect([exit, err.trimEnd().split("\n").length]).toEqual([2, 3]);
    expect(err).toContain(`why: ${path}: `);
    expect(err).toContain(why);
    // What no file can say is no help.
    expect(err).not.toMatch(/There are: .*(?:lesser|partitionOf)/);
  });

  it("does not say a credential again that was not understood", async () => {
    const { err } = await said(["probe", "https://a.example", "-H", "authorization Bearer sk-secret"]);
    expect(err).not.toContain("sk-secret");
  });

  it("ends with 1 where there is no proxy, or the port is taken", async () => {
    for (const address of ["127.0.0.1:1", "1"])
      expect(await said(["monitor", address])).toMatchObject({
        exit: 1,
        err: expect.stringContaining("nothing answers at http://127.0.0.1:1\n"),
      });
    await using service = await testService((_, response) => response.end());
    const taken = ["proxy", "--for", "https://a.example", "--port", new URL(service.url).port];
    expect(await said(taken)).toMatchObject({ exit: 1, err: expect.stringContaining(`the port is taken: ${taken.at(-1)}`) });
  });
});

describe("pace proxy", () => {
  it("keeps to the policy, and ends in order when it is told to", async () => {
    await using service = await testService((_, response) => response.writeHead(200).end("{}"));
    const policy = fileWith(JSON.stringify({ quotas: { [service.url]: [{ limit: 1, windowMs: 60_000 }] } }));
    const { calling, url } = await proxyOf(["--for", service.url, "--policy", policy, "--class", "X-Priority"]);
    expect((await ask(`${url}/`)).status).toBe(200);
    expect((await ask(`${url}/`, { headers: { "x-priority": "nobody" } })).status).toBe(400);
    expect((await ask(`${url}/`, { headers: { "x-priority": "interactive", "pace-deadline-ms": "100" } })).status).toBe(429);
    expect(service.asked.length).toBe(1);
    calling.stop();
    expect(await calling.exit).toBe(0);
    expect(calling.out()).toContain('"closed"');
    await expect(ask(url)).rejects.toThrow();
  });

  it("says of what costs that cannot be counted, and not that it is something else", async () => {
    await using service = await testService((_, response) =>
      response
        .writeHead(200, { ...PLENTY, "content-type": "application/json" })
        .end('{"model":"large","usage":{"prompt_tokens":7,"completion_tokens":9}}'),
    );
    const policy = fileWith(JSON.stringify({ quotas: { "*": [{ unit: "usd", limit: 1, windowMs: 60_000 }] } }));
    const { calling, url } = await proxyOf(["--for", service.url, "--policy", policy]);
    const headers = { "content-type": "application/json", "content-encoding": "gzip" };
    await ask(`${url}/`, { method: "POST", headers, body: gzipSync('{"model":"large"}') });
    calling.stop();
    await calling.exit;
    expect(calling.err()).toMatch(/^pace: the model "large" has no price, .*\n {2}hint: .*--policy.*prices: \{ "large".*\n/m);
    expect(calling.err()).not.toContain("not shared");
  });

  it("warns who opens it to others", async () => {
    const { calling } = await proxyOf(["--for", "https://a.example", "--host", "0.0.0.0"]);
    expect(calling.err()).toContain("others can ask through it");
    calling.stop();
    await calling.exit;
  });
});

describe("pace monitor", () => {
  it("prints lines once where nobody looks, and JSON where a program does", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    const { calling, url } = await proxyOf(["--for", service.url]);
    await ask(`${url}/`);
    const plain = await said(["monitor", url]);
    expect(plain.exit).toBe(0);
    expect(plain.out).toContain("header 95 %");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none
    expect(plain.out).not.toMatch(/\u001b/);
    const json = await said(["monitor", url, "--json"]);
    expect(JSON.parse(json.out)).toMatchObject({ partitions: [{ name: service.url, totals: { answered: 1 } }] });
    calling.stop();
    await calling.exit;
  });

  it("draws until q or ctrl-C, and leaves the terminal as it was", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    const { calling, url } = await proxyOf(["--for", service.url]);
    for (const [key, columns] of [
      ["q", "80"],
      ["\u0003", "0"],
    ] as const) {
      const monitor = call(["monitor", url, "--every", "100"], { columns });
      await heard(monitor, /q ends[\s\S]*q ends/);
      monitor.press(key);
      expect(await monitor.exit).toBe(0);
      expect(monitor.out().endsWith("\u001b[?25h\u001b[?7h\u001b[?1049l")).toBe(true);
      expect(monitor.err()).toBe("<raw><cooked>");
    }
    calling.stop();
    await calling.exit;
  });

  it("says that what it shows is old when the proxy goes away, and goes on when it comes back", async () => {
    const { calling, url } = await proxyOf(["--for", "https://a.example"]);
    const monitor = call(["monitor", url, "--every", "100"], { columns: "80" });
    await heard(monitor, /q ends/);
    calling.stop();
    await calling.exit;
    await heard(monitor, /what is shown is old/);
    monitor.stop();
    expect(await monitor.exit).toBe(0);
  });

  it("refuses what is no proxy", async () => {
    await using service = await testService((_, response) => response.end("<html>"));
    expect(await said(["monitor", service.url])).toMatchObject({ exit: 2, err: expect.stringContaining("no proxy of pace") });
  });
});

describe("pace probe", () => {
  it("says in plain words what an answer tells of limits", async () => {
    await using service = await testService(({ headers }, response) =>
      headers["authorization"] === "Bearer x"
        ? response
            .writeHead(200, {
              "x-ratelimit-limit-requests": "500",
              "x-ratelimit-remaining-requests": "499",
              "x-ratelimit-reset-requests": "120ms",
            })
            .end("{}")
        : response.writeHead(401).end("{}"),
    );
    const known = await said(["probe", `${service.url}/v1/models?key=sk-secret`, "-H", "authorization: Bearer x"]);
    expect(known.out).toContain("it lets us in");
    expect(known.out).toContain("requests: 499 left of 500 in 1 min; filled all the time, full in 0.1 s");
    expect(known.out).not.toContain("sk-secret");
    const unknown = await said(["probe", service.url]);
    expect(unknown.out).toContain("tells nothing of its limits");
    expect(unknown.out).toContain("credentials");
  });

  it("says how long a refusal asks to wait, and prints JSON for programs", async () => {
    await using service = await testService((_, response) => response.writeHead(429, { "retry-after": "20" }).end("{}"));
    expect((await said(["probe", service.url])).out).toContain("too much came from us, and asks to wait for 20 s");
    const { out } = await said(["probe", service.url, "--json"]);
    expect(JSON.parse(out)).toMatchObject({ type: "probe", status: 429, verdict: { kind: "refused", waitMs: 20_000 }, readings: [] });
  });

  it("ends with 1 where nothing answers", async () => {
    expect(await said(["probe", "http://127.0.0.1:1/"])).toMatchObject({ exit: 1, err: expect.stringContaining("ECONNREFUSED") });
  });
});
