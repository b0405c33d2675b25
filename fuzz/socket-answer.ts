/** What a raw socket hears. */
import type { Socket } from "node:net";

export interface Answer {
  /** Resolves with the next bytes, with the end of the connection, or when the time is over. */
  came(): Promise<void>;
}

export function deadlineIn(socket: Socket, mostMs: number): Answer {
  let heard = false;
  let wake = (): void => {};
  const hear = (): void => {
    heard = true;
    wake();
  };
  socket.on("data", hear);
  socket.once("close", hear);
  return {
    came: async () => {
      let timer: NodeJS.Timeout | undefined;
      if (!heard) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, mostMs);
        });
      }
      clearTimeout(timer);
      heard = socket.destroyed;
    },
  };
}
