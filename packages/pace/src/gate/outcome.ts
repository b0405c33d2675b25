import type { Cost, Reading } from "../quota/reading.ts";

/** How a call ended, as far as quotas go. */
export type Outcome =
  /** It was let in and worked on, whatever came of it. */
  | { readonly kind: "answered"; readonly used?: Cost; readonly readings?: readonly Reading[] }
  /** Ours was too much: 429. `waitMs`: how long the service asks to wait. */
  | { readonly kind: "refused"; readonly waitMs?: number; readonly readings?: readonly Reading[] }
  /** The service has too much of everybody: 503, 529, or no answer in time. */
  | { readonly kind: "overloaded"; readonly waitMs?: number; readonly readings?: readonly Reading[] }
  /** It was never sent, or broke off; `wasSent`: it may have been worked on, and paid for. */
  | { readonly kind: "withdrawn"; readonly wasSent?: boolean };
