import { TurboQuantError } from "../error.ts";
import type { Answer, Answers, Request, StartThread, Thread } from "./thread.ts";

/** Messages on their way to a thread at once: enough that it never waits, few enough that what is on its way is little. */
const MOST_SENT = 8;

/** A request, in as many pieces as it takes; each is made when it is its turn. */
export interface Piece<Kind extends Request["do"] = Request["do"]> {
  readonly request: Extract<Request, { readonly do: Kind }>;
  readonly transfer?: readonly ArrayBuffer[];
}

interface Call {
  readonly pieces: Iterator<Piece>;
  readonly values: unknown[];
  readonly resolve: (values: readonly unknown[]) => void;
  readonly reject: (error: unknown) => void;
  /** Pieces that were posted and not answered. */
  out: number;
  isPosted: boolean;
  isSettled: boolean;
}

/**
 * Calls to one thread. They are posted in the order in which they came, whatever their size, and so a search sees all that was called before it. At most `mostWaiting` wait; of those, a
 * few messages are on their way, and the rest is not made before it is its turn.
 */
export class Line {
  readonly #thread: Thread;
  readonly #mostWaiting: number;
  readonly #failed: (error: TurboQuantError) => void;
  readonly #queue: Call[] = [];
  readonly #sent = new Map<number, Call>();
  #waiting = 0;
  #posted = 0;
  #failure: TurboQuantError | undefined;
  #whenIdle: (() => void) | undefined;

  /** `failed` is told when the thread ends unasked. */
  constructor(start: StartThread, mostWaiting: number, failed: (error: TurboQuantError) => void) {
    this.#mostWaiting = mostWaiting;
    this.#failed = failed;
    this.#thread = start(
      (answer) => this.#answered(answer),
      (why, cause) => this.fail(new TurboQuantError("thread-failed", `a thread of the index ended: ${why}`, "Create it anew.", cause)),
    );
    this.#thread.hold(false);
  }

  /** Calls that were not answered yet. */
  get waiting(): number {
    return this.#waiting;
  }

  async ask<Kind extends Request["do"]>(request: Extract<Request, { readonly do: Kind }>): Promise<Answers[Kind]> {
    const [value] = await this.askInPieces<Kind>([{ request }]);
    return value as Answers[Kind];
  }

  /** Throws what the first piece that failed threw; those behind it are not made. */
  askInPieces<Kind extends Request["do"]>(pieces: Iterable<Piece<Kind>>): Promise<readonly Answers[Kind][]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#waiting >= this.#mostWaiting)
      return Promise.reject(
        new TurboQuantError("busy", `${this.#waiting} calls wait for a thread`, "Wait for earlier ones, or set `mostWaiting`."),
      );
    return new Promise((resolve, reject) => {
      if (this.#waiting++ === 0) this.#thread.hold(true);
      this.#queue.push({
        pieces: pieces[Symbol.iterator]() as Iterator<Piece>,
        values: [],
        resolve: resolve as (values: readonly unknown[]) => void,
        reject,
        out: 0,
        isPosted: false,
        isSettled: false,
      });
      this.#post();
    });
  }

  /** Rejects what waits and whatever comes, and ends the thread. */
  fail(error: TurboQuantError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const call of new Set([...this.#sent.values(), ...this.#queue])) this.#settle(call, error);
    this.#sent.clear();
    this.#queue.length = 0;
    void this.#thread.end();
    this.#failed(error);
  }

  /** When all that waits is answered, ends the thread. */
  async close(error: TurboQuantError): Promise<void> {
    this.#failure ??= error;
    if (this.#waiting > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    await this.#thread.end();
  }

  #post(): void {
    while (this.#sent.size < MOST_SENT) {
      const call = this.#queue[0];
      if (call === undefined) return;
      const piece = this.#nextOf(call);
      if (piece === undefined) {
        this.#queue.shift();
        call.isPosted = true;
        if (call.out === 0) this.#settle(call);
        continue;
      }
      const nth = this.#posted++;
      this.#sent.set(nth, call);
      call.out++;
      try {
        this.#thread.post({ nth, request: piece.request }, piece.transfer ?? []);
      } catch (error) {
        // What cannot be sent to a thread: a function among ids, say.
        this.#sent.delete(nth);
        call.out--;
        this.#settle(call, error);
      }
    }
  }

  #nextOf(call: Call): Piece | undefined {
    if (call.isSettled) return undefined;
    try {
      const next = call.pieces.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      this.#settle(call, error);
      return undefined;
    }
  }

  #answered(answer: Answer): void {
    const call = this.#sent.get(answer.nth);
    if (call === undefined) return;
    this.#sent.delete(answer.nth);
    call.out--;
    if ("error" in answer) this.#settle(call, new TurboQuantError(answer.error.code, answer.error.message, answer.error.hint));
    else call.values.push(answer.value);
    if (call.isPosted && call.out === 0) this.#settle(call);
    this.#post();
  }

  #settle(call: Call, error?: unknown): void {
    if (call.isSettled) return;
    call.isSettled = true;
    if (error === undefined) call.resolve(call.values);
    else call.reject(error);
    if (--this.#waiting > 0) return;
    this.#thread.hold(false);
    this.#whenIdle?.();
  }
}
