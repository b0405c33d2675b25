import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { agentIdText } from "../wire/ids.ts";
import { INVITE_VERSION, type InviteContent, inviteLink, inviteText } from "../wire/invite.ts";
import { createInviteDoor, INVITE_HTML } from "./invite-door.ts";
import { INVITE_SCRIPT } from "./invite-script.ts";
import { QR_SCRIPT } from "./qr-script.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const CONTENT: InviteContent = {
  version: INVITE_VERSION,
  agentId: new Uint8Array(32).fill(7),
  name: "desk",
  home: { relayId: new Uint8Array(32).fill(9), url: "wss://relay.example/" },
  secret: new Uint8Array(16).fill(3),
  expiresAtMs: NOW + 60_000,
};

interface Shown {
  readonly id: string;
  hidden: boolean;
  textContent: string;
  width: number;
}

/** The page as somebody sees it who opens `link`. */
function open(link: string): {
  readonly text: (id: string) => string;
  readonly shows: (id: string) => boolean;
  readonly state: () => unknown;
  readonly drawn: number;
} {
  const elements = new Map<string, Shown>();
  let drawn = 0;
  for (const [, id = ""] of INVITE_HTML.matchAll(/ id="([^"]+)"/g)) {
    const pen = { fillStyle: "", fillRect: () => void drawn++ };
    elements.set(
      id,
      Object.assign({ id, hidden: false, textContent: "", width: 0, height: 0 }, { getContext: () => pen, addEventListener: () => {} }),
    );
  }
  const body = { dataset: {} as Record<string, string> };
  const script = `${QR_SCRIPT.replace("export ", "")}\n${INVITE_SCRIPT.replace(/^import .*\n/, "")}`;
  runInNewContext(script, {
    document: { body, getElementById: (id: string) => elements.get(id) ?? null },
    location: { hash: new URL(link).hash, origin: new URL(link).origin },
    Date: class extends Date {
      static override now(): number {
        return NOW;
      }
    },
    addEventListener: () => {},
    atob,
    TextDecoder,
    TextEncoder,
    Uint8Array,
    navigator: {},
  });
  const element = (id: string): Shown => {
    const found = elements.get(id);
    if (found === undefined) throw new Error(`no element ${id}`);
    return found;
  };
  return {
    text: (id) => element(id).textContent,
    shows: (id) => !element(id).hidden,
    state: () => body.dataset["state"],
    get drawn() {
      return drawn;
    },
  };
}

describe("the page behind an invite", () => {
  it("shows a person who invites, what to do, and the link as a code", () => {
    const link = inviteLink(CONTENT);
    const page = open(link);
    expect(page.state()).toBe("good");
    expect([page.shows("invite"), page.shows("none"), page.shows("qr")]).toEqual([true, false, true]);
    expect(page.text("who")).toBe("@desk invites you to write");
    expect(page.text("agent")).toBe(agentIdText(CONTENT.agentId));
    expect([page.text("relay"), page.text("relay-id")]).toEqual(["wss://relay.example/", agentIdText(CONTENT.home.relayId)]);
    expect(page.text("command")).toBe(`perdure accept '${link}'`);
    expect(page.text("text")).toBe(inviteText(CONTENT));
    expect(page.drawn).toBeGreaterThan(500);
  });

  it("lets nothing but the invite into the command to copy", () => {
    const page = open(inviteLink(CONTENT).replace("/i#", "/i?x=';touch%20here;'#"));
    expect(page.text("command")).toBe(`perdure accept '${inviteLink(CONTENT)}'`);
    for (const more of ["';touch here;'", "%0a", " "]) expect(open(`${inviteLink(CONTENT)}${more}x`).state()).toBe("none");
  });

  it("says that an invite has run out", () => {
    const page = open(inviteLink({ ...CONTENT, expiresAtMs: NOW - 1, name: "" }));
    expect([page.state(), page.text("who")]).toEqual(["expired", "An agent invites you to write"]);
    expect(page.text("expires")).toContain("it has run out");
  });

  it("shows marks that hide or turn letters as what they are", () => {
    const forged = open(inviteLink({ ...CONTENT, home: { ...CONTENT.home, url: "wss://relay.example/\u202Eevil" } }));
    expect(forged.text("relay")).toBe("wss://relay.example/\ufffdevil");
  });

  const whole = new URL(inviteLink(CONTENT)).hash;
  for (const hash of ["", "#", whole.slice(0, -3), `${whole}AAAA`, "#AAAA", "#!!!!", "#nwABAgM", `#${"A".repeat(5000)}`]) {
    it(`takes ${hash.slice(0, 24) || "nothing"}… (${hash.length}) for no invite`, () => {
      const page = open(`https://relay.example/i${hash}`);
      expect([page.state(), page.shows("invite"), page.shows("none")]).toEqual(["none", false, true]);
    });
  }

  it("gives a program the same as text", async () => {
    const door = createInviteDoor();
    const forProgram = await door.request("http://relay.example/i", { headers: { accept: "*/*" } });
    expect(forProgram.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await forProgram.text()).toContain("perdure accept '<the link>'");
    const forPerson = await door.request("http://relay.example/i", { headers: { accept: "text/html,application/xhtml+xml" } });
    expect(await forPerson.text()).toBe(INVITE_HTML);
  });

  it("has every element its script fills, and no way to make a string into HTML", () => {
    for (const [, id] of INVITE_SCRIPT.matchAll(/(?:byId|say)\("([^"]+)"[,)]/g)) expect(INVITE_HTML).toContain(` id="${id}"`);
    expect(INVITE_SCRIPT + QR_SCRIPT).not.toMatch(
      /(inner|outer)HTML|insertAdjacent|document\.write|setAttribute|\beval\b|Function\(|import\(/,
    );
    expect(INVITE_HTML).not.toMatch(/<script(?![^>]* src="\/)|<style| style=| on\w+=/);
  });
});
