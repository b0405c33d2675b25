/**
 * Which IP addresses are for everybody. Whoever dials where a stranger says must not become the stranger's hand inside a private
 * network: machines in there often trust whoever reaches them. (IANA's registries of special-purpose addresses, RFC 6890.)
 */

const SPECIAL_IPV4: readonly (readonly [address: string, bits: number])[] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Parts of 2000::/3 that are documentation, or carry another address within them. */
const SPECIAL_IPV6: readonly (readonly [groups: readonly number[], bits: number])[] = [
  [[0x2001, 0], 23],
  [[0x2001, 0x0db8], 32],
  [[0x2002], 16],
  [[0x3fff], 20],
];

/** True for an IPv4 or IPv6 address (as text, without brackets) that is globally reachable; false for any other text too. */
export function isPublicAddress(address: string): boolean {
  const ipv4 = readIpv4(address);
  if (ipv4 !== undefined) return !SPECIAL_IPV4.some(([special, bits]) => samePrefix(ipv4, readIpv4(special) ?? 0, bits));
  const groups = readIpv6(address);
  if (groups === undefined || ((groups[0] ?? 0) & 0xe000) !== 0x2000) return false;
  return !SPECIAL_IPV6.some(([special, bits]) => special.every((_, at) => samePrefix16(groups[at] ?? 0, special[at] ?? 0, bits - 16 * at)));
}

/** True for an IPv4 or IPv6 address, as text without brackets. */
export function isIpAddress(text: string): boolean {
  return readIpv4(text) !== undefined || readIpv6(text) !== undefined;
}

/**
 * Whom `address:port` counts as: an IPv4 address itself, of an IPv6 address the 64 bits one house or machine has, any other text as it
 * is; `undefined` for this machine, where also whoever came through a proxy on it seems to be.
 */
export function sourceOf(remote: string): string | undefined {
  const address = remote.slice(0, Math.max(0, remote.lastIndexOf(":"))).replace(/^\[|\]$/g, "");
  const ipv4 = readIpv4(address);
  if (ipv4 !== undefined) return ipv4 >>> 24 === 127 ? undefined : address;
  const groups = readIpv6(address.split("%")[0] ?? "");
  if (groups === undefined) return address;
  const [high = 0, low = 0] = groups.slice(6);
  if (groups.slice(0, 5).every((group) => group === 0)) {
    if (groups[5] === 0xffff) return high >>> 8 === 127 ? undefined : `${high >>> 8}.${high & 255}.${low >>> 8}.${low & 255}`;
    if (groups[5] === 0 && high === 0 && low === 1) return undefined;
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(":")}::/64`;
}

function samePrefix(one: number, other: number, bits: number): boolean {
  return one >>> (32 - bits) === other >>> (32 - bits);
}

function samePrefix16(one: number, other: number, bits: number): boolean {
  const unused = Math.max(0, 16 - bits);
  return one >>> unused === other >>> unused;
}

function readIpv4(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((all, part) => all * 256 + part, 0);
}

/** Eight groups of 16 bits; `undefined` also for addresses with a zone, which never leave their link. */
function readIpv6(text: string): readonly number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const [front, back] = halves.map(readGroups);
  if (front === undefined || (halves.length === 2 && back === undefined)) return undefined;
  if (halves.length === 1) return front.length === 8 ? front : undefined;
  const missing = 8 - front.length - (back ?? []).length;
  return missing < 1 ? undefined : [...front, ...new Array<number>(missing).fill(0), ...(back ?? [])];
}

function readGroups(text: string): readonly number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  for (const part of text.split(":")) {
    const ipv4 = readIpv4(part);
    if (ipv4 !== undefined) groups.push(ipv4 >>> 16, ipv4 & 0xffff);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
