/** Generators of values for tests, made from the shapes themselves. */
import fc from "fast-check";
import type { Form } from "./shape.ts";

/** Values of a form, the small ones more often; lists and byte strings stay short so that shapes stay within their size. */
export function arbitraryOf(form: Form): fc.Arbitrary<unknown> {
  switch (form.kind) {
    case "uint":
      return fc.oneof(
        fc.nat(30),
        fc.nat(70_000),
        fc.maxSafeNat(),
        fc.constantFrom(23, 24, 255, 256, 65_535, 65_536, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER),
      );
    case "flag":
      return fc.boolean();
    case "fixed":
      return fc.uint8Array({ minLength: form.sizeBytes, maxLength: form.sizeBytes });
    case "bytes":
      return fc.uint8Array({ maxLength: Math.min(form.maxBytes, 300) });
    case "text":
      return fc.string({ unit: "binary", maxLength: Math.min(form.maxBytes, 40) }).map((text) =>
        cut(
          text
            .toWellFormed()
            .replace(/^\uFEFF+/, "")
            .normalize("NFC"),
          form.maxBytes,
        ),
      );
    case "choice":
      return fc.constantFrom(...form.words);
    case "list":
      return fc.array(arbitraryOf(form.item), { maxLength: Math.min(form.maxItems, 3) });
    case "optional":
      return fc.option(arbitraryOf(form.item), { nil: undefined });
    case "extensions":
      return fc
        .uniqueArray(
          fc.nat(1000).map((half) => half * 2 + 1),
          { maxLength: 3 },
        )
        .chain((codes) =>
          fc.tuple(...codes.sort((a, b) => a - b).map((code) => fc.uint8Array({ maxLength: 20 }).map((bytes) => ({ code, bytes })))),
        );
    case "shape":
      return fc.record(Object.fromEntries(form.fields.map((field) => [field.name, arbitraryOf(field.form)])));
  }
}

/** As much of a text as fits; normalising again because a cut can end between two letters that belong together. */
function cut(text: string, maxBytes: number): string {
  let fits = text;
  while (new TextEncoder().encode(fits).length > maxBytes) fits = [...fits].slice(0, -1).join("").normalize("NFC");
  return fits;
}
