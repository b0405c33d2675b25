/** What waits in `requests`, and how it gets in front of handlers once its sender is taken in, whoever decided that. */
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { headOf, type Incoming } from "../protocol/delivery/incoming.ts";
import type { Bytes } from "../wire/bytes.ts";
import { GREETING_CONTENT_TYPE } from "../wire/sealed.ts";
import { DONE, type Endings } from "./endings.ts";
import type { Planned } from "./planned.ts";

export interface WaitingRequests {
  of(accepts: (incoming: Incoming) => boolean): readonly Incoming[];
  /** Records that move what waits in order of arrival; greetings among it have said what they had to. */
  letIn(accepts: (incoming: Incoming) => boolean): readonly Planned[];
  /** The record that moves one message. */
  move(message: { readonly from: Bytes; readonly stream: Bytes; readonly seq: number }): Planned;
}

export function createWaitingRequests({ inbox, endings }: { readonly inbox: Inbox; readonly endings: Endings }): WaitingRequests {
  const of = (accepts: (incoming: Incoming) => boolean): readonly Incoming[] =>
    inbox.listed("requests", 0).filter((incoming) => accepts(incoming) && !incoming.committing);
  const move: WaitingRequests["move"] = ({ from, stream, seq }) => {
    const place = { box: "contacts", arrival: inbox.nextArrival(), failures: 0, crashes: 0, notBeforeMs: 0 } as const;
    return { kept: { kind: "put", head: { from, stream, seq, ...place } } };
  };
  return {
    of,
    move,
    letIn: (accepts) =>
      of(accepts).flatMap((incoming): readonly Planned[] =>
        headOf(incoming).head.contentType === GREETING_CONTENT_TYPE
          ? endings.ended(incoming, incoming.attempt + 1, DONE)
          : [move(incoming)],
      ),
  };
}
