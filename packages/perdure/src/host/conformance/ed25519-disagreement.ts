/** The signatures on which libraries disagree, each with the verdict of the rule: what `vectors/ed25519-disagreement.json` is written from. */
import { hex, utf8 } from "../../wire/bytes.ts";
import type { Keys, Shown } from "./ed25519-craft.ts";
import {
  assemble,
  challengeOf,
  fitsWithoutCofactor,
  isPoint,
  keysFrom,
  NOT_CANONICAL_SMALL_ORDER,
  scalarFrom,
  signCrafted,
  smallOrderEncodings,
  withLargerS,
} from "./ed25519-craft.ts";

/** A signature and whether the rule accepts it; bytes are hexadecimal. */
export interface VerdictCase {
  readonly what: string;
  readonly key: string;
  readonly message: string;
  readonly signature: string;
  readonly valid: boolean;
}

const IDENTITY = `01${"00".repeat(31)}`;
const TORSIONS = [1, 2, 3, 4, 5, 6, 7];

export function disagreementCases(): readonly VerdictCase[] {
  const clean = keysFrom("clean", 0);
  const text = utf8("what was signed");
  const honest = signCrafted(clean, text, 0, scalarFrom("nonce"));
  return [
    caseOf("honest", honest, true),
    ...["pay everything", "any message"].map((message) =>
      caseOf(`the identity as key, R the identity, S = 0: ${message}`, assemble(IDENTITY, utf8(message), IDENTITY, 0n), false),
    ),
    ...smallOrderEncodings().map((key) => caseOf("a key of small order, R the identity, S = 0", smallOrderKey(key), false)),
    ...NOT_CANONICAL_SMALL_ORDER.map((r) => caseOf("the identity as key, R not canonical, S = 0", assemble(IDENTITY, text, r, 0n), false)),
    ...NOT_CANONICAL_SMALL_ORDER.map((point) =>
      caseOf("key and R not canonical and the same, S = 0", assemble(point, text, point, 0n), false),
    ),
    ...[1, 2, 7, 15].map((times) => caseOf(`S + ${times} L`, withLargerS(honest, times), false)),
    ...[0, ...TORSIONS].map((torsion) =>
      caseOf(`an honest key, R the point of small order ${torsion}`, signCrafted(clean, text, torsion, 0n), false),
    ),
    ...TORSIONS.map((torsion) => caseOf(`torsion ${torsion} in R`, signCrafted(clean, text, torsion, scalarFrom("nonce")), false)),
    ...TORSIONS.flatMap((torsion) => {
      const keys = keysFrom("torsioned", torsion);
      return [
        caseOf(`torsion ${torsion} in the key, which [k]A keeps`, search(keys, [0], false), false),
        caseOf(`torsion ${torsion} in the key, which [k]A loses`, search(keys, [0], true), false),
        caseOf(`torsion ${torsion} in the key, which R takes up`, search(keys, TORSIONS, true), false),
        caseOf(`torsion ${torsion} in the key, ${8 - torsion} in R`, signCrafted(keys, text, 8 - torsion, scalarFrom("nonce")), false),
      ];
    }),
    caseOf("a key off the curve", { ...honest, key: keyOffTheCurve() }, false),
    caseOf("a message that was changed", { ...honest, message: utf8("what was sighed") }, false),
  ];
}

function caseOf(what: string, { key, message, signature }: Shown, valid: boolean): VerdictCase {
  return { what, key: hex(key), message: hex(message), signature: hex(signature), valid };
}

/** The first of a row of messages whose signature, with that point added to R, is as wanted. */
function search(keys: Keys, torsions: readonly number[], fits: boolean): Shown {
  for (let round = 0; ; round++) {
    for (const torsion of torsions) {
      const shown = signCrafted(keys, utf8(`message ${round}`), torsion, scalarFrom(`nonce ${round}`));
      if (fitsWithoutCofactor(keys, shown, torsion) === fits) return shown;
    }
  }
}

/** The first of a row of messages for which [k]A is the identity, so that the equation holds. */
function smallOrderKey(key: string): Shown {
  for (let round = 0; ; round++) {
    const shown = assemble(key, utf8(`message ${round}`), IDENTITY, 0n);
    if (challengeOf(shown) % 8n === 0n) return shown;
  }
}

function keyOffTheCurve(): Uint8Array {
  for (let y = 2; ; y++) {
    const encoded = new Uint8Array(32);
    encoded[0] = y;
    if (!isPoint(encoded)) return encoded;
  }
}
