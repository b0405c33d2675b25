/** The calls that pass over the local socket, and which of them wait: a waiting one takes a signal as its last argument. */
import type { AgentCore, ClientId } from "./core.ts";

export type CallName = { readonly [Name in keyof AgentCore]: Name }[keyof AgentCore];

const WAITS: { readonly [Name in CallName]: boolean } = {
  submit: false,
  outgoing: false,
  outgoingAfter: true,
  evidence: false,
  outgoings: false,
  mails: false,
  mailsAfter: true,
  mail: false,
  readPart: false,
  claim: true,
  answer: true,
  adopt: false,
  complete: false,
  release: false,
  finish: false,
  retry: false,
  contacts: false,
  acceptChange: false,
  contactRequests: false,
  decide: false,
  strangers: false,
  paused: false,
  resume: false,
  invite: false,
  acceptInvite: false,
  identity: false,
  changeIdentity: false,
  exportIdentity: false,
  setPassphrase: false,
  leave: false,
  status: false,
  settings: false,
  surroundings: false,
  bundle: false,
};

/** Calls one guest may have open at once; more are answered `too-busy`. */
export const CALLS_IN_FLIGHT = 1024;

export function isCallName(text: string): text is CallName {
  return Object.hasOwn(WAITS, text);
}

export function callWaits(name: CallName): boolean {
  return WAITS[name];
}

const NAMES_CLIENT: ReadonlySet<CallName> = new Set(["claim", "answer", "adopt", "leave"]);

/** Whether a call that speaks for a client speaks for `client`. */
export function isOwnCall(name: CallName, values: readonly unknown[], client: ClientId | undefined): boolean {
  return !NAMES_CLIENT.has(name) || values[0] === client;
}

/** Makes the call on `core`; `signal` is passed to those that wait. */
export async function makeCall(core: AgentCore, name: CallName, values: readonly unknown[], signal: AbortSignal): Promise<unknown> {
  const call = core[name] as (...values: unknown[]) => Promise<unknown>;
  return await call.apply(core, WAITS[name] ? [...values, signal] : [...values]);
}
