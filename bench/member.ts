/** What `processes.ts` starts: a relay, or an agent that takes everything as done. */
import process from "node:process";
import { openAgent } from "../packages/perdure/src/agent/index.ts";
import { openRelay } from "../packages/perdure/src/relay/index.ts";

const [what = "", folder = "", address = ""] = process.argv.slice(2);

/** What one client sends in some benchmarks is what a whole relay can take; no relay's defaults let one agent take all of it. */
const UNLIMITED = {
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
    const settings = { ...(address.startsWith("unlimited") ? UNLIMITED : {}), ...(address === "unlimited-bare" ? { keepInputs: 0 } : {}) };
    const relay = await openRelay({ folder, listen: "ws://127.0.0.1:0", settings });
    return { says: relay.address, close: () => relay.drain() };
  }
  const agent = await openAgent(folder, { join: address, strangers: "welcome" });
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
  if (asked === "stop") return process.disconnect();
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
// Also when the benchmark itself is gone.
process.once("disconnect", () => {
  member.close().catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  });
});
process.send?.(member.says);
