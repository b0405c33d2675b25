import { isTurboQuantError } from "../error.ts";

/** The code of what it throws; anything else but a TurboQuantError is thrown on. */
export function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return codeIn(error);
  }
  return "nothing";
}

export async function codeOfLater(act: () => Promise<unknown>): Promise<string> {
  return await act().then(() => "nothing", codeIn);
}

function codeIn(error: unknown): string {
  if (isTurboQuantError(error)) return error.code;
  throw error;
}
