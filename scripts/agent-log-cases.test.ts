import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { verifyCertificate } from "../packages/perdure/src/identity/certificate.ts";
import { joinLogs, relateLogs } from "../packages/perdure/src/identity/log-ranking.ts";
import { type Bytes, fromHex } from "../packages/perdure/src/wire/bytes.ts";
import { agentLogCases, stateInWords } from "./agent-log-cases.ts";
import type { Json } from "./case-value.ts";

interface Cases {
  readonly valid: readonly { readonly name: string; readonly log: readonly string[]; readonly state: Json }[];
  readonly invalid: readonly { readonly name: string; readonly log: readonly string[]; readonly error: string }[];
  readonly certificates: readonly {
    readonly name: string;
    readonly log: readonly string[];
    readonly certificate: string;
    readonly validUntilMs?: number;
    readonly error?: string;
  }[];
  readonly joins: readonly {
    readonly name: string;
    readonly of: readonly (readonly string[])[];
    readonly relation: string;
    readonly log: readonly string[];
    readonly rival: readonly string[];
  }[];
}

const crypto = createNodeCrypto();
const file = JSON.parse(readFileSync(new URL("../protocol/cases/agent-log.json", import.meta.url), "utf8")) as Cases;
const bytesOf = (log: readonly string[]): readonly Bytes[] => log.map((each) => fromHex(each) as Bytes);

describe("cases of agent logs", () => {
  it("are what the implementation writes", async () => {
    expect(await agentLogCases()).toEqual(file);
  });

  it.each(file.valid.map((each) => [each.name, each] as const))("%s", async (_, { log, state }) => {
    expect(stateInWords(await verifyLog(crypto, bytesOf(log)))).toEqual(state);
  });

  it.each(file.invalid.map((each) => [each.name, each] as const))("refused: %s", async (_, { log, error }) => {
    await expect(verifyLog(crypto, bytesOf(log))).rejects.toMatchObject({ name: "PerdureError", code: error });
  });

  it.each(file.certificates.map((each) => [each.name, each] as const))("a certificate %s", async (_, each) => {
    const said = verifyCertificate(crypto, await verifyLog(crypto, bytesOf(each.log)), fromHex(each.certificate) as Bytes);
    if (each.error === undefined) expect((await said).validUntilMs).toBe(each.validUntilMs);
    else await expect(said).rejects.toMatchObject({ name: "PerdureError", code: each.error });
  });

  it.each(file.joins.map((each) => [each.name, each] as const))("which counts: %s", (_, { of, relation, log, rival }) => {
    const logs = of.map(bytesOf);
    const [one, two] = logs as [readonly Bytes[], readonly Bytes[]];
    expect(relateLogs(one, two)).toBe(relation);
    for (const order of [logs, logs.toReversed()])
      expect(order.map((each) => ({ log: each, rival: [] as readonly Bytes[] })).reduce(joinLogs)).toEqual({
        log: bytesOf(log),
        rival: bytesOf(rival),
      });
  });
});
