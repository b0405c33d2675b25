import { describe, expect, it } from "vitest";
import { sleep } from "../host/deadline.ts";
import type { TlsMaterial } from "../host/net.ts";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createWorld } from "../host/simulated/index.ts";
import { replaceFile } from "../identity/whole-file.ts";
import { fromUtf8, utf8 } from "../wire/bytes.ts";
import { readTls, watchTls } from "./tls-files.ts";

const PATHS = { certificateFile: "tls/cert.pem", keyFile: "tls/key.pem" };

async function stage() {
  const world = createWorld({ seed: 1, hash: createNodeCrypto().hash });
  const { files, clock } = world.host("relay");
  const put = async (certificate: string, key: string): Promise<void> => {
    await world.complete(replaceFile(files, PATHS.certificateFile, utf8(certificate)));
    await world.complete(replaceFile(files, PATHS.keyFile, utf8(key)));
  };
  await put("one", "one");
  const taken: string[] = [];
  const failed: string[] = [];
  const renew = ({ certificate, key }: TlsMaterial): void => {
    if (fromUtf8(certificate) !== fromUtf8(key)) throw new Error("they do not belong together");
    taken.push(fromUtf8(certificate));
  };
  const inUse = await world.complete(readTls(files, PATHS));
  const stop = watchTls({
    files,
    clock,
    paths: PATHS,
    inUse,
    everyMs: 1000,
    renew,
    renewed: () => {},
    failed: (why) => void failed.push(why),
  });
  const pass = (ms: number): Promise<void> => world.complete(sleep(clock, ms));
  return { world, pass, files, put, taken, failed, stop };
}

describe("certificate files of a relay", () => {
  it("are taken when they change, and only then", async () => {
    const { pass, put, taken, failed } = await stage();
    await pass(5000);
    expect(taken).toEqual([]);
    await put("two", "two");
    await pass(5000);
    expect([taken, failed]).toEqual([["two"], []]);
  });

  it("that cannot be used change nothing and are said once", async () => {
    const { world, pass, files, put, taken, failed } = await stage();
    await put("two", "one");
    await pass(10_000);
    expect([taken, failed]).toEqual([[], ["they do not belong together"]]);
    await world.complete(files.remove(PATHS.keyFile));
    await pass(10_000);
    expect(failed.slice(1)).toEqual([expect.stringContaining("there is no file tls/key.pem")]);
    await put("two", "two");
    await pass(2000);
    expect(taken).toEqual(["two"]);
  });

  it("are left alone when the relay has stopped", async () => {
    const { pass, put, taken, stop } = await stage();
    stop();
    await put("two", "two");
    await pass(5000);
    expect(taken).toEqual([]);
  });
});
