export { type DiskIndex, openIndexAt, readIndexAt } from "./disk-index.ts";
