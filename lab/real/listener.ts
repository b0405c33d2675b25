/**
 * A small program that behaves alike on any machine, simulated or real: it listens, answers, sets timers and writes a file when it is told.
 * As a process of its own: `listener.ts <folder>`.
 */
import type { Host } from "../../packages/perdure/src/host/host.ts";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { fromUtf8, utf8 } from "../../packages/perdure/src/wire/bytes.ts";

const SYNCED = "synced, ";
const NOT_SYNCED = "not synced";

/**
 * What it is told over a connection, and answers:
 * `hello` the same; `timer N` after N ms how late that was and how far both clocks went; `write` once it has written a file, synced a part
 * of it, and holds the folder; `read` what stands in that file.
 */
export async function beListener(host: Host, address: string, folder: string): Promise<string> {
  const path = `${folder}/notes`;
  const { clock, files } = host;
  const answer = async (order: string, say: (text: string) => void): Promise<void> => {
    const [word = "", amount = "0"] = order.split(" ");
    if (word === "timer") {
      const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
      clock.after(Number(amount), () =>
        say(`timer ${Math.round(clock.wallMs() - wallMs)} ${Math.round(clock.monotonicMs() - monotonicMs)}`),
      );
    } else if (word === "write") {
      await files.lock(folder);
      const file = await files.open(path, "write");
      await file.write(0, utf8(SYNCED));
      await file.sync();
      await file.write(SYNCED.length, utf8(NOT_SYNCED));
      say("written");
    } else if (word === "read") {
      const lock = await files.lock(folder);
      const file = await files.open(path, "read");
      say(fromUtf8(await file.read(0, 100)));
      await file.close();
      await lock.release();
    } else say(order);
  };
  const listener = await host.net.listen(address, {
    maxMessageBytes: 1000,
    onConnection: (connection) =>
      connection.start({
        message: (message) => {
          answer(fromUtf8(message), (text) => connection.send(utf8(text))).catch((error: unknown) => connection.send(utf8(String(error))));
        },
        drained: () => {},
        closed: () => {},
      }),
  });
  return listener.address;
}

if (process.argv[1] !== undefined && import.meta.url.endsWith(process.argv[1].split("/").at(-1) ?? "")) {
  process.stdin.resume().on("end", () => process.exit(0));
  process.stdout.write(`${await beListener(createNodeHost(), "ws://127.0.0.1:0", process.argv[2] ?? ".")}\n`);
}
