/** Name resolution for whoever dials where others say: see `DialOptions.publicOnly`. */
import { type LookupAddress, type LookupOptions, lookup } from "node:dns";
import { PerdureError } from "../../wire/error.ts";
import { isIpAddress, isPublicAddress } from "../public-address.ts";

type Found = (error: Error | null, address: string | LookupAddress[], family?: number) => void;

/** For an address written as numbers, which nobody looks up; `peer-forbidden`. */
export function requirePublic(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIpAddress(host) && !isPublicAddress(host)) throw forbidden(host);
}

/** `dns.lookup` that fails with `peer-forbidden` when any address of the name is not for everybody. The socket connects to what it gives. */
export function lookupPublic(name: string, options: LookupOptions, found: Found): void {
  lookup(name, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return found(error, []);
    const [first] = addresses;
    const inside = addresses.find(({ address }) => !isPublicAddress(address));
    if (inside !== undefined || first === undefined)
      return found(forbidden(inside === undefined ? name : `${name} (${inside.address})`), []);
    if (options.all === true) found(null, addresses);
    else found(null, first.address, first.family);
  });
}

function forbidden(where: string): PerdureError {
  return new PerdureError("peer-forbidden", `${where} is on this machine or in a private network`, {
    hint: "A relay for the public connects to public addresses only; its owner can allow others.",
  });
}
