/** Serves the page in examples/browser, bundled anew for every request, until it is stopped: `npm run browser`. */
import { join } from "node:path";
import process from "node:process";
import { context } from "esbuild";
import { ROOT } from "./tool.ts";

const HOST = "127.0.0.1";
const PORT = 8080;

const folder = join(ROOT, "examples/browser");
const bundling = await context({
  entryPoints: [join(folder, "main.js")],
  bundle: true,
  format: "esm",
  target: "es2024",
  outdir: join(folder, "built"),
  write: false,
  logLevel: "warning",
});
const { port } = await bundling.serve({ servedir: folder, host: HOST, port: PORT });
const origin = `http://${HOST}:${port}`;
process.stdout.write(`${origin}/\nIts agent needs a relay that lets the page in: perdure relay --origin ${origin}\n`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void bundling.dispose().finally(() => process.exit(0)));
