import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locationHere, targetsOf, wayOf } from "./target.ts";

function urlOf(targets: readonly string[], path: string): string {
  const way = wayOf(targetsOf(targets), path);
  return way.kind === "to" ? way.url : way.why;
}

describe("where a path is for", () => {
  it.each([
    [["https://a.example"], "/v1/x?y=1", "https://a.example/v1/x?y=1"],
    [["https://a.example/base/"], "/v1", "https://a.example/base/v1"],
    [["https://a.example/v1"], "/v1/x", "https://a.example/v1/x"],
    [["https://a.example/v1"], "/v1?y", "https://a.example/v1?y"],
    [["https://a.example/v1"], "/v1x", "https://a.example/v1/v1x"],
    [["/one=https://a.example/v1"], "/one/v1/x", "https://a.example/v1/x"],
    [["/one=https://a.example", "https://b.example"], "/one/x", "https://a.example/x"],
    [["/one=https://a.example", "https://b.example"], "/one", "https://a.example/"],
    [["/one=https://a.example", "https://b.example"], "/one?x", "https://a.example/?x"],
    [["/one=https://a.example", "https://b.example"], "/onex", "https://b.example/onex"],
    [["/one=https://a.example", "/one/two=https://b.example"], "/one/two/x", "https://b.example/x"],
    [["/one=https://a.example"], "/two", "unknown-path"],
    [["https://a.example"], "https://b.example/", "not-a-path"],
    [["https://a.example"], "/x/../y", "not-a-path"],
    [["https://a.example"], "/x/%2E./y", "not-a-path"],
    [["https://a.example"], "/x?y=/../z", "https://a.example/x?y=/../z"],
  ])("%j %s is %s", (targets, path, url) => {
    expect(urlOf(targets, path)).toBe(url);
  });

  it("is never outside of a service, whatever the path is", () => {
    const pieces = fc.constantFrom(
      "/",
      "..",
      ".",
      "%2e",
      "%2E",
      "%2f",
      "\\",
      "//",
      "@",
      ":",
      "?",
      "#",
      "a",
      "evil.example",
      "\t",
      "\n",
      "é",
      ";",
      "http:",
      "&",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        const way = wayOf(targetsOf(["/in=https://a.example/base"]), `/in/${parts.join("")}`);
        if (way.kind === "nowhere") return;
        const url = new URL(way.url);
        expect(url.origin).toBe("https://a.example");
        expect(url.pathname === "/base" || url.pathname.startsWith("/base/")).toBe(true);
      }),
    );
  });

  it("is said of here where a service sends on to itself", () => {
    const targets = targetsOf(["/in=https://a.example/base"]);
    const from = "https://a.example/base/x/y";
    expect(locationHere(targets, from, "https://a.example/base/z?q#f")).toBe("/in/z?q#f");
    expect(locationHere(targets, from, "z")).toBe("/in/x/z");
    expect(locationHere(targets, from, "/base/base/z")).toBe("/in/base/base/z");
    expect(locationHere(targets, from, "/elsewhere")).toBe("/elsewhere");
    expect(locationHere(targets, from, "//b.example/base/")).toBe("//b.example/base/");
    expect(locationHere(targets, from, "https://a.example/base")).toBe("/in/");
  });
});

describe("services that a proxy stands for", () => {
  it.each([
    [[], "not said which"],
    [["api.example.com"], "no address"],
    [["ftp://a.example"], "not by ftp:"],
    [["https://me:secret@a.example"], "password"],
    [["https://a.example?x"], "query"],
    [["https://a.example", "https://b.example"], "no path of their own"],
    [["/x=https://a.example", "/x/=https://b.example"], "the path /x"],
    [["/pace=https://a.example"], "tells of itself"],
    [["/pace/x=https://a.example"], "tells of itself"],
    [["/../x=https://a.example"], "no path"],
  ])("are not %j", (texts, message) => {
    expect(() => targetsOf(texts)).toThrow(message);
  });

  it("do not have their password repeated", () => {
    expect(() => targetsOf(["https://me:secret@a.example"])).not.toThrow(/secret/);
  });
});
