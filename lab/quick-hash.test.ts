import { describe, expect, test } from "vitest";
import { hex } from "../packages/perdure/src/wire/bytes.ts";
import { createQuickHash } from "./quick-hash.ts";

const hash = createQuickHash();
const bytes = (length: number, seed: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7 + seed * 31) & 255);

/** 48 inputs and each of them with one bit changed, lengthened and shortened. */
function* nearlyTheSame(): Generator<Uint8Array> {
  for (let length = 0; length < 48; length++) {
    const whole = bytes(length, 1);
    yield whole;
    yield Uint8Array.from([...whole, 0]);
    for (let bit = 0; bit < 8 * length; bit++) {
      const changed = whole.slice();
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      yield changed;
    }
  }
}

describe("the quick hash", () => {
  test("tells inputs apart that differ in a bit or in their length, by either half of it", () => {
    const inputs = new Set<string>();
    const halves = [new Set<string>(), new Set<string>()];
    for (const input of nearlyTheSame()) {
      inputs.add(hex(input));
      const text = hex(hash.sha256(input));
      halves[0]?.add(text.slice(0, 32));
      halves[1]?.add(text.slice(32));
    }
    expect(halves.map((half) => half.size)).toEqual([inputs.size, inputs.size]);
  });

  test("changes about half of its bits with one of the input", () => {
    let changed = 0;
    for (let bit = 0; bit < 256; bit++) {
      const input = bytes(32, 2);
      const before = hash.sha256(input);
      input[bit >> 3] = (input[bit >> 3] as number) ^ (1 << (bit & 7));
      const after = hash.sha256(input);
      for (const [at, byte] of before.entries()) for (let each = byte ^ (after[at] as number); each > 0; each &= each - 1) changed++;
    }
    expect(changed / 256 / 256).toBeGreaterThan(0.48);
    expect(changed / 256 / 256).toBeLessThan(0.52);
  });

  test("depends on key, secret, salt and info, and has the lengths of the real one", () => {
    const [a, b, c] = [bytes(32, 1), bytes(32, 2), bytes(32, 3)];
    const all = [
      hash.sha256(a),
      hash.hmacSha256(a, b),
      hash.hmacSha256(b, a),
      hash.hkdfSha256(a, b, c, 32),
      hash.hkdfSha256(b, a, c, 32),
      hash.hkdfSha256(a, b, a, 32),
    ];
    expect(new Set(all.map(hex)).size).toBe(all.length);
    expect(all.every(({ length }) => length === 32)).toBe(true);
    const long = hash.hkdfSha256(a, b, c, 1001);
    expect(long.length).toBe(1001);
    expect(new Set(Array.from({ length: 62 }, (_, at) => hex(long.subarray(at * 16, at * 16 + 16)))).size).toBe(62);
    expect(long.subarray(0, 32)).toEqual(hash.hkdfSha256(a, b, c, 32));
  });
});
