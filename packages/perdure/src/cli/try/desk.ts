/**
 * The agent `@desk` of the trial, in a process of its own: writes what it is sent into a folder and says so on stdout.
 * Ends when its stdin ends, so that it never outlives the trial.
 *
 * stdout, JSON lines:  {type: "invite", text}   {type: "awake", id}   {type: "handling", id, attempt}   {type: "handled", id, attempt, sizeBytes, file, says}
 */
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Mail } from "../../agent/api.ts";
import { openAgentWith } from "../../agent/open-agent.ts";
import { fromUtf8 } from "../../wire/bytes.ts";
import { isPerdureError } from "../../wire/error.ts";
import { isText } from "../content.ts";
import { safeLine } from "../foreign-text.ts";
import type { Verb } from "../invocation.ts";
import { sizeText } from "../quantity.ts";
import { stdinEnd } from "../stdin-end.ts";
import type { DeskWords } from "../words.ts";

export function deskVerb({ at, relay, received }: DeskWords): Verb {
  return async (invocation) => {
    const signal = AbortSignal.any([invocation.signal, stdinEnd(invocation.stdin)]);
    await mkdir(received, { recursive: true });
    await using agent = await openAgentWith(invocation.host, at, { join: relay, name: "desk", settings: invocation.overrides, signal });
    const say = invocation.terminal.object;
    if ((await agent.contacts.list()).length === 0) say({ type: "invite", text: (await agent.invite()).text });
    say({ type: "awake", id: agent.id });
    try {
      await agent.serve(
        async (mail) => {
          const file = join(received, mail.id);
          say({ type: "handling", id: mail.id, attempt: mail.attempt });
          const bytes = await mail.bytes();
          await keep(bytes, file);
          say({ type: "handled", id: mail.id, attempt: mail.attempt, sizeBytes: mail.sizeBytes, file, says: summary(mail, bytes) });
        },
        { signal },
      );
    } catch (error) {
      if (!(isPerdureError(error) && error.code === "aborted" && signal.aborted)) throw error;
    }
    return 0;
  };
}

/** A short text as it is, anything else by its name and size. */
function summary(mail: Mail, bytes: Uint8Array): string {
  if (mail.fileName !== undefined) return `${safeLine(mail.fileName, 40)}, ${sizeText(bytes.length)}`;
  return isText(bytes) && bytes.length > 0 ? `"${safeLine(fromUtf8(bytes), 40)}"` : sizeText(bytes.length);
}

async function keep(bytes: Uint8Array, path: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
