import { clockConformance } from "../conformance/clock-conformance.ts";
import { cryptoConformance } from "../conformance/crypto-conformance.ts";
import { filesConformance } from "../conformance/files-conformance.ts";
import { netConformance } from "../conformance/net-conformance.ts";
import { createNodeHash } from "../node/hash.ts";
import { createDisk } from "./disk.ts";
import { createMemoryFiles } from "./disk-files.ts";
import type { HostOptions, World } from "./world.ts";
import { createWorld } from "./world.ts";

const hash = createNodeHash();

function subject(options: HostOptions = {}) {
  const world: World = createWorld({ seed: "conformance", hash });
  return { ...world.host("a", options), drive: world.complete };
}

clockConformance("a simulated host", subject);
clockConformance("a simulated host whose clock runs fast", () => subject({ driftPpm: 130 }));
cryptoConformance("a simulated host", subject);
filesConformance("a simulated host", () => ({ ...subject(), folder: "/data" }));
filesConformance("memory", () => ({ files: createMemoryFiles(createDisk()), folder: "/data" }));
netConformance("a simulated host, WebSocket", () => ({ ...subject(), address: "ws://127.0.0.1:0" }));
netConformance("a simulated host, local socket", () => ({ ...subject(), address: "unix:/data/socket" }));
