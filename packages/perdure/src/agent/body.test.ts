import { expect, test } from "vitest";
import type { Clock } from "../host/clock.ts";
import { fromUtf8, utf8 } from "../wire/bytes.ts";
import { isPerdureError } from "../wire/error.ts";
import { MAX_MESSAGE_BYTES } from "../wire/limits.ts";
import type { Body } from "./api.ts";
import { readBody } from "./body.ts";

const never: Clock = { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} };
const read = (body: Body, clock: Clock = never, signal?: AbortSignal) => readBody(body, { clock, timeoutMs: 1000, signal });
const codeOf = (error: unknown): string => (isPerdureError(error) ? error.code : String(error));
const failure = async (body: unknown): Promise<string> => await read(body as Body).then(() => "read", codeOf);

test("text travels as UTF-8", async () => {
  expect(await read("grüße")).toEqual({ content: utf8("grüße"), contentType: "text/plain; charset=utf-8", fileName: "" });
});

test("bytes are copied, so that the caller may go on with its buffer", async () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const { content, contentType } = await read(bytes);
  bytes[0] = 9;
  expect([...content]).toEqual([1, 2, 3]);
  expect(contentType).toBe("application/octet-stream");
});

test("a File brings its type and name", async () => {
  expect(await read(new File(["a,b"], "x.csv", { type: "text/csv" }))).toEqual({
    content: utf8("a,b"),
    contentType: "text/csv",
    fileName: "x.csv",
  });
});

test("streams and async iterables are put together", async () => {
  const stream = new Blob(["one ", "two"]).stream() as ReadableStream<Uint8Array>;
  expect(fromUtf8((await read(stream)).content)).toBe("one two");
  const iterable = (async function* () {
    yield utf8("three ");
    yield utf8("four");
  })();
  expect(fromUtf8((await read(iterable)).content)).toBe("three four");
});

test("an empty body of each kind is empty", async () => {
  for (const body of ["", new Uint8Array(0), new Blob([]), new Blob([]).stream() as ReadableStream<Uint8Array>])
    expect((await read(body)).content.length).toBe(0);
});

test("anything plain is JSON", async () => {
  const { content, contentType } = await read({ a: [1, null, true], b: { c: "d" } });
  expect(fromUtf8(content)).toBe('{"a":[1,null,true],"b":{"c":"d"}}');
  expect(contentType).toBe("application/json");
  expect(fromUtf8((await read(42)).content)).toBe("42");
});

test("what JSON would silently change is refused", async () => {
  const loop: Record<string, unknown> = {};
  loop.self = loop;
  for (const body of [undefined, Number.NaN, { a: undefined }, [() => 1], new Date(0), new Map(), new ArrayBuffer(4), 3n, loop]) {
    expect(await failure(body)).toBe("bad-argument");
  }
});

test("text that is not Unicode is refused", async () => {
  expect(await failure("\ud800")).toBe("bad-argument");
});

test("the limit is exact", async () => {
  expect((await read(new Uint8Array(MAX_MESSAGE_BYTES))).content.length).toBe(MAX_MESSAGE_BYTES);
  expect(await failure(new Uint8Array(MAX_MESSAGE_BYTES + 1))).toBe("too-large");
  expect(await failure(new Blob([new Uint8Array(MAX_MESSAGE_BYTES + 1)]))).toBe("too-large");
});

test("an endless stream is read no further than the limit, and told to end", async () => {
  let pulled = 0;
  let returned = false;
  const endless = (async function* () {
    try {
      for (;;) {
        pulled++;
        yield new Uint8Array(1024 * 1024);
      }
    } finally {
      returned = true;
    }
  })();
  const error = await read(endless).catch((caught: unknown) => caught);
  expect(codeOf(error)).toBe("too-large");
  expect((error as Error).message).toContain("8 MiB");
  expect(pulled).toBe(9);
  expect(returned).toBe(true);
});

test("a stream of text is refused, not guessed at", async () => {
  const texts = (async function* () {
    yield "text";
  })();
  expect(await failure(texts)).toBe("bad-argument");
});

test("a silent stream ends in timed-out", async () => {
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const impatient: Clock = {
    ...never,
    after: (_delayMs, then) => {
      queueMicrotask(then);
      return () => {};
    },
  };
  await expect(read(silent, impatient).catch((error: unknown) => codeOf(error))).resolves.toBe("timed-out");
});

test("a signal ends the reading", async () => {
  const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) });
  const controller = new AbortController();
  const reading = read(silent, never, controller.signal).catch(codeOf);
  controller.abort();
  expect(await reading).toBe("aborted");
});
