/**
 * `npm run fuzz`: a campaign over all decoders, or over one, or over the port of a running relay.
 *
 *   npm run fuzz -- --inputs 10000000          all decoders
 *   npm run fuzz -- --decoder "mail frame"     those whose name contains this
 *   npm run fuzz -- --seed 7                   other inputs
 *   npm run fuzz -- --relay                    the port of a running relay
 *
 * Prints a line per decoder and the sum. Inputs that a decoder cannot bear are left in fuzz/crashes; exits with 1 when there are any.
 */
import process from "node:process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "200000" },
    seed: { type: "string", default: "1" },
    decoder: { type: "string", default: "" },
    relay: { type: "boolean", default: false },
  },
});
const inputs = Number(values.inputs);
const seed = Number(values.seed);
if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed))
  throw new RangeError("--inputs and --seed are whole numbers");
const found = values.relay
  ? await (await import("./port-run.ts")).runPort(inputs, seed)
  : await (await import("./decoder-run.ts")).runDecoders(inputs, seed, values.decoder);
process.exitCode = found === 0 ? 0 : 1;
