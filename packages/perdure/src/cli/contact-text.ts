/** Others on the way out of the command: as JSON and as a line in a list. Their names are their own words. */
import type { Contact, ContactRequest, PausedThread } from "../agent/api.ts";
import { safeLine } from "./foreign-text.ts";
import { countText, dateText } from "./quantity.ts";

const HOW: Readonly<Record<Contact["how"], string>> = {
  invite: "accepted your invite",
  accepted: "accepted by you",
  "written-to": "you wrote to them",
  added: "added by you",
};

export function contactObject(contact: Contact): object {
  const { id, standing, name, address, how, sinceMs, waitingRequests, trouble } = contact;
  return { type: "contact", id, standing, name, address, how, sinceMs, waitingRequests, trouble };
}

export function contactLine(contact: Contact): string {
  const how = contact.standing === "blocked" ? "blocked" : HOW[contact.how];
  const waiting = contact.waitingRequests > 0 ? [`${countText(contact.waitingRequests, "message")} in requests`] : [];
  const trouble = contact.trouble === undefined ? [] : [contact.trouble];
  return [contact.id, calledText(contact), how, `since ${dateText(contact.sinceMs).slice(0, 16)}`, ...waiting, ...trouble].join("  ");
}

/** The proven address, else the name it came with, else nothing is known. */
export function calledText({ address, name }: Pick<Contact, "address" | "name">): string {
  if (address !== undefined) return safeLine(address, 80);
  return name === undefined ? "(no name)" : `"${safeLine(name, 40)}"`;
}

export function requestObject({ id, name, messages, firstAtMs, lastAtMs }: ContactRequest): object {
  return { type: "request", id, name, messages, firstAtMs, lastAtMs };
}

export function requestLine({ id, name, messages, lastAtMs }: ContactRequest): string {
  const called = name === undefined ? "(no name)" : `calls itself "${safeLine(name, 40)}"`;
  return [id, called, countText(messages, "message"), `last ${dateText(lastAtMs).slice(0, 16)}`].join("  ");
}

export function pausedObject({ thread, peer, why, atMs }: PausedThread): object {
  return { type: "paused", thread, peer, why, atMs };
}

export function pausedLine({ thread, peer, why, atMs }: PausedThread): string {
  return [thread === "" ? "every thread" : thread, `with ${peer}`, dateText(atMs).slice(0, 16), safeLine(why, 200)].join("  ");
}
