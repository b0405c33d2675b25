/**
 * The owner's words about others: who is a contact, who is blocked, what strangers' mail does, what goes on again, and
 * invites both ways. Each is one change of the log; see core.ts for what must hold of the calls.
 */
import type { Host } from "../host/host.ts";
import type { OwnIdentity } from "../identity/index.ts";
import type { ContactBook } from "../protocol/contacts/contact-book.ts";
import { EVERY_THREAD, type LoopGuard } from "../protocol/contacts/loop-guard.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import { headOf, type Incoming } from "../protocol/delivery/incoming.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, equalBytes, fromHex, hex, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { Home } from "../wire/identity.ts";
import { agentIdBytes, agentIdText, isAgentId } from "../wire/ids.ts";
import {
  INVITE_SECRET_BYTES,
  INVITE_VERSION,
  type InviteContent,
  inviteLink,
  inviteText,
  MAX_INVITE_MS,
  parseInvite,
} from "../wire/invite.ts";
import type { KeptContact } from "../wire/kept-agent.ts";
import { GREETING_CONTENT_TYPE } from "../wire/sealed.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Contact, ContactRequest } from "./api.ts";
import type { Claims } from "./claims.ts";
import type { AgentCore } from "./core.ts";
import { refusal } from "./endings.ts";
import type { Lookups } from "./lookups.ts";
import { outgoingRecords, parseRecipient } from "./outgoing-records.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import { refuseBlocked, refuseOfRetired } from "./submissions.ts";
import { type OutgoingNames, outgoingView } from "./views.ts";
import type { WaitingRequests } from "./waiting-requests.ts";

const MIN_INVITE_MS = 1000;
const MAX_USES = 1000;
const LABEL_BYTES = 128;
/** Senders that `requests` lists: the newest. */
const LISTED_REQUESTS = 1000;

export type ContactCalls = Pick<
  AgentCore,
  "contacts" | "contactRequests" | "decide" | "strangers" | "paused" | "resume" | "invite" | "acceptInvite"
>;

export interface ContactCallsOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "random" | "log">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly home: () => Home;
  readonly book: ContactBook;
  readonly guard: LoopGuard;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly peers: Peers;
  readonly lookups: Lookups;
  readonly claims: Claims;
  readonly requests: WaitingRequests;
  readonly names: OutgoingNames;
  readonly addressOf: (idRaw: Bytes) => string | undefined;
  readonly store: () => AgentStore;
}

export function createContactCalls(options: ContactCallsOptions): ContactCalls {
  const { host, settings, own, book, guard, inbox, outbox, peers, lookups, claims, requests, addressOf, store } = options;
  const { clock } = host;

  const commit = (plan: () => readonly Planned[]): Promise<void> =>
    store().commit({ onFailure: "give-up", plan: () => ({ records: plan(), result: undefined }) });
  const view = (entry: KeptContact): Contact => {
    const name = entry.name === "" ? peers.loaded(entry.id)?.name : entry.name;
    return {
      id: agentIdText(entry.id),
      standing: entry.standing === "blocked" ? "blocked" : "contact",
      name: name === "" ? undefined : name,
      address: addressOf(entry.id),
      how: entry.how,
      sinceMs: entry.atMs,
      waitingRequests: inbox.requested(entry.id).messages,
      trouble: peers.trouble(entry.id),
    };
  };
  const viewOf = (idRaw: Bytes): Contact => {
    const entry = book.find(idRaw);
    if (entry === undefined) throw new PerdureError("internal", "a contact that was kept is not in the book");
    return view(entry);
  };
  const idOf = async (who: string): Promise<{ readonly idRaw: Bytes; readonly name: string }> => {
    const recipient = parseRecipient(who);
    if (recipient.idRaw.length > 0) return { idRaw: recipient.idRaw, name: "" };
    const identity = await lookups.resolve(recipient);
    const idRaw = identity?.idRaw ?? peers.named(recipient.name)?.idRaw;
    if (idRaw === undefined)
      throw new PerdureError("relay-unreachable", `whom ${who} means cannot be asked right now`, {
        retry: "after",
        hint: "Try again when the relay answers, or use the agent id.",
      });
    return { idRaw, name: recipient.name };
  };

  const decided = (idRaw: Bytes, name: string, standing: KeptContact["standing"], how: KeptContact["how"]): readonly Planned[] =>
    book.decided({ idRaw, standing, how, name, nowMs: clock.wallMs() }).map((kept) => ({ kept }));

  const greet = async (requestId: string, content: InviteContent): Promise<void> => {
    const request = fromHex(requestId);
    if (request?.length !== 16) throw new PerdureError("bad-argument", "a request id has 32 hexadecimal digits");
    const { agentId, home, name, secret, expiresAtMs } = content;
    await commit(() => {
      if (outbox.byRequest(requestId) !== undefined) return [];
      refuseBlocked(book, agentId);
      const nowMs = clock.wallMs();
      const contact = book.decided({ idRaw: agentId, standing: "contact", how: "accepted", name, home, nowMs });
      const queued = outgoingRecords(outbox, host.crypto.hash, {
        recipient: { idRaw: agentId, name: "" },
        class: "mail",
        requestId: request,
        asks: false,
        thread: host.random.bytes(16),
        depth: 0,
        auto: false,
        inReplyTo: undefined,
        collapseKey: "",
        idempotencyKey: "",
        contentType: GREETING_CONTENT_TYPE,
        fileName: "",
        content: EMPTY,
        nowMs,
        expiresAtMs: Math.min(expiresAtMs, nowMs + settings.defaultExpiryMs),
        invite: secret,
      });
      return [...contact.map((kept) => ({ kept })), ...requests.letIn((incoming) => equalBytes(incoming.from, agentId)), ...queued.records];
    });
  };

  return {
    contacts: async () => [...book.entries()].map(view).sort((a, b) => b.sinceMs - a.sinceMs),
    async contactRequests() {
      const senders = new Map<string, { -readonly [Key in keyof ContactRequest]: ContactRequest[Key] }>();
      for (const incoming of inbox.listed("requests", 0)) {
        const { fromName } = headOf(incoming);
        const id = agentIdText(incoming.from);
        const so = senders.get(id) ?? { id, name: undefined, messages: 0, firstAtMs: incoming.wholeAtMs, lastAtMs: incoming.wholeAtMs };
        so.messages++;
        so.lastAtMs = Math.max(so.lastAtMs, incoming.wholeAtMs);
        if (fromName !== "") so.name = fromName;
        senders.set(id, so);
      }
      return [...senders.values()].sort((a, b) => b.lastAtMs - a.lastAtMs).slice(0, LISTED_REQUESTS);
    },
    async decide(who, decision) {
      const { idRaw, name } = await idOf(who);
      if (equalBytes(idRaw, own.idRaw))
        throw new PerdureError("bad-argument", "that is this agent itself", { hint: "Name somebody else." });
      const isTheirs = (incoming: Incoming): boolean => equalBytes(incoming.from, idRaw);
      if (decision === "remove") {
        await commit(() => decided(idRaw, "", "none", "added"));
        return undefined;
      }
      if (decision === "block") {
        const waiting = (): readonly Incoming[] => [...inbox.listed("requests", 0), ...inbox.listed("contacts", 0)].filter(isTheirs);
        const verdict = refusal("its owner does not want mail from this sender", "blocked");
        await claims.refuseAll(waiting, verdict, () => decided(idRaw, name, "blocked", "added"));
        return viewOf(idRaw);
      }
      await commit(() => {
        const isNew = book.standing(idRaw) !== "contact";
        if (decision === "accept" && isNew && requests.of(isTheirs).length === 0)
          throw new PerdureError("unknown-agent", `nothing of ${who} waits in requests`, {
            hint: "perdure contacts requests lists who does; perdure contacts add takes in anybody.",
          });
        return [...decided(idRaw, name, "contact", decision === "accept" ? "accepted" : "added"), ...requests.letIn(isTheirs)];
      });
      return viewOf(idRaw);
    },
    async strangers(policy) {
      if (policy !== "" && policy !== "wait" && policy !== "welcome")
        throw new PerdureError("bad-argument", `strangers are made to wait or welcome, not "${String(policy)}"`);
      if (policy !== "" && policy !== book.policy.strangers) {
        await commit(() => [
          { kept: { kind: "policy", head: { ...book.policy, strangers: policy } } },
          ...(policy === "welcome" ? requests.letIn((incoming) => headOf(incoming).head.contentType !== GREETING_CONTENT_TYPE) : []),
        ]);
      }
      return book.policy.strangers;
    },
    paused: async () =>
      [...guard.pauses()].map(({ thread, peer, why, atMs }) => ({
        thread: equalBytes(thread, EVERY_THREAD) ? "" : hex(thread),
        peer: agentIdText(peer),
        why,
        atMs,
      })),
    async resume(threadOrPeer) {
      const thread = fromHex(threadOrPeer);
      if (!isAgentId(threadOrPeer) && thread?.length !== 16)
        throw new PerdureError("bad-argument", `"${threadOrPeer}" is neither a thread nor an agent id`, {
          hint: "perdure contacts paused lists both.",
        });
      const peer = isAgentId(threadOrPeer) ? agentIdBytes(threadOrPeer) : undefined;
      await commit(() =>
        [...guard.pauses()]
          .filter((pause) => (peer === undefined ? equalBytes(pause.thread, thread ?? EMPTY) : equalBytes(pause.peer, peer)))
          .map((pause) => ({ kept: { kind: "paused", head: { ...pause, paused: false, atMs: clock.wallMs() } } })),
      );
    },
    async invite({ secret, expiresInMs, uses, label }) {
      const raw = fromHex(secret);
      if (raw?.length !== INVITE_SECRET_BYTES) throw new PerdureError("bad-argument", "the secret of an invite has 32 hexadecimal digits");
      if (!(expiresInMs >= MIN_INVITE_MS && expiresInMs <= MAX_INVITE_MS))
        throw new PerdureError("expiry-out-of-range", `an invite is valid 1 s to 366 days, not ${expiresInMs} ms`);
      if (!Number.isInteger(uses) || uses < 1 || uses > MAX_USES)
        throw new PerdureError("bad-argument", `an invite has 1 to ${MAX_USES} uses, not ${uses}`);
      if (utf8(label).length > LABEL_BYTES) throw new PerdureError("bad-argument", `a label has at most ${LABEL_BYTES} bytes`);
      const hash = host.crypto.hash.sha256(raw);
      const nowMs = clock.wallMs();
      const expiresAtMs = nowMs + Math.round(expiresInMs);
      await commit(() => book.invited({ hash, label, expiresAtMs, usesLeft: uses, atMs: nowMs }).map((kept) => ({ kept })));
      const { relayId, url } = options.home();
      const content: InviteContent = {
        version: INVITE_VERSION,
        agentId: own.idRaw,
        name: own.name ?? "",
        home: { relayId, url },
        secret: raw,
        expiresAtMs,
      };
      return { text: inviteText(content), link: inviteLink(content), expiresAtMs, uses };
    },
    async acceptInvite(requestId, written) {
      const content = parseInvite(written);
      const nowMs = clock.wallMs();
      refuseOfRetired(own, false, nowMs);
      if (equalBytes(content.agentId, own.idRaw))
        throw new PerdureError("bad-argument", "this is an invite of this agent itself", {
          hint: "Hand it to whoever shall write to this agent.",
        });
      if (content.expiresAtMs <= nowMs)
        throw new PerdureError("expired", `this invite was valid until ${new Date(content.expiresAtMs).toISOString()}`, {
          hint: "Ask for a new one.",
        });
      await greet(requestId, content);
      const greeting = outbox.byRequest(requestId);
      if (greeting === undefined) throw new PerdureError("internal", "a greeting that was queued is not in the outbox");
      return { contact: viewOf(content.agentId), greeting: outgoingView(greeting, options.names) };
    },
  };
}
