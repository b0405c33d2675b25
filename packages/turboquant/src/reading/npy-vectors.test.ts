import { expect, test } from "vitest";
import { openVectors } from "./open-vectors.ts";
import { fileOf, type NpyParts, npyBytes, readAll } from "./test-file.ts";

const bytesOf = (array: { readonly buffer: ArrayBufferLike }): Uint8Array => new Uint8Array(array.buffer.slice(0));
const npy = (parts: NpyParts) => fileOf("x.npy", npyBytes(parts), 7);

/** What numpy 2.4.6 wrote for numpy.save(path, numpy.array([[1.5, -2], [0, 65504]], dtype="float16")). */
const OF_NUMPY =
  "934e554d5059010076007b276465736372273a20273c6632272c2027666f727472616e5f6f72646572273a2046616c73652c20277368617065273a2028322c2032292c207d202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020202020200a003e00c00000ff7b";

test("a file that numpy wrote", async () => {
  const bytes = Uint8Array.from(OF_NUMPY.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const { rows, says } = await readAll(fileOf("x.npy", bytes));
  expect(rows).toEqual([
    [1.5, -2],
    [0, 65504],
  ]);
  expect(says).toBe("npy, float16");
});

test.each([
  ["'<f4'", bytesOf(Float32Array.of(1, -2, 3, 0.5)), [1, -2, 3, 0.5]],
  ["'<f8'", bytesOf(Float64Array.of(1, -2, 3, 0.5)), [1, -2, 3, 0.5]],
  ["'<f2'", bytesOf(Uint16Array.of(0x3c00, 0x0001, 0x8000, 0x3555)), [1, 2 ** -24, -0, Math.fround(0.333251953125)]],
  ["'>f4'", Uint8Array.of(0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0, 0, 0), [1, -2, 0, 0.5]],
  ["'|i1'", bytesOf(Int8Array.of(1, -128, 127, 0)), [1, -128, 127, 0]],
  ["'|u1'", bytesOf(Uint8Array.of(1, 128, 255, 0)), [1, 128, 255, 0]],
  ["'<i2'", bytesOf(Int16Array.of(1, -300, 300, 0)), [1, -300, 300, 0]],
  ["'>u2'", Uint8Array.of(1, 0, 0, 1, 0, 0, 255, 255), [256, 1, 0, 65535]],
  ["'<u4'", bytesOf(Uint32Array.of(1, 2 ** 24, 3, 0)), [1, 2 ** 24, 3, 0]],
  ["'<i4'", bytesOf(Int32Array.of(1, -(2 ** 24), 3, 0)), [1, -(2 ** 24), 3, 0]],
  ["'<i8'", bytesOf(BigInt64Array.of(1n, -5n, 3n, 0n)), [1, -5, 3, 0]],
  ["'<u8'", bytesOf(BigUint64Array.of(1n, 5n, 3n, 0n)), [1, 5, 3, 0]],
] as const)("numbers of type %s", async (descr, data, numbers) => {
  const { rows } = await readAll(npy({ descr, data, shape: "(2, 2)" }));
  expect(rows.flat()).toEqual(numbers);
});

test.each([1, 2, 3])("version %i", async (version) => {
  const { rows } = await readAll(npy({ version, data: bytesOf(Float32Array.of(3, 4)) }));
  expect(rows).toEqual([[3, 4]]);
});

test("more rows than are read at once, in pieces of any length", async () => {
  const numbers = Float32Array.from({ length: 300_000 }, (_, at) => at % 1013);
  const bytes = npyBytes({ shape: "(100000, 3)", data: bytesOf(numbers) });
  const { rows, batches } = await readAll(fileOf("x.npy", bytes, 65_521));
  expect(batches.length).toBeGreaterThan(1);
  expect(rows.flat()).toEqual([...numbers]);
  expect(batches.map(({ first }) => first)).toEqual(
    batches.map((_, at) => batches.slice(0, at).reduce((sum, { count }) => sum + count, 0)),
  );
  expect(batches.at(-1)?.bytesRead).toBe(bytes.length);
});

test.each<[string, NpyParts, RegExp]>([
  ["objects", { descr: "'|O'" }, /values of type "\|O"/],
  ["complex numbers", { descr: "'<c8'" }, /values of type "<c8"/],
  ["truth values", { descr: "'|b1'" }, /values of type "\|b1"/],
  ["a name every object has", { descr: "'constructor'" }, /values of type "constructor"/],
  ["what moves a terminal", { descr: "'\u001b[2J\u007f'" }, /values of type "\\u001b\[2J\?"/],
  ["records", { descr: "[('x', '<f4'), ('y', '<f4')]" }, /records/],
  ["columns after each other", { order: "True", shape: "(2, 2)", data: new Uint8Array(16) }, /column by column/],
  ["one dimension", { shape: "(2,)" }, /shape \(2\)/],
  ["three dimensions", { shape: "(1, 1, 2)" }, /shape \(1, 1, 2\)/],
  ["no rows", { shape: "(0, 2)", data: new Uint8Array(0) }, /no rows/],
  ["more numbers than can be counted", { shape: "(9007199254740991, 8)" }, /no array has the shape/],
  ["one column", { shape: "(2, 1)" }, /vectors of 1 coordinates/],
  ["too many columns", { shape: "(1, 8193)" }, /vectors of 8193 coordinates/],
  ["fewer bytes than it says", { shape: "(2, 2)" }, /cut short: 136 of 144 bytes/],
  ["more bytes than it says", { data: new Uint8Array(9) }, /1 bytes stand behind/],
  ["a version of the future", { version: 4 }, /version 4/],
  ["a header without a shape", { shape: "None" }, /header .* cannot be understood/],
  ["NaN", { data: bytesOf(Float32Array.of(1, Number.NaN)) }, /row 1, column 2 is NaN/],
  ["what no 32-bit float can be", { descr: "'<f8'", data: bytesOf(Float64Array.of(1e39, 1)) }, /row 1, column 1 is 1e\+39/],
])("%s: refused", async (_, parts, message) => {
  await expect(readAll(npy(parts))).rejects.toMatchObject({
    code: "bad-input",
    message: expect.stringMatching(message) as unknown,
    hint: expect.anything() as unknown,
  });
});

test.each([
  ["something else", "id,a,b\n", /does not begin/],
  ["an archive", "PK\u0003\u0004", /does not begin/],
  ["the magic alone", Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), /ends within its header/],
  ["a header cut off", npyBytes({}).subarray(0, 60), /ends within its header/],
  [
    "a header of a gigabyte",
    Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0, 0, 0, 0, 64, 1, 1),
    /the header says it has 1073741824 bytes/,
  ],
  ["nothing", "", /empty/],
])("%s: refused", async (_, content, message) => {
  await expect(readAll(fileOf("x.npy", content))).rejects.toMatchObject({
    code: "bad-input",
    message: expect.stringMatching(message) as unknown,
  });
});

test("a file that becomes shorter while it is read", async () => {
  const whole = fileOf("x.npy", npyBytes({ shape: "(2, 2)", data: new Uint8Array(16) }));
  const shrinking = {
    ...whole,
    read: (from: number) => fileOf("x.npy", npyBytes({ shape: "(2, 2)", data: new Uint8Array(9) })).read(from),
  };
  await expect(readAll(shrinking)).rejects.toMatchObject({ code: "bad-input", message: "the file ends in row 2 of 2" });
});

test("no more is read than is asked for: a file may be larger than memory", async () => {
  const row = 4 * 256;
  const count = 1_000_000;
  const head = npyBytes({ shape: `(${count}, 256)`, data: new Uint8Array(0) });
  let given = 0;
  const source = {
    name: "x.npy",
    size: head.length + count * row,
    read: async function* (from: number) {
      if (from === 0) yield head;
      for (let at = 0; at < count * row; at += 65_536) {
        given += 65_536;
        yield new Uint8Array(65_536);
      }
    },
  };
  const file = await openVectors(source);
  for await (const { values } of file.batches()) {
    expect(values.length).toBeLessThanOrEqual(2 ** 18);
    break;
  }
  expect(given).toBeLessThan(2 ** 22);
});
