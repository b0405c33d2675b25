import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSharedCore, type SharedCore } from "../src/agent/shared-core.ts";
import { createTestDisk, createTestEngine, type TestDisk } from "../src/agent/test-core.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createSettings } from "../src/settings/register.ts";

const settings = createSettings();
const opened: SharedCore[] = [];
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-test-"));
});
afterEach(async () => {
  for (const core of opened.splice(0)) await core[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function attach(client: string, disk: TestDisk, onSubmit: (bytes: number) => void = () => {}): Promise<SharedCore> {
  const engine = createTestEngine(disk);
  const core = await openSharedCore({
    host: createNodeHost(),
    folder,
    settings,
    client,
    timeoutMs: settings.openTimeoutMs,
    signal: undefined,
    openEngine: async () => ({
      id: disk.id,
      engine: {
        ...engine,
        submit: async (given) => {
          onSubmit(given.draft.content.length);
          return await engine.submit(given);
        },
      },
    }),
  });
  opened.push(core);
  return core;
}

const submission = (client: string, requestId: string, bytes: number): Parameters<SharedCore["submit"]>[0] => ({
  client,
  requestId,
  asks: false,
  cause: undefined,
  draft: {
    to: "@desk",
    content: new Uint8Array(bytes),
    contentType: "",
    fileName: "",
    expiresInMs: undefined,
    thread: "",
    collapseKey: "",
    idempotencyKey: "",
    inReplyTo: "",
  },
});

test("over a real lock and socket a large body reaches the holder and its handle comes back", async () => {
  const disk = createTestDisk();
  let got = 0;
  const holder = await attach("a", disk, (bytes) => (got = bytes));
  const guest = await attach("b", disk);
  expect([holder.role, guest.role]).toEqual(["holder", "guest"]);
  const sent = await guest.submit(submission("b", "1", 8 * 1024 * 1024));
  expect(got).toBe(8 * 1024 * 1024);
  expect((await holder.outgoing(sent.id)).to).toBe("@desk");
});

test("over a real lock and socket guests take over from a holder that closes", async () => {
  const disk = createTestDisk();
  const holder = await attach("a", disk);
  const guests = await Promise.all(["b", "c", "d"].map((client) => attach(client, disk)));
  await holder[Symbol.asyncDispose]();
  await Promise.all(guests.map((guest, index) => guest.submit(submission("x", String(index), 10))));
  expect(guests.map((guest) => guest.role).sort()).toEqual(["guest", "guest", "holder"]);
  expect(disk.outgoing.size).toBe(3);
});
