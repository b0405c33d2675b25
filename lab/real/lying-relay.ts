/**
 * A relay in a process of its own that lies, for kill-nine: `lying-relay.ts <folder> <listen> <settings as JSON>`. It withholds, repeats,
 * reorders and contradicts itself by turns, on loopback, where sessions carry no tags that would stand in its way.
 */
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createDraws } from "../../packages/perdure/src/host/simulated/index.ts";
import { openRelayWith } from "../../packages/perdure/src/relay/open-relay.ts";
import type { Lies } from "../../packages/perdure/src/testing/api.ts";
import { createLiar } from "../../packages/perdure/src/testing/liar.ts";

const [folder = "", listen = "", settings = "{}"] = process.argv.slice(2);
const MEAN_LIE_MS = 600;
const LIES: readonly Lies[] = [{ withhold: true }, { replay: true }, { reorder: true }, { equivocate: true }, {}];

const draws = createDraws(`${process.pid}`);
const liar = createLiar(draws, folder);
const relay = await openRelayWith({
  host: liar.host(createNodeHost()),
  folder,
  listen,
  settings: JSON.parse(settings) as Record<string, number>,
});
process.stdout.write(`${JSON.stringify({ event: "up", address: relay.address })}\n`);

const next = (): void => {
  liar.lie(LIES[draws.below(LIES.length)] as Lies);
  setTimeout(next, draws.wait(MEAN_LIE_MS));
};
next();
