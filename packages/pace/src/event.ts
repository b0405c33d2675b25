import type { BreakerState } from "./control/breaker.ts";
import type { PaceErrorCode } from "./error.ts";
import type { Cost } from "./quota/reading.ts";

interface OfCall {
  readonly partition: string;
  /** Of the call: "interactive". */
  readonly class: string;
}

/** What happens at a gate, as it happens: for metrics, monitors and logs. Each `left` is followed by one of `answered`, `refused`, `overloaded` and `withdrawn`. */
export type PaceEvent =
  /** An attempt left. */
  | (OfCall & { readonly kind: "left"; readonly nth: number; readonly waitedMs: number })
  /** The head of an answer came, whatever it says but "too many". */
  | (OfCall & { readonly kind: "answered"; readonly tookMs: number })
  /** It ended without an answer: the network failed, or whoever asked took it back. */
  | (OfCall & { readonly kind: "withdrawn"; readonly tookMs: number })
  /** What an answer took in the end, once it is known. */
  | (OfCall & { readonly kind: "used"; readonly used: Cost })
  /** By the service: too many from us. */
  | (OfCall & { readonly kind: "refused"; readonly tookMs: number; readonly waitMs: number | undefined })
  /** The service has too much of everybody. */
  | (OfCall & { readonly kind: "overloaded"; readonly tookMs: number; readonly waitMs: number | undefined })
  /** By the gate, before it left. */
  | (OfCall & { readonly kind: "turned-away"; readonly code: PaceErrorCode })
  | { readonly kind: "breaker"; readonly partition: string; readonly state: BreakerState };
