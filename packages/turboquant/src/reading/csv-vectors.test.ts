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

const TABLE = 'id,text,x-1,x-2,label\nn1,some text,0.5,-2,7\nn2,"more, text",3,0.25,8\n';

test.each([
  ["by places", TABLE, { columns: "3-4" }, ["n1", "n2"]],
  ["by names, with lines in them", TABLE, { columns: "x-1-x-2" }, ["n1", "n2"]],
  ["one by one", TABLE, { columns: "x-1, 4" }, ["n1", "n2"]],
  ["with other ids, by name", TABLE, { columns: "3-4", idColumn: "label" }, [7, 8]],
  ["with other ids, by place", TABLE, { columns: "x-1-x-2", idColumn: "2" }, ["some text", "more, text"]],
  ["without a header", "n1,t,0.5,-2\nn2,u,3,0.25\n", { columns: "3-4" }, ["n1", "n2"]],
  ["without a header or ids", "0.5,-2,t\n3,0.25,u\n", { columns: "1-2" }, []],
  ["with tabs", TABLE.replace('"more, text"', "more").replaceAll(",", "\t"), { columns: "3-4" }, ["n1", "n2"]],
  ["beside arrays", 'n1,"[9, 9]",0.5,-2\nn2,"[9, 9]",3,0.25\n', { columns: "3-4" }, ["n1", "n2"]],
  ["under figures of pandas", "id,text,0,1,2\nn1,t,9,0.5,-2\nn2,u,9,3,0.25\n", { columns: "1-2" }, ["n1", "n2"]],
  ["ids behind all numbers", "0.5,-2,n1\n3,0.25,n2\n", { idColumn: "3" }, ["n1", "n2"]],
  ["ids among numbers, that begin with their place", "2,0.5,-2\n8,3,0.25\n", { idColumn: "1" }, [2, 8]],
  ["ids that begin with the place that is wished", "1,0.5,-2\n8,3,0.25\n", { idColumn: "1" }, [1, 8]],
] as const)("columns %s", async (_, content, wishes, ids) => {
  const read = await readAll(csv(content, 1000), wishes);
  expect(read.rows).toEqual(ROWS);
  expect(read.ids).toEqual(ids);
});

test("columns in another order are coordinates in that order", async () => {
  expect((await readAll(csv("a,b,c,d\n1,2,3,4\n"), { columns: "d,a-b" })).rows).toEqual([[4, 1, 2]]);
});

test("figures that count up are a header over names of rows as well, and two of them a vector", async () => {
  expect((await readAll(csv("word,0,1,2\na,3,4,5\n"))).rows).toEqual([[3, 4, 5]]);
  expect((await readAll(csv("a,0,1\nb,3,4\n"))).ids).toEqual(["a", "b"]);
});

test("what a file was taken for says by what it is separated, and where things stand", async () => {
  for (const [content, wishes, says] of [
    ["x\ty\n1\t2\n", {}, "tsv, line 1 is a header, coordinates in columns 1 to 2, no ids"],
    ["1;2\n", {}, "csv, no header, coordinates in columns 1 to 2, no ids"],
    [TABLE, { columns: "3-4" }, "csv, line 1 is a header, coordinates in columns 3 to 4, ids in column 1"],
    ["1,2,3,4,5,6,7\n", { columns: "7,1-5" }, "csv, no header, coordinates in columns 7, 1, 2, 3, 4, …, no ids"],
  ] as const)
    expect((await readAll(csv(content), wishes)).says).toBe(says);
});

test("where texts stand among numbers, the hint names the numbers", async () => {
  await expect(readAll(csv("7,text,0.5,-2,1,t\n8,more,3,0.25,2,u\n"))).rejects.toMatchObject({ hint: /as --columns 3-5; or/ });
  // Which may be a row with a hole as well.
  await expect(readAll(csv("7,,0.5,-2,1\n"))).rejects.toMatchObject({ hint: /^Where a coordinate is missing, .* as --columns 3-5; or/ });
});

test.each([
  ["a word among numbers", "1,2\n3,x\n", /line 2, column 2 is "x"/],
  ["nothing among numbers", "1,2\n3, \n", /line 2, column 2 is empty/],
  ["NaN", "1,2\n3,nan\n", /line 2, column 2 is "nan"/],
  ["an infinity", "1,2\n-inf,1\n", /line 2, column 1 is "-inf"/],
  ["more than a 32-bit float", "1,2\n1,1e39\n", /line 2, column 2 is "1e39"/],
  ["nothing among the first numbers", "id,x,y\na,,2\n", /in the first row column 2 is empty/],
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
  ["a place in a range that is not there", "1,2,3\n", { columns: "2-4" }, /no column "2-4"/],
  ["a name in a range that is not there", "x,y,z\n1,2,3\n", { columns: "x-u" }, /no column "x-u"/],
  ["a range that runs backwards", "1,2,3\n", { columns: "3-2" }, /columns "3-2" run backwards/],
  ["a column twice", "1,2,3\n", { columns: "1-2,2" }, /column 2 is among columns "1-2,2" twice/],
  ["no columns", "1,2,3\n", { columns: "" }, /no column ""/],
  ["ids that are a coordinate too", "1,2,3\n", { columns: "1-3", idColumn: "1" }, /column 1 is to be the ids, and a coordinate too/],
  ["arrays and columns", 'a,"[1, 2]",3,4\n', { columns: "3-4", vectorColumn: "2" }, /in one column and in several/],
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
