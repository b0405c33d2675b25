/** A process that serves: the same service as in virtual time, over HTTP and in the machine's time. Says its port, and when asked what it let in. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { systemClock } from "../../packages/pace/src/host/node/clock.ts";
import { seededRandom } from "../../packages/pace/src/testing/draws.ts";
import { createProvider, type Provider } from "../../packages/pace/src/testing/provider.ts";
import { scenarioNamed } from "./scenarios.ts";

export type ServiceSays = { readonly port: number } | { readonly accepted: number; readonly refused: number };

const { trace, service: settings } = scenarioNamed(process.argv[2] ?? "");
let service: Provider | undefined;

const server = createServer((_request, response) => {
  // The trace begins with the first call.
  if (service === undefined) {
    const beganMs = systemClock.now();
    service = createProvider(systemClock, seededRandom(1), { perSecond: (nowMs) => trace.perSecond(nowMs - beganMs), ...settings });
  }
  service.ask(1, ({ status, fields }) => {
    response.writeHead(status, { ...fields, "content-type": "application/json" });
    response.end(status === 200 ? "{}" : '{"error":"too many"}');
  });
});

const say = (words: ServiceSays): void => void process.send?.(words);
server.listen(0, "127.0.0.1", () => say({ port: (server.address() as AddressInfo).port }));
process.on("message", () => say({ accepted: service?.accepted ?? 0, refused: service?.refused ?? 0 }));
