/** The HTTP server below a relay's port, with every limit it has set by name: none is left to what Node happens to have. */
import type { Server, ServerOptions } from "node:http";
import { createServer } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { FIXED } from "../../settings/fixed.ts";
import { PerdureError } from "../../wire/error.ts";
import type { ServerLimits, TlsMaterial } from "../net.ts";

/** `bad-argument` when the address and `tls` do not fit, or the certificate cannot be used. */
export function createHttpServer(
  url: URL,
  tls: TlsMaterial | undefined,
  limits: ServerLimits,
): { readonly server: Server; readonly renewTls: (tls: TlsMaterial) => void } {
  if ((url.protocol === "wss:") !== (tls !== undefined))
    throw new PerdureError("bad-argument", `${url.protocol} ${tls === undefined ? "needs" : "has no use for"} a certificate and its key`);
  if (tls === undefined) {
    return {
      server: limited(createServer(optionsOf(limits)), limits),
      renewTls: () => {
        throw new PerdureError("bad-argument", `${url.href} has no certificate to renew`);
      },
    };
  }
  const tlsLimits = { handshakeTimeout: limits.tlsHandshakeTimeoutMs, sessionTimeout: FIXED.tlsResumeMs.value / 1000 };
  const server: TlsServer = usingPem(() => createTlsServer({ ...optionsOf(limits), ...tlsLimits, ...pem(tls) }));
  limited(server, limits);
  return { server, renewTls: (next) => usingPem(() => server.setSecureContext(pem(next))) };
}

function optionsOf(limits: ServerLimits): ServerOptions & { readonly keepAliveTimeoutBuffer: number } {
  return {
    headersTimeout: limits.requestHeadersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.requestKeepAliveMs,
    keepAliveTimeoutBuffer: FIXED.requestKeepAliveExtraMs.value,
    connectionsCheckingInterval: FIXED.requestCheckMs.value,
    maxHeaderSize: limits.requestHeaderBytes,
    keepAlive: false,
    noDelay: true,
  };
}

function limited<Limited extends Server>(server: Limited, limits: ServerLimits): Limited {
  // Only once somebody has asked for something: until then he has `headersTimeout`, and the timer of a socket stays with it, also when that has
  // become a WebSocket and waits for days.
  server.timeout = FIXED.socketIdleMs.value;
  server.on("request", ({ socket }) => socket.setTimeout(limits.requestIdleMs));
  server.maxHeadersCount = FIXED.requestHeaders.value;
  server.maxRequestsPerSocket = FIXED.requestsPerSocket.value;
  return server;
}

function pem({ certificate, key }: TlsMaterial): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: Buffer.from(certificate), key: Buffer.from(key) };
}

function usingPem<Value>(use: () => Value): Value {
  try {
    return use();
  } catch (cause) {
    throw new PerdureError(
      "bad-argument",
      `the certificate and its key cannot be used (${cause instanceof Error ? cause.message : String(cause)})`,
      {
        hint: "Both are PEM files; the key must be the certificate's, and not behind a passphrase.",
        cause,
      },
    );
  }
}
