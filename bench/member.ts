/** What `processes.ts` starts: a relay, or an agent that takes everything as done. */
import process from "node:process";
import { openAgent } from "../packages/perdure/src/agent/index.ts";
import { openRelay, type TlsPaths } from "../packages/perdure/src/relay/index.ts";

const [what = "", folder = "", given = ""] = process.argv.slice(2);

export interface RelayWish {
  /** Rates, shares and numbers of sessions are set out of reach. */
  readonly unlimited?: boolean;
  readonly keepInputs?: number;
  readonly tls?: TlsPaths;
}

/**
 * What a few agents send in some benchmarks is what a whole relay can take, and thousands of them begin at once; no relay's defaults let
 * them.
 */
const UNLIMITED = {
  relayConnections: 100_000,
  relayHandshakes: 10_000,
  sourceConnections: 100_000,
  registrationsPerHour: 1_000_000,
  registrationsBurst: 1_000_000,
  agentRequestsPerSecond: 1_000_000,
  agentRequestsBurst: 1_000_000,
  // Clients that are slowed down by whatever else the machine does leave more waiting than one sender's share.
  mailboxMessages: 1_000_000,
  storeMessages: 1_000_000,
  senderPercent: 100,
  senderStoredPercent: 100,
  strangersPercent: 100,
  agentMessagesPerSecond: 1_000_000,
  agentMessagesBurst: 10_000_000,
  agentBytesPerSecond: 2 ** 32,
  agentBytesBurst: 2 ** 34,
  peerMessagesPerSecond: 1_000_000,
  peerMessagesBurst: 10_000_000,
  peerBytesPerSecond: 2 ** 32,
  peerBytesBurst: 2 ** 34,
};

async function openMember(): Promise<{ readonly says: string; close(): Promise<void> }> {
  if (what === "relay") {
    const { unlimited, keepInputs, tls } = JSON.parse(given === "" ? "{}" : given) as RelayWish;
    const settings = { ...(unlimited === true ? UNLIMITED : {}), ...(keepInputs === undefined ? {} : { keepInputs }) };
    const listen = `${tls === undefined ? "ws" : "wss"}://127.0.0.1:0`;
    const relay = await openRelay({ folder, listen, settings, tls });
    return { says: relay.address, close: () => relay.drain() };
  }
  const agent = await openAgent(folder, { join: given, strangers: "welcome" });
  const served = agent.serve(() => {}, { concurrency: 64 });
  return {
    says: agent.id,
    close: async () => {
      await agent.close();
      await served.catch(() => undefined);
    },
  };
}

const member = await openMember();
process.on("message", (asked) => {
  if (asked === "stop") process.disconnect();
});
// Also when the benchmark itself is gone.
process.once("disconnect", () => {
  member.close().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.send?.(member.says);
