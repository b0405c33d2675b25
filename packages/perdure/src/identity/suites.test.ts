import { describe, expect, it } from "vitest";
import { equalBytes } from "../wire/bytes.ts";
import { type AgentRecord, identityBundle, RECORD_EXTENSIONS } from "../wire/identity.ts";
import { signRecord } from "./agent-record.ts";
import { encodeBundle } from "./bundle.ts";
import { commonSuites, saysSuites, withSuites } from "./suites.ts";
import { crypto, NOW_MS, newIdentity } from "./test-machine.ts";
import { verifyBundle } from "./verify.ts";

const saying = (...extensions: AgentRecord["extensions"]): AgentRecord => ({ extensions }) as unknown as AgentRecord;
const suites = (...bytes: number[]) => ({ code: RECORD_EXTENSIONS.suites, bytes: Uint8Array.from(bytes) });

describe("the suites of a record", () => {
  it("are suite 1 and those it names, in pairs of bytes; half a pair is nothing", () => {
    expect(commonSuites([saying()])).toEqual([1]);
    expect(commonSuites([saying(suites(0, 2))])).toEqual([1, 2]);
    expect(commonSuites([saying(suites(0, 2, 1, 7, 0))])).toEqual([1, 2, 263]);
  });

  it("are those that every instance reads", () => {
    expect(commonSuites([saying(suites(0, 2)), saying(suites(0, 2))])).toEqual([1, 2]);
    expect(commonSuites([saying(suites(0, 2)), saying()])).toEqual([1]);
    expect(commonSuites([])).toEqual([]);
  });

  it("are said beside what else a record says, and once", () => {
    const other = { code: 9, bytes: Uint8Array.of(1) };
    const said = withSuites([other]);
    expect(said.map(({ code }) => code)).toEqual([1, 9]);
    expect(withSuites(said)).toEqual(said);
    expect([saysSuites(saying(...said)), saysSuites(saying(other)), saysSuites(saying(suites(0, 2, 0, 3)))]).toEqual([true, false, false]);
  });

  it("are signed: nobody on the way can say them, or leave them out", async () => {
    const own = await newIdentity("anna");
    const parts = identityBundle.decode(own.bundle());
    const [seen] = (await verifyBundle(crypto, own.bundle(), NOW_MS)).records;
    const { instanceKey } = own;
    const silent = await signRecord(crypto, instanceKey, { ...(seen as AgentRecord), extensions: [] });
    const bundle = encodeBundle({ ...parts, records: [silent] });
    expect((await verifyBundle(crypto, bundle, NOW_MS)).suites, "its own word").toEqual([1]);
    const stranger = await newIdentity("mallory");
    const forged = await signRecord(crypto, stranger.instanceKey, { ...(seen as AgentRecord), extensions: [] });
    await expect(verifyBundle(crypto, encodeBundle({ ...parts, records: [forged] }), NOW_MS)).rejects.toMatchObject({
      code: "bad-signature",
    });
    expect(equalBytes(own.bundle(), bundle)).toBe(false);
  });
});
