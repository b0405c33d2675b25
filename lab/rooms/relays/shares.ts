/** Who may fill how much of what, counted from the letters themselves each time. */
import type { MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import type { Letter, RelayBook } from "./relay-book.ts";

type Limits = MailboxesOptions["limits"];

interface Amount {
  readonly messages: number;
  readonly bytes: number;
}

const LEAST: Amount = { messages: 64, bytes: 16 * 1024 * 1024 };
const LEAST_ROUTES = 16;

const partOf = (whole: Amount, percent: number): Amount => ({
  messages: Math.min(whole.messages, Math.max(LEAST.messages, Math.floor((whole.messages * percent) / 100))),
  bytes: Math.min(whole.bytes, Math.max(LEAST.bytes, Math.floor((whole.bytes * percent) / 100))),
});

/** The limit that one more letter for that box would pass; `undefined` when there is room. */
export function usedUp(book: RelayBook, limits: Limits, key: string, letter: Letter): string | undefined {
  const all = [...book.boxes].flatMap(([box, { stored }]) => [...stored.values()].map((each) => ({ box, ...each })));
  const fits = (whole: Amount, counts: (each: Letter & { readonly box: string }) => boolean): boolean => {
    const those = all.filter(counts);
    return those.length < whole.messages && those.reduce((sum, { bytes }) => sum + bytes, letter.bytes) <= whole.bytes;
  };
  const store: Amount = { messages: limits.storeMessages, bytes: limits.storeBytes };
  const others = partOf(store, limits.peersPercent);
  const { via, author, from } = letter;
  const isRoute = (box: string): boolean => box.startsWith("relay ");
  const isOfSender = (each: Letter & { readonly box: string }): boolean =>
    each.box === key && each.via === via && each.author === author && each.from === from && (via ?? author) !== undefined;
  if (author !== undefined && !fits(partOf(store, limits.senderStoredPercent), (each) => each.author === author))
    return "senderStoredPercent";
  if (isRoute(key)) {
    const route = partOf(store, limits.routePercent);
    if (!fits(route, ({ box }) => box === key)) return "routePercent";
    if (!fits(others, ({ box }) => isRoute(box))) return "peersPercent";
    if ((via ?? author) !== undefined && !fits(partOf(route, limits.senderPercent), isOfSender)) return "senderPercent";
    if (author === undefined) return undefined;
    const routes = new Set(all.filter((each) => each.author === author && isRoute(each.box)).map(({ box }) => box));
    const most = Math.min(limits.relayPeers, Math.max(LEAST_ROUTES, Math.floor((limits.relayPeers * limits.senderPercent) / 100)));
    if (!routes.has(key) && routes.size >= most) return "senderPercent";
    return fits(partOf(others, limits.senderPercent), (each) => each.author === author && isRoute(each.box)) ? undefined : "senderPercent";
  }
  const whole: Amount = { messages: limits.mailboxMessages, bytes: limits.mailboxBytes };
  if (!fits({ messages: whole.messages, bytes: Number.POSITIVE_INFINITY }, ({ box }) => box === key)) return "mailboxMessages";
  if (!fits(whole, ({ box }) => box === key)) return "mailboxBytes";
  if (via !== undefined && !fits(partOf(store, limits.peerPercent), (each) => !isRoute(each.box) && each.via === via)) return "peerPercent";
  if (via !== undefined && !fits(others, (each) => !isRoute(each.box) && each.via !== undefined)) return "peersPercent";
  return (via ?? author) === undefined || fits(partOf(whole, limits.senderPercent), isOfSender) ? undefined : "senderPercent";
}
