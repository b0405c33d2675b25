import { Agent } from "node:http";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { openProxy, type ProxyOptions } from "./open-proxy.ts";
import { ask, PLENTY, type TestService, talk, testService } from "./test-service.ts";

const KEY = "sk-secret-of-a-test";

function proxyFor(service: TestService, options: Partial<ProxyOptions> = {}) {
  return openProxy({ for: [service.url], port: 0, graceMs: 2000, ...options });
}

async function until(isSo: () => boolean): Promise<void> {
  for (let nth = 0; !isSo(); nth++) {
    if (nth > 1000) expect.unreachable("it did not come to be");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function errorIn(body: Buffer): { code: string; message: string; hint: string } {
  return (JSON.parse(body.toString()) as { error: { code: string; message: string; hint: string } }).error;
}

describe("a proxy hands on", () => {
  it("a request as it came, but for whom it is and what is of its connection", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    const body = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await ask(`${proxy.url}/v1/things?a=%2F|'&b`, {
      method: "POST",
      headers: {
        authorization: KEY,
        "x-own": "1",
        connection: "close, x-hop",
        "x-hop": "1",
        te: "trailers",
        "proxy-authorization": "Basic abc",
        "pace-class": "interactive",
        "pace-deadline-ms": "5000",
        "pace-requester": "me",
      },
      body,
    });
    const [asked] = service.asked;
    expect(asked).toMatchObject({ method: "POST", url: "/v1/things?a=%2F|'&b", body });
    expect(asked?.headers).toMatchObject({ host: new URL(service.url).host, authorization: KEY, "x-own": "1", "content-length": "256" });
    expect(asked?.headers.via).toMatch(/^1\.1 pace-/);
    const there = Object.keys(asked?.headers ?? {});
    for (const name of ["x-hop", "te", "proxy-authorization", "pace-class", "pace-deadline-ms", "pace-requester", "transfer-encoding"])
      expect(there).not.toContain(name);
  });

  it("an answer as it came, with all cookies and without what is of its connection", async () => {
    await using service = await testService((_, response) =>
      response
        .writeHead(203, [
          ...Object.entries(PLENTY).flat(),
          ...["set-cookie", "a=1", "set-cookie", "b=2", "connection", "x-hop", "x-hop", "1", "x-end", "1", "content-type", "text/x"],
        ])
        .end("hello"),
    );
    await using proxy = await proxyFor(service);
    const { status, headers, body } = await ask(proxy.url);
    expect(status).toBe(203);
    expect(headers).toMatchObject({ "set-cookie": ["a=1", "b=2"], "x-end": "1", "content-type": "text/x" });
    expect(headers["x-hop"]).toBeUndefined();
    expect(body.toString()).toBe("hello");
  });

  it("an answer that is compressed byte for byte, with its length", async () => {
    const packed = gzipSync("hello ".repeat(100));
    await using service = await testService((_, response) =>
      response.writeHead(200, { ...PLENTY, "content-encoding": "gzip", "content-length": packed.length }).end(packed),
    );
    await using proxy = await proxyFor(service);
    const { headers, body } = await ask(proxy.url, { headers: { "accept-encoding": "gzip" } });
    expect(headers).toMatchObject({ "content-encoding": "gzip", "content-length": String(packed.length) });
    expect(body.equals(packed)).toBe(true);
  });

  it("each piece of a stream before the next is there", async () => {
    const next: (() => void)[] = [];
    await using service = await testService((_, response) => {
      response.writeHead(200, { ...PLENTY, "content-type": "text/event-stream" });
      response.flushHeaders();
      next.push(
        () => response.write("data: 1\n\n"),
        () => response.end("data: 2\n\n"),
      );
    });
    await using proxy = await proxyFor(service);
    const answer = await fetch(`${proxy.url}/stream`);
    expect(answer.headers.get("content-type")).toBe("text/event-stream");
    const reader = answer.body?.getReader();
    const read = async (): Promise<string> => new TextDecoder().decode((await reader?.read())?.value);
    next[0]?.();
    expect(await read()).toBe("data: 1\n\n");
    next[1]?.();
    expect(await read()).toBe("data: 2\n\n");
    expect((await reader?.read())?.done).toBe(true);
  });

  it("a redirect, without following it, and keeps whoever follows it at the proxy", async () => {
    await using service = await testService(({ url }, response) =>
      response
        .writeHead(307, { ...PLENTY, location: url.endsWith("/away") ? "https://elsewhere.example/x" : `${service.url}/v1/b?c=1` })
        .end(),
    );
    await using proxy = await openProxy({ for: [`/one=${service.url}/v1`], port: 0 });
    expect((await ask(`${proxy.url}/one/a`)).headers.location).toBe("/one/b?c=1");
    expect((await ask(`${proxy.url}/one/away`)).headers.location).toBe("https://elsewhere.example/x");
    expect(service.asked.map(({ url }) => url)).toEqual(["/v1/a", "/v1/away"]);
  });

  it("what a service says, but for the field by which the proxy's own refusals are known", async () => {
    await using service = await testService((_asked, response) =>
      response.writeHead(404, { ...PLENTY, "pace-error": "too-late", "x-own": "1" }).end(),
    );
    await using proxy = await openProxy({ for: [service.url], port: 0 });
    const { status, headers } = await ask(proxy.url);
    expect([status, headers["x-own"], headers["pace-error"]]).toEqual([404, "1", undefined]);
  });

  it("answers without a body, of HEAD and of 204 and 304", async () => {
    await using service = await testService(({ url, method }, response) =>
      response.writeHead(Number(url.slice(1)), { ...PLENTY, ...(method === "HEAD" ? { "content-length": "77" } : {}) }).end(),
    );
    await using proxy = await proxyFor(service);
    expect(await ask(`${proxy.url}/200`, { method: "HEAD" })).toMatchObject({ status: 200, headers: { "content-length": "77" } });
    expect((await ask(`${proxy.url}/204`, { method: "DELETE" })).status).toBe(204);
    expect((await ask(`${proxy.url}/304`)).status).toBe(304);
  });

  it("nothing of a refusal that was followed by an answer, and asks with the same body", async () => {
    let refusals = 1;
    await using service = await testService((_, response) =>
      refusals-- > 0 ? response.writeHead(429, { "retry-after-ms": "20" }).end("slow down") : response.writeHead(200, PLENTY).end("{}"),
    );
    await using proxy = await proxyFor(service);
    const body = '\ufeff{"model":"größe"}';
    const { status } = await ask(proxy.url, { method: "POST", headers: { "content-type": "application/json" }, body });
    expect(status).toBe(200);
    expect(service.asked.map((each) => each.body.toString())).toEqual([body, body]);
    expect([...proxy.pace.state().keys()][0]).toContain("größe");
    expect(proxy.keptBytes).toBe(0);
  });

  it("of which model it is, though what sends it calls JSON a form", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    await ask(proxy.url, { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: '{"model":"small"}' });
    expect([...proxy.pace.state().keys()][0]).toContain("small");
  });

  it("a refusal that no waiting cures, though it is compressed", async () => {
    const packed = gzipSync('{"error":{"code":"insufficient_quota","message":"no money"}}');
    await using service = await testService((_, response) =>
      response.writeHead(429, { "content-encoding": "gzip", "content-length": packed.length }).end(packed),
    );
    await using proxy = await proxyFor(service);
    const { status, headers, body } = await ask(proxy.url);
    expect(status).toBe(429);
    expect(headers["content-encoding"]).toBeUndefined();
    expect(body.toString()).toContain("no money");
    expect(service.asked.length).toBe(1);
  });

  it("what a model's answer took to its own account, though the client would take it compressed", async () => {
    await using service = await testService(({ headers }, response) => {
      const answer = JSON.stringify({ object: "chat.completion", usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 } });
      const isPacked = String(headers["accept-encoding"]).includes("gzip");
      const head = { ...PLENTY, "content-type": "application/json", ...(isPacked ? { "content-encoding": "gzip" } : {}) };
      response.writeHead(200, head).end(isPacked ? gzipSync(answer) : answer);
    });
    await using proxy = await proxyFor(service);
    const headers = { "content-type": "application/json", "accept-encoding": "gzip, br" };
    await ask(`${proxy.url}/v1/chat/completions`, { method: "POST", headers, body: '{"model":"large","messages":[]}' });
    const metrics = await ask(`${proxy.url}/pace/metrics`);
    expect(metrics.body.toString()).toMatch(/pace_used_units_total\{.*unit="input-tokens"\} 11\n/);
  });

  it("a thousand requests at once, each its own answer", async () => {
    await using service = await testService(({ url }, response) => response.writeHead(200, PLENTY).end(url));
    await using proxy = await proxyFor(service);
    await ask(proxy.url);
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, nth) => ask(`${proxy.url}/${nth}`)));
    expect(answers.map(({ body }) => body.toString())).toEqual(Array.from({ length: 1000 }, (_, nth) => `/${nth}`));
    expect([...proxy.pace.state().values()][0]).toMatchObject({ waiting: 0, underWay: 0 });
  });
});

describe("a proxy says why there is no answer", () => {
  it("when a call cannot leave in time, and when it could", async () => {
    await using service = await testService((_, response) => response.writeHead(200).end());
    await using proxy = await proxyFor(service, { policy: { quotas: { [service.url]: [{ limit: 1, windowMs: 60_000 }] } } });
    await ask(proxy.url);
    const { status, headers, body } = await ask(proxy.url, { headers: { "pace-deadline-ms": "1000" } });
    expect(status).toBe(429);
    expect(headers).toMatchObject({ "pace-error": "too-late", "content-type": "application/json" });
    expect(Number(headers["retry-after"])).toBeGreaterThan(50);
    expect(Number(headers["retry-after"])).toBeLessThanOrEqual(60);
    expect(errorIn(body)).toMatchObject({ code: "too-late", hint: expect.any(String) });
  });

  it("when the service is out of reach, silent, or breaks off", async () => {
    await using service = await testService(({ url }, response) => {
      if (url === "/cut") response.destroy();
    });
    await using proxy = await proxyFor(service, { answerMs: 150 });
    await using nowhere = await openProxy({ for: ["http://127.0.0.1:1"], port: 0 });
    expect(await ask(nowhere.url)).toMatchObject({ status: 502, headers: { "pace-error": "unreachable" } });
    expect(await ask(`${proxy.url}/silent`)).toMatchObject({ status: 504, headers: { "pace-error": "no-answer" } });
    expect(await ask(`${proxy.url}/cut`, { method: "POST" })).toMatchObject({ status: 502, headers: { "pace-error": "unreachable" } });
  });

  it("not when it is known only half: then the connection is cut as the answer was", async () => {
    await using service = await testService((_, response) => {
      response.writeHead(200, PLENTY);
      response.write("half");
      setImmediate(() => response.destroy());
    });
    await using proxy = await proxyFor(service);
    await expect(ask(proxy.url)).rejects.toThrow(/aborted|hang up/);
  });

  it("to what names no class, no time or no service", async () => {
    await using service = await testService((_, response) => response.end());
    await using proxy = await openProxy({ for: [`/one=${service.url}`, `/two=${service.url}/two`], port: 0 });
    expect(await ask(`${proxy.url}/one/x`, { headers: { "pace-class": "nobody" } })).toMatchObject({ status: 400 });
    expect(await ask(`${proxy.url}/one/x`, { headers: { "pace-deadline-ms": "soon" } })).toMatchObject({ status: 400 });
    const slip = await ask(`${proxy.url}/one/x`, { headers: { "pace-requestr": "ann" } });
    expect([slip.status, errorIn(slip.body).hint]).toEqual([400, expect.stringMatching(/"pace-requester" meant.*pace-deadline-ms/)]);
    const { status, body } = await ask(`${proxy.url}/onex`);
    expect(status).toBe(404);
    expect(errorIn(body).hint).toContain("/one/");
    await ask(`${proxy.url}/two/x`);
    await ask(`${proxy.url}/two?y`);
    expect(service.asked.map(({ url }) => url)).toEqual(["/two/x", "/two/?y"]);
  });

  it("but not to the field that names the class in its place", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service, { classHeader: "Pace-Priority" });
    expect(await ask(proxy.url, { headers: { "pace-priority": "background", "pace-requester": "ann" } })).toMatchObject({ status: 200 });
    expect(await ask(proxy.url, { headers: { "pace-priority": "nobody" } })).toMatchObject({ status: 400 });
  });

  it("to WebSockets, and lets go who offers another protocol besides", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    expect(await ask(proxy.url, { headers: { connection: "upgrade", upgrade: "websocket" } })).toMatchObject({ status: 501 });
    expect(
      await ask(proxy.url, { headers: { connection: "upgrade, http2-settings", upgrade: "h2c", "http2-settings": "x" } }),
    ).toMatchObject({ status: 200 });
    expect(service.asked[0]?.headers).not.toHaveProperty("http2-settings");
  });

  it("to bodies that are too large, or too many", async () => {
    await using service = await testService((_, response) => setTimeout(() => response.writeHead(200, PLENTY).end(), 100));
    await using proxy = await proxyFor(service, { mostBodyBytes: 1000, mostKeptBytes: 1500 });
    const body = Buffer.alloc(1000);
    expect((await ask(proxy.url, { method: "POST", body: Buffer.alloc(1001) })).status).toBe(413);
    const chunked = await talk(
      proxy.url,
      `POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n${"x".repeat(1001)}\r\n0\r\n\r\n`,
    );
    expect(chunked).toMatch(/^HTTP\/1.1 413/);
    const first = ask(proxy.url, { method: "POST", body });
    await until(() => proxy.keptBytes === 1000);
    expect(await ask(proxy.url, { method: "POST", body })).toMatchObject({ status: 503, headers: { "pace-error": "queue-full" } });
    expect((await first).status).toBe(200);
    expect(proxy.keptBytes).toBe(0);
  });

  it("but never to a single one of the size that one may have", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end());
    await using proxy = await proxyFor(service, { mostBodyBytes: 2000, mostKeptBytes: 1000 });
    expect((await ask(proxy.url, { method: "POST", body: Buffer.alloc(2000) })).status).toBe(200);
  });
});

describe("a proxy lets nobody", () => {
  it("reach what it was not started for", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await openProxy({ for: [`${service.url}/v1`], port: 0 });
    const lines = [
      "GET http://elsewhere.example/ HTTP/1.1",
      "CONNECT elsewhere.example:443 HTTP/1.1",
      "OPTIONS * HTTP/1.1",
      "GET /../secret HTTP/1.1",
      "GET /a/%2e%2E/secret HTTP/1.1",
      "GET /a/.%2e/secret HTTP/1.1",
      "GET /a\\..\\secret HTTP/1.1",
      "GET /a#b HTTP/1.1",
    ];
    for (const line of lines)
      expect(await talk(proxy.url, `${line}\r\nhost: localhost\r\nconnection: close\r\n\r\n`), line).toMatch(/^HTTP\/1.1 40[05]/);
    expect(service.asked).toEqual([]);
    // Who took it for one of all addresses is told what it is.
    expect(await talk(proxy.url, `${lines[0]}\r\nhost: elsewhere.example\r\nconnection: close\r\n\r\n`)).toContain("base URL");
    // A path that looks like the address of a host is a path of the service.
    expect(await talk(proxy.url, "GET //elsewhere.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")).toMatch(
      /^HTTP\/1.1 200/,
    );
    expect(service.asked.map(({ url }) => url)).toEqual(["/v1//elsewhere.example/"]);
  });

  it("make two requests of one", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    const head = "POST /a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    const hidden = "0\r\n\r\nGET /hidden HTTP/1.1\r\nhost: localhost\r\n\r\n";
    const tricks = [
      `${head}content-length: ${hidden.length}\r\ntransfer-encoding: chunked\r\n\r\n${hidden}`,
      `${head}transfer-encoding: chunked, identity\r\n\r\n${hidden}`,
      `${head}transfer-encoding : chunked\r\n\r\n${hidden}`,
      `${head}content-length: 4\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`,
      `${head}content-length: +4\r\n\r\n${hidden}`,
      `${head}content-length: ${hidden.length}\r\nx: a\nGET /hidden HTTP/1.1\r\n\r\n${hidden}`,
      `${head}x: a\r\n b\r\ntransfer-encoding:\u000bchunked\r\n\r\n${hidden}`,
      `${head}transfer-encoding: chunked\r\n\r\n5;a=\n\r\nhello\r\n${hidden}`,
    ];
    for (const trick of tricks) await talk(proxy.url, trick);
    expect(service.asked.filter(({ url }) => url !== "/a")).toEqual([]);
    // What is hidden in a body of honest length stays in the body.
    await talk(proxy.url, `${head}content-length: ${hidden.length}\r\n\r\n${hidden}`);
    expect(service.asked.at(-1)).toMatchObject({ url: "/a", body: Buffer.from(hidden) });
  });

  it("fill it with heads", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    expect(await talk(proxy.url, `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(40_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
    expect((await ask(proxy.url, { headers: { x: "y".repeat(14_000) } })).status).toBe(200);
  });

  it("ask it by a name that is not of this machine", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    for (const path of ["/v1", "/pace/state"])
      expect(await ask(proxy.url + path, { headers: { host: "rebound.example:8790" } })).toMatchObject({ status: 421 });
    expect(await ask(`${proxy.url}/v1`, { headers: { host: "localhost:8790" } })).toMatchObject({ status: 200 });
    expect(service.asked.length).toBe(1);
  });

  it("go round in circles", async () => {
    const statuses: number[] = [];
    await using service = await testService(({ headers }, response) => {
      void ask(`${proxy.url}/again`, { headers: { via: String(headers["via"]) } }).then(({ status }) => {
        statuses.push(status);
        response.writeHead(200, PLENTY).end();
      });
    });
    await using proxy = await proxyFor(service);
    await ask(proxy.url);
    expect(statuses).toEqual([508]);
    expect(service.asked.length).toBe(1);
  });

  it("read credentials in what it tells of itself", async () => {
    await using service = await testService((_, response) => response.writeHead(200, PLENTY).end("{}"));
    await using proxy = await proxyFor(service);
    await ask(`${proxy.url}/v1?key=${KEY}`, { headers: { authorization: `Bearer ${KEY}`, "x-api-key": KEY } });
    for (const path of ["state", "metrics", ""]) {
      const { status, body } = await ask(`${proxy.url}/pace/${path}`);
      expect(status).toBe(200);
      expect(body.toString()).not.toContain(KEY);
    }
  });
});

describe("a proxy forgets", () => {
  it("a call that has no answer yet when who asked for it went away", async () => {
    let closed = 0;
    await using service = await testService((_, response) => response.on("close", () => closed++));
    await using proxy = await proxyFor(service);
    const controller = new AbortController();
    const asked = fetch(proxy.url, { signal: controller.signal }).catch(() => "gone");
    await until(() => service.asked.length === 1);
    controller.abort();
    expect(await asked).toBe("gone");
    await until(() => closed === 1);
    await until(() => [...proxy.pace.state().values()][0]?.underWay === 0);
  });

  it("a call of whom who asked for it went away, in the line and under way", async () => {
    let closed = 0;
    await using service = await testService((_, response) => {
      response.on("close", () => closed++);
      response.writeHead(200, PLENTY);
      response.write("begun");
    });
    await using proxy = await proxyFor(service, { policy: { quotas: { [service.url]: [{ limit: 1, windowMs: 60_000 }] } } });
    const underWay = new AbortController();
    const inLine = new AbortController();
    await fetch(proxy.url, { signal: underWay.signal });
    const waits = fetch(proxy.url, { signal: inLine.signal }).catch(() => "gone");
    const state = () => [...proxy.pace.state().values()][0];
    await until(() => state()?.waiting === 1);
    inLine.abort();
    expect(await waits).toBe("gone");
    await until(() => state()?.waiting === 0);
    underWay.abort();
    await until(() => closed === 1);
    expect(service.asked.length).toBe(1);
  });

  it("what waits when it closes, and lets what is under way come to its end", async () => {
    await using service = await testService((_, response) => {
      response.writeHead(200, PLENTY);
      response.write("a");
      setTimeout(() => response.end("b"), 300);
    });
    const proxy = await proxyFor(service, { policy: { quotas: { [service.url]: [{ limit: 1, windowMs: 60_000 }] } } });
    const underWay = ask(proxy.url);
    await until(() => service.asked.length === 1);
    const waiting = ask(proxy.url);
    await until(() => [...proxy.pace.state().values()][0]?.waiting === 1);
    const closing = proxy.close();
    const turnedAway = await waiting;
    expect(turnedAway).toMatchObject({ status: 503, headers: { "pace-error": "closed", "retry-after": "1" } });
    expect(errorIn(turnedAway.body).message).toBe("the proxy is closing");
    expect((await underWay).body.toString()).toBe("ab");
    await closing;
    await expect(ask(proxy.url)).rejects.toThrow("ECONNREFUSED");
  });

  it("connections that a client keeps, as soon as what is under way on them was answered", async () => {
    const ends: (() => void)[] = [];
    await using service = await testService((_, response) => {
      response.writeHead(200, PLENTY);
      response.write("a");
      ends.push(() => response.end("b"));
    });
    const proxy = await proxyFor(service, { graceMs: 600_000 });
    const agent = new Agent({ keepAlive: true });
    const underWay = [ask(proxy.url, { agent }), ask(proxy.url, { agent })];
    await until(() => ends.length === 2);
    const closing = proxy.close();
    for (const end of ends) end();
    for (const one of underWay) expect((await one).body.toString()).toBe("ab");
    await closing;
    agent.destroy();
  });

  it("connections on which nothing was asked", async () => {
    await using service = await testService((_, response) => response.end());
    const proxy = await proxyFor(service, { graceMs: 600_000 });
    const heard = talk(proxy.url, "");
    await ask(`${proxy.url}/pace/health`);
    await proxy.close();
    expect(await heard).toBe("");
  });
});

describe("what a proxy is given", () => {
  const FOR = ["https://api.example.com"];
  const opened = openProxy as (options?: unknown, ports?: unknown) => Promise<unknown>;

  it.each<[string, () => Promise<unknown>, string]>([
    ["nothing", () => opened(), "As in { for: … }"],
    ["a service that is no list", () => opened({ for: FOR[0] }), "[one, other]"],
    ["no service", () => opened({}), "[one, other]"],
    ["a service that is a number", () => opened({ for: [3] }), "text"],
    ["an option with a slip", () => opened({ for: FOR, prot: 1 }), 'Is "port" meant?'],
    ["a port in words", () => opened({ for: FOR, port: "8790" }), "from 0 to 65535"],
    ["a host that is a number", () => opened({ for: FOR, host: 127 }), "text"],
    ["a body without end", () => opened({ for: FOR, mostBodyBytes: Number.POSITIVE_INFINITY }), "0 or more"],
    ["a body in words", () => opened({ for: FOR, mostBodyBytes: "5" }), "0 or more"],
    ["a field that is a number", () => opened({ for: FOR, classHeader: 3 }), "x-priority"],
    ["a policy with a slip", () => opened({ for: FOR, policy: { qoutas: {} } }), 'Is "quotas" meant?'],
    ["a policy of null", () => opened({ for: FOR, policy: null }), "As in { ladder: … }"],
    ["a port of its own with a slip", () => opened({ for: FOR }, { fualt: () => undefined }), 'Is "fault" meant?'],
    ["a clock that is none", () => opened({ for: FOR }, { clock: Date }), "now, date, wake"],
  ])("is refused where it is %s", async (_what, open, hint) => {
    await expect(open()).rejects.toMatchObject({ code: "bad-argument", hint: expect.stringContaining(hint) });
  });
});
