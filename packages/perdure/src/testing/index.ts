/** `import { createTestnet } from "perdure/testing"`: networks for your own tests, over virtual time. */
export type { Lies, TestAgent, TestAgentOptions, TestClock, Testnet, TestnetOptions, TestRelay, TrailEntry } from "./api.ts";
export { createTestnet } from "./testnet.ts";
