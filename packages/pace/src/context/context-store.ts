/** Where full texts stay that left the window: a folder, a table, a bucket. What is put must be there when the promise is kept, also after a restart if conversations outlive one. */
export interface ContextStore {
  put(reference: string, text: string): Promise<void>;
  get(reference: string): Promise<string | undefined>;
}

/** For conversations that end with the process. */
export function memoryStore(): ContextStore {
  const texts = new Map<string, string>();
  return {
    put: (reference, text) => {
      texts.set(reference, text);
      return Promise.resolve();
    },
    get: (reference) => Promise.resolve(texts.get(reference)),
  };
}
