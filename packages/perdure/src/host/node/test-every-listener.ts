/** A listener of each kind this machine has, and a connection to each: what limits on live objects are looked for on. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { expect, vi } from "vitest";
import { createSettings } from "../../settings/register.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import type { Connection, Listener, Net } from "../net.ts";
import { createTestAuthority } from "./test-certificates.ts";

/** With TLS, without, and on a socket file. */
type EveryListener = readonly [Listener, Listener, Listener];

/**
 * `folder` takes the certificates and the socket file; `asked` is done while all are open. Gives what closes everything, and ends the trust in
 * its certificate authority.
 */
export async function openEveryListener(
  net: Net,
  folder: string,
  asked: (listeners: EveryListener) => Promise<unknown>,
): Promise<() => Promise<void>> {
  const before = getCACertificates("default");
  const authority = await createTestAuthority(folder);
  setDefaultCACertificates([...before, await readFile(authority.certificateFile, "utf8")]);
  const accepted: Connection[] = [];
  const options = {
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    limits: createSettings(),
    onConnection: (each: Connection) => void accepted.push(each),
    onRequest: () => new Response("here"),
  };
  const listeners: EveryListener = [
    await net.listen("wss://localhost:0", { ...options, tls: await authority.issue(1) }),
    await net.listen("ws://localhost:0", options),
    await net.listen(`unix:${join(folder, "a.sock")}`, options),
  ];
  const dialOptions = { maxMessageBytes: MAX_TRANSPORT_BYTES, timeoutMs: 10_000 };
  const dialled = await Promise.all(listeners.map(({ address }) => net.dial(address, dialOptions)));
  await asked(listeners);
  await vi.waitFor(() => expect(accepted).toHaveLength(listeners.length), { timeout: 10_000 });
  return async () => {
    for (const connection of dialled) connection.close();
    await Promise.all(listeners.map((listener) => listener.close()));
    setDefaultCACertificates(before);
  };
}

/** Asks a listener over HTTP. */
export async function askOver(net: Net, { address }: Listener): Promise<void> {
  await net.get(address.replace(/^ws/, "http"), { timeoutMs: 10_000, maxBytes: 1024 });
}
