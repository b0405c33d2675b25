/**
 * The invite page's script, as the browser gets it. The invite stands behind `#`, so it is read here and by nobody else; what it
 * says comes from whoever made the link and reaches the page as text only.
 */
export const INVITE_SCRIPT = /* js */ String.raw`import { qrModules } from "/qr.js";

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

function show() {
  const code = location.hash.slice(1);
  const invite = readInvite(code);
  document.body.dataset.state = invite === undefined ? "none" : invite.expiresAtMs <= Date.now() ? "expired" : "good";
  byId("invite").hidden = invite === undefined;
  byId("none").hidden = invite !== undefined;
  if (invite === undefined) return;
  const who = invite.name === "" ? "An agent" : "@" + invite.name;
  say("who", who + " invites you to write");
  say("agent", invite.agentId);
  say("relay", invite.url);
  say("relay-id", invite.relayId);
  const left = invite.expiresAtMs - Date.now();
  say("expires", new Date(invite.expiresAtMs).toLocaleString("sv-SE") + (left <= 0 ? " – it has run out; ask for a new one" : ""));
  // Only what was read as an invite, so that nothing else of the address gets into a command people copy.
  const link = location.origin + "/i#" + code;
  say("command", "perdure accept '" + link + "'");
  say("text", "perdure1:" + code);
  drawCode(byId("qr"), qrModules(new TextEncoder().encode(link)));
}

// The array [version, agent id, name, [relay id, url], secret, expiry] in deterministic CBOR.
function readInvite(code) {
  try {
    if (!/^[\w-]+$/.test(code)) return undefined;
    const bytes = Uint8Array.from(atob(code.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
    const reader = { bytes, at: 0 };
    const value = readItem(reader);
    const [version, agent, name, [relay, url], secret, expiresAtMs] = value;
    const fits = version === 1 && agent.length === 32 && relay.length === 32 && secret.length === 16 && reader.at === bytes.length;
    if (!fits || typeof name !== "string" || typeof url !== "string" || typeof expiresAtMs !== "number") return undefined;
    return { agentId: "ag1" + base32(agent), name, relayId: "ag1" + base32(relay), url, expiresAtMs };
  } catch {
    return undefined;
  }
}

function readItem(reader) {
  const first = reader.bytes[reader.at++];
  const kind = first >> 5;
  const small = first & 31;
  let value = small;
  if (small >= 24) {
    const length = 2 ** (small - 24);
    if (!(length <= 8)) throw new Error("length");
    value = 0;
    for (let at = 0; at < length; at++) value = value * 256 + reader.bytes[reader.at++];
  }
  if (!Number.isSafeInteger(value)) throw new Error("cut off");
  if (kind === 0) return value;
  if (kind === 4) return Array.from({ length: Math.min(value, 16) }, () => readItem(reader));
  if (kind !== 2 && kind !== 3) throw new Error("kind");
  const piece = reader.bytes.subarray(reader.at, reader.at + value);
  if (piece.length !== value) throw new Error("cut off");
  reader.at += value;
  return kind === 2 ? piece : new TextDecoder("utf-8", { fatal: true }).decode(piece);
}

function base32(bytes) {
  let text = "";
  let bits = 0;
  let count = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    count += 8;
    for (; count >= 5; count -= 5) text += LETTERS[(bits >> (count - 5)) & 31];
    bits &= (1 << count) - 1;
  }
  return count > 0 ? text + LETTERS[(bits << (5 - count)) & 31] : text;
}

// Dark on light with four modules of margin, in either colour scheme: that is what cameras look for.
function drawCode(canvas, modules) {
  canvas.hidden = modules === undefined;
  if (modules === undefined) return;
  const scale = 6;
  canvas.width = (modules.length + 8) * scale;
  canvas.height = canvas.width;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#000";
  modules.forEach((row, y) => row.forEach((dark, x) => { if (dark) pen.fillRect((x + 4) * scale, (y + 4) * scale, scale, scale); }));
}

async function copy(from, button) {
  const before = button.textContent;
  try {
    await navigator.clipboard.writeText(byId(from).textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select it and copy by hand";
  }
  setTimeout(() => { button.textContent = before; }, 2000);
}

function say(id, text) {
  byId(id).textContent = String(text).replace(UNSEEN, "\ufffd");
}

function byId(id) {
  return document.getElementById(id);
}

for (const from of ["command", "text"]) byId("copy-" + from).addEventListener("click", (event) => copy(from, event.currentTarget));
addEventListener("hashchange", show);
show();
`;
