/** The one function of libsodium that tests compare verdicts with. */
declare module "sodium-native" {
  const sodium: {
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  };
  export default sodium;
}
