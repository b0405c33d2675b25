/** As it may be said again: without what is secret in it, a name and password before the host or a key behind the question mark. */
export function bareAddress(address: string): string {
  return (address.split(/[?#]/, 1)[0] ?? "").replace(/^([a-z][\w+.-]*:\/\/)?[^/@]*@/i, "$1");
}
