/** A page of a browser as a Host. */
export { createBrowserHost } from "./browser-host.ts";
export { createPageLog } from "./console-log.ts";
export { type RecoveryPages, withRecoveryPages } from "./page-files.ts";
