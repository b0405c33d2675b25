import { PerdureError } from "../wire/error.ts";

/** An address as it is dialled, listened on or read from: without the part that names who lives there. `bad-argument` for any other protocol, and for one with a password. */
export function webAddress(address: string, protocols: readonly string[]): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !protocols.includes(url.protocol) || url.username !== "" || url.password !== "") {
    throw new PerdureError("bad-argument", `"${address}" is not an address that can be used here`, {
      hint: `Use ${protocols.map((protocol) => `${protocol}//host:port`).join(" or ")} or unix:/path.`,
    });
  }
  url.hash = "";
  return url;
}
