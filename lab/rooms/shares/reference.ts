/** Who may fill how much of what, by the table of `mailbox.md`: everything is counted anew from what waits. */

export const MIB = 1024 * 1024;

export interface Load {
  readonly messages: number;
  readonly bytes: number;
}

export interface Limits {
  readonly mailboxMessages: number;
  readonly mailboxBytes: number;
  readonly storeMessages: number;
  readonly storeBytes: number;
  readonly peerPercent: number;
  readonly peersPercent: number;
  readonly routePercent: number;
  readonly senderPercent: number;
  readonly senderStoredPercent: number;
  readonly strangersPercent: number;
  readonly relayPeers: number;
}

export interface Waiting {
  /** `a` or `r` and a number: the mailbox of an agent, or of what is to be passed on to a relay. */
  readonly box: string;
  readonly position: number;
  /** Agent of this relay that wrote it, and the relay that brought it; neither for the relay's own notices. */
  readonly author: number | undefined;
  readonly via: number | undefined;
  readonly from: string;
  readonly isMail: boolean;
  readonly bytes: number;
  readonly expiresAtMs: number;
}

export type Filter = (each: Waiting) => boolean;

export const isRoute = ({ box }: Pick<Waiting, "box">): boolean => box.startsWith("r");

export function sumOf(all: readonly Waiting[], which: Filter): Load {
  let [messages, bytes] = [0, 0];
  for (const each of all)
    if (which(each)) {
      messages++;
      bytes += each.bytes;
    }
  return { messages, bytes };
}

/** The sender: an id and the way its mail comes. The relay itself is none. */
export function senderOf({ author, via, from }: Waiting): string | undefined {
  if (author !== undefined) return `a${author}`;
  return via === undefined ? undefined : `p${via} ${from}`;
}

const shareOf = (whole: Load, percent: number): Load => ({
  messages: Math.min(whole.messages, Math.max(64, Math.floor((whole.messages * percent) / 100))),
  bytes: Math.min(whole.bytes, Math.max(16 * MIB, Math.floor((whole.bytes * percent) / 100))),
});

const fits = (load: Load, limit: Load, bytes: number): boolean => load.messages < limit.messages && load.bytes + bytes <= limit.bytes;

/** Names of the limits that `one` would break, with what is said of them. */
export function lacks(limits: Limits, all: readonly Waiting[], one: Waiting, isStrange: (each: Waiting) => boolean): readonly string[] {
  const store: Load = { messages: limits.storeMessages, bytes: limits.storeBytes };
  const mailbox: Load = { messages: limits.mailboxMessages, bytes: limits.mailboxBytes };
  const routes = shareOf(store, limits.peersPercent);
  const route = shareOf(store, limits.routePercent);
  const sender = senderOf(one);
  const inBox: Filter = (each) => each.box === one.box;
  const isSame: Filter = (each) => sender !== undefined && senderOf(each) === sender;
  const found: string[] = [];
  const weigh = (name: keyof Limits, which: Filter, limit: Load): void => {
    if (!fits(sumOf(all, which), limit, one.bytes)) found.push(`${name}=${limits[name]}/0`);
  };
  if (one.author !== undefined) weigh("senderStoredPercent", isSame, shareOf(store, limits.senderStoredPercent));
  if (isRoute(one)) {
    weigh("routePercent", inBox, route);
    weigh("peersPercent", isRoute, routes);
    weigh("senderPercent", (each) => inBox(each) && isSame(each), shareOf(route, limits.senderPercent));
    if (one.author === undefined) return found;
    weigh("senderPercent", (each) => isRoute(each) && isSame(each), shareOf(routes, limits.senderPercent));
    const named = new Set(all.filter((each) => isRoute(each) && isSame(each)).map(({ box }) => box));
    const most = Math.min(limits.relayPeers, Math.max(16, Math.floor((limits.relayPeers * limits.senderPercent) / 100)));
    if (!named.has(one.box) && named.size >= most) found.push(`senderPercent=${limits.senderPercent}/0`);
    return found;
  }
  const waiting = sumOf(all, inBox);
  if (waiting.messages >= mailbox.messages) found.push(`mailboxMessages=${mailbox.messages}/0`);
  else if (waiting.bytes + one.bytes > mailbox.bytes) found.push(`mailboxBytes=${mailbox.bytes}/${mailbox.bytes - waiting.bytes}`);
  if (one.via !== undefined) {
    weigh("peerPercent", (each) => !isRoute(each) && each.via === one.via, shareOf(store, limits.peerPercent));
    weigh("peersPercent", (each) => !isRoute(each) && each.via !== undefined, shareOf(store, limits.peersPercent));
  }
  weigh("senderPercent", (each) => inBox(each) && isSame(each), shareOf(mailbox, limits.senderPercent));
  if (isStrange(one))
    weigh(
      "strangersPercent",
      (each) => inBox(each) && isStrange(each) && each.isMail === one.isMail,
      shareOf(mailbox, limits.strangersPercent),
    );
  return found;
}
