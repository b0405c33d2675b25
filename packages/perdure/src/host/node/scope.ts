import { AsyncLocalStorage } from "node:async_hooks";
import type { Scope } from "../scope.ts";

export function createNodeScope(): Scope {
  const storage = new AsyncLocalStorage<object>();
  return {
    run: (cause, work) => storage.run(cause, work),
    get current() {
      return storage.getStore();
    },
  };
}
