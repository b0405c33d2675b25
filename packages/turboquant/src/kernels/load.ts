import { refuse, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";
import { RELAXED, SIMD } from "./built.ts";
import type { KernelKind, Kernels, Memory } from "./kernels.ts";
import { createPlainKernels } from "./plain.ts";

/** Which kernels to use: the fastest that run here, or those named. */
export type KernelChoice = "best" | KernelKind;

const BUILT = { relaxed: RELAXED, simd: SIMD } as const;
const KINDS: readonly KernelKind[] = ["relaxed", "simd", "plain"];

/** Kernels with memory of their own. Throws `bad-argument` for a kind that does not run here. */
export function createKernels(choice: KernelChoice = "best"): Kernels {
  checkKernelChoice(choice);
  if (choice === "best") return createKernels(KINDS.find(runsHere) ?? "plain");
  if (choice === "plain") return createPlainKernels();
  const module = moduleOf(choice);
  if (module === undefined)
    throw new TurboQuantError("bad-argument", `kernels of the kind ${choice} do not run here`, 'Leave the choice to "best".');
  return instantiate(choice, module);
}

/** Throws `bad-argument` for what is none; whether it runs here is not asked. */
export function checkKernelChoice(choice: KernelChoice): void {
  if (choice !== "best" && !KINDS.includes(choice)) refuse(`kernels is ${shown(choice)}`, `It is best, or one of ${KINDS.join(", ")}.`);
}

function runsHere(kind: KernelKind): boolean {
  return kind === "plain" || moduleOf(kind) !== undefined;
}

/** Of a kind, once it was asked for; nothing where this engine refuses it. */
const compiled = new Map<KernelKind, object | undefined>();

/** What is used of WebAssembly, where there is one: a page may do without, or forbid it. */
interface Engine {
  validate(bytes: Uint8Array): boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
  readonly Memory: new (size: { readonly initial: number }) => Memory;
}

const engine = (globalThis as { readonly WebAssembly?: Engine }).WebAssembly;

function moduleOf(kind: keyof typeof BUILT): object | undefined {
  if (!compiled.has(kind)) compiled.set(kind, compile(BUILT[kind]));
  return compiled.get(kind);
}

/** Small enough for a browser to compile at once, on its main thread as well. */
function compile(base64: string): object | undefined {
  if (engine === undefined) return undefined;
  try {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return engine.validate(bytes) ? new engine.Module(bytes) : undefined;
  } catch {
    return undefined;
  }
}

type Operations = Omit<Kernels, "kind" | "memory">;

function instantiate(kind: KernelKind, module: object): Kernels {
  const { Memory, Instance } = engine as Engine;
  const memory = new Memory({ initial: 1 });
  return { ...(new Instance(module, { env: { memory } }).exports as Operations), kind, memory };
}
