/**
 * The reference model: what every mailbox, outbox and box may show, from what was appended, settled, promised, ended and completed so far,
 * one after the other. What the product shows through its own interfaces is compared with it: mailboxes while the town lives, everything
 * once all is quiet.
 *
 * A mailbox is a set of positions. A crash makes a position uncertain whose record was not known to be durable, and one whose settle was
 * not; everything else is certain. So a mailbox shows at least what certainly waits, and at most what may.
 */
import type { Agent, DeliveryState, Step } from "../packages/perdure/src/agent/api.ts";
import type { LogFields } from "../packages/perdure/src/host/log.ts";
import { isTerminal, rank } from "../packages/perdure/src/protocol/delivery/delivery-lattice.ts";
import type { RelayStatus } from "../packages/perdure/src/relay/status.ts";
import { InvariantBroken } from "./ledger.ts";

export interface Model {
  /** Of a relay, by its own account. */
  relayFact(relay: string, event: string, fields: LogFields): void;
  agentFact(host: string, event: string, fields: LogFields): void;
  promised(host: string, id: string): void;
  step(host: string, id: string, step: Step): void;
  isIgnored(host: string): boolean;
  /** Its folder lives twice, or again as it was, or somebody else has its keys: what it shows follows from more than is known here. */
  ignore(host: string): void;
  /** Throws unless what a relay shows is what may wait there. */
  compareRelay(relay: string, status: RelayStatus): void;
  /** Whether nothing that somebody could settle is left at that relay for these owners. */
  isDrained(relay: string, owners: ReadonlySet<string>): boolean;
  /** What is left there, for people. */
  left(relay: string, owners: ReadonlySet<string>): string;
  /** Throws unless an agent shows what was promised, ended and completed. Only once all is quiet. */
  compareAgent(host: string, agent: Agent): Promise<void>;
}

interface Position {
  readonly ticket: number;
  readonly what: string;
  /** Sender's stream and number; absent where the relay says something itself. */
  readonly id?: string;
}

interface Box {
  /** Waits as far as the relay has said. */
  readonly certain: Map<number, Position>;
  /** May wait, or not, since a crash. */
  readonly uncertain: Set<number>;
}

interface Settled {
  readonly owner: string;
  readonly position: number;
  /** A ticket above that of its record; `undefined` while none is known. */
  ticket: number | undefined;
}

interface Account {
  readonly boxes: Map<string, Box>;
  settled: Settled[];
  synced: number;
  /** Since damage was found, until the relay has started: whose mailboxes were read, and whether settles may be lost. */
  damage: { readonly read: Set<string>; readonly mayTurnBack: boolean } | undefined;
}

export function createModel(): Model {
  const accounts = new Map<string, Account>();
  const ended = new Map<string, Map<string, DeliveryState | undefined>>();
  const completed = new Map<string, Set<string>>();
  const failed = new Map<string, Set<string>>();
  const ignored = new Set<string>();
  /** Messages under an idempotency key that somebody has, by the id of each part: as its recipient names it, and its sender. */
  const keyed = new Map<string, { readonly key: string; readonly id: string }>();
  /** Messages whose sender was told that they failed. */
  const toldFailed = new Set<string>();

  const within = <Value>(map: Map<string, Value>, key: string, make: () => Value): Value => {
    const found = map.get(key) ?? make();
    map.set(key, found);
    return found;
  };
  const accountOf = (relay: string): Account =>
    within(accounts, relay, () => ({ boxes: new Map(), settled: [], synced: -1, damage: undefined }));
  const boxOf = (account: Account, owner: string): Box =>
    within(account.boxes, owner, () => ({ certain: new Map(), uncertain: new Set() }));

  /** What a relay whose log is damaged could read of one mailbox. */
  const boxRead = (account: Account, owner: string, next: number, missing: string): void => {
    const { certain, uncertain } = boxOf(account, owner);
    account.damage?.read.add(owner);
    if (account.damage?.mayTurnBack === true)
      for (let position = 1; position < next; position++) if (!certain.has(position)) uncertain.add(position);
    for (const position of [...certain.keys(), ...uncertain].filter((each) => each >= next)) {
      certain.delete(position);
      uncertain.delete(position);
    }
    for (const range of missing.split(" ").filter((each) => each !== "")) {
      const [first = 0, last = first] = range.split("-").map(Number);
      for (let position = first; position <= last; position++) {
        certain.delete(position);
        uncertain.delete(position);
      }
    }
  };

  const started = (account: Account): void => {
    if (account.damage !== undefined)
      for (const owner of account.boxes.keys()) if (!account.damage.read.has(owner)) account.boxes.delete(owner);
    account.damage = undefined;
    for (const { certain, uncertain } of account.boxes.values()) {
      for (const [position, { ticket }] of certain) {
        if (ticket <= account.synced) continue;
        certain.delete(position);
        uncertain.add(position);
      }
      // Of the life that begins nothing is appended yet.
      for (const [position, each] of certain) certain.set(position, { ...each, ticket: -1 });
    }
    for (const { owner, position } of account.settled) boxOf(account, owner).uncertain.add(position);
    account.settled = [];
    account.synced = -1;
  };

  /** Whoever is under the key of a failed message stays beside that until the owner of the box decides; its sender was told. */
  const isTwinOfFailed = ({ id }: Position): boolean => {
    const message = keyed.get(id ?? "");
    return message !== undefined && toldFailed.has(message.id) && ![...failed.values()].some((all) => all.has(message.key));
  };
  function* mustLeave({ certain }: Box): Generator<readonly [number, Position]> {
    for (const each of certain) if (!isTwinOfFailed(each[1])) yield each;
  }

  const leave = (account: Account, owner: string, position: number): void => {
    const { certain, uncertain } = boxOf(account, owner);
    if (!certain.delete(position) && !uncertain.delete(position)) return;
    account.settled.push({ owner, position, ticket: undefined });
  };

  return {
    relayFact(relay, event, fields) {
      const account = accountOf(relay);
      const owner = String(fields["agent"] ?? "");
      if (event === "relay.started") started(account);
      else if (event === "relay.damage") account.damage = { read: new Set(), mayTurnBack: fields["mayTurnBack"] === true };
      else if (event === "relay.mailbox-read") boxRead(account, owner, Number(fields["next"]), String(fields["missing"]));
      else if (event === "relay.mail-appended") {
        const [position, ticket] = [Number(fields["position"]), Number(fields["ticket"])];
        const { certain, uncertain } = boxOf(account, owner);
        uncertain.delete(position);
        const id = String(fields["id"]);
        certain.set(position, { ticket, what: `${String(fields["class"])} ${id}`, id });
        for (const each of account.settled) each.ticket ??= ticket;
      } else if (event === "relay.batch-synced") {
        const synced = Math.max(account.synced, Number(fields["ticket"]));
        account.synced = synced;
        account.settled = account.settled.filter(({ ticket }) => ticket === undefined || ticket > synced);
      } else if (event === "relay.settle-applied") {
        for (const range of String(fields["ranges"]).split(",")) {
          const [first = 0, last = first] = range.split("-").map(Number);
          for (let position = first; position <= last; position++) leave(account, owner, position);
        }
      } else if (event === "relay.expired" || event === "relay.lost") {
        leave(account, owner, Number(fields["position"]));
        if (fields["noticeFor"] === undefined) return;
        // Its sender is told by mail of the relay's own.
        const { certain } = boxOf(account, String(fields["noticeFor"]));
        certain.set(Number(fields["noticeAt"]), { ticket: Number(fields["noticeTicket"]), what: `notice of ${String(fields["id"])}` });
      }
    },
    agentFact(host, event, fields) {
      const key = `${String(fields["from"] ?? "")} ${String(fields["id"] ?? "")}`;
      if (event === "agent.received" && fields["keyed"] === true) {
        const [stream = "", seq = "0"] = String(fields["id"]).split(".");
        keyed.set(`${stream}.${Number(seq) + Number(fields["part"])}`, { key, id: String(fields["id"]) });
      } else if (event === "agent.step" && fields["state"] === "failed") toldFailed.add(String(fields["id"]));
      else if (event === "agent.completed" || event === "agent.completion-read") {
        within(completed, host, () => new Set()).add(key);
        failed.get(host)?.delete(key);
      } else if (event === "agent.failed") within(failed, host, () => new Set()).add(key);
    },
    promised: (host, id) => void within(ended, host, () => new Map()).set(id, undefined),
    step(host, id, { state }) {
      const known = ended.get(host);
      if (known?.has(id) !== true || !isTerminal(state)) return;
      const before = known.get(id);
      if (before === undefined || rank(state) > rank(before)) known.set(id, state);
    },
    isIgnored: (host) => ignored.has(host),
    ignore: (host) => void ignored.add(host),
    compareRelay(relay, status) {
      const account = accountOf(relay);
      for (const { id, waitingMessages } of [...status.agents, ...status.peers]) {
        const { certain, uncertain } = boxOf(account, id);
        if (waitingMessages >= certain.size && waitingMessages <= certain.size + uncertain.size) continue;
        const may = uncertain.size === 0 ? `${certain.size}` : `${certain.size} to ${certain.size + uncertain.size}`;
        throw new InvariantBroken("4 release", `${relay} shows ${waitingMessages} messages for ${id}, and ${may} may wait there`);
      }
    },
    isDrained: (relay, owners) =>
      [...accountOf(relay).boxes].every(([owner, box]) => !owners.has(owner) || mustLeave(box).next().done === true),
    left: (relay, owners) =>
      [...accountOf(relay).boxes]
        .filter(([owner]) => owners.has(owner))
        .flatMap(([owner, box]) => [...mustLeave(box)].slice(0, 3).map(([at, { what }]) => `${what} at ${at} for ${owner}`))
        .join(", "),
    async compareAgent(host, agent) {
      if (ignored.has(host)) return;
      const promises = ended.get(host) ?? new Map<string, DeliveryState | undefined>();
      const shown = new Map((await agent.outbox()).map((sent) => [String(sent.id), sent.steps.at(-1)?.state]));
      for (const [id, state] of promises) {
        const now = shown.get(id);
        if (now === undefined) throw broken("1 custody", `${host} does not show ${id}, which it promised to send`);
        if (state !== undefined && rank(now) < rank(state))
          throw broken("5 statements", `${host} shows ${id} as ${now}, and it was ${state}`);
      }
      const done = completed.get(host) ?? new Set<string>();
      for (const box of ["contacts", "requests", "failed"] as const)
        for await (const mail of agent.inbox({ box }))
          if (done.has(`${mail.from} ${mail.id}`)) throw broken("6 horizon", `${host} shows ${mail.id} in ${box}, which it completed`);
      const { failed: count, failedDropped } = await agent.status();
      const expected = failed.get(host)?.size ?? 0;
      if (count + failedDropped < expected) throw broken("1 custody", `${host} shows ${count} failed messages, and ${expected} failed`);
    },
  };
}

function broken(invariant: string, what: string): InvariantBroken {
  return new InvariantBroken(invariant, what);
}
