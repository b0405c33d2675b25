/**
 * A relay in a process of its own, for the fuzzing of its port: `node --expose-gc relay-process.ts <folder>`. Says over the channel to its
 * parent where it listens, and on each message how it is.
 */
import process from "node:process";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { openRelayWith } from "../packages/perdure/src/relay/open-relay.ts";

export interface RelayIsOpen {
  readonly address: string;
  readonly listens: string;
}

export interface RelayHealth {
  /** Bytes of the process after a collection. */
  readonly rss: number;
  readonly heapUsed: number;
  /** Open TCP sockets, the honest ones among them. */
  readonly sockets: number;
  readonly timers: number;
  /** What it logged as an error, which nobody's input may make it do. */
  readonly errors: readonly string[];
}

/** Clients of this machine share one address, and there are more of them than any honest house has. */
const SETTINGS = { relayHandshakes: 10_000, handshakeTimeoutMs: 5_000, silenceTimeoutMs: 60_000 };
const MOST_ERRORS = 64;

const folder = process.argv[2];
if (folder !== undefined && process.send !== undefined) {
  const errors: string[] = [];
  const host = createNodeHost({
    log: {
      write: (level, event, fields) => {
        if (level === "error" && errors.length < MOST_ERRORS) errors.push(`${event} ${JSON.stringify(fields ?? {})}`);
      },
    },
  });
  const relay = await openRelayWith({ host, folder, listen: "ws://127.0.0.1:0", settings: SETTINGS });
  const open: RelayIsOpen = { address: relay.address, listens: relay.listens };
  process.send(open);
  process.on("message", () => {
    globalThis.gc?.();
    const resources = process.getActiveResourcesInfo();
    const count = (kind: string): number => resources.filter((each) => each === kind).length;
    const { rss, heapUsed } = process.memoryUsage();
    const health: RelayHealth = { rss, heapUsed, sockets: count("TCPSocketWrap"), timers: count("Timeout"), errors };
    process.send?.(health);
  });
  process.on("disconnect", () => void relay.drain().finally(() => process.exit()));
}
