/** The words of a handshake as `protocol/frames-and-session.md` says them, and what becomes of the side that is watched. */
import { type Bytes, concat, hex, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { type Challenge, challenge, goodbye, type Proof, proof, type Welcome } from "../../packages/perdure/src/wire/control.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { FrameName } from "../../packages/perdure/src/wire/frame.ts";
import { type HandLine, messageOf } from "./hand-line.ts";
import { parted, type RoomTools } from "./room.ts";

/** What a relay's or an agent's side signs, and the keys of a session. */
export function words(tools: RoomTools) {
  const { sha256, hkdfSha256 } = tools.hash;
  const none = new Uint8Array(64);
  const domain = utf8("perdure/handshake/1");
  return {
    byRelay: (helloBytes: Bytes, said: Challenge, side = 1): Bytes =>
      concat(domain, Uint8Array.of(side), sha256(helloBytes), sha256(challenge.encode({ ...said, signature: none }))),
    byAgent: (helloBytes: Bytes, challengeBytes: Bytes, said: Proof, side = 2): Bytes =>
      concat(domain, Uint8Array.of(side), sha256(helloBytes), sha256(challengeBytes), sha256(proof.encode({ ...said, signature: none }))),
    keys: (secret: Bytes, ...said: readonly Bytes[]): Bytes =>
      hkdfSha256(secret, sha256(concat(...said.map((each) => sha256(each)))), utf8("perdure/session/1"), 64),
  };
}

export interface Ended<Value> {
  value: Value | undefined;
  code: string | undefined;
  retry: string | undefined;
}

export function follow<Value>(work: Promise<Value>): Ended<Value> {
  const ended: Ended<Value> = { value: undefined, code: undefined, retry: undefined };
  work.then(
    (value) => {
      ended.value = value;
    },
    (error: unknown) => {
      ended.code = isPerdureError(error) ? error.code : String(error);
      ended.retry = isPerdureError(error) ? error.retry : undefined;
    },
  );
  return ended;
}

/** The payload of the only frame of the next message, which must be that one, in mode none or with that key. */
export function takeFrame(tools: RoomTools, line: HandLine, name: FrameName, type: number, key?: Bytes, counter = 0): Bytes {
  const message = line.sent.shift();
  if (message === undefined) return parted(`no ${name} is said`);
  const payload = message.subarray((key === undefined ? 2 : 18) + 8);
  if (message[key === undefined ? 2 : 18] !== type) parted(`frame ${message[key === undefined ? 2 : 18]} is said where ${name} is due`);
  if (hex(messageOf(tools.hash, [{ name, payload }], key, counter)) !== hex(message)) parted(`${name} is not said as it must be`);
  return payload;
}

export function parting(code: string, retry: "never" | "now" | "after") {
  return goodbye.encode({ code, retry, afterMs: 0, limit: undefined, why: "as drawn", hint: "" });
}

export function welcomeOf(step: { readonly window: number; readonly pingEveryMs: number }, relayTimeMs: number): Welcome {
  return {
    relayTimeMs,
    generation: new Uint8Array(8).fill(1),
    epoch: 3,
    tail: 4,
    settledFloor: 2,
    linkUpTo: 9,
    linkRefused: [],
    windowFrames: step.window,
    windowBytes: step.window,
    pingEveryMs: step.pingEveryMs,
    contactsVersion: 0,
    pass: new Uint8Array(5),
    extensions: [],
  };
}

export function expectCode(ended: Ended<unknown>, code: string, what: string, retry?: string): void {
  if (ended.code !== code) parted(`with ${what} it is ${ended.code ?? "done"}, and not ${code}`);
  if (retry !== undefined && ended.retry !== retry) parted(`with ${what} to try again is ${ended.retry}, and not ${retry}`);
}
