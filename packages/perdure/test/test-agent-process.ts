/** A process that opens an agent and serves it: `node test-agent-process.ts <folder> <ms per message>`. Says what it does, one JSON per line. */
import { setTimeout as pause } from "node:timers/promises";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";

const [folder = "", handlingMs = "0"] = process.argv.slice(2);
const say = (event: Readonly<Record<string, unknown>>): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

const agent = await openAgentWith(createNodeHost(), folder, { settings: { redialMinMs: 10, redialMaxMs: 200 } });
say({ event: "open", role: (await agent.status()).role });
await agent.serve(async (mail) => {
  say({ event: "start", id: mail.id, attempt: mail.attempt, text: await mail.text() });
  await pause(Number(handlingMs));
});
