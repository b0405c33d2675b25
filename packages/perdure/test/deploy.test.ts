/** What stands in `deploy/` and in the page for operators is what the command takes. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../src/cli/program.ts";
import { SETTINGS } from "../src/settings/register.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const program = createProgram("0", async () => {});
const relay = program.commands.find((command) => command.name() === "relay");

/** The options of a command and of what is below it. */
function optionsOf(command: Command): readonly string[] {
  const own = command.options.flatMap((option) => option.flags.match(/--[a-z-]+/g) ?? []);
  return [...own, ...command.commands.flatMap(optionsOf)];
}
const verbs = new Set(relay?.commands.map((command) => command.name()));

const files = [...readdirSync(join(ROOT, "deploy")).map((name) => `deploy/${name}`), "docs/operate.md"];
const textOf = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** Options that belong to other programs: docker, npm, systemctl, curl, the lab. */
const NOT_OURS = new Set([
  "--prefix",
  "--omit",
  "--ignore-scripts",
  "--no-audit",
  "--no-fund",
  "--global",
  "--now",
  "--build",
  "--detach",
  "--rm",
  "--replay",
  "--around",
]);
const OTHERS_WORDS = /^--(interval|timeout|start-period|retries|gid|uid|home-dir|no-create-home|shell|from)$/;
/** ... and those of `perdure init`, in examples of how agents come to a relay. */
const OF_INIT = new Set(["--name", "--relay", "--custody"]);

describe("what operators copy", () => {
  for (const file of files) {
    it(`${file} uses words the command has`, () => {
      const text = textOf(file);
      // The page for operators shows other verbs too; what is deployed is a relay.
      const options = optionsOf(file.startsWith("deploy/") ? (relay as Command) : program);
      for (const [word] of text.matchAll(/(?<![\w-])--[a-z][a-z-]+/g)) {
        if (NOT_OURS.has(word) || OTHERS_WORDS.test(word) || OF_INIT.has(word)) continue;
        expect(options, `${word} in ${file}`).toContain(word);
      }
      for (const [, verb = ""] of text.matchAll(/perdure relay ([a-z]+)/g))
        expect(verbs, `perdure relay ${verb} in ${file}`).toContain(verb);
      for (const [, name = ""] of text.matchAll(/\b([a-z]+[A-Z]\w*)(?:=|`\))/g)) {
        if (/Bytes|Ms$|Messages|Connections/.test(name)) expect(Object.keys(SETTINGS), `${name} in ${file}`).toContain(name);
      }
    });
  }

  it("the image and the unit name places that exist", () => {
    const image = textOf("deploy/Dockerfile");
    const entry = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(image)?.[1] ?? "[]") as string[];
    expect(entry.slice(0, 2)).toEqual(["perdure", "relay"]);
    expect(image).toMatch(/^USER 10001/m);
    expect(textOf("deploy/compose.yaml")).toContain('"10001:10001"');
    expect(textOf("deploy/perdure-relay.service")).toContain("StateDirectory=perdure\n");
  });
});
