export { formatRelayAddress, parseRelayAddress, type RelayAddress } from "./address.ts";
export { connectSession } from "./connect.ts";
export { errorOfGoodbye, goodbyeFor } from "./goodbyes.ts";
export { limitText } from "./limit-culprits.ts";
export type { FoundLimit, LineKeeper } from "./line-keeper.ts";
export { openLineKeeper } from "./open-line-keeper.ts";
export { probeRelay } from "./probe.ts";
export { leaveUnused, type Session } from "./session.ts";
