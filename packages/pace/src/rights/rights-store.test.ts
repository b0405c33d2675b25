import { createVirtualTime } from "../testing/virtual-time.ts";
import { rightsStoreConformance } from "./rights-store.conformance.ts";
import { createMemoryRights } from "./rights-store.ts";

rightsStoreConformance("memory", () => {
  const store = createMemoryRights(createVirtualTime());
  return { one: store, other: store, close: store.close };
});
