/** Decoders of what people copy: invites, addresses, ids. */
import { parseRelayAddress } from "../packages/perdure/src/protocol/link/address.ts";
import { utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { agentIdBytes, agentIdText, messageIdText, parseMessageId } from "../packages/perdure/src/wire/ids.ts";
import { INVITE_VERSION, inviteLink, inviteText, parseInvite } from "../packages/perdure/src/wire/invite.ts";
import type { Decoder } from "./decoder.ts";

const SHORT_BYTES = 600;
const id = agentIdText(new Uint8Array(32).fill(9));

export function textDecoders(): readonly Decoder[] {
  const invite = {
    version: INVITE_VERSION,
    agentId: new Uint8Array(32).fill(1),
    name: "desk",
    home: { relayId: new Uint8Array(32).fill(2), url: "wss://relay.example/" },
    secret: new Uint8Array(16).fill(3),
    expiresAtMs: 1_800_000_000_000,
  };
  const text = (input: Uint8Array): string => new TextDecoder().decode(input);
  return [
    {
      name: "invite",
      take: (input) => {
        const read = parseInvite(text(input));
        // Both ways of writing what was read are read as the same again.
        if (inviteText(parseInvite(inviteLink(read))) !== inviteText(read)) throw new RangeError("text and link of an invite differ");
        return undefined;
      },
      seeds: [utf8(inviteText(invite)), utf8(inviteLink(invite)), utf8(` ${inviteText(invite)}\n`)],
      words: ["perdure1:", "https://", "http://", "/i#", "#", " ", "\n"].map(utf8),
      maxBytes: 2400,
      share: 2,
    },
    {
      name: "relay address",
      take: (input) => void parseRelayAddress(text(input)),
      seeds: [utf8(`wss://relay.example/#${id}?ticket=abc_-1`), utf8(`ws://[::1]:4410/#${id}`), utf8("relay.example:443")],
      words: ["wss://", "?ticket=", "#", "ag1", "@", "[", "%00", "..", "\\", "xn--"].map(utf8),
      maxBytes: SHORT_BYTES,
    },
    {
      name: "agent id",
      take: (input) => utf8(agentIdText(agentIdBytes(text(input)))),
      seeds: [utf8(id)],
      maxBytes: 80,
    },
    {
      name: "message id",
      take: (input) => {
        const { stream, seq } = parseMessageId(text(input));
        return utf8(messageIdText(stream, seq));
      },
      seeds: [utf8("9f2c4e81d03b7a55.1")],
      maxBytes: 80,
    },
  ];
}
