/**
 * Two tabs of one origin (or two ends in one page) as a connection: a channel of its own, whose name only they know, and a Web Lock
 * for each end, held as long as its page lives.
 *
 *   hello    the accepting end is there
 *   data     one message
 *   taken    one message was taken: what is not taken counts against {@link WINDOW_BYTES}
 *   end      nothing comes after this; answered by `bye`
 *   bye      the end was taken
 *
 * What must hold: an end whose page is gone is noticed at the other one because its lock becomes free, without any timer.
 */
import type { Clock } from "../clock.ts";
import { createConnection, type Wire } from "../connection.ts";
import type { Connection } from "../net.ts";
import { takeLock } from "./folder-lock.ts";
import type { Platform } from "./platform.ts";

/** Bytes on their way to a tab that has not yet taken them. */
const WINDOW_BYTES = 1024 * 1024;
const CLOSED_THERE = "closed by the other side";

type TabMessage = { readonly kind: "data"; readonly message: Uint8Array } | { readonly kind: "hello" | "taken" | "end" | "bye" };

export type Side = "dialled" | "accepted";

export interface TabParts {
  readonly clock: Clock;
  readonly platform: Pick<Platform, "locks" | "BroadcastChannel">;
}

export interface TabLink {
  readonly connection: Connection;
  /** Resolves when the accepting end is there. */
  readonly greeted: Promise<void>;
  /** Resolves when this end has let go of everything. */
  readonly over: Promise<void>;
}

export interface TabLinkOptions extends TabParts {
  readonly address: string;
  /** A name nobody guesses. */
  readonly name: string;
  readonly side: Side;
  readonly maxMessageBytes: number;
}

/** Opens one end; resolves once this end's lock is taken, so that the other may watch it. The accepting end greets. */
export async function openTabLink({ clock, platform, address, name, side, maxMessageBytes }: TabLinkOptions): Promise<TabLink> {
  const letGo = await takeLock(platform.locks, lockName(name, side));
  const channel = new platform.BroadcastChannel(`perdure link ${name}`);
  const watching = new AbortController();
  const greeted = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  /** Sizes of what is on its way, oldest first. */
  // bound: WINDOW_BYTES
  const away: number[] = [];
  // bound: waitingBytes, which whoever sends looks at
  const waiting: Uint8Array[] = [];
  let awayBytes = 0;
  let waitingBytes = 0;
  let paused: Uint8Array[] | undefined;
  let ending = false;
  let theirEnd = false;
  let over = false;

  const post = (message: TabMessage): void => channel.postMessage(message);

  const finish = (why: string): void => {
    if (over) return;
    over = true;
    waiting.length = 0;
    waitingBytes = 0;
    watching.abort();
    channel.onmessage = null;
    channel.close();
    (letGo?.() ?? Promise.resolve()).then(finished.resolve, finished.resolve);
    connection.ended(why);
  };

  const pump = (): void => {
    for (let next = waiting[0]; next !== undefined && !over; next = waiting[0]) {
      if (away.length > 0 && awayBytes + next.length > WINDOW_BYTES) return;
      waiting.shift();
      waitingBytes -= next.length;
      awayBytes += next.length;
      away.push(next.length);
      // Only the message itself is to be copied, not the whole memory it is a part of.
      post({ kind: "data", message: next.slice() });
      if (waiting.length === 0) queueMicrotask(() => connection.sent());
    }
    if (!ending || over) return;
    ending = false;
    post({ kind: "end" });
  };

  const take = (message: Uint8Array): void => {
    post({ kind: "taken" });
    connection.message(message);
  };
  const takeEnd = (): void => {
    post({ kind: "bye" });
    finish(CLOSED_THERE);
  };

  const wire: Wire = {
    remote: address,
    local: true,
    get queuedBytes() {
      return waitingBytes;
    },
    send: (message) => {
      waiting.push(message);
      waitingBytes += message.length;
      pump();
    },
    end: () => {
      ending = true;
      pump();
    },
    cut: () => finish("cut here"),
    pause: () => {
      paused = [];
    },
    resume: () => {
      const kept = paused ?? [];
      paused = undefined;
      for (const message of kept) if (!over) take(message);
      if (theirEnd && !over) takeEnd();
    },
  };
  const connection = createConnection(clock, wire, maxMessageBytes);

  const watch = (other: Side): void => {
    platform.locks
      .request(lockName(name, other), { signal: watching.signal }, async () => finish("the other tab is gone"))
      // Called off because this end is over.
      .catch(() => undefined);
  };

  const takeData = (message: Uint8Array): void => {
    if (message.length > maxMessageBytes) finish("a message was too large");
    else if (paused !== undefined) paused.push(message);
    else take(message);
  };

  channel.onmessage = ({ data }) => {
    const message = data as TabMessage;
    if (over) return;
    switch (message.kind) {
      case "hello":
        watch("accepted");
        return greeted.resolve();
      case "data":
        return takeData(message.message);
      case "taken":
        awayBytes -= away.shift() ?? 0;
        return pump();
      case "end":
        theirEnd = true;
        if (paused === undefined) takeEnd();
        return;
      case "bye":
        return finish(CLOSED_THERE);
    }
  };
  if (side === "accepted") {
    watch("dialled");
    post({ kind: "hello" });
  }
  return { connection, greeted: greeted.promise, over: finished.promise };
}

function lockName(name: string, side: Side): string {
  return `perdure link ${name} ${side}`;
}
