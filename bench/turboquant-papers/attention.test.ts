import { describe, expect, it } from "vitest";
import type { VectorCoder } from "../absmax.ts";
import { type AttentionFigures, attendExactly, attendThrough } from "./attention.ts";
import { CONTENDERS } from "./coders.ts";
import { createContext, HEAD } from "./context.ts";

describe("attention over a long context", () => {
  const context = createContext(1024, 32, 32, 3);
  const exact = attendExactly(context);
  const codersOf = (name: string, bits: number): { keys: VectorCoder; values: VectorCoder } => {
    const found = CONTENDERS.find((each) => each.name === name && each.bits === bits);
    if (found === undefined) throw new Error(`nobody is called ${name} at ${bits} bits`);
    return found.coders(context);
  };
  const known = new Map<string, AttentionFigures>();
  const through = (name: string, bits: number): AttentionFigures => {
    const found = known.get(`${name} ${bits}`) ?? attendThrough(context, exact, codersOf(name, bits));
    known.set(`${name} ${bits}`, found);
    return found;
  };

  it("is the same through a coder that keeps everything", () => {
    const whole: VectorCoder = {
      codeBytes: 4 * HEAD,
      encode: (vector) => new Uint8Array(Float32Array.from(vector).buffer),
      decode: (code) => new Float32Array(code.buffer),
      query: () => ({ dot: () => 0 }),
    };
    expect(attendThrough(context, exact, { keys: whole, values: whole })).toEqual({ errorByKeys: 0, error: 0, overlap: 1, needles: 1 });
  });

  it("finds every needle at three and a half bits, and most of the top", () => {
    for (const name of ["codec", "codec, centred"]) expect(through(name, 3.5).needles).toBe(1);
    expect(through("codec, centred", 3.5).overlap).toBeGreaterThan(0.8);
  });

  it("errs at four bits by no more than was asked for, by half where keys are centred", () => {
    expect(through("codec", 4).error).toBeLessThan(0.28);
    expect(through("codec, centred", 4).error).toBeLessThan(0.16);
  });

  it.each([2, 3, 4])("errs at %i bits by more through the published form for inner products, and through plain integers", (bits) => {
    const codec = through("codec", bits).error;
    expect(through("TurboQuant_prod", bits).error).toBeGreaterThan(2 * codec);
    if (bits > 2) expect(through("absmax integers", bits).error).toBeGreaterThan(1.5 * codec);
    // At two, integers lose all but the largest channels, and every needle.
    else expect(through("absmax integers", bits).needles).toBeLessThan(0.1);
  });

  it("errs at 3.875 bits in polar coordinates by more than through the codec at three and a half", () => {
    expect(through("PolarQuant", 3.875).error).toBeGreaterThan(1.1 * through("codec", 3.5).error);
  });

  it("needs bits for keys before values", () => {
    const [three, four] = [codersOf("codec", 3), codersOf("codec", 4)];
    const keysFirst = attendThrough(context, exact, { keys: four.keys, values: three.values });
    const valuesFirst = attendThrough(context, exact, { keys: three.keys, values: four.values });
    expect(keysFirst.error).toBeLessThan(0.8 * valuesFirst.error);
  });
});
