/** This machine as a Host. */
export { createConsoleLog } from "./console-log.ts";
export { createNodeHost } from "./node-host.ts";
