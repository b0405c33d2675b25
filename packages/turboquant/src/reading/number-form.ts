/** How a file writes one number. */
import { TurboQuantError } from "../error.ts";

export interface NumberForm {
  readonly name: string;
  readonly bytes: number;
  readonly read: (view: DataView, at: number) => number;
}

type Read = (view: DataView, at: number, little: boolean) => number;

/** By numpy's letters: f floating point, i whole, u whole and not negative, with the bytes of one. */
const FORMS: Readonly<Record<string, readonly [name: string, bytes: number, read: Read]>> = {
  f2: ["float16", 2, (view, at, little) => halfFloat(view.getUint16(at, little))],
  f4: ["float32", 4, (view, at, little) => view.getFloat32(at, little)],
  f8: ["float64", 8, (view, at, little) => view.getFloat64(at, little)],
  i1: ["int8", 1, (view, at) => view.getInt8(at)],
  u1: ["uint8", 1, (view, at) => view.getUint8(at)],
  i2: ["int16", 2, (view, at, little) => view.getInt16(at, little)],
  u2: ["uint16", 2, (view, at, little) => view.getUint16(at, little)],
  i4: ["int32", 4, (view, at, little) => view.getInt32(at, little)],
  u4: ["uint32", 4, (view, at, little) => view.getUint32(at, little)],
  i8: ["int64", 8, (view, at, little) => Number(view.getBigInt64(at, little))],
  u8: ["uint64", 8, (view, at, little) => Number(view.getBigUint64(at, little))],
};

/** `letters` as in "f4". */
export function numberForm(letters: string, little: boolean): NumberForm | undefined {
  const [name, bytes, read] = (Object.hasOwn(FORMS, letters) ? FORMS[letters] : undefined) ?? [];
  if (name === undefined || bytes === undefined || read === undefined) return undefined;
  return { name: bytes > 1 && !little ? `${name}, big-endian` : name, bytes, read: (view, at) => read(view, at, little) };
}

/** IEEE 754 binary16. */
export function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const MIN_DIM = 2;
const MAX_DIM = 8192;

export function checkDim(dim: number): void {
  if (Number.isInteger(dim) && dim >= MIN_DIM && dim <= MAX_DIM) return;
  throw new TurboQuantError("bad-input", `vectors of ${dim} coordinates cannot be encoded`, `It is from ${MIN_DIM} to ${MAX_DIM}.`);
}

/** `row` and `column` from 1 on. */
export function badNumber(row: number, column: number, found: string): TurboQuantError {
  return new TurboQuantError(
    "bad-input",
    `row ${row}, column ${column} is ${found}`,
    "Every coordinate is a finite number that fits a 32-bit float; take the row out or mend it.",
  );
}
