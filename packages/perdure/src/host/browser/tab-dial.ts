import { hex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import { withDeadline } from "../deadline.ts";
import type { Connection, DialOptions } from "../net.ts";
import type { Random } from "../random.ts";
import { openTabLink, type TabParts } from "./tab-link.ts";
import { doorName, isListening, type TabCall } from "./tab-listen.ts";

const NAME_BYTES = 16;

/** Connects to the tab that listens at `address`. */
export async function dialTab(parts: TabParts & { readonly random: Random }, address: string, options: DialOptions): Promise<Connection> {
  const { clock, platform, random } = parts;
  const deadline = { timeoutMs: options.timeoutMs, what: `a connection to ${address}`, signal: options.signal };
  return await withDeadline(clock, deadline, async (signal) => {
    if (!(await isListening(platform.locks, address)))
      throw new PerdureError("relay-unreachable", `no tab listens on ${address}`, { retry: "after", hint: "Nothing listens there." });
    const name = hex(random.bytes(NAME_BYTES));
    const link = await openTabLink({ ...parts, address, name, side: "dialled", maxMessageBytes: options.maxMessageBytes });
    signal.addEventListener("abort", () => link.connection.close(true), { once: true });
    if (signal.aborted) link.connection.close(true);
    const door = new platform.BroadcastChannel(doorName(address));
    door.postMessage({ link: name } satisfies TabCall);
    door.close();
    await link.greeted;
    return link.connection;
  });
}
