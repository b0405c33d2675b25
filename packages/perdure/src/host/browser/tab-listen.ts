import { PerdureError } from "../../wire/error.ts";
import type { Listener, ListenOptions } from "../net.ts";
import { takeLock } from "./folder-lock.ts";
import type { Locks } from "./platform.ts";
import { openTabLink, type TabLink, type TabParts } from "./tab-link.ts";

/** What a tab says to whoever listens at an address: the name of the link it has opened its end of. */
export interface TabCall {
  readonly link: string;
}

export function doorName(address: string): string {
  return `perdure door ${address}`;
}

/** Whether a page that lives listens there. */
export async function isListening(locks: Locks, address: string): Promise<boolean> {
  const { held = [] } = await locks.query();
  return held.some(({ name }) => name === doorName(address));
}

/** Listens for other tabs, and for this one; `address-in-use` while a page that lives does. */
export async function listenForTabs(parts: TabParts, address: string, options: ListenOptions): Promise<Listener> {
  const letGo = await takeLock(parts.platform.locks, doorName(address));
  if (letGo === undefined)
    throw new PerdureError("address-in-use", `another tab, or this one, listens on ${address}`, {
      retry: "after",
      hint: "Close that tab.",
    });
  // bound: one per tab of this browser that has the agent open
  const links = new Set<TabLink>();
  const door = new parts.platform.BroadcastChannel(doorName(address));
  let closing: Promise<void> | undefined;

  const accept = async ({ link: name }: TabCall): Promise<void> => {
    const link = await openTabLink({ ...parts, address, name, side: "accepted", maxMessageBytes: options.maxMessageBytes });
    links.add(link);
    options.onConnection(link.connection);
    if (closing !== undefined) link.connection.close(true);
    await link.over;
    links.delete(link);
  };
  // A link that cannot be opened is noticed by who dialled: nobody greets.
  door.onmessage = ({ data }) => void accept(data as TabCall).catch(() => undefined);

  const close = async (): Promise<void> => {
    door.onmessage = null;
    door.close();
    await letGo();
    for (const { connection } of links) connection.close();
    await Promise.all([...links].map(({ over }) => over));
  };
  return {
    address,
    renewTls: () => {
      throw new PerdureError("bad-argument", `${address} has no certificate to renew`);
    },
    close: () => (closing ??= close()),
  };
}
