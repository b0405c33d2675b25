import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Agent, openAgent } from "../src/agent/index.ts";
import { createNodeCrypto } from "../src/host/node/crypto.ts";
import { chainSeed, KEY_CHAIN } from "../src/identity/key-chain.ts";
import { parseRecovery } from "../src/identity/recovery.ts";
import { hex, utf8 } from "../src/wire/bytes.ts";
import type { PageCalls } from "./browser/agent-page.ts";
import { findChromium, NO_CHROMIUM, type Page, type Profile, startChromium } from "./browser/chromium.ts";
import { bundleFor, servePage } from "./browser/page-server.ts";
import { type RelayProcess, startRelayProcess } from "./browser/relay-process.ts";
import { serving, until } from "./test-stage.ts";

/** A browser, a relay and an agent start for each test, on machines that may have better things to do. */
const TEST_MS = 180_000;
const PATIENCE_MS = 60_000;
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

/** Calls one of the page's own functions by name. */
function on<Name extends keyof PageCalls>(
  page: Page,
  name: Name,
  ...values: Parameters<PageCalls[Name]>
): Promise<Awaited<ReturnType<PageCalls[Name]>>> {
  return page.evaluate(`perdure.${name}(${values.map((value) => JSON.stringify(value)).join(", ")})`);
}

/** The public key of 32 secret bytes, hexadecimal. */
function publicOf(kind: "ed25519" | "x25519", secret: Uint8Array): string {
  const prefix = Buffer.from(`302e020100300506032b65${kind === "ed25519" ? "70" : "6e"}04220420`, "hex");
  const key = createPrivateKey({ key: Buffer.concat([prefix, secret]), format: "der", type: "pkcs8" });
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32).toString("hex");
}

const path = findChromium();
if (path === undefined) {
  test("an agent in a page of a browser", (context) => context.skip(NO_CHROMIUM));
} else {
  const { script } = await bundleFor("./agent-page.ts");
  const server = await servePage(script);
  const elsewhere = await servePage(script);
  const { script: exampleScript } = await bundleFor("../../../../examples/browser/main.js");
  const example = await servePage(exampleScript, readFileSync(new URL("../../../examples/browser/index.html", import.meta.url), "utf8"));
  const chromium = await startChromium(path);

  describe("an agent in a page of a browser", { timeout: TEST_MS }, () => {
    let folder = "";
    let relay: RelayProcess;
    let desk: Agent;
    let profile: Profile;
    let page: Page;

    const openPage = (): Promise<Page> => profile.open(server.origin);
    const join_ = { strangers: "welcome" as const };

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), "perdure-browser-"));
      relay = await startRelayProcess(
        join(folder, "relay"),
        "--listen",
        "127.0.0.1:0",
        "--origin",
        server.origin,
        "--origin",
        example.origin,
      );
      desk = await openAgent(join(folder, "desk"), { join: relay.address, name: "desk", strangers: "welcome", settings: QUICK });
      profile = await chromium.profile();
      page = await openPage();
      expect(await on(page, "open", { ...join_, join: relay.address, name: "page" })).toBe("holder");
    }, TEST_MS);
    afterEach(async () => {
      await profile.close();
      await desk.close();
      await relay.kill();
      await rm(folder, { recursive: true, force: true });
    }, TEST_MS);
    afterAll(async () => {
      await chromium[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await elsewhere[Symbol.asyncDispose]();
      await example[Symbol.asyncDispose]();
    }, TEST_MS);

    test("sends to an agent on Node, and gets its answer", async () => {
      await using served = serving(desk, async (_mail, turn) => await turn.reply("good day"));
      const id = await on(page, "send", "@desk", "hello from a page");
      expect(await on(page, "endOf", id)).toBe("done");
      expect(served.mails.map(({ content }) => new TextDecoder().decode(content))).toEqual(["hello from a page"]);
      await until("the answer is in the page", async () => (await on(page, "inbox")).length === 1);
      expect(await on(page, "inbox")).toEqual(["good day"]);
    });

    test("a message of a page that is loaded again in the middle arrives once", async () => {
      await using served = serving(desk);
      await on(page, "sendMany", "@desk", 60);
      await until("some are durable", async () => (await on(page, "sent")).length > 5);
      await page.goTo(server.origin);
      const durable = await on(page, "sent");
      await on(page, "open");
      for (const id of durable) expect(await on(page, "endOf", id)).toBe("done");
      const arrived = served.mails.map(({ mail }) => mail.id as string);
      expect(new Set(arrived).size).toBe(arrived.length);
      expect(durable.filter((id) => !arrived.includes(id))).toEqual([]);
    });

    for (const [how, interrupt] of [
      ["loaded again", async () => await page.goTo(server.origin)],
      [
        "killed",
        async () => {
          await page.crash();
          page = await openPage();
        },
      ],
    ] as const) {
      test(`mail to a page that is ${how} in the middle is handled, and answered once`, async () => {
        await using answers = serving(desk);
        const to = await on(page, "id");
        await on(page, "serve", 30);
        const sent = [];
        for (let index = 0; index < 30; index++) sent.push(await desk.send(to, `${index}`));
        for (let round = 0; round < 2; round++) {
          await until("the page is at it", async () => (await on(page, "handled")).length >= 4);
          await interrupt();
          await on(page, "open");
          await on(page, "serve", 30);
        }
        for (const each of sent) expect((await each.until("done", { timeoutMs: PATIENCE_MS })).state).toBe("done");
        await until("every answer is there", () => answers.mails.length >= sent.length);
        const texts = answers.mails.map(({ content }) => new TextDecoder().decode(content)).sort();
        expect(texts).toEqual(sent.map((_, index) => `seen ${index}`).sort());
      });
    }

    test("two tabs are one agent: both send and see its mail, and one goes on for the other", async () => {
      await using served = serving(desk);
      const second = await openPage();
      expect(await on(second, "open")).toBe("guest");
      expect(await on(second, "id")).toBe(await on(page, "id"));
      for (const tab of [page, second]) expect(await on(tab, "endOf", await on(tab, "send", "@desk", "hello"))).toBe("done");
      await (await desk.send(await on(page, "id"), "to both")).until("stored");
      for (const tab of [page, second]) {
        await until("the mail is in the tab", async () => (await on(tab, "inbox")).length === 1);
        expect(await on(tab, "inbox")).toEqual(["to both"]);
      }
      await page.close();
      await until("the second tab has taken over", async () => (await on(second, "role")) === "holder");
      expect(await on(second, "inbox")).toEqual(["to both"]);
      expect(await on(second, "endOf", await on(second, "send", "@desk", "alone"))).toBe("done");
      await on(second, "serve", 0);
      await until("the mail is handled", async () => (await on(second, "handled")).length === 1);
      await until("everything has arrived", () => served.mails.length >= 4);
      const texts = served.mails.map(({ content }) => new TextDecoder().decode(content)).sort();
      expect(texts).toEqual(["alone", "hello", "hello", "seen to both"]);
    });

    test("a tab that is killed leaves the agent to the other", async () => {
      const second = await openPage();
      expect(await on(second, "open")).toBe("guest");
      await page.crash();
      await until("the second tab has taken over", async () => (await on(second, "role")) === "holder");
    });

    test("no script can read a secret key, and no file holds one", async () => {
      const hasSecretOf = (file: string, keys: readonly { readonly algorithm: string; readonly publicKey: string }[]): boolean => {
        const bytes = Buffer.from(file, "hex");
        for (let at = 0; at + 32 <= bytes.length; at++) {
          const secret = bytes.subarray(at, at + 32);
          const found = { Ed25519: publicOf("ed25519", secret), X25519: publicOf("x25519", secret) };
          if (keys.some(({ algorithm, publicKey }) => found[algorithm as "Ed25519"] === publicKey)) return true;
        }
        return false;
      };
      const keys = await on(page, "storedKeys");
      // Control, instance and inbox key, and the chain of next control keys.
      expect(keys.map(({ algorithm }) => algorithm).sort()).toEqual([...Array(2 + KEY_CHAIN).fill("Ed25519"), "X25519"]);
      for (const key of keys) expect(key).toMatchObject({ type: "private", extractable: false, exports: 0 });
      expect(hasSecretOf(await on(page, "keysFile"), keys)).toBe(false);
      // The same search finds the secrets of an agent on Node, whose file holds them.
      const { controlKeys } = await desk.identity.show();
      const file = (await readFile(join(folder, "desk/identity/keys.cbor"))).toString("hex");
      expect(
        hasSecretOf(
          file,
          controlKeys.map((publicKey) => ({ algorithm: "Ed25519", publicKey })),
        ),
      ).toBe(true);
    });

    test("rotates its keys, goes on with the new ones, and destroys the old", async () => {
      await using served = serving(desk);
      const before = await on(page, "storedKeys");
      const [rotated] = await on(page, "rotate", "", "");
      const after = await on(page, "storedKeys");
      expect(after.map(({ publicKey }) => publicKey)).toContain(rotated);
      for (const key of after) expect(key).toMatchObject({ extractable: false, exports: 0 });
      // The old control and instance key are gone; the old inbox key opens what is on its way, and the new control key was the first of the chain.
      expect(before.map(({ publicKey }) => publicKey)).toContain(rotated);
      const names = new Set(after.map(({ name }) => name));
      expect(before.filter(({ name }) => !names.has(name)).map(({ algorithm }) => algorithm)).toEqual(["Ed25519", "Ed25519"]);
      expect(after.map(({ algorithm }) => algorithm).sort()).toEqual([...Array(1 + KEY_CHAIN).fill("Ed25519"), "X25519", "X25519"]);
      await page.goTo(server.origin);
      await on(page, "open");
      expect(await on(page, "endOf", await on(page, "send", "@desk", "with new keys"))).toBe("done");
      expect(served.mails).toHaveLength(1);
    });

    test("the next keys on a recovery page are shown to a person and stored nowhere", async () => {
      const custodian = await chromium.profile();
      const tab = await custodian.open(server.origin);
      const beside = JSON.stringify({ ...join_, join: relay.address, recoveryFile: "/elsewhere/recovery.txt" });
      expect(await tab.evaluate(`perdure.codeOf(() => perdure.open(${beside}))`)).toBe("bad-argument");
      await on(tab, "open", { ...join_, join: relay.address, recoveryFile: "page:first" });
      const text = (await on(tab, "papers"))["page:first"] ?? "";
      const line = text.split("\n").find((each) => each.startsWith("Next keys:")) ?? "";
      const { hash } = createNodeCrypto();
      const { seed } = parseRecovery(hash, text);
      const keyAt = (position: number): Uint8Array => chainSeed(hash, seed, position);
      const expectNowhere = async (): Promise<void> => {
        const stored = (await on(tab, "storedBytes")).join(" ");
        for (const secret of [seed, utf8(line), keyAt(1), keyAt(2), keyAt(3)]) expect(stored).not.toContain(hex(secret));
      };
      await expectNowhere();
      for (const position of [1, 2]) {
        const [rotated] = await on(tab, "rotate", "page:first", "");
        expect(publicOf("ed25519", keyAt(position))).toBe(rotated);
        await expectNowhere();
      }
      const keys = await on(tab, "storedKeys");
      expect(keys.map(({ publicKey }) => publicKey)).not.toContain(publicOf("ed25519", keyAt(3)));
      expect(Object.keys(await on(tab, "papers"))).toEqual(["page:first"]);
      await custodian.close();
    });

    test("an agent whose next keys nobody can read is given no page; one with a page can take them in", async () => {
      const toPage = `perdure.codeOf(() => perdure.rotate("", "page:late"))`;
      expect(await page.evaluate(toPage)).toBe("unsupported-platform");
      const custodian = await chromium.profile();
      const tab = await custodian.open(server.origin);
      await on(tab, "open", { ...join_, join: relay.address, recoveryFile: "page:first" });
      await on(tab, "takeIn", "page:first");
      const keys = await on(tab, "storedKeys");
      for (const key of keys) expect(key).toMatchObject({ extractable: false, exports: 0 });
      const { hash } = createNodeCrypto();
      const { seed } = parseRecovery(hash, (await on(tab, "papers"))["page:first"] ?? "");
      expect(keys.map(({ publicKey }) => publicKey)).toContain(publicOf("ed25519", chainSeed(hash, seed, 2)));
      expect((await on(tab, "storedBytes")).join(" ")).not.toContain(hex(seed));
      const [rotated] = await on(tab, "rotate", "", "");
      expect(rotated).toBe(publicOf("ed25519", chainSeed(hash, seed, 2)));
      await custodian.close();
    });

    test("the example page makes an agent, sends, and shows the answer", async () => {
      await using served = serving(desk, async (_mail, turn) => await turn.reply("I read you"));
      const visitor = await profile.open(example.origin);
      const fill = (form: string, values: Readonly<Record<string, string>>): Promise<void> =>
        visitor.evaluate(`{
          const form = document.getElementById("${form}");
          for (const [name, value] of Object.entries(${JSON.stringify(values)})) form.elements[name].value = value;
          form.requestSubmit();
        }`);
      const shows = (text: string) => async () => (await visitor.evaluate<string>("document.body.innerText")).includes(text);
      await until("the form is there", shows("Make an agent"));
      await fill("join", { relay: relay.address, name: "visitor" });
      await until("it is connected", shows("@visitor at"));
      await fill("send", { to: "@desk", text: "Do you read me?" });
      await until("the answer is shown", shows("I read you"));
      await until("the message is done", shows("done"));
      expect(served.mails).toHaveLength(1);
    });

    test("a page of another origin is not let in", async () => {
      const other = await profile.open(elsewhere.origin);
      const options = JSON.stringify({ ...join_, join: relay.address });
      expect(await other.evaluate(`perdure.codeOf(() => perdure.open(${options}))`)).toBe("relay-unreachable");
    });

    test("a browser whose disk is full says so, loses nothing, and goes on when there is room", async () => {
      await using served = serving(desk);
      const narrow = await chromium.profile();
      const small = await narrow.open(`${server.origin}/empty`);
      await small.call("Storage.overrideQuotaForOrigin", { origin: server.origin, quotaSize: 1_500_000 });
      await small.goTo(server.origin);
      await on(small, "open", { ...join_, join: relay.address });
      const send = (): Promise<string> => small.evaluate(`perdure.codeOf(() => perdure.send("@desk", "x".repeat(100_000)))`);
      const results: string[] = [];
      await until("the disk is full", async () => results[results.push(await send()) - 1] === "disk-full");
      await small.call("Storage.overrideQuotaForOrigin", { origin: server.origin });
      await until("there is room again", async () => results[results.push(await send()) - 1] !== "disk-full");
      const taken = results.filter((result) => result !== "disk-full");
      expect(await on(small, "sent")).toEqual(taken);
      for (const each of taken) expect(await on(small, "endOf", each)).toBe("done");
      expect(served.mails.map(({ mail }) => mail.id as string).sort()).toEqual(taken.sort());
      await narrow.close();
    });
  });
}
