/** What the relay knows beside what the reference knows, as its status page and its restatement show it. */
import { isCloned } from "../../../packages/perdure/src/protocol/delivery/attach-passes.ts";
import type { Range } from "../../../packages/perdure/src/protocol/delivery/interval-set.ts";
import { hex } from "../../../packages/perdure/src/wire/bytes.ts";
import { parted } from "../room.ts";
import type { Play } from "./play.ts";

export function compareStates({ machine, reference, names, idOf, linkOf }: Play): void {
  const { state } = machine;
  const is = (what: string, got: unknown, wanted: unknown): void => {
    if (got !== wanted) parted(`${what} is ${String(got)}, not ${String(wanted)}`);
  };
  let messages = 0;
  let bytes = 0;
  for (const name of names) {
    const book = reference.live.agents.get(name);
    const agent = machine.lookup("agent", idOf(name));
    is(`${name} is registered`, agent !== undefined, book !== undefined);
    if (agent === undefined || book === undefined) continue;
    const { mailbox } = agent;
    is(`the bundle of ${name}`, new TextDecoder().decode(agent.bundle), book.identity.bundle);
    is(`the name of ${name}`, agent.name, book.identity.name);
    is(`the standing of ${name}`, agent.standing, book.identity.standing);
    if (book.identity.name !== undefined) is(`who has ${book.identity.name}`, machine.lookup("name", book.identity.name), agent);
    is(`the contacts of ${name}`, agent.contacts?.version, book.known?.version);
    is(`the next position of ${name}`, mailbox.nextPosition, book.next);
    is(`the durable tail of ${name}`, mailbox.syncedTail, reference.durableTail(name));
    is(`the epoch of ${name}`, mailbox.epoch, book.epoch);
    is(`what waits for ${name}`, [...mailbox.stored.keys()].sort((a, b) => a - b).join(), [...book.waiting.keys()].join());
    const size = [...book.waiting.values()].reduce((sum, each) => sum + each.size, 0);
    is(`bytes that wait for ${name}`, mailbox.storedBytes, size);
    messages += book.waiting.size;
    bytes += size;
    is(`what is settled of ${name}`, rangesText(mailbox.settled.ranges), rangesText(rangesOf(book.settled)));
    is(`the reader of ${name}`, mailbox.consumer?.session, reference.reader(name)?.session);
    is(`the cursor of ${name}`, mailbox.consumer?.cursor, reference.reader(name)?.cursor);
    for (const [number, link] of book.links) {
      const kept = agent.links.get(hex(linkOf(number)));
      is(`link ${number} of ${name}`, kept?.upTo ?? 0, link.upTo);
      is(`refusals on link ${number} of ${name}`, kept?.refused.join() ?? "", link.refused.join());
    }
    const chains = [...agent.passes.values()].map((each) => `${hex(each.instanceKey)} ${each.given} ${each.confirmed} ${each.clonedAtMs}`);
    const wanted = [...book.passes].map(([instance, each]) => `${hex(idOf(instance))} ${each.given} ${each.confirmed} ${each.clonedAtMs}`);
    is(`passes of ${name}`, chains.sort().join("\n"), wanted.sort().join("\n"));
    is(`${name} is a copy`, isCloned(agent), ([...book.passes.values()].at(-1)?.clonedAtMs ?? 0) > 0);
    is(`proofs of ${name}`, agent.proofs.length, book.proofs.length);
    is(
      `${name} is attached`,
      machine.isAttached(agent),
      [...reference.sessions.values()].some((each) => each.agent === name && !each.over),
    );
  }
  is("mail that waits", state.storedMessages, messages);
  is("bytes that wait", state.storedBytes, bytes);
  is(
    "statements",
    `${state.statements.number} ${hex(state.statements.hash)}`,
    `${reference.live.statement.number} ${reference.live.statement.hash}`,
  );
  is(
    "who is turned away",
    [...state.bans.keys()].sort().join(),
    [...reference.live.bans.keys()]
      .map((name) => hex(idOf(name)))
      .sort()
      .join(),
  );
  for (const each of reference.sessions.values())
    is(`who session ${each.number} is of`, machine.agentOf(each.number)?.key, hex(idOf(each.agent)));
}

function rangesOf(values: ReadonlySet<number>): readonly Range[] {
  const ranges: (readonly [number, number])[] = [];
  for (const value of [...values].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === value - 1) ranges[ranges.length - 1] = [last[0], value];
    else ranges.push([value, value]);
  }
  return ranges;
}

function rangesText(ranges: readonly Range[]): string {
  return ranges.map(([first, last]) => `${first}-${last}`).join(",");
}
