/** Keys as they are pressed, while somebody listens; the terminal is as it was afterwards. */
import type { ReadStream } from "node:tty";

export function listenToKeys(stdin: ReadStream, pressed: (key: string) => void): () => void {
  const wasRaw = stdin.isRaw;
  const hear = (keys: Buffer): void => pressed(keys.toString("latin1"));
  stdin.setRawMode(true);
  stdin.on("data", hear);
  stdin.resume();
  return () => {
    stdin.off("data", hear);
    stdin.setRawMode(wasRaw);
    stdin.pause();
  };
}
