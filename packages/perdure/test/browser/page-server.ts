/** Serves one script, bundled for browsers, and a page around it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export interface Bundle {
  readonly script: string;
  /** Every file it was made of, with the bytes of each in it. */
  readonly inputs: Readonly<Record<string, number>>;
}

/** What a browser loads for `entry`, a file beside this one; fails when something in it exists only in Node. */
export async function bundleFor(
  entry: string,
  { minify = false, alias = {} }: { minify?: boolean; alias?: Record<string, string> } = {},
): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL(entry, import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "browser",
    target: "es2024",
    write: false,
    metafile: true,
    logLevel: "silent",
    minify,
    alias: Object.fromEntries(Object.entries(alias).map(([name, path]) => [name, fileURLToPath(new URL(path, import.meta.url))])),
  });
  const [output] = Object.values(metafile.outputs);
  const inputs = Object.entries(output?.inputs ?? {}).map(([path, { bytesInOutput }]) => [path, bytesInOutput]);
  return { script: outputFiles[0]?.text ?? "", inputs: Object.fromEntries(inputs) };
}

export interface PageServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`: browsers count it as secure. */
  readonly origin: string;
}

const EMPTY = '<!doctype html><meta charset="utf-8"><title>Perdure</title>';

/** At `/empty` is a page without the script. */
export async function servePage(script: string, page = `${EMPTY}<script type="module" src="page.js"></script>`): Promise<PageServer> {
  const server = createServer(({ url = "" }, response) => {
    const isScript = url.endsWith(".js");
    response.setHeader("content-type", `text/${isScript ? "javascript" : url.endsWith(".css") ? "css" : "html"}; charset=utf-8`);
    response.end(isScript ? script : url === "/empty" ? EMPTY : page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
