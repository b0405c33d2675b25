import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createWorld, type World } from "../host/simulated/index.ts";
import { SETTINGS } from "../settings/register.ts";
import { utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { decodeOwnerAnswer, decodeOwnerCall, encodeOwnerCall, encodeOwnerError, type OwnerCall } from "../wire/owner-calls.ts";
import { openRelayWith, type Relay } from "./open-relay.ts";
import { askRelay } from "./owner-socket.ts";

const FOLDER = "relay-folder";
const PUBLIC = { listen: "ws://127.0.0.1:4410", public: "wss://relay.example/" };
const WHO = `ag1${"a".repeat(52)}`;

function world(): World {
  return createWorld({ seed: 1, hash: createNodeCrypto().hash });
}

async function open(stage: World, options: Partial<Parameters<typeof openRelayWith>[0]> = {}): Promise<Relay> {
  return await stage.complete(openRelayWith({ host: stage.host("relay"), folder: FOLDER, ...PUBLIC, ...options }));
}

describe("the owner of a running relay", () => {
  it("gets tickets that differ, in addresses that can be joined", async () => {
    const stage = world();
    const relay = await open(stage);
    const ask = (): Promise<unknown> =>
      stage.complete(askRelay(stage.host("relay"), FOLDER, { name: "issue-ticket", uses: 2, expiresInMs: 3_600_000 }));
    const [one, two] = [await ask(), await ask()] as { readonly address: string; readonly uses: number }[];
    expect(one).toMatchObject({
      uses: 2,
      address: expect.stringMatching(/^wss:\/\/relay\.example\/#ag1[a-z2-7]{52}\?ticket=[a-z2-7]{26}$/),
    });
    expect(one?.address).not.toBe(two?.address);
    expect(relay.status().tickets).toEqual({ required: true, open: 2 });
  });

  it("turns somebody away, and says why on the page", async () => {
    const stage = world();
    const relay = await open(stage);
    const tell = (banned: boolean): Promise<unknown> =>
      stage.complete(askRelay(stage.host("relay"), FOLDER, { name: "ban", who: WHO, banned, why: "floods" }));
    await tell(true);
    expect(relay.status().bans).toMatchObject([{ id: WHO, why: "floods" }]);
    await tell(false);
    expect(relay.status().bans).toEqual([]);
  });

  it("is told what was wrong with a call", async () => {
    const stage = world();
    await open(stage);
    const ask = (call: OwnerCall): Promise<unknown> => stage.complete(askRelay(stage.host("relay"), FOLDER, call));
    await expect(ask({ name: "ban", who: "@desk", banned: true, why: "" })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(ask({ name: "issue-ticket", uses: 0, expiresInMs: 3_600_000 })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(ask({ name: "issue-ticket", uses: 1, expiresInMs: 1 })).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("is told when no more tickets are kept", async () => {
    const stage = world();
    const relay = await open(stage);
    for (let issued = 0; issued < SETTINGS.openTickets.value; issued++) await stage.complete(relay.issueTicket());
    await expect(stage.complete(relay.issueTicket())).rejects.toMatchObject({ code: "too-busy" });
    expect(relay.status().tickets.open).toBe(SETTINGS.openTickets.value);
  });

  it("reaches nobody where no relay runs", async () => {
    const stage = world();
    const relay = await open(stage);
    await stage.complete(relay.drain());
    await expect(stage.complete(askRelay(stage.host("relay"), FOLDER, { name: "status" }))).rejects.toMatchObject({
      code: "relay-unreachable",
    });
  });

  it("keeps the token of its page over restarts, and has one only in the world", async () => {
    const stage = world();
    const first = await open(stage);
    expect(first.page).toMatch(/^https:\/\/relay\.example\/page#token=[a-z2-7]{52}$/);
    await stage.complete(first.drain());
    const second = await open(stage);
    expect(second.page).toBe(first.page);
    await stage.complete(second.drain());
    expect((await open(stage, { public: undefined })).page).toBe("http://127.0.0.1:4410/");
  });

  it("decides about tickets, whatever the usual is", async () => {
    for (const [options, required] of [
      [{}, true],
      [{ tickets: false }, false],
      [{ public: undefined }, false],
      [{ public: undefined, tickets: true }, true],
    ] as const) {
      expect((await open(world(), options)).status().tickets.required).toBe(required);
    }
  });
});

describe("calls of an owner", () => {
  it.each<OwnerCall>([
    { name: "status" },
    { name: "page" },
    { name: "issue-ticket", uses: 1, expiresInMs: 5 },
    { name: "ban", who: WHO, banned: false, why: "" },
  ])("%j comes back as it was", (call) => expect(decodeOwnerCall(encodeOwnerCall(call))).toEqual(call));

  it.each(["", "[]", "null", '{"version":0}', '{"version":0,"call":{"name":"drain"}}', '{"version":0,"call":{"name":"ban","who":1}}'])(
    "%s is none",
    (text) =>
      expect(() => decodeOwnerCall(utf8(text))).toThrowError(
        expect.objectContaining({ code: expect.stringMatching(/malformed|needs-older-version/) }),
      ),
  );

  it("of another version are refused", () => {
    expect(() => decodeOwnerCall(utf8('{"version":2,"call":{"name":"status"}}'))).toThrowError(
      expect.objectContaining({ code: "needs-newer-version" }),
    );
  });

  it("fail with what the relay threw", () => {
    const error = new PerdureError("too-busy", "later", { retry: "after", afterMs: 7, hint: "wait" });
    expect(() => decodeOwnerAnswer(encodeOwnerError(error))).toThrowError(
      expect.objectContaining({ code: "too-busy", retry: "after", afterMs: 7, hint: "wait" }),
    );
  });
});
