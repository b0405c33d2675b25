/** The page in which every port of a browser passes the suites that Node's pass. */
import { createBrowserHost } from "../../src/host/browser/index.ts";
import { clockConformance } from "../../src/host/conformance/clock-conformance.ts";
import { cryptoConformance } from "../../src/host/conformance/crypto-conformance.ts";
import { sampleSignatures } from "../../src/host/conformance/ed25519-sample.ts";
import { wrongVerdicts } from "../../src/host/conformance/ed25519-verdicts.ts";
import { filesConformance } from "../../src/host/conformance/files-conformance.ts";
import { netConformance } from "../../src/host/conformance/net-conformance.ts";
import { createDraws } from "../../src/host/simulated/draws.ts";
import { fromHex, hex } from "../../src/wire/bytes.ts";
import { compareFiles } from "./files-model.ts";
import { listenRemotely } from "./remote-listener.ts";
import { collected } from "./vitest-in-a-page.ts";

const host = createBrowserHost();
const fresh = (): string => `/${hex(host.random.bytes(8))}`;

clockConformance("a page", () => host);
cryptoConformance("a page", () => host);
filesConformance("a page", () => ({ files: host.files, folder: fresh() }));
netConformance("a page, other tabs", () => ({ ...host, address: `unix:${fresh()}/agent.sock` }));

netConformance("a page, WebSocket", () => ({
  clock: host.clock,
  address: "ws://127.0.0.1:0",
  net: {
    ...host.net,
    listen: (address, options) =>
      address.startsWith("ws:") ? listenRemotely(host.net, listeners, address, options) : host.net.listen(address, options),
  },
}));

/** Where Node listens for this page. */
let listeners = "";

Object.assign(globalThis, {
  useListeners: (address: string) => {
    listeners = address;
  },
  host,
  names: collected.map(({ name }) => name),
  wrongVerdicts: (cases: Parameters<typeof wrongVerdicts>[1]) => wrongVerdicts(host.crypto.signatures.verify, cases),
  compareFiles: (seed: string, steps: number) => compareFiles(host.files, fresh(), createDraws(seed), steps),
  verify: (...shown: readonly [string, string, string]) => {
    const [key, message, signature] = shown.map((text) => fromHex(text) as Uint8Array);
    return host.crypto.signatures.verify(key as Uint8Array, message as Uint8Array, signature as Uint8Array);
  },
  verdicts: async (seed: string, count: number) => {
    let verdicts = "";
    for (const { shown } of sampleSignatures(createDraws(seed), count))
      verdicts += (await host.crypto.signatures.verify(shown.key, shown.message, shown.signature)) ? "1" : "0";
    return verdicts;
  },
  run: async (at: number) => await collected[at]?.body(),
});
