/**
 * A memory of notes that is there again after a restart, without a network:
 *
 *   node examples/notes/notes.js keep "The key lies under the blue pot."
 *   node examples/notes/notes.js find "where is the key?"
 *   node examples/notes/notes.js forget "The key lies under the blue pot."
 *
 * Notes are kept in notes.tqi, or where the environment variable NOTES says. The vector of a note is made of its words and nothing else, so that this runs anywhere: it finds the words of a
 * question, not its sense. Where sense matters the vector comes from an embedding model, in the place of `vectorOf`; nothing else changes but DIM.
 */
import process from "node:process";
import { isTurboQuantError } from "@perdure/turboquant";
import { openVectorIndexAt } from "@perdure/turboquant/node";

const DIM = 512;
const SHOWN = 3;
/** Below this a note has no word in common with the question, or nearly none. */
const LEAST_SCORE = 0.1;

/** Every word, and every three letters of it, puts one up or down at a place that follows from it: "keys" is near "key". */
function vectorOf(text) {
  const vector = new Float32Array(DIM);
  for (const word of text.toLowerCase().match(/[\p{Letter}\p{Number}]+/gu) ?? []) {
    const padded = `<${word}>`;
    for (let at = 0; at + 3 <= padded.length; at++) count(vector, padded.slice(at, at + 3), 1);
    // Short words are everywhere and say little.
    count(vector, padded, word.length > 3 ? 3 : 1);
  }
  return vector;
}

function count(vector, piece, weight) {
  // FNV-1a, 32 bits.
  let hash = 0x811c_9dc5;
  for (const byte of new TextEncoder().encode(piece)) hash = Math.imul(hash ^ byte, 0x0100_0193);
  const place = (hash >>> 1) % DIM;
  vector[place] = (vector[place] ?? 0) + (hash & 1 ? weight : -weight);
}

async function main([verb, ...words]) {
  const text = words.join(" ").trim();
  if (!["keep", "find", "forget"].includes(verb) || text === "") throw new RangeError("Say: keep, find or forget, and a text.");
  await using notes = await openVectorIndexAt(process.env.NOTES ?? "notes.tqi", { dim: DIM, bits: 4 });
  if (verb === "find") return foundAs(notes.search(vectorOf(text), { k: SHOWN }).hits);
  // A note is its own name: kept twice, it is there once.
  if (verb === "keep") notes.add(text, vectorOf(text));
  else if (!notes.remove(text)) return "There is no such note.";
  await notes.sync();
  return `${notes.size} ${notes.size === 1 ? "note" : "notes"}.`;
}

function foundAs(hits) {
  const near = hits.filter(({ score }) => score > LEAST_SCORE);
  return near.length === 0 ? "Nothing like it." : near.map(({ id, score }) => `${score.toFixed(2)}  ${id}`).join("\n");
}

try {
  process.stdout.write(`${await main(process.argv.slice(2))}\n`);
} catch (error) {
  process.stderr.write(isTurboQuantError(error) ? `${error.message}\n${error.hint}\n` : `${error.message}\n`);
  process.exitCode = 1;
}
