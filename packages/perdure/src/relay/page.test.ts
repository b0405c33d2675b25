import { describe, expect, it } from "vitest";
import { createHttp } from "./http.ts";
import { PAGE_HTML } from "./page.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { reachOf } from "./reach.ts";

const UNLIMITED = { judge: () => ({ fields: {}, over: undefined }) };
const HERE = { remote: "127.0.0.1:1" };

const PATHS = ["/", "/page.css", "/page.js"] as const;

async function ask(path: string, host = "127.0.0.1:4410"): Promise<Response> {
  const reach = reachOf({ listen: "ws://127.0.0.1:4410" });
  const http = createHttp({ reach, status: () => undefined, agentNamed: () => undefined, isOwner: () => true, limits: UNLIMITED });
  return await http.request(`http://${host}${path}`, { headers: { host } }, HERE);
}

describe("the status page", () => {
  it.each([
    ["/", "text/html", PAGE_HTML],
    ["/page.css", "text/css", PAGE_STYLE],
    ["/page.js", "text/javascript", PAGE_SCRIPT],
  ])("serves %s also while the relay is starting", async (path, type, text) => {
    const response = await ask(path);
    expect([response.status, response.headers.get("content-type")?.toLowerCase(), await response.text()]).toEqual([
      200,
      `${type}; charset=utf-8`,
      text,
    ]);
  });

  it.each(PATHS)("forbids at %s what its own files do not need", async (path) => {
    const policy = (await ask(path)).headers.get("content-security-policy") ?? "";
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]) {
      expect(policy.split("; ")).toContain(part);
    }
  });

  it.each(PATHS)("answers %s under loopback names only", async (path) => {
    const answers = await Promise.all(["localhost:1", "[::1]:1", "rebound.example:1"].map((host) => ask(path, host)));
    expect(answers.map((each) => each.status)).toEqual([200, 200, 421]);
  });

  it("needs nothing that its policy forbids", () => {
    expect(PAGE_HTML).not.toMatch(/<script(?![^>]* src="\/)|<style| style=| on\w+=/);
    expect([...PAGE_HTML.matchAll(/(?:href|src)="([^"]*)"/g)].map(([, target]) => target)).toEqual([
      "data:,",
      "/page.css",
      "/page.js",
      "/healthz",
      "/status.json",
      "/healthz",
      "/status.json",
      "/metrics",
    ]);
    expect(PAGE_STYLE).not.toMatch(/url\(|@import/);
  });

  it("has no place where a string could become HTML or code", () => {
    expect(PAGE_SCRIPT).not.toMatch(
      /(inner|outer)HTML|insertAdjacent|setHTML|document\.write|DOMParser|createContextualFragment|srcdoc|setAttribute|\beval\b|Function\(|import\(/,
    );
  });

  it("has every element its script fills", () => {
    const filled = [...PAGE_SCRIPT.matchAll(/byId\("([^"]+)"\)/g)].map(([, id]) => id);
    expect(filled.length).toBeGreaterThan(20);
    for (const id of filled) expect(PAGE_HTML).toContain(` id="${id}"`);
  });

  it("is less than 32 KB", () => {
    expect(Buffer.byteLength(PAGE_HTML + PAGE_STYLE + PAGE_SCRIPT)).toBeLessThan(32_000);
  });
});
