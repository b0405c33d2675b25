/** `pace monitor`. */
import { PaceError } from "../../error.ts";
import { getJson } from "../../host/node/get-json.ts";
import { listenToKeys } from "../../host/node/keys.ts";
import { pause } from "../../host/node/pause.ts";
import { frameLines } from "../../monitor/frame.ts";
import { openScreen } from "../../monitor/screen.ts";
import { type Snapshot, snapshotFrom } from "../../monitor/snapshot.ts";
import { bareAddress } from "../bare-address.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import type { Terminal } from "../terminal.ts";
import type { MonitorWords } from "../words.ts";

const STOP_KEYS = ["q", "\u0003"];
const UP_KEYS = ["\u001b[A", "k"];
const DOWN_KEYS = ["\u001b[B", "j"];

export async function monitor(address: string, { every, once = false }: MonitorWords, { terminal, signal }: Invocation): Promise<number> {
  const url = stateUrlOf(address);
  const name = bareAddress(addressOf(address));
  const first = await look(url, signal);
  terminal.object(first);
  if (terminal.json) return EXIT.done;
  if (once || !terminal.movesCursor) {
    for (const line of frameLines(first, name, terminal.columns(), terminal)) terminal.line(line);
    return EXIT.done;
  }
  await watch({ url, name, every, first }, terminal, signal);
  return EXIT.done;
}

interface Watched {
  readonly url: string;
  readonly name: string;
  readonly every: number;
  readonly first: Snapshot;
}

async function watch({ url, name, every, first }: Watched, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  let [snapshot, trouble, scrolled] = [first, "", 0];
  using screen = openScreen(terminal.draw);
  const draw = (): void => {
    const rows = terminal.rows();
    const lines = frameLines(snapshot, name, terminal.columns(), terminal);
    scrolled = Math.max(0, Math.min(scrolled, lines.length - rows + 1));
    const foot = trouble === "" ? terminal.faint("q ends, arrows scroll") : terminal.bad(trouble);
    const shown = lines.slice(scrolled, scrolled + rows - 1);
    screen.draw([...shown, ...Array.from({ length: Math.max(0, rows - 1 - shown.length) }, () => ""), foot], rows);
  };
  const press = (key: string): void => {
    if (STOP_KEYS.includes(key)) return ended.abort();
    if (UP_KEYS.includes(key)) scrolled--;
    if (DOWN_KEYS.includes(key)) scrolled++;
    draw();
  };
  const stops = [terminal.resized(draw), ...(terminal.keys === undefined ? [] : [listenToKeys(terminal.keys, press)])];
  try {
    while (!either.aborted) {
      draw();
      await pause(every, either);
      try {
        if (!either.aborted) [snapshot, trouble] = [await look(url, either), ""];
      } catch (error) {
        if (!(error instanceof PaceError)) throw error;
        trouble = `${error.message}; what is shown is old. q ends`;
      }
    }
  } finally {
    for (const stop of stops) stop();
  }
}

/** Throws `PaceError`, whatever went wrong. */
async function look(url: string, signal: AbortSignal): Promise<Snapshot> {
  let told: Awaited<ReturnType<typeof getJson>>;
  try {
    told = await getJson(url, signal);
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof RangeError) return snapshotFrom(undefined);
    throw new PaceError(
      "closed",
      `nothing answers at ${new URL(url).origin}`,
      "Is it running? Start one with: pace proxy --for https://…",
      { cause },
    );
  }
  return snapshotFrom(told.value);
}

/** A number alone is a port of this machine, and not the address 0.0.34.86 that it is by the letter. */
function addressOf(given: string): string {
  return /^\d{1,5}$/.test(given) ? `http://127.0.0.1:${given}` : given;
}

function stateUrlOf(given: string): string {
  const address = addressOf(given);
  const [scheme] = /^[a-z][a-z0-9+.-]*:\/\//i.exec(address) ?? [];
  const whole = scheme === undefined ? `http://${address}` : address;
  if (!URL.canParse(whole) || !/^https?:$/.test(new URL(whole).protocol))
    throw new PaceError("bad-argument", `"${bareAddress(address)}" is no address`, "As in http://127.0.0.1:8790.");
  return new URL("/pace/state", whole).href;
}
