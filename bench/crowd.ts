/** Many messages open at once: what a send costs with thousands on their way, what a box costs with thousands in it. */
import { join } from "node:path";
import { openAgent } from "../packages/perdure/src/agent/index.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { type Measurement, ofRounds, perSecond } from "./measure.ts";
import type { RelayWish } from "./member.ts";
import { startMember } from "./processes.ts";

const CROWD = 10_000;
const ROUNDS = 5;
const LANES = 64;
const SMALL_BYTES = 400;
const SETTINGS = { outboxMessages: 2 * CROWD };

/** Makes two agents and a relay in `folder`, which is the caller's to remove. */
export async function benchCrowd(folder: string): Promise<readonly Measurement[]> {
  const content = createNodeHost().random.bytes(SMALL_BYTES);
  // One sender fills more of one mailbox than its share.
  const wish: RelayWish = { unlimited: true };
  await using relay = await startMember("relay", join(folder, "relay"), JSON.stringify(wish));
  const absent = await openAgent(join(folder, "reader"), { join: relay.says, strangers: "welcome" });
  await absent.close();
  await using sender = await openAgent(join(folder, "sender"), { join: relay.says, settings: SETTINGS });

  const ends: Promise<unknown>[] = [];
  const sendAndWatch = async (): Promise<void> => {
    const sent = await sender.send(absent.id, content);
    ends.push(sent.until("done"));
  };
  const sends: number[] = [];
  for (let at = 0; at < ROUNDS; at++) sends.push(await rate(CROWD / ROUNDS, sendAndWatch));
  const sending = await perSecond(`send with ${CROWD} open and watched, one at a time`, 1, sendAndWatch);

  await using reader = await openAgent(join(folder, "reader"));
  while ((await reader.status()).waiting < ends.length) await new Promise((resolve) => setTimeout(resolve, 100));
  const listing = await perSecond(`list a box of ${ends.length}`, 1, async () => {
    for await (const mail of reader.inbox()) if (mail.attempt < 0) return;
  });

  const stop = new AbortController();
  const takes: number[] = [];
  let taken = 0;
  let startedAt = performance.now();
  const perRound = Math.floor(ends.length / ROUNDS);
  const served = reader.serve(
    () => {
      if (++taken % perRound !== 0) return;
      takes.push(perRound / ((performance.now() - startedAt) / 1000));
      startedAt = performance.now();
    },
    { signal: stop.signal, concurrency: LANES },
  );
  await Promise.all(ends);
  stop.abort();
  await served;
  return [
    ofRounds(`send the first ${CROWD}, ${LANES} in flight`, "messages per second", sends),
    sending,
    listing,
    ofRounds(`serve a box of ${ends.length}, ${LANES} handlers`, "messages per second", takes),
  ];
}

async function rate(count: number, operate: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await operate();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return count / ((performance.now() - startedAt) / 1000);
}
