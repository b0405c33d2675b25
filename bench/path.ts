/** The whole way of a message: two agents and a relay, each a process of its own, over the loopback. */
import { join } from "node:path";
import { openAgent } from "../packages/perdure/src/agent/index.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { type Measurement, perSecond } from "./measure.ts";
import { startMember } from "./processes.ts";

const SMALL_BYTES = 400;
const LARGE_BYTES = 8 * 1024 * 1024;
const IN_FLIGHT = 200;

/** Makes three agents and a relay in `folder`, which is the caller's to remove. */
export async function benchPath(folder: string): Promise<readonly Measurement[]> {
  const { random } = createNodeHost();
  await using relay = await startMember("relay", join(folder, "relay"));
  const address = relay.says;
  await using reader = await startMember("reader", join(folder, "reader"), address);
  const absent = await openAgent(join(folder, "absent"), { join: address, strangers: "welcome" });
  await absent.close();
  await using sender = await openAgent(join(folder, "sender"), { join: address });
  const small = random.bytes(SMALL_BYTES);
  const large = random.bytes(LARGE_BYTES);
  const stored = async (): Promise<unknown> => (await sender.send(absent.id, small)).until("stored");
  const done = async (): Promise<unknown> => (await sender.send(reader.says, small)).until("done");
  const largeDone = async (): Promise<unknown> => (await sender.send(reader.says, large)).until("done");
  return [
    await perSecond(`send to stored, ${SMALL_BYTES} bytes, one at a time`, 1, stored),
    await perSecond(`send to done, ${SMALL_BYTES} bytes, one at a time`, 1, done),
    await perSecond(`send to done, ${SMALL_BYTES} bytes, ${IN_FLIGHT} in flight`, IN_FLIGHT, done),
    await perSecond("send to done, 8 MiB, one at a time", 1, largeDone, { unit: "MB per second", each: LARGE_BYTES / 1e6 }),
  ];
}
