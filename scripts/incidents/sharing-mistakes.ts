/** Mistakes that were made where several agents share a connection, as edits that make them again. */
import type { Mistake } from "../../lab/planting.ts";

const TRANSPORT = "protocol/link/shared-transport.ts";

export const SHARING_MISTAKES: readonly Mistake[] = [
  {
    id: "goodbye-before-the-join",
    file: TRANSPORT,
    find: "    if (this.#isKnown || this.ended) return super.end(why);",
    put: "    if (this.#isKnown || !this.ended) return super.end(why);",
    why: "Every session that ends was taken to have said something before.",
  },
  {
    id: "join-without-a-place-cuts-all",
    file: "relay/sessions.ts",
    find: "  const turnAwayJoining = ({ transport }: Joining, reason: Goodbye): void => {\n    if (draining === undefined) noteTurnedAway(transport.remote, reason);\n    transport.end(reason);",
    put: "  const turnAwayJoining = ({ transport, connection }: Joining, reason: Goodbye): void => {\n    if (draining === undefined) noteTurnedAway(transport.remote, reason);\n    if (sources.mayBeTold()) transport.end(reason);\n    else connection.endAll(reason);",
    why: "Who joins was treated as one who stands at the door, whom a flood of others costs his answer.",
  },
  {
    id: "left-unread-is-nobodys",
    file: TRANSPORT,
    find: "    this.#leave(waiting);\n    this.#others?.channels.delete(number);",
    put: "    this.#others?.channels.delete(number);",
    why: "What waits was counted by sessions that are there.",
  },
  {
    id: "all-that-waits-is-each-ones",
    file: TRANSPORT,
    find: "    while (this.#older > 0 && sentBytes - queuedBytes >= this.#mark) {",
    put: "    while (this.#older > 0 && queuedBytes === 0) {",
    why: "What a session sent was taken to have left only when the connection was empty.",
  },
  {
    id: "later-join-goes-first",
    file: "protocol/link/shared-connections.ts",
    find: "    while (!transport.ended && line.transport.isPast(number)) {",
    put: "    while (!transport.ended && line.transport.isPast(number) && line.transport.over) {",
    why: "Signatures were taken to be made in the order they were asked for.",
  },
];
