/**
 * The page on which TurboQuant works on somebody's own vectors (packages/turboquant/page), as one file that needs nothing else.
 *
 *   npm run turboquant:page                      serves it on 127.0.0.1 until it is stopped, built anew for every request
 *   npm run turboquant:page -- --out page.html   writes it: to be opened as it is, or laid on any server
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { ROOT } from "./tool.ts";

const FOLDER = join(ROOT, "packages/turboquant/page");
const HOST = "127.0.0.1";
const PORT = 8081;

/** Its HTML, with style and script in it. */
export async function buildPage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(FOLDER, "main.ts")],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    write: false,
    minify: true,
    logLevel: "silent",
  });
  const script = (outputFiles[0]?.text ?? "").replaceAll("</script", "<\\/script");
  const style = readFileSync(join(FOLDER, "style.css"), "utf8");
  return readFileSync(join(FOLDER, "index.html"), "utf8")
    .replace("/* style.css */", () => style)
    .replace("/* main.ts */", () => script);
}

function serve(): void {
  const server = createServer((_, response) => {
    buildPage().then(
      (page) => response.setHeader("content-type", "text/html; charset=utf-8").end(page),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(PORT, HOST, () => process.stdout.write(`http://${HOST}:${PORT}/\n`));
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      server.close();
      server.closeAllConnections();
    });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: "string" } } });
  if (values.out === undefined) serve();
  else {
    const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), values.out);
    writeFileSync(path, await buildPage());
    process.stdout.write(`${path}\n`);
  }
}
