import { expect, test } from "vitest";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createWorld } from "../host/simulated/index.ts";
import { replaceFile } from "../identity/whole-file.ts";
import { openOwnerToken } from "./owner-token.ts";

function machine() {
  const world = createWorld({ seed: "token", hash: createNodeCrypto().hash, cryptoOrder: "at-once" });
  const host = world.host("relay");
  const open = () => world.complete(openOwnerToken(host, "post"));
  const put = (bytes: Uint8Array) => world.complete(replaceFile(host.files, "post/owner-token", bytes));
  return { open, put };
}

test("stays the same from start to start", async () => {
  const { open } = machine();
  const { text } = await open();
  expect((await open()).text).toBe(text);
});

test.each([
  ["is no text", new Uint8Array([0x61, 0xff, 0xfe])],
  ["is empty", new Uint8Array(0)],
])("a file that %s keeps no relay from starting: a new one is drawn once", async (_, bytes) => {
  const { open, put } = machine();
  await open();
  await put(bytes);
  const text = await open().then(
    (token) => token.text,
    () => "",
  );
  expect(text.length).toBeGreaterThan(20);
  expect((await open()).text).toBe(text);
});
