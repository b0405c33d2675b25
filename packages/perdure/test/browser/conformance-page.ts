/** The page in which every port of a browser passes the suites that Node's pass. */
import { createBrowserHost } from "../../src/host/browser/index.ts";
import { clockConformance } from "../../src/host/conformance/clock-conformance.ts";
import { cryptoConformance } from "../../src/host/conformance/crypto-conformance.ts";
import { filesConformance } from "../../src/host/conformance/files-conformance.ts";
import { netConformance } from "../../src/host/conformance/net-conformance.ts";
import { hex } from "../../src/wire/bytes.ts";
import { collected } from "./vitest-in-a-page.ts";

const host = createBrowserHost();
const fresh = (): string => `/${hex(host.random.bytes(8))}`;

clockConformance("a page", () => host);
cryptoConformance("a page", () => host);
filesConformance("a page", () => ({ files: host.files, folder: fresh() }));
netConformance("a page, other tabs", () => ({ ...host, address: `unix:${fresh()}/agent.sock` }));

Object.assign(globalThis, {
  host,
  names: collected.map(({ name }) => name),
  run: async (at: number) => await collected[at]?.body(),
});
