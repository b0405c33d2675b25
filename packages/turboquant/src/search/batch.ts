/**
 * Vectors that are added together: all of them, or where one cannot be, none.
 *
 * As long as none of them takes the place of another, they are put in as they are: when one is refused, those before it are taken out again. What was replaced could not come back; so before the first that
 * replaces another, all that are left are checked. To check all of them in any case takes 5 to 10 % of the time.
 */
import { kindOf, orAwaited, refuse, shown } from "../argument.ts";
import { isTurboQuantError, TurboQuantError } from "../error.ts";
import type { VectorId } from "../file/segment.ts";
import { checkId } from "../file/vector-id.ts";

export interface Batch {
  readonly ids: readonly VectorId[];
  /** One vector of `dim` coordinates after the other. */
  readonly matrix: Float32Array;
  readonly dim: number;
}

export interface Putting {
  readonly isThere: (id: VectorId) => boolean;
  /** Throws `bad-vector`. */
  readonly check: (vector: Float32Array) => void;
  /** Throws `bad-vector` where `check` does, and `full`. */
  readonly put: (id: VectorId, vector: Float32Array, replaces: boolean) => void;
  readonly remove: (id: VectorId) => void;
}

/** Throws `bad-vector` for what is no matrix of as many vectors, and `bad-argument` for ids that are none. */
export function checkBatch({ ids, matrix, dim }: Batch): void {
  if (!Array.isArray(ids)) refuse(`ids are ${shown(ids)}`, orAwaited(ids, "They are an array."));
  if (kindOf(matrix) !== "Float32Array")
    throw new TurboQuantError("bad-vector", `a matrix is ${shown(matrix)}`, orAwaited(matrix, "It is a Float32Array of all coordinates."));
  if (matrix.length !== ids.length * dim)
    throw new TurboQuantError(
      "bad-vector",
      `${ids.length} vectors have ${ids.length * dim} coordinates, not ${matrix.length}`,
      "One vector after the other.",
    );
  // Not by `forEach`, which passes over holes.
  for (let nth = 0; nth < ids.length; nth++) checkId(ids[nth] as VectorId);
}

/** Of a batch that was checked. Throws `bad-vector` when none of them is in, and `full` when those before are. */
export function putAll({ ids, matrix, dim }: Batch, { isThere, check, put, remove }: Putting): void {
  const vectorAt = (nth: number): Float32Array => matrix.subarray(nth * dim, (nth + 1) * dim);
  let [nth, at, isChecked] = [0, 0, false];
  try {
    for (; nth < ids.length; nth++) {
      const id = ids[nth] as VectorId;
      const replaces = isThere(id);
      if (replaces && !isChecked) for (at = nth; at < ids.length; at++) check(vectorAt(at));
      isChecked ||= replaces;
      at = nth;
      put(id, vectorAt(nth), replaces);
    }
  } catch (error) {
    if (!isTurboQuantError(error) || error.code !== "bad-vector") throw error;
    // Those before were new, all of them: else this one was found before any was put in.
    for (const before of ids.slice(0, nth)) remove(before);
    throw new TurboQuantError(error.code, `in vector ${at}, ${ids[at]}, ${error.message}`, error.hint, error);
  }
}
