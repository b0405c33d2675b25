import type { Source } from "../quota/reading.ts";

/** What happens to a window: nothing leaves it, and no number of it changes, without one of these. */
export type ContextEvent =
  /** The size is assumed: nobody said it. */
  | { readonly kind: "assumed"; readonly sizeTokens: number }
  /** Another size than before. */
  | { readonly kind: "size"; readonly sizeTokens: number; readonly beforeTokens: number; readonly source: Source }
  | { readonly kind: "notes" }
  | { readonly kind: "notes-failed"; readonly cause: unknown }
  /** An output came in by its beginning and end only. */
  | { readonly kind: "paged"; readonly tool: string; readonly reference: string; readonly characters: number }
  /** Outputs stand by reference, and pictures and files, each message with some as one. */
  | { readonly kind: "compacted"; readonly outputs: number; readonly fromTokens: number; readonly toTokens: number }
  /** Messages became one. `failure`: why the summariser's words were not used. */
  | {
      readonly kind: "summarised";
      readonly by: "summariser" | "rule";
      readonly failure: unknown;
      readonly messages: number;
      readonly reference: string;
      readonly fromTokens: number;
      readonly toTokens: number;
    }
  /** The store did not keep a text: it stays in the window. */
  | { readonly kind: "store-failed"; readonly cause: unknown }
  /** What an answer or a refusal told of its tokens cannot be: it was not believed. */
  | { readonly kind: "disbelieved"; readonly tokens: number }
  /** It likely fits, but nobody has counted yet, and nothing more can be left out: it is sent to find out. */
  | { readonly kind: "unsure"; readonly mostTokens: number; readonly likelyTokens: number }
  /** The service refused it as too long. */
  | { readonly kind: "overflow"; readonly mostTokens: number; readonly sentTokens: number | undefined };
