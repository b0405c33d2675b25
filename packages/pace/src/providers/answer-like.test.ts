import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { answerLike, bodiless } from "./answer-like.ts";

const headers = new Headers({ mark: "1" });

function told({ status, ok, url, redirected, type, statusText }: Response): unknown {
  return { status, ok, url, redirected, type, statusText };
}

describe("an answer with other fields", () => {
  it("is from where the first came, and so are its clones", async () => {
    const server = createServer(({ url }, response) =>
      url === "/" ? response.writeHead(302, { location: "/there" }).end() : response.writeHead(418, "Teapot").end("tea"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const first = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const made = answerLike(bodiless(first), { body: first.body, headers });
      expect([first.redirected, new URL(first.url).pathname]).toEqual([true, "/there"]);
      for (const one of [made, made.clone(), made.clone().clone()]) {
        expect(told(one)).toEqual(told(first));
        expect([one.headers.get("mark"), await one.clone().text()]).toEqual(["1", "tea"]);
      }
    } finally {
      server.close();
    }
  });

  it("is a failed one where the first failed, which no constructor makes", () => {
    const made = answerLike(bodiless(Response.error()), { body: null, headers });
    expect(told(made)).toEqual(told(Response.error()));
    expect([made.status, made.type, made.headers.get("mark")]).toEqual([0, "error", "1"]);
  });
});
