import { readFileSync } from "node:fs";
import process from "node:process";
import { describe, expect, test } from "vitest";
import { fromHex, hex } from "../../wire/bytes.ts";
import { ed25519Conformance } from "../conformance/ed25519-conformance.ts";
import { keysFrom, NOT_CANONICAL_SMALL_ORDER, smallOrderEncodings } from "../conformance/ed25519-craft.ts";
import { disagreementCases, type VerdictCase } from "../conformance/ed25519-disagreement.ts";
import { disagreements, shownOf, type Verify, wrongVerdicts } from "../conformance/ed25519-verdicts.ts";
import { admitsSignature } from "../ed25519-encoding.ts";
import { admitsKey, createKeyAdmission, verifyByPoints } from "../ed25519-rule.ts";
import { createDraws } from "../simulated/draws.ts";
import { createNodeCrypto } from "./crypto.ts";
import { createNodeKeyAdmission } from "./key-admission.ts";
import { createNodeSignatures } from "./signatures.ts";
import { libsodiumAsItComes, libsodiumBehindTheRule, nobleAsItComes, opensslAsItComes, saysOf } from "./test-ed25519-libraries.ts";

/** What a test of this length can hold; `scripts/ed25519-agreement.ts` compares 100,000. */
const SAMPLE = 5_000;

const bytes = (text: string): Uint8Array => fromHex(text) as Uint8Array;
function read<Content>(name: string): Content {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8")) as Content;
}

type Says = ReturnType<typeof saysOf>;
const file = read<{
  readonly node: string;
  readonly openssl: string;
  readonly vectors: readonly (VerdictCase & { readonly says: Says })[];
}>("ed25519-disagreement");
const wycheproof = read<{ readonly vectors: readonly VerdictCase[] }>("wycheproof/ed25519").vectors;
/** A flag tells what is odd about a signature; the rule accepts the one vector that has none. */
const cctv = read<{
  readonly vectors: readonly (Omit<VerdictCase, "what" | "valid"> & { readonly number: number; readonly flags: readonly string[] })[];
}>("cctv/ed25519").vectors.map(
  (each): VerdictCase => ({ ...each, what: `${each.number}: ${each.flags.join(", ")}`, valid: each.flags.length === 0 }),
);
const lists = { "ed25519-disagreement": file.vectors, wycheproof, cctv };

const admits = createKeyAdmission();
const byNode: Verify = createNodeSignatures().verify;
const byPoints: Verify = (key, message, signature) => verifyByPoints(key, message, signature, admits);
const bySodium: Verify = (key, message, signature) => libsodiumBehindTheRule(admits)({ key, message, signature });

describe("I11: small-order and torsioned keys, torsioned R, encodings that are not canonical, and S + L are refused by every verifier", () => {
  ed25519Conformance("this machine", () => byNode, lists);
  ed25519Conformance("curve points", () => verifyByPoints, lists);
  ed25519Conformance("libsodium behind the rule", () => bySodium, lists);
});

describe("the vectors on which libraries disagree", () => {
  test("are what the list says (run `node scripts/ed25519-vectors.ts`)", () => {
    expect(file.vectors.map(({ says: _, ...rest }) => rest)).toEqual(disagreementCases());
  });

  test("say what the libraries say", () => {
    for (const each of file.vectors) {
      const { openssl, ...others } = saysOf(shownOf(each));
      const { openssl: saidOpenssl, ...saidOthers } = each.says;
      expect(others, each.what).toEqual(saidOthers);
      // Node's own check of points came in the middle of a major version.
      if (file.node === process.versions.node) expect(openssl, each.what).toBe(saidOpenssl);
    }
  });

  test.each([
    ["OpenSSL", opensslAsItComes],
    ["libsodium", libsodiumAsItComes],
    ["noble", nobleAsItComes(true)],
    ["noble by RFC 8032", nobleAsItComes(false)],
  ])("%s alone accepts some that the rule refuses, and refuses none it accepts", async (_, verify) => {
    const wrong = await wrongVerdicts((key, message, signature) => verify({ key, message, signature }), file.vectors);
    expect(wrong.length).toBeGreaterThan(0);
    expect(wrong.filter((line) => line.endsWith("refused"))).toEqual([]);
  });

  test("without admission of keys the suite is red", async () => {
    const lenient = createNodeSignatures(() => true);
    const wrong = await wrongVerdicts(lenient.verify, file.vectors);
    expect(wrong).toContain("torsion 1 in the key, which [k]A loses: accepted");
    const verifiers = { lenient: lenient.verify, byPoints };
    expect((await disagreements(verifiers, createDraws("without admission"), 200)).length).toBeGreaterThan(0);
  });
});

describe("a random sample", () => {
  test(`of ${SAMPLE} signatures gets the same verdict from OpenSSL, curve points and libsodium`, { timeout: 300_000 }, async () => {
    expect(await disagreements({ byNode, byPoints, bySodium }, createDraws("agreement"), SAMPLE)).toEqual([]);
  });
});

describe("admission", () => {
  test.each(smallOrderEncodings())("refuses the key %s of small order, and as R", (encoding) => {
    expect(admitsKey(bytes(encoding))).toBe(false);
    expect(admitsSignature(bytes(`${encoding}${"00".repeat(32)}`))).toBe(false);
  });

  test("refuses y of p or more, whatever the point", () => {
    for (let above = 0; above < 19; above++) {
      for (const top of [0x7f, 0xff]) {
        const encoded = new Uint8Array(32).fill(0xff);
        encoded.set([0xed + above], 0);
        encoded.set([top], 31);
        expect(admitsKey(encoded), hex(encoded)).toBe(false);
        expect(admitsSignature(bytes(`${hex(encoded)}${"00".repeat(32)}`))).toBe(false);
      }
    }
    expect(NOT_CANONICAL_SMALL_ORDER).toHaveLength(6);
  });

  test("refuses every torsioned key and no other", () => {
    for (let round = 0; round < 4; round++) {
      expect(admitsKey(keysFrom(`admission ${round}`, 0).publicKey)).toBe(true);
      for (let torsion = 1; torsion < 8; torsion++) expect(admitsKey(keysFrom(`admission ${round}`, torsion).publicKey)).toBe(false);
    }
    expect(admitsKey(new Uint8Array(31))).toBe(false);
  });

  test("by X25519 says of every encoding what curve points say", () => {
    const byX25519 = createNodeKeyAdmission();
    const draws = createDraws("admission by X25519");
    const torsioned = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((torsion) =>
      Array.from({ length: 12 }, (_, round) => keysFrom(`X25519 ${round}`, torsion).publicKey),
    );
    // Of these half are no points, and of the points an eighth has no torsion.
    const drawn = Array.from({ length: 300 }, () => draws.bytes(32));
    const edges = ["00", "01", "02", "ec", "ed", "ee", "ff"].flatMap((low) => [`${low}${"00".repeat(31)}`, `${low}${"ff".repeat(30)}7f`]);
    const keys = [...torsioned, ...drawn, ...[...smallOrderEncodings(), ...edges].map(bytes), new Uint8Array(31), new Uint8Array(0)];
    for (const key of keys) expect(byX25519(key), hex(key)).toBe(admitsKey(key));
    expect(keys.filter(byX25519).length).toBeGreaterThan(12);
  });

  test("by X25519 multiplies by a number that it takes as it is, and that no point off the subgroup survives", () => {
    const [p, l] = [2n ** 255n - 19n, 2n ** 252n + 27742317777372353535851937790883648493n];
    const number = 5n * l - 1n;
    expect([number % 8n, number >> 254n]).toEqual([0n, 1n]);
    const common = (one: bigint, other: bigint): bigint => (other === 0n ? one : common(other, one % other));
    for (const order of [5n * l, 5n * l - 2n]) expect(common(2n * p + 2n - 8n * l, order)).toBe(1n);
  });

  test("takes S up to L - 1", () => {
    const r = hex(keysFrom("R", 0).publicKey);
    const belowL = "ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    expect(admitsSignature(bytes(`${r}${belowL}`))).toBe(true);
    expect(admitsSignature(bytes(`${r}${belowL.replace("ec", "ed")}`))).toBe(false);
    expect(admitsSignature(bytes(`${r}${"ff".repeat(32)}`))).toBe(false);
    expect(admitsSignature(bytes(`${r}${belowL}00`))).toBe(false);
  });

  test("remembers a bounded number of keys and answers alike when one comes back", () => {
    const small = createKeyAdmission(2);
    const keys = [0, 1, 2, 3].map((torsion) => keysFrom("remembered", torsion).publicKey);
    for (let round = 0; round < 2; round++) expect(keys.map(small)).toEqual([true, false, false, false]);
  });
});

describe("X25519 on the vectors of wycheproof", () => {
  const vectors = read<{ readonly vectors: readonly Readonly<Record<"what" | "public" | "private" | "shared", string>>[] }>(
    "wycheproof/x25519",
  ).vectors;
  const { encapsulation } = createNodeCrypto();
  const zero = "00".repeat(32);

  test("agrees on every shared secret, and on none with points of small order", async () => {
    for (const each of vectors) {
      const agreed = encapsulation.agree(await encapsulation.load(bytes(each.private)), bytes(each.public));
      if (each.shared === zero) await expect(agreed, each.what).rejects.toMatchObject({ code: "bad-argument" });
      else expect(hex(await agreed), each.what).toBe(each.shared);
    }
    expect(vectors.filter(({ shared }) => shared === zero).length).toBeGreaterThan(20);
  });
});
