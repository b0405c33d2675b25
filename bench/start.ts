/**
 * How a relay starts whose process was killed while much mail waited in it: milliseconds until it listens and until the first agent has
 * its welcome, and what is resident then. The folder is filled by the relay's own code and stays in the page cache.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { openIdentity } from "../packages/perdure/src/identity/own-identity.ts";
import { parseRelayAddress } from "../packages/perdure/src/protocol/link/address.ts";
import { connectSession } from "../packages/perdure/src/protocol/link/connect.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { EMPTY } from "../packages/perdure/src/wire/bytes.ts";
import { type Measurement, ofRounds } from "./measure.ts";
import type { RelayWish } from "./member.ts";
import { startMember } from "./processes.ts";
import { processorMicros } from "./relay/process-figures.ts";
import type { FillWish } from "./start/fill.ts";
import { synthesise } from "./start/synthesise.ts";

export interface StartOptions {
  readonly messages: number;
  readonly readers: number;
  /** Nothing but the indexes is written. */
  readonly synthesised: boolean;
}

export const START: StartOptions = { messages: 1_000_000, readers: 1000, synthesised: false };

const SENDERS = 50;
/** What 400 bytes of content take in a sealed envelope, without its header. */
const BODY_BYTES = 752;
const ENVELOPE_BYTES = 128 + BODY_BYTES;
const ROUNDS = 3;
const MB = 1024 * 1024;

export async function benchStart(
  folder: string,
  { messages, readers, synthesised }: StartOptions,
  say: (line: string) => void,
): Promise<{ readonly measurements: readonly Measurement[] }> {
  const [relay, reader] = [join(folder, "relay"), join(folder, "reader")];
  const wish: FillWish = { folder: relay, messages, readers, senders: SENDERS, bodyBytes: BODY_BYTES };
  const startedAt = performance.now();
  await (synthesised ? synthesise(wish, reader) : fillAndKill(wish, reader));
  const filledFor = performance.now() - startedAt;
  const written = bytesIn(join(relay, "log"));
  say(`start    ${messages} messages in ${Math.round(filledFor / 1000)} s, ${Math.round(written / MB)} MB`);
  const listening: number[] = [];
  const welcomed: number[] = [];
  const processor: number[] = [];
  const resident: number[] = [];
  const peak: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const found = await startOnce(relay, reader, messages);
    listening.push(found.listeningMs);
    welcomed.push(found.welcomedMs);
    processor.push(found.processorMs);
    resident.push(found.resident / MB);
    peak.push(found.peak / MB);
    say(
      `start    round ${round + 1}: listens after ${Math.round(found.listeningMs)} ms, first welcome after ${Math.round(found.welcomedMs)} ms (${Math.round(found.processorMs)} ms of processor time), ${Math.round(found.resident / MB)} MB resident, ${Math.round(found.peak / MB)} MB at most`,
    );
  }
  const of = `${messages} messages of ${ENVELOPE_BYTES} bytes waiting in ${readers} mailboxes${synthesised ? ", of which only the indexes are there" : ""}`;
  return {
    measurements: [
      ofRounds(`from the start of the process to listening, ${of}`, "milliseconds", listening),
      ofRounds(`from the start of the process to the first welcome, ${of}`, "milliseconds", welcomed),
      ofRounds(`processor time of the relay until the first welcome, ${of}`, "milliseconds", processor),
      ofRounds(`resident after the first welcome, ${of}`, "MiB", resident),
      ofRounds(`resident at most until then, ${of}`, "MiB", peak),
      ...(synthesised
        ? []
        : [ofRounds("bytes in the log's folder for each byte of envelope", "bytes", [written / (messages * ENVELOPE_BYTES)])]),
    ],
  };
}

async function fillAndKill(wish: FillWish, reader: string): Promise<void> {
  const child = fork(fileURLToPath(new URL("start/fill.ts", import.meta.url)), [JSON.stringify(wish), reader], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [said] = await Promise.race([once(child, "message"), once(child, "exit").then(() => [undefined])]);
  if (said !== "full") throw new Error("the process that fills the folder ended early");
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

interface Started {
  readonly processorMs: number;
  readonly listeningMs: number;
  readonly welcomedMs: number;
  readonly resident: number;
  readonly peak: number;
}

async function startOnce(folder: string, reader: string, messages: number): Promise<Started> {
  const host = createNodeHost();
  const settings = createSettings();
  const own = await openIdentity({ host, folder: reader, settings });
  const wish: RelayWish = {
    unlimited: true,
    settings: { mailboxMessages: messages, storeMessages: 2 * messages, storeBytes: 2 ** 40, mailboxBytes: 2 ** 38 },
  };
  const startedAt = performance.now();
  const member = await startMember("relay", folder, JSON.stringify(wish));
  const listeningMs = performance.now() - startedAt;
  const { url, relayIdRaw } = parseRelayAddress(member.says);
  await connectSession({
    host,
    settings,
    url,
    relayIdRaw,
    own,
    link: host.random.bytes(8),
    consume: true,
    have: { generation: new Uint8Array(8), position: 0 },
    pass: () => EMPTY,
  });
  const welcomedMs = performance.now() - startedAt;
  const status = readFileSync(`/proc/${member.pid}/status`, "latin1");
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0) * 1024;
  const found = {
    processorMs: processorMicros(member.pid) / 1000,
    listeningMs,
    welcomedMs,
    resident: kilobytes("VmRSS"),
    peak: kilobytes("VmHWM"),
  };
  await member.kill();
  return found;
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + (name.endsWith(".spare") ? 0 : statSync(join(folder, name)).size), 0);
}
