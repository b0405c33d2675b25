/** Pieces of work, and what belongs to them, on a shelf. All that is read is as if what is being written were kept: where that fails, it is as before. */
import { PaceError } from "../error.ts";
import type { Change } from "./journal.ts";
import type { Json } from "./json.ts";
import { keptAs, OPEN_STATES, OWED_STATES, type Piece, pieceIn, stepIn } from "./piece.ts";
import type { Shelf } from "./shelf.ts";

/** What a task knows of its steps. */
export interface Steps {
  get(step: string): Json | undefined;
  /** Kept when it resolves. It is progress: failures are counted anew. */
  set(step: string, text: string): Promise<void>;
  forget(step: string): Promise<void>;
}

export interface Ledger {
  /** Of pieces that wait, run, or are owed an answer. */
  readonly open: number;
  get(key: string): Piece | undefined;
  /** Throws `bad-argument`. */
  known(key: string): Piece;
  all(): readonly Piece[];
  payload(key: string): Json | undefined;
  result(key: string): Json | undefined;
  /** Characters of JSON of all that is kept of it. */
  sizeOf(key: string): number;
  add(piece: Piece, payload: string): Promise<void>;
  /** `result`: of what is done; its steps are forgotten then. */
  move(piece: Piece, to: Partial<Piece>, result?: string): Promise<Piece>;
  moveAll(moves: readonly (readonly [Piece, Partial<Piece>])[]): Promise<void>;
  forget(keys: readonly string[]): Promise<void>;
  steps(key: string): Steps;
}

export function createLedger(shelf: Shelf): Ledger {
  const steps = new Map<string, Set<string>>();
  let open = 0;
  const count = (): void => {
    open = all().filter(isOpen).length;
  };
  const all = (): readonly Piece[] => [...shelf.entries()].flatMap(([name, value]) => pieceIn(name, value) ?? []);
  const stepNames = (key: string): Set<string> => steps.get(key) ?? new Set();
  const stepsOf = (key: string): readonly string[] => [...stepNames(key)].map((step) => keptAs.step(key, step));
  const namesOf = (key: string): readonly string[] => [keptAs.piece(key), keptAs.payload(key), keptAs.result(key), ...stepsOf(key)];
  const get = (key: string): Piece | undefined => {
    const value = shelf.get(keptAs.piece(key));
    return value === undefined ? undefined : (value as unknown as Piece);
  };
  const change = async (changes: readonly Change[]): Promise<void> => {
    try {
      await shelf.change(changes);
    } catch (error) {
      count();
      throw error;
    }
  };
  const moved = (piece: Piece, to: Partial<Piece>, result?: string): readonly Change[] => {
    const next: Piece = { ...piece, ...to };
    open += Number(isOpen(next)) - Number(isOpen(piece));
    const written: Change = [keptAs.piece(piece.key), JSON.stringify(next)];
    return result === undefined
      ? [written]
      : [written, [keptAs.result(piece.key), result], ...stepsOf(piece.key).map((name): Change => [name])];
  };

  for (const [name] of shelf.entries()) {
    const [key, step] = stepIn(name) ?? [];
    if (key !== undefined && step !== undefined) steps.set(key, stepNames(key).add(step));
  }
  count();
  return {
    get open() {
      return open;
    },
    get,
    known: (key) => {
      const piece = get(key);
      if (piece === undefined) throw new PaceError("bad-argument", `no work has the key "${key.slice(0, 80)}"`, "It may be forgotten.");
      return piece;
    },
    all,
    payload: (key) => shelf.get(keptAs.payload(key)),
    result: (key) => shelf.get(keptAs.result(key)),
    sizeOf: (key) => namesOf(key).reduce((sum, name) => sum + shelf.sizeOf(name), 0),
    add: async (piece, payload) => {
      open++;
      await change([
        [keptAs.payload(piece.key), payload],
        [keptAs.piece(piece.key), JSON.stringify(piece)],
      ]);
    },
    move: async (piece, to, result) => {
      await change(moved(piece, to, result));
      if (result !== undefined) steps.delete(piece.key);
      return { ...piece, ...to };
    },
    moveAll: async (moves) => {
      if (moves.length > 0) await change(moves.flatMap(([piece, to]) => moved(piece, to)));
    },
    forget: async (keys) => {
      for (const key of keys) open -= Number(isOpen(get(key)));
      await change(keys.flatMap(namesOf).map((name) => [name]));
      for (const key of keys) steps.delete(key);
    },
    steps: (key) => ({
      get: (step) => shelf.get(keptAs.step(key, step)),
      set: async (step, text) => {
        steps.set(key, stepNames(key).add(step));
        const piece = get(key);
        // What goes on did not fail so often in a row.
        const isOn = piece !== undefined && piece.tries > 1;
        await change([[keptAs.step(key, step), text], ...(isOn ? moved(piece, { tries: 1 }) : [])]);
      },
      forget: (step) => change([[keptAs.step(key, step)]]),
    }),
  };
}

function isOpen(piece: Piece | undefined): boolean {
  return piece !== undefined && (OPEN_STATES.has(piece.state) || OWED_STATES.has(piece.state));
}
