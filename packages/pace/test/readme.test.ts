/** What the README shows is what happens: its snippets are taken from it as they stand, and are those of a project that has the packed package. */
import { execFile } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeBlocks } from "../../../scripts/markdown.ts";
import { ROOT, toolPath } from "../../../scripts/tool.ts";
import { runNpm } from "../../perdure/bin/bring-node.mjs";
import { CONSUMER_OPTIONS, type Consumer, createConsumer, SLOW_MS } from "../../perdure/test/test-consumer.ts";
import { LOCAL_PROVIDER_SETTINGS, type StartedProvider, startLocalProvider } from "../src/host/node/local-provider.ts";
import { WAIT_FORMS } from "../src/local-provider/wait-forms.ts";

const run = promisify(execFile);
const README = readFileSync(join(ROOT, "packages/pace/README.md"), "utf8");
const SOURCE = join(ROOT, "packages/pace/src");
const BLOCKS = codeBlocks(README);
const SNIPPETS = BLOCKS.filter(({ language }) => language === "ts").map(({ code }, nth) => ({ name: `snippet ${nth + 1}`, code }));
const TRIAL = BLOCKS.find(({ language }) => language === "js")?.code ?? "";
/** Where the snippets ask. */
const SERVICE = "https://api.example.com";
/** Besides the package, what snippets import; the client in the version that the example of real clients has. */
const BESIDES = [`openai@${exampleVersion("openai")}`, "@opentelemetry/api@1.10.0"];

let consumer: Consumer;
let provider: StartedProvider;

beforeAll(async () => {
  consumer = await createConsumer("pace");
  const { code, output } = await runNpm(["install", "--prefer-offline", "--no-audit", "--no-fund", ...BESIDES], consumer.folder);
  if (code !== 0) throw new Error(`the clients of the README could not be installed:\n${output}`);
  provider = await startLocalProvider({ latencyMs: 10, full: 1 });
}, SLOW_MS);

afterAll(async () => {
  await provider?.[Symbol.asyncDispose]();
  consumer?.remove();
});

test("every snippet is whole: it type-checks by itself in a strict project", { timeout: SLOW_MS }, () => {
  const folder = consumer.subfolder("types");
  const files = SNIPPETS.map(({ name, code }) => {
    const file = `${name.replace(" ", "-")}.ts`;
    writeFileSync(join(folder, file), code);
    return file;
  });
  const compilerOptions = {
    ...CONSUMER_OPTIONS,
    types: ["node"],
    typeRoots: [join(ROOT, "node_modules/@types")],
    moduleDetection: "force",
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  expect(said(() => consumer.run(process.execPath, [toolPath("typescript", "tsc"), "-p", folder]))).toBe("");
  expect(files.length).toBeGreaterThan(8);
});

test("the trial asks forty questions, and at a pace all are answered, as the README says", { timeout: SLOW_MS }, () => {
  const shown = BLOCKS[BLOCKS.findIndex(({ code }) => code === TRIAL) + 1]?.code ?? "";
  writeFileSync(join(consumer.folder, "try.mjs"), TRIAL);
  const printed = consumer.run(process.execPath, ["try.mjs"]);
  expect(shape(printed)).toBe(shape(shown));
  expect(printed).toContain("at a pace: 40 of 40 answered");
  expect(Number(/alone: (\d+) of 40/.exec(printed)?.[1])).toBeLessThan(35);
});

describe("run against a service of this machine", () => {
  test.each(SNIPPETS)("$name comes to its end", { timeout: SLOW_MS }, async ({ name, code }) => {
    const folder = consumer.subfolder(name.replace(" ", "-run-"));
    writeFileSync(
      join(folder, "snippet.ts"),
      `${code.replaceAll(SERVICE, provider.url).replaceAll("./pace.db", join(folder, "pace.db"))}\nprocess.exit();\n`,
    );
    const env = { ...process.env, OPENAI_API_KEY: "any", OPENAI_BASE_URL: `${provider.url}/v1`, NO_COLOR: "1" };
    const { stderr } = await run(process.execPath, ["snippet.ts"], { cwd: folder, env, timeout: SLOW_MS });
    expect(stderr).toBe("");
  });
});

test.runIf(process.platform !== "win32")(
  "the lines of the proxy, the monitor and curl do what the README says",
  { timeout: SLOW_MS },
  async () => {
    const lines = BLOCKS.find(({ language, code }) => language === "sh" && code.includes("local-provider"))?.code.split("\n") ?? [];
    const [, proxy = "", monitor = "", ask = "", metrics = ""] = lines.map((line) =>
      line.replaceAll("http://127.0.0.1:8080", provider.url),
    );
    const words = proxy.replace("npx @perdure/pace ", "").split(" ");
    const running = consumer.start(consumer.command, [...words, "--port", "0"]);
    try {
      const url = String(/^\S+(?=\/ )/.exec(await running.firstLine));
      // The service is in this process: it answers while they run.
      const printed = async (file: string, args: readonly string[]): Promise<string> =>
        (await run(file, args, { cwd: consumer.folder, timeout: SLOW_MS })).stdout;
      const byShell = (line: string): Promise<string> => printed("/bin/sh", ["-c", line.replaceAll("http://127.0.0.1:8790", url)]);
      expect(await byShell(ask)).toContain('"model":"small"');
      expect(await byShell(metrics)).toContain(
        `pace_attempts_total{partition="${provider.url} small",class="interactive",attempt="first"} 1`,
      );
      expect(await printed(consumer.command, [...wordsOf(monitor), url])).toContain("1 answered");
    } finally {
      expect(await running.stop()).toBe(0);
    }
  },
);

describe("its lists", () => {
  test("of errors is that of the source, and each is thrown somewhere", () => {
    // A code may have several rows, one for each case.
    const listed = [...new Set(rowsOf("## Errors"))];
    expect(listed.toSorted()).toEqual(unionOf("packages/pace/src/error.ts", "PaceErrorCode").toSorted());
    const sources = globSync("**/*.ts", { cwd: SOURCE, exclude: ["**/*.test.ts", "testing/**"] });
    const thrown = sources
      .flatMap((path) => [...readFileSync(join(SOURCE, path), "utf8").matchAll(/new PaceError\(\s*"([a-z-]+)"/g)])
      .map(([, code]) => code);
    expect([...new Set(thrown)].toSorted()).toEqual(listed.toSorted());
  });

  test("of settings of the service for trials is that of the source, with what they are unless said", () => {
    const [, table = ""] = /takes these settings(.*?)\n## /s.exec(README) ?? [];
    const listed = [...table.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| .* \| (.*) \|$/gm)].flatMap(([, names = "", usual = ""]) => {
      const values = usual.split(", ");
      return names.split(", ").map((name, nth) => `${name.replaceAll("`", "")} ${values[nth]?.replaceAll(/[`"]/g, "")}`);
    });
    const source = Object.entries(LOCAL_PROVIDER_SETTINGS).map(
      ([name, usual]) => `${name} ${usual === Number.POSITIVE_INFINITY ? "no end" : usual}`,
    );
    expect(listed.toSorted()).toEqual(source.toSorted());
    for (const form of WAIT_FORMS) expect(table).toContain(`"${form}"`);
  });

  test("of what a proxy answers is that of the source, with its statuses", () => {
    const [, list = ""] = /in the field `pace-error`: (.*)\.$/m.exec(README) ?? [];
    const listed = [...list.matchAll(/`([a-z-]+)` \((\d+)\)/g)].map(([, code, status]) => `${code} ${status}`);
    const source = readFileSync(join(ROOT, "packages/pace/src/proxy/failure.ts"), "utf8");
    const statuses = [...source.matchAll(/^ {2}"?([a-z-]+)"?: (\d{3}),$/gm)].map(([, code, status]) => `${code} ${status}`);
    const own = unionOf("packages/pace/src/proxy/failure.ts", "FailureCode");
    expect(listed.toSorted()).toEqual(statuses.filter((one) => own.includes(one.split(" ")[0] ?? "")).toSorted());
    expect(listed.length).toBe(own.length);
  });
});

/** What the rows of the table in a chapter are of. */
function rowsOf(chapter: string): readonly string[] {
  const from = README.indexOf(chapter);
  const text = README.slice(from, README.indexOf("\n## ", from + 1));
  return [...text.matchAll(/^\| `([a-z-]+)` \| .+ \| .+ \|$/gm)].map(([, code]) => String(code));
}

/** Of a line of the command. */
function wordsOf(line: string): readonly string[] {
  return line.replace("npx @perdure/pace ", "").split(" ");
}

/** The words of a union of strings, as the source has it. */
function unionOf(path: string, name: string): readonly string[] {
  const [, union = ""] = new RegExp(`export type ${name} =([\\s\\S]*?);\\n`).exec(readFileSync(join(ROOT, path), "utf8")) ?? [];
  return [...union.matchAll(/^ {2}\| "([a-z-]+)"$/gm)].map(([, code]) => String(code));
}

function exampleVersion(name: string): string {
  const manifest = JSON.parse(readFileSync(join(ROOT, "examples/pace/real-clients/package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return String(manifest.dependencies[name]);
}

/** What a program printed, also where it failed. */
function said(command: () => string): string {
  try {
    return command();
  } catch (error) {
    return String((error as { readonly stdout?: unknown }).stdout);
  }
}

/** Without what differs from run to run. */
function shape(printed: string): string {
  return printed.replace(/alone: \d+/, "alone: 0").replace(/[\d.]+ s$/gm, "0 s");
}
