/**
 * What rates cost: the relay's machine takes and settles messages of many senders, with rates and without, in turns. No disk, no network:
 * the difference is what admission costs more.
 */
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { ALL_RELAY_DEFENCES, type RelayInput } from "../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { createMailboxes, type Mailboxes } from "../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { attachAs, newcomer } from "../packages/perdure/src/protocol/delivery/test-attach.ts";
import { createSettings } from "../packages/perdure/src/settings/register.ts";
import { type Bytes, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { encodeEnvelope, SUITE_X25519_AES256GCM } from "../packages/perdure/src/wire/envelope.ts";
import { type Measurement, ofRounds } from "./measure.ts";

const SENDERS = 500;
const ROUND_MESSAGES = 5_000;
const ROUNDS = 9;
/** Seldom, so that signing what was stored does not hide what admission costs. */
const STATEMENT_EVERY = 8_192;
const GENERATION = new Uint8Array(8).fill(1);

export async function benchLimits(): Promise<readonly Measurement[]> {
  const lines = [true, false].map((rates) => ({ rates, line: createLine(rates), nanos: [] as number[] }));
  for (const { line } of lines) line(ROUND_MESSAGES);
  for (let round = 0; round < ROUNDS; round++)
    for (const { line, nanos } of round % 2 === 0 ? lines : [...lines].reverse()) nanos.push(line(ROUND_MESSAGES));
  return lines.map(({ rates, nanos }) =>
    ofRounds(`a message through the machine, ${SENDERS} senders, ${rates ? "with" : "without"} rates`, "nanoseconds per message", nanos),
  );
}

/** Sends so many messages and gives the nanoseconds each took. */
function createLine(rates: boolean): (messages: number) => number {
  const { crypto, clock } = createNodeHost();
  const { sha256 } = crypto.hash;
  const idOf = (name: string): Bytes => sha256(utf8(name));
  const settings = createSettings({ agentMessagesPerSecond: 1_000_000, agentBytesPerSecond: 2 ** 32 });
  const machine: Mailboxes = createMailboxes({
    relayId: idOf("relay"),
    generation: GENERATION,
    passKey: new Uint8Array(32),
    sha256,
    limits: { ...settings, noticeExpiryMs: settings.defaultExpiryMs, agents: 10_000, bundleBytes: 16_384, ticketsRequired: false },
    defences: { ...ALL_RELAY_DEFENCES, rates },
  });
  machine.begin(clock.wallMs());
  let offset = 0;
  const feed = (input: RelayInput): void => {
    for (const output of machine.step(input, clock.wallMs(), clock.monotonicMs())) {
      if (output.kind === "refuse") throw new Error(`the machine refused what the benchmark sent: ${output.reason.why}`);
      if (output.kind === "sign") feed({ kind: "signed", signature: new Uint8Array(64) });
      if (output.kind !== "append") continue;
      feed({ kind: "appended", ticket: output.ticket, segment: 1, offsets: output.records.map(() => offset++) });
      feed({ kind: "synced", ticket: output.ticket });
    }
  };
  const attach = (session: number, name: string, consume: boolean): void =>
    feed(
      attachAs(newcomer(idOf(name), name, { instances: [idOf(`${name} instance`)] }), {
        session,
        consume,
        link: sha256(utf8(name)).slice(0, 8),
      }),
    );
  attach(1, "reader", true);
  feed({ kind: "ready", session: 1 });
  const expiresAtMs = clock.wallMs() + 3_600_000;
  const envelopes = Array.from({ length: SENDERS }, (_, index) => {
    attach(2 + index, `sender ${index}`, false);
    return encodeEnvelope(
      {
        class: "mail",
        from: idOf(`sender ${index}`),
        to: idOf("reader"),
        stream: new Uint8Array(8).fill(1),
        seq: 1,
        expiresAtMs,
        inboxKeyId: new Uint8Array(8),
        suite: SUITE_X25519_AES256GCM,
      },
      new Uint8Array(750),
      sha256,
    ).bytes;
  });
  let sent = 0;
  return (messages) => {
    const startedAt = performance.now();
    for (const end = sent + messages; sent < end; ) {
      const index = sent % SENDERS;
      const linkSeq = Math.floor(sent / SENDERS) + 1;
      feed({ kind: "mails", session: 2 + index, mails: [{ linkSeq, hopLimit: 8, envelope: envelopes[index] as Bytes }] });
      sent++;
      if (sent % 64 > 0) continue;
      feed({ kind: "settle", session: 1, settle: { generation: GENERATION, epoch: 1, floor: sent, ranges: [] } });
      if (sent % STATEMENT_EVERY === 0) feed({ kind: "statement-due" });
    }
    return ((performance.now() - startedAt) * 1e6) / messages;
  };
}
