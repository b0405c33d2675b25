/** `perdure invite`: permission to write to this agent, as text, link and code. */
import { openHere, type Verb } from "../invocation.ts";
import { qrLines } from "../qr.ts";
import { countText, dateText } from "../quantity.ts";
import type { InviteWords } from "../words.ts";

export function inviteVerb(options: InviteWords): Verb {
  return async (invocation) => {
    const { terminal, signal } = invocation;
    await using agent = await openHere(invocation, options.at);
    const invite = await agent.invite({
      signal,
      ...(options.uses === undefined ? {} : { uses: options.uses }),
      ...(options.expires === undefined ? {} : { expiresInMs: options.expires }),
      ...(options.label === undefined ? {} : { label: options.label }),
    });
    terminal.line(invite.text);
    const { text, link, expiresAtMs, uses } = invite;
    terminal.object({ type: "invite", text, link, expiresAtMs, uses });
    terminal.note(`or the link  ${invite.link}`);
    if (options.qr === true) for (const line of await qrLines(invite.link)) terminal.note(line);
    terminal.note(
      `valid until ${dateText(invite.expiresAtMs).slice(0, 16)}, for ${countText(invite.uses, "agent")}; whoever has it can use it`,
    );
    terminal.note('they run:    perdure accept "…"');
    return 0;
  };
}
