export { formatRelayAddress, parseRelayAddress } from "./address.ts";
export { connectSession } from "./connect.ts";
export { errorOfGoodbye, goodbyeFor } from "./goodbyes.ts";
export type { Session } from "./session.ts";
