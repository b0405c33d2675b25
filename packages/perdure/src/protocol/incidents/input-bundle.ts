/**
 * What an owner may hand to somebody who looks for a mistake: what lately came into an agent or a relay, under which settings and limits,
 * and what it noted as gone wrong. Names of things, sizes, times, codes; never contents, keys, names or addresses of anybody.
 *
 *   {format, role, wire, madeAtMs, lives, settings, external, contradictions, incidents}, and `made` by who writes it into a file
 *
 * Ids are pseudonyms under a salt that stays in the folder: the same thing has one name within all bundles of a folder, and another elsewhere.
 */
import type { Surroundings } from "../../host/surroundings.ts";
import type { SettingRow } from "../../settings/register.ts";
import { PerdureError } from "../../wire/error.ts";
import { WIRE_VERSION } from "../../wire/limits.ts";
import type { Incident } from "./incident.ts";
import type { Life } from "./input-keeper.ts";

export const BUNDLE_FORMAT = "perdure-bundle/1";

export type BundleRole = "agent" | "relay";

export interface InputBundle {
  readonly format: typeof BUNDLE_FORMAT;
  readonly role: BundleRole;
  /** Version of the wire of the process that gave it. */
  readonly wire: number;
  /** Milliseconds since 1970. */
  readonly madeAtMs: number;
  readonly lives: readonly Life[];
  readonly settings: readonly { readonly name: string; readonly value: number; readonly unit: string; readonly origin: string }[];
  readonly external: readonly Readonly<Record<string, string | number>>[];
  /** Relations between settings that do not hold, by name. */
  readonly contradictions: readonly string[];
  readonly incidents: readonly Readonly<Record<string, string | number>>[];
  /** Versions and platform of the command that wrote the file. */
  readonly made?: Readonly<Record<string, string>>;
}

export interface BundleParts {
  readonly role: BundleRole;
  readonly nowMs: number;
  readonly lives: readonly Life[];
  readonly settings: readonly SettingRow[];
  readonly surroundings: Surroundings;
  readonly incidents: readonly Incident[];
  readonly pseudonym: (text: string) => string;
}

/** Takes of everything only what may be told. */
export function bundleOf({ role, nowMs, lives, settings, surroundings, incidents, pseudonym }: BundleParts): InputBundle {
  return {
    format: BUNDLE_FORMAT,
    role,
    wire: WIRE_VERSION,
    madeAtMs: Math.round(nowMs),
    lives,
    settings: settings
      .filter(({ origin }) => origin !== "fixed")
      .map(({ name, value, unit, origin }) => ({ name, value, unit, origin: WORD.test(origin) ? origin : "set" })),
    external: surroundings.external.map(({ name, value, unit, origin, blast, chosenBy }) => ({
      name,
      ...(value === undefined ? {} : { value }),
      unit,
      origin,
      blast,
      chosenBy,
    })),
    contradictions: surroundings.contradictions.map(({ relation }) => relation),
    // What happened in words, its cause and its fix may name people and places, so they stay.
    incidents: incidents.map(({ fingerprint, kind, state, detectedBy, firstMs, lastMs, count, recurrences }) => ({
      id: pseudonym(fingerprint),
      kind,
      state,
      detectedBy,
      firstMs,
      lastMs,
      count,
      recurrences,
    })),
  };
}

/** Whether a text says of itself that it is a bundle, of whatever version. */
export function isBundle(text: string): boolean {
  return /^\s*\{\s*"format"\s*:\s*"perdure-bundle\//.test(text);
}

/** `bad-argument` when it is none, or longer than any, `needs-newer-version` or `needs-older-version` for one of another version. */
export function readBundle(text: string): InputBundle {
  if (text.length > MOST_LETTERS) throw wrong(`a bundle has at most ${MOST_LETTERS} letters`);
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch (cause) {
    throw new PerdureError("bad-argument", `a bundle is JSON: ${(cause as Error).message}`, { cause });
  }
  const bundle = said as InputBundle;
  const version = Number(/^perdure-bundle\/(\d{1,9})$/.exec(String(bundle?.format))?.[1] ?? VERSION);
  if (version !== VERSION)
    throw new PerdureError(version > VERSION ? "needs-newer-version" : "needs-older-version", `this bundle is of version ${version}`, {
      hint: `This version reads ${BUNDLE_FORMAT}.`,
    });
  const lists = [bundle?.lives, bundle?.settings, bundle?.incidents];
  if (bundle?.format !== BUNDLE_FORMAT || !lists.every(Array.isArray) || !(bundle.role === "agent" || bundle.role === "relay"))
    throw new PerdureError("bad-argument", `this is no bundle of the version ${BUNDLE_FORMAT}`, {
      hint: "perdure doctor --bundle <file> writes one.",
    });
  let inputs = 0;
  for (const life of bundle.lives) {
    const isRight = isTime(life?.beganMs) && isTime(life.lastMs) && Array.isArray(life.inputs);
    if (!isRight || !life.inputs.every((each) => isTime(each?.atMs) && typeof each.what === "string"))
      throw wrong("the bundle has a life whose inputs are not what they should be");
    inputs += life.inputs.length;
  }
  if (inputs > MOST_INPUTS) throw wrong(`a bundle has at most ${MOST_INPUTS} inputs`);
  for (const setting of bundle.settings)
    if (typeof setting?.name !== "string" || typeof setting.origin !== "string" || !Number.isFinite(setting.value))
      throw wrong("the bundle has a setting that is none");
  return bundle;
}

function wrong(why: string): PerdureError {
  return new PerdureError("bad-argument", why, { hint: "perdure doctor --bundle <file> writes one." });
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && Math.abs(value) <= LATEST_MS;
}

const VERSION = 1;
/** Several times what {@link bundleOf} makes of a full folder. */
const MOST_LETTERS = 8 * 1024 * 1024;
const MOST_INPUTS = 64 * 1024;
/** The last moment a date has. */
const LATEST_MS = 8.64e15;
const WORD = /^[a-z-]{1,24}$/;
