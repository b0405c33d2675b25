import { TurboQuantError } from "../error.ts";

const HINT = 'Its bytes are not what was written. Take a copy of the file, or go on without what is damaged (`damaged: "skip"`).';

export function badFile(message: string, hint: string = HINT): TurboQuantError {
  return new TurboQuantError("bad-file", message, hint);
}
