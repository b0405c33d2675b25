/**
 * What a request pays for going through `pace proxy`: the same requests to a service on this machine, straight and through the proxy, one after the other. Service, proxy
 * and client share one process and its work is counted, so what differs between the times of two operations is the proxy's.
 */
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { openProxy } from "../packages/pace/src/proxy/index.ts";
import { type Measurement, perCoreSecond } from "./measure.ts";

/** A service with room for all of them, that says so. */
const PLENTY = {
  "x-ratelimit-limit-requests": "60000000",
  "x-ratelimit-remaining-requests": "59999999",
  "x-ratelimit-reset-requests": "1ms",
};
const SMALL = "{}".padEnd(400);
const LARGE = Buffer.alloc(10_000_000, "x");
const ASKED = JSON.stringify({ things: "x".repeat(400) });

export async function benchPaceProxy(): Promise<readonly Measurement[]> {
  const service = createServer((asked, response) => {
    asked.resume().on("end", () => response.writeHead(200, PLENTY).end(asked.url === "/large" ? LARGE : SMALL));
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  const straight = `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  const agent = new Agent({ keepAlive: true });
  try {
    await using proxy = await openProxy({ for: [straight], port: 0, graceMs: 0 });
    const measured: Measurement[] = [];
    for (const [how, url] of [
      ["straight", straight],
      ["through the proxy", proxy.url],
    ] as const) {
      measured.push(await perCoreSecond(`requests of 400 bytes, ${how}`, () => ask(agent, url, "POST", ASKED)));
      measured.push(await perCoreSecond(`answers of 10 MB, ${how}`, () => ask(agent, `${url}/large`, "GET")));
    }
    return measured;
  } finally {
    agent.destroy();
    service.closeAllConnections();
    service.close();
  }
}

function ask(agent: Agent, url: string, method: string, body?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent, method, headers: { "content-type": "application/json" } }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`answered ${answer.statusCode}`));
      answer.resume().on("end", resolve);
    })
      .on("error", reject)
      .end(body);
  });
}
