import { expect, it } from "vitest";
import { dialError } from "./net-error.ts";

const hintOf = (code: string): string | undefined => dialError(Object.assign(new Error(code), { code }), "wss://relay.example/").hint;

it.each(["DEPTH_ZERO_SELF_SIGNED_CERT", "CERT_HAS_EXPIRED", "ERR_TLS_CERT_ALTNAME_INVALID", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"])(
  "%s is told as a matter of the certificate",
  (code) => expect(hintOf(code)).toContain("certificate"),
);

it("anything else is told as what it is", () => {
  expect(hintOf("ECONNREFUSED")).toContain("Nothing listens");
  expect(hintOf("ERR_SSL_WRONG_VERSION_NUMBER")).toContain("no TLS");
  expect(hintOf("EWHATEVER")).toContain("Something else");
});
