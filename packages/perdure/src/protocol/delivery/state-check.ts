/** Whether what a relay knows contradicts itself: the invariants of mailbox-state.ts, counted anew from the mail that waits. */
import { missingIn } from "./holes.ts";
import { type AgentState, emptyLoad, type Load, mailboxOwners, type RelayState } from "./mailbox-state.ts";

/** What is wrong, in words; nothing when all holds. Only for a state that has just been read: nothing may be under way. */
export function contradictionsIn(state: RelayState): readonly string[] {
  const found: string[] = [];
  const all = { messages: 0, bytes: 0 };
  const routed = emptyLoad();
  const relayed = emptyLoad();
  // bound: as many as there are senders here
  const authored = new Map<AgentState, Load>();
  for (const owner of mailboxOwners(state)) {
    const { mailbox, id } = owner;
    const missing = missingIn(mailbox);
    if (missing.length > 0) found.push(`the mailbox of ${id} says nothing of positions ${missing[0]?.[0]} to ${missing.at(-1)?.[1]}`);
    let bytes = 0;
    for (const [position, mail] of mailbox.stored) {
      bytes += mail.sizeBytes;
      all.messages++;
      if (mailbox.settled.has(position)) found.push(`position ${position} of ${id} waits and was settled`);
      if (position >= mailbox.nextPosition) found.push(`position ${position} of ${id} lies behind the newest, ${mailbox.nextPosition - 1}`);
      const { author, via } = mail.sender;
      if (author !== undefined) count(loadOf(authored, author), mail.sizeBytes);
      if (mailbox.route) count(routed, mail.sizeBytes);
      else if (via?.peer !== undefined) count(relayed, mail.sizeBytes);
    }
    all.bytes += bytes;
    if (bytes !== mailbox.storedBytes) found.push(`${bytes} bytes wait for ${id}, counted are ${mailbox.storedBytes}`);
    for (const { raw, synced, upTo } of owner.links.values())
      if (synced > upTo) found.push(`a link of ${id} (${raw.length} bytes) is durable up to ${synced} of ${upTo}`);
    if (owner.name !== undefined && state.names.get(owner.name) !== owner) found.push(`the name of ${id} is that of another`);
  }
  const waiting = { messages: state.storedMessages, bytes: state.storedBytes };
  compare(found, "waiting mail", all, waiting);
  compare(found, "mail to be passed on", routed, state.routed);
  compare(found, "mail of other relays", relayed, state.relayed);
  for (const owner of mailboxOwners(state))
    compare(found, `mail written by ${owner.id}`, authored.get(owner) ?? emptyLoad(), owner.authored);
  return found;
}

function loadOf(loads: Map<AgentState, Load>, owner: AgentState): Load {
  const load = loads.get(owner) ?? emptyLoad();
  loads.set(owner, load);
  return load;
}

function count(load: Load, bytes: number): void {
  load.messages++;
  load.bytes += bytes;
}

function compare(found: string[], what: string, counted: Load, kept: Load): void {
  if (counted.messages !== kept.messages || counted.bytes !== kept.bytes)
    found.push(`${what}: ${counted.messages} messages of ${counted.bytes} bytes are there, ${kept.messages} of ${kept.bytes} are counted`);
}
