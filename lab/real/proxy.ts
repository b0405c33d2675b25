/**
 * The line from one process to the port of another, with everything that can be wrong with a line. It works on bytes of TCP: a middlebox
 * that drops, doubles or reorders does so with stretches of the stream, not with messages.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Draws, LinkProfile } from "../../packages/perdure/src/host/simulated/index.ts";
import { type Fate, joinSockets, type Side, type TwoWays } from "./two-ways.ts";

export interface Line extends AsyncDisposable {
  /** Where who uses it dials, on 127.0.0.1. */
  readonly port: number;
  /** Connections from here on go to this port of 127.0.0.1; without one they are refused. */
  lead(port: number | undefined): void;
  /** The machine at the far end is gone without a word: connections of before carry nothing, new ones are not answered. */
  silence(): void;
  /** It is there again, and knows nothing of connections of before: whoever uses one is told. */
  unsilence(): void;
  /** Every open connection breaks, and both ends hear it. */
  cut(): number;
  /** Every open connection stays, and what that side sends on it meets this fate. */
  doom(side: Side, fate: Fate): number;
  /** Puts changed profiles into effect. */
  touched(): void;
}

export interface LineOptions {
  /** From who dials, and to it. They may change at any time; then call {@link Line.touched}. */
  readonly profiles: { readonly there: LinkProfile; readonly back: LinkProfile };
  readonly draws: Draws;
  readonly nowMs: () => number;
}

/** As of a line on which nothing is wrong. */
export function goodProfile(): LinkProfile {
  const forever = Number.POSITIVE_INFINITY;
  return {
    latencyMs: 0,
    jitterMs: 0,
    bytesPerSecond: forever,
    loss: 0,
    readBytesPerSecond: forever,
    bufferBytes: 1 << 20,
    down: false,
    middlebox: { drop: 0, duplicate: 0, reorder: 0, corrupt: 0, forgetsAfterMs: forever, maxAgeMs: forever, resets: false },
  };
}

/** A connection that waits for a line that is down is looked after this often, milliseconds. */
const LOOK_AGAIN_MS = 20;

export async function openLine({ profiles, draws, nowMs }: LineOptions): Promise<Line> {
  const { there, back } = profiles;
  const open = new Set<TwoWays>();
  const sockets = new Set<Socket>();
  let target: number | undefined;
  let isSilent = false;
  let number = 0;

  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  const join = (near: Socket): void => {
    if (near.destroyed) return;
    // As the packets that open a connection do, it waits and tries again.
    if (there.down || back.down) return void setTimeout(() => join(near), LOOK_AGAIN_MS);
    if (isSilent) return void near.resume();
    if (target === undefined) return void near.resetAndDestroy();
    const far = keep(connect({ port: target, host: "127.0.0.1", allowHalfOpen: true, noDelay: true }));
    far.once("error", () => near.resetAndDestroy());
    far.once("connect", () => {
      const ways = joinSockets({
        near,
        far,
        profiles,
        draws: draws.fork(`connection ${number++}`),
        nowMs,
        over: () => void open.delete(ways),
      });
      open.add(ways);
      near.resume();
    });
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => join(keep(near)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    lead: (port) => {
      target = port;
    },
    silence: () => {
      isSilent = true;
      for (const ways of open) for (const side of ["near", "far"] as const) ways.doom(side, "swallowed");
    },
    unsilence: () => {
      isSilent = false;
      for (const ways of open) ways.doom("near", "reset");
    },
    cut: () => {
      const { size } = open;
      for (const ways of open) ways.cut();
      return size;
    },
    doom: (side, fate) => {
      for (const ways of open) ways.doom(side, fate);
      return open.size;
    },
    touched: () => {
      for (const ways of open) ways.wake();
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
