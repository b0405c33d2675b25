/**
 * Sockets of the load. It must never be what is measured, so bytes are copied once at most: all sockets read into one buffer, with room
 * before it for what a line could not use of its last bytes, and all write from one, which is given away when the kernel did not take it.
 */
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { LineEvents } from "./line.ts";

/** More than the largest thing that is taken as one: a frame, an entry of a reply. */
const CARRIED_BYTES = 256 * 1024;
const READ_BYTES = 256 * 1024;
const WRITE_BYTES = 1024 * 1024;

/** Uses bytes from `start` to `end` and says how far: what is left comes again with what follows. */
export type Parse = (bytes: Buffer, start: number, end: number) => number;

export interface Wire {
  /** Who takes what comes; may be another one from one piece to the next. */
  parse: Parse;
  /** `fill` puts bytes into the buffer and says how many; as many as `atMost` have room. */
  write(atMost: number, fill: (buffer: Buffer) => number): void;
  end(): Promise<void>;
}

export interface Wires {
  open(to: { readonly host: string; readonly port: number; readonly tls?: boolean }, parse: Parse): Promise<Wire>;
}

export function createWires(events: Pick<LineEvents, "turnBegins" | "failed">): Wires {
  const reading = Buffer.allocUnsafeSlow(CARRIED_BYTES + READ_BYTES);
  const buffer = reading.subarray(CARRIED_BYTES);
  let writing: Buffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
  // bound: as many as were lent at once
  const spare: Buffer[] = [];

  const open: Wires["open"] = async ({ host, port, tls = false }, parse) => {
    let carried = Buffer.alloc(0);
    let carriedBytes = 0;
    let ending = false;
    /** What the kernel did not take at once is read later: the socket has these buffers until it has written everything. */
    const lent: Buffer[] = [];

    const take = (length: number): boolean => {
      events.turnBegins();
      const start = CARRIED_BYTES - carriedBytes;
      carried.copy(reading, start, 0, carriedBytes);
      const end = CARRIED_BYTES + length;
      try {
        const used = wire.parse(reading, start, end);
        carriedBytes = end - used;
        if (carriedBytes > CARRIED_BYTES) throw new Error(`${carriedBytes} bytes came that nobody can use`);
        if (carriedBytes > carried.length) carried = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(carriedBytes)));
        reading.copy(carried, 0, used, end);
      } catch (error) {
        events.failed(error);
      }
      return true;
    };

    const onread = { buffer, callback: take };
    const socket: Socket = tls
      ? connectTls({ host, port, rejectUnauthorized: false, onread } as ConnectionOptions)
      : connect({ host, port, noDelay: true, onread });
    socket.setNoDelay(true);
    const wire: Wire = {
      parse,
      write: (atMost, fill) => {
        if (lent.length > 0 && socket.writableLength === 0) spare.push(...lent.splice(0));
        if (atMost > WRITE_BYTES) throw new Error(`${atMost} bytes are more than one write takes`);
        const length = fill(writing);
        if (length === 0) return;
        socket.write(writing.subarray(0, length));
        if (socket.writableLength === 0) return;
        lent.push(writing);
        writing = spare.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES);
      },
      end: () => {
        ending = true;
        return new Promise((resolve) => {
          socket.once("close", () => resolve());
          if (socket.destroyed) resolve();
          else socket.end(() => socket.destroy());
        });
      },
    };
    await new Promise<void>((resolve, reject) => {
      socket.once(tls ? "secureConnect" : "connect", resolve);
      socket.once("error", reject);
    });
    socket.on("error", (error) => {
      if (!ending) events.failed(error);
    });
    socket.on("close", () => {
      if (!ending) events.failed(new Error(`the server at port ${port} closed a connection`));
    });
    return wire;
  };
  return { open };
}

/** The offset behind the next line feed from `start`, or -1: for short lines. */
export function lineEnd(bytes: Buffer, start: number, end: number): number {
  for (let at = start; at < end; at++) if (bytes[at] === 10) return at + 1;
  return -1;
}
