import { isTurboQuantError, TurboQuantError } from "../error.ts";
import type { Selection } from "../search/selection.ts";
import { createVectorIndex, type VectorIndex } from "../search/vector-index.ts";
import type { Answer, Answers, Posted, Request, ShareOptions } from "./thread.ts";

/** The share of an index that one thread holds: answers each message before it looks at the next. */
export function serveShare(answer: (answer: Answer) => void): (posted: Posted) => void {
  const share = new Share();
  return ({ nth, request }) => {
    try {
      answer({ nth, value: share.answer(request) });
    } catch (error) {
      const { code, message, hint } = isTurboQuantError(error)
        ? error
        : {
            code: "thread-failed" as const,
            message: `a thread could not ${request.do}: ${String(error)}`,
            hint: "This is a fault of the index.",
          };
      answer({ nth, error: { code, message, hint } });
    }
  };
}

class Share {
  #index: VectorIndex | undefined;
  readonly #selections = new Map<number, Selection>();

  answer(request: Request): Answers[Request["do"]] {
    switch (request.do) {
      case "open":
        this.#index = createVectorIndex(request.options);
        return undefined;
      case "add":
        this.#opened.addBatch(request.ids, request.matrix);
        return undefined;
      case "remove":
        return this.#opened.remove(request.id);
      case "get":
        return this.#opened.get(request.id);
      case "truncate":
        return this.#opened.truncate(request.bits, request.ids);
      case "select":
        this.#selections.set(request.name, this.#opened.select(request.ids));
        return undefined;
      case "forget":
        this.#selections.delete(request.name);
        return undefined;
      case "search":
        return this.#opened.searchBatch(request.queries, this.#optionsOf(request.options));
      case "stats":
        return this.#opened.stats();
    }
  }

  get #opened(): VectorIndex {
    return this.#index as VectorIndex;
  }

  #optionsOf({ filter, ...rest }: ShareOptions): Parameters<VectorIndex["searchBatch"]>[1] {
    if (filter === undefined) return rest;
    const selection = typeof filter === "number" ? this.#selections.get(filter) : this.#opened.select(filter);
    if (selection === undefined) throw new TurboQuantError("bad-argument", "this selection was forgotten", "Make it again.");
    return { ...rest, filter: selection };
  }
}
