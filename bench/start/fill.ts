/**
 * What `start.ts` starts and kills: fills a relay's folder with mail that waits, through the relay's own machine and log, without a
 * network. Says the key of one reader when everything is durable, and then waits to be killed.
 */

import process from "node:process";
import { silentLog } from "../../packages/perdure/src/host/log.ts";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createIdentity } from "../../packages/perdure/src/identity/own-identity.ts";
import { PASS_KEY_BYTES } from "../../packages/perdure/src/protocol/delivery/attach-passes.ts";
import { ALL_RELAY_DEFENCES, type RelayOutput } from "../../packages/perdure/src/protocol/delivery/mailbox-events.ts";
import { createMailboxes } from "../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { attachAs, newcomer } from "../../packages/perdure/src/protocol/delivery/test-attach.ts";
import { createMailRest, type MailRest } from "../../packages/perdure/src/relay/mail-rest.ts";
import { createRelayLoop } from "../../packages/perdure/src/relay/relay-loop.ts";
import { recallFrom } from "../../packages/perdure/src/relay/segment-indexes.ts";
import { createSettings } from "../../packages/perdure/src/settings/register.ts";
import { INDEX_FILES } from "../../packages/perdure/src/store/log/index-files.ts";
import { openRecordLog } from "../../packages/perdure/src/store/log/open-log.ts";
import { preparedWithin } from "../../packages/perdure/src/store/log/spare-segments.ts";
import { type Bytes, putU64 } from "../../packages/perdure/src/wire/bytes.ts";
import { encodeEnvelope, SUITE_X25519_AES256GCM, TO_AT } from "../../packages/perdure/src/wire/envelope.ts";
import { GENERATION_BYTES } from "../../packages/perdure/src/wire/ids.ts";
import { createIdentities } from "../relay/agent-identities.ts";
import { UNLIMITED } from "../unlimited.ts";

/** Words of the process, as JSON. */
export interface FillWish {
  readonly folder: string;
  readonly messages: number;
  readonly readers: number;
  readonly senders: number;
  readonly bodyBytes: number;
}

/** Each turn brings so much of each sender: what is taken before it is durable stays within a window. */
const AT_ONCE = 64;
const STATEMENT_EVERY = 16;
const SEQ_AT = 80;
const LIFE_MS = 24 * 3_600_000;

async function fill({ folder, messages, readers, senders, bodyBytes }: FillWish, reader: string): Promise<void> {
  const host = createNodeHost();
  const { clock, crypto, random, files } = host;
  const settings = createSettings({
    ...UNLIMITED,
    mailboxMessages: messages,
    storeMessages: 2 * messages,
    storeBytes: 2 ** 40,
    mailboxBytes: 2 ** 38,
  });
  const own = await createIdentity({ host, folder, role: "relay", custody: "together", settings });
  // It takes part in a handshake later; the others only have mail.
  const known = await createIdentity({ host, folder: reader, role: "mail", custody: "together", settings });
  const recipients: readonly { readonly idRaw: Bytes; readonly bundle: () => Bytes }[] = [
    known,
    ...(await createIdentities(host, settings, readers - 1)),
  ];
  const mailboxes = createMailboxes({
    relayId: own.idRaw,
    generation: random.bytes(GENERATION_BYTES),
    passKey: random.bytes(PASS_KEY_BYTES),
    sha256: crypto.hash.sha256,
    limits: { ...settings, noticeExpiryMs: settings.defaultExpiryMs, agents: 1_000_000, bundleBytes: 16_384, ticketsRequired: false },
    defences: { ...ALL_RELAY_DEFENCES },
    wantsFact: () => false,
  });
  let rest: MailRest | undefined;
  const log = await openRecordLog({
    files,
    crc32: crypto.hash.crc32,
    random,
    clock,
    log: silentLog,
    folder: `${folder}/log`,
    magic: "relay",
    segmentBytes: settings.segmentBytes,
    prepared: preparedWithin(settings.storeBytes),
    diskRetryMs: settings.diskRetryMs,
    replay: () => {},
    snapshot: () => mailboxes.snapshot(),
    indexed: { by: { ...recallFrom(mailboxes), needed: async () => [] }, files: INDEX_FILES },
    onSegment: () => rest?.segmentClosed(),
  });
  const failed = (error: unknown): void => {
    throw error;
  };
  const carry = (output: RelayOutput): void => {
    if (output.kind === "rows-wanted") rest?.want(output);
    if (output.kind === "sign") loop.feed({ kind: "signed", signature: new Uint8Array(64) });
    if (output.kind === "refuse" || output.kind === "goodbye") throw new Error(`the relay refuses what fills it: ${output.reason.why}`);
  };
  const loop = createRelayLoop({ mailboxes, log, clock, carry, points: undefined, failed });
  rest = createMailRest({ clock, settings, mailboxes, log, loop, points: undefined, damaged: failed, lost: async () => {}, failed });
  await log.append(mailboxes.begin(clock.wallMs())).synced;
  for (const [index, { idRaw, bundle }] of recipients.entries()) {
    const registration = newcomer(idRaw, "", { bundle: bundle(), instances: [random.bytes(32)] });
    loop.feed(attachAs(registration, { session: senders + index, link: random.bytes(8) }));
  }
  await loop.durable();
  const ids = Array.from({ length: senders }, () => random.bytes(32));
  for (const [session, id] of ids.entries())
    loop.feed(attachAs(newcomer(id, String(session), { instances: [random.bytes(32)] }), { session, link: random.bytes(8) }));
  const template = encodeEnvelope(
    {
      class: "mail",
      from: random.bytes(32),
      to: random.bytes(32),
      stream: random.bytes(8),
      seq: 1,
      expiresAtMs: clock.wallMs() + LIFE_MS,
      inboxKeyId: new Uint8Array(8),
      suite: SUITE_X25519_AES256GCM,
    },
    random.bytes(bodyBytes),
    crypto.hash.sha256,
  ).bytes;
  let sent = 0;
  for (let turn = 0; sent < messages; turn++) {
    for (const [session, id] of ids.entries()) {
      for (let nth = 1; nth <= AT_ONCE && sent < messages; nth++) {
        const envelope = template.slice();
        envelope.set(id, 8);
        envelope.set((recipients[sent++ % readers] as { readonly idRaw: Bytes }).idRaw, TO_AT);
        const linkSeq = turn * AT_ONCE + nth;
        putU64(envelope, SEQ_AT, linkSeq);
        loop.feed({ kind: "mails", session, mails: [{ linkSeq, hopLimit: 8, envelope }] });
      }
    }
    if (turn % STATEMENT_EVERY === 0) loop.feed({ kind: "statement-due" });
    await loop.durable();
  }
  loop.feed({ kind: "statement-due" });
  await loop.durable();
  // As a relay would be killed that has been left alone for a moment.
  await new Promise((resolve) => setTimeout(resolve, 3000));
}

const [given, reader] = process.argv.slice(2);
if (given !== undefined && reader !== undefined) {
  await fill(JSON.parse(given) as FillWish, reader);
  process.send?.("full");
  // Whoever began it kills it: a relay that was closed is another start.
  setInterval(() => {}, 60_000);
}
