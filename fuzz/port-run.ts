/** Fuzzing of the port of a relay, told line by line. */
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { fuzzRelayPort } from "./relay-port.ts";

const CRASHES = fileURLToPath(new URL("crashes/", import.meta.url));
const SAY_EVERY_MS = 10_000;

/** How many findings there were. */
export async function runPort(inputs: number, seed: number): Promise<number> {
  let saidAt = performance.now();
  const report = await fuzzRelayPort({
    inputs,
    seed,
    onProgress: (done) => {
      if (performance.now() - saidAt < SAY_EVERY_MS) return;
      saidAt = performance.now();
      process.stderr.write(`${done.toLocaleString("en")} of ${inputs.toLocaleString("en")} inputs\n`);
    },
  });
  const { before, after } = report;
  if (report.last.length > 0) mkdirSync(CRASHES, { recursive: true });
  for (const [index, input] of report.last.entries()) writeFileSync(`${CRASHES}relay-port-${seed}-${index}.bin`, input);
  for (const finding of report.findings) process.stdout.write(`FOUND ${finding}\n`);
  for (const [kind, count] of Object.entries(report.kinds))
    process.stdout.write(`${kind.padEnd(24)}${count.toLocaleString("en").padStart(12)}\n`);
  process.stdout.write(
    [
      `${report.inputs.toLocaleString("en")} inputs at the port of a running relay, seed ${seed}, ${Math.round(report.inputs / report.seconds)}/s`,
      `${report.honestMessages} messages between honest agents, all done`,
      `memory of the relay ${megabytes(before.rss)} before, ${megabytes(after.rss)} after; heap ${megabytes(before.heapUsed)}, ${megabytes(after.heapUsed)}`,
      `sockets ${before.sockets} before, ${after.sockets} after; timers ${before.timers}, ${after.timers}`,
      `${report.findings.length} findings`,
      "",
    ].join("\n"),
  );
  return report.findings.length;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
