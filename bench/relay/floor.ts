/**
 * What no relay made of these parts can do without: connections, frames, one write for each destination of a turn and the synced log. No
 * mailbox, no check of a sender, a rate or room, no settle and no statement: nothing of what a relay is for. It tells how much of what a
 * message costs is that, and how much the rest. The product is loaded with these few places written differently, by `bench/` alone.
 */
import type { Mistake } from "../../lab/planting.ts";

/** After so long the readers of the benchmark have read it, and the segment can be used again. */
const KEPT_MS = 20;
/** In an envelope. */
const [TO_AT, TO_END] = [40, 72];

export const FLOOR: Mistake = {
  id: "floor",
  why: "what is left when a relay only passes on",
  file: "relay/relay-core.ts",
  find: "  let crowded = false;\n",
  put: `  let crowded = false;
  const readers = new Map();
  const upTo = new Map();
  let runs = [];
  let begun = false;
  const endTurn = () => {
    begun = false;
    const [leaving, acks] = [runs, [...upTo]];
    runs = [];
    upTo.clear();
    const records = leaving.flatMap(({ envelopes }) => envelopes);
    const { segment, offsets, synced } = log.append(records);
    synced.then(() => {
      for (const [session, linkSeq] of acks) sessions.carry({ kind: "ack", session, upTo: linkSeq });
      clock.after(${KEPT_MS}, () => offsets.forEach((offset, index) => log.release({ segment, offset, length: records[index].length })));
    });
    for (const { reader, position, envelopes } of leaving) sessions.readerOf(reader.session)?.deliver(position, clock.wallMs(), envelopes);
  };
  const pass = (session, mails) => {
    let reader = readers.get(session);
    if (reader === undefined) {
      const agent = findAgent(mailboxes.state, mails[0].envelope.subarray(${TO_AT}, ${TO_END}));
      reader = { session: agent?.mailbox.consumer?.session ?? 0, next: 1 };
      readers.set(session, reader);
    }
    runs.push({ reader, position: reader.next, envelopes: mails.map(({ envelope }) => envelope) });
    reader.next += mails.length;
    upTo.set(session, mails.at(-1).linkSeq);
    if (begun) return;
    begun = true;
    (clock.afterArrivals ?? queueMicrotask)(endTurn);
  };
`,
  also: [
    {
      file: "relay/relay-core.ts",
      find: "    const fits = mailboxes.state.storedMessages + mails.length <= settings.storeMessages;\n",
      put: "    if (mails.length > 0) return pass(session, mails);\n    const fits = true;\n",
    },
    {
      file: "relay/agent-frames.ts",
      find: 'return loop.feed({ kind: "settle", session: this.#number, settle: settle.decode(frame.payload) });',
      put: "return void settle.decode(frame.payload);",
    },
  ],
};
