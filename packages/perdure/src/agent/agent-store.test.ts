import { expect, test } from "vitest";
import { createNodeHost } from "../host/node/index.ts";
import { createWorld, type World } from "../host/simulated/index.ts";
import { createContactBook } from "../protocol/contacts/contact-book.ts";
import { createInbox } from "../protocol/delivery/inbox.ts";
import { createMailboxCursor } from "../protocol/delivery/mailbox-cursor.ts";
import { createOutbox } from "../protocol/delivery/outbox.ts";
import { createSettings } from "../settings/register.ts";
import { EMPTY, utf8 } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";
import { type MessageId, messageIdText } from "../wire/ids.ts";
import type { KeptPolicy } from "../wire/kept-agent.ts";
import { PLAIN_WORDS } from "../wire/test-sealed-head.ts";
import { openAgentStore } from "./agent-store.ts";
import { outgoingRecords } from "./outgoing-records.ts";
import { createPeers } from "./peers.ts";

async function open(world: World) {
  const host = world.host("a");
  const settings = createSettings();
  const defences = { dedupe: true, floor: true };
  const cursor = createMailboxCursor(defences);
  const outbox = createOutbox({ limits: settings, drawStream: () => host.random.bytes(8) });
  const inbox = createInbox({ limits: settings, defences, cursor });
  const peers = createPeers({ host });
  const book = createContactBook();
  const nothing = { closing: () => [], reopen: () => undefined, onApplied: () => undefined };
  const store = await world.complete(
    openAgentStore({ host, folder: "home", settings, outbox, inbox, peers, contacts: [book], ...nothing }),
  );
  return { host, outbox, book, store };
}

test("a change that cannot be written down is refused alone, and leaves no hole in its stream", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHost().crypto.hash });
  const { host, outbox, store } = await open(world);
  const send = (fileName: string): Promise<MessageId> =>
    store.commit({
      onFailure: "give-up",
      plan: () => {
        const { id, records } = outgoingRecords(outbox, host.crypto.hash, {
          recipient: { idRaw: new Uint8Array(32).fill(1), name: "" },
          class: "mail",
          requestId: EMPTY,
          asks: false,
          ...PLAIN_WORDS,
          fileName,
          content: utf8("hello"),
          nowMs: 1,
          expiresAtMs: 1_000_000,
        });
        return { records, result: id };
      },
    });
  const outcomes = [send("one"), send("x".repeat(300)), send("two")].map((sent) =>
    sent.catch((error: unknown) => (isPerdureError(error) ? error.code : String(error))),
  );
  const [one = "", wrong, two] = await world.complete(Promise.all(outcomes));
  const stream = outbox.find(one as MessageId)?.head.stream ?? EMPTY;
  expect([one, wrong, two]).toEqual([messageIdText(stream, 1), "malformed", messageIdText(stream, 2)]);
  // What was written a moment ago needs no disk.
  world.disk("a").held = true;
  const plain = outbox.find(one as MessageId)?.parts[0]?.plain;
  expect(plain && (await world.complete(store.read(plain)))).toEqual(utf8("hello"));
  world.disk("a").held = false;
  await world.complete(Promise.resolve(store[Symbol.asyncDispose]()));
});

test("two changes of one turn to the contact book, each made of what holds before it, both hold", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHost().crypto.hash });
  const { book, store } = await open(world);
  const change = (what: Partial<KeptPolicy>): Promise<void> =>
    store.commit({
      onFailure: "give-up",
      plan: () => ({ records: [{ kept: { kind: "policy", head: { ...book.policy, ...what } } }], result: undefined }),
    });
  await world.complete(Promise.all([change({ strangers: "welcome" }), change({ listVersion: 7 })]));
  expect(book.policy).toMatchObject({ strangers: "welcome", listVersion: 7 });
  await world.complete(Promise.resolve(store[Symbol.asyncDispose]()));
});
