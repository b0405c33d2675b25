export { createConsoleLog } from "./console-log.ts";
export type { ConsoleLogOptions } from "./console-log.ts";
export { createNodeHost } from "./node-host.ts";
export type { NodeHostOptions } from "./node-host.ts";
