/** Codes as programs hand them over. */
import { orAwaited, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";

/** Throws `bad-code` for what is not so many bytes. */
export function checkCode(code: Uint8Array, codeBytes: number): void {
  // Not by its class: in a sandbox, as of a test runner, that is another one.
  if (!ArrayBuffer.isView(code) || code.BYTES_PER_ELEMENT !== 1)
    throw new TurboQuantError("bad-code", `a code is ${shown(code)}`, orAwaited(code, "It is a Uint8Array, as `encode` gave it."));
  if (code.length !== codeBytes)
    throw new TurboQuantError("bad-code", `a code has ${codeBytes} bytes, not ${code.length}`, "It is of another dimension or width.");
}
