/** A bundle for whoever looks for a mistake: only what may be told is in it, and only what is one is read. */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import type { Surroundings } from "../../packages/perdure/src/host/surroundings.ts";
import type { Incident } from "../../packages/perdure/src/protocol/incidents/incident.ts";
import { bundleOf, isBundle, readBundle } from "../../packages/perdure/src/protocol/incidents/input-bundle.ts";
import type { Life } from "../../packages/perdure/src/protocol/incidents/input-keeper.ts";
import type { SettingRow } from "../../packages/perdure/src/settings/register.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { parted } from "./room.ts";

export interface BundleStep {
  readonly role: "agent" | "relay";
  readonly change: keyof typeof CHANGES;
  readonly nowMs: number;
}

type Said = Record<string, unknown> & { lives: Record<string, unknown>[]; settings: unknown[] };

const LATEST_MS = 8.64e15;
const LIFE = { beganMs: 1, lastMs: 2, closed: true, inputs: [{ atMs: 3, what: "x" }] };
const SETTING = { name: "x", value: 1, unit: "ms", origin: "set" };

/** What is changed of it, and what it is then. */
const CHANGES = {
  nothing: [(said: Said) => said, undefined],
  newer: [(said: Said) => ({ ...said, format: "perdure-bundle/2" }), "needs-newer-version"],
  older: [(said: Said) => ({ ...said, format: "perdure-bundle/0" }), "needs-older-version"],
  "other-format": [(said: Said) => ({ ...said, format: "perdure-bundle/x" }), "bad-argument"],
  role: [(said: Said) => ({ ...said, role: "friend" }), "bad-argument"],
  "no-lives": [(said: Said) => ({ ...said, lives: undefined }), "bad-argument"],
  "no-settings": [(said: Said) => ({ ...said, settings: 5 }), "bad-argument"],
  "no-incidents": [(said: Said) => ({ ...said, incidents: undefined }), "bad-argument"],
  "life-of-text": [(said: Said) => ({ ...said, lives: [...said.lives, { ...LIFE, beganMs: "1" }] }), "bad-argument"],
  "life-too-late": [(said: Said) => ({ ...said, lives: [{ ...LIFE, lastMs: LATEST_MS + 2 }] }), "bad-argument"],
  "life-at-the-end": [(said: Said) => ({ ...said, lives: [{ ...LIFE, lastMs: LATEST_MS, beganMs: -LATEST_MS }] }), undefined],
  "life-of-nothing": [(said: Said) => ({ ...said, lives: [null] }), "bad-argument"],
  "no-inputs": [(said: Said) => ({ ...said, lives: [{ ...LIFE, inputs: 5 }] }), "bad-argument"],
  "input-of-nothing": [(said: Said) => ({ ...said, lives: [{ ...LIFE, inputs: [null] }] }), "bad-argument"],
  "input-unnamed": [(said: Said) => ({ ...said, lives: [{ ...LIFE, inputs: [{ atMs: 3 }] }] }), "bad-argument"],
  "input-untimed": [(said: Said) => ({ ...said, lives: [{ ...LIFE, inputs: [{ what: "x" }] }] }), "bad-argument"],
  "most-inputs": [(said: Said) => ({ ...said, lives: crowd(65_536) }), undefined],
  "too-many-inputs": [(said: Said) => ({ ...said, lives: crowd(65_537) }), "bad-argument"],
  "setting-unnamed": [(said: Said) => ({ ...said, settings: [{ ...SETTING, name: 5 }] }), "bad-argument"],
  "setting-of-text": [(said: Said) => ({ ...said, settings: [{ ...SETTING, value: "5" }] }), "bad-argument"],
  "setting-of-nobody": [(said: Said) => ({ ...said, settings: [{ ...SETTING, origin: null }] }), "bad-argument"],
  "setting-of-nothing": [(said: Said) => ({ ...said, settings: [null] }), "bad-argument"],
  long: [(said: Said) => ({ ...said, made: { by: "x".repeat(8 * 1024 * 1024) } }), "bad-argument"],
} as const;

/** Those that are large are rare. */
const LARGE: readonly string[] = ["most-inputs", "too-many-inputs", "long"];

function crowd(count: number): unknown[] {
  const half = Array.from({ length: count >> 1 }, () => ({ atMs: 1, what: "" }));
  return [
    { ...LIFE, inputs: half },
    { ...LIFE, inputs: [...half, ...(count % 2 === 1 ? [{ atMs: 1, what: "" }] : [])] },
  ];
}

export function drawBundle(draws: Draws): BundleStep {
  const names = Object.keys(CHANGES) as (keyof typeof CHANGES)[];
  const change = names[draws.below(names.length)] as keyof typeof CHANGES;
  const isRare = LARGE.includes(change) && draws.chance(0.8);
  return {
    role: draws.chance(0.5) ? "agent" : "relay",
    change: isRare ? "nothing" : change,
    nowMs: 1_800_000_000_000 + draws.below(10) / 4,
  };
}

export function bundleStep({ role, change, nowMs }: BundleStep, lives: readonly Life[], pseudonym: (text: string) => string): void {
  const incident = {
    fingerprint: "f".repeat(64),
    kind: "disk",
    state: "open",
    detectedBy: "user",
    firstMs: 1,
    lastMs: 2,
    count: 3,
    recurrences: 4,
  } as const;
  const secret = { symptom: "of anna", cause: "anna's", fix: "ask anna", guard: "anna", settings: [] };
  const row = (name: string, origin: string): SettingRow =>
    ({ ...SETTING, name, origin, min: 0, max: 9, reason: "anna" }) as unknown as SettingRow;
  const external = {
    name: "tcp",
    value: 5,
    unit: "ms",
    origin: "kernel",
    blast: "all",
    chosenBy: "nobody",
    advice: "anna",
    reason: "anna",
  };
  const made = bundleOf({
    role,
    nowMs,
    lives,
    settings: [row("one", "default"), row("two", "file /home/anna"), row("three", "fixed"), row("four", "a".repeat(25))],
    surroundings: {
      external: [external, { ...external, name: "unknown", value: undefined }],
      contradictions: [{ relation: "a-below-b", says: "anna", why: "anna", hint: "anna" }],
    } as unknown as Surroundings,
    incidents: [{ ...incident, ...secret } as unknown as Incident],
    pseudonym,
  });
  const { fingerprint, ...told } = incident;
  const { advice, reason, ...row1 } = external;
  const { value, ...row2 } = { ...row1, name: "unknown" };
  const due = {
    format: "perdure-bundle/1",
    role,
    wire: 1,
    madeAtMs: Math.round(nowMs),
    lives,
    settings: [
      { ...SETTING, name: "one", origin: "default" },
      { ...SETTING, name: "two", origin: "set" },
      { ...SETTING, name: "four", origin: "set" },
    ],
    external: [row1, row2],
    contradictions: ["a-below-b"],
    incidents: [{ id: pseudonym(fingerprint), ...told }],
  };
  const text = JSON.stringify(made);
  if (text !== JSON.stringify(due)) parted(`a bundle has ${text.slice(0, 400)}, and not ${JSON.stringify(due).slice(0, 400)}`);
  const [changed, code] = CHANGES[change];
  const written = JSON.stringify(changed(JSON.parse(text) as Said), null, change === "newer" ? 1 : 0);
  if (isBundle(written) !== (change !== "other-format" || written.includes("perdure-bundle/")))
    parted(`a bundle with ${change} is taken for none`);
  if (isBundle(`x${written}`)) parted("what begins otherwise is taken for a bundle");
  let found: string | undefined;
  try {
    if (JSON.stringify(readBundle(written)) !== JSON.stringify(JSON.parse(written))) parted(`a bundle reads as another`);
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    found = error.code;
  }
  if (found !== code) parted(`a bundle with ${change} is ${found ?? "read"}, and not ${code ?? "read"}`);
}
