import type { Connection } from "../../host/net.ts";
import type { Goodbye } from "../../wire/control.ts";
import { createTransport } from "./transport.ts";

/** Says goodbye to a connection before any handshake and closes it. */
export function refuseConnection(connection: Connection, reason: Goodbye): void {
  createTransport(connection).end(reason);
}
