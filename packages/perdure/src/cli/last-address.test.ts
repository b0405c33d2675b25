import { expect, test } from "vitest";
import { createDisk, createMemoryFiles } from "../host/simulated/index.ts";
import { utf8 } from "../wire/bytes.ts";
import { keepAddress, lastAddress } from "./last-address.ts";

test("a folder no relay ran in has none", async () => {
  expect(await lastAddress(createMemoryFiles(createDisk()), "/relay")).toBeUndefined();
});

test("the last one kept is given back, also when it is shorter than the one before", async () => {
  const files = createMemoryFiles(createDisk());
  await (await files.open("/relay/lock", "write")).sync();
  await keepAddress(files, "/relay", "ws://127.0.0.1:44100/");
  await keepAddress(files, "/relay", "ws://[::1]:80/");
  expect(await lastAddress(files, "/relay")).toBe("ws://[::1]:80");
});

test("what is no address is none", async () => {
  const files = createMemoryFiles(createDisk());
  const file = await files.open("/relay/listens-at", "write");
  await file.write(0, utf8("\0garbage"));
  expect(await lastAddress(files, "/relay")).toBeUndefined();
});
