export { type AcceptOptions, type Accepted, acceptSession } from "./accept.ts";
export { formatRelayAddress, parseRelayAddress, type RelayAddress } from "./address.ts";
export { type Connected, connectSession, type ConnectOptions } from "./connect.ts";
export { errorOfGoodbye, goodbyeFor, goodbyeOf } from "./goodbyes.ts";
export type { Session, SessionReceiver } from "./session.ts";
