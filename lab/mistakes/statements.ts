/** Mistakes in what a relay signs, and in what is made of it. */
import type { Mistake } from "../planting.ts";

const D = "protocol/delivery/";

export const STATEMENT_MISTAKES: readonly Mistake[] = [
  {
    id: "leaf-names-too-few",
    file: `${D}statements.ts`,
    find: "  leaf.digests.push(envelope, BOUND_HEADER_BYTES);",
    put: "  if (leaf.digests.length < 3) leaf.digests.push(envelope, BOUND_HEADER_BYTES);",
    why: "A message is left out of the leaf that claims its number.",
  },
  {
    id: "refusal-in-no-leaf",
    file: `${D}statements.ts`,
    find: "  if (envelope === undefined) return void leaf.refused.push(linkSeq);",
    put: "  if (envelope === undefined) return;",
    also: [
      {
        file: `${D}statements.ts`,
        find: "    const refused = leaf.refused.filter((linkSeq) => linkSeq <= stated.lastSeq).length;",
        put: "    const refused = 0;",
      },
    ],
    why: "A refusal uses up a number of the leaf and is not remembered as one.",
  },
  {
    id: "statement-number-not-raised",
    file: `${D}statements.ts`,
    find: "  statements.number = done.number;",
    put: "  statements.number = Math.max(1, statements.number);",
    why: "The number is the one the log knew at the start.",
  },
  {
    id: "statement-before-its-mail-is-durable",
    file: `${D}durability.ts`,
    find: '  journal.whenDurable({ kind: "stated", signature });',
    put: "  tellSenders(machine, signature);",
    also: [
      {
        file: `${D}durability.ts`,
        find: "export function writeStatement({ state, journal, sha256 }: RelayMachine, signature: Bytes): void {",
        put: "export function writeStatement(machine: RelayMachine, signature: Bytes): void {\n  const { state, journal, sha256 } = machine;",
      },
    ],
    why: "Proofs are told as soon as the statement is signed; a crash then leaves a number that is given again.",
  },
  {
    id: "path-of-another-leaf",
    file: `${D}merkle.ts`,
    find: "const sibling = level[at ^ 1];",
    put: "const sibling = level[at + 1];",
    why: "The sibling is always looked for on the right: proofs of every second leaf are of another one.",
  },
  {
    id: "previous-of-another-statement",
    file: `${D}statements.ts`,
    find: "  statements.hash = sha256(done.bytes);",
    put: "  statements.hash = sha256(done.leaves.at(-1) ?? done.bytes);",
    why: "The chain names a leaf of the statement before instead of its bytes.",
  },
  {
    id: "stored-by-the-own-relay",
    file: "agent/statement-checks.ts",
    find: 'if (isOwn) return homes.elsewhere(to) === undefined ? "stored" : "accepted";',
    put: 'if (isOwn) return "stored";',
    why: "The own relay's word is taken for that of the recipient's home.",
  },
  {
    id: "later-proof-forgets-earlier",
    file: `${D}link-window.ts`,
    find: "for (let linkSeq = first; linkSeq <= Math.min(last, acknowledged); linkSeq++) slots.delete(linkSeq);",
    put: "for (let linkSeq = 1; linkSeq <= Math.min(last, acknowledged); linkSeq++) slots.delete(linkSeq);",
    why: "Statements are taken to come in order: one that is shown again after a later one finds nothing it could be about.",
  },
  {
    id: "acknowledged-items-forgotten-too-early",
    file: `${D}link-window.ts`,
    find: "    acknowledged = Math.max(acknowledged, upTo);\n",
    put: "    acknowledged = Math.max(acknowledged, upTo);\n    for (const linkSeq of slots.keys()) if (linkSeq < acknowledged) slots.delete(linkSeq);\n",
    why: "An acknowledgement counts as the proof: what it covers is forgotten before the statement about it comes.",
  },
];
