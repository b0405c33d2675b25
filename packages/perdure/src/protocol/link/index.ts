export { type Accepted, type AcceptOptions, acceptSession } from "./accept.ts";
export { formatRelayAddress, parseRelayAddress, type RelayAddress } from "./address.ts";
export { type Connected, type ConnectOptions, connectSession } from "./connect.ts";
export { errorOfGoodbye, goodbyeFor, goodbyeOf } from "./goodbyes.ts";
export type { Session, SessionReceiver } from "./session.ts";
