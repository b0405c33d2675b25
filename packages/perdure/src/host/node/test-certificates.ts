/** A certificate authority of a test's own, made by openssl in a folder of its own. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TlsMaterial } from "../net.ts";

const run = promisify(execFile);
const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export interface TestAuthority {
  /** PEM of the authority's certificate, for who trusts it. */
  readonly certificateFile: string;
  /** A certificate for localhost, 127.0.0.1, ::1 and `names`, in files `<serial>.pem` and `<serial>.key`. */
  issue(
    serial: number,
    days?: number,
    names?: readonly string[],
  ): Promise<TlsMaterial & { readonly certFile: string; readonly keyFile: string }>;
}

export async function createTestAuthority(folder: string): Promise<TestAuthority> {
  const at = (name: string): string => join(folder, name);
  await run("openssl", ["req", "-x509", ...EC, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "9", "-subj", "/CN=test authority"]);
  return {
    certificateFile: at("ca.pem"),
    issue: async (serial, days = 5, names = []) => {
      const [certFile, keyFile] = [at(`${serial}.pem`), at(`${serial}.key`)];
      const all = ["DNS:localhost", "IP:127.0.0.1", "IP:::1", ...names.map((name) => `DNS:${name}`)].join(",");
      await writeFile(at(`${serial}.cnf`), `subjectAltName=${all}\n`);
      await run("openssl", ["req", ...EC, "-keyout", keyFile, "-out", at(`${serial}.csr`), "-subj", "/CN=localhost"]);
      const signed = ["-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-set_serial", String(serial), "-days", String(days)];
      await run("openssl", ["x509", "-req", "-in", at(`${serial}.csr`), "-out", certFile, "-extfile", at(`${serial}.cnf`), ...signed]);
      return { certFile, keyFile, certificate: await readFile(certFile), key: await readFile(keyFile) };
    },
  };
}
