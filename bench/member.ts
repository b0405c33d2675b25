/** What `processes.ts` starts: a relay, or an agent that takes everything as done. */
import process from "node:process";
import { openAgent } from "../packages/perdure/src/agent/index.ts";
import { openRelay, type TlsPaths } from "../packages/perdure/src/relay/index.ts";
import { UNLIMITED } from "./unlimited.ts";

const [what = "", folder = "", given = ""] = process.argv.slice(2);

export interface RelayWish {
  /** Rates, shares and numbers of sessions are set out of reach. */
  readonly unlimited?: boolean;
  readonly keepInputs?: number;
  readonly tls?: TlsPaths;
  /** Set last. */
  readonly settings?: Readonly<Record<string, number>>;
}

async function openMember(): Promise<{ readonly says: string; close(): Promise<void> }> {
  if (what === "relay") {
    const { unlimited, keepInputs, tls, settings: more } = JSON.parse(given === "" ? "{}" : given) as RelayWish;
    const settings = { ...(unlimited === true ? UNLIMITED : {}), ...(keepInputs === undefined ? {} : { keepInputs }), ...more };
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
