/** The memory a process keeps for objects; only hosts that can tell, and can tidy it, have it. */
export interface Heap {
  /** Bytes held for objects, and bytes objects take, those nobody needs any more included. */
  sizes(): { readonly heldBytes: number; readonly takenBytes: number };
  /** Frees what nobody needs and gives what is empty back to the system; nothing else runs meanwhile. */
  tidy(): Promise<void>;
}
