import { PerdureError } from "../../wire/error.ts";

function systemCode(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

const NO_TLS = "What answers there speaks no TLS, or one too old; without TLS the address begins with ws:// or http://.";
const DIAL_HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens there; start the relay or check the port.",
  ENOENT: "Nothing listens there.",
  ENOTFOUND: "The name is not known; check the address.",
  EAI_AGAIN: "Names cannot be looked up at the moment; check the network.",
  EHOSTUNREACH: "There is no way to that machine; check the network.",
  ENETUNREACH: "There is no way to that network; check the network.",
  ETIMEDOUT: "The machine does not answer; check the address and firewalls.",
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  EPROTO: NO_TLS,
};

/** What OpenSSL says of a certificate that leads to no authority of this machine, is not valid now, or names another host. */
const OF_A_CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ISSUER/;
const CERTIFICATE_HINT =
  "Its certificate is not one this machine trusts for that name: `perdure relay check <address>` says why. NODE_EXTRA_CA_CERTS=<file> adds an authority of your own.";

/** A connection that could not be opened; `target` is the address as the caller gave it. */
export function dialError(error: unknown, target: string): PerdureError {
  const code = systemCode(error);
  if (code === "EACCES" || code === "EPERM") {
    return new PerdureError("permission-denied", `not allowed to connect to ${target} (${code})`, {
      hint: "Check who owns the socket and the firewall's rules.",
      cause: error,
    });
  }
  const reason = code !== "" ? code : error instanceof Error ? error.message : "no reason given";
  return new PerdureError("relay-unreachable", `could not connect to ${target} (${reason})`, {
    retry: "after",
    hint: OF_A_CERTIFICATE.test(code) ? CERTIFICATE_HINT : (DIAL_HINTS[code] ?? "Something else may answer at this address; check it."),
    cause: error,
  });
}

/** An address that could not be listened on. */
export function listenError(error: unknown, target: string): PerdureError {
  const code = systemCode(error);
  const message = `could not listen on ${target} (${code})`;
  if (code === "EADDRINUSE")
    return new PerdureError("address-in-use", message, {
      retry: "after",
      hint: "Choose another port, or stop what listens there.",
      cause: error,
    });
  if (code === "EACCES" || code === "EPERM") {
    return new PerdureError("permission-denied", message, {
      hint: "Ports below 1024 need special rights; for a path, check who owns the folder.",
      cause: error,
    });
  }
  return new PerdureError("bad-argument", message, { hint: "Check that the address belongs to this machine.", cause: error });
}
