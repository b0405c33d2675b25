import fc from "fast-check";
import { expect, test } from "vitest";
import { createCsvReader, LONGEST_RECORD } from "./csv-record.ts";
import { fileOf, readAll } from "./test-file.ts";

const csv = (content: string, piece = 3) => fileOf("x.csv", content, piece);
const ROWS = [
  [0.5, -2],
  [3, 0.25],
];

test.each([
  ["numbers alone", "0.5,-2\n3,2.5e-1\n", []],
  ["without a last end of line", "0.5,-2\n3,.25", []],
  ["ends of lines of Windows, and empty lines", "\r\n0.5,-2\r\n\r\n3,0.25\r\n\r\n", []],
  ["a byte order mark", "\ufeff0.5,-2\n3,0.25\n", []],
  ["spaces around", " 0.5 , -2\n3 ,+0.25\n", []],
  ["tabs", "0.5\t-2\n3\t0.25\n", []],
  ["semicolons", "0.5;-2\n3;0.25\n", []],
  ["spaces between", "0.5  -2\n3 0.25 \n", []],
  ["a header", "x,y\n0.5,-2\n3,0.25\n", []],
  ["numbers in quotes", '"0.5","-2"\n"3","0.25"\n', []],
  ["a header of pandas", "0,1\n0.5,-2\n3,0.25\n", []],
  ["a header of pandas over an index", ",0,1\n0,0.5,-2\n1,3,0.25\n", [0, 1]],
  ["names in front", "apple,0.5,-2\npear,3,0.25\n", ["apple", "pear"]],
  ["names under a header", "fruit,x,y\napple,0.5,-2\npear,3,0.25\n", ["apple", "pear"]],
  ["numbers as names under a header", "id,x,y\n17,0.5,-2\n0018,3,0.25\n", [17, "0018"]],
  ["names as GloVe has them", "the 0.5 -2\nof 3 0.25\n", ["the", "of"]],
  ["arrays alone", '"[0.5, -2]"\n"[3, 0.25]"\n', []],
  ["arrays and names", 'a,"[0.5, -2]"\nb,"[3, 0.25]"\n', ["a", "b"]],
  ["arrays beside texts", 'text,embedding,n\n"it ""said"", and\nwent","[0.5, -2]",1\nb,"[3, 0.25]",2\n', []],
  ["arrays beside texts and ids", 'text,embedding,Id\na,"[0.5, -2]",u-1\nb,"[3, 0.25]",u-2\n', ["u-1", "u-2"]],
] as const)("%s", async (_, content, ids) => {
  for (const piece of [1, 5, 1000]) {
    const read = await readAll(csv(content, piece));
    expect(read.rows).toEqual(ROWS);
    expect(read.ids).toEqual(ids);
  }
});

test("columns that somebody names, or counts", async () => {
  const content = 'id,a,b\n1,"[9, 9]","[0.5, -2]"\n2,"[9, 9]","[3, 0.25]"\n';
  expect((await readAll(csv(content), { vectorColumn: "b", idColumn: "id" })).rows).toEqual(ROWS);
  expect((await readAll(csv(content), { vectorColumn: "3", idColumn: "1" })).ids).toEqual([1, 2]);
  expect((await readAll(csv("7,0.5,-2\n8,3,0.25\n"), { idColumn: "1" })).ids).toEqual([7, 8]);
});

test.each([
  ["a word among numbers", "1,2\n3,x\n", /line 2, column 2 is "x"/],
  ["nothing among numbers", "1,2\n3, \n", /line 2, column 2 is empty/],
  ["NaN", "1,2\n3,nan\n", /line 2, column 2 is "nan"/],
  ["an infinity", "1,2\n-inf,1\n", /line 2, column 1 is "-inf"/],
  ["more than a 32-bit float", "1,2\n1,1e39\n", /line 2, column 2 is "1e39"/],
  ["decimal commas", "0,5;0,7;0,1\n", /column 2 is no number/],
  ["a row too short", "1,2\n3\n", /line 2 has 1 columns, the first row has 2/],
  ["a row too long, under a header and an empty line", "x,y\n\n1,2\n3,4,5\n", /line 4 has 3 columns/],
  ["a header alone", "x,y\n", /below the header stands nothing/],
  ["empty lines", "\n \n\n", /only empty lines/],
  ["one column", "1\n2\n", /vectors of 1 coordinates/],
  ["texts and numbers mixed", "id,text,x,y\n1,abc,2,3\n", /column 2 is no number: "abc"/],
  ["an open quote", '1,2\n"3,4\n5,6\n', /line 2 is never closed/],
  ["a letter behind a quote", '1,2\n"3"x,4\n', /behind the quoted cell 1 of line 2/],
  ["a lone array", '"[1, 2]"\n"[1, 2, 3]"\n', /line 2 has an array of 3 numbers, the first row one of 2/],
  ["an array cut short", '"[1, 2]"\n"[1, 2"\n', /line 2, column 1 is no array of numbers: "\[1, 2"/],
  ["an array of words", '"[1, 2]"\n"[1, ""x""]"\n', /line 2, column 1 is no array/],
  ["an array of numpy", '"[1 2]"\n', /column 1 holds no array/],
  ["an array with too large a number", '"[1, 2]"\n"[1, 1e999]"\n', /row 2, column 2 is Infinity/],
])("%s: refused", async (_, content, message) => {
  await expect(readAll(csv(content))).rejects.toMatchObject({
    code: "bad-input",
    message: expect.stringMatching(message) as unknown,
    hint: expect.anything() as unknown,
  });
});

test("of two things that are wrong the first is told, however the pieces come", async () => {
  for (const piece of [1, 4, 1000])
    await expect(readAll(csv('1,2\n3,x\n"4"5,6\n', piece))).rejects.toMatchObject({ message: 'line 2, column 2 is "x"' });
});

test("text that is not UTF-8", async () => {
  for (const piece of [1, 1000])
    await expect(readAll(fileOf("x.csv", Uint8Array.of(0xff, 0xfe, 0x31, 0), piece))).rejects.toMatchObject({
      message: "the text is UTF-16",
    });
});

test.each([
  ["two columns of arrays", 'a,"[1, 2]","[1, 2]"\n', {}, /columns 2 and 3 hold arrays/],
  ["a column that is not there", "x,y\n1,2\n", { idColumn: "z" }, /no column "z"/],
  ["a place that is not there", "1,2\n", { vectorColumn: "3" }, /no column "3"/],
  ["ids behind the numbers", "x,y,z\n1,2,3\n", { idColumn: "z" }, /not the first/],
])("%s: a wrong call", async (_, content, options, message) => {
  await expect(readAll(csv(content), options)).rejects.toMatchObject({
    code: "bad-argument",
    message: expect.stringMatching(message) as unknown,
  });
});

test("what a cell holds moves no terminal", async () => {
  await expect(readAll(csv("1,2\n1,\u001b[31m\u0007\u009b\u202ex\n"))).rejects.toMatchObject({
    message: 'line 2, column 2 is "\\u001b[31m\\u0007??x"',
  });
});

test("a record has an end, however the pieces come", () => {
  const piece = "1,".repeat(1 << 19);
  const fill = (reader: ReturnType<typeof createCsvReader>, text: string): void => {
    for (let letters = 0; letters <= LONGEST_RECORD; letters += text.length) reader.take(text);
  };
  expect(() => fill(createCsvReader(), piece)).toThrow(/the record at line 1 has more than/);
  expect(() => fill(createCsvReader(), `"${piece}",1\n`)).not.toThrow();
  const open = createCsvReader();
  open.take('1,2\n"');
  expect(() => fill(open, `${piece}\n`)).toThrow(/the record at line 2 has more than/);
});

test("a cell of a million figures takes no longer to refuse than to read", async () => {
  const from = performance.now();
  await expect(readAll(csv(`1,${"2".repeat(1_000_000)}x\n`, 100_000))).rejects.toMatchObject({ code: "bad-input" });
  // Where each way to part the figures was tried, it took hours.
  expect(performance.now() - from).toBeLessThan(10_000);
});

test("whatever cells hold, in pieces of any length: what was written is read", () => {
  const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", ";", " ", "\t", "é", "1"), maxLength: 8 });
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(
      fc.array(fc.array(cell, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 9 }),
      (rows, piece) => {
        // The first record decides what separates: one that says it.
        const records = [["x", "y", "z"], ...rows];
        const text = records.map((row) => `${row.map(quoted).join(",")}\n`).join("");
        const reader = createCsvReader();
        const found = [];
        for (let at = 0; at < text.length; at += piece) found.push(...reader.take(text.slice(at, at + piece)));
        found.push(...reader.end());
        expect(found.map(({ cells }) => cells)).toEqual(records);
        expect(found.map(({ line }) => line)).toEqual(records.map((_, at) => lineOf(records, at)));
      },
    ),
  );
});

function lineOf(records: readonly (readonly string[])[], nth: number): number {
  const before = records.slice(0, nth).flat().join("");
  return 1 + nth + (before.match(/\n/g)?.length ?? 0);
}
