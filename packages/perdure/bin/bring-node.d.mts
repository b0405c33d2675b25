/** Types of the plain JavaScript beside this file, for the TypeScript that shares it. */
export const OLDEST_NODE_MAJOR: number;

export class StartError extends Error {
  readonly exitCode: number;
  readonly why: string;
  readonly hint: string;
  constructor(exitCode: number, what: string, why: string, hint: string);
}

export interface Machine {
  readonly version: string;
  readonly platform: string;
  readonly arch: string;
  readonly execPath: string;
}

export interface FindNode {
  readonly folder: string;
  readonly say: (line: string) => void;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly current?: Machine;
}

export function isNewEnough(version: string): boolean;
export function findNode(options: FindNode): Promise<string>;
export function runNpm(args: readonly string[], cwd: string): Promise<{ readonly code: number; readonly output: string }>;
export function npmError(what: string, output: string, hint: string): StartError;
