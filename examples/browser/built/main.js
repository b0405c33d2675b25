var __knownSymbol = (name, symbol) => (symbol = Symbol[name]) ? symbol : /* @__PURE__ */ Symbol.for("Symbol." + name);
var __typeError = (msg) => {
  throw TypeError(msg);
};
var __using = (stack, value, async) => {
  if (value != null) {
    if (typeof value !== "object" && typeof value !== "function") __typeError("Object expected");
    var dispose, inner;
    if (async) dispose = value[__knownSymbol("asyncDispose")];
    if (dispose === void 0) {
      dispose = value[__knownSymbol("dispose")];
      if (async) inner = dispose;
    }
    if (typeof dispose !== "function") __typeError("Object not disposable");
    if (inner) dispose = function() {
      try {
        inner.call(this);
      } catch (e) {
        return Promise.reject(e);
      }
    };
    stack.push([async, dispose, value]);
  } else if (async) {
    stack.push([async]);
  }
  return value;
};
var __callDispose = (stack, error, hasError) => {
  var E = typeof SuppressedError === "function" ? SuppressedError : function(e, s, m, _) {
    return _ = Error(m), _.name = "SuppressedError", _.error = e, _.suppressed = s, _;
  };
  var fail = (e) => error = hasError ? new E(e, error, "An error was suppressed during disposal") : (hasError = true, e);
  var next = (it) => {
    while (it = stack.pop()) {
      try {
        var result2 = it[1] && it[1].call(it[2]);
        if (it[0]) return Promise.resolve(result2).then(next, (e) => (fail(e), next()));
      } catch (e) {
        fail(e);
      }
    }
    if (hasError) throw error;
  };
  return next();
};

// packages/perdure/src/host/log.ts
var silentLog = { write: () => {
} };

// packages/perdure/src/host/browser/clock.ts
var LONGEST_TIMER_MS = 2 ** 31 - 1;
function createBrowserClock() {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after: (delayMs, then) => {
      const dueMs = performance.now() + Math.max(0, delayMs);
      let timer;
      const arm = () => {
        const leftMs = Math.max(0, dueMs - performance.now());
        timer = setTimeout(() => performance.now() >= dueMs ? then() : arm(), Math.min(Math.ceil(leftMs), LONGEST_TIMER_MS));
      };
      arm();
      return () => clearTimeout(timer);
    }
  };
}

// packages/perdure/src/wire/error.ts
var ERROR_CODES = {
  // 2: the words of the call are wrong
  "bad-argument": 2,
  "too-large": 2,
  "expiry-out-of-range": 2,
  // 3: what you named is not there
  "no-agent-here": 3,
  "unknown-agent": 3,
  "unknown-message": 3,
  "unknown-setting": 3,
  "not-found": 3,
  "unknown-relay": 3,
  "unknown-invite": 3,
  "identity-retired": 3,
  // 4: not reachable now, trying again later makes sense
  "relay-unreachable": 4,
  "timed-out": 4,
  "relay-draining": 4,
  "too-busy": 4,
  "rate-limited": 4,
  "mailbox-full": 4,
  "disk-full": 4,
  "disk-failed": 4,
  "address-in-use": 4,
  "connection-closed": 4,
  "append-failed": 4,
  // 5: somebody else has it, or had it before
  "folder-in-use": 5,
  fenced: 5,
  "agent-exists": 5,
  "invite-used": 5,
  "name-taken": 5,
  cloned: 5,
  // 6: the peer or the data cannot be trusted
  "wrong-relay": 6,
  "bad-handshake": 6,
  "bad-signature": 6,
  "bad-mac": 6,
  malformed: 6,
  "not-deterministic": 6,
  "wrong-recipient": 6,
  "wrong-commitment": 6,
  "unknown-inbox-key": 6,
  "certificate-expired": 6,
  "instance-revoked": 6,
  "identity-forked": 6,
  "key-retired": 6,
  "id-conflict": 6,
  "name-changed": 6,
  "record-rolled-back": 6,
  "name-unproven": 6,
  "relay-changed": 6,
  "not-proven": 6,
  "log-damaged": 6,
  "key-damaged": 6,
  // 7: understood, and of another version
  "needs-newer-version": 7,
  "needs-older-version": 7,
  "needs-newer-verifier": 7,
  // 8: the message came to an end without success
  refused: 8,
  failed: 8,
  expired: 8,
  lost: 8,
  unconfirmed: 8,
  "auto-reply-refused": 8,
  "loop-depth": 8,
  "loop-paused": 8,
  // 9: the machine, or whoever owns it, does not let us
  "ticket-required": 9,
  "passphrase-required": 9,
  "wrong-passphrase": 9,
  blocked: 9,
  "peer-forbidden": 9,
  "read-only": 9,
  "permission-denied": 9,
  "unsupported-platform": 9,
  // 10: stopped on purpose
  aborted: 10,
  // 70: a mistake of ours
  internal: 70
};
function readLimit(said) {
  if (typeof said !== "object" || said === null) return void 0;
  const { name, value, remaining } = said;
  return typeof name === "string" && typeof value === "number" && typeof remaining === "number" ? { name, value, remaining } : void 0;
}
var BRAND = /* @__PURE__ */ Symbol.for("perdure.error");
var PerdureError = class extends Error {
  code;
  retry;
  hint;
  afterMs;
  limit;
  [BRAND] = true;
  constructor(code, message, details = {}) {
    super(message, details.cause === void 0 ? void 0 : { cause: details.cause });
    this.name = "PerdureError";
    this.code = code;
    this.retry = details.retry ?? "never";
    this.hint = details.hint;
    this.afterMs = details.afterMs;
    this.limit = details.limit;
  }
};
function isPerdureError(error) {
  return typeof error === "object" && error !== null && BRAND in error;
}
function isErrorCode(text2) {
  return Object.hasOwn(ERROR_CODES, text2);
}

// packages/perdure/src/host/exact-length.ts
function requireLength(bytes2, length, what) {
  if (bytes2.length !== length) throw new PerdureError("bad-argument", `${what} has ${bytes2.length} bytes instead of ${length}`);
}

// packages/perdure/src/host/browser/buffer.ts
function bufferOf(bytes2) {
  return bytes2;
}

// packages/perdure/src/host/browser/aead.ts
var KEY_BYTES = 32;
var TAG_BYTES = 16;
var ALGORITHM = "AES-GCM";
function createBrowserAead() {
  const use = async (key, usage, associated) => {
    requireLength(key, KEY_BYTES, "the key");
    const imported = await crypto.subtle.importKey("raw", bufferOf(key), ALGORITHM, false, [usage]);
    return { imported, how: { name: ALGORITHM, iv: new Uint8Array(12), additionalData: bufferOf(associated), tagLength: TAG_BYTES * 8 } };
  };
  return {
    seal: async (key, plaintext, associated) => {
      const { imported, how } = await use(key, "encrypt", associated);
      return new Uint8Array(await crypto.subtle.encrypt(how, imported, bufferOf(plaintext)));
    },
    open: async (key, ciphertext, associated) => {
      const { imported, how } = await use(key, "decrypt", associated);
      if (ciphertext.length < TAG_BYTES) return void 0;
      try {
        return new Uint8Array(await crypto.subtle.decrypt(how, imported, bufferOf(ciphertext)));
      } catch {
        return void 0;
      }
    }
  };
}

// node_modules/hpke/index.js
function ComputeNonce(base_nonce, seq, Nn) {
  const nonce2 = new Uint8Array(Nn);
  nonce2.set(base_nonce);
  let s = seq;
  for (let i = Nn - 1; i >= 0 && s > 0; i--) {
    nonce2[i] = nonce2[i] ^ s & 255;
    s = Math.floor(s / 256);
  }
  return nonce2;
}
function MaxSeq(Nn) {
  return Math.min(2 ** (8 * Nn) - 1, Number.MAX_SAFE_INTEGER);
}
function IncrementSeq(seq, maxSeq) {
  if (seq >= maxSeq) {
    throw new MessageLimitReachedError("Sequence number overflow");
  }
  return ++seq;
}
async function ContextExport(suite, exporterSecret, exporterContext, L2) {
  checkUint8Array(exporterContext, "exporterContext");
  const stages = KDFStages(suite.KDF);
  if (!Number.isInteger(L2) || L2 <= 0 || L2 > 65535) {
    throw new TypeError('"L" must be a positive integer not exceeding 65535');
  }
  if (stages === 2 && L2 > 255 * suite.KDF.Nh) {
    throw new TypeError('"L" must not exceed 255*Nh of the cipher suite KDF');
  }
  const Export = stages === 1 ? Export_OneStage : Export_TwoStage;
  return await Export(suite.KDF, suite.id, exporterSecret, exporterContext, L2);
}
var Mutex = class {
  #locked = Promise.resolve();
  async lock() {
    let releaseLock;
    const nextLock = new Promise((resolve) => {
      releaseLock = resolve;
    });
    const previousLock = this.#locked;
    this.#locked = nextLock;
    await previousLock;
    return releaseLock;
  }
};
function createContextState(suite, mode, key, base_nonce, exporter_secret) {
  return {
    suite,
    mode,
    key,
    base_nonce,
    exporter_secret,
    max_seq: MaxSeq(suite.AEAD.Nn),
    seq: 0,
    mutex: void 0
  };
}
var SenderContext = class {
  #state;
  constructor(suite, mode, key, base_nonce, exporter_secret) {
    this.#state = createContextState(suite, mode, key, base_nonce, exporter_secret);
  }
  get mode() {
    return this.#state.mode;
  }
  get seq() {
    return this.#state.seq;
  }
  async Seal(plaintext, aad) {
    checkUint8Array(plaintext, "plaintext");
    aad ??= new Uint8Array();
    checkUint8Array(aad, "aad");
    const state = this.#state;
    if (state.suite.AEAD.id === EXPORT_ONLY) {
      throw new TypeError("Export-only AEAD cannot be used with Seal");
    }
    state.mutex ??= new Mutex();
    const release = await state.mutex.lock();
    let ct;
    try {
      ct = await state.suite.AEAD.Seal(
        state.key,
        ComputeNonce(state.base_nonce, state.seq, state.suite.AEAD.Nn),
        aad,
        plaintext
      );
      state.seq = IncrementSeq(state.seq, state.max_seq);
      return ct;
    } finally {
      release();
    }
  }
  async Export(exporterContext, length) {
    return await ContextExport(
      this.#state.suite,
      this.#state.exporter_secret,
      exporterContext,
      length
    );
  }
  get Nt() {
    return this.#state.suite.AEAD.Nt;
  }
};
var RecipientContext = class {
  #state;
  constructor(suite, mode, key, base_nonce, exporter_secret) {
    this.#state = createContextState(suite, mode, key, base_nonce, exporter_secret);
  }
  get mode() {
    return this.#state.mode;
  }
  get seq() {
    return this.#state.seq;
  }
  async Open(ciphertext, aad) {
    checkUint8Array(ciphertext, "ciphertext");
    aad ??= new Uint8Array();
    checkUint8Array(aad, "aad");
    const state = this.#state;
    if (state.suite.AEAD.id === EXPORT_ONLY) {
      throw new TypeError("Export-only AEAD cannot be used with Open");
    }
    state.mutex ??= new Mutex();
    const release = await state.mutex.lock();
    try {
      let pt;
      try {
        pt = await state.suite.AEAD.Open(
          state.key,
          ComputeNonce(state.base_nonce, state.seq, state.suite.AEAD.Nn),
          aad,
          ciphertext
        );
      } catch (cause) {
        if (cause instanceof MessageLimitReachedError || cause instanceof NotSupportedError) {
          throw cause;
        }
        throw new OpenError("AEAD decryption failed", { cause });
      }
      state.seq = IncrementSeq(state.seq, state.max_seq);
      return pt;
    } finally {
      release();
    }
  }
  async Export(exporterContext, length) {
    return await ContextExport(
      this.#state.suite,
      this.#state.exporter_secret,
      exporterContext,
      length
    );
  }
};
var validate = (factory, type) => {
  try {
    const result2 = factory();
    if (result2.type !== type) {
      throw new Error(`Invalid "${type}" return discriminator`);
    }
    return result2;
  } catch (cause) {
    throw new TypeError(`Invalid "${type}"`, { cause });
  }
};
var CipherSuite = class {
  #suite;
  constructor(KEM, KDF, AEAD) {
    const kem = validate(KEM, "KEM");
    const kdf = validate(KDF, "KDF");
    const aead = validate(AEAD, "AEAD");
    this.#suite = {
      KEM: kem,
      KDF: kdf,
      AEAD: aead,
      id: concat(L_HPKE, I2OSP(kem.id, 2), I2OSP(kdf.id, 2), I2OSP(aead.id, 2))
    };
  }
  get KEM() {
    return {
      id: this.#suite.KEM.id,
      name: this.#suite.KEM.name,
      Nsecret: this.#suite.KEM.Nsecret,
      Nenc: this.#suite.KEM.Nenc,
      Npk: this.#suite.KEM.Npk,
      Nsk: this.#suite.KEM.Nsk
    };
  }
  get KDF() {
    return {
      id: this.#suite.KDF.id,
      name: this.#suite.KDF.name,
      stages: this.#suite.KDF.stages,
      Nh: this.#suite.KDF.Nh
    };
  }
  get AEAD() {
    return {
      id: this.#suite.AEAD.id,
      name: this.#suite.AEAD.name,
      Nk: this.#suite.AEAD.Nk,
      Nn: this.#suite.AEAD.Nn,
      Nt: this.#suite.AEAD.Nt
    };
  }
  async GenerateKeyPair(extractable) {
    extractable ??= false;
    checkExtractable(extractable);
    return await this.#suite.KEM.GenerateKeyPair(extractable);
  }
  async DeriveKeyPair(ikm, extractable) {
    extractable ??= false;
    checkExtractable(extractable);
    checkUint8Array(ikm, "ikm");
    if (ikm.byteLength < this.#suite.KEM.Nsk) {
      throw new DeriveKeyPairError('Insufficient "ikm" length');
    }
    try {
      return await this.#suite.KEM.DeriveKeyPair(ikm, extractable);
    } catch (cause) {
      if (cause instanceof NotSupportedError) {
        throw cause;
      }
      throw new DeriveKeyPairError("Key derivation failed", { cause });
    }
  }
  async SerializePrivateKey(privateKey) {
    isKey(privateKey, "private", true);
    return await this.#suite.KEM.SerializePrivateKey(privateKey);
  }
  async SerializePublicKey(publicKey2) {
    isKey(publicKey2, "public", true);
    return await this.#suite.KEM.SerializePublicKey(publicKey2);
  }
  async DeserializePrivateKey(privateKey, extractable) {
    extractable ??= false;
    checkExtractable(extractable);
    checkUint8Array(privateKey, "privateKey");
    try {
      if (privateKey.byteLength !== this.#suite.KEM.Nsk) {
        throw new Error('Invalid "privateKey" length');
      }
      return await this.#suite.KEM.DeserializePrivateKey(privateKey, extractable);
    } catch (cause) {
      if (cause instanceof NotSupportedError) {
        throw cause;
      }
      throw new DeserializeError("Private key deserialization failed", { cause });
    }
  }
  async DeserializePublicKey(publicKey2) {
    checkUint8Array(publicKey2, "publicKey");
    try {
      if (publicKey2.byteLength !== this.#suite.KEM.Npk) {
        throw new Error('Invalid "publicKey" length');
      }
      return await this.#suite.KEM.DeserializePublicKey(publicKey2);
    } catch (cause) {
      if (cause instanceof NotSupportedError) {
        throw cause;
      }
      throw new DeserializeError("Public key deserialization failed", { cause });
    }
  }
  async Seal(publicKey2, plaintext, options) {
    if (this.#suite.AEAD.id === EXPORT_ONLY) {
      throw new TypeError("Export-only AEAD cannot be used with Seal");
    }
    const { encapsulatedSecret, ctx } = await this.SetupSender(publicKey2, options);
    const ciphertext = await ctx.Seal(plaintext, options?.aad);
    return { encapsulatedSecret, ciphertext };
  }
  async Open(privateKey, encapsulatedSecret, ciphertext, options) {
    if (this.#suite.AEAD.id === EXPORT_ONLY) {
      throw new TypeError("Export-only AEAD cannot be used with Open");
    }
    const ctx = await this.SetupRecipient(privateKey, encapsulatedSecret, options);
    return await ctx.Open(ciphertext, options?.aad);
  }
  async SendExport(publicKey2, exporterContext, length, options) {
    const { encapsulatedSecret, ctx } = await this.SetupSender(publicKey2, options);
    const exportedSecret = await ctx.Export(exporterContext, length);
    return { encapsulatedSecret, exportedSecret };
  }
  async ReceiveExport(privateKey, encapsulatedSecret, exporterContext, length, options) {
    const ctx = await this.SetupRecipient(privateKey, encapsulatedSecret, options);
    return await ctx.Export(exporterContext, length);
  }
  async SetupSender(publicKey2, options) {
    isKey(publicKey2, "public");
    let shared_secret;
    let enc;
    try {
      const result2 = await this.#suite.KEM.Encap(publicKey2);
      shared_secret = result2.shared_secret;
      enc = result2.enc;
    } catch (cause) {
      if (cause instanceof ValidationError || cause instanceof NotSupportedError) {
        throw cause;
      }
      throw new EncapError("Encapsulation failed", { cause });
    }
    const mode = options?.psk?.byteLength ? MODE_PSK : MODE_BASE;
    const { key, base_nonce, exporter_secret } = await KeySchedule(
      this.#suite,
      mode,
      shared_secret,
      options?.info,
      options?.psk,
      options?.pskId
    );
    const ctx = new SenderContext(this.#suite, mode, key, base_nonce, exporter_secret);
    return { encapsulatedSecret: enc, ctx };
  }
  async SetupRecipient(privateKey, encapsulatedSecret, options) {
    const { skR, pkR } = this.#extractRecipientKeys(privateKey);
    checkUint8Array(encapsulatedSecret, "encapsulatedSecret");
    if (encapsulatedSecret.byteLength !== this.#suite.KEM.Nenc) {
      throw new DecapError("Invalid encapsulated secret length");
    }
    let shared_secret;
    try {
      shared_secret = await this.#suite.KEM.Decap(encapsulatedSecret, skR, pkR);
    } catch (cause) {
      if (cause instanceof ValidationError || cause instanceof NotSupportedError) {
        throw cause;
      }
      throw new DecapError("Decapsulation failed", { cause });
    }
    const mode = options?.psk?.byteLength ? MODE_PSK : MODE_BASE;
    const { key, base_nonce, exporter_secret } = await KeySchedule(
      this.#suite,
      mode,
      shared_secret,
      options?.info,
      options?.psk,
      options?.pskId
    );
    return new RecipientContext(this.#suite, mode, key, base_nonce, exporter_secret);
  }
  #extractRecipientKeys(skR) {
    if (isKeyPair(skR)) {
      return { skR: skR.privateKey, pkR: skR.publicKey };
    }
    isKey(skR, "private");
    return { skR, pkR: void 0 };
  }
};
var ValidationError = class _ValidationError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "ValidationError";
    Error.captureStackTrace?.(this, _ValidationError);
  }
};
var DeserializeError = class _DeserializeError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "DeserializeError";
    Error.captureStackTrace?.(this, _DeserializeError);
  }
};
var EncapError = class _EncapError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "EncapError";
    Error.captureStackTrace?.(this, _EncapError);
  }
};
var DecapError = class _DecapError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "DecapError";
    Error.captureStackTrace?.(this, _DecapError);
  }
};
var OpenError = class _OpenError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "OpenError";
    Error.captureStackTrace?.(this, _OpenError);
  }
};
var MessageLimitReachedError = class _MessageLimitReachedError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "MessageLimitReachedError";
    Error.captureStackTrace?.(this, _MessageLimitReachedError);
  }
};
var DeriveKeyPairError = class _DeriveKeyPairError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "DeriveKeyPairError";
    Error.captureStackTrace?.(this, _DeriveKeyPairError);
  }
};
var NotSupportedError = class _NotSupportedError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "NotSupportedError";
    Error.captureStackTrace?.(this, _NotSupportedError);
  }
};
var MODE_BASE = 0;
var MODE_PSK = 1;
function concat(...buffers) {
  const size = buffers.reduce((acc, { length }) => acc + length, 0);
  const buf = new Uint8Array(size);
  let i = 0;
  for (const buffer2 of buffers) {
    buf.set(buffer2, i);
    i += buffer2.length;
  }
  return buf;
}
function slice(buffer2, start, end) {
  return Uint8Array.prototype.slice.call(buffer2, start, end);
}
function encode(string) {
  const bytes2 = new Uint8Array(string.length);
  for (let i = 0; i < string.length; i++) {
    const code = string.charCodeAt(i);
    if (code > 127) {
      throw new TypeError("Input string must contain only ASCII characters");
    }
    bytes2[i] = code;
  }
  return bytes2;
}
var L_HPKE_v1 = /* @__PURE__ */ encode("HPKE-v1");
var L_HPKE = /* @__PURE__ */ encode("HPKE");
var L_KEM = /* @__PURE__ */ encode("KEM");
var L_sec = /* @__PURE__ */ encode("sec");
var L_secret = /* @__PURE__ */ encode("secret");
var L_key = /* @__PURE__ */ encode("key");
var L_base_nonce = /* @__PURE__ */ encode("base_nonce");
var L_exp = /* @__PURE__ */ encode("exp");
var L_psk_id_hash = /* @__PURE__ */ encode("psk_id_hash");
var L_info_hash = /* @__PURE__ */ encode("info_hash");
var L_dkp_prk = /* @__PURE__ */ encode("dkp_prk");
var L_eae_prk = /* @__PURE__ */ encode("eae_prk");
var L_shared_secret = /* @__PURE__ */ encode("shared_secret");
var L_sk = /* @__PURE__ */ encode("sk");
function lengthPrefixed(x) {
  return concat(I2OSP(x.byteLength, 2), x);
}
async function LabeledDerive(KDF, suite_id, ikm, label, context, L2) {
  const labeled_ikm = concat(ikm, L_HPKE_v1, suite_id, lengthPrefixed(label), I2OSP(L2, 2), context);
  return await KDF.Derive(labeled_ikm, L2);
}
async function Export_OneStage(KDF, suite_id, exporter_secret, exporter_context, L2) {
  checkLength(exporter_context, "Exporter context", MAX_LENGTH_ONE_STAGE);
  return await LabeledDerive(KDF, suite_id, exporter_secret, L_sec, exporter_context, L2);
}
async function CombineSecrets_OneStage(suite, mode, shared_secret, info, psk, psk_id) {
  checkLength(psk, "PSK", MAX_LENGTH_ONE_STAGE);
  checkLength(psk_id, "PSK ID", MAX_LENGTH_ONE_STAGE);
  checkLength(info, "Info", MAX_LENGTH_ONE_STAGE);
  const secrets = concat(lengthPrefixed(psk), lengthPrefixed(shared_secret));
  const context = concat(I2OSP(mode, 1), lengthPrefixed(psk_id), lengthPrefixed(info));
  const secret = await LabeledDerive(
    suite.KDF,
    suite.id,
    secrets,
    L_secret,
    context,
    suite.AEAD.Nk + suite.AEAD.Nn + suite.KDF.Nh
  );
  const key = slice(secret, 0, suite.AEAD.Nk);
  const base_nonce = slice(secret, suite.AEAD.Nk, suite.AEAD.Nk + suite.AEAD.Nn);
  const exporter_secret = slice(secret, suite.AEAD.Nk + suite.AEAD.Nn);
  return { key, base_nonce, exporter_secret };
}
var MAX_LENGTH_TWO_STAGE = 65535;
var MAX_LENGTH_ONE_STAGE = 65535;
function checkLength(data, name, maxLength) {
  if (data.byteLength > maxLength) {
    throw new TypeError(`${name} length must not exceed ${maxLength} bytes`);
  }
}
function checkUint8Array(input, name) {
  if (!(input instanceof Uint8Array)) {
    throw new TypeError(`"${name}" must be Uint8Array`);
  }
  if (typeof SharedArrayBuffer !== "undefined" && input.buffer instanceof SharedArrayBuffer) {
    throw new TypeError(`"${name}" must not be backed by a SharedArrayBuffer`);
  }
}
function checkExtractable(extractable) {
  if (typeof extractable !== "boolean") {
    throw new TypeError('"extractable" must be boolean');
  }
}
async function CombineSecrets_TwoStage(suite, mode, shared_secret, info, psk, psk_id) {
  checkLength(psk, "PSK", MAX_LENGTH_TWO_STAGE);
  checkLength(psk_id, "PSK ID", MAX_LENGTH_TWO_STAGE);
  checkLength(info, "Info", MAX_LENGTH_TWO_STAGE);
  const [psk_id_hash, info_hash] = await Promise.all([
    LabeledExtract(suite.KDF, suite.id, new Uint8Array(), L_psk_id_hash, psk_id),
    LabeledExtract(suite.KDF, suite.id, new Uint8Array(), L_info_hash, info)
  ]);
  const key_schedule_context = concat(I2OSP(mode, 1), psk_id_hash, info_hash);
  const secret = await LabeledExtract(suite.KDF, suite.id, shared_secret, L_secret, psk);
  if (suite.AEAD.id === EXPORT_ONLY) {
    const exporter_secret2 = await LabeledExpand(
      suite.KDF,
      suite.id,
      secret,
      L_exp,
      key_schedule_context,
      suite.KDF.Nh
    );
    return { key: new Uint8Array(), base_nonce: new Uint8Array(), exporter_secret: exporter_secret2 };
  }
  const [key, base_nonce, exporter_secret] = await Promise.all([
    LabeledExpand(suite.KDF, suite.id, secret, L_key, key_schedule_context, suite.AEAD.Nk),
    LabeledExpand(suite.KDF, suite.id, secret, L_base_nonce, key_schedule_context, suite.AEAD.Nn),
    LabeledExpand(suite.KDF, suite.id, secret, L_exp, key_schedule_context, suite.KDF.Nh)
  ]);
  return { key, base_nonce, exporter_secret };
}
async function Export_TwoStage(KDF, suite_id, exporter_secret, exporter_context, L2) {
  checkLength(exporter_context, "Exporter context", MAX_LENGTH_TWO_STAGE);
  return await LabeledExpand(KDF, suite_id, exporter_secret, L_sec, exporter_context, L2);
}
async function LabeledExtract(KDF, suite_id, salt, label, ikm) {
  const labeled_ikm = concat(L_HPKE_v1, suite_id, label, ikm);
  return await KDF.Extract(salt, labeled_ikm);
}
async function LabeledExpand(KDF, suite_id, prk, label, info, L2) {
  const labeled_info = concat(I2OSP(L2, 2), L_HPKE_v1, suite_id, label, info);
  return await KDF.Expand(prk, labeled_info, L2);
}
function isKeyPair(skR) {
  if (!skR || typeof skR !== "object") return false;
  if ("publicKey" in skR && "privateKey" in skR) {
    const pkR = skR.publicKey;
    skR = skR.privateKey;
    try {
      isKey(pkR, "public");
      isKey(skR, "private");
      if (pkR.algorithm.name !== skR.algorithm.name) {
        throw new TypeError("key pair algorithms do not match");
      }
    } catch (cause) {
      throw new TypeError('Invalid "privateKey"', { cause });
    }
    return true;
  }
  return false;
}
function isKey(key, type, extractable) {
  const k = key;
  if (typeof k.algorithm !== "object" || typeof k.algorithm.name !== "string" || typeof k.extractable !== "boolean" || typeof k.type !== "string" || k.type !== type) {
    throw new TypeError(`Invalid "${type}Key"`);
  }
  if (extractable && k.extractable !== true) {
    throw new TypeError(`"${type}Key" must be extractable`);
  }
}
function I2OSP(n, w) {
  if (!Number.isSafeInteger(w) || w <= 0) {
    throw new Error("w must be a positive safe integer");
  }
  if (!Number.isSafeInteger(n) || n < 0) {
    throw new Error("n must be a non-negative safe integer");
  }
  const max = Math.pow(256, w);
  if (n >= max) {
    throw new Error("n too large to fit in w-length byte string");
  }
  const ret = new Uint8Array(w);
  let num = n;
  for (let i = 0; i < w && num; i++) {
    ret[w - (i + 1)] = num % 256;
    num = Math.floor(num / 256);
  }
  return ret;
}
function KDFStages(KDF) {
  if (KDF.stages === 1 || KDF.stages === 2) {
    return KDF.stages;
  }
  throw new Error("unreachable");
}
async function KeySchedule(suite, mode, shared_secret, info, psk, pskId) {
  info ??= new Uint8Array();
  checkUint8Array(info, "info");
  psk ??= new Uint8Array();
  checkUint8Array(psk, "psk");
  pskId ??= new Uint8Array();
  checkUint8Array(pskId, "pskId");
  const stages = KDFStages(suite.KDF);
  const CombineSecrets = stages === 1 ? CombineSecrets_OneStage : CombineSecrets_TwoStage;
  VerifyPSKInputs(psk, pskId);
  return await CombineSecrets(suite, mode, shared_secret, info, psk, pskId);
}
function VerifyPSKInputs(psk, psk_id) {
  if (psk.byteLength && psk_id.byteLength) {
    if (psk.byteLength < 32) {
      throw new TypeError("Insufficient PSK length");
    }
    return;
  }
  if (!psk.byteLength && !psk_id.byteLength) {
    return;
  }
  throw new TypeError("Inconsistent PSK inputs");
}
var NotApplicable = () => {
  throw new Error("unreachable");
};
var EXPORT_ONLY = 65535;
var AES_GCM_P_MAX = 2 ** 36 - 31;
var CHACHA20_POLY1305_P_MAX = 2 ** 38 - 64;
var AEAD_EXPORT_ONLY = function() {
  return {
    id: EXPORT_ONLY,
    type: "AEAD",
    name: "Export-only",
    Nk: 0,
    Nn: 0,
    Nt: 0,
    Seal: NotApplicable,
    Open: NotApplicable
  };
};
async function subtle(promise, name) {
  try {
    return await promise(crypto.subtle);
  } catch (cause) {
    if (cause instanceof TypeError || cause instanceof DOMException && cause.name === "NotSupportedError") {
      throw new NotSupportedError(`${name} is unsupported in this runtime`, { cause });
    }
    throw cause;
  }
}
async function getCachedCryptoKey(cache, keyBytes, init) {
  const cached = cache.get(keyBytes);
  if (cached && cached.bytes.byteLength === keyBytes.byteLength && cached.bytes.every((byte, index) => byte === keyBytes[index])) {
    return cached.key;
  }
  const bytes2 = slice(keyBytes);
  const entry = { bytes: bytes2, key: init(bytes2) };
  cache.set(keyBytes, entry);
  try {
    return await entry.key;
  } catch (cause) {
    if (cache.get(keyBytes) === entry) cache.delete(keyBytes);
    throw cause;
  }
}
function HKDF_SHARED() {
  let emptySalt;
  async function importKey(salt) {
    return await subtle(
      (c) => c.importKey("raw", salt, { name: "HMAC", hash: this.hash }, false, ["sign"]),
      this.name
    );
  }
  const cache = /* @__PURE__ */ new WeakMap();
  return {
    stages: 2,
    Derive: NotApplicable,
    async Extract(salt, ikm) {
      const key = salt.byteLength === 0 ? emptySalt ??= await importKey.call(this, new ArrayBuffer(this.Nh)) : await importKey.call(this, salt);
      return new Uint8Array(
        await subtle((c) => c.sign("HMAC", key, ikm), this.name)
      );
    },
    async Expand(prk, info, L2) {
      if (prk.byteLength < this.Nh) {
        throw new Error("prk.byteLength < this.Nh");
      }
      if (L2 > 255 * this.Nh) {
        throw new Error("L must be <= 255*Nh");
      }
      const N = Math.ceil(L2 / this.Nh);
      const key = await getCachedCryptoKey(
        cache,
        prk,
        (bytes2) => importKey.call(this, bytes2)
      );
      const T = new Uint8Array(N * this.Nh);
      let T_prev = new Uint8Array();
      for (let i = 0; i < N; i++) {
        const input = new Uint8Array(T_prev.byteLength + info.byteLength + 1);
        input.set(T_prev);
        input.set(info, T_prev.byteLength);
        input[T_prev.byteLength + info.byteLength] = i + 1;
        const T_i = new Uint8Array(await subtle((c) => c.sign("HMAC", key, input), this.name));
        T.set(T_i, i * this.Nh);
        T_prev = T_i;
      }
      return slice(T, 0, L2);
    }
  };
}
var KDF_HKDF_SHA256 = function() {
  return { id: 1, type: "KDF", name: "HKDF-SHA256", Nh: 32, hash: "SHA-256", ...HKDF_SHARED() };
};
async function getPublicKeyByExport(name, key, usages) {
  if (!key.extractable) {
    throw new TypeError(
      '"privateKey" must be extractable or a Key Pair must be used in this runtime'
    );
  }
  return await subtle(async (c) => {
    const jwk = await c.exportKey("jwk", key);
    return c.importKey(
      "jwk",
      { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y },
      key.algorithm,
      true,
      usages
    );
  }, name);
}
async function getPublicKey(name, key, usages) {
  return await subtle((c) => c.getPublicKey?.(key, usages), name) || await getPublicKeyByExport(name, key, usages);
}
function fromBase64(input) {
  input = input.replace(/-/g, "+").replace(/_/g, "/");
  const binary = atob(input);
  const bytes2 = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) {
    bytes2[i] = binary.charCodeAt(i);
  }
  return bytes2;
}
function b64u(input) {
  return Uint8Array.fromBase64?.(input, { alphabet: "base64url" }) || fromBase64(input);
}
async function DeriveKeyPairBytes(DHKEM, ikm, label, context) {
  if (KDFStages(DHKEM.kdf) === 1) {
    return await LabeledDerive(DHKEM.kdf, DHKEM.suite_id, ikm, label, context, DHKEM.Nsk);
  }
  const dkp_prk = await LabeledExtract(DHKEM.kdf, DHKEM.suite_id, new Uint8Array(), L_dkp_prk, ikm);
  return await LabeledExpand(DHKEM.kdf, DHKEM.suite_id, dkp_prk, label, context, DHKEM.Nsk);
}
function assertKeyAlgorithm(key, expectedAlgorithm) {
  if (key.algorithm.name !== expectedAlgorithm.name) {
    throw new TypeError(`key algorithm must be ${expectedAlgorithm.name}`);
  }
  if (key.algorithm.namedCurve !== expectedAlgorithm.namedCurve) {
    throw new TypeError(
      `key namedCurve must be ${expectedAlgorithm.namedCurve}`
    );
  }
}
function assertCryptoKey(key) {
  if (key[Symbol.toStringTag] !== "CryptoKey") {
    if (key instanceof CryptoKey) return;
    throw new TypeError("unexpected key constructor");
  }
}
async function ExtractAndExpand_OneStage(DHKEM, dh, kem_context) {
  return await LabeledDerive(
    DHKEM.kdf,
    DHKEM.suite_id,
    dh,
    L_shared_secret,
    kem_context,
    DHKEM.Nsecret
  );
}
async function ExtractAndExpand_TwoStage(DHKEM, dh, kem_context) {
  const eae_prk = await LabeledExtract(DHKEM.kdf, DHKEM.suite_id, new Uint8Array(), L_eae_prk, dh);
  return await LabeledExpand(
    DHKEM.kdf,
    DHKEM.suite_id,
    eae_prk,
    L_shared_secret,
    kem_context,
    DHKEM.Nsecret
  );
}
async function ExtractAndExpand(DHKEM, dh, kem_context) {
  const Fn = KDFStages(DHKEM.kdf) === 1 ? ExtractAndExpand_OneStage : ExtractAndExpand_TwoStage;
  return await Fn(DHKEM, dh, kem_context);
}
function DHKEM_SHARED() {
  return {
    async GenerateKeyPair(extractable) {
      return await subtle(
        (c) => c.generateKey(this.algorithm, extractable, ["deriveBits"]),
        this.name
      );
    },
    async SerializePublicKey(key) {
      assertKeyAlgorithm(key, this.algorithm);
      assertCryptoKey(key);
      return new Uint8Array(await subtle((c) => c.exportKey("raw", key), this.name));
    },
    async DeserializePublicKey(key) {
      return await subtle(
        (c) => c.importKey("raw", key, this.algorithm, true, []),
        this.name
      );
    },
    async SerializePrivateKey(key) {
      assertKeyAlgorithm(key, this.algorithm);
      assertCryptoKey(key);
      const { d } = await subtle((c) => c.exportKey("jwk", key), this.name);
      return b64u(d);
    },
    async Encap(pkR) {
      assertKeyAlgorithm(pkR, this.algorithm);
      assertCryptoKey(pkR);
      const ekp = await this.GenerateKeyPair(false);
      const skE = ekp.privateKey;
      const pkE = ekp.publicKey;
      const dh = new Uint8Array(
        await subtle(
          (c) => c.deriveBits({ name: skE.algorithm.name, public: pkR }, skE, this.Ndh << 3),
          this.name
        )
      );
      const enc = await this.SerializePublicKey(pkE);
      const pkRm = await this.SerializePublicKey(pkR);
      const kem_context = concat(enc, pkRm);
      const shared_secret = await ExtractAndExpand(this, dh, kem_context);
      return { shared_secret, enc };
    },
    async Decap(enc, skR, pkR) {
      assertKeyAlgorithm(skR, this.algorithm);
      assertCryptoKey(skR);
      if (pkR) {
        assertKeyAlgorithm(pkR, this.algorithm);
        assertCryptoKey(pkR);
      } else {
        pkR = await getPublicKey(this.name, skR, []);
      }
      const pkE = await this.DeserializePublicKey(enc);
      const dh = new Uint8Array(
        await subtle(
          (c) => c.deriveBits({ name: skR.algorithm.name, public: pkE }, skR, this.Ndh << 3),
          this.name
        )
      );
      const pkRm = await this.SerializePublicKey(pkR);
      const kem_context = concat(enc, pkRm);
      const shared_secret = await ExtractAndExpand(this, dh, kem_context);
      return shared_secret;
    }
  };
}
async function createKeyPairFromPrivateKey(DHKEM, key, extractable) {
  let privateKey;
  let publicKey2;
  if (!extractable && typeof crypto.subtle.getPublicKey !== "function") {
    privateKey = await DHKEM.DeserializePrivateKey(key, true);
    publicKey2 = await getPublicKey(DHKEM.name, privateKey, []);
    privateKey = await DHKEM.DeserializePrivateKey(key, false);
  } else {
    privateKey = await DHKEM.DeserializePrivateKey(key, extractable);
    publicKey2 = await getPublicKey(DHKEM.name, privateKey, []);
  }
  return { privateKey, publicKey: publicKey2 };
}
async function CurveKeyFromD(name, Nsk, template, algorithm, key, extractable) {
  const tmpl = slice(template);
  const pkcs8 = new Uint8Array(Nsk + tmpl.byteLength);
  pkcs8.set(tmpl);
  pkcs8.set(key, tmpl.byteLength);
  return await subtle(
    (c) => c.importKey("pkcs8", pkcs8, algorithm, extractable, ["deriveBits"]),
    name
  );
}
async function DeriveKeyPairX(ikm, extractable) {
  const sk = await DeriveKeyPairBytes(this, ikm, L_sk, new Uint8Array());
  return await createKeyPairFromPrivateKey(this, sk, extractable);
}
var KEM_DHKEM_X25519_HKDF_SHA256 = function() {
  const id = 32;
  const name = "DHKEM(X25519, HKDF-SHA256)";
  const kdf = KDF_HKDF_SHA256();
  kdf.name = name;
  return {
    id,
    suite_id: concat(L_KEM, I2OSP(id, 2)),
    type: "KEM",
    name,
    kdf,
    Nsecret: 32,
    Nenc: 32,
    Npk: 32,
    Nsk: 32,
    Ndh: 32,
    algorithm: { name: "X25519" },
    pkcs8: Uint8Array.of(48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 110, 4, 34, 4, 32),
    DeriveKeyPair: DeriveKeyPairX,
    async DeserializePrivateKey(key, extractable) {
      return await CurveKeyFromD(name, this.Nsk, this.pkcs8, this.algorithm, key, extractable);
    },
    ...DHKEM_SHARED()
  };
};

// packages/perdure/src/wire/bytes.ts
var HEX = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));
var BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
var BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
var encoder = new TextEncoder();
var decoder = new TextDecoder("utf-8", { fatal: true });
var EMPTY = new Uint8Array(0);
function utf8(text2) {
  return encoder.encode(text2);
}
function fromUtf8(bytes2) {
  return decoder.decode(bytes2);
}
function concat2(...parts) {
  let size = 0;
  for (const part2 of parts) size += part2.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part2 of parts) {
    whole.set(part2, at);
    at += part2.length;
  }
  return whole;
}
function equalBytes(a, b) {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= a[index] ^ b[index];
  return difference === 0;
}
function compareBytes(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = a[index] - b[index];
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
function hex(bytes2) {
  let text2 = "";
  for (const byte of bytes2) text2 += HEX[byte];
  return text2;
}
function fromHex(text2) {
  if (text2.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text2)) return void 0;
  const bytes2 = new Uint8Array(text2.length / 2);
  for (let index = 0; index < bytes2.length; index++) bytes2[index] = Number.parseInt(text2.slice(index * 2, index * 2 + 2), 16);
  return bytes2;
}
function base32(bytes2) {
  let text2 = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes2) {
    held = held << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text2 += BASE32[held >>> bits & 31];
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) text2 += BASE32[held << 5 - bits & 31];
  return text2;
}
function fromBase32(text2) {
  const bytes2 = new Uint8Array(Math.floor(text2.length * 5 / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text2) {
    const value = BASE32.indexOf(letter);
    if (value < 0) return void 0;
    held = held << 5 | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes2[at++] = held >>> bits & 255;
      held &= (1 << bits) - 1;
    }
  }
  if (bits >= 5 || held !== 0) return void 0;
  return bytes2;
}
function base64url(bytes2) {
  let text2 = "";
  for (let at = 0; at < bytes2.length; at += 3) {
    const left = Math.min(3, bytes2.length - at);
    const held = bytes2[at] << 16 | (bytes2[at + 1] ?? 0) << 8 | (bytes2[at + 2] ?? 0);
    for (let letter = 0; letter <= left; letter++) text2 += BASE64URL[held >>> 18 - 6 * letter & 63];
  }
  return text2;
}
function fromBase64url(text2) {
  const bytes2 = new Uint8Array(Math.floor(text2.length * 6 / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text2) {
    const value = BASE64URL.indexOf(letter);
    if (value < 0) return void 0;
    held = held << 6 | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes2[at++] = held >>> bits & 255;
      held &= (1 << bits) - 1;
    }
  }
  if (bits >= 6 || held !== 0) return void 0;
  return bytes2;
}
function viewOf(bytes2) {
  return new DataView(bytes2.buffer, bytes2.byteOffset, bytes2.byteLength);
}
function readU64(view, at) {
  const value = view.getUint32(at) * 4294967296 + view.getUint32(at + 4);
  return Number.isSafeInteger(value) ? value : void 0;
}
function writeU64(view, at, value) {
  view.setUint32(at, Math.floor(value / 4294967296));
  view.setUint32(at + 4, value % 4294967296);
}

// node_modules/@noble/hashes/utils.js
function isBytes(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n !== "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abytes(value, length, title = "") {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  if (length !== void 0)
    anumber(length, "length");
  const bytes2 = isBytes(value);
  const ofLen = length !== void 0 ? ` of length ${length}` : "";
  const got = bytes2 ? `length=${value.length}` : `type=${typeof value}`;
  const message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  if (!bytes2)
    throw new TypeError(message);
  throw new RangeError(message);
}
function ahash(h) {
  if (typeof h !== "function" || typeof h.create !== "function")
    throw new TypeError("expected hash wrapped by utils.createHasher");
  anumber(h.outputLen);
  anumber(h.blockLen);
  if (h.outputLen < 1 || h.blockLen < 1)
    throw new Error("hash blockLen / outputLen must be >= 1");
}
var aobject = (value, label) => {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
};
var aopts = (value, label) => {
  aobject(value, label);
  const proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label}.__proto__" is not allowed`);
};
function aexists(instance, checkFinished = true) {
  if (instance.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished && instance.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance) {
  abytes(out, void 0, "output");
  const min = instance.outputLen;
  if (!(out.length >= min)) {
    throw new RangeError('"output" expected length >= ' + min);
  }
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++) {
    arrays[i].fill(0);
  }
}
function createView(arr) {
  return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
}
function rotr(word, shift) {
  return word << 32 - shift | word >>> shift;
}
var hasHexBuiltin = /* @__PURE__ */ (() => (
  // @ts-ignore
  typeof Uint8Array.from([]).toHex === "function" && typeof Uint8Array.fromHex === "function"
))();
var hexes = /* @__PURE__ */ Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
function bytesToHex(bytes2) {
  abytes(bytes2);
  if (hasHexBuiltin)
    return bytes2.toHex();
  let hex2 = "";
  for (let i = 0; i < bytes2.length; i++) {
    hex2 += hexes[bytes2[i]];
  }
  return hex2;
}
function asciiToBase16(ch) {
  return ch >= 48 && ch <= 57 ? ch - 48 : ch >= 65 && ch <= 70 ? ch - (65 - 10) : ch >= 97 && ch <= 102 ? ch - (97 - 10) : void 0;
}
function hexToBytes(hex2) {
  if (typeof hex2 !== "string")
    throw new TypeError("hex string expected, got " + typeof hex2);
  if (hasHexBuiltin) {
    try {
      return Uint8Array.fromHex(hex2);
    } catch (error) {
      if (error instanceof SyntaxError)
        throw new RangeError(error.message);
      throw error;
    }
  }
  const hl = hex2.length;
  const al = hl / 2;
  if (hl % 2)
    throw new RangeError("hex string expected, got unpadded hex of length " + hl);
  const array = new Uint8Array(al);
  for (let ai = 0, hi = 0; ai < al; ai++, hi += 2) {
    const n1 = asciiToBase16(hex2.charCodeAt(hi));
    const n2 = asciiToBase16(hex2.charCodeAt(hi + 1));
    if (n1 === void 0 || n2 === void 0) {
      const char = hex2[hi] + hex2[hi + 1];
      throw new RangeError('hex string expected, got non-hex character "' + char + '" at index ' + hi);
    }
    array[ai] = n1 * 16 + n2;
  }
  return array;
}
function concatBytes(...arrays) {
  let sum = 0;
  for (let i = 0; i < arrays.length; i++) {
    const a = arrays[i];
    abytes(a);
    sum += a.length;
  }
  const res = new Uint8Array(sum);
  for (let i = 0, pad = 0; i < arrays.length; i++) {
    const a = arrays[i];
    res.set(a, pad);
    pad += a.length;
  }
  return res;
}
function checkOpts(defaults, opts, title = "opts") {
  aopts(defaults, "defaults");
  if (opts !== void 0)
    aopts(opts, title);
  const merged = Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
  return merged;
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons !== "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  const hashC = (msg, opts) => hashCons(opts).update(msg).digest();
  const tmp = hashCons(void 0);
  hashC.outputLen = tmp.outputLen;
  hashC.blockLen = tmp.blockLen;
  hashC.canXOF = tmp.canXOF;
  hashC.create = (opts) => hashCons(opts);
  Object.assign(hashC, info);
  return Object.freeze(hashC);
}
function randomBytes(bytesLength = 32) {
  anumber(bytesLength, "bytesLength");
  const cr = typeof globalThis === "object" ? globalThis.crypto : null;
  if (typeof cr?.getRandomValues !== "function")
    throw new Error("crypto.getRandomValues must be defined");
  if (bytesLength > 65536)
    throw new RangeError(`"bytesLength" expected <= 65536, got ${bytesLength}`);
  return cr.getRandomValues(new Uint8Array(bytesLength));
}
var oidNist = (suffix) => ({
  // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
  // Larger suffix values would need base-128 OID encoding and a different length byte.
  oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
});

// node_modules/@noble/hashes/hmac.js
var _HMAC = class {
  oHash;
  iHash;
  blockLen;
  outputLen;
  canXOF = false;
  finished = false;
  destroyed = false;
  constructor(hash2, key) {
    ahash(hash2);
    abytes(key, void 0, "key");
    this.iHash = hash2.create();
    if (typeof this.iHash.update !== "function")
      throw new Error("expected Hash instance");
    this.blockLen = this.iHash.blockLen;
    this.outputLen = this.iHash.outputLen;
    const blockLen = this.blockLen;
    const pad = new Uint8Array(blockLen);
    pad.set(key.length > blockLen ? hash2.create().update(key).digest() : key);
    for (let i = 0; i < pad.length; i++)
      pad[i] ^= 54;
    this.iHash.update(pad);
    this.oHash = hash2.create();
    for (let i = 0; i < pad.length; i++)
      pad[i] ^= 54 ^ 92;
    this.oHash.update(pad);
    clean(pad);
  }
  update(buf) {
    aexists(this);
    this.iHash.update(buf);
    return this;
  }
  digestInto(out) {
    aexists(this);
    aoutput(out, this);
    this.finished = true;
    const buf = out.subarray(0, this.outputLen);
    this.iHash.digestInto(buf);
    this.oHash.update(buf);
    this.oHash.digestInto(buf);
    this.destroy();
  }
  digest() {
    const out = new Uint8Array(this.oHash.outputLen);
    this.digestInto(out);
    return out;
  }
  _cloneInto(to) {
    to ||= Object.create(Object.getPrototypeOf(this), {});
    const { oHash, iHash, finished, destroyed, blockLen, outputLen, canXOF } = this;
    to = to;
    to.finished = finished;
    to.destroyed = destroyed;
    to.blockLen = blockLen;
    to.outputLen = outputLen;
    to.canXOF = canXOF;
    to.oHash = oHash._cloneInto(to.oHash);
    to.iHash = iHash._cloneInto(to.iHash);
    return to;
  }
  clone() {
    return this._cloneInto();
  }
  destroy() {
    this.destroyed = true;
    this.oHash.destroy();
    this.iHash.destroy();
  }
};
var hmac = /* @__PURE__ */ (() => {
  const hmac_ = ((hash2, key, message) => new _HMAC(hash2, key).update(message).digest());
  hmac_.create = (hash2, key) => new _HMAC(hash2, key);
  return hmac_;
})();

// node_modules/@noble/hashes/hkdf.js
var HKDF_COUNTER = /* @__PURE__ */ Uint8Array.of(0);
var EMPTY_BUFFER = /* @__PURE__ */ Uint8Array.of();
function expand(hash2, prk, info, length = 32, _recycled) {
  ahash(hash2);
  anumber(length, "length");
  abytes(prk, void 0, "prk");
  const olen = hash2.outputLen;
  if (prk.length < olen)
    throw new Error('"prk" must be at least HashLen octets');
  if (length > 255 * olen)
    throw new Error("Length must be <= 255*HashLen");
  const blocks = Math.ceil(length / olen);
  if (info === void 0)
    info = EMPTY_BUFFER;
  else
    abytes(info, void 0, "info");
  if (!blocks) {
    if (_recycled)
      clean(prk);
    return new Uint8Array();
  }
  const okm = _recycled && blocks === 1 ? prk : new Uint8Array(blocks * olen);
  const { iHash, oHash } = hmac.create(hash2, prk);
  const T = _recycled ? prk : new Uint8Array(olen);
  const worker = blocks > 1 ? _recycled?.iHash || hash2.create() : void 0;
  for (let counter = 0; counter < blocks - 1; counter++) {
    HKDF_COUNTER[0] = counter + 1;
    const iWork = iHash._cloneInto(worker);
    if (counter)
      iWork.update(T);
    iWork.update(info).update(HKDF_COUNTER).digestInto(T);
    oHash._cloneInto(worker).update(T).digestInto(T);
    okm.set(T, olen * counter);
  }
  HKDF_COUNTER[0] = blocks;
  if (blocks > 1)
    iHash.update(T);
  iHash.update(info).update(HKDF_COUNTER).digestInto(T);
  oHash.update(T).digestInto(T);
  okm.set(T, olen * (blocks - 1));
  iHash.destroy();
  oHash.destroy();
  worker?.destroy();
  if (T !== okm)
    clean(T);
  clean(HKDF_COUNTER);
  if (length === okm.length)
    return okm;
  const res = okm.slice(0, length);
  clean(okm);
  return res;
}

// node_modules/@noble/hashes/_u64.js
var U32_MASK64 = /* @__PURE__ */ (() => BigInt(2 ** 32 - 1))();
var _32n = /* @__PURE__ */ BigInt(32);
function fromBig(n, le = false) {
  if (le)
    return { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) };
  return { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
}
function split(lst, le = false) {
  const len = lst.length;
  let Ah = new Uint32Array(len);
  let Al = new Uint32Array(len);
  for (let i = 0; i < len; i++) {
    const { h, l } = fromBig(lst[i], le);
    [Ah[i], Al[i]] = [h, l];
  }
  return [Ah, Al];
}
var fromNumH = (n) => n / 2 ** 32 | 0;
var fromNumL = (n) => n >>> 0;
function setU64FromNum(view, byteOffset, n, isLE) {
  const h = fromNumH(n);
  const l = fromNumL(n);
  view.setUint32(byteOffset, isLE ? l : h, isLE);
  view.setUint32(byteOffset + 4, isLE ? h : l, isLE);
}
var shrSH = (h, _l, s) => h >>> s;
var shrSL = (h, l, s) => h << 32 - s | l >>> s;
var rotrSH = (h, l, s) => h >>> s | l << 32 - s;
var rotrSL = (h, l, s) => h << 32 - s | l >>> s;
var rotrBH = (h, l, s) => h << 64 - s | l >>> s - 32;
var rotrBL = (h, l, s) => h >>> s - 32 | l << 64 - s;
function add(Ah, Al, Bh, Bl2) {
  const l = (Al >>> 0) + (Bl2 >>> 0);
  return { h: Ah + Bh + (l / 2 ** 32 | 0) | 0, l: l | 0 };
}
var add3L = (Al, Bl2, Cl) => (Al >>> 0) + (Bl2 >>> 0) + (Cl >>> 0);
var add3H = (low, Ah, Bh, Ch) => Ah + Bh + Ch + (low / 2 ** 32 | 0) | 0;
var add4L = (Al, Bl2, Cl, Dl) => (Al >>> 0) + (Bl2 >>> 0) + (Cl >>> 0) + (Dl >>> 0);
var add4H = (low, Ah, Bh, Ch, Dh) => Ah + Bh + Ch + Dh + (low / 2 ** 32 | 0) | 0;
var add5L = (Al, Bl2, Cl, Dl, El) => (Al >>> 0) + (Bl2 >>> 0) + (Cl >>> 0) + (Dl >>> 0) + (El >>> 0);
var add5H = (low, Ah, Bh, Ch, Dh, Eh) => Ah + Bh + Ch + Dh + Eh + (low / 2 ** 32 | 0) | 0;

// node_modules/@noble/hashes/_md.js
function Chi(a, b, c) {
  return a & b ^ ~a & c;
}
function Maj(a, b, c) {
  return a & b ^ a & c ^ b & c;
}
var HashMD = class {
  blockLen;
  outputLen;
  canXOF = false;
  padOffset;
  isLE;
  // For partial updates less than block size
  buffer;
  view;
  finished = false;
  length = 0;
  pos = 0;
  destroyed = false;
  constructor(blockLen, outputLen, padOffset, isLE) {
    this.blockLen = blockLen;
    this.outputLen = outputLen;
    this.padOffset = padOffset;
    this.isLE = isLE;
    this.buffer = new Uint8Array(blockLen);
    this.view = createView(this.buffer);
  }
  update(data) {
    aexists(this);
    abytes(data);
    const { view, buffer: buffer2, blockLen } = this;
    const len = data.length;
    let processed = false;
    for (let pos = 0; pos < len; ) {
      const take = Math.min(blockLen - this.pos, len - pos);
      if (take === blockLen) {
        const dataView2 = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView2, pos);
        processed = true;
        continue;
      }
      buffer2.set(pos === 0 && take === len ? data : data.subarray(pos, pos + take), this.pos);
      this.pos += take;
      pos += take;
      if (this.pos === blockLen) {
        this.process(view, 0);
        this.pos = 0;
        processed = true;
      }
    }
    this.length += data.length;
    if (processed)
      this.roundClean();
    return this;
  }
  digestInto(out) {
    aexists(this);
    aoutput(out, this);
    this.finished = true;
    const { buffer: buffer2, view, blockLen, isLE } = this;
    let { pos } = this;
    buffer2[pos++] = 128;
    buffer2.fill(0, pos);
    if (this.padOffset > blockLen - pos) {
      this.process(view, 0);
      buffer2.fill(0);
    }
    setU64FromNum(view, blockLen - 8, this.length * 8, isLE);
    this.process(view, 0);
    this.roundClean();
    const oview = out === buffer2 ? view : createView(out);
    const len = this.outputLen;
    const outLen = len / 4;
    const state = this.get();
    if (len % 4 || outLen > state.length)
      throw new Error("invalid outputLen");
    for (let i = 0; i < outLen; i++)
      oview.setUint32(4 * i, state[i], isLE);
  }
  digest() {
    const { buffer: buffer2, outputLen } = this;
    this.digestInto(buffer2);
    const res = buffer2.slice(0, outputLen);
    this.destroy();
    return res;
  }
  _cloneIntoMeta(to) {
    const { buffer: buffer2, length, finished, destroyed, pos } = this;
    to.destroyed = destroyed;
    to.finished = finished;
    to.length = length;
    to.pos = pos;
    if (pos)
      to.buffer.set(buffer2);
    return to;
  }
  clone() {
    return this._cloneInto();
  }
};
var SHA256_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  3144134277,
  1013904242,
  2773480762,
  1359893119,
  2600822924,
  528734635,
  1541459225
]);
var SHA512_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  4089235720,
  3144134277,
  2227873595,
  1013904242,
  4271175723,
  2773480762,
  1595750129,
  1359893119,
  2917565137,
  2600822924,
  725511199,
  528734635,
  4215389547,
  1541459225,
  327033209
]);

// node_modules/@noble/hashes/sha2.js
var SHA256_K = /* @__PURE__ */ Uint32Array.from([
  1116352408,
  1899447441,
  3049323471,
  3921009573,
  961987163,
  1508970993,
  2453635748,
  2870763221,
  3624381080,
  310598401,
  607225278,
  1426881987,
  1925078388,
  2162078206,
  2614888103,
  3248222580,
  3835390401,
  4022224774,
  264347078,
  604807628,
  770255983,
  1249150122,
  1555081692,
  1996064986,
  2554220882,
  2821834349,
  2952996808,
  3210313671,
  3336571891,
  3584528711,
  113926993,
  338241895,
  666307205,
  773529912,
  1294757372,
  1396182291,
  1695183700,
  1986661051,
  2177026350,
  2456956037,
  2730485921,
  2820302411,
  3259730800,
  3345764771,
  3516065817,
  3600352804,
  4094571909,
  275423344,
  430227734,
  506948616,
  659060556,
  883997877,
  958139571,
  1322822218,
  1537002063,
  1747873779,
  1955562222,
  2024104815,
  2227730452,
  2361852424,
  2428436474,
  2756734187,
  3204031479,
  3329325298
]);
var SHA256_W = /* @__PURE__ */ new Uint32Array(64);
var SHA2_32B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and makes sha256 3x slower (measured).
  A = 0;
  B = 0;
  C = 0;
  D = 0;
  E = 0;
  F = 0;
  G = 0;
  H = 0;
  constructor(outputLen, IV) {
    super(64, outputLen, 8, false);
    this.A = IV[0] | 0;
    this.B = IV[1] | 0;
    this.C = IV[2] | 0;
    this.D = IV[3] | 0;
    this.E = IV[4] | 0;
    this.F = IV[5] | 0;
    this.G = IV[6] | 0;
    this.H = IV[7] | 0;
  }
  get() {
    const { A, B, C, D, E, F, G, H } = this;
    return [A, B, C, D, E, F, G, H];
  }
  // prettier-ignore
  set(A, B, C, D, E, F, G, H) {
    this.A = A | 0;
    this.B = B | 0;
    this.C = C | 0;
    this.D = D | 0;
    this.E = E | 0;
    this.F = F | 0;
    this.G = G | 0;
    this.H = H | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA256_W[i] = view.getUint32(offset, false);
    for (let i = 16; i < 64; i++) {
      const W15 = SHA256_W[i - 15];
      const W2 = SHA256_W[i - 2];
      const s0 = rotr(W15, 7) ^ rotr(W15, 18) ^ W15 >>> 3;
      const s1 = rotr(W2, 17) ^ rotr(W2, 19) ^ W2 >>> 10;
      SHA256_W[i] = s1 + SHA256_W[i - 7] + s0 + SHA256_W[i - 16] | 0;
    }
    let { A, B, C, D, E, F, G, H } = this;
    for (let i = 0; i < 64; i++) {
      const sigma1 = rotr(E, 6) ^ rotr(E, 11) ^ rotr(E, 25);
      const T1 = H + sigma1 + Chi(E, F, G) + SHA256_K[i] + SHA256_W[i] | 0;
      const sigma0 = rotr(A, 2) ^ rotr(A, 13) ^ rotr(A, 22);
      const T2 = sigma0 + Maj(A, B, C) | 0;
      H = G;
      G = F;
      F = E;
      E = D + T1 | 0;
      D = C;
      C = B;
      B = A;
      A = T1 + T2 | 0;
    }
    A = A + this.A | 0;
    B = B + this.B | 0;
    C = C + this.C | 0;
    D = D + this.D | 0;
    E = E + this.E | 0;
    F = F + this.F | 0;
    G = G + this.G | 0;
    H = H + this.H | 0;
    this.set(A, B, C, D, E, F, G, H);
  }
  roundClean() {
    clean(SHA256_W);
  }
  destroy() {
    this.destroyed = true;
    this.set(0, 0, 0, 0, 0, 0, 0, 0);
    clean(this.buffer);
  }
};
var _SHA256 = class extends SHA2_32B {
  constructor() {
    super(32, SHA256_IV);
  }
};
var K512 = /* @__PURE__ */ (() => split([
  "0x428a2f98d728ae22",
  "0x7137449123ef65cd",
  "0xb5c0fbcfec4d3b2f",
  "0xe9b5dba58189dbbc",
  "0x3956c25bf348b538",
  "0x59f111f1b605d019",
  "0x923f82a4af194f9b",
  "0xab1c5ed5da6d8118",
  "0xd807aa98a3030242",
  "0x12835b0145706fbe",
  "0x243185be4ee4b28c",
  "0x550c7dc3d5ffb4e2",
  "0x72be5d74f27b896f",
  "0x80deb1fe3b1696b1",
  "0x9bdc06a725c71235",
  "0xc19bf174cf692694",
  "0xe49b69c19ef14ad2",
  "0xefbe4786384f25e3",
  "0x0fc19dc68b8cd5b5",
  "0x240ca1cc77ac9c65",
  "0x2de92c6f592b0275",
  "0x4a7484aa6ea6e483",
  "0x5cb0a9dcbd41fbd4",
  "0x76f988da831153b5",
  "0x983e5152ee66dfab",
  "0xa831c66d2db43210",
  "0xb00327c898fb213f",
  "0xbf597fc7beef0ee4",
  "0xc6e00bf33da88fc2",
  "0xd5a79147930aa725",
  "0x06ca6351e003826f",
  "0x142929670a0e6e70",
  "0x27b70a8546d22ffc",
  "0x2e1b21385c26c926",
  "0x4d2c6dfc5ac42aed",
  "0x53380d139d95b3df",
  "0x650a73548baf63de",
  "0x766a0abb3c77b2a8",
  "0x81c2c92e47edaee6",
  "0x92722c851482353b",
  "0xa2bfe8a14cf10364",
  "0xa81a664bbc423001",
  "0xc24b8b70d0f89791",
  "0xc76c51a30654be30",
  "0xd192e819d6ef5218",
  "0xd69906245565a910",
  "0xf40e35855771202a",
  "0x106aa07032bbd1b8",
  "0x19a4c116b8d2d0c8",
  "0x1e376c085141ab53",
  "0x2748774cdf8eeb99",
  "0x34b0bcb5e19b48a8",
  "0x391c0cb3c5c95a63",
  "0x4ed8aa4ae3418acb",
  "0x5b9cca4f7763e373",
  "0x682e6ff3d6b2b8a3",
  "0x748f82ee5defb2fc",
  "0x78a5636f43172f60",
  "0x84c87814a1f0ab72",
  "0x8cc702081a6439ec",
  "0x90befffa23631e28",
  "0xa4506cebde82bde9",
  "0xbef9a3f7b2c67915",
  "0xc67178f2e372532b",
  "0xca273eceea26619c",
  "0xd186b8c721c0c207",
  "0xeada7dd6cde0eb1e",
  "0xf57d4f7fee6ed178",
  "0x06f067aa72176fba",
  "0x0a637dc5a2c898a6",
  "0x113f9804bef90dae",
  "0x1b710b35131c471b",
  "0x28db77f523047d84",
  "0x32caab7b40c72493",
  "0x3c9ebe0a15c9bebc",
  "0x431d67c49c100d4c",
  "0x4cc5d4becb3e42b6",
  "0x597f299cfc657e2a",
  "0x5fcb6fab3ad6faec",
  "0x6c44198c4a475817"
].map((n) => BigInt(n))))();
var SHA512_Kh = /* @__PURE__ */ (() => K512[0])();
var SHA512_Kl = /* @__PURE__ */ (() => K512[1])();
var SHA512_W_H = /* @__PURE__ */ new Uint32Array(80);
var SHA512_W_L = /* @__PURE__ */ new Uint32Array(80);
var SHA2_64B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // h -- high 32 bits, l -- low 32 bits
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and slows hashing down (measured on sha256).
  Ah = 0;
  Al = 0;
  Bh = 0;
  Bl = 0;
  Ch = 0;
  Cl = 0;
  Dh = 0;
  Dl = 0;
  Eh = 0;
  El = 0;
  Fh = 0;
  Fl = 0;
  Gh = 0;
  Gl = 0;
  Hh = 0;
  Hl = 0;
  constructor(outputLen, IV) {
    super(128, outputLen, 16, false);
    this.Ah = IV[0] | 0;
    this.Al = IV[1] | 0;
    this.Bh = IV[2] | 0;
    this.Bl = IV[3] | 0;
    this.Ch = IV[4] | 0;
    this.Cl = IV[5] | 0;
    this.Dh = IV[6] | 0;
    this.Dl = IV[7] | 0;
    this.Eh = IV[8] | 0;
    this.El = IV[9] | 0;
    this.Fh = IV[10] | 0;
    this.Fl = IV[11] | 0;
    this.Gh = IV[12] | 0;
    this.Gl = IV[13] | 0;
    this.Hh = IV[14] | 0;
    this.Hl = IV[15] | 0;
  }
  // prettier-ignore
  get() {
    const { Ah, Al, Bh, Bl: Bl2, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    return [Ah, Al, Bh, Bl2, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl];
  }
  // prettier-ignore
  set(Ah, Al, Bh, Bl2, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl) {
    this.Ah = Ah | 0;
    this.Al = Al | 0;
    this.Bh = Bh | 0;
    this.Bl = Bl2 | 0;
    this.Ch = Ch | 0;
    this.Cl = Cl | 0;
    this.Dh = Dh | 0;
    this.Dl = Dl | 0;
    this.Eh = Eh | 0;
    this.El = El | 0;
    this.Fh = Fh | 0;
    this.Fl = Fl | 0;
    this.Gh = Gh | 0;
    this.Gl = Gl | 0;
    this.Hh = Hh | 0;
    this.Hl = Hl | 0;
  }
  _cloneInto(to) {
    (to ||= new this.constructor()).set(...this.get());
    return this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4) {
      SHA512_W_H[i] = view.getUint32(offset);
      SHA512_W_L[i] = view.getUint32(offset += 4);
    }
    for (let i = 16; i < 80; i++) {
      const W15h = SHA512_W_H[i - 15] | 0;
      const W15l = SHA512_W_L[i - 15] | 0;
      const s0h = rotrSH(W15h, W15l, 1) ^ rotrSH(W15h, W15l, 8) ^ shrSH(W15h, W15l, 7);
      const s0l = rotrSL(W15h, W15l, 1) ^ rotrSL(W15h, W15l, 8) ^ shrSL(W15h, W15l, 7);
      const W2h = SHA512_W_H[i - 2] | 0;
      const W2l = SHA512_W_L[i - 2] | 0;
      const s1h = rotrSH(W2h, W2l, 19) ^ rotrBH(W2h, W2l, 61) ^ shrSH(W2h, W2l, 6);
      const s1l = rotrSL(W2h, W2l, 19) ^ rotrBL(W2h, W2l, 61) ^ shrSL(W2h, W2l, 6);
      const SUMl = add4L(s0l, s1l, SHA512_W_L[i - 7], SHA512_W_L[i - 16]);
      const SUMh = add4H(SUMl, s0h, s1h, SHA512_W_H[i - 7], SHA512_W_H[i - 16]);
      SHA512_W_H[i] = SUMh | 0;
      SHA512_W_L[i] = SUMl | 0;
    }
    let { Ah, Al, Bh, Bl: Bl2, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    for (let i = 0; i < 80; i++) {
      const sigma1h = rotrSH(Eh, El, 14) ^ rotrSH(Eh, El, 18) ^ rotrBH(Eh, El, 41);
      const sigma1l = rotrSL(Eh, El, 14) ^ rotrSL(Eh, El, 18) ^ rotrBL(Eh, El, 41);
      const CHIh = Eh & Fh ^ ~Eh & Gh;
      const CHIl = El & Fl ^ ~El & Gl;
      const T1ll = add5L(Hl, sigma1l, CHIl, SHA512_Kl[i], SHA512_W_L[i]);
      const T1h = add5H(T1ll, Hh, sigma1h, CHIh, SHA512_Kh[i], SHA512_W_H[i]);
      const T1l = T1ll | 0;
      const sigma0h = rotrSH(Ah, Al, 28) ^ rotrBH(Ah, Al, 34) ^ rotrBH(Ah, Al, 39);
      const sigma0l = rotrSL(Ah, Al, 28) ^ rotrBL(Ah, Al, 34) ^ rotrBL(Ah, Al, 39);
      const MAJh = Ah & Bh ^ Ah & Ch ^ Bh & Ch;
      const MAJl = Al & Bl2 ^ Al & Cl ^ Bl2 & Cl;
      Hh = Gh | 0;
      Hl = Gl | 0;
      Gh = Fh | 0;
      Gl = Fl | 0;
      Fh = Eh | 0;
      Fl = El | 0;
      ({ h: Eh, l: El } = add(Dh | 0, Dl | 0, T1h | 0, T1l | 0));
      Dh = Ch | 0;
      Dl = Cl | 0;
      Ch = Bh | 0;
      Cl = Bl2 | 0;
      Bh = Ah | 0;
      Bl2 = Al | 0;
      const All = add3L(T1l, sigma0l, MAJl);
      Ah = add3H(All, T1h, sigma0h, MAJh);
      Al = All | 0;
    }
    ({ h: Ah, l: Al } = add(this.Ah | 0, this.Al | 0, Ah | 0, Al | 0));
    ({ h: Bh, l: Bl2 } = add(this.Bh | 0, this.Bl | 0, Bh | 0, Bl2 | 0));
    ({ h: Ch, l: Cl } = add(this.Ch | 0, this.Cl | 0, Ch | 0, Cl | 0));
    ({ h: Dh, l: Dl } = add(this.Dh | 0, this.Dl | 0, Dh | 0, Dl | 0));
    ({ h: Eh, l: El } = add(this.Eh | 0, this.El | 0, Eh | 0, El | 0));
    ({ h: Fh, l: Fl } = add(this.Fh | 0, this.Fl | 0, Fh | 0, Fl | 0));
    ({ h: Gh, l: Gl } = add(this.Gh | 0, this.Gl | 0, Gh | 0, Gl | 0));
    ({ h: Hh, l: Hl } = add(this.Hh | 0, this.Hl | 0, Hh | 0, Hl | 0));
    this.set(Ah, Al, Bh, Bl2, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl);
  }
  roundClean() {
    clean(SHA512_W_H, SHA512_W_L);
  }
  destroy() {
    this.destroyed = true;
    clean(this.buffer);
    this.set(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }
};
var _SHA512 = class extends SHA2_64B {
  constructor() {
    super(64, SHA512_IV);
  }
};
var sha256 = /* @__PURE__ */ createHasher(
  () => new _SHA256(),
  /* @__PURE__ */ oidNist(1)
);
var sha512 = /* @__PURE__ */ createHasher(
  () => new _SHA512(),
  /* @__PURE__ */ oidNist(3)
);

// packages/perdure/src/host/browser/hash.ts
var MAX_HKDF_BYTES = 255 * 32;
function createBrowserHash() {
  return {
    sha256: (bytes2) => sha256(bytes2),
    hmacSha256,
    hkdfSha256: (secret, salt, info, lengthBytes) => {
      if (!Number.isInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > MAX_HKDF_BYTES)
        throw new PerdureError("bad-argument", `HKDF-SHA256 gives 0 to ${MAX_HKDF_BYTES} bytes, not ${lengthBytes}`);
      return hkdfExpandSha256(hmacSha256(salt, secret), info, lengthBytes);
    }
  };
}
function hmacSha256(key, bytes2) {
  return hmac(sha256, key, bytes2);
}
function hkdfExpandSha256(pseudorandomKey, info, lengthBytes) {
  return lengthBytes === 0 ? new Uint8Array(0) : expand(sha256, pseudorandomKey, info, lengthBytes);
}

// packages/perdure/src/host/browser/key-vault.ts
var NAME_BYTES = 32;
function createKeyVault(database) {
  return {
    keep: async (random, key) => {
      if (key.secret.extractable) throw new PerdureError("internal", "a secret key that scripts can read is not to be kept");
      const name = random.bytes(NAME_BYTES);
      await database.change("keep a key", ["keys"], async ({ store }) => {
        store("keys").put(key, hex(name));
      });
      return name;
    },
    destroy: (names) => database.change("destroy keys", ["keys"], async ({ store }) => {
      for (const name of names) store("keys").delete(hex(name));
    }),
    find: async (name, algorithm) => {
      const found2 = await database.look("find a key", ["keys"], ({ store, result: result2 }) => result2(store("keys").get(hex(name))));
      if (found2 !== void 0 && found2.algorithm !== algorithm)
        throw new PerdureError("bad-argument", `the key is for ${found2.algorithm}, not for ${algorithm}`);
      return found2;
    }
  };
}
async function withAlgorithm(algorithm, work) {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && cause.name === "NotSupportedError")
      throw new PerdureError("unsupported-platform", `this browser has no ${algorithm}`, {
        hint: "Use Chrome 137, Firefox 130, Safari 17 or newer.",
        cause
      });
    throw cause;
  }
}

// packages/perdure/src/host/browser/encapsulation.ts
var ALGORITHM2 = "X25519";
var KEY_BYTES2 = 32;
var SECRET_BYTES = 32;
var EXPORTER_CONTEXT = utf8("perdure/export/1");
var PKCS8_PREFIX = fromHex("302e020100300506032b656e04220420");
var BASE_POINT = Uint8Array.of(9, ...new Uint8Array(31));
var kdfOfPage = () => ({
  ...KDF_HKDF_SHA256(),
  Extract: async (salt, secret) => hmacSha256(salt, secret),
  Expand: async (pseudorandomKey, info, lengthBytes) => hkdfExpandSha256(pseudorandomKey, info, lengthBytes)
});
function createBrowserEncapsulation(vault) {
  const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, kdfOfPage, AEAD_EXPORT_ONLY);
  const secrets = /* @__PURE__ */ new WeakMap();
  const secretOf = (key) => {
    const secret = secrets.get(key);
    if (secret === void 0) throw new PerdureError("bad-argument", "the key was loaded by another host");
    return secret;
  };
  const handleOf = async ({ publicKey: publicKey2, secret }) => {
    const key = { publicKey: publicKey2 };
    secrets.set(key, { privateKey: secret, publicKey: await publicKeyOf(publicKey2) });
    return key;
  };
  return {
    create: async (random) => {
      const pair = await withAlgorithm(ALGORITHM2, () => crypto.subtle.generateKey(ALGORITHM2, false, ["deriveBits"]));
      if (!("privateKey" in pair)) throw new PerdureError("internal", "the browser made no pair of keys");
      const publicKey2 = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
      const made = { algorithm: ALGORITHM2, secret: pair.privateKey, publicKey: publicKey2 };
      return { kept: await vault.keep(random, made), key: await handleOf(made) };
    },
    load: async (kept) => {
      requireLength(kept, KEY_BYTES2, "the secret key");
      return await handleOf(await vault.find(kept, ALGORITHM2) ?? await keyOfSecret(kept));
    },
    encapsulate: async (publicKey2, info) => {
      requireLength(publicKey2, KEY_BYTES2, "the public key");
      const { encapsulatedSecret, exportedSecret } = await refusing(
        "the public key",
        async () => suite.SendExport(await publicKeyOf(publicKey2), EXPORTER_CONTEXT, SECRET_BYTES, { info })
      );
      return { encapsulated: encapsulatedSecret, secret: exportedSecret };
    },
    decapsulate: async (key, encapsulated, info) => {
      requireLength(encapsulated, KEY_BYTES2, "the encapsulated key");
      const pair = secretOf(key);
      return await refusing(
        "the encapsulated key",
        () => suite.ReceiveExport(pair, encapsulated, EXPORTER_CONTEXT, SECRET_BYTES, { info })
      );
    },
    agree: async (key, publicKey2) => {
      requireLength(publicKey2, KEY_BYTES2, "the public key");
      const { privateKey } = secretOf(key);
      return await refusing("the public key", async () => {
        const shared = await agreeWith(privateKey, publicKey2);
        if (shared.every((byte) => byte === 0)) throw new Error("all zero");
        return shared;
      });
    }
  };
}
function publicKeyOf(publicKey2) {
  return withAlgorithm(ALGORITHM2, () => crypto.subtle.importKey("raw", bufferOf(publicKey2), ALGORITHM2, true, []));
}
async function agreeWith(secret, publicKey2) {
  const theirs = await publicKeyOf(publicKey2);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: ALGORITHM2, public: theirs }, secret, SECRET_BYTES * 8));
}
async function keyOfSecret(bytes2) {
  const pkcs8 = bufferOf(concat2(PKCS8_PREFIX, bytes2));
  const secret = await withAlgorithm(ALGORITHM2, () => crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM2, false, ["deriveBits"]));
  return { algorithm: ALGORITHM2, secret, publicKey: await agreeWith(secret, BASE_POINT) };
}
async function refusing(what, work) {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PerdureError) throw cause;
    throw new PerdureError("bad-argument", `${what} gives no shared secret`, { cause });
  }
}

// node_modules/@noble/curves/utils.js
function aarray(item, title, inner = () => {
}) {
  if (!Array.isArray(item))
    throw new TypeError(`"${title}" expected array, got type=${typeof item}`);
  for (let i = 0; i < item.length; i++)
    inner(item[i], `${title}[${i}]`);
  return item;
}
var abytes2 = (value, length, title) => abytes(value, length, title);
var anumber2 = anumber;
function aobject2(value, title = "object") {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new TypeError(title === "object" ? "expected valid options object" : `"${title}" expected object, got type=${typeof value}`);
  return value;
}
function afunction(value, title) {
  if (typeof value !== "function")
    throw new TypeError(`"${title}" is invalid: expected function, got ${typeof value}`);
  return value;
}
var bytesToHex2 = bytesToHex;
var concatBytes2 = (...arrays) => concatBytes(...arrays);
var hexToBytes2 = (hex2) => hexToBytes(hex2);
var isBytes2 = isBytes;
var randomBytes2 = (bytesLength) => randomBytes(bytesLength);
var _0n = /* @__PURE__ */ BigInt(0);
var _1n = /* @__PURE__ */ BigInt(1);
var atitle2 = (title) => title ? `"${title}" ` : "";
function abool(value, title = "") {
  if (typeof value !== "boolean")
    throw new TypeError(atitle2(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abignumber(n) {
  if (typeof n === "bigint") {
    if (!isPosBig(n))
      throw new RangeError("positive bigint expected, got " + n);
  } else
    anumber2(n);
  return n;
}
function asafenumber(value, title = "") {
  if (typeof value !== "number") {
    const prefix2 = title && `"${title}" `;
    throw new TypeError(prefix2 + "expected number, got type=" + typeof value);
  }
  if (!Number.isSafeInteger(value)) {
    const prefix2 = title && `"${title}" `;
    throw new RangeError(prefix2 + "expected safe integer, got " + value);
  }
}
function hexToNumber(hex2) {
  if (typeof hex2 !== "string")
    throw new TypeError("hex string expected, got " + typeof hex2);
  return hex2 === "" ? _0n : BigInt("0x" + hex2);
}
function bytesToNumberBE(bytes2) {
  return hexToNumber(bytesToHex(bytes2));
}
function bytesToNumberLE(bytes2) {
  return hexToNumber(bytesToHex(copyBytes(abytes(bytes2)).reverse()));
}
function numberToBytesBE(n, len) {
  anumber(len);
  if (len === 0)
    throw new Error("zero output length is invalid");
  n = abignumber(n);
  const expectedLen = len * 2;
  const hex2 = n.toString(16);
  if (hex2.length > expectedLen)
    throw new RangeError("number is too large");
  return hexToBytes(hex2.padStart(expectedLen, "0"));
}
function numberToBytesLE(n, len) {
  return numberToBytesBE(n, len).reverse();
}
function copyBytes(bytes2) {
  return Uint8Array.from(abytes2(bytes2));
}
function isPosBig(n) {
  return typeof n === "bigint" && _0n <= n;
}
function inRange(n, min, max) {
  return isPosBig(n) && isPosBig(min) && isPosBig(max) && min <= n && n < max;
}
function aInRange(title, n, min, max) {
  if (!inRange(n, min, max))
    throw new RangeError("expected valid " + title + ": " + min + " <= n < " + max + ", got " + n);
}
function bitLen(n) {
  if (n < _0n)
    throw new Error("expected non-negative bigint, got " + n);
  return n === _0n ? 0 : n.toString(2).length;
}
var bitMask = (n) => {
  asafenumber(n, "n");
  return (_1n << BigInt(n)) - _1n;
};
function validateObject(object, fields = {}, optFields = {}, title = "object") {
  aobject2(object, title);
  aobject2(fields, "fields");
  aobject2(optFields, "optFields");
  function checkField(fieldName, expectedType, isOpt) {
    const label = title === "object" ? `param "${String(fieldName)}"` : `"${title}.${String(fieldName)}"`;
    const val = object[fieldName];
    if (!Object.hasOwn(object, fieldName) && (isOpt ? val !== void 0 : expectedType !== "function")) {
      throw new TypeError(`${label} is invalid: expected own property`);
    }
    if (isOpt && val === void 0)
      return;
    const current = typeof val;
    if (current !== expectedType || val === null)
      throw new TypeError(`${label} is invalid: expected ${expectedType}, got ${current}`);
  }
  const iter = (f, isOpt) => Object.entries(f).forEach(([k, v]) => checkField(k, v, isOpt));
  iter(fields, false);
  iter(optFields, true);
}

// node_modules/@noble/curves/abstract/modular.js
var _0n2 = /* @__PURE__ */ BigInt(0);
var _1n2 = /* @__PURE__ */ BigInt(1);
var _2n = /* @__PURE__ */ BigInt(2);
var _3n = /* @__PURE__ */ BigInt(3);
var _4n = /* @__PURE__ */ BigInt(4);
var _5n = /* @__PURE__ */ BigInt(5);
var _7n = /* @__PURE__ */ BigInt(7);
var _8n = /* @__PURE__ */ BigInt(8);
var _9n = /* @__PURE__ */ BigInt(9);
var _15n = /* @__PURE__ */ BigInt(15);
var _16n = /* @__PURE__ */ BigInt(16);
var POW_WINDOWED_MIN = /* @__PURE__ */ BigInt("0x10000000000000000");
function mod(a, b) {
  if (b <= _0n2)
    throw new Error("mod: expected positive modulus, got " + b);
  const result2 = a % b;
  return result2 >= _0n2 ? result2 : b + result2;
}
function pow(num, power, modulo) {
  if (modulo <= _1n2)
    throw new Error("pow: expected modulus > 1, got " + modulo);
  if (typeof power !== "bigint")
    throw new TypeError("invalid exponent: expected bigint, got " + typeof power);
  if (power < _0n2)
    throw new Error("invalid exponent, negatives unsupported");
  if (power === _0n2)
    return _1n2;
  if (power === _1n2)
    return num;
  let d = num % modulo;
  if (d < _0n2)
    d += modulo;
  if (power < POW_WINDOWED_MIN) {
    let p2 = _1n2;
    while (power > _0n2) {
      if (power & _1n2)
        p2 = p2 * d % modulo;
      d = d * d % modulo;
      power >>= _1n2;
    }
    return p2;
  }
  const digits = [];
  while (power > _0n2) {
    digits.push(Number(power & _15n));
    power >>= _4n;
  }
  const table = new Array(16);
  table[0] = _1n2;
  table[1] = d;
  for (let i = 2; i < 16; i++)
    table[i] = table[i - 1] * d % modulo;
  let p = table[digits[digits.length - 1]];
  for (let w = digits.length - 2; w >= 0; w--) {
    p = p * p % modulo;
    p = p * p % modulo;
    p = p * p % modulo;
    p = p * p % modulo;
    const digit = digits[w];
    if (digit !== 0)
      p = p * table[digit] % modulo;
  }
  return p;
}
function pow2(x, power, modulo) {
  if (modulo <= _1n2)
    throw new Error("pow2: expected modulus > 1, got " + modulo);
  if (power < _0n2)
    throw new Error("pow2: expected non-negative exponent, got " + power);
  let res = x;
  while (power-- > _0n2) {
    res *= res;
    res %= modulo;
  }
  return res;
}
function invert(number2, modulo) {
  if (number2 === _0n2)
    throw new Error("invert: expected non-zero number");
  if (modulo <= _1n2)
    throw new Error("invert: expected modulus > 1, got " + modulo);
  let a = mod(number2, modulo);
  let b = modulo;
  let x = _0n2, u = _1n2;
  while (a !== _0n2) {
    const q = b / a;
    const r = b - a * q;
    const m = x - u * q;
    b = a, a = r, x = u, u = m;
  }
  const gcd = b;
  if (gcd !== _1n2)
    throw new Error("invert: does not exist");
  return mod(x, modulo);
}
function assertIsSquare(Fp2, root, n) {
  const F = Fp2;
  if (!F.eql(F.sqr(root), n))
    throw new Error("Cannot find square root");
}
function aoddModulus(order, fnName) {
  if ((order & _1n2) === _0n2)
    throw new Error(fnName + ": expected odd modulus, got " + order);
}
function sqrt3mod4(Fp2, n) {
  const F = Fp2;
  const p1div4 = (F.ORDER + _1n2) / _4n;
  const root = F.pow(n, p1div4);
  assertIsSquare(F, root, n);
  return root;
}
function sqrt5mod8(Fp2, n) {
  const F = Fp2;
  const p5div8 = (F.ORDER - _5n) / _8n;
  const n2 = F.mul(n, _2n);
  const v = F.pow(n2, p5div8);
  const nv = F.mul(n, v);
  const i = F.mul(F.mul(nv, _2n), v);
  const root = F.mul(nv, F.sub(i, F.ONE));
  assertIsSquare(F, root, n);
  return root;
}
function sqrt9mod16(P) {
  const Fp_ = Field(P);
  const tn = tonelliShanks(P);
  const c1 = tn(Fp_, Fp_.neg(Fp_.ONE));
  const c2 = tn(Fp_, c1);
  const c3 = tn(Fp_, Fp_.neg(c1));
  const c4 = (P + _7n) / _16n;
  return ((Fp2, n) => {
    const F = Fp2;
    let tv1 = F.pow(n, c4);
    let tv2 = F.mul(tv1, c1);
    const tv3 = F.mul(tv1, c2);
    const tv4 = F.mul(tv1, c3);
    const e1 = F.eql(F.sqr(tv2), n);
    const e2 = F.eql(F.sqr(tv3), n);
    tv1 = F.cmov(tv1, tv2, e1);
    tv2 = F.cmov(tv4, tv3, e2);
    const e3 = F.eql(F.sqr(tv2), n);
    const root = F.cmov(tv1, tv2, e3);
    assertIsSquare(F, root, n);
    return root;
  });
}
function tonelliShanks(P) {
  if (P < _3n)
    throw new Error("sqrt is not defined for small field");
  aoddModulus(P, "tonelliShanks");
  let Q = P - _1n2;
  let S = 0;
  while (Q % _2n === _0n2) {
    Q /= _2n;
    S++;
  }
  let Z = _2n;
  const _Fp = Field(P);
  while (FpLegendre(_Fp, Z) === 1) {
    if (Z++ > 1e3)
      throw new Error("Cannot find square root: probably non-prime P");
  }
  if (S === 1)
    return sqrt3mod4;
  let cc = _Fp.pow(Z, Q);
  const Q1div2 = (Q + _1n2) / _2n;
  return function tonelliSlow(Fp2, n) {
    const F = Fp2;
    if (F.is0(n))
      return n;
    if (FpLegendre(F, n) !== 1)
      throw new Error("Cannot find square root");
    let M = S;
    let c = F.mul(F.ONE, cc);
    let t = F.pow(n, Q);
    let R = F.pow(n, Q1div2);
    while (!F.eql(t, F.ONE)) {
      if (F.is0(t))
        throw new Error("Cannot find square root: probably non-prime P");
      let i = 1;
      let t_tmp = F.sqr(t);
      while (!F.eql(t_tmp, F.ONE)) {
        i++;
        t_tmp = F.sqr(t_tmp);
        if (i === M)
          throw new Error("Cannot find square root");
      }
      const exponent = _1n2 << BigInt(M - i - 1);
      const b = F.pow(c, exponent);
      M = i;
      c = F.sqr(b);
      t = F.mul(t, c);
      R = F.mul(R, b);
    }
    return R;
  };
}
function FpSqrt(P) {
  aoddModulus(P, "Fp.sqrt");
  if (P % _4n === _3n)
    return sqrt3mod4;
  if (P % _8n === _5n)
    return sqrt5mod8;
  if (P % _16n === _9n)
    return sqrt9mod16(P);
  return tonelliShanks(P);
}
var isNegativeLE = (num, modulo) => (mod(num, modulo) & _1n2) === _1n2;
var FIELD_FIELDS = [
  "create",
  "isValid",
  "is0",
  "neg",
  "inv",
  "sqrt",
  "sqr",
  "eql",
  "add",
  "sub",
  "mul",
  "pow",
  "div",
  "addN",
  "subN",
  "mulN",
  "sqrN"
];
function validateField(field) {
  aobject2(field, "field");
  if (typeof field.ORDER !== "bigint")
    throw new TypeError('param "ORDER" is invalid: expected bigint, got ' + typeof field.ORDER);
  asafenumber(field.BYTES, "BYTES");
  asafenumber(field.BITS, "BITS");
  for (const name of FIELD_FIELDS)
    afunction(field[name], "field." + name);
  if (field.BYTES < 1 || field.BITS < 1)
    throw new Error("invalid field: expected BYTES/BITS > 0");
  if (field.ORDER <= _1n2)
    throw new Error("invalid field: expected ORDER > 1, got " + field.ORDER);
  return field;
}
function FpInvertBatch(Fp2, nums, passZero = false) {
  validateField(Fp2);
  aarray(nums, "nums");
  abool(passZero, "passZero");
  const F = Fp2;
  const inverted = new Array(nums.length).fill(passZero ? F.ZERO : void 0);
  const multipliedAcc = nums.reduce((acc, num, i) => {
    if (F.is0(num))
      return acc;
    inverted[i] = acc;
    return F.mul(acc, num);
  }, F.ONE);
  const invertedAcc = F.inv(multipliedAcc);
  nums.reduceRight((acc, num, i) => {
    if (F.is0(num))
      return acc;
    inverted[i] = F.mul(acc, inverted[i]);
    return F.mul(acc, num);
  }, invertedAcc);
  return inverted;
}
function FpLegendre(Fp2, n) {
  validateField(Fp2);
  const F = Fp2;
  aoddModulus(F.ORDER, "FpLegendre");
  const p1mod2 = (F.ORDER - _1n2) / _2n;
  const powered = F.pow(n, p1mod2);
  const yes = F.eql(powered, F.ONE);
  const zero = F.eql(powered, F.ZERO);
  const no = F.eql(powered, F.neg(F.ONE));
  if (!yes && !zero && !no)
    throw new Error("invalid Legendre symbol result");
  return yes ? 1 : zero ? 0 : -1;
}
function nLength(n, nBitLength) {
  if (nBitLength !== void 0)
    anumber2(nBitLength);
  if (n <= _0n2)
    throw new Error("invalid n length: expected positive n, got " + n);
  if (nBitLength !== void 0 && nBitLength < 1)
    throw new Error("invalid n length: expected positive bit length, got " + nBitLength);
  const bits = bitLen(n);
  if (nBitLength !== void 0 && nBitLength < bits)
    throw new Error(`invalid n length: expected nBitLength (${nBitLength}) >= bitLen(n) (${bits})`);
  const _nBitLength = nBitLength !== void 0 ? nBitLength : bits;
  const nByteLength = Math.ceil(_nBitLength / 8);
  return { nBitLength: _nBitLength, nByteLength };
}
var FIELD_SQRT = /* @__PURE__ */ new WeakMap();
var _Field = class {
  ORDER;
  BITS;
  BYTES;
  isLE;
  ZERO = _0n2;
  ONE = _1n2;
  _lengths;
  _mod;
  constructor(ORDER2, opts = {}) {
    if (ORDER2 <= _1n2)
      throw new Error("invalid field: expected ORDER > 1, got " + ORDER2);
    let _nbitLength = void 0;
    this.isLE = false;
    if (opts != null && typeof opts === "object") {
      if (typeof opts.BITS === "number")
        _nbitLength = opts.BITS;
      if (typeof opts.sqrt === "function")
        Object.defineProperty(this, "sqrt", { value: opts.sqrt, enumerable: true });
      if (typeof opts.isLE === "boolean")
        this.isLE = opts.isLE;
      if (opts.allowedLengths)
        this._lengths = Object.freeze(opts.allowedLengths.slice());
      if (typeof opts.modFromBytes === "boolean")
        this._mod = opts.modFromBytes;
    }
    const { nBitLength, nByteLength } = nLength(ORDER2, _nbitLength);
    if (nByteLength > 2048)
      throw new Error("invalid field: expected ORDER of <= 2048 bytes");
    this.ORDER = ORDER2;
    this.BITS = nBitLength;
    this.BYTES = nByteLength;
    Object.freeze(this);
  }
  create(num) {
    return mod(num, this.ORDER);
  }
  isValid(num) {
    if (typeof num !== "bigint")
      throw new TypeError("invalid field element: expected bigint, got " + typeof num);
    return _0n2 <= num && num < this.ORDER;
  }
  is0(num) {
    return num === _0n2;
  }
  // is valid and invertible
  isValidNot0(num) {
    return !this.is0(num) && this.isValid(num);
  }
  isOdd(num) {
    return (num & _1n2) === _1n2;
  }
  neg(num) {
    return mod(-num, this.ORDER);
  }
  eql(lhs, rhs) {
    return lhs === rhs;
  }
  sqr(num) {
    return mod(num * num, this.ORDER);
  }
  add(lhs, rhs) {
    return mod(lhs + rhs, this.ORDER);
  }
  sub(lhs, rhs) {
    return mod(lhs - rhs, this.ORDER);
  }
  mul(lhs, rhs) {
    return mod(lhs * rhs, this.ORDER);
  }
  pow(num, power) {
    return pow(num, power, this.ORDER);
  }
  div(lhs, rhs) {
    return mod(lhs * invert(rhs, this.ORDER), this.ORDER);
  }
  // Same as above, but doesn't normalize
  sqrN(num) {
    return num * num;
  }
  addN(lhs, rhs) {
    return lhs + rhs;
  }
  subN(lhs, rhs) {
    return lhs - rhs;
  }
  mulN(lhs, rhs) {
    return lhs * rhs;
  }
  inv(num) {
    return invert(num, this.ORDER);
  }
  sqrt(num) {
    let sqrt = FIELD_SQRT.get(this);
    if (!sqrt)
      FIELD_SQRT.set(this, sqrt = FpSqrt(this.ORDER));
    return sqrt(this, num);
  }
  toBytes(num) {
    return this.isLE ? numberToBytesLE(num, this.BYTES) : numberToBytesBE(num, this.BYTES);
  }
  fromBytes(bytes2, skipValidation = false) {
    abytes2(bytes2);
    const { _lengths: allowedLengths, BYTES, isLE, ORDER: ORDER2, _mod: modFromBytes } = this;
    if (allowedLengths) {
      if (bytes2.length < 1 || !allowedLengths.includes(bytes2.length) || bytes2.length > BYTES) {
        throw new Error("Field.fromBytes: expected " + allowedLengths + " bytes, got " + bytes2.length);
      }
      const padded = new Uint8Array(BYTES);
      padded.set(bytes2, isLE ? 0 : padded.length - bytes2.length);
      bytes2 = padded;
    }
    if (bytes2.length !== BYTES)
      throw new Error("Field.fromBytes: expected " + BYTES + " bytes, got " + bytes2.length);
    let scalar = isLE ? bytesToNumberLE(bytes2) : bytesToNumberBE(bytes2);
    if (modFromBytes)
      scalar = mod(scalar, ORDER2);
    if (!skipValidation) {
      if (!this.isValid(scalar))
        throw new Error("invalid field element: outside of range 0..ORDER");
    }
    return scalar;
  }
  // TODO: we don't need it here, move out to separate fn
  invertBatch(lst) {
    return FpInvertBatch(this, lst, true);
  }
  // We can't move this out because Fp6, Fp12 implement it
  // and it's unclear what to return in there.
  cmov(a, b, condition) {
    abool(condition, "condition");
    return condition ? b : a;
  }
};
function Field(ORDER2, opts = {}) {
  Object.freeze(_Field.prototype);
  return new _Field(ORDER2, opts);
}

// node_modules/@noble/curves/abstract/curve.js
var _0n3 = /* @__PURE__ */ BigInt(0);
var _1n3 = /* @__PURE__ */ BigInt(1);
var _4n2 = /* @__PURE__ */ BigInt(4);
var BLIND_BYTES = 16;
var BLIND_BITS = 128;
var FW_WINDOW = 5;
var TABLE_BYTES_MAX = /* @__PURE__ */ (() => 2 ** 31)();
function validatePointCons(Point2) {
  const pc = Point2;
  if (typeof pc !== "function")
    throw new TypeError('"Point" expected constructor, got type=' + typeof Point2);
  afunction(pc.fromAffine, "Point.fromAffine");
  afunction(pc.fromBytes, "Point.fromBytes");
  afunction(pc.fromHex, "Point.fromHex");
  aobject2(pc.BASE, "Point.BASE");
  aobject2(pc.ZERO, "Point.ZERO");
  validateField(pc.Fp);
  validateField(pc.Fn);
}
function normalizeZ(c, points) {
  validatePointCons(c);
  validateMSMPoints(points, c);
  const invertedZs = FpInvertBatch(c.Fp, points.map((p) => p.Z));
  return points.map((p, i) => c.fromAffine(p.toAffine(invertedZs[i])));
}
function validateW(W, bits, min = 1) {
  if (!Number.isSafeInteger(W) || W < min || W > bits)
    throw new Error("invalid window size, expected [" + min + ".." + bits + "], got W=" + W);
}
function validateTableBytes(numPoints, fpBytes) {
  const bytes2 = numPoints * (4 * fpBytes + 128);
  if (bytes2 > TABLE_BYTES_MAX)
    throw new Error("invalid window size: table would need ~" + Math.ceil(bytes2 / 2 ** 20) + " MiB, max " + TABLE_BYTES_MAX / 2 ** 20 + " MiB");
}
function probeRandomBytes(randomBytes3, length) {
  if (randomBytes3 === void 0)
    return void 0;
  afunction(randomBytes3, "randomBytes");
  try {
    const probe = randomBytes3(length);
    if (!isBytes2(probe) || probe.length !== length)
      return void 0;
  } catch {
    return void 0;
  }
  return randomBytes3;
}
function validateMSMPoints(points, c) {
  aarray(points, "points");
  points.forEach((p, i) => {
    if (!(p instanceof c))
      throw new Error("invalid point at index " + i);
  });
}
function validateMSMScalars(scalars, field, maxScalar) {
  if (!Array.isArray(scalars))
    throw new Error("array of scalars expected");
  scalars.forEach((s, i) => {
    const ok = maxScalar === void 0 ? field.isValid(s) : isPosBig(s) && s < maxScalar;
    if (!ok)
      throw new Error("invalid scalar at index " + i);
  });
}
var pointWindowSizes = /* @__PURE__ */ new WeakMap();
function getWindowSize(P) {
  return pointWindowSizes.get(P) || 1;
}
function oddMultiples(p, size) {
  const dbl = p.double();
  const t = [p];
  for (let j = 1; j < size; j++)
    t.push(t[j - 1].add(dbl));
  return t;
}
function wnafDigits(n, W) {
  const size = 2 ** W;
  const half = size / 2;
  const mask = BigInt(size - 1);
  const d = [];
  while (n > _0n3) {
    let w = 0;
    if (n & _1n3) {
      w = Number(n & mask);
      if (w >= half)
        w -= size;
      n -= BigInt(w);
    }
    d.push(w);
    n >>= _1n3;
  }
  return d;
}
function signedWindowDigits(n, W, windows) {
  const size = 2 ** W;
  const half = size / 2;
  const mask = BigInt(size - 1);
  const shiftBy = BigInt(W);
  const d = [];
  for (let w = 0; w < windows; w++) {
    let v = Number(n & mask);
    n >>= shiftBy;
    if (v > half) {
      v -= size;
      n += _1n3;
    }
    d.push(v);
  }
  if (n !== _0n3)
    throw new Error("invalid wnaf");
  return d;
}
function wnafWalk(zero, tables, digits) {
  let max = 0;
  for (const d of digits)
    max = Math.max(max, d.length);
  let acc = zero;
  for (let bit = max - 1; bit >= 0; bit--) {
    if (bit !== max - 1)
      acc = acc.double();
    for (let i = 0; i < digits.length; i++) {
      const w = digits[i][bit];
      if (w) {
        const item = tables[i][Math.abs(w) - 1 >> 1];
        acc = acc.add(w < 0 ? item.negate() : item);
      }
    }
  }
  return acc;
}
var ScalarMultiplier = class {
  Point;
  BASE;
  ZERO;
  randomBytes;
  wnafPrecomputes = /* @__PURE__ */ new WeakMap();
  baseCanBeBlinded;
  bits;
  // Parametrized with a given Point class (not individual point)
  constructor(Point2, randomBytes3) {
    validatePointCons(Point2);
    this.randomBytes = probeRandomBytes(randomBytes3, BLIND_BYTES);
    this.Point = Point2;
    this.BASE = Point2.BASE;
    this.ZERO = Point2.ZERO;
    this.bits = Point2.Fn.BITS;
  }
  /**
   * Creates a signed fixed-window wNAF precomputation table: for every window w, the
   * multiples `[1..2^(W−1)]⋅2^(w⋅W)⋅P`, flattened. All doublings are baked into the table,
   * so cached multiplication is additions-only. `windows = ceil(bits/W) + 1`: the extra
   * window absorbs the final carry of signed-digit recoding.
   * For a 256-bit curve and W=6, the table is 44⋅32 = 1408 points.
   * @param point - Point instance
   * @param W - window size
   * @param bits - scalar bitlength the table must cover
   */
  buildWnafTable(point, W, bits) {
    const windows = Math.ceil(bits / W) + 1;
    const half = 2 ** (W - 1);
    const comp = [];
    let base = point;
    for (let w = 0; w < windows; w++) {
      let acc = base;
      for (let i = 0; i < half; i++) {
        comp.push(acc);
        acc = acc.add(base);
      }
      base = comp[comp.length - 1].double();
    }
    return { W, bits, windows, comp };
  }
  /**
   * Implements ec multiplication using precomputed signed fixed-window wNAF tables.
   * Constant-time: fixed window count with one table addition per window — zero digits feed
   * the fake accumulator — and no doublings; the lookup scans the whole window slice.
   * Scalar bounds are validated by the public entry points ({@link ScalarMultiplier.mulCT},
   * {@link ScalarMultiplier.mulCTBlinded}, {@link ScalarMultiplier.mulUnsafe});
   * signedWindowDigits throws if `n` exceeds the table.
   * @returns real and fake (for const-time) points
   */
  wnafCachedCT(precomputes, n) {
    const { W, windows, comp } = precomputes;
    const half = 2 ** (W - 1);
    const digits = signedWindowDigits(n, W, windows);
    let p = this.ZERO;
    let f = this.BASE;
    for (let w = 0; w < windows; w++) {
      const digit = digits[w];
      const start = w * half;
      const idx = Math.abs(digit) - 1;
      let sel = comp[start];
      for (let i = 1; i < half; i++)
        sel = i === idx ? comp[start + i] : sel;
      const neg = sel.negate();
      if (digit === 0)
        f = f.add(comp[start]);
      else
        p = p.add(digit < 0 ? neg : sel);
    }
    return { p, f };
  }
  // Cache key is point identity plus (W, bits); at most two entries exist per point (public-width
  // `Fn.BITS` and blinded `Fn.BITS + BLIND_BITS`). Callers must not reuse the same point with
  // incompatible `transform(...)` layouts and expect a separate cache entry.
  getWnafPrecomputes(W, point, bits, transform) {
    let entries = this.wnafPrecomputes.get(point);
    let comp = entries?.find((entry) => entry.W === W && entry.bits === bits);
    if (!comp) {
      comp = this.buildWnafTable(point, W, bits);
      if (typeof transform === "function")
        comp = { ...comp, comp: transform(comp.comp) };
      if (!entries) {
        entries = [];
        this.wnafPrecomputes.set(point, entries);
      }
      entries.push(comp);
    }
    return comp;
  }
  assertPoint(point) {
    if (!(point instanceof this.Point))
      throw new TypeError('"point" expected Point instance, got type=' + typeof point);
  }
  // Shared prologue of the constant-time entry points. Rejects scalar 0: in key/signature-style
  // callers a zero scalar means broken upstream plumbing, and concrete Points already reject it.
  // Uses inRange instead of Fn.isValidNot0: validateField() only certifies the arithmetic subset.
  validateMulInput(point, scalar) {
    this.assertPoint(point);
    if (!inRange(scalar, _1n3, this.Point.Fn.ORDER))
      throw new Error("invalid scalar");
  }
  // Constant-time dispatch shared by mulCT / mulCTBlinded. Un-precomputed points (W===1, e.g.
  // ECDH peer keys) skip building a throwaway cached table in favor of a small fixed-window
  // multiply. `n` must be < 2^bits.
  runCT(point, n, bits, transform) {
    const W = getWindowSize(point);
    if (W === 1)
      return this.fixedWindowCT(point, n, bits);
    return this.wnafCachedCT(this.getWnafPrecomputes(W, point, bits, transform), n);
  }
  mulCT(point, scalar, transform) {
    this.validateMulInput(point, scalar);
    return this.runCT(point, scalar, this.bits, transform);
  }
  mulCTBlinded(point, scalar, transform) {
    this.validateMulInput(point, scalar);
    if (this.randomBytes === void 0)
      throw new Error("randomBytes is required for scalar blinding");
    const bits = this.Point.Fn.BITS + BLIND_BITS;
    const blind = this.randomBytes(BLIND_BYTES);
    if (!isBytes2(blind) || blind.length !== BLIND_BYTES)
      throw new Error("randomBytes returned invalid byte array");
    blind[0] = blind[0] & 63 | 128;
    const n = scalar + bytesToNumberBE(blind) * this.Point.Fn.ORDER;
    return this.runCT(point, n, bits, transform);
  }
  /**
   * Constant-time multiplication `n*point` for an un-precomputed point, via a small fixed window.
   * A cached wNAF table only pays off when reused; a flat 2^FW_WINDOW table (`size-1` adds) is
   * far cheaper to build for a single use. The point-operation sequence is independent of `n`:
   * build the table, then per window exactly FW_WINDOW doublings, a data-oblivious scan over
   * every table entry, and one addition (adds the identity when the window digit is 0 — never
   * skipped).
   *
   * `n` must be `< 2^bits`. Assumes complete addition (adding the identity costs the same as any
   * add), which holds for the Weierstrass/Edwards point types used here. The table is left in
   * projective form (no normalizeZ): normalizing this small a table costs more than the
   * mixed-add savings it would buy for a single multiply.
   * @returns real point `p`; `f` duplicates it only to match {@link wnafCachedCT}'s return shape
   * (this path needs no fake accumulator — its op-count is already scalar-independent).
   */
  fixedWindowCT(point, n, bits) {
    const W = FW_WINDOW;
    const size = 1 << W;
    const mask = bitMask(W);
    const table = new Array(size);
    table[0] = this.ZERO;
    for (let i = 1; i < size; i++)
      table[i] = table[i - 1].add(point);
    const windows = Math.ceil(bits / W);
    let acc = this.ZERO;
    for (let window = windows - 1; window >= 0; window--) {
      if (window !== windows - 1)
        for (let d = 0; d < W; d++)
          acc = acc.double();
      const digit = Number(n >> BigInt(window * W) & mask);
      let sel = table[0];
      for (let i = 1; i < size; i++)
        sel = i === digit ? table[i] : sel;
      acc = acc.add(sel);
    }
    return { p: acc, f: acc };
  }
  shouldBlind(point, cofactor) {
    if (this.randomBytes === void 0)
      return false;
    if (cofactor === _1n3)
      return true;
    if (point !== this.BASE)
      return false;
    if (this.baseCanBeBlinded === void 0)
      this.baseCanBeBlinded = this.mulUnsafe(this.BASE, this.Point.Fn.ORDER).is0();
    return this.baseCanBeBlinded;
  }
  mulSecret(point, scalar, cofactor, transform) {
    return this.shouldBlind(point, cofactor) ? this.mulCTBlinded(point, scalar, transform) : this.mulCT(point, scalar, transform);
  }
  mulUnsafe(point, scalar, transform) {
    this.assertPoint(point);
    if (!isPosBig(scalar))
      throw new Error("invalid scalar");
    const W = getWindowSize(point);
    if (W === 1 || scalar >= this.Point.Fn.ORDER)
      return mulAddUnsafe(this.Point, [point], [scalar], true);
    const precomputes = this.getWnafPrecomputes(W, point, this.bits, transform);
    return this.wnafCachedCT(precomputes, scalar).p;
  }
  // Remembers the window size used for precomputed wNAF multiplication of the given point
  // and drops any previously built tables. Usually only the base point is precomputed.
  // W=1 resets the point to the un-precomputed (table-less) paths.
  // W is additionally capped so tables stay under ~2 GiB ({@link TABLE_BYTES_MAX}).
  setWindowSize(point, W) {
    this.assertPoint(point);
    validateW(W, this.bits);
    const windows = Math.ceil((this.bits + BLIND_BITS) / W) + 1;
    validateTableBytes(windows * 2 ** (W - 1), this.Point.Fp.BYTES);
    pointWindowSizes.set(point, W);
    this.wnafPrecomputes.delete(point);
  }
  // True when a window size is set: tables themselves are built lazily on first multiply.
  hasWindowSize(point) {
    return getWindowSize(point) !== 1;
  }
};
function mulAddUnsafe(c, points, scalars, allowOversized = false) {
  validatePointCons(c);
  validateMSMPoints(points, c);
  abool(allowOversized, "allowOversized");
  validateMSMScalars(scalars, c.Fn, allowOversized ? c.Fn.ORDER ** _4n2 : void 0);
  if (points.length !== scalars.length)
    throw new Error("arrays of points and scalars must have equal length");
  const tables = points.map((p) => oddMultiples(p, 4));
  const digits = scalars.map((n) => wnafDigits(n, 4));
  return wnafWalk(c.ZERO, tables, digits);
}
function createField(order, field, isLE) {
  if (field) {
    if (field.ORDER !== order)
      throw new Error("Field.ORDER must match order: Fp == p, Fn == n");
    validateField(field);
    return field;
  } else {
    return Field(order, { isLE });
  }
}
function createCurveFields(type, CURVE, curveOpts = {}, FpFnLE) {
  if (type !== "weierstrass" && type !== "edwards")
    throw new Error('expected curve type "weierstrass" or "edwards"');
  if (FpFnLE === void 0)
    FpFnLE = type === "edwards";
  if (!CURVE || typeof CURVE !== "object")
    throw new Error(`expected valid ${type} CURVE object`);
  validateObject(curveOpts);
  for (const p of ["p", "n", "h"]) {
    const val = CURVE[p];
    if (!(isPosBig(val) && val !== _0n3))
      throw new Error(`CURVE.${p} must be positive bigint`);
  }
  const Fp2 = createField(CURVE.p, curveOpts.Fp, FpFnLE);
  const Fn = createField(CURVE.n, curveOpts.Fn, FpFnLE);
  const _b = type === "weierstrass" ? "b" : "d";
  const params = ["Gx", "Gy", "a", _b];
  for (const p of params) {
    if (!Fp2.isValid(CURVE[p]))
      throw new Error(`CURVE.${p} must be valid field element of CURVE.Fp`);
  }
  CURVE = Object.freeze(Object.assign({}, CURVE));
  return { CURVE, Fp: Fp2, Fn };
}
function createKeygen(randomSecretKey, getPublicKey2) {
  return function keygen(seed) {
    const secretKey = randomSecretKey(seed);
    return { secretKey, publicKey: getPublicKey2(secretKey) };
  };
}

// node_modules/@noble/curves/abstract/edwards.js
var _0n4 = /* @__PURE__ */ BigInt(0);
var _1n4 = /* @__PURE__ */ BigInt(1);
var _2n2 = /* @__PURE__ */ BigInt(2);
var _4n3 = /* @__PURE__ */ BigInt(4);
var _8n2 = /* @__PURE__ */ BigInt(8);
function isEdValidXY(Fp2, CURVE, x, y) {
  const x2 = Fp2.sqr(x);
  const y2 = Fp2.sqr(y);
  const left = Fp2.add(Fp2.mul(CURVE.a, x2), y2);
  const right = Fp2.add(Fp2.ONE, Fp2.mul(CURVE.d, Fp2.mul(x2, y2)));
  return Fp2.eql(left, right);
}
function edwards(params, extraOpts = {}) {
  validateObject(extraOpts, {}, {}, "extraOpts");
  const opts = extraOpts;
  const validated = createCurveFields("edwards", params, opts, opts.FpFnLE);
  const { Fp: Fp2, Fn } = validated;
  let CURVE = validated.CURVE;
  const { h: cofactor } = CURVE;
  if (FpLegendre(Fp2, CURVE.a) !== 1)
    throw new Error("edwards: CURVE.a must be a square in Fp for complete addition formulas");
  if (FpLegendre(Fp2, CURVE.d) !== -1)
    throw new Error("edwards: CURVE.d must be a non-square in Fp for complete addition formulas");
  validateObject(opts, {}, { uvRatio: "function", randomBytes: "function" });
  const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
  const MASK = _2n2 << BigInt(Fp2.BYTES * 8) - _1n4;
  function isOdd(n) {
    if (!Fp2.isOdd)
      throw new Error("Field does not have .isOdd()");
    return Fp2.isOdd(n);
  }
  const uvRatio2 = opts.uvRatio === void 0 ? (u, v) => {
    try {
      return { isValid: true, value: Fp2.sqrt(Fp2.div(u, v)) };
    } catch (e) {
      return { isValid: false, value: _0n4 };
    }
  } : opts.uvRatio;
  if (!isEdValidXY(Fp2, CURVE, CURVE.Gx, CURVE.Gy))
    throw new Error("bad curve params: generator point");
  const mulA = Fp2.eql(CURVE.a, Fp2.neg(Fp2.ONE)) ? (x) => Fp2.neg(x) : Fp2.eql(CURVE.a, Fp2.ONE) ? (x) => x : (x) => Fp2.mul(CURVE.a, x);
  function acoord(title, n, banZero = false) {
    const min = banZero ? _1n4 : _0n4;
    aInRange("coordinate " + title, n, min, MASK);
    return n;
  }
  function aedpoint(other) {
    if (!(other instanceof Point2))
      throw new Error("EdwardsPoint expected");
  }
  class Point2 {
    static BASE = new Point2(CURVE.Gx, CURVE.Gy, Fp2.ONE, Fp2.mul(CURVE.Gx, CURVE.Gy));
    static ZERO = new Point2(Fp2.ZERO, Fp2.ONE, Fp2.ONE, Fp2.ZERO);
    static Fp = Fp2;
    static Fn = Fn;
    X;
    Y;
    Z;
    T;
    constructor(X, Y, Z, T) {
      this.X = acoord("x", X);
      this.Y = acoord("y", Y);
      this.Z = acoord("z", Z, true);
      this.T = acoord("t", T);
      Object.freeze(this);
    }
    static CURVE() {
      return CURVE;
    }
    /**
     * Create one extended Edwards point from affine coordinates.
     * Does NOT validate that the point is on-curve or torsion-free.
     * Use `.assertValidity()` on adversarial inputs.
     */
    static fromAffine(p) {
      if (p instanceof Point2)
        throw new Error("extended point not allowed");
      const { x, y } = p || {};
      acoord("x", x);
      acoord("y", y);
      return new Point2(x, y, Fp2.ONE, Fp2.mul(x, y));
    }
    // Uses algo from RFC8032 5.1.3.
    static fromBytes(bytes2, zip215 = false) {
      const len = Fp2.BYTES;
      const { a, d } = CURVE;
      bytes2 = copyBytes(abytes2(bytes2, len, "point"));
      abool(zip215, "zip215");
      const normed = copyBytes(bytes2);
      const lastByte = bytes2[len - 1];
      normed[len - 1] = lastByte & ~128;
      const y = bytesToNumberLE(normed);
      const max = zip215 ? MASK : Fp2.ORDER;
      aInRange("point.y", y, _0n4, max);
      const y2 = Fp2.sqr(y);
      const u = Fp2.sub(y2, Fp2.ONE);
      const v = Fp2.sub(Fp2.mulN(d, y2), a);
      let { isValid, value: x } = uvRatio2(u, v);
      if (!isValid)
        throw new Error("bad point: invalid y coordinate");
      const isXOdd = isOdd(x);
      const isLastByteOdd = (lastByte & 128) !== 0;
      if (!zip215 && Fp2.is0(x) && isLastByteOdd)
        throw new Error("bad point: x=0 and x_0=1");
      if (isLastByteOdd !== isXOdd)
        x = Fp2.neg(x);
      return Point2.fromAffine({ x, y });
    }
    static fromHex(hex2, zip215 = false) {
      return Point2.fromBytes(hexToBytes2(hex2), zip215);
    }
    get x() {
      return this.toAffine().x;
    }
    get y() {
      return this.toAffine().y;
    }
    precompute(windowSize = 6, isLazy = true) {
      wnaf.setWindowSize(this, windowSize);
      if (!isLazy)
        this.multiply(_2n2);
      return this;
    }
    // Useful in fromAffine() - not for fromBytes(), which always created valid points.
    assertValidity() {
      const p = this;
      const { a, d } = CURVE;
      if (p.is0())
        throw new Error("bad point: ZERO");
      const { X, Y, Z, T } = p;
      const X2 = Fp2.sqr(X);
      const Y2 = Fp2.sqr(Y);
      const Z2 = Fp2.sqr(Z);
      const Z4 = Fp2.sqr(Z2);
      const aX2 = Fp2.mul(X2, a);
      const left = Fp2.mul(Fp2.add(aX2, Y2), Z2);
      const right = Fp2.add(Z4, Fp2.mul(d, Fp2.mul(X2, Y2)));
      if (!Fp2.eql(left, right))
        throw new Error("bad point: equation left != right (1)");
      const XY = Fp2.mul(X, Y);
      const ZT = Fp2.mul(Z, T);
      if (!Fp2.eql(XY, ZT))
        throw new Error("bad point: equation left != right (2)");
    }
    // Compare one point to another.
    equals(other) {
      aedpoint(other);
      const { X: X1, Y: Y1, Z: Z1 } = this;
      const { X: X2, Y: Y2, Z: Z2 } = other;
      const X1Z2 = Fp2.mul(X1, Z2);
      const X2Z1 = Fp2.mul(X2, Z1);
      const Y1Z2 = Fp2.mul(Y1, Z2);
      const Y2Z1 = Fp2.mul(Y2, Z1);
      return Fp2.eql(X1Z2, X2Z1) && Fp2.eql(Y1Z2, Y2Z1);
    }
    is0() {
      return this.equals(Point2.ZERO);
    }
    negate() {
      return new Point2(Fp2.neg(this.X), this.Y, this.Z, Fp2.neg(this.T));
    }
    // Fast algo for doubling Extended Point.
    // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#doubling-dbl-2008-hwcd
    // Cost: 4M + 4S + 1*a + 6add + 1*2.
    double() {
      const { X: X1, Y: Y1, Z: Z1 } = this;
      const A = Fp2.sqr(X1);
      const B = Fp2.sqr(Y1);
      const C = Fp2.mul(Fp2.sqr(Z1), _2n2);
      const D = mulA(A);
      const x1y1 = Fp2.addN(X1, Y1);
      const E = Fp2.sub(Fp2.subN(Fp2.sqr(x1y1), A), B);
      const G = Fp2.addN(D, B);
      const F = Fp2.subN(G, C);
      const H = Fp2.subN(D, B);
      const X3 = Fp2.mul(E, F);
      const Y3 = Fp2.mul(G, H);
      const T3 = Fp2.mul(E, H);
      const Z3 = Fp2.mul(F, G);
      return new Point2(X3, Y3, Z3, T3);
    }
    // Fast algo for adding 2 Extended Points.
    // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#addition-add-2008-hwcd
    // Cost: 9M + 1*a + 1*d + 7add.
    add(other) {
      aedpoint(other);
      const { d } = CURVE;
      const { X: X1, Y: Y1, Z: Z1, T: T1 } = this;
      const { X: X2, Y: Y2, Z: Z2, T: T2 } = other;
      const A = Fp2.mul(X1, X2);
      const B = Fp2.mul(Y1, Y2);
      const C = Fp2.mul(Fp2.mulN(T1, d), T2);
      const D = Fp2.mul(Z1, Z2);
      const E = Fp2.sub(Fp2.subN(Fp2.mulN(Fp2.addN(X1, Y1), Fp2.addN(X2, Y2)), A), B);
      const F = Fp2.subN(D, C);
      const G = Fp2.addN(D, C);
      const H = Fp2.sub(B, mulA(A));
      const X3 = Fp2.mul(E, F);
      const Y3 = Fp2.mul(G, H);
      const T3 = Fp2.mul(E, H);
      const Z3 = Fp2.mul(F, G);
      return new Point2(X3, Y3, Z3, T3);
    }
    subtract(other) {
      aedpoint(other);
      return this.add(other.negate());
    }
    // Constant-time multiplication.
    multiply(scalar) {
      if (!Fn.isValidNot0(scalar))
        throw new RangeError("invalid scalar: expected 1 <= sc < curve.n");
      const { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
      return normalize([p, f])[0];
    }
    // Non-constant-time multiplication. Uses double-and-add algorithm.
    // It's faster, but should only be used when you don't care about
    // an exposed private key e.g. sig verification.
    // Keeps the same subgroup-scalar contract: 0 is allowed for public-scalar callers, but
    // n and larger values are rejected instead of being reduced mod n to the identity point.
    multiplyUnsafe(scalar) {
      if (!Fn.isValid(scalar))
        throw new RangeError("invalid scalar: expected 0 <= sc < curve.n");
      if (scalar === _0n4)
        return Point2.ZERO;
      if (this.is0() || scalar === _1n4)
        return this;
      return wnaf.mulUnsafe(this, scalar, normalize);
    }
    // Checks if point is of small order.
    // If you add something to small order point, you will have "dirty"
    // point with torsion component.
    // Clears cofactor and checks if the result is 0.
    isSmallOrder() {
      return this.clearCofactor().is0();
    }
    // Multiplies point by curve order and checks if the result is 0.
    // Returns `false` is the point is dirty.
    isTorsionFree() {
      return wnaf.mulUnsafe(this, CURVE.n).is0();
    }
    // Converts Extended point to default (x, y) coordinates.
    // Can accept precomputed Z^-1 - for example, from invertBatch.
    toAffine(invertedZ) {
      const p = this;
      let iz = invertedZ;
      if (iz != null && typeof iz !== "bigint")
        throw new TypeError('"invertedZ" expected bigint, got type=' + typeof iz);
      const { X, Y, Z } = p;
      const is0 = p.is0();
      if (iz == null)
        iz = is0 ? Fp2.create(_8n2) : Fp2.inv(Z);
      const x = Fp2.mul(X, iz);
      const y = Fp2.mul(Y, iz);
      const zz = Fp2.mul(Z, iz);
      if (is0)
        return { x: Fp2.ZERO, y: Fp2.ONE };
      if (!Fp2.eql(zz, Fp2.ONE))
        throw new Error("invZ was invalid");
      return { x, y };
    }
    clearCofactor() {
      if (cofactor === _1n4)
        return this;
      if (cofactor === _2n2)
        return this.double();
      if (cofactor === _4n3)
        return this.double().double();
      if (cofactor === _8n2)
        return this.double().double().double();
      return this.multiplyUnsafe(cofactor);
    }
    toBytes() {
      const { x, y } = this.toAffine();
      const bytes2 = Fp2.toBytes(y);
      bytes2[bytes2.length - 1] |= isOdd(x) ? 128 : 0;
      return bytes2;
    }
    toHex() {
      return bytesToHex2(this.toBytes());
    }
    toString() {
      return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
    }
  }
  const normalize = (points) => normalizeZ(Point2, points);
  const wnaf = new ScalarMultiplier(Point2, randomBytes3);
  if (wnaf.bits >= 6)
    Point2.BASE.precompute(6);
  Object.freeze(Point2.prototype);
  Object.freeze(Point2);
  return Point2;
}
function eddsa(Point2, cHash, eddsaOpts = {}) {
  validatePointCons(Point2);
  if (typeof cHash !== "function")
    throw new Error('"hash" function param is required');
  const hash2 = cHash;
  const opts = eddsaOpts;
  validateObject(opts, {}, {
    adjustScalarBytes: "function",
    randomBytes: "function",
    domain: "function",
    prehash: "function",
    zip215: "boolean",
    mapToCurve: "function",
    toMontgomery: "function",
    toMontgomerySecret: "function"
  });
  const { prehash } = opts;
  const { BASE, Fp: Fp2, Fn } = Point2;
  const outputLen = hash2.outputLen;
  const expectedLen = 2 * Fp2.BYTES;
  if (outputLen !== void 0) {
    asafenumber(outputLen, "hash.outputLen");
    if (outputLen !== expectedLen)
      throw new Error(`hash.outputLen must be ${expectedLen}, got ${outputLen}`);
  }
  const randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes;
  const toMontgomery2 = opts.toMontgomery;
  const toMontgomerySecret2 = opts.toMontgomerySecret;
  const adjustScalarBytes2 = opts.adjustScalarBytes === void 0 ? (bytes2) => bytes2 : opts.adjustScalarBytes;
  const domain = opts.domain === void 0 ? (data, ctx, phflag) => {
    abool(phflag, "phflag");
    if (ctx.length || phflag)
      throw new Error("Contexts/pre-hash are not supported");
    return data;
  } : opts.domain;
  function modN_LE(hash3) {
    return Fn.create(bytesToNumberLE(hash3));
  }
  function getPrivateScalar(key) {
    const len = lengths.secretKey;
    abytes2(key, lengths.secretKey, "secretKey");
    const hashed = abytes2(hash2(key), 2 * len, "hashedSecretKey");
    const head = adjustScalarBytes2(hashed.slice(0, len));
    const prefix2 = hashed.slice(len, 2 * len);
    const scalar = modN_LE(head);
    return { head, prefix: prefix2, scalar };
  }
  function getExtendedPublicKey(secretKey) {
    const { head, prefix: prefix2, scalar } = getPrivateScalar(secretKey);
    const point = BASE.multiply(scalar);
    const pointBytes = point.toBytes();
    return { head, prefix: prefix2, scalar, point, pointBytes };
  }
  function getPublicKey2(secretKey) {
    return getExtendedPublicKey(secretKey).pointBytes;
  }
  function hashDomainToScalar(context = Uint8Array.of(), ...msgs) {
    const msg = concatBytes2(...msgs);
    return modN_LE(hash2(domain(msg, abytes2(context, void 0, "context"), !!prehash)));
  }
  function sign(msg, secretKey, options = {}) {
    validateObject(options, {}, {}, "options");
    msg = copyBytes(abytes2(msg, void 0, "message"));
    if (prehash)
      msg = prehash(msg);
    const { prefix: prefix2, scalar, pointBytes } = getExtendedPublicKey(secretKey);
    const r = hashDomainToScalar(options.context, prefix2, msg);
    const R = BASE.multiply(r).toBytes();
    const k = hashDomainToScalar(options.context, R, pointBytes, msg);
    const s = Fn.create(r + k * scalar);
    if (!Fn.isValid(s))
      throw new Error("sign failed: invalid s");
    const rs = concatBytes2(R, Fn.toBytes(s));
    return abytes2(rs, lengths.signature, "result");
  }
  const verifyOpts = {
    zip215: opts.zip215
  };
  function verify(sig, msg, publicKey2, options = verifyOpts) {
    validateObject(options);
    const { context } = options;
    const zip215 = options.zip215 === void 0 ? !!verifyOpts.zip215 : options.zip215;
    const len = lengths.signature;
    sig = abytes2(sig, len, "signature");
    msg = abytes2(msg, void 0, "message");
    publicKey2 = abytes2(publicKey2, lengths.publicKey, "publicKey");
    if (zip215 !== void 0)
      abool(zip215, "zip215");
    if (prehash)
      msg = prehash(msg);
    const mid = len / 2;
    const r = sig.subarray(0, mid);
    const s = bytesToNumberLE(sig.subarray(mid, len));
    let A, R, SB;
    try {
      A = Point2.fromBytes(publicKey2, zip215);
      R = Point2.fromBytes(r, zip215);
      SB = BASE.multiplyUnsafe(s);
    } catch (error) {
      return false;
    }
    if (!zip215 && A.isSmallOrder())
      return false;
    const k = hashDomainToScalar(context, r, publicKey2, msg);
    const RkA = R.add(A.multiplyUnsafe(k));
    return RkA.subtract(SB).clearCofactor().is0();
  }
  const _size = Fp2.BYTES;
  const lengths = {
    secretKey: _size,
    publicKey: _size,
    signature: 2 * _size,
    seed: _size
  };
  function randomSecretKey(seed) {
    seed = seed === void 0 ? randomBytes3(lengths.seed) : seed;
    return abytes2(seed, lengths.seed, "seed");
  }
  function isValidSecretKey(key) {
    return isBytes2(key) && key.length === lengths.secretKey;
  }
  function isValidPublicKey(key, zip215) {
    try {
      return !!Point2.fromBytes(key, zip215 === void 0 ? verifyOpts.zip215 : zip215);
    } catch (error) {
      return false;
    }
  }
  const utils = {
    getExtendedPublicKey,
    randomSecretKey,
    isValidSecretKey,
    isValidPublicKey,
    /** Converts an Edwards public key to a companion Montgomery public key. */
    toMontgomery(publicKey2) {
      if (toMontgomery2 === void 0)
        throw new Error("Montgomery conversion is not supported for this curve");
      return toMontgomery2(Point2.fromBytes(publicKey2));
    },
    toMontgomerySecret(secretKey) {
      if (toMontgomerySecret2 === void 0)
        throw new Error("Montgomery conversion is not supported for this curve");
      return toMontgomerySecret2(secretKey);
    }
  };
  Object.freeze(lengths);
  Object.freeze(utils);
  return Object.freeze({
    keygen: createKeygen(randomSecretKey, getPublicKey2),
    getPublicKey: getPublicKey2,
    sign,
    verify,
    utils,
    Point: Point2,
    lengths
  });
}

// node_modules/@noble/curves/ed25519.js
var _1n5 = /* @__PURE__ */ BigInt(1);
var _2n3 = /* @__PURE__ */ BigInt(2);
var _5n2 = /* @__PURE__ */ BigInt(5);
var _8n3 = /* @__PURE__ */ BigInt(8);
var ed25519_CURVE_p = /* @__PURE__ */ BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed");
var ed25519_CURVE = /* @__PURE__ */ (() => ({
  p: ed25519_CURVE_p,
  n: BigInt("0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"),
  h: _8n3,
  a: BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
  d: BigInt("0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
  Gx: BigInt("0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a"),
  Gy: BigInt("0x6666666666666666666666666666666666666666666666666666666666666658")
}))();
function ed25519_pow_2_252_3(x) {
  const _10n = BigInt(10), _20n = BigInt(20), _40n = BigInt(40), _80n = BigInt(80);
  const P = ed25519_CURVE_p;
  const x2 = x * x % P;
  const b2 = x2 * x % P;
  const b4 = pow2(b2, _2n3, P) * b2 % P;
  const b5 = pow2(b4, _1n5, P) * x % P;
  const b10 = pow2(b5, _5n2, P) * b5 % P;
  const b20 = pow2(b10, _10n, P) * b10 % P;
  const b40 = pow2(b20, _20n, P) * b20 % P;
  const b80 = pow2(b40, _40n, P) * b40 % P;
  const b160 = pow2(b80, _80n, P) * b80 % P;
  const b240 = pow2(b160, _80n, P) * b80 % P;
  const b250 = pow2(b240, _10n, P) * b10 % P;
  const pow_p_5_8 = pow2(b250, _2n3, P) * x % P;
  return { pow_p_5_8, b2 };
}
function adjustScalarBytes(bytes2) {
  bytes2[0] &= 248;
  bytes2[31] &= 127;
  bytes2[31] |= 64;
  return bytes2;
}
var ED25519_SQRT_M1 = /* @__PURE__ */ BigInt("19681161376707505956807079304988542015446066515923890162744021073123829784752");
function uvRatio(u, v) {
  const P = ed25519_CURVE_p;
  const v3 = mod(v * v * v, P);
  const v7 = mod(v3 * v3 * v, P);
  const pow3 = ed25519_pow_2_252_3(u * v7).pow_p_5_8;
  let x = mod(u * v3 * pow3, P);
  const vx2 = mod(v * x * x, P);
  const root1 = x;
  const root2 = mod(x * ED25519_SQRT_M1, P);
  const useRoot1 = vx2 === u;
  const useRoot2 = vx2 === mod(-u, P);
  const noRoot = vx2 === mod(-u * ED25519_SQRT_M1, P);
  if (useRoot1)
    x = root1;
  if (useRoot2 || noRoot)
    x = root2;
  if (isNegativeLE(x, P))
    x = mod(-x, P);
  return { isValid: useRoot1 || useRoot2, value: x };
}
var ed25519_Point = /* @__PURE__ */ edwards(ed25519_CURVE, { uvRatio });
var Fp = /* @__PURE__ */ (() => ed25519_Point.Fp)();
function toMontgomery(point) {
  const { y } = point;
  return Fp.toBytes(Fp.div(_1n5 + y, _1n5 - y));
}
function toMontgomerySecret(secretKey) {
  const size = ed25519_Point.Fp.BYTES;
  abytes(secretKey, size);
  return adjustScalarBytes(sha512(secretKey.subarray(0, size))).subarray(0, size);
}
function ed(opts) {
  return eddsa(ed25519_Point, sha512, Object.assign({ adjustScalarBytes, toMontgomery, toMontgomerySecret, zip215: true }, opts));
}
var ed25519 = /* @__PURE__ */ ed({});

// packages/perdure/src/host/ed25519-rule.ts
var KEY_BYTES3 = 32;
var SIGNATURE_BYTES = 64;
var ADMISSIONS_KEPT = 16384;
var { Point } = ed25519;
var L = Point.Fn.ORDER;
var L_BYTES = fromHex(L.toString(16).padStart(64, "0"));
var SMALL_ORDER = /* @__PURE__ */ new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
]);
function admitsKey(publicKey2) {
  if (publicKey2.length !== KEY_BYTES3 || isRefusedEncoding(publicKey2)) return false;
  try {
    return Point.fromBytes(publicKey2).isTorsionFree();
  } catch {
    return false;
  }
}
function createKeyAdmission(most = ADMISSIONS_KEPT) {
  const known = /* @__PURE__ */ new Map();
  return (publicKey2) => {
    const name = hex(publicKey2);
    const admitted = known.get(name) ?? admitsKey(publicKey2);
    known.delete(name);
    known.set(name, admitted);
    if (known.size > most) known.delete(known.keys().next().value);
    return admitted;
  };
}
function admitsSignature(signature2) {
  return signature2.length === SIGNATURE_BYTES && isBelowL(signature2.subarray(KEY_BYTES3)) && !isRefusedEncoding(signature2.subarray(0, KEY_BYTES3));
}
function isRefusedEncoding(encoded) {
  const y = encoded.slice();
  y[31] = y[31] & 127;
  const notReduced = y[31] === 127 && y[0] >= 237 && y.subarray(1, 31).every((byte) => byte === 255);
  return notReduced || SMALL_ORDER.has(hex(y));
}
function isBelowL(scalar) {
  for (let at = 0; at < KEY_BYTES3; at++) {
    const [ours, limit] = [scalar[KEY_BYTES3 - 1 - at], L_BYTES[at]];
    if (ours !== limit) return ours < limit;
  }
  return false;
}

// packages/perdure/src/host/browser/signatures.ts
var ALGORITHM3 = "Ed25519";
var SEED_BYTES = 32;
var PKCS8_PREFIX2 = fromHex("302e020100300506032b657004220420");
function createBrowserSignatures(vault) {
  const secrets = /* @__PURE__ */ new WeakMap();
  const admitsKey2 = createKeyAdmission();
  const handleOf = ({ publicKey: publicKey2, secret }) => {
    const key = { publicKey: publicKey2 };
    secrets.set(key, secret);
    return key;
  };
  return {
    create: async (random) => {
      const pair = await withAlgorithm(ALGORITHM3, () => crypto.subtle.generateKey(ALGORITHM3, false, ["sign", "verify"]));
      if (!("privateKey" in pair)) throw new PerdureError("internal", "the browser made no pair of keys");
      const publicKey2 = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
      const made = { algorithm: ALGORITHM3, secret: pair.privateKey, publicKey: publicKey2 };
      return { kept: await vault.keep(random, made), key: handleOf(made) };
    },
    load: async (kept) => {
      requireLength(kept, SEED_BYTES, "the seed");
      return handleOf(await vault.find(kept, ALGORITHM3) ?? await keyOfSeed(kept));
    },
    sign: async (key, message) => {
      const secret = secrets.get(key);
      if (secret === void 0) throw new PerdureError("bad-argument", "the signing key was loaded by another host");
      return new Uint8Array(await crypto.subtle.sign(ALGORITHM3, secret, bufferOf(message)));
    },
    verify: async (publicKey2, message, signature2) => {
      if (!admitsSignature(signature2) || !admitsKey2(publicKey2)) return false;
      const key = await withAlgorithm(ALGORITHM3, () => crypto.subtle.importKey("raw", bufferOf(publicKey2), ALGORITHM3, false, ["verify"]));
      return await crypto.subtle.verify(ALGORITHM3, key, bufferOf(signature2), bufferOf(message));
    }
  };
}
async function keyOfSeed(seed) {
  const pkcs8 = bufferOf(concat2(PKCS8_PREFIX2, seed));
  return await withAlgorithm(ALGORITHM3, async () => {
    const readable = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM3, true, ["sign"]);
    const { x = "" } = await crypto.subtle.exportKey("jwk", readable);
    const secret = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM3, false, ["sign"]);
    return { algorithm: ALGORITHM3, secret, publicKey: fromBase64url(x) };
  });
}

// packages/perdure/src/host/browser/crypto.ts
function createBrowserCrypto(database) {
  const vault = createKeyVault(database);
  return {
    hash: createBrowserHash(),
    signatures: createBrowserSignatures(vault),
    encapsulation: createBrowserEncapsulation(vault),
    aead: createBrowserAead(),
    keyStore: {
      takeIn: async (seed, random) => await vault.keep(random, await keyOfSeed(seed)),
      destroy: vault.destroy
    }
  };
}

// packages/perdure/src/host/browser/storage-error.ts
var DENIED = {
  code: "permission-denied",
  retry: "never",
  hint: "The browser lets this page store nothing; allow it, and leave private windows."
};
var MEANINGS = {
  QuotaExceededError: {
    code: "disk-full",
    retry: "after",
    hint: "Make room on the disk, or let the site store more; nothing that was accepted is lost."
  },
  SecurityError: DENIED,
  NotAllowedError: DENIED,
  InvalidStateError: { code: "disk-failed", retry: "after", hint: "The browser closed its storage; reload the page." }
};
function storageError(error, doing) {
  if (isPerdureError(error)) return error;
  const name = typeof error === "object" && error !== null && "name" in error ? String(error.name) : "unknown error";
  const { code, retry, hint } = MEANINGS[name] ?? { code: "disk-failed", retry: "after" };
  return new PerdureError(code, `could not ${doing} (${name})`, { retry, cause: error, ...hint === void 0 ? {} : { hint } });
}

// packages/perdure/src/host/browser/database.ts
var VERSION = 1;
var STORES = ["names", "files", "blocks", "keys"];
function createDatabase({ indexedDB, IDBKeyRange }, name = "perdure") {
  let opened;
  const open = () => {
    opened ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(name, VERSION);
      request.onupgradeneeded = () => {
        const database = request.result;
        for (const store of STORES) database.createObjectStore(store, ...store === "files" ? [{ autoIncrement: true }] : []);
      };
      request.onsuccess = () => {
        const database = request.result;
        const forget = () => {
          opened = void 0;
        };
        database.onclose = forget;
        database.onversionchange = () => {
          forget();
          database.close();
        };
        resolve(database);
      };
      request.onerror = () => {
        opened = void 0;
        reject(request.error);
      };
      request.onblocked = () => {
        opened = void 0;
        reject(
          new PerdureError("needs-newer-version", "another tab of this page runs an older version", { hint: "Close the other tabs." })
        );
      };
    });
    return opened;
  };
  const run = async (doing, stores, mode, work) => {
    try {
      const transaction = (await open()).transaction(stores, mode, { durability: mode === "readonly" ? "relaxed" : "strict" });
      const ended = new Promise((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was called off"));
      });
      ended.catch(() => void 0);
      try {
        const value = await work({ store: (store) => transaction.objectStore(store), result });
        await ended;
        return value;
      } catch (error) {
        abort(transaction);
        throw isPerdureError(error) ? error : transaction.error ?? error;
      }
    } catch (error) {
      throw storageError(error, doing);
    }
  };
  return {
    ranges: IDBKeyRange,
    change: (doing, stores, work) => run(doing, stores, "readwrite", work),
    look: (doing, stores, work) => run(doing, stores, "readonly", work)
  };
}
function abort(transaction) {
  try {
    transaction.abort();
  } catch {
  }
}
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// packages/perdure/src/host/browser/folder-lock.ts
async function lockFolder(locks, folder) {
  const release = await takeLock(locks, `perdure folder ${folder}`);
  if (release !== void 0) return { release };
  throw new PerdureError("folder-in-use", `another tab, or this one, has the folder ${folder}`, {
    retry: "after",
    hint: "Close that tab, or choose another folder."
  });
}
function takeLock(locks, name) {
  return new Promise((resolve, reject) => {
    const held = Promise.withResolvers();
    const over = locks.request(name, { ifAvailable: true }, async (lock) => {
      if (lock === null) return resolve(void 0);
      resolve(async () => {
        held.resolve();
        await over;
      });
      await held.promise;
    });
    over.catch(reject);
  });
}

// packages/perdure/src/host/browser/stored-file.ts
var BLOCK_BYTES = 64 * 1024;
var MOST_DIRTY_BYTES = 4 * 1024 * 1024;
function createStoredFile(database, number2, size) {
  const held = /* @__PURE__ */ new Map();
  let bytes2 = size;
  let unsaved = false;
  let forgotten2 = false;
  let last = Promise.resolve();
  const inTurn = (work) => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
  const stored = async (indexes) => {
    const absent = indexes.filter((index) => !held.has(index) && index * BLOCK_BYTES < bytes2);
    if (absent.length === 0) return /* @__PURE__ */ new Map();
    return await database.look("read a file", ["blocks"], async ({ store, result: result2 }) => {
      const blocks = await Promise.all(absent.map((index) => result2(store("blocks").get([number2, index]))));
      return new Map(absent.map((index, at) => [index, blocks[at] ?? EMPTY]));
    });
  };
  const flush = async () => {
    if (!unsaved || forgotten2) return;
    const blocks = [...held];
    await database.change("write a file", ["files", "blocks"], async ({ store }) => {
      for (const [index, block] of blocks) store("blocks").put(bufferOf(block.slice(0, bytes2 - index * BLOCK_BYTES)), [number2, index]);
      store("files").put({ size: bytes2 }, number2);
    });
    unsaved = false;
    const end = Math.floor(bytes2 / BLOCK_BYTES);
    for (const [index] of blocks) if (index !== end) held.delete(index);
  };
  const write = async (offset, from) => {
    if (forgotten2) throw new PerdureError("not-found", "the file was removed while it was open");
    if (from.length === 0) return;
    const first = Math.floor(offset / BLOCK_BYTES);
    const until = Math.floor((offset + from.length - 1) / BLOCK_BYTES);
    const before = await stored(first === until ? [first] : [first, until]);
    for (let index = first; index <= until; index++) {
      let block = held.get(index);
      if (block === void 0) {
        block = new Uint8Array(BLOCK_BYTES);
        block.set(before.get(index) ?? EMPTY);
        held.set(index, block);
      }
      const start = index * BLOCK_BYTES - offset;
      block.set(from.subarray(Math.max(0, start), start + BLOCK_BYTES), Math.max(0, -start));
    }
    bytes2 = Math.max(bytes2, offset + from.length);
    unsaved = true;
    if (held.size * BLOCK_BYTES > MOST_DIRTY_BYTES) await flush();
  };
  const read2 = async (offset, length) => {
    const end = Math.min(offset + length, bytes2);
    if (end <= offset) return new Uint8Array(0);
    const first = Math.floor(offset / BLOCK_BYTES);
    const until = Math.floor((end - 1) / BLOCK_BYTES);
    const indexes = Array.from({ length: until - first + 1 }, (_, at) => first + at);
    const before = await stored(indexes);
    const found2 = new Uint8Array(end - offset);
    for (const index of indexes) {
      const block = held.get(index) ?? before.get(index);
      if (block === void 0) continue;
      const start = index * BLOCK_BYTES - offset;
      const part2 = block.subarray(Math.max(0, -start), Math.min(BLOCK_BYTES, end - index * BLOCK_BYTES));
      found2.set(part2, Math.max(0, start));
    }
    return found2;
  };
  return {
    number: number2,
    size: () => inTurn(async () => bytes2),
    read: (offset, length) => inTurn(() => read2(offset, length)),
    write: (offset, from) => {
      const copy = from.slice();
      return inTurn(() => write(offset, copy));
    },
    flush: () => inTurn(flush),
    forget: (unlink) => inTurn(async () => {
      await unlink();
      forgotten2 = true;
    }),
    close: () => inTurn(async () => {
      if (!forgotten2) return await flush();
      held.clear();
      await database.change("remove a file", ["files", "blocks"], async (work) => dropFile(database, work, number2));
    })
  };
}
function dropFile({ ranges }, { store }, number2) {
  store("files").delete(number2);
  store("blocks").delete(ranges.bound([number2, 0], [number2, Number.MAX_SAFE_INTEGER]));
}

// packages/perdure/src/host/browser/files.ts
var AFTER = "\uFFFF";
function createBrowserFiles({ database, locks }) {
  const open = /* @__PURE__ */ new Map();
  let last = Promise.resolve();
  const inTurn = (work) => {
    const mine = last.then(work, work);
    last = mine;
    return mine;
  };
  const handle = (number2, size, writes) => {
    const shared = open.get(number2) ?? { file: createStoredFile(database, number2, size), users: 0 };
    open.set(number2, shared);
    shared.users++;
    const letGo = async () => {
      shared.users--;
      if (shared.users > 0) return;
      open.delete(number2);
      await shared.file.close();
    };
    let closing;
    return {
      size: () => shared.file.size(),
      read: (offset, length) => shared.file.read(offset, length),
      write: async (offset, bytes2) => {
        if (!writes) throw new PerdureError("bad-argument", "the file was opened for reading");
        await shared.file.write(offset, bytes2);
      },
      sync: () => shared.file.flush(),
      close: () => closing ??= inTurn(letGo)
    };
  };
  const numberOf = async ({ store, result: result2 }, path) => await result2(store("names").get(path));
  const find = (path) => database.look(`open ${path}`, ["names", "files"], async (work) => {
    const number2 = await numberOf(work, path);
    if (number2 === void 0) return void 0;
    const entry = await work.result(work.store("files").get(number2));
    return { number: number2, size: entry?.size ?? 0 };
  });
  const create = (path) => database.change(`open ${path}`, ["names", "files"], async ({ store, result: result2 }) => {
    const number2 = await result2(store("files").add({ size: 0 }));
    store("names").put(number2, path);
    return number2;
  });
  const unlinking = async (doing, path, change) => {
    const old = await find(path);
    const shared = old === void 0 ? void 0 : open.get(old.number);
    const unlink = () => database.change(doing, ["names", "files", "blocks"], async (work) => {
      if (old !== void 0 && shared === void 0) dropFile(database, work, old.number);
      if (old !== void 0 && shared !== void 0)
        work.store("files").put({ size: old.size, removedFrom: folderOf(path) }, old.number);
      await change(work);
    });
    await (shared === void 0 ? unlink() : shared.file.forget(unlink));
  };
  const sweep = (folder) => database.change(`look through ${folder}`, ["files", "blocks"], async (work) => {
    const files = work.store("files");
    const everything = database.ranges.bound(0, Number.MAX_SAFE_INTEGER);
    const [numbers, entries] = await Promise.all([work.result(files.getAllKeys(everything)), work.result(files.getAll(everything))]);
    for (const [at, entry] of entries.entries()) {
      const number2 = numbers[at];
      if (entry.removedFrom === folder && !open.has(number2)) dropFile(database, work, number2);
    }
  });
  return {
    open: (path, mode) => inTurn(async () => {
      folderOf(path);
      const found2 = await find(path);
      if (found2 !== void 0) return handle(found2.number, found2.size, mode === "write");
      if (mode === "read") throw new PerdureError("not-found", `there is no file ${path}`);
      return handle(await create(path), 0, true);
    }),
    list: (folder) => inTurn(async () => {
      const before = `${folder}/`;
      const range2 = database.ranges.bound(before, `${before}${AFTER}`);
      const paths = await database.look(`list ${folder}`, ["names"], ({ store, result: result2 }) => result2(store("names").getAllKeys(range2)));
      return paths.map((path) => String(path).slice(before.length)).filter((name) => !name.includes("/")).sort();
    }),
    rename: (from, to) => inTurn(async () => {
      folderOf(to);
      const moved = await find(from);
      if (moved === void 0) throw new PerdureError("not-found", `there is no file ${from}`);
      if (from === to) return;
      await unlinking(`rename ${from} to ${to}`, to, async ({ store }) => {
        store("names").put(moved.number, to);
        store("names").delete(from);
      });
    }),
    remove: (path) => inTurn(
      () => unlinking(`remove ${path}`, path, async ({ store }) => {
        store("names").delete(path);
      })
    ),
    lock: async (folder) => {
      const lock = await lockFolder(locks, folder);
      try {
        await inTurn(() => sweep(folder));
        return lock;
      } catch (error) {
        await lock.release();
        throw error;
      }
    }
  };
}
function folderOf(path) {
  const end = path.lastIndexOf("/");
  if (end === path.length - 1) throw new PerdureError("bad-argument", `"${path}" names no file`, { hint: "Check the path." });
  return path.slice(0, Math.max(0, end));
}

// packages/perdure/src/host/deadline.ts
async function withDeadline(clock, deadline, work) {
  const controller = new AbortController();
  throwIfAborted(deadline.signal, deadline.what);
  return await new Promise((resolve, reject) => {
    const finish = (settle2) => {
      cancel();
      deadline.signal?.removeEventListener("abort", onAbort);
      settle2();
    };
    const giveUp = (error) => finish(() => {
      reject(error);
      controller.abort(error);
    });
    const onAbort = () => giveUp(abortedError(deadline.what, deadline.signal?.reason));
    const cancel = clock.after(
      deadline.timeoutMs,
      () => giveUp(
        new PerdureError("timed-out", `waited ${waitText(deadline.timeoutMs)} for ${deadline.what}`, {
          retry: "after",
          ...deadline.hint === void 0 ? {} : { hint: deadline.hint }
        })
      )
    );
    deadline.signal?.addEventListener("abort", onAbort, { once: true });
    work(controller.signal).then(
      (value) => finish(() => resolve(value)),
      (error) => finish(() => reject(error))
    );
  });
}
function waitText(ms) {
  if (ms < 1e3) return `${ms} ms`;
  return ms < 12e4 ? `${Number((ms / 1e3).toFixed(1))} s` : `${Number((ms / 6e4).toFixed(1))} min`;
}
function sleep(clock, delayMs, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortedError("a pause", signal.reason));
    const onAbort = () => {
      cancel();
      reject(abortedError("a pause", signal?.reason));
    };
    const cancel = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
function throwIfAborted(signal, what) {
  if (signal?.aborted) throw abortedError(what, signal.reason);
}
function abortedError(what, cause) {
  return new PerdureError("aborted", `stopped waiting for ${what}`, { cause });
}

// packages/perdure/src/wire/limits.ts
var WIRE_VERSION = 1;
var MAX_ENVELOPE_BODY_BYTES = 320 * 1024;
var PART_BYTES = 256 * 1024;
var MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
var MAX_PARTS = MAX_MESSAGE_BYTES / PART_BYTES;
var MAX_TRANSPORT_BYTES = 512 * 1024;
var MAX_CONTROL_BYTES = 64 * 1024;
var MAX_EVENT_BYTES = 4096;
var MAX_LOG_EVENTS = 128;
var MAX_EXPIRY_MS = 30 * 24 * 60 * 60 * 1e3;
var MAX_LINK_REFUSALS = 1024;
var MAX_SETTLE_RANGES = 64;
var MAX_AUTO_DEPTH = 8;
var MAX_LIST_ITEMS = 1024;
var MAX_TEXT_BYTES = 1024;
var MAX_NESTING = 8;

// packages/perdure/src/settings/fixed.ts
var SECOND = 1e3;
var MINUTE = 60 * SECOND;
var HOUR = 60 * MINUTE;
var define = (definitions) => definitions;
var FIXED = define({
  // The wire
  transportBytes: { value: MAX_TRANSPORT_BYTES, unit: "bytes", reason: "Largest transport message; a larger one closes its connection." },
  envelopeBodyBytes: { value: MAX_ENVELOPE_BODY_BYTES, unit: "bytes", reason: "Largest body of one envelope; messages travel in parts." },
  messageBytes: { value: MAX_MESSAGE_BYTES, unit: "bytes", reason: "Largest message; `send` refuses a larger one." },
  controlBytes: { value: MAX_CONTROL_BYTES, unit: "bytes", reason: "Largest control frame and record." },
  expiryMs: { value: MAX_EXPIRY_MS, unit: "ms", reason: "Nothing may ask to wait longer than this." },
  // Connections
  closeTimeoutMs: {
    value: 2 * SECOND,
    unit: "ms",
    reason: "A peer that has not taken what is queued and answered the close by then is cut."
  },
  handshakesOpenMs: {
    value: 0,
    unit: "ms",
    reason: "0: the WebSocket library's own limit on opening a connection is off; dialTimeoutMs is in force."
  },
  messageFragments: {
    value: 1024,
    unit: "frames",
    reason: "Pieces one transport message may come in; more close its connection. Perdure itself sends one."
  },
  messageChunks: {
    value: 65536,
    unit: "frames",
    reason: "Reads from the socket one piece of a message may take; more close its connection."
  },
  unansweredPings: {
    value: 60,
    unit: "frames",
    reason: "WebSocket pings whose answers wait because the other side does not read; more close its connection. Perdure sends none."
  },
  tcpKeepAliveMs: {
    value: 0,
    unit: "ms",
    reason: "0: the system's probes of idle connections are off; sessions ping by themselves (pingEveryMs)."
  },
  socketIdleMs: { value: 0, unit: "ms", reason: "0: no socket of a session is cut because it was idle; silenceTimeoutMs is in force." },
  addressAttemptMs: {
    value: SECOND,
    unit: "ms",
    reason: "How long one of several addresses of a name is tried before the next one; the last one has until dialTimeoutMs."
  },
  // HTTP at the port of a relay, and HTTP asked of others
  requestCheckMs: { value: 2 * SECOND, unit: "ms", reason: "Late HTTP requests are noticed at most this much after their time." },
  requestKeepAliveExtraMs: {
    value: SECOND,
    unit: "ms",
    reason: "Added to requestKeepAliveMs, so that a request sent at the last moment is still answered."
  },
  requestHeaders: { value: 200, unit: "fields", reason: "Header fields of one HTTP request that are read; the rest is ignored." },
  requestsPerSocket: { value: 0, unit: "requests", reason: "0: a connection may carry any number of HTTP requests, one after the other." },
  requestLeftoverMs: {
    value: 500,
    unit: "ms",
    reason: "What is left of a body that was not wanted is read away for this long, then its connection is cut."
  },
  requestLeftoverBytes: { value: 64 * 1024 * 1024, unit: "bytes", reason: "The same by size." },
  answerHeaderBytes: {
    value: 16 * 1024,
    unit: "bytes",
    reason: "Headers of an answer another server gives; a longer one counts as no answer."
  },
  tlsResumeMs: {
    value: 300 * SECOND,
    unit: "ms",
    reason: "How long a client may take up TLS keys again without agreeing on new ones; no connection ends by it."
  },
  // Agents and relays
  verdictGraceMs: {
    value: 60 * SECOND,
    unit: "ms",
    reason: "How much later than expiry and unconfirmedAfterMs `until` still waits for a message's end: the agent's own clockwork."
  },
  lastMileMs: { value: SECOND, unit: "ms", reason: "What an agent that is closed still gives mail under way to reach its relay." },
  takeoverPauseMs: {
    value: SECOND,
    unit: "ms",
    reason: "A process that takes over a folder hands out no mail before others there could claim what they are working on."
  },
  inviteMs: { value: 7 * 24 * HOUR, unit: "ms", reason: "How long an invite is good for when the caller does not say." },
  receiptMs: { value: HOUR, unit: "ms", reason: "A receipt may wait for its reader this much longer than the message it is about." },
  askedPauseMs: { value: HOUR, unit: "ms", reason: "No pause a relay asks for is kept longer than this before it is tried again." },
  blockedPauseMs: { value: HOUR, unit: "ms", reason: "Somebody who was turned away is asked not to come again before." },
  fullPauseMs: { value: 5 * SECOND, unit: "ms", reason: "Mail for a mailbox that is full or not there is asked back after this." },
  certificateEarlierMs: {
    value: 10 * MINUTE,
    unit: "ms",
    reason: "Certificates begin this long before they were made, so that peers with slow clocks take them at once."
  },
  logCloseMs: { value: 5 * SECOND, unit: "ms", reason: "A disk that hangs keeps a process from ending no longer than this." },
  // Processes of one machine
  ownerCallMs: {
    value: 15 * SECOND,
    unit: "ms",
    reason: "What a relay's owner asks it on its machine is answered by then, or called off."
  },
  toolStoredMs: { value: 3 * SECOND, unit: "ms", reason: "How long an MCP tool that sends waits to be able to say that the relay has it." },
  toolReceiptMs: {
    value: 500,
    unit: "ms",
    reason: "How long an MCP tool that traces a message waits for a receipt that has just arrived."
  },
  toolAskMs: { value: 45 * SECOND, unit: "ms", reason: "How long an MCP tool that asks waits unless told: clients give a tool 60 s." },
  toolAcceptMs: { value: 30 * SECOND, unit: "ms", reason: "How long an MCP tool that accepts an invite waits for the answer." },
  abandonedSocketMs: {
    value: SECOND,
    unit: "ms",
    reason: "Finding out whether anybody still listens on a socket file takes no longer than this."
  },
  processKillMs: {
    value: 2 * SECOND,
    unit: "ms",
    reason: "A program started here that was asked to end and has not is killed after this."
  }
});

// packages/perdure/src/host/connection.ts
var HELD_MESSAGES = 4;
var HELD_OVERHEAD_BYTES = 64;
function createConnection({ clock, wire, remote, local, maxMessageBytes }) {
  let receiver;
  let starting = false;
  let held = [];
  let heldBytes = 0;
  let paused2 = false;
  let unsent = false;
  let closing = false;
  let end;
  let cancelCut = () => {
  };
  const release = () => {
    held = [];
    heldBytes = 0;
    if (paused2) wire.resume();
    paused2 = false;
  };
  const hold = (message) => {
    held.push(message);
    heldBytes += message.length + HELD_OVERHEAD_BYTES;
    if (paused2 || heldBytes < HELD_MESSAGES * maxMessageBytes) return;
    paused2 = true;
    wire.pause();
  };
  const begin2 = (to) => {
    for (const message of held) if (!closing) to.message(message);
    receiver = to;
    release();
    if (end !== void 0) to.closed(end);
  };
  const connection = {
    get remote() {
      return remote();
    },
    get local() {
      return local();
    },
    get queuedBytes() {
      return wire.queuedBytes();
    },
    send: (message) => {
      if (closing || end !== void 0) return;
      unsent = true;
      wire.send(message);
    },
    close: (now = false) => {
      if (end !== void 0) return;
      if (!closing) {
        closing = true;
        release();
        wire.end();
        cancelCut = clock.after(FIXED.closeTimeoutMs.value, () => wire.cut());
      }
      if (now) wire.cut();
    },
    start: (to) => {
      if (starting) throw new PerdureError("internal", "a connection is started once");
      starting = true;
      queueMicrotask(() => begin2(to));
    }
  };
  const events = {
    message: (message) => {
      if (closing || end !== void 0) return;
      if (receiver === void 0) hold(message);
      else receiver.message(message);
    },
    sent: () => {
      if (!unsent || closing || wire.queuedBytes() > 0) return;
      unsent = false;
      receiver?.drained();
    },
    ended: (why) => {
      if (end !== void 0) return;
      end = closing ? "closed here" : why;
      cancelCut();
      receiver?.closed(end);
    }
  };
  return { connection, events };
}

// packages/perdure/src/host/public-address.ts
var SPECIAL_IPV4 = [
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
  ["224.0.0.0", 3]
];
var SPECIAL_IPV6 = [
  [[8193, 0], 23],
  [[8193, 3512], 32],
  [[8194], 16],
  [[16383], 20]
];
function isPublicAddress(address) {
  const ipv4 = readIpv4(address);
  if (ipv4 !== void 0) return !SPECIAL_IPV4.some(([special, bits]) => samePrefix(ipv4, readIpv4(special) ?? 0, bits));
  const groups = readIpv6(address);
  if (groups === void 0 || ((groups[0] ?? 0) & 57344) !== 8192) return false;
  return !SPECIAL_IPV6.some(([special, bits]) => special.every((_, at) => samePrefix16(groups[at] ?? 0, special[at] ?? 0, bits - 16 * at)));
}
function isIpAddress(text2) {
  return readIpv4(text2) !== void 0 || readIpv6(text2) !== void 0;
}
function samePrefix(one, other, bits) {
  return one >>> 32 - bits === other >>> 32 - bits;
}
function samePrefix16(one, other, bits) {
  const unused = Math.max(0, 16 - bits);
  return one >>> unused === other >>> unused;
}
function readIpv4(text2) {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text2)?.slice(1).map(Number);
  if (parts === void 0 || parts.some((part2) => part2 > 255)) return void 0;
  return parts.reduce((all, part2) => all * 256 + part2, 0);
}
function readIpv6(text2) {
  const halves = text2.split("::");
  if (halves.length > 2 || !text2.includes(":")) return void 0;
  const [front, back] = halves.map(readGroups);
  if (front === void 0 || halves.length === 2 && back === void 0) return void 0;
  if (halves.length === 1) return front.length === 8 ? front : void 0;
  const missing = 8 - front.length - (back ?? []).length;
  return missing < 1 ? void 0 : [...front, ...new Array(missing).fill(0), ...back ?? []];
}
function readGroups(text2) {
  if (text2 === "") return [];
  const groups = [];
  for (const part2 of text2.split(":")) {
    const ipv4 = readIpv4(part2);
    if (ipv4 !== void 0) groups.push(ipv4 >>> 16, ipv4 & 65535);
    else if (/^[0-9a-f]{1,4}$/i.test(part2)) groups.push(Number.parseInt(part2, 16));
    else return void 0;
  }
  return groups;
}

// packages/perdure/src/host/browser/websocket-dial.ts
var CLOSE_NORMAL = 1e3;
var CLOSE_TEXT = 3003;
var CLOSE_TOO_LARGE = 3009;
var LOOK_AGAIN_MS = 4;
var MOST_EARLY_MESSAGES = 256;
async function dialWebSocket({ clock, platform }, url, options) {
  if (options.publicOnly === true) requirePublic(url);
  const deadline = {
    timeoutMs: options.timeoutMs,
    what: `a connection to ${url.href}`,
    signal: options.signal,
    hint: "Check the address and whether the relay runs."
  };
  return await withDeadline(clock, deadline, (signal) => {
    const socket = openSocket(platform, url);
    const connection = connectionOver(clock, socket, url, options.maxMessageBytes);
    return new Promise((resolve, reject) => {
      const giveUp = () => socket.close();
      signal.addEventListener("abort", giveUp, { once: true });
      socket.onopen = () => {
        signal.removeEventListener("abort", giveUp);
        resolve(connection);
      };
      socket.onerror = () => reject(notConnected(platform, url));
    });
  });
}
function requirePublic(url) {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIpAddress(host) && !isPublicAddress(host))
    throw new PerdureError("peer-forbidden", `${host} is on this machine or in a private network`);
}
function openSocket({ WebSocket }, url) {
  try {
    const socket = new WebSocket(url.href);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (cause) {
    throw new PerdureError("permission-denied", `the browser does not let this page connect to ${url.href}`, {
      hint: "From a page with https a relay is reached by wss:// only.",
      cause
    });
  }
}
function notConnected({ origin }, url) {
  return new PerdureError("relay-unreachable", `could not connect to ${url.href} (a browser does not say why)`, {
    retry: "after",
    hint: `Nothing answers there, or the relay does not let pages of ${origin} in: its owner allows them with perdure relay --origin ${origin}.`
  });
}
function connectionOver(clock, socket, url, maxMessageBytes) {
  let why;
  let stopLooking = () => {
  };
  let looking = false;
  let early = 0;
  let reading = true;
  const { connection, events } = createConnection({
    clock,
    remote: () => url.host,
    local: () => isLoopback(url.hostname),
    maxMessageBytes,
    wire: {
      queuedBytes: () => socket.bufferedAmount,
      send: (message) => {
        socket.send(message);
        if (!looking) look();
      },
      end: () => socket.close(CLOSE_NORMAL),
      cut: () => finish("cut here"),
      pause: () => {
        reading = false;
      },
      resume: () => {
        reading = true;
        early = 0;
      }
    }
  });
  const look = () => {
    looking = socket.bufferedAmount > 0;
    if (looking) stopLooking = clock.after(LOOK_AGAIN_MS, look);
    else queueMicrotask(() => events.sent());
  };
  const finish = (reason) => {
    stopLooking();
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
    events.ended(why ?? reason);
  };
  const refuse3 = (reason, code) => {
    why = reason;
    socket.close(code);
  };
  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) return refuse3("a text message came", CLOSE_TEXT);
    if (data.byteLength > maxMessageBytes) return refuse3("a message was too large", CLOSE_TOO_LARGE);
    if (!reading && ++early > MOST_EARLY_MESSAGES) return refuse3("too much came before anybody read", CLOSE_TOO_LARGE);
    events.message(new Uint8Array(data));
  };
  socket.onclose = ({ code }) => {
    stopLooking();
    events.ended(why ?? (code === CLOSE_NORMAL ? "closed by the other side" : `connection lost (${code})`));
  };
  return connection;
}
function isLoopback(hostname) {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

// packages/perdure/src/host/browser/http-get.ts
var REDIRECTED = { status: 302, body: new Uint8Array(0) };
async function getOverHttp({ clock, platform }, url, { timeoutMs, maxBytes, signal, publicOnly }) {
  if (publicOnly === true) requirePublic(url);
  return await withDeadline(clock, { timeoutMs, what: `an answer from ${url.href}`, signal }, async (within) => {
    try {
      const response = await fetch(url, {
        signal: within,
        redirect: "manual",
        credentials: "omit",
        cache: "no-store",
        headers: { accept: "application/json" }
      });
      if (response.type === "opaqueredirect") return REDIRECTED;
      return { status: response.status, body: await read(response, url, maxBytes) };
    } catch (cause) {
      if (cause instanceof PerdureError) throw cause;
      throw new PerdureError("relay-unreachable", `could not get ${url.href} (a browser does not say why)`, {
        retry: "after",
        hint: `Nothing answers there, or it does not let pages of ${platform.origin} read its answers.`,
        cause
      });
    }
  });
}
async function read(response, url, maxBytes) {
  const pieces = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece?.value !== void 0; piece = await reader?.read()) {
    size += piece.value.length;
    pieces.push(piece.value);
    if (size <= maxBytes) continue;
    await reader?.cancel();
    throw new PerdureError("too-large", `${url.href} answers with more than ${maxBytes} bytes`);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

// packages/perdure/src/host/browser/tab-link.ts
var WINDOW_BYTES = 1024 * 1024;
var CLOSED_THERE = "closed by the other side";
async function openTabLink({ clock, platform, address, name, side, maxMessageBytes }) {
  const letGo = await takeLock(platform.locks, lockName(name, side));
  const channel = new platform.BroadcastChannel(`perdure link ${name}`);
  const watching = new AbortController();
  const greeted = Promise.withResolvers();
  const finished = Promise.withResolvers();
  const away = [];
  const waiting = [];
  let awayBytes = 0;
  let waitingBytes = 0;
  let paused2;
  let ending = false;
  let theirEnd = false;
  let over = false;
  const post = (message) => channel.postMessage(message);
  const finish = (why) => {
    if (over) return;
    over = true;
    waiting.length = 0;
    waitingBytes = 0;
    watching.abort();
    channel.onmessage = null;
    channel.close();
    (letGo?.() ?? Promise.resolve()).then(finished.resolve, finished.resolve);
    events.ended(why);
  };
  const pump = () => {
    for (let next = waiting[0]; next !== void 0 && !over; next = waiting[0]) {
      if (away.length > 0 && awayBytes + next.length > WINDOW_BYTES) return;
      waiting.shift();
      waitingBytes -= next.length;
      awayBytes += next.length;
      away.push(next.length);
      post({ kind: "data", message: next.slice() });
      if (waiting.length === 0) queueMicrotask(() => events.sent());
    }
    if (!ending || over) return;
    ending = false;
    post({ kind: "end" });
  };
  const take = (message) => {
    post({ kind: "taken" });
    events.message(message);
  };
  const takeEnd = () => {
    post({ kind: "bye" });
    finish(CLOSED_THERE);
  };
  const { connection, events } = createConnection({
    clock,
    remote: () => address,
    local: () => true,
    maxMessageBytes,
    wire: {
      queuedBytes: () => waitingBytes,
      send: (message) => {
        waiting.push(message);
        waitingBytes += message.length;
        pump();
      },
      end: () => {
        ending = true;
        pump();
      },
      cut: () => finish("cut here"),
      pause: () => {
        paused2 = [];
      },
      resume: () => {
        const kept = paused2 ?? [];
        paused2 = void 0;
        for (const message of kept) if (!over) take(message);
        if (theirEnd && !over) takeEnd();
      }
    }
  });
  const watch = (other) => {
    platform.locks.request(lockName(name, other), { signal: watching.signal }, async () => finish("the other tab is gone")).catch(() => void 0);
  };
  const takeData = (message) => {
    if (message.length > maxMessageBytes) finish("a message was too large");
    else if (paused2 !== void 0) paused2.push(message);
    else take(message);
  };
  channel.onmessage = ({ data }) => {
    const message = data;
    if (over) return;
    switch (message.kind) {
      case "hello":
        watch("accepted");
        return greeted.resolve();
      case "data":
        return takeData(message.message);
      case "taken":
        awayBytes -= away.shift() ?? 0;
        return pump();
      case "end":
        theirEnd = true;
        if (paused2 === void 0) takeEnd();
        return;
      case "bye":
        return finish(CLOSED_THERE);
    }
  };
  if (side === "accepted") {
    watch("dialled");
    post({ kind: "hello" });
  }
  return { connection, greeted: greeted.promise, over: finished.promise };
}
function lockName(name, side) {
  return `perdure link ${name} ${side}`;
}

// packages/perdure/src/host/browser/tab-listen.ts
function doorName(address) {
  return `perdure door ${address}`;
}
async function isListening(locks, address) {
  const { held = [] } = await locks.query();
  return held.some(({ name }) => name === doorName(address));
}
async function listenForTabs(parts, address, options) {
  const letGo = await takeLock(parts.platform.locks, doorName(address));
  if (letGo === void 0)
    throw new PerdureError("address-in-use", `another tab, or this one, listens on ${address}`, {
      retry: "after",
      hint: "Close that tab."
    });
  const links = /* @__PURE__ */ new Set();
  const door = new parts.platform.BroadcastChannel(doorName(address));
  let closing;
  const accept = async ({ link: name }) => {
    const link3 = await openTabLink({ ...parts, address, name, side: "accepted", maxMessageBytes: options.maxMessageBytes });
    links.add(link3);
    options.onConnection(link3.connection);
    if (closing !== void 0) link3.connection.close(true);
    await link3.over;
    links.delete(link3);
  };
  door.onmessage = ({ data }) => void accept(data).catch(() => void 0);
  const close = async () => {
    door.onmessage = null;
    door.close();
    await letGo();
    for (const { connection } of links) connection.close();
    await Promise.all([...links].map(({ over }) => over));
  };
  return {
    address,
    renewTls: () => {
      throw new PerdureError("bad-argument", `${address} has no certificate to renew`);
    },
    close: () => closing ??= close()
  };
}

// packages/perdure/src/host/browser/tab-dial.ts
var NAME_BYTES2 = 16;
async function dialTab(parts, address, options) {
  const { clock, platform, random } = parts;
  const deadline = { timeoutMs: options.timeoutMs, what: `a connection to ${address}`, signal: options.signal };
  return await withDeadline(clock, deadline, async (signal) => {
    if (!await isListening(platform.locks, address))
      throw new PerdureError("relay-unreachable", `no tab listens on ${address}`, { retry: "after", hint: "Nothing listens there." });
    const name = hex(random.bytes(NAME_BYTES2));
    const link3 = await openTabLink({ ...parts, address, name, side: "dialled", maxMessageBytes: options.maxMessageBytes });
    signal.addEventListener("abort", () => link3.connection.close(true), { once: true });
    if (signal.aborted) link3.connection.close(true);
    const door = new platform.BroadcastChannel(doorName(address));
    door.postMessage({ link: name });
    door.close();
    await link3.greeted;
    return link3.connection;
  });
}

// packages/perdure/src/host/browser/net.ts
function createBrowserNet(parts) {
  return {
    dial: async (address, options) => {
      if (address.startsWith("unix:")) return await dialTab(parts, address, options);
      return await dialWebSocket(parts, webAddress(address, ["ws:", "wss:"]), options);
    },
    listen: async (address, options) => {
      if (address.startsWith("unix:")) return await listenForTabs(parts, address, options);
      webAddress(address, ["ws:", "wss:"]);
      throw new PerdureError("unsupported-platform", "a page of a browser cannot listen for others", { hint: "Run relays in Node." });
    },
    get: async (address, options) => await getOverHttp(parts, webAddress(address, ["http:", "https:"]), options)
  };
}
function webAddress(address, protocols) {
  const url = URL.canParse(address) ? new URL(address) : void 0;
  if (url === void 0 || !protocols.includes(url.protocol) || url.username !== "" || url.password !== "") {
    throw new PerdureError("bad-argument", `"${address}" is not an address that can be used here`, {
      hint: `Use ${protocols.map((protocol) => `${protocol}//host:port`).join(" or ")} or unix:/path.`
    });
  }
  url.hash = "";
  return url;
}

// packages/perdure/src/host/browser/platform.ts
function thisPage() {
  const page = globalThis;
  const { indexedDB, IDBKeyRange, navigator, BroadcastChannel, WebSocket, location } = page;
  const locks = navigator?.locks;
  if (page.isSecureContext === false)
    throw new PerdureError("unsupported-platform", "a page without TLS gets no keys and no locks from its browser", {
      hint: "Serve the page over https, or from http://localhost."
    });
  if (indexedDB === void 0 || IDBKeyRange === void 0 || locks === void 0 || BroadcastChannel === void 0 || WebSocket === void 0)
    throw new PerdureError(
      "unsupported-platform",
      "this is no page of a browser with IndexedDB, Web Locks, BroadcastChannel and WebSocket",
      {
        hint: 'Use a browser of 2025 or newer; in Node import "perdure".'
      }
    );
  const storage = navigator?.storage;
  return {
    indexedDB,
    IDBKeyRange,
    locks,
    BroadcastChannel,
    WebSocket,
    origin: location?.origin ?? "null",
    persist: async () => await storage?.persist?.().catch(() => false) === true
  };
}

// packages/perdure/src/host/browser/random.ts
var MOST_BYTES = 65536;
function createBrowserRandom() {
  return {
    bytes: (count) => {
      const bytes2 = new Uint8Array(count);
      for (let at = 0; at < count; at += MOST_BYTES) crypto.getRandomValues(bytes2.subarray(at, at + MOST_BYTES));
      return bytes2;
    }
  };
}

// packages/perdure/src/host/browser/browser-host.ts
function createBrowserHost({ log = silentLog, platform = thisPage() } = {}) {
  const clock = createBrowserClock();
  const random = createBrowserRandom();
  const database = createDatabase(platform);
  return {
    clock,
    random,
    net: createBrowserNet({ clock, random, platform }),
    files: createBrowserFiles({ database, locks: platform.locks }),
    crypto: createBrowserCrypto(database),
    log
  };
}

// packages/perdure/src/host/browser/console-log.ts
var ORDER = { debug: 0, info: 1, warn: 2, error: 3 };
function createPageLog(level, console2) {
  return {
    write: (eventLevel, event, fields = {}) => {
      if (ORDER[eventLevel] >= ORDER[level]) console2[eventLevel](`perdure ${event}`, fields);
    }
  };
}

// packages/perdure/src/host/browser/page-files.ts
var PAGE_PREFIX = "page:";
function withRecoveryPages(files, folder, pages) {
  const written = /* @__PURE__ */ new Map();
  const isPage = (path) => {
    if (path.startsWith(`${folder}/`)) return false;
    if (path.startsWith(PAGE_PREFIX) && pages !== void 0) return true;
    throw new PerdureError("bad-argument", `in a browser ${path} would lie beside the keys of daily work`, {
      hint: 'Give openAgent `recoveryPages`, and name recovery files "page:\u2026": they are shown to a person and stored nowhere.'
    });
  };
  const read2 = async (path) => {
    const here = written.get(path);
    written.delete(path);
    const text2 = here === void 0 ? await pages?.read(path) : void 0;
    if (here === void 0 && text2 === void 0) throw new PerdureError("not-found", `nobody has a page ${path}`);
    return here ?? utf8(text2 ?? "");
  };
  return {
    open: async (path, mode) => {
      if (!isPage(path)) return await files.open(path, mode);
      return mode === "read" ? pageFile(await read2(path), () => {
      }) : pageFile(EMPTY, (content) => written.set(path, content));
    },
    list: (within) => files.list(within),
    rename: async (from, to) => {
      if (!isPage(to)) return await files.rename(from, to);
      const content = written.get(from);
      if (content === void 0) throw new PerdureError("not-found", `there is no page ${from}`);
      await pages?.show(to, fromUtf8(content));
      written.delete(from);
      written.set(to, content);
    },
    remove: async (path) => {
      if (!isPage(path)) return await files.remove(path);
      written.delete(path);
    },
    lock: (within) => files.lock(within)
  };
}
function pageFile(first, keep) {
  let content = first;
  return {
    size: async () => content.length,
    read: async (offset, length) => content.slice(offset, offset + length),
    write: async (offset, bytes2) => {
      const grown = new Uint8Array(Math.max(content.length, offset + bytes2.length));
      grown.set(content);
      grown.set(bytes2, offset);
      content = grown;
    },
    sync: async () => keep(content),
    close: async () => {
    }
  };
}

// packages/perdure/src/host/hedged-random.ts
var DOMAIN = utf8("perdure/hedged-random/1");
var SECRET_BYTES2 = 32;
var PIECE_BYTES = 255 * 32;
function hedgedHost(host) {
  const { random, clock, crypto: crypto2 } = host;
  return { ...host, random: createHedgedRandom({ random, clock, hash: crypto2.hash }) };
}
function createHedgedRandom({
  random,
  clock,
  hash: hash2
}) {
  let draws = 0;
  const piece = (count) => {
    const when = new Uint8Array(24);
    const view = viewOf(when);
    writeU64(view, 0, Math.max(0, Math.floor(clock.wallMs())));
    view.setFloat64(8, clock.monotonicMs());
    writeU64(view, 16, draws++);
    return hash2.hkdfSha256(random.bytes(SECRET_BYTES2), when, DOMAIN, count);
  };
  return {
    bytes: (count) => {
      const pieces = [];
      for (let left = count; left > 0; left -= PIECE_BYTES) pieces.push(piece(Math.min(left, PIECE_BYTES)));
      return concat2(...pieces);
    }
  };
}

// packages/perdure/src/wire/ids.ts
var AGENT_ID_BYTES = 32;
var STREAM_BYTES = 8;
var GENERATION_BYTES = 8;
var LINK_BYTES = 8;
var KEY_ID_BYTES = 8;
var AGENT_PREFIX = "ag1";
var AGENT_ID_LETTERS = 52;
function agentIdText(raw) {
  if (raw.length !== AGENT_ID_BYTES) throw new PerdureError("malformed", `an agent id has ${AGENT_ID_BYTES} bytes, not ${raw.length}`);
  return AGENT_PREFIX + base32(raw);
}
function agentIdBytes(text2) {
  const raw = isAgentId(text2) ? fromBase32(text2.slice(AGENT_PREFIX.length)) : void 0;
  if (raw === void 0)
    throw new PerdureError("bad-argument", `"${text2}" is not an agent id`, {
      hint: "An id starts with ag1 and has 55 letters; copy it whole."
    });
  return raw;
}
function isAgentId(text2) {
  if (!text2.startsWith(AGENT_PREFIX) || text2.length !== AGENT_PREFIX.length + AGENT_ID_LETTERS) return false;
  return fromBase32(text2.slice(AGENT_PREFIX.length))?.length === AGENT_ID_BYTES;
}
function messageIdText(stream2, seq) {
  return `${hex(stream2)}.${seq}`;
}
var MESSAGE_ID = /^([0-9a-f]{16})\.([1-9][0-9]*)$/;
function parseMessageId(text2) {
  const [, streamText, seqText] = MESSAGE_ID.exec(text2) ?? [];
  const stream2 = streamText === void 0 ? void 0 : fromHex(streamText);
  const seq = Number(seqText);
  if (stream2 === void 0 || !Number.isSafeInteger(seq)) {
    throw new PerdureError("bad-argument", `"${text2}" is not a message id`, {
      hint: "A message id looks like 9f2c4e81d03b7a55.1; `perdure send` prints it."
    });
  }
  return { stream: stream2, seq };
}
var NAME = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
function isAgentName(text2) {
  return NAME.test(text2);
}

// packages/perdure/src/protocol/link/address.ts
var HINT = "An address looks like wss://relay.example/#ag1\u2026; `perdure relay` prints it, `perdure relay ticket` one with a ticket.";
var MAX_TICKET_LETTERS = 64;
function parseRelayAddress(text2) {
  const url = URL.canParse(text2) ? new URL(text2) : void 0;
  if (url === void 0 || url.protocol !== "ws:" && url.protocol !== "wss:") {
    const meant = /^[\w.-]+(?::\d+)?\/?$/.test(text2) ? `Begin with wss://, or with ws:// for a relay on this machine: wss://${text2}. ` : "";
    throw new PerdureError("bad-argument", `"${text2}" is not the address of a relay`, { hint: `${meant}${HINT}` });
  }
  if (url.username !== "" || url.password !== "")
    throw new PerdureError("bad-argument", "the address of a relay carries no user name or password", { hint: HINT });
  const [id = "", ...said] = url.hash.slice(1).split("?");
  const ticket = said.length === 0 ? void 0 : readTicket(said.join("?"));
  url.hash = "";
  return { url: url.href, relayIdRaw: id === "" ? void 0 : agentIdBytes(id), ticket };
}
function formatRelayAddress(url, relayId2, ticket) {
  const { url: plain } = parseRelayAddress(url);
  const id = typeof relayId2 === "string" ? relayId2 : agentIdText(relayId2);
  return `${plain}#${id}${ticket === void 0 ? "" : `?ticket=${ticket}`}`;
}
function isTicket(text2) {
  return text2.length <= MAX_TICKET_LETTERS && /^[\w-]+$/.test(text2);
}
function readTicket(said) {
  const ticket = said.startsWith("ticket=") ? said.slice("ticket=".length) : "";
  if (!isTicket(ticket)) throw new PerdureError("bad-argument", "what follows the relay's id is no ticket", { hint: HINT });
  return ticket;
}

// node_modules/cborg/lib/is.js
var objectTypeNames = [
  "Object",
  // for Object.create(null) and other non-plain objects
  "RegExp",
  "Date",
  "Error",
  "Map",
  "Set",
  "WeakMap",
  "WeakSet",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Promise",
  "URL",
  "HTMLElement",
  "Int8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Tagged"
];
function is(value) {
  if (value === null) {
    return "null";
  }
  if (value === void 0) {
    return "undefined";
  }
  if (value === true || value === false) {
    return "boolean";
  }
  const typeOf = typeof value;
  if (typeOf === "string" || typeOf === "number" || typeOf === "bigint" || typeOf === "symbol") {
    return typeOf;
  }
  if (typeOf === "function") {
    return "Function";
  }
  if (Array.isArray(value)) {
    return "Array";
  }
  if (value instanceof Uint8Array) {
    return "Uint8Array";
  }
  if (value.constructor === Object) {
    return "Object";
  }
  const objectType = getObjectType(value);
  if (objectType) {
    return objectType;
  }
  return "Object";
}
function getObjectType(value) {
  const objectTypeName = Object.prototype.toString.call(value).slice(8, -1);
  if (objectTypeNames.includes(objectTypeName)) {
    return objectTypeName;
  }
  return void 0;
}

// node_modules/cborg/lib/token.js
var Type = class {
  /**
   * @param {number} major
   * @param {string} name
   * @param {boolean} terminal
   */
  constructor(major, name, terminal) {
    this.major = major;
    this.majorEncoded = major << 5;
    this.name = name;
    this.terminal = terminal;
  }
  toString() {
    return `Type[${this.major}].${this.name}`;
  }
  /**
   * @param {Type} typ
   * @returns {number}
   */
  compare(typ) {
    return this.major < typ.major ? -1 : this.major > typ.major ? 1 : 0;
  }
  /**
   * Check equality between two Type instances. Safe to use across different
   * copies of the Type class (e.g., when bundlers duplicate the module).
   * (major, name) uniquely identifies a Type; terminal is implied by these.
   * @param {Type} a
   * @param {Type} b
   * @returns {boolean}
   */
  static equals(a, b) {
    return a === b || a.major === b.major && a.name === b.name;
  }
};
Type.uint = new Type(0, "uint", true);
Type.negint = new Type(1, "negint", true);
Type.bytes = new Type(2, "bytes", true);
Type.string = new Type(3, "string", true);
Type.array = new Type(4, "array", false);
Type.map = new Type(5, "map", false);
Type.tag = new Type(6, "tag", false);
Type.float = new Type(7, "float", true);
Type.false = new Type(7, "false", true);
Type.true = new Type(7, "true", true);
Type.null = new Type(7, "null", true);
Type.undefined = new Type(7, "undefined", true);
Type.break = new Type(7, "break", true);
var Token = class {
  /**
   * @param {Type} type
   * @param {any} [value]
   * @param {number} [encodedLength]
   */
  constructor(type, value, encodedLength) {
    this.type = type;
    this.value = value;
    this.encodedLength = encodedLength;
    this.encodedBytes = void 0;
    this.byteValue = void 0;
  }
  toString() {
    return `Token[${this.type}].${this.value}`;
  }
};

// node_modules/cborg/lib/byte-utils.js
var useBuffer = globalThis.process && // @ts-ignore
!globalThis.process.browser && // @ts-ignore
globalThis.Buffer && // @ts-ignore
typeof globalThis.Buffer.isBuffer === "function";
var textEncoder = new TextEncoder();
function isBuffer(buf) {
  return useBuffer && globalThis.Buffer.isBuffer(buf);
}
function asU8A(buf) {
  if (!(buf instanceof Uint8Array)) {
    return Uint8Array.from(buf);
  }
  return isBuffer(buf) ? new Uint8Array(buf.buffer, buf.byteOffset, buf.byteLength) : buf;
}
var FROM_STRING_THRESHOLD_BUFFER = 24;
var FROM_STRING_THRESHOLD_TEXTENCODER = 200;
var fromString = useBuffer ? (
  // eslint-disable-line operator-linebreak
  /**
   * @param {string} string
   */
  (string) => {
    return string.length >= FROM_STRING_THRESHOLD_BUFFER ? (
      // eslint-disable-line operator-linebreak
      // @ts-ignore
      globalThis.Buffer.from(string)
    ) : utf8ToBytes(string);
  }
) : (
  // eslint-disable-line operator-linebreak
  /**
   * @param {string} string
   */
  (string) => {
    return string.length >= FROM_STRING_THRESHOLD_TEXTENCODER ? textEncoder.encode(string) : utf8ToBytes(string);
  }
);
var fromArray = (arr) => {
  return Uint8Array.from(arr);
};
var slice2 = useBuffer ? (
  // eslint-disable-line operator-linebreak
  /**
   * @param {Uint8Array} bytes
   * @param {number} start
   * @param {number} end
   */
  // Buffer.slice() returns a view, not a copy, so we need special handling
  (bytes2, start, end) => {
    if (isBuffer(bytes2)) {
      return new Uint8Array(bytes2.subarray(start, end));
    }
    return bytes2.slice(start, end);
  }
) : (
  // eslint-disable-line operator-linebreak
  /**
   * @param {Uint8Array} bytes
   * @param {number} start
   * @param {number} end
   */
  (bytes2, start, end) => {
    return bytes2.slice(start, end);
  }
);
var concat3 = useBuffer ? (
  // eslint-disable-line operator-linebreak
  /**
   * @param {ByteView[]} chunks
   * @param {number} length
   * @returns {AllocatedByteView}
   */
  (chunks, length) => {
    chunks = chunks.map((c) => c instanceof Uint8Array ? c : (
      // eslint-disable-line operator-linebreak
      // @ts-ignore
      globalThis.Buffer.from(c)
    ));
    return (
      /** @type {AllocatedByteView} */
      asU8A(globalThis.Buffer.concat(chunks, length))
    );
  }
) : (
  // eslint-disable-line operator-linebreak
  /**
   * @param {ByteView[]} chunks
   * @param {number} length
   * @returns {AllocatedByteView}
   */
  (chunks, length) => {
    const out = new Uint8Array(length);
    let off = 0;
    for (let b of chunks) {
      if (off + b.length > out.length) {
        b = b.subarray(0, out.length - off);
      }
      out.set(b, off);
      off += b.length;
    }
    return out;
  }
);
var alloc = useBuffer ? (
  // eslint-disable-line operator-linebreak
  /**
   * @param {number} size
   * @returns {AllocatedByteView}
   */
  (size) => {
    return globalThis.Buffer.allocUnsafe(size);
  }
) : (
  // eslint-disable-line operator-linebreak
  /**
   * @param {number} size
   * @returns {AllocatedByteView}
   */
  (size) => {
    return new Uint8Array(size);
  }
);
function compare(b1, b2) {
  if (isBuffer(b1) && isBuffer(b2)) {
    return b1.compare(b2);
  }
  for (let i = 0; i < b1.length; i++) {
    if (b1[i] === b2[i]) {
      continue;
    }
    return b1[i] < b2[i] ? -1 : 1;
  }
  return 0;
}
function utf8ToBytes(str) {
  const out = [];
  let p = 0;
  for (let i = 0; i < str.length; i++) {
    let c = str.charCodeAt(i);
    if (c < 128) {
      out[p++] = c;
    } else if (c < 2048) {
      out[p++] = c >> 6 | 192;
      out[p++] = c & 63 | 128;
    } else if ((c & 64512) === 55296 && i + 1 < str.length && (str.charCodeAt(i + 1) & 64512) === 56320) {
      c = 65536 + ((c & 1023) << 10) + (str.charCodeAt(++i) & 1023);
      out[p++] = c >> 18 | 240;
      out[p++] = c >> 12 & 63 | 128;
      out[p++] = c >> 6 & 63 | 128;
      out[p++] = c & 63 | 128;
    } else {
      if (c >= 55296 && c <= 57343) {
        c = 65533;
      }
      out[p++] = c >> 12 | 224;
      out[p++] = c >> 6 & 63 | 128;
      out[p++] = c & 63 | 128;
    }
  }
  return out;
}

// node_modules/cborg/lib/bl.js
var defaultChunkSize = 256;
var Bl = class {
  /**
   * @param {number} [chunkSize]
   */
  constructor(chunkSize = defaultChunkSize) {
    this.chunkSize = chunkSize;
    this.cursor = 0;
    this.maxCursor = -1;
    this.chunks = [];
    this._initReuseChunk = null;
  }
  reset() {
    this.cursor = 0;
    this.maxCursor = -1;
    if (this.chunks.length) {
      this.chunks = [];
    }
    if (this._initReuseChunk !== null) {
      this.chunks.push(this._initReuseChunk);
      this.maxCursor = this._initReuseChunk.length - 1;
    }
  }
  /**
   * @param {number} byte
   */
  pushByte(byte) {
    let topChunk = this.chunks[this.chunks.length - 1];
    if (this.cursor > this.maxCursor) {
      topChunk = alloc(this.chunkSize);
      this.chunks.push(topChunk);
      this.maxCursor += topChunk.length;
      if (this._initReuseChunk === null) {
        this._initReuseChunk = topChunk;
      }
    }
    const chunkPos = topChunk.length - (this.maxCursor - this.cursor) - 1;
    topChunk[chunkPos] = byte;
    this.cursor++;
  }
  /**
   * @param {ByteView|number[]} bytes
   */
  push(bytes2) {
    let topChunk = this.chunks[this.chunks.length - 1];
    const newMax = this.cursor + bytes2.length;
    if (newMax <= this.maxCursor + 1) {
      const chunkPos = topChunk.length - (this.maxCursor - this.cursor) - 1;
      topChunk.set(bytes2, chunkPos);
    } else {
      if (topChunk) {
        const chunkPos = topChunk.length - (this.maxCursor - this.cursor) - 1;
        if (chunkPos < topChunk.length) {
          this.chunks[this.chunks.length - 1] = topChunk.subarray(0, chunkPos);
          this.maxCursor = this.cursor - 1;
        }
      }
      if (bytes2.length < 64 && bytes2.length < this.chunkSize) {
        topChunk = alloc(this.chunkSize);
        this.chunks.push(topChunk);
        this.maxCursor += topChunk.length;
        if (this._initReuseChunk === null) {
          this._initReuseChunk = topChunk;
        }
        topChunk.set(bytes2, 0);
      } else {
        this.chunks.push(bytes2);
        this.maxCursor += bytes2.length;
      }
    }
    this.cursor += bytes2.length;
  }
  /**
   * @param {boolean} [reset]
   * @returns {AllocatedByteView}
   */
  toBytes(reset2 = false) {
    let byts;
    if (this.chunks.length === 1) {
      const chunk = this.chunks[0];
      if (reset2 && this.cursor > chunk.length / 2) {
        byts = this.cursor === chunk.length ? chunk : chunk.subarray(0, this.cursor);
        this._initReuseChunk = null;
        this.chunks = [];
      } else {
        byts = slice2(chunk, 0, this.cursor);
      }
    } else {
      byts = concat3(this.chunks, this.cursor);
    }
    if (reset2) {
      this.reset();
    }
    return byts;
  }
};
var U8Bl = class {
  /**
   * @param {Uint8Array<T>} dest
   */
  constructor(dest) {
    this.dest = dest;
    this.cursor = 0;
    this.chunks = [dest];
  }
  reset() {
    this.cursor = 0;
  }
  /**
   * @param {number} byte
   */
  pushByte(byte) {
    if (this.cursor >= this.dest.length) {
      throw new Error("write out of bounds, destination buffer is too small");
    }
    this.dest[this.cursor++] = byte;
  }
  /**
   * @param {ByteView|number[]} bytes
   */
  push(bytes2) {
    if (this.cursor + bytes2.length > this.dest.length) {
      throw new Error("write out of bounds, destination buffer is too small");
    }
    this.dest.set(bytes2, this.cursor);
    this.cursor += bytes2.length;
  }
  /**
   * @param {boolean} [reset]
   * @returns {Uint8Array<T>}
   */
  toBytes(reset2 = false) {
    const byts = this.dest.subarray(0, this.cursor);
    if (reset2) {
      this.reset();
    }
    return byts;
  }
};

// node_modules/cborg/lib/common.js
var decodeErrPrefix = "CBOR decode error:";
var encodeErrPrefix = "CBOR encode error:";
var uintMinorPrefixBytes = [];
uintMinorPrefixBytes[23] = 1;
uintMinorPrefixBytes[24] = 2;
uintMinorPrefixBytes[25] = 3;
uintMinorPrefixBytes[26] = 5;
uintMinorPrefixBytes[27] = 9;
function assertEnoughData(data, pos, need) {
  if (data.length - pos < need) {
    throw new Error(`${decodeErrPrefix} not enough data for type`);
  }
}

// node_modules/cborg/lib/0uint.js
var uintBoundaries = [24, 256, 65536, 4294967296, BigInt("18446744073709551616")];
function readUint8(data, offset, options) {
  assertEnoughData(data, offset, 1);
  const value = data[offset];
  if (options.strict === true && value < uintBoundaries[0]) {
    throw new Error(`${decodeErrPrefix} integer encoded in more bytes than necessary (strict decode)`);
  }
  return value;
}
function readUint16(data, offset, options) {
  assertEnoughData(data, offset, 2);
  const value = data[offset] << 8 | data[offset + 1];
  if (options.strict === true && value < uintBoundaries[1]) {
    throw new Error(`${decodeErrPrefix} integer encoded in more bytes than necessary (strict decode)`);
  }
  return value;
}
function readUint32(data, offset, options) {
  assertEnoughData(data, offset, 4);
  const value = data[offset] * 16777216 + (data[offset + 1] << 16) + (data[offset + 2] << 8) + data[offset + 3];
  if (options.strict === true && value < uintBoundaries[2]) {
    throw new Error(`${decodeErrPrefix} integer encoded in more bytes than necessary (strict decode)`);
  }
  return value;
}
function readUint64(data, offset, options) {
  assertEnoughData(data, offset, 8);
  const hi = data[offset] * 16777216 + (data[offset + 1] << 16) + (data[offset + 2] << 8) + data[offset + 3];
  const lo = data[offset + 4] * 16777216 + (data[offset + 5] << 16) + (data[offset + 6] << 8) + data[offset + 7];
  const value = (BigInt(hi) << BigInt(32)) + BigInt(lo);
  if (options.strict === true && value < uintBoundaries[3]) {
    throw new Error(`${decodeErrPrefix} integer encoded in more bytes than necessary (strict decode)`);
  }
  if (value <= Number.MAX_SAFE_INTEGER) {
    return Number(value);
  }
  if (options.allowBigInt === true) {
    return value;
  }
  throw new Error(`${decodeErrPrefix} integers outside of the safe integer range are not supported`);
}
function decodeUint8(data, pos, _minor, options) {
  return new Token(Type.uint, readUint8(data, pos + 1, options), 2);
}
function decodeUint16(data, pos, _minor, options) {
  return new Token(Type.uint, readUint16(data, pos + 1, options), 3);
}
function decodeUint32(data, pos, _minor, options) {
  return new Token(Type.uint, readUint32(data, pos + 1, options), 5);
}
function decodeUint64(data, pos, _minor, options) {
  return new Token(Type.uint, readUint64(data, pos + 1, options), 9);
}
function encodeUint(writer, token) {
  return encodeUintValue(writer, 0, token.value);
}
function encodeUintValue(writer, major, uint2) {
  if (uint2 < uintBoundaries[0]) {
    const nuint = Number(uint2);
    writer.pushByte(major | nuint);
  } else if (uint2 < uintBoundaries[1]) {
    const nuint = Number(uint2);
    writer.push([major | 24, nuint]);
  } else if (uint2 < uintBoundaries[2]) {
    const nuint = Number(uint2);
    writer.push([major | 25, nuint >>> 8, nuint & 255]);
  } else if (uint2 < uintBoundaries[3]) {
    const nuint = Number(uint2);
    writer.push([major | 26, nuint >>> 24 & 255, nuint >>> 16 & 255, nuint >>> 8 & 255, nuint & 255]);
  } else {
    const buint = BigInt(uint2);
    if (buint < uintBoundaries[4]) {
      const set = [major | 27, 0, 0, 0, 0, 0, 0, 0];
      let lo = Number(buint & BigInt(4294967295));
      let hi = Number(buint >> BigInt(32) & BigInt(4294967295));
      set[8] = lo & 255;
      lo = lo >> 8;
      set[7] = lo & 255;
      lo = lo >> 8;
      set[6] = lo & 255;
      lo = lo >> 8;
      set[5] = lo & 255;
      set[4] = hi & 255;
      hi = hi >> 8;
      set[3] = hi & 255;
      hi = hi >> 8;
      set[2] = hi & 255;
      hi = hi >> 8;
      set[1] = hi & 255;
      writer.push(set);
    } else {
      throw new Error(`${decodeErrPrefix} encountered BigInt larger than allowable range`);
    }
  }
}
encodeUint.encodedSize = function encodedSize(token) {
  return encodeUintValue.encodedSize(token.value);
};
encodeUintValue.encodedSize = function encodedSize2(uint2) {
  if (uint2 < uintBoundaries[0]) {
    return 1;
  }
  if (uint2 < uintBoundaries[1]) {
    return 2;
  }
  if (uint2 < uintBoundaries[2]) {
    return 3;
  }
  if (uint2 < uintBoundaries[3]) {
    return 5;
  }
  return 9;
};
encodeUint.compareTokens = function compareTokens(tok1, tok2) {
  return tok1.value < tok2.value ? -1 : tok1.value > tok2.value ? 1 : 0;
};

// node_modules/cborg/lib/1negint.js
function decodeNegint8(data, pos, _minor, options) {
  return new Token(Type.negint, -1 - readUint8(data, pos + 1, options), 2);
}
function decodeNegint16(data, pos, _minor, options) {
  return new Token(Type.negint, -1 - readUint16(data, pos + 1, options), 3);
}
function decodeNegint32(data, pos, _minor, options) {
  return new Token(Type.negint, -1 - readUint32(data, pos + 1, options), 5);
}
var neg1b = BigInt(-1);
var pos1b = BigInt(1);
function decodeNegint64(data, pos, _minor, options) {
  const int = readUint64(data, pos + 1, options);
  if (typeof int !== "bigint") {
    const value = -1 - int;
    if (value >= Number.MIN_SAFE_INTEGER) {
      return new Token(Type.negint, value, 9);
    }
  }
  if (options.allowBigInt !== true) {
    throw new Error(`${decodeErrPrefix} integers outside of the safe integer range are not supported`);
  }
  return new Token(Type.negint, neg1b - BigInt(int), 9);
}
function encodeNegint(writer, token) {
  const negint = token.value;
  const unsigned2 = typeof negint === "bigint" ? negint * neg1b - pos1b : negint * -1 - 1;
  encodeUintValue(writer, token.type.majorEncoded, unsigned2);
}
encodeNegint.encodedSize = function encodedSize3(token) {
  const negint = token.value;
  const unsigned2 = typeof negint === "bigint" ? negint * neg1b - pos1b : negint * -1 - 1;
  if (unsigned2 < uintBoundaries[0]) {
    return 1;
  }
  if (unsigned2 < uintBoundaries[1]) {
    return 2;
  }
  if (unsigned2 < uintBoundaries[2]) {
    return 3;
  }
  if (unsigned2 < uintBoundaries[3]) {
    return 5;
  }
  return 9;
};
encodeNegint.compareTokens = function compareTokens2(tok1, tok2) {
  return tok1.value < tok2.value ? 1 : tok1.value > tok2.value ? -1 : 0;
};

// node_modules/cborg/lib/2bytes.js
function toToken(data, pos, prefix2, length) {
  assertEnoughData(data, pos, prefix2 + length);
  const buf = data.slice(pos + prefix2, pos + prefix2 + length);
  return new Token(Type.bytes, buf, prefix2 + length);
}
function decodeBytesCompact(data, pos, minor, _options) {
  return toToken(data, pos, 1, minor);
}
function decodeBytes8(data, pos, _minor, options) {
  return toToken(data, pos, 2, readUint8(data, pos + 1, options));
}
function decodeBytes16(data, pos, _minor, options) {
  return toToken(data, pos, 3, readUint16(data, pos + 1, options));
}
function decodeBytes32(data, pos, _minor, options) {
  return toToken(data, pos, 5, readUint32(data, pos + 1, options));
}
function decodeBytes64(data, pos, _minor, options) {
  const l = readUint64(data, pos + 1, options);
  if (typeof l === "bigint") {
    throw new Error(`${decodeErrPrefix} 64-bit integer bytes lengths not supported`);
  }
  return toToken(data, pos, 9, l);
}
function tokenBytes(token) {
  if (token.encodedBytes === void 0) {
    token.encodedBytes = Type.equals(token.type, Type.string) ? fromString(token.value) : token.value;
  }
  return token.encodedBytes;
}
function encodeBytes(writer, token) {
  const bytes2 = tokenBytes(token);
  encodeUintValue(writer, token.type.majorEncoded, bytes2.length);
  writer.push(bytes2);
}
encodeBytes.encodedSize = function encodedSize4(token) {
  const bytes2 = tokenBytes(token);
  return encodeUintValue.encodedSize(bytes2.length) + bytes2.length;
};
encodeBytes.compareTokens = function compareTokens3(tok1, tok2) {
  return compareBytes2(tokenBytes(tok1), tokenBytes(tok2));
};
function compareBytes2(b1, b2) {
  return b1.length < b2.length ? -1 : b1.length > b2.length ? 1 : compare(b1, b2);
}

// node_modules/cborg/lib/3string.js
var textDecoder = new TextDecoder();
var ASCII_THRESHOLD = 32;
function toStr(bytes2, start, end) {
  const len = end - start;
  if (len < ASCII_THRESHOLD) {
    let str = "";
    for (let i = start; i < end; i++) {
      const c = bytes2[i];
      if (c & 128) {
        return textDecoder.decode(bytes2.subarray(start, end));
      }
      str += String.fromCharCode(c);
    }
    return str;
  }
  return textDecoder.decode(bytes2.subarray(start, end));
}
function toToken2(data, pos, prefix2, length, options) {
  const totLength = prefix2 + length;
  assertEnoughData(data, pos, totLength);
  const tok = new Token(Type.string, toStr(data, pos + prefix2, pos + totLength), totLength);
  if (options.retainStringBytes === true) {
    tok.byteValue = data.slice(pos + prefix2, pos + totLength);
  }
  return tok;
}
function decodeStringCompact(data, pos, minor, options) {
  return toToken2(data, pos, 1, minor, options);
}
function decodeString8(data, pos, _minor, options) {
  return toToken2(data, pos, 2, readUint8(data, pos + 1, options), options);
}
function decodeString16(data, pos, _minor, options) {
  return toToken2(data, pos, 3, readUint16(data, pos + 1, options), options);
}
function decodeString32(data, pos, _minor, options) {
  return toToken2(data, pos, 5, readUint32(data, pos + 1, options), options);
}
function decodeString64(data, pos, _minor, options) {
  const l = readUint64(data, pos + 1, options);
  if (typeof l === "bigint") {
    throw new Error(`${decodeErrPrefix} 64-bit integer string lengths not supported`);
  }
  return toToken2(data, pos, 9, l, options);
}
var encodeString = encodeBytes;

// node_modules/cborg/lib/4array.js
function toToken3(_data, _pos, prefix2, length) {
  return new Token(Type.array, length, prefix2);
}
function decodeArrayCompact(data, pos, minor, _options) {
  return toToken3(data, pos, 1, minor);
}
function decodeArray8(data, pos, _minor, options) {
  return toToken3(data, pos, 2, readUint8(data, pos + 1, options));
}
function decodeArray16(data, pos, _minor, options) {
  return toToken3(data, pos, 3, readUint16(data, pos + 1, options));
}
function decodeArray32(data, pos, _minor, options) {
  return toToken3(data, pos, 5, readUint32(data, pos + 1, options));
}
function decodeArray64(data, pos, _minor, options) {
  const l = readUint64(data, pos + 1, options);
  if (typeof l === "bigint") {
    throw new Error(`${decodeErrPrefix} 64-bit integer array lengths not supported`);
  }
  return toToken3(data, pos, 9, l);
}
function decodeArrayIndefinite(data, pos, _minor, options) {
  if (options.allowIndefinite === false) {
    throw new Error(`${decodeErrPrefix} indefinite length items not allowed`);
  }
  return toToken3(data, pos, 1, Infinity);
}
function encodeArray(writer, token) {
  encodeUintValue(writer, Type.array.majorEncoded, token.value);
}
encodeArray.compareTokens = encodeUint.compareTokens;
encodeArray.encodedSize = function encodedSize5(token) {
  return encodeUintValue.encodedSize(token.value);
};

// node_modules/cborg/lib/5map.js
function toToken4(_data, _pos, prefix2, length) {
  return new Token(Type.map, length, prefix2);
}
function decodeMapCompact(data, pos, minor, _options) {
  return toToken4(data, pos, 1, minor);
}
function decodeMap8(data, pos, _minor, options) {
  return toToken4(data, pos, 2, readUint8(data, pos + 1, options));
}
function decodeMap16(data, pos, _minor, options) {
  return toToken4(data, pos, 3, readUint16(data, pos + 1, options));
}
function decodeMap32(data, pos, _minor, options) {
  return toToken4(data, pos, 5, readUint32(data, pos + 1, options));
}
function decodeMap64(data, pos, _minor, options) {
  const l = readUint64(data, pos + 1, options);
  if (typeof l === "bigint") {
    throw new Error(`${decodeErrPrefix} 64-bit integer map lengths not supported`);
  }
  return toToken4(data, pos, 9, l);
}
function decodeMapIndefinite(data, pos, _minor, options) {
  if (options.allowIndefinite === false) {
    throw new Error(`${decodeErrPrefix} indefinite length items not allowed`);
  }
  return toToken4(data, pos, 1, Infinity);
}
function encodeMap(writer, token) {
  encodeUintValue(writer, Type.map.majorEncoded, token.value);
}
encodeMap.compareTokens = encodeUint.compareTokens;
encodeMap.encodedSize = function encodedSize6(token) {
  return encodeUintValue.encodedSize(token.value);
};

// node_modules/cborg/lib/6tag.js
function decodeTagCompact(_data, _pos, minor, _options) {
  return new Token(Type.tag, minor, 1);
}
function decodeTag8(data, pos, _minor, options) {
  return new Token(Type.tag, readUint8(data, pos + 1, options), 2);
}
function decodeTag16(data, pos, _minor, options) {
  return new Token(Type.tag, readUint16(data, pos + 1, options), 3);
}
function decodeTag32(data, pos, _minor, options) {
  return new Token(Type.tag, readUint32(data, pos + 1, options), 5);
}
function decodeTag64(data, pos, _minor, options) {
  return new Token(Type.tag, readUint64(data, pos + 1, options), 9);
}
function encodeTag(writer, token) {
  encodeUintValue(writer, Type.tag.majorEncoded, token.value);
}
encodeTag.compareTokens = encodeUint.compareTokens;
encodeTag.encodedSize = function encodedSize7(token) {
  return encodeUintValue.encodedSize(token.value);
};

// node_modules/cborg/lib/7float.js
var MINOR_FALSE = 20;
var MINOR_TRUE = 21;
var MINOR_NULL = 22;
var MINOR_UNDEFINED = 23;
function decodeUndefined(_data, _pos, _minor, options) {
  if (options.allowUndefined === false) {
    throw new Error(`${decodeErrPrefix} undefined values are not supported`);
  } else if (options.coerceUndefinedToNull === true) {
    return new Token(Type.null, null, 1);
  }
  return new Token(Type.undefined, void 0, 1);
}
function decodeBreak(_data, _pos, _minor, options) {
  if (options.allowIndefinite === false) {
    throw new Error(`${decodeErrPrefix} indefinite length items not allowed`);
  }
  return new Token(Type.break, void 0, 1);
}
function createToken(value, bytes2, options) {
  if (options) {
    if (options.allowNaN === false && Number.isNaN(value)) {
      throw new Error(`${decodeErrPrefix} NaN values are not supported`);
    }
    if (options.allowInfinity === false && (value === Infinity || value === -Infinity)) {
      throw new Error(`${decodeErrPrefix} Infinity values are not supported`);
    }
  }
  return new Token(Type.float, value, bytes2);
}
function decodeFloat16(data, pos, _minor, options) {
  return createToken(readFloat16(data, pos + 1), 3, options);
}
function decodeFloat32(data, pos, _minor, options) {
  return createToken(readFloat32(data, pos + 1), 5, options);
}
function decodeFloat64(data, pos, _minor, options) {
  return createToken(readFloat64(data, pos + 1), 9, options);
}
function encodeFloat(writer, token, options) {
  const float = token.value;
  if (float === false) {
    writer.pushByte(Type.float.majorEncoded | MINOR_FALSE);
  } else if (float === true) {
    writer.pushByte(Type.float.majorEncoded | MINOR_TRUE);
  } else if (float === null) {
    writer.pushByte(Type.float.majorEncoded | MINOR_NULL);
  } else if (float === void 0) {
    writer.pushByte(Type.float.majorEncoded | MINOR_UNDEFINED);
  } else {
    let decoded;
    let success = false;
    if (!options || options.float64 !== true) {
      encodeFloat16(float);
      decoded = readFloat16(ui8a, 1);
      if (float === decoded || Number.isNaN(float)) {
        ui8a[0] = 249;
        writer.push(ui8a.slice(0, 3));
        success = true;
      } else {
        encodeFloat32(float);
        decoded = readFloat32(ui8a, 1);
        if (float === decoded) {
          ui8a[0] = 250;
          writer.push(ui8a.slice(0, 5));
          success = true;
        }
      }
    }
    if (!success) {
      encodeFloat64(float);
      decoded = readFloat64(ui8a, 1);
      ui8a[0] = 251;
      writer.push(ui8a.slice(0, 9));
    }
  }
}
encodeFloat.encodedSize = function encodedSize8(token, options) {
  const float = token.value;
  if (float === false || float === true || float === null || float === void 0) {
    return 1;
  }
  if (!options || options.float64 !== true) {
    encodeFloat16(float);
    let decoded = readFloat16(ui8a, 1);
    if (float === decoded || Number.isNaN(float)) {
      return 3;
    }
    encodeFloat32(float);
    decoded = readFloat32(ui8a, 1);
    if (float === decoded) {
      return 5;
    }
  }
  return 9;
};
var buffer = new ArrayBuffer(9);
var dataView = new DataView(buffer, 1);
var ui8a = new Uint8Array(buffer, 0);
function encodeFloat16(inp) {
  if (inp === Infinity) {
    dataView.setUint16(0, 31744, false);
  } else if (inp === -Infinity) {
    dataView.setUint16(0, 64512, false);
  } else if (Number.isNaN(inp)) {
    dataView.setUint16(0, 32256, false);
  } else {
    dataView.setFloat32(0, inp);
    const valu32 = dataView.getUint32(0);
    const exponent = (valu32 & 2139095040) >> 23;
    const mantissa = valu32 & 8388607;
    if (exponent === 255) {
      dataView.setUint16(0, 31744, false);
    } else if (exponent === 0) {
      dataView.setUint16(0, (valu32 & 2147483648) >> 16 | mantissa >> 13, false);
    } else {
      const logicalExponent = exponent - 127;
      if (logicalExponent < -24) {
        dataView.setUint16(0, 0);
      } else if (logicalExponent < -14) {
        dataView.setUint16(0, (valu32 & 2147483648) >> 16 | /* sign bit */
        1 << 24 + logicalExponent, false);
      } else {
        dataView.setUint16(0, (valu32 & 2147483648) >> 16 | logicalExponent + 15 << 10 | mantissa >> 13, false);
      }
    }
  }
}
function readFloat16(ui8a2, pos) {
  if (ui8a2.length - pos < 2) {
    throw new Error(`${decodeErrPrefix} not enough data for float16`);
  }
  const half = (ui8a2[pos] << 8) + ui8a2[pos + 1];
  if (half === 31744) {
    return Infinity;
  }
  if (half === 64512) {
    return -Infinity;
  }
  if (half === 32256) {
    return NaN;
  }
  const exp = half >> 10 & 31;
  const mant = half & 1023;
  let val;
  if (exp === 0) {
    val = mant * 2 ** -24;
  } else if (exp !== 31) {
    val = (mant + 1024) * 2 ** (exp - 25);
  } else {
    val = mant === 0 ? Infinity : NaN;
  }
  return half & 32768 ? -val : val;
}
function encodeFloat32(inp) {
  dataView.setFloat32(0, inp, false);
}
function readFloat32(ui8a2, pos) {
  if (ui8a2.length - pos < 4) {
    throw new Error(`${decodeErrPrefix} not enough data for float32`);
  }
  const offset = (ui8a2.byteOffset || 0) + pos;
  return new DataView(ui8a2.buffer, offset, 4).getFloat32(0, false);
}
function encodeFloat64(inp) {
  dataView.setFloat64(0, inp, false);
}
function readFloat64(ui8a2, pos) {
  if (ui8a2.length - pos < 8) {
    throw new Error(`${decodeErrPrefix} not enough data for float64`);
  }
  const offset = (ui8a2.byteOffset || 0) + pos;
  return new DataView(ui8a2.buffer, offset, 8).getFloat64(0, false);
}
function encodeMajorSevenBytes(token, float64) {
  const float = token.value;
  if (float === false) {
    return Uint8Array.of(Type.float.majorEncoded | MINOR_FALSE);
  }
  if (float === true) {
    return Uint8Array.of(Type.float.majorEncoded | MINOR_TRUE);
  }
  if (float === null) {
    return Uint8Array.of(Type.float.majorEncoded | MINOR_NULL);
  }
  if (float === void 0) {
    return Uint8Array.of(Type.float.majorEncoded | MINOR_UNDEFINED);
  }
  if (!float64) {
    encodeFloat16(float);
    if (float === readFloat16(ui8a, 1) || Number.isNaN(float)) {
      ui8a[0] = 249;
      return ui8a.slice(0, 3);
    }
    encodeFloat32(float);
    if (float === readFloat32(ui8a, 1)) {
      ui8a[0] = 250;
      return ui8a.slice(0, 5);
    }
  }
  encodeFloat64(float);
  ui8a[0] = 251;
  return ui8a.slice(0, 9);
}
function majorSevenBytes(token, options) {
  const tokenEx = (
    /** @type {TokenEx} */
    token
  );
  const float64 = options?.float64 === true;
  const cached = float64 ? tokenEx._keyBytesFloat64 : tokenEx._keyBytes;
  if (cached !== void 0) {
    return cached;
  }
  const bytes2 = encodeMajorSevenBytes(token, float64);
  if (float64) {
    tokenEx._keyBytesFloat64 = bytes2;
  } else {
    tokenEx._keyBytes = bytes2;
  }
  return bytes2;
}
encodeFloat.compareTokens = function compareTokens4(tok1, tok2, options) {
  const b1 = majorSevenBytes(tok1, options);
  const b2 = majorSevenBytes(tok2, options);
  if (b1.length !== b2.length) {
    return b1.length < b2.length ? -1 : 1;
  }
  return compare(b1, b2);
};

// node_modules/cborg/lib/jump.js
function invalidMinor(data, pos, minor) {
  throw new Error(`${decodeErrPrefix} encountered invalid minor (${minor}) for major ${data[pos] >>> 5}`);
}
function errorer(msg) {
  return () => {
    throw new Error(`${decodeErrPrefix} ${msg}`);
  };
}
var jump = [];
for (let i = 0; i <= 23; i++) {
  jump[i] = invalidMinor;
}
jump[24] = decodeUint8;
jump[25] = decodeUint16;
jump[26] = decodeUint32;
jump[27] = decodeUint64;
jump[28] = invalidMinor;
jump[29] = invalidMinor;
jump[30] = invalidMinor;
jump[31] = invalidMinor;
for (let i = 32; i <= 55; i++) {
  jump[i] = invalidMinor;
}
jump[56] = decodeNegint8;
jump[57] = decodeNegint16;
jump[58] = decodeNegint32;
jump[59] = decodeNegint64;
jump[60] = invalidMinor;
jump[61] = invalidMinor;
jump[62] = invalidMinor;
jump[63] = invalidMinor;
for (let i = 64; i <= 87; i++) {
  jump[i] = decodeBytesCompact;
}
jump[88] = decodeBytes8;
jump[89] = decodeBytes16;
jump[90] = decodeBytes32;
jump[91] = decodeBytes64;
jump[92] = invalidMinor;
jump[93] = invalidMinor;
jump[94] = invalidMinor;
jump[95] = errorer("indefinite length bytes/strings are not supported");
for (let i = 96; i <= 119; i++) {
  jump[i] = decodeStringCompact;
}
jump[120] = decodeString8;
jump[121] = decodeString16;
jump[122] = decodeString32;
jump[123] = decodeString64;
jump[124] = invalidMinor;
jump[125] = invalidMinor;
jump[126] = invalidMinor;
jump[127] = errorer("indefinite length bytes/strings are not supported");
for (let i = 128; i <= 151; i++) {
  jump[i] = decodeArrayCompact;
}
jump[152] = decodeArray8;
jump[153] = decodeArray16;
jump[154] = decodeArray32;
jump[155] = decodeArray64;
jump[156] = invalidMinor;
jump[157] = invalidMinor;
jump[158] = invalidMinor;
jump[159] = decodeArrayIndefinite;
for (let i = 160; i <= 183; i++) {
  jump[i] = decodeMapCompact;
}
jump[184] = decodeMap8;
jump[185] = decodeMap16;
jump[186] = decodeMap32;
jump[187] = decodeMap64;
jump[188] = invalidMinor;
jump[189] = invalidMinor;
jump[190] = invalidMinor;
jump[191] = decodeMapIndefinite;
for (let i = 192; i <= 215; i++) {
  jump[i] = decodeTagCompact;
}
jump[216] = decodeTag8;
jump[217] = decodeTag16;
jump[218] = decodeTag32;
jump[219] = decodeTag64;
jump[220] = invalidMinor;
jump[221] = invalidMinor;
jump[222] = invalidMinor;
jump[223] = invalidMinor;
for (let i = 224; i <= 243; i++) {
  jump[i] = errorer("simple values are not supported");
}
jump[244] = invalidMinor;
jump[245] = invalidMinor;
jump[246] = invalidMinor;
jump[247] = decodeUndefined;
jump[248] = errorer("simple values are not supported");
jump[249] = decodeFloat16;
jump[250] = decodeFloat32;
jump[251] = decodeFloat64;
jump[252] = invalidMinor;
jump[253] = invalidMinor;
jump[254] = invalidMinor;
jump[255] = decodeBreak;
var quick = [];
for (let i = 0; i < 24; i++) {
  quick[i] = new Token(Type.uint, i, 1);
}
for (let i = -1; i >= -24; i--) {
  quick[31 - i] = new Token(Type.negint, i, 1);
}
quick[64] = new Token(Type.bytes, new Uint8Array(0), 1);
quick[96] = new Token(Type.string, "", 1);
quick[128] = new Token(Type.array, 0, 1);
quick[160] = new Token(Type.map, 0, 1);
quick[244] = new Token(Type.false, false, 1);
quick[245] = new Token(Type.true, true, 1);
quick[246] = new Token(Type.null, null, 1);
function quickEncodeToken(token) {
  switch (token.type) {
    case Type.false:
      return fromArray([244]);
    case Type.true:
      return fromArray([245]);
    case Type.null:
      return fromArray([246]);
    case Type.bytes:
      if (!token.value.length) {
        return fromArray([64]);
      }
      return;
    case Type.string:
      if (token.value === "") {
        return fromArray([96]);
      }
      return;
    case Type.array:
      if (token.value === 0) {
        return fromArray([128]);
      }
      return;
    case Type.map:
      if (token.value === 0) {
        return fromArray([160]);
      }
      return;
    case Type.uint:
      if (token.value < 24) {
        return fromArray([Number(token.value)]);
      }
      return;
    case Type.negint:
      if (token.value >= -24) {
        return fromArray([31 - Number(token.value)]);
      }
  }
}

// node_modules/cborg/lib/encode.js
var defaultEncodeOptions = {
  float64: false,
  mapSorter,
  quickEncodeToken
};
var rfc8949EncodeOptions = Object.freeze({
  mapSorter: rfc8949MapSorter,
  quickEncodeToken
});
function makeCborEncoders() {
  const encoders = [];
  encoders[Type.uint.major] = encodeUint;
  encoders[Type.negint.major] = encodeNegint;
  encoders[Type.bytes.major] = encodeBytes;
  encoders[Type.string.major] = encodeString;
  encoders[Type.array.major] = encodeArray;
  encoders[Type.map.major] = encodeMap;
  encoders[Type.tag.major] = encodeTag;
  encoders[Type.float.major] = encodeFloat;
  return encoders;
}
var cborEncoders = makeCborEncoders();
var defaultWriter = new Bl();
var Ref = class _Ref {
  /**
   * @param {object|any[]} obj
   * @param {Reference|undefined} parent
   */
  constructor(obj, parent) {
    this.obj = obj;
    this.parent = parent;
  }
  /**
   * @param {object|any[]} obj
   * @returns {boolean}
   */
  includes(obj) {
    let p = this;
    do {
      if (p.obj === obj) {
        return true;
      }
    } while (p = p.parent);
    return false;
  }
  /**
   * @param {Reference|undefined} stack
   * @param {object|any[]} obj
   * @returns {Reference}
   */
  static createCheck(stack, obj) {
    if (stack && stack.includes(obj)) {
      throw new Error(`${encodeErrPrefix} object contains circular references`);
    }
    return new _Ref(obj, stack);
  }
};
var simpleTokens = {
  null: new Token(Type.null, null),
  undefined: new Token(Type.undefined, void 0),
  true: new Token(Type.true, true),
  false: new Token(Type.false, false),
  emptyArray: new Token(Type.array, 0),
  emptyMap: new Token(Type.map, 0)
};
var typeEncoders = {
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  number(obj, _typ, _options, _refStack) {
    if (!Number.isInteger(obj) || !Number.isSafeInteger(obj)) {
      return new Token(Type.float, obj);
    } else if (obj >= 0) {
      return new Token(Type.uint, obj);
    } else {
      return new Token(Type.negint, obj);
    }
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  bigint(obj, _typ, _options, _refStack) {
    if (obj >= BigInt(0)) {
      return new Token(Type.uint, obj);
    } else {
      return new Token(Type.negint, obj);
    }
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  Uint8Array(obj, _typ, _options, _refStack) {
    return new Token(Type.bytes, obj);
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  string(obj, _typ, _options, _refStack) {
    return new Token(Type.string, obj);
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  boolean(obj, _typ, _options, _refStack) {
    return obj ? simpleTokens.true : simpleTokens.false;
  },
  /**
   * @param {any} _obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  null(_obj, _typ, _options, _refStack) {
    return simpleTokens.null;
  },
  /**
   * @param {any} _obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  undefined(_obj, _typ, _options, _refStack) {
    return simpleTokens.undefined;
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  ArrayBuffer(obj, _typ, _options, _refStack) {
    return new Token(Type.bytes, new Uint8Array(obj));
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} _options
   * @param {Reference} [_refStack]
   * @returns {TokenOrNestedTokens}
   */
  DataView(obj, _typ, _options, _refStack) {
    return new Token(Type.bytes, new Uint8Array(obj.buffer, obj.byteOffset, obj.byteLength));
  },
  /**
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} options
   * @param {Reference} [refStack]
   * @returns {TokenOrNestedTokens}
   */
  Array(obj, _typ, options, refStack) {
    if (!obj.length) {
      if (options.addBreakTokens === true) {
        return [simpleTokens.emptyArray, new Token(Type.break)];
      }
      return simpleTokens.emptyArray;
    }
    refStack = Ref.createCheck(refStack, obj);
    const entries = [];
    let i = 0;
    for (const e of obj) {
      entries[i++] = objectToTokens(e, options, refStack);
    }
    if (options.addBreakTokens) {
      return [new Token(Type.array, obj.length), entries, new Token(Type.break)];
    }
    return [new Token(Type.array, obj.length), entries];
  },
  /**
   * @param {any} obj
   * @param {string} typ
   * @param {EncodeOptions} options
   * @param {Reference} [refStack]
   * @returns {TokenOrNestedTokens}
   */
  Object(obj, typ, options, refStack) {
    const isMap = typ !== "Object";
    const keys = isMap ? obj.keys() : Object.keys(obj);
    const maxLength = isMap ? obj.size : keys.length;
    let entries;
    if (maxLength) {
      entries = new Array(maxLength);
      refStack = Ref.createCheck(refStack, obj);
      const skipUndefined = !isMap && options.ignoreUndefinedProperties;
      let i = 0;
      for (const key of keys) {
        const value = isMap ? obj.get(key) : obj[key];
        if (skipUndefined && value === void 0) {
          continue;
        }
        entries[i++] = [
          objectToTokens(key, options, refStack),
          objectToTokens(value, options, refStack)
        ];
      }
      if (i < maxLength) {
        entries.length = i;
      }
    }
    if (!entries?.length) {
      if (options.addBreakTokens === true) {
        return [simpleTokens.emptyMap, new Token(Type.break)];
      }
      return simpleTokens.emptyMap;
    }
    sortMapEntries(entries, options);
    if (options.addBreakTokens) {
      return [new Token(Type.map, entries.length), entries, new Token(Type.break)];
    }
    return [new Token(Type.map, entries.length), entries];
  },
  /**
   * Encode a `Tagged` wrapper as a CBOR tag header followed by the encoded
   * form of the wrapped value. The value is recursively tokenised through
   * `objectToTokens()` so any registered `typeEncoders` apply to it.
   *
   * @param {any} obj
   * @param {string} _typ
   * @param {EncodeOptions} options
   * @param {Reference} [refStack]
   * @returns {TokenOrNestedTokens}
   */
  Tagged(obj, _typ, options, refStack) {
    return [
      new Token(Type.tag, obj.tag),
      objectToTokens(obj.value, options, refStack)
    ];
  }
};
typeEncoders.Map = typeEncoders.Object;
typeEncoders.Buffer = typeEncoders.Uint8Array;
for (const typ of "Uint8Clamped Uint16 Uint32 Int8 Int16 Int32 BigUint64 BigInt64 Float32 Float64".split(" ")) {
  typeEncoders[`${typ}Array`] = typeEncoders.DataView;
}
function objectToTokens(obj, options = {}, refStack) {
  const typ = is(obj);
  const customTypeEncoder = options && options.typeEncoders && /** @type {OptionalTypeEncoder} */
  options.typeEncoders[typ] || typeEncoders[typ];
  if (typeof customTypeEncoder === "function") {
    const tokens = customTypeEncoder(obj, typ, options, refStack);
    if (tokens != null) {
      return tokens;
    }
  }
  const typeEncoder = typeEncoders[typ];
  if (!typeEncoder) {
    throw new Error(`${encodeErrPrefix} unsupported type: ${typ}`);
  }
  return typeEncoder(obj, typ, options, refStack);
}
function sortMapEntries(entries, options) {
  const mapSorter2 = (
    /** @type {(e1: TokenOrNestedTokens, e2: TokenOrNestedTokens, options?: EncodeOptions) => number} */
    options.mapSorter
  );
  if (mapSorter2) {
    entries.sort((e1, e2) => mapSorter2(e1, e2, options));
  }
}
function mapSorter(e1, e2, options) {
  const keyToken1 = Array.isArray(e1[0]) ? e1[0][0] : e1[0];
  const keyToken2 = Array.isArray(e2[0]) ? e2[0][0] : e2[0];
  if (keyToken1.type.major !== keyToken2.type.major) {
    return keyToken1.type.compare(keyToken2.type);
  }
  const major = keyToken1.type.major;
  const tcmp = cborEncoders[major].compareTokens(keyToken1, keyToken2, options);
  if (tcmp === 0) {
    console.warn("WARNING: complex key types used, CBOR key sorting guarantees are gone");
  }
  return tcmp;
}
function rfc8949MapSorter(e1, e2) {
  if (e1[0] instanceof Token && e2[0] instanceof Token) {
    const t1 = (
      /** @type {TokenEx} */
      e1[0]
    );
    const t2 = (
      /** @type {TokenEx} */
      e2[0]
    );
    if (!t1._keyBytes) {
      t1._keyBytes = encodeRfc8949(t1.value);
    }
    if (!t2._keyBytes) {
      t2._keyBytes = encodeRfc8949(t2.value);
    }
    return compare(t1._keyBytes, t2._keyBytes);
  }
  throw new Error("rfc8949MapSorter: complex key types are not supported yet");
}
function encodeRfc8949(data) {
  return encodeCustom(data, cborEncoders, rfc8949EncodeOptions);
}
function tokensToEncoded(writer, tokens, encoders, options) {
  if (Array.isArray(tokens)) {
    for (const token of tokens) {
      tokensToEncoded(writer, token, encoders, options);
    }
  } else {
    encoders[tokens.type.major](writer, tokens, options);
  }
}
var MAJOR_UINT = Type.uint.majorEncoded;
var MAJOR_NEGINT = Type.negint.majorEncoded;
var MAJOR_BYTES = Type.bytes.majorEncoded;
var MAJOR_STRING = Type.string.majorEncoded;
var MAJOR_ARRAY = Type.array.majorEncoded;
var MAJOR_MAP = Type.map.majorEncoded;
var SIMPLE_FALSE = Type.float.majorEncoded | MINOR_FALSE;
var SIMPLE_TRUE = Type.float.majorEncoded | MINOR_TRUE;
var SIMPLE_NULL = Type.float.majorEncoded | MINOR_NULL;
var SIMPLE_UNDEFINED = Type.float.majorEncoded | MINOR_UNDEFINED;
var neg1b2 = BigInt(-1);
var pos1b2 = BigInt(1);
function directEncodeUintValue(writer, major, uint2) {
  if (uint2 < 24) {
    writer.pushByte(major | Number(uint2));
  } else {
    encodeUintValue(writer, major, uint2);
  }
}
function canDirectEncode(options) {
  return options.addBreakTokens !== true;
}
function directEncodeMap(writer, data, typ, options, refStack) {
  const isMap = typ === "Map";
  const keys = isMap ? data.keys() : Object.keys(data);
  const maxLength = isMap ? data.size : keys.length;
  if (!maxLength) {
    writer.pushByte(MAJOR_MAP);
    return;
  }
  refStack = Ref.createCheck(refStack, data);
  const skipUndefined = !isMap && options.ignoreUndefinedProperties;
  const entries = new Array(maxLength);
  let length = 0;
  for (const key of keys) {
    const value = isMap ? data.get(key) : data[key];
    if (skipUndefined && value === void 0) {
      continue;
    }
    entries[length++] = [objectToTokens(key, options, refStack), value];
  }
  if (length === 0) {
    writer.pushByte(MAJOR_MAP);
    return;
  }
  if (length < maxLength) {
    entries.length = length;
  }
  entries.sort((e1, e2) => mapSorter(e1, e2, options));
  directEncodeUintValue(writer, MAJOR_MAP, length);
  for (const [key, value] of entries) {
    tokensToEncoded(writer, key, cborEncoders, options);
    directEncode(writer, value, options, refStack);
  }
}
function directEncode(writer, data, options, refStack) {
  const typ = is(data);
  const customEncoder = options.typeEncoders && options.typeEncoders[typ];
  if (customEncoder) {
    const tokens = customEncoder(data, typ, options, refStack);
    if (tokens != null) {
      tokensToEncoded(writer, tokens, cborEncoders, options);
      return;
    }
  }
  switch (typ) {
    case "null":
      writer.pushByte(SIMPLE_NULL);
      return;
    case "undefined":
      writer.pushByte(SIMPLE_UNDEFINED);
      return;
    case "boolean":
      writer.pushByte(data ? SIMPLE_TRUE : SIMPLE_FALSE);
      return;
    case "number":
      if (!Number.isInteger(data) || !Number.isSafeInteger(data)) {
        encodeFloat(writer, new Token(Type.float, data), options);
      } else if (data >= 0) {
        directEncodeUintValue(writer, MAJOR_UINT, data);
      } else {
        directEncodeUintValue(writer, MAJOR_NEGINT, data * -1 - 1);
      }
      return;
    case "bigint":
      if (data >= BigInt(0)) {
        directEncodeUintValue(writer, MAJOR_UINT, data);
      } else {
        directEncodeUintValue(writer, MAJOR_NEGINT, data * neg1b2 - pos1b2);
      }
      return;
    case "string": {
      const bytes2 = fromString(data);
      directEncodeUintValue(writer, MAJOR_STRING, bytes2.length);
      writer.push(bytes2);
      return;
    }
    case "Uint8Array":
      directEncodeUintValue(writer, MAJOR_BYTES, data.length);
      writer.push(data);
      return;
    case "Array":
      if (!data.length) {
        writer.pushByte(MAJOR_ARRAY);
        return;
      }
      refStack = Ref.createCheck(refStack, data);
      directEncodeUintValue(writer, MAJOR_ARRAY, data.length);
      for (const elem of data) {
        directEncode(writer, elem, options, refStack);
      }
      return;
    case "Object":
    case "Map":
      if (options.mapSorter === mapSorter) {
        directEncodeMap(writer, data, typ, options, refStack);
      } else {
        const tokens = typeEncoders.Object(data, typ, options, refStack);
        tokensToEncoded(writer, tokens, cborEncoders, options);
      }
      return;
    default: {
      const typeEncoder = typeEncoders[typ];
      if (!typeEncoder) {
        throw new Error(`${encodeErrPrefix} unsupported type: ${typ}`);
      }
      const tokens = typeEncoder(data, typ, options, refStack);
      tokensToEncoded(writer, tokens, cborEncoders, options);
    }
  }
}
function encodeCustom(data, encoders, options, destination) {
  const hasDest = destination instanceof Uint8Array;
  let writeTo = hasDest ? new U8Bl(destination) : defaultWriter;
  const tokens = objectToTokens(data, options);
  if (!Array.isArray(tokens) && options.quickEncodeToken) {
    const quickBytes = options.quickEncodeToken(tokens);
    if (quickBytes) {
      if (hasDest) {
        writeTo.push(quickBytes);
        return writeTo.toBytes();
      }
      return quickBytes;
    }
    const encoder2 = encoders[tokens.type.major];
    if (encoder2.encodedSize) {
      const size = encoder2.encodedSize(tokens, options);
      if (!hasDest) {
        writeTo = new Bl(size);
      }
      encoder2(writeTo, tokens, options);
      if (writeTo.chunks.length !== 1) {
        throw new Error(`Unexpected error: pre-calculated length for ${tokens} was wrong`);
      }
      return hasDest ? writeTo.toBytes() : asU8A(writeTo.chunks[0]);
    }
  }
  writeTo.reset();
  tokensToEncoded(writeTo, tokens, encoders, options);
  return writeTo.toBytes(true);
}
function encode2(data, options) {
  options = Object.assign({}, defaultEncodeOptions, options);
  if (canDirectEncode(options)) {
    defaultWriter.reset();
    directEncode(defaultWriter, data, options, void 0);
    return defaultWriter.toBytes(true);
  }
  return encodeCustom(data, cborEncoders, options);
}

// node_modules/cborg/lib/decode.js
var defaultDecodeOptions = {
  strict: false,
  allowIndefinite: true,
  allowUndefined: true,
  allowBigInt: true
};
var Tokeniser = class {
  /**
   * @param {Uint8Array} data
   * @param {DecodeOptions} options
   */
  constructor(data, options = {}) {
    this._pos = 0;
    this.data = data;
    this.options = options;
  }
  pos() {
    return this._pos;
  }
  done() {
    return this._pos >= this.data.length;
  }
  next() {
    const byt = this.data[this._pos];
    let token = quick[byt];
    if (token === void 0) {
      const decoder2 = jump[byt];
      if (!decoder2) {
        throw new Error(`${decodeErrPrefix} no decoder for major type ${byt >>> 5} (byte 0x${byt.toString(16).padStart(2, "0")})`);
      }
      const minor = byt & 31;
      token = decoder2(this.data, this._pos, minor, this.options);
    }
    this._pos += token.encodedLength;
    return token;
  }
};
var DONE = /* @__PURE__ */ Symbol.for("DONE");
var BREAK = /* @__PURE__ */ Symbol.for("BREAK");
function tokenToArray(token, tokeniser, options) {
  const arr = [];
  for (let i = 0; i < token.value; i++) {
    const value = tokensToObject(tokeniser, options);
    if (value === BREAK) {
      if (token.value === Infinity) {
        break;
      }
      throw new Error(`${decodeErrPrefix} got unexpected break to lengthed array`);
    }
    if (value === DONE) {
      throw new Error(`${decodeErrPrefix} found array but not enough entries (got ${i}, expected ${token.value})`);
    }
    arr[i] = value;
  }
  return arr;
}
function tokenToMap(token, tokeniser, options) {
  const useMaps = options.useMaps === true;
  const rejectDuplicateMapKeys = options.rejectDuplicateMapKeys === true;
  const obj = useMaps ? void 0 : {};
  const m = useMaps ? /* @__PURE__ */ new Map() : void 0;
  for (let i = 0; i < token.value; i++) {
    const key = tokensToObject(tokeniser, options);
    if (key === BREAK) {
      if (token.value === Infinity) {
        break;
      }
      throw new Error(`${decodeErrPrefix} got unexpected break to lengthed map`);
    }
    if (key === DONE) {
      throw new Error(`${decodeErrPrefix} found map but not enough entries (got ${i} [no key], expected ${token.value})`);
    }
    if (!useMaps && typeof key !== "string") {
      throw new Error(`${decodeErrPrefix} non-string keys not supported (got ${typeof key})`);
    }
    if (rejectDuplicateMapKeys) {
      if (useMaps && m.has(key) || !useMaps && Object.hasOwn(obj, key)) {
        throw new Error(`${decodeErrPrefix} found repeat map key "${key}"`);
      }
    }
    const value = tokensToObject(tokeniser, options);
    if (value === DONE) {
      throw new Error(`${decodeErrPrefix} found map but not enough entries (got ${i} [no value], expected ${token.value})`);
    }
    if (useMaps) {
      m.set(key, value);
    } else if (key === "__proto__") {
      Object.defineProperty(obj, key, { value, configurable: true, enumerable: true, writable: true });
    } else {
      obj[key] = value;
    }
  }
  return useMaps ? m : obj;
}
function* tokenToMapEntries(token, tokeniser, options) {
  for (let i = 0; i < token.value; i++) {
    const key = tokensToObject(tokeniser, options);
    if (key === BREAK) {
      if (token.value === Infinity) {
        break;
      }
      throw new Error(`${decodeErrPrefix} got unexpected break to lengthed map`);
    }
    if (key === DONE) {
      throw new Error(`${decodeErrPrefix} found map but not enough entries (got ${i} [no key], expected ${token.value})`);
    }
    const value = tokensToObject(tokeniser, options);
    if (value === DONE) {
      throw new Error(`${decodeErrPrefix} found map but not enough entries (got ${i} [no value], expected ${token.value})`);
    }
    yield [key, value];
  }
}
function createTagDecodeControl(tokeniser, options) {
  const decode3 = function() {
    if (decode3._called) {
      throw new Error(`${decodeErrPrefix} tag decode() may only be called once`);
    }
    decode3._called = true;
    const value = tokensToObject(tokeniser, options);
    if (value === DONE) {
      throw new Error(`${decodeErrPrefix} tag content missing`);
    }
    if (value === BREAK) {
      throw new Error(`${decodeErrPrefix} got unexpected break in tag content`);
    }
    return value;
  };
  decode3.entries = function() {
    if (decode3._called) {
      throw new Error(`${decodeErrPrefix} tag decode() may only be called once`);
    }
    decode3._called = true;
    const token = tokeniser.next();
    if (!Type.equals(token.type, Type.map)) {
      throw new Error(`${decodeErrPrefix} entries() requires map content, got ${token.type.name}`);
    }
    const entries = [];
    for (const entry of tokenToMapEntries(token, tokeniser, options)) {
      entries.push(entry);
    }
    return entries;
  };
  decode3._called = false;
  return decode3;
}
function tokensToObject(tokeniser, options) {
  if (tokeniser.done()) {
    return DONE;
  }
  const token = tokeniser.next();
  if (Type.equals(token.type, Type.break)) {
    return BREAK;
  }
  if (token.type.terminal) {
    return token.value;
  }
  if (Type.equals(token.type, Type.array)) {
    return tokenToArray(token, tokeniser, options);
  }
  if (Type.equals(token.type, Type.map)) {
    return tokenToMap(token, tokeniser, options);
  }
  if (Type.equals(token.type, Type.tag)) {
    if (options.tags && typeof options.tags[token.value] === "function") {
      const decodeControl = createTagDecodeControl(tokeniser, options);
      const result2 = options.tags[token.value](decodeControl);
      if (!decodeControl._called) {
        throw new Error(`${decodeErrPrefix} tag decoder must call decode() or entries()`);
      }
      return result2;
    }
    throw new Error(`${decodeErrPrefix} tag not supported (${token.value})`);
  }
  throw new Error("unsupported");
}
function decodeFirst(data, options) {
  if (!(data instanceof Uint8Array)) {
    throw new Error(`${decodeErrPrefix} data to decode must be a Uint8Array`);
  }
  options = Object.assign({}, defaultDecodeOptions, options);
  const u8aData = asU8A(data);
  const tokeniser = options.tokenizer || new Tokeniser(u8aData, options);
  const decoded = tokensToObject(tokeniser, options);
  if (decoded === DONE) {
    throw new Error(`${decodeErrPrefix} did not find any content to decode`);
  }
  if (decoded === BREAK) {
    throw new Error(`${decodeErrPrefix} got unexpected break`);
  }
  return [decoded, data.subarray(tokeniser.pos())];
}
function decode(data, options) {
  const [decoded, remainder] = decodeFirst(data, options);
  if (remainder.length > 0) {
    throw new Error(`${decodeErrPrefix} too many terminals, data makes no sense`);
  }
  return decoded;
}

// node_modules/cborg/lib/tagged.js
var Tagged = class _Tagged {
  /**
   * @param {number} tag - CBOR tag number, a non-negative integer
   * @param {any} value - The value to be tagged; encoded recursively
   */
  constructor(tag, value) {
    if (typeof tag !== "number" || !Number.isInteger(tag) || tag < 0) {
      throw new TypeError("Tagged: tag must be a non-negative integer");
    }
    this.tag = tag;
    this.value = value;
  }
  /**
   * Build a tag decoder for use in `decode()`'s `tags` option that returns the
   * decoded content wrapped in a `Tagged` instance, preserving the tag number
   * for the caller to inspect.
   *
   * @param {number} tag - The CBOR tag number this decoder will be registered for
   * @returns {TaggedTagDecoder}
   *
   * @example
   * import { decode, Tagged } from 'cborg'
   * const value = decode(bytes, { tags: { 16: Tagged.decoder(16) } })
   * // value instanceof Tagged; value.tag === 16
   */
  static decoder(tag) {
    return (decode3) => new _Tagged(tag, decode3());
  }
  /**
   * Build a `tags` option for `decode()` that wraps each listed tag number in
   * a `Tagged` instance, preserving those tags through decode without
   * registering a dedicated decoder per tag.
   *
   * @param {...number} tagNumbers - One or more CBOR tag numbers to preserve
   * @returns {{[tagNumber: number]: TaggedTagDecoder}}
   *
   * @example
   * import { decode, Tagged } from 'cborg'
   * const value = decode(bytes, { tags: Tagged.preserve(16, 96) })
   */
  static preserve(...tagNumbers) {
    const tags = {};
    for (const tag of tagNumbers) {
      tags[tag] = _Tagged.decoder(tag);
    }
    return tags;
  }
};
Object.defineProperty(Tagged.prototype, Symbol.toStringTag, {
  value: "Tagged"
});

// packages/perdure/src/wire/shape.ts
function wrong(path, expected) {
  throw new PerdureError("malformed", `${path}: expected ${expected}`);
}
var uint = {
  form: { kind: "uint" },
  says: "uint",
  write: (value) => {
    if (!Number.isSafeInteger(value) || value < 0) wrong("value", "an unsigned integer below 2^53");
    return value === 0 ? 0 : value;
  },
  read: (plain, path) => typeof plain === "number" && Number.isSafeInteger(plain) && plain >= 0 ? plain : wrong(path, "an unsigned integer below 2^53")
};
var flag = {
  form: { kind: "flag" },
  says: "0 or 1",
  write: (value) => value ? 1 : 0,
  read: (plain, path) => plain === 0 || plain === 1 ? plain === 1 : wrong(path, "0 or 1")
};
function fixed(sizeBytes) {
  return {
    form: { kind: "fixed", sizeBytes },
    says: `${sizeBytes} bytes`,
    write: (value) => value.length === sizeBytes ? value : wrong("value", `${sizeBytes} bytes`),
    read: (plain, path) => plain instanceof Uint8Array && plain.length === sizeBytes ? plain : wrong(path, `${sizeBytes} bytes`)
  };
}
function bytes(maxBytes) {
  return {
    form: { kind: "bytes", maxBytes },
    says: `bytes, at most ${maxBytes}`,
    write: (value) => value.length <= maxBytes ? value : wrong("value", `at most ${maxBytes} bytes`),
    read: (plain, path) => plain instanceof Uint8Array && plain.length <= maxBytes ? plain : wrong(path, `at most ${maxBytes} bytes`)
  };
}
function text(maxBytes = MAX_TEXT_BYTES) {
  const fits2 = (value) => value.length <= maxBytes && utf8(value).length <= maxBytes && value.isWellFormed() && value === value.normalize("NFC") && !value.startsWith("\uFEFF");
  return {
    form: { kind: "text", maxBytes },
    says: `text, at most ${maxBytes} bytes`,
    write: (value) => fits2(value) ? value : wrong("value", `NFC text of at most ${maxBytes} bytes`),
    read: (plain, path) => typeof plain === "string" && fits2(plain) ? plain : wrong(path, `NFC text of at most ${maxBytes} bytes`)
  };
}
function choice(...words) {
  return {
    form: { kind: "choice", words },
    says: words.map((word, index) => `${index} ${word}`).join(", "),
    write: (value) => {
      const index = words.indexOf(value);
      return index >= 0 ? index : wrong("value", `one of ${words.join(", ")}`);
    },
    read: (plain, path) => typeof plain === "number" && words[plain] !== void 0 ? words[plain] : wrong(path, `one of ${words.join(", ")}`)
  };
}
function list(item, maxItems = MAX_LIST_ITEMS) {
  return {
    form: { kind: "list", item: item.form, maxItems },
    says: `list of (${item.says}), at most ${maxItems}`,
    write: (value) => value.length <= maxItems ? value.map(item.write) : wrong("value", `at most ${maxItems} items`),
    read: (plain, path) => Array.isArray(plain) && plain.length <= maxItems ? plain.map((each, index) => item.read(each, `${path}[${index}]`)) : wrong(path, `a list of at most ${maxItems} items`)
  };
}
function optional(item) {
  return {
    form: { kind: "optional", item: item.form },
    says: `nothing or (${item.says})`,
    write: (value) => value === void 0 ? [] : [item.write(value)],
    read: (plain, path) => {
      if (!Array.isArray(plain) || plain.length > 1) return wrong(path, "an empty or one-element list");
      return plain.length === 0 ? void 0 : item.read(plain[0], path);
    }
  };
}
function extensions(understood = []) {
  return {
    form: { kind: "extensions" },
    says: "extensions [[code, bytes], ...] sorted by code",
    write: (value) => {
      const rising = value.every((each, index) => index === 0 || each.code > value[index - 1].code);
      if (!rising || value.length > MAX_LIST_ITEMS) return wrong("value", "extension codes in rising order");
      return value.map((each) => [uint.write(each.code), each.bytes]);
    },
    read: (plain, path) => {
      if (!Array.isArray(plain) || plain.length > MAX_LIST_ITEMS) return wrong(path, "a list of extensions");
      let last = -1;
      return plain.map((each) => {
        if (!Array.isArray(each) || each.length !== 2) return wrong(path, "[code, bytes] pairs");
        const code = uint.read(each[0], path);
        const value = bytes(MAX_CONTROL_BYTES).read(each[1], path);
        if (code <= last) return wrong(path, "extension codes in rising order");
        last = code;
        if (code % 2 === 0 && !understood.includes(code)) {
          throw new PerdureError("needs-newer-version", `${path}: extension ${code} must be understood`, {
            hint: "Update perdure; the sender uses a newer version."
          });
        }
        return { code, bytes: value };
      });
    }
  };
}
function shape(name, fields, maxBytes = MAX_CONTROL_BYTES) {
  const entries = Object.entries(fields);
  const field = {
    form: { kind: "shape", name, fields: entries.map(([key, each]) => ({ name: key, form: each.form })) },
    says: name,
    write: (value) => entries.map(([key, each]) => {
      try {
        return each.write(value[key]);
      } catch (error) {
        if (error instanceof PerdureError) throw new PerdureError(error.code, `${name}.${key}: ${error.message}`, { cause: error });
        throw error;
      }
    }),
    read: (plain, path) => {
      if (!Array.isArray(plain) || plain.length !== entries.length) return wrong(path, `${name}, an array of ${entries.length}`);
      const value = {};
      entries.forEach(([key, each], index) => {
        value[key] = each.read(plain[index], `${path}.${key}`);
      });
      return value;
    }
  };
  return {
    name,
    fields: entries.map(([key, each]) => ({ name: key, says: each.says, form: each.form })),
    maxBytes,
    field,
    encode: (value) => {
      const encoded = encodePlain(field.write(value));
      if (encoded.length > maxBytes) throw new PerdureError("too-large", `${name} is ${encoded.length} bytes, more than ${maxBytes}`);
      return encoded;
    },
    decode: (encoded) => field.read(decodePlain(encoded, name, maxBytes), name)
  };
}
function decodePlain(encoded, name, maxBytes) {
  if (encoded.length > maxBytes) throw new PerdureError("too-large", `${name} is ${encoded.length} bytes, more than ${maxBytes}`);
  scanHeads(encoded, name);
  let plain;
  try {
    plain = decode(plainView(encoded), {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false
    });
  } catch (cause) {
    throw new PerdureError("malformed", `${name}: not deterministic CBOR`, { cause });
  }
  if (!equalBytes(encodePlain(plain), encoded))
    throw new PerdureError("not-deterministic", `${name}: bytes differ from their own re-encoding`);
  return plain;
}
function encodePlain(plain) {
  return new Uint8Array(encode2(plain));
}
function plainView(bytes2) {
  return new Uint8Array(bytes2.buffer, bytes2.byteOffset, bytes2.length);
}
var UNSIGNED = 0;
var BYTE_STRING = 2;
var TEXT_STRING = 3;
var ARRAY = 4;
var SHORTEST = [24, 256, 65536, 4294967296];
function scanHeads(encoded, name) {
  const open = [];
  let at = 0;
  while (at < encoded.length) {
    const head = encoded[at];
    const major = head >> 5;
    const low = head & 31;
    if (low > 27 || major !== UNSIGNED && major !== BYTE_STRING && major !== TEXT_STRING && major !== ARRAY) {
      throw new PerdureError("malformed", `${name}: only unsigned integers, byte strings, text and arrays of known length`);
    }
    const width = low < 24 ? 0 : 2 ** (low - 24);
    if (at + 1 + width > encoded.length) throw new PerdureError("malformed", `${name}: cut off`);
    let argument = low < 24 ? low : 0;
    for (let index = 1; index <= width; index++) argument = argument * 256 + encoded[at + index];
    if (width > 0 && argument < SHORTEST[low - 24])
      throw new PerdureError("not-deterministic", `${name}: a number is not written in its shortest form`);
    at += 1 + width;
    if (major === BYTE_STRING || major === TEXT_STRING) at += argument;
    if (major === ARRAY && argument > 0) {
      open.push(argument);
      if (open.length > MAX_NESTING) throw new PerdureError("malformed", `${name}: arrays nested deeper than ${MAX_NESTING}`);
      continue;
    }
    closeFullArrays(open);
  }
}
function closeFullArrays(open) {
  while (open.length > 0) {
    const left = open.pop() - 1;
    if (left > 0) {
      open.push(left);
      return;
    }
  }
}

// packages/perdure/src/wire/identity.ts
var DOMAINS = {
  agentId: utf8("perdure/agent-id/1"),
  event: utf8("perdure/event/1"),
  nextKey: utf8("perdure/next-key/1"),
  recovery: utf8("perdure/recovery/1"),
  certificate: utf8("perdure/certificate/1"),
  record: utf8("perdure/record/1"),
  handshake: utf8("perdure/handshake/1"),
  seal: utf8("perdure/seal/1"),
  inner: utf8("perdure/inner/1"),
  statement: utf8("perdure/statement/1"),
  notice: utf8("perdure/notice/1"),
  evidence: utf8("perdure/evidence/1")
};
var publicKey = fixed(32);
var signature = fixed(64);
var hash = fixed(32);
var agentId = fixed(AGENT_ID_BYTES);
var EVENT_KINDS = [
  "reserved",
  "inception",
  "rotate",
  "instance-revoke",
  "home-set",
  "anchor",
  "retire",
  "recover",
  "veto",
  "fork-resolve",
  "witnesses"
];
var identityEvent = shape(
  "event",
  {
    version: uint,
    kind: uint,
    /** Empty in the inception: the id is the hash of that event. */
    agentId: bytes(AGENT_ID_BYTES),
    seq: uint,
    /** SHA-256 of the previous event's bytes; 32 zero bytes in the inception. */
    previous: hash,
    controlKeys: list(publicKey, 16),
    controlThreshold: uint,
    /** SHA-256 over the domain `nextKey` and each public key of the next set. */
    nextCommitments: list(hash, 16),
    nextThreshold: uint,
    /** SHA-256 over the domain `recovery` and the blinded guardian policy; of 32 random bytes when there is none yet. */
    recoveryCommitment: hash,
    witnessThreshold: uint,
    witnesses: list(agentId, 16),
    /** Kind-specific. */
    body: bytes(2048),
    claimedAtMs: uint,
    extensions: extensions()
  },
  MAX_EVENT_BYTES
);
var rotateBody = shape(
  "rotate body",
  {
    /** Events of the control keys from this sequence number on, up to this rotation, count for nothing; its own number for none. */
    voidFromSeq: uint,
    /** Certificates of earlier control keys hold for what a relay stored up to this time. */
    oldKeysUntilMs: uint,
    extensions: extensions()
  },
  2048
);
var instanceRevokeBody = shape(
  "instance-revoke body",
  { instanceKey: publicKey, voidFromMs: uint, reason: text(256), extensions: extensions() },
  2048
);
var anchorBody = shape("anchor body", { root: hash, about: text(256), extensions: extensions() }, 2048);
var retireBody = shape(
  "retire body",
  {
    /** Another agent to turn to, or empty; nothing of this agent's standing passes to it. */
    successor: bytes(AGENT_ID_BYTES),
    reason: text(256),
    /** What instances signed holds when a relay stored it up to this time. */
    oldKeysUntilMs: uint,
    extensions: extensions()
  },
  2048
);
var eventSignature = shape("event signature", { keyIndex: uint, signature });
var signedEvent = shape(
  "signed event",
  {
    event: bytes(MAX_EVENT_BYTES),
    signatures: list(eventSignature.field, 16)
  },
  MAX_EVENT_BYTES + 2048
);
var SCOPES = ["mail", "relay"];
var certificate = shape(
  "certificate",
  {
    version: uint,
    agentId,
    instanceKey: publicKey,
    scopes: list(choice(...SCOPES), 8),
    notBeforeMs: uint,
    notAfterMs: uint,
    /** Sequence number of the log event whose control keys signed this. */
    controlSeq: uint,
    extensions: extensions()
  },
  2048
);
var signedCertificate = shape(
  "signed certificate",
  {
    certificate: bytes(2048),
    keyIndex: uint,
    signature
  },
  3072
);
var inboxKey = shape("inbox key", {
  keyId: fixed(KEY_ID_BYTES),
  suite: uint,
  publicKey,
  generation: uint,
  notAfterMs: uint
});
var home = shape("home", {
  relayId: agentId,
  url: text(512),
  /** Lower is preferred. */
  preference: uint
});
var homeSetBody = shape("home-set body", { homes: list(home.field, 4), extensions: extensions() }, 2048);
var agentRecord = shape(
  "record",
  {
    version: uint,
    agentId,
    instanceKey: publicKey,
    /** Rises with every change; the highest wins and peers refuse a lower one. */
    recordVersion: uint,
    /** Relay-scoped name without `@`, or nothing. */
    name: optional(text(32)),
    inboxKeys: list(inboxKey.field, 8),
    homes: list(home.field, 8),
    capabilities: list(text(64), 64),
    freshUntilMs: uint,
    validUntilMs: uint,
    extensions: extensions()
  },
  8192
);
var signedRecord = shape("signed record", { record: bytes(8192), signature }, 9216);
var identityBundle = shape(
  "identity bundle",
  {
    log: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** Of another log that neither outranks nor continues `log`, the events from where it leaves it: the agent is frozen. Else empty. */
    rival: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    certificates: list(bytes(3072), 16),
    records: list(bytes(9216), 16)
  },
  MAX_CONTROL_BYTES
);
function toBeSigned(domain, said) {
  const tag = DOMAINS[domain];
  const whole = new Uint8Array(tag.length + said.length);
  whole.set(tag);
  whole.set(said, tag.length);
  return whole;
}

// packages/perdure/src/wire/version.ts
function otherVersion({ what, found: found2, own = WIRE_VERSION, older, newer: newer2 = "Update perdure.", cause }) {
  const isOlder = found2 < own;
  return new PerdureError(
    isOlder ? "needs-older-version" : "needs-newer-version",
    `${what} is of version ${found2}, and this perdure reads version ${own}`,
    { hint: isOlder ? older : newer2, ...cause === void 0 ? {} : { cause } }
  );
}
var FOLDER_OF_OLDER = "Go on with the perdure that wrote it, or begin anew in another folder: older folders are not converted. Nothing in this one was changed.";
var PEER_OF_OLDER = "The other side has to update perdure.";
function versionIn(encoded) {
  let at = 1;
  const head = encoded[0] ?? 0;
  if (head === 152) at = 2;
  else if (head < 129 || head > 151) return void 0;
  const first = encoded[at] ?? 255;
  if (first >= 96 && first < 120) at += 1 + first - 96;
  const version = encoded[at];
  return version !== void 0 && version < 24 ? version : void 0;
}

// packages/perdure/src/identity/log-state.ts
function stateOfInception({ event, hash: hash2, sizeBytes }, idRaw) {
  return {
    idRaw,
    head: hash2,
    seq: 0,
    sizeBytes,
    controlKeys: event.controlKeys,
    controlThreshold: event.controlThreshold,
    nextCommitments: event.nextCommitments,
    nextThreshold: event.nextThreshold,
    recoveryCommitment: event.recoveryCommitment,
    events: [{ seq: 0, kind: "inception", claimedAtMs: event.claimedAtMs, hash: hash2, voided: false }],
    epochs: [{ fromSeq: 0, controlKeys: event.controlKeys, untilMs: void 0 }],
    revoked: [],
    homes: void 0,
    anchors: [],
    retired: void 0
  };
}
function stateAfter(state, read2, before) {
  const { event, kind, hash: hash2 } = read2;
  const { seq, claimedAtMs } = event;
  const next = {
    ...state,
    head: hash2,
    seq,
    sizeBytes: state.sizeBytes + read2.sizeBytes,
    events: [...state.events, { seq, kind, claimedAtMs, hash: hash2, voided: false }]
  };
  switch (kind) {
    case "inception":
      return next;
    case "instance-revoke":
    case "home-set":
    case "anchor":
      return withControlEvent(next, read2);
    case "rotate": {
      const { voidFromSeq, oldKeysUntilMs } = rotateBody.decode(event.body);
      const keys = withNextKeys(next, event, oldKeysUntilMs);
      const rotated = {
        ...keys,
        epochs: [...keys.epochs, { fromSeq: seq, controlKeys: event.controlKeys, untilMs: void 0 }]
      };
      return voidFromSeq < seq ? withoutVoided(rotated, voidFromSeq, before) : rotated;
    }
    case "retire": {
      const { successor, reason, oldKeysUntilMs } = retireBody.decode(event.body);
      return {
        ...withNextKeys(next, event, oldKeysUntilMs),
        retired: { atMs: claimedAtMs, untilMs: oldKeysUntilMs, successor: successor.length === 0 ? void 0 : successor, reason }
      };
    }
  }
}
function withControlEvent(state, { event, kind }) {
  const { seq, claimedAtMs } = event;
  if (kind === "instance-revoke") {
    const { instanceKey, voidFromMs, reason } = instanceRevokeBody.decode(event.body);
    return { ...state, revoked: [...state.revoked, { instanceKey, voidFromMs, seq, reason }] };
  }
  if (kind === "home-set") {
    const { homes } = homeSetBody.decode(event.body);
    return { ...state, homes: homes.length === 0 ? void 0 : homes };
  }
  const { root, about } = anchorBody.decode(event.body);
  return { ...state, anchors: [...state.anchors, { root, about, seq, claimedAtMs }] };
}
function withNextKeys(state, event, untilMs) {
  return {
    ...state,
    controlKeys: event.controlKeys,
    controlThreshold: event.controlThreshold,
    nextCommitments: event.nextCommitments,
    nextThreshold: event.nextThreshold,
    recoveryCommitment: event.recoveryCommitment,
    epochs: state.epochs.map((each) => ({ ...each, untilMs: Math.min(untilMs, each.untilMs ?? untilMs) }))
  };
}
function withoutVoided(state, voidFromSeq, before) {
  const events = state.events.map((each) => isControlKind(each.kind) && each.seq >= voidFromSeq ? { ...each, voided: true } : each);
  const left = before.filter(({ kind, event }) => isControlKind(kind) && events[event.seq]?.voided === false);
  return left.reduce((said, read2) => withControlEvent(said, read2), {
    ...state,
    events,
    revoked: [],
    homes: void 0,
    anchors: []
  });
}
function isControlKind(kind) {
  return kind === "instance-revoke" || kind === "home-set" || kind === "anchor";
}
function isNextKeyKind(kind) {
  return kind === "rotate" || kind === "retire";
}
function kindOf(event) {
  const kind = EVENT_KINDS[event.kind];
  switch (kind) {
    case "inception":
    case "rotate":
    case "instance-revoke":
    case "home-set":
    case "anchor":
    case "retire":
      return kind;
    default:
      return void 0;
  }
}
function epochAt(state, seq) {
  return seq > state.seq ? void 0 : state.epochs.findLast((each) => each.fromSeq <= seq);
}
function revokedFromMs(state, instanceKey) {
  const times = state.revoked.filter((each) => equalBytes(each.instanceKey, instanceKey)).map((each) => each.voidFromMs);
  return times.length === 0 ? void 0 : Math.min(...times);
}

// packages/perdure/src/identity/log-rules.ts
var LOG_DEFENCES = { chain: true, threshold: true, reveal: true, sameKeys: true, terminal: true };
var NO_PREVIOUS = new Uint8Array(32);
function nextKeyCommitment(hash2, publicKey2) {
  return hash2.sha256(concat2(DOMAINS.nextKey, publicKey2));
}
function judgedKind(event) {
  if (event.version > WIRE_VERSION) throw newer(`event version ${event.version}`);
  if (event.version < WIRE_VERSION)
    throw otherVersion({
      what: "an agent log",
      found: event.version,
      older: "The agent has to be made anew with this version of perdure."
    });
  if (event.kind === 0) throw malformed("an event is of the reserved kind");
  const kind = kindOf(event);
  if (kind === void 0) throw newer(`${EVENT_KINDS[event.kind] ?? `kind ${event.kind}`} event`);
  if (event.witnesses.length > 0 || event.witnessThreshold !== 0) throw newer("an event with witnesses");
  return kind;
}
function checkInception(event, kind) {
  if (kind !== "inception") throw malformed("it does not start with an inception");
  if (event.agentId.length !== 0 || event.seq !== 0 || !equalBytes(event.previous, NO_PREVIOUS))
    throw malformed("its inception names something before it");
  if (event.body.length !== 0) throw newer("an inception with a body");
  checkThreshold(event.controlKeys, event.controlThreshold, "control keys");
  checkThreshold(event.nextCommitments, event.nextThreshold, "next commitments");
}
function checkFollows(hash2, state, event, kind, defences) {
  if (kind === "inception") throw malformed("an inception follows its inception");
  if (state.retired !== void 0 && defences.terminal) throw malformed(`event ${event.seq} follows its retirement`);
  const chained = equalBytes(event.agentId, state.idRaw) && event.seq === state.seq + 1 && equalBytes(event.previous, state.head);
  if (!chained && defences.chain) throw malformed(`event ${event.seq} does not follow event ${state.seq}`);
  if (isNextKeyKind(kind)) checkNextKeys(hash2, state, event, kind, defences);
  else if (!keepsKeys(state, event) && defences.sameKeys) throw malformed(`event ${event.seq}, ${kind}, changes keys`);
}
function checkNextKeys(hash2, state, event, kind, defences) {
  const opened = event.controlKeys.length === state.nextCommitments.length && event.controlThreshold === state.nextThreshold && event.controlKeys.every((key, index) => equalBytes(nextKeyCommitment(hash2, key), state.nextCommitments[index]));
  if (!opened && defences.reveal)
    throw new PerdureError("bad-signature", `agent log: the keys of event ${event.seq}, ${kind}, are not those that were committed to`);
  checkThreshold(event.controlKeys, event.controlThreshold, "control keys");
  if (kind === "retire") {
    if (event.nextCommitments.length > 0 || event.nextThreshold !== 0) throw malformed("its retirement commits to next keys");
    return;
  }
  checkThreshold(event.nextCommitments, event.nextThreshold, "next commitments");
  const { voidFromSeq } = rotateBody.decode(event.body);
  if (voidFromSeq < 1 || voidFromSeq > event.seq) throw malformed(`event ${event.seq} voids from ${voidFromSeq}`);
}
function keepsKeys(state, event) {
  return equalLists(event.controlKeys, state.controlKeys) && event.controlThreshold === state.controlThreshold && equalLists(event.nextCommitments, state.nextCommitments) && event.nextThreshold === state.nextThreshold && equalBytes(event.recoveryCommitment, state.recoveryCommitment);
}
function equalLists(one, other) {
  return one.length === other.length && one.every((each, index) => equalBytes(each, other[index]));
}
function checkThreshold(items, threshold, what) {
  if (threshold < 1 || threshold > items.length) throw malformed(`${threshold} of ${items.length} ${what} cannot be a threshold`);
  items.forEach((item, index) => {
    if (items.slice(0, index).some((other) => equalBytes(item, other))) throw malformed(`one of its ${what} is there twice`);
  });
}
function malformed(why) {
  return new PerdureError("malformed", `agent log: ${why}`);
}
function newer(what) {
  return new PerdureError("needs-newer-verifier", `agent log: ${what} is from a newer version`, {
    hint: "Update perdure to judge this identity."
  });
}

// packages/perdure/src/identity/log-signing.ts
async function signInception({ crypto: crypto2, controlKey, nextPublicKey, recoverySalt, nowMs }) {
  return await signEvent(
    crypto2,
    {
      ...unsigned("inception", nowMs),
      agentId: EMPTY,
      seq: 0,
      previous: NO_PREVIOUS,
      controlKeys: [controlKey.publicKey],
      controlThreshold: 1,
      nextCommitments: [nextKeyCommitment(crypto2.hash, nextPublicKey)],
      nextThreshold: 1,
      recoveryCommitment: crypto2.hash.sha256(concat2(DOMAINS.recovery, recoverySalt)),
      body: EMPTY
    },
    [controlKey]
  );
}
async function signControlEvent(crypto2, log, said) {
  refuseAfterEnd(log);
  refuseFull(log, ROOM.control, "Rotate or retire still have room; an agent that writes this much needs a successor.");
  const { controlKeys, controlThreshold, nextCommitments, nextThreshold, recoveryCommitment: recoveryCommitment2 } = log;
  const event = {
    ...unsigned(said.kind, said.nowMs),
    ...following(log),
    controlKeys,
    controlThreshold,
    nextCommitments,
    nextThreshold,
    recoveryCommitment: recoveryCommitment2,
    body: encodeBody(said)
  };
  return await signEvent(crypto2, event, said.keys);
}
async function signRotation(crypto2, log, rotation2) {
  const { revealed, nextPublicKeys, nextThreshold = nextPublicKeys.length, recoverySalt, body, nowMs } = rotation2;
  refuseAfterEnd(log);
  refuseFull(log, ROOM.rotate, "Only retiring has room left.");
  if (body.voidFromSeq < 1 || body.voidFromSeq > log.seq + 1)
    throw new PerdureError("bad-argument", `a rotation cannot void from event ${body.voidFromSeq}`, {
      hint: `Name an event from 1 to ${log.seq + 1}; the last means that none is voided.`
    });
  return await signNextKeyEvent(crypto2, log, revealed, {
    ...unsigned("rotate", nowMs),
    nextCommitments: nextPublicKeys.map((key) => nextKeyCommitment(crypto2.hash, key)),
    nextThreshold,
    recoveryCommitment: crypto2.hash.sha256(concat2(DOMAINS.recovery, recoverySalt)),
    body: rotateBody.encode(body)
  });
}
async function signRetirement(crypto2, log, { revealed, body, nowMs }) {
  refuseAfterEnd(log);
  refuseFull(log, ROOM.retire, "Nothing more can be written to this log.");
  return await signNextKeyEvent(crypto2, log, revealed, {
    ...unsigned("retire", nowMs),
    nextCommitments: [],
    nextThreshold: 0,
    recoveryCommitment: log.recoveryCommitment,
    body: retireBody.encode(body)
  });
}
var ROOM = {
  control: { bytes: 11 * 1024, events: MAX_LOG_EVENTS - 2 },
  rotate: { bytes: 12 * 1024 + 512, events: MAX_LOG_EVENTS - 1 },
  retire: { bytes: 13 * 1024, events: MAX_LOG_EVENTS }
};
function refuseAfterEnd(log) {
  if (log.retired !== void 0) throw new PerdureError("identity-retired", "this agent is retired: nothing follows in its log");
}
function refuseFull(log, room, hint) {
  if (log.sizeBytes >= room.bytes || log.seq + 1 >= room.events)
    throw new PerdureError("too-large", `the log has ${log.seq + 1} events of ${log.sizeBytes} bytes: there is no room for this one`, {
      hint
    });
}
async function signNextKeyEvent(crypto2, log, revealed, event) {
  const opens = revealed.length === log.nextCommitments.length && revealed.every(({ publicKey: publicKey2 }, index) => equalBytes(nextKeyCommitment(crypto2.hash, publicKey2), log.nextCommitments[index]));
  if (!opens) throw new PerdureError("bad-argument", "these are not the next keys that the log committed to");
  const controlKeys = revealed.map(({ publicKey: publicKey2 }) => publicKey2);
  return await signEvent(crypto2, { ...event, ...following(log), controlKeys, controlThreshold: log.nextThreshold }, revealed);
}
function following(log) {
  return { agentId: log.idRaw, seq: log.seq + 1, previous: log.head };
}
function unsigned(kind, nowMs) {
  return {
    version: WIRE_VERSION,
    kind: EVENT_KINDS.indexOf(kind),
    witnessThreshold: 0,
    witnesses: [],
    claimedAtMs: nowMs,
    extensions: []
  };
}
function encodeBody(said) {
  switch (said.kind) {
    case "instance-revoke":
      return instanceRevokeBody.encode(said.body);
    case "home-set":
      return homeSetBody.encode(said.body);
    case "anchor":
      return anchorBody.encode(said.body);
  }
}
async function signEvent(crypto2, said, keys) {
  const event = identityEvent.encode(said);
  const signatures = [];
  for (const [keyIndex, publicKey2] of said.controlKeys.entries()) {
    const key = keys.find((each) => equalBytes(each.publicKey, publicKey2));
    if (key !== void 0) signatures.push({ keyIndex, signature: await crypto2.signatures.sign(key, toBeSigned("event", event)) });
  }
  if (signatures.length < said.controlThreshold)
    throw new PerdureError("bad-argument", `${signatures.length} of the ${said.controlThreshold} keys that must sign are there`);
  return signedEvent.encode({ event, signatures });
}

// packages/perdure/src/identity/agent-log.ts
function agentIdOf(hash2, inceptionEvent) {
  return hash2.sha256(concat2(DOMAINS.agentId, inceptionEvent));
}
function recoveryCommitment(hash2, recoverySalt) {
  return hash2.sha256(concat2(DOMAINS.recovery, recoverySalt));
}
async function verifyLog(crypto2, log, defences = LOG_DEFENCES) {
  return (await verifyLogStates(crypto2, log, defences)).at(-1);
}
async function verifyLogStates(crypto2, log, defences = LOG_DEFENCES) {
  const states = [];
  const before = [];
  for (const encoded of log) {
    const signed = signedEvent.decode(encoded);
    const event = identityEvent.decode(signed.event);
    const kind = judgedKind(event);
    const read2 = { event, kind, hash: crypto2.hash.sha256(signed.event), sizeBytes: encoded.length };
    const state = states.at(-1);
    if (state === void 0) checkInception(event, kind);
    else checkFollows(crypto2.hash, state, event, kind, defences);
    await verifySignatures(crypto2, signed, event, defences);
    states.push(state === void 0 ? stateOfInception(read2, agentIdOf(crypto2.hash, signed.event)) : stateAfter(state, read2, before));
    before.push(read2);
  }
  if (states.length === 0) throw malformed("it has no events");
  return states;
}
async function verifySignatures(crypto2, signed, event, defences) {
  let last = -1;
  for (const { keyIndex, signature: signature2 } of signed.signatures) {
    const key = event.controlKeys[keyIndex];
    if (key === void 0 || keyIndex <= last) throw malformed("its signatures name keys that are not there, twice or out of order");
    last = keyIndex;
    if (!await crypto2.signatures.verify(key, toBeSigned("event", signed.event), signature2))
      throw new PerdureError("bad-signature", `agent log: a signature of event ${event.seq} is wrong`);
  }
  if (signed.signatures.length < event.controlThreshold && defences.threshold)
    throw new PerdureError("bad-signature", `agent log: ${signed.signatures.length} of ${event.controlThreshold} signatures`);
}

// packages/perdure/src/wire/envelope.ts
var ENVELOPE_HEADER_BYTES = 128;
var BOUND_HEADER_BYTES = 112;
var DIGEST_BYTES = 16;
var DIGEST_DOMAIN = utf8("perdure/digest/1");
var ENVELOPE_CLASSES = ["mail", "receipt", "notice"];
var SUITE_UNSEALED = 0;
var SUITE_X25519_AES256GCM = 1;
function encodeBoundHeader(header, bodyBytes) {
  if (bodyBytes > MAX_ENVELOPE_BODY_BYTES) {
    throw new PerdureError("too-large", `an envelope body of ${bodyBytes} bytes is more than ${MAX_ENVELOPE_BODY_BYTES}`);
  }
  const bound = new Uint8Array(BOUND_HEADER_BYTES);
  const view = viewOf(bound);
  bound[0] = WIRE_VERSION;
  bound[1] = ENVELOPE_CLASSES.indexOf(header.class);
  view.setUint32(4, bodyBytes);
  bound.set(header.from, 8);
  bound.set(header.to, 40);
  bound.set(header.stream, 72);
  writeU64(view, 80, header.seq);
  writeU64(view, 88, header.expiresAtMs);
  bound.set(header.inboxKeyId, 96);
  view.setUint16(104, header.suite);
  return bound;
}
function encodeEnvelope(header, body, sha2562) {
  const bound = encodeBoundHeader(header, body.length);
  const digest2 = envelopeDigest(bound, body, sha2562);
  return { ...header, body, digest: digest2, bytes: concat2(bound, digest2, body) };
}
function envelopeDigest(bound, body, sha2562) {
  return sha2562(concat2(DIGEST_DOMAIN, bound, body)).slice(0, DIGEST_BYTES);
}
function digestMatches(envelope, sha2562) {
  return equalBytes(envelope.digest, envelopeDigest(boundHeaderOf(envelope), envelope.body, sha2562));
}
function decodeEnvelope(bytes2) {
  if (bytes2.length < ENVELOPE_HEADER_BYTES) malformed2(`${bytes2.length} bytes are less than a header`);
  const view = viewOf(bytes2);
  if (bytes2[0] !== WIRE_VERSION) {
    throw otherVersion({ what: "an envelope", found: bytes2[0], older: PEER_OF_OLDER });
  }
  const envelopeClass = ENVELOPE_CLASSES[bytes2[1]];
  if (envelopeClass === void 0) malformed2(`class ${bytes2[1]} is unknown`);
  if (view.getUint16(2) !== 0) malformed2("a flag is set that this version does not know");
  const bodyBytes = view.getUint32(4);
  if (bodyBytes > MAX_ENVELOPE_BODY_BYTES)
    throw new PerdureError("too-large", `an envelope body of ${bodyBytes} bytes is more than ${MAX_ENVELOPE_BODY_BYTES}`);
  if (bytes2.length !== ENVELOPE_HEADER_BYTES + bodyBytes)
    malformed2(`the header promises ${bodyBytes} body bytes, ${bytes2.length - ENVELOPE_HEADER_BYTES} came`);
  const seq = readU64(view, 80);
  const expiresAtMs = readU64(view, 88);
  if (seq === void 0 || seq === 0) malformed2("the sequence number is outside 1 to 2^53 - 1");
  if (expiresAtMs === void 0 || expiresAtMs === 0) malformed2("the expiry is outside 1 to 2^53 - 1");
  if (view.getUint16(106) !== 0 || view.getUint32(108) !== 0) malformed2("reserved bytes are not zero");
  const suite = view.getUint16(104);
  if (suite !== SUITE_UNSEALED && suite !== SUITE_X25519_AES256GCM)
    throw new PerdureError("needs-newer-version", `sealing suite ${suite} is unknown`, {
      hint: "Update perdure; the sender uses a newer suite."
    });
  if (suite === SUITE_UNSEALED !== (envelopeClass === "notice")) malformed2(`suite ${suite} does not go with class ${envelopeClass}`);
  if (suite === SUITE_UNSEALED && (view.getUint32(96) !== 0 || view.getUint32(100) !== 0))
    malformed2("an inbox key is named and nothing is sealed");
  return {
    class: envelopeClass,
    from: bytes2.subarray(8, 40),
    to: bytes2.subarray(40, 72),
    stream: bytes2.subarray(72, 80),
    seq,
    expiresAtMs,
    inboxKeyId: bytes2.subarray(96, 104),
    suite,
    digest: bytes2.subarray(BOUND_HEADER_BYTES, ENVELOPE_HEADER_BYTES),
    body: bytes2.subarray(ENVELOPE_HEADER_BYTES),
    bytes: bytes2
  };
}
function boundHeaderOf(envelope) {
  return envelope.bytes.subarray(0, BOUND_HEADER_BYTES);
}
function envelopeId(envelope) {
  return messageIdText(envelope.stream, envelope.seq);
}
function envelopeFrom(envelope) {
  return agentIdText(envelope.from);
}
function malformed2(why) {
  throw new PerdureError("malformed", `envelope: ${why}`);
}

// packages/perdure/src/identity/certificate.ts
var BACKDATE_MS = FIXED.certificateEarlierMs.value;
async function signCertificate({ crypto: crypto2, controlKey, log, instanceKey, scope, nowMs, lifeMs }) {
  if (log.retired !== void 0) throw new PerdureError("identity-retired", "a retired agent certifies nobody");
  const keyIndex = log.controlKeys.findIndex((key) => equalBytes(key, controlKey.publicKey));
  if (keyIndex < 0) throw new PerdureError("internal", "the control key is not in the agent's log");
  const said = certificate.encode({
    version: WIRE_VERSION,
    agentId: log.idRaw,
    instanceKey,
    scopes: [scope],
    notBeforeMs: Math.max(0, nowMs - BACKDATE_MS),
    notAfterMs: nowMs + lifeMs,
    controlSeq: log.seq,
    extensions: []
  });
  return signedCertificate.encode({
    certificate: said,
    keyIndex,
    signature: await crypto2.signatures.sign(controlKey, toBeSigned("certificate", said))
  });
}
async function verifyCertificate(crypto2, log, encoded) {
  const signed = signedCertificate.decode(encoded);
  const said = certificate.decode(signed.certificate);
  refuseOtherVersion("a certificate", said.version);
  if (!equalBytes(said.agentId, log.idRaw)) throw new PerdureError("bad-signature", "a certificate is of another agent");
  if (said.notBeforeMs > said.notAfterMs) throw new PerdureError("malformed", "a certificate ends before it begins");
  const epoch = epochAt(log, said.controlSeq);
  const key = epoch?.controlKeys[signed.keyIndex];
  if (epoch === void 0 || key === void 0)
    throw new PerdureError("bad-signature", "a certificate names a control key that is not in the log");
  if (!await crypto2.signatures.verify(key, toBeSigned("certificate", signed.certificate), signed.signature)) {
    throw new PerdureError("bad-signature", "a certificate's signature is wrong");
  }
  const revokedMs = revokedFromMs(log, said.instanceKey);
  const validUntilMs = Math.min(
    said.notAfterMs,
    epoch.untilMs ?? said.notAfterMs,
    revokedMs === void 0 ? said.notAfterMs : revokedMs - 1
  );
  return { ...said, validUntilMs };
}
function refuseOtherVersion(what, version) {
  if (version > WIRE_VERSION)
    throw new PerdureError("needs-newer-verifier", `${what} of version ${version} is newer`, {
      hint: "Update perdure to judge this identity."
    });
  if (version < WIRE_VERSION)
    throw otherVersion({ what, found: version, older: "Its agent has to be made anew with this version of perdure." });
}
function certificateHash(hash2, said) {
  return hash2.sha256(certificate.encode(said));
}
function validAt(said, atMs) {
  return said.notBeforeMs <= atMs && atMs <= said.validUntilMs;
}
function refuseInvalid(said, atMs) {
  if (validAt(said, atMs)) return;
  if (said.notBeforeMs <= atMs && atMs <= said.notAfterMs)
    throw new PerdureError(
      "instance-revoked",
      "the agent's owner took this instance's key, or the key behind it, out of use before that time",
      {
        hint: "Whoever signed this no longer speaks for the agent. Look the agent up again."
      }
    );
  throw new PerdureError("certificate-expired", "the instance's certificate was not valid at that time", {
    hint: "Check both clocks; an agent renews its certificate when it is opened."
  });
}
function certifiedInstance(identity, instanceKey, scope, atMs) {
  const own = identity.certificates.filter((each) => equalBytes(each.instanceKey, instanceKey) && each.scopes.includes(scope));
  const valid = own.find((each) => validAt(each, atMs));
  if (valid !== void 0) return valid;
  for (const each of own) if (each.notBeforeMs <= atMs && atMs <= each.notAfterMs) refuseInvalid(each, atMs);
  for (const each of own) refuseInvalid(each, atMs);
  throw new PerdureError("bad-signature", `the instance key is not certified for ${scope}`);
}

// packages/perdure/src/identity/agent-record.ts
async function signRecord(crypto2, instanceKey, record) {
  const said = agentRecord.encode(record);
  return signedRecord.encode({ record: said, signature: await crypto2.signatures.sign(instanceKey, toBeSigned("record", said)) });
}
async function verifyRecord(crypto2, agentId5, encoded) {
  const signed = signedRecord.decode(encoded);
  const said = agentRecord.decode(signed.record);
  refuseOtherVersion("a record", said.version);
  if (!equalBytes(said.agentId, agentId5)) throw new PerdureError("bad-signature", "a record is of another agent");
  if (said.name !== void 0 && !isAgentName(said.name)) throw new PerdureError("malformed", "a record's name is not a name");
  if (!await crypto2.signatures.verify(said.instanceKey, toBeSigned("record", signed.record), signed.signature)) {
    throw new PerdureError("bad-signature", "a record's signature is wrong");
  }
  return said;
}
function mergeRecords(encoded) {
  const best = /* @__PURE__ */ new Map();
  for (const bytes2 of encoded) {
    const said = agentRecord.decode(signedRecord.decode(bytes2).record);
    const instance = hex(said.instanceKey);
    const held = best.get(instance);
    const wins = held === void 0 || said.recordVersion > held.version || said.recordVersion === held.version && compareBytes(bytes2, held.bytes) > 0;
    if (wins) best.set(instance, { version: said.recordVersion, bytes: bytes2 });
  }
  return [...best.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, each]) => each.bytes);
}
function usableRecords(records, certificates, nowMs) {
  const certified = (record) => certificates.some((each) => equalBytes(each.instanceKey, record.instanceKey) && validAt(each, nowMs));
  return records.filter((record) => record.validUntilMs >= nowMs && certified(record)).sort((a, b) => b.recordVersion - a.recordVersion);
}
function chooseInboxKey(records, nowMs) {
  const keys = records.flatMap((record) => record.inboxKeys).filter((key) => key.suite === SUITE_X25519_AES256GCM && key.notAfterMs >= nowMs);
  return keys.sort((a, b) => b.generation - a.generation || compareBytes(a.keyId, b.keyId))[0];
}
function listHomes(records, pinned) {
  const homes = /* @__PURE__ */ new Map();
  const allowed = (home2) => pinned === void 0 || pinned.some(({ relayId: relayId2 }) => equalBytes(relayId2, home2.relayId));
  for (const home2 of records.flatMap((record) => record.homes).filter(allowed)) {
    const key = `${hex(home2.relayId)} ${home2.url}`;
    const held = homes.get(key);
    if (held === void 0 || home2.preference < held.preference) homes.set(key, home2);
  }
  return [...homes.values()].sort((a, b) => a.preference - b.preference || compareBytes(a.relayId, b.relayId));
}

// packages/perdure/src/identity/bundle.ts
var BUNDLE_CERTIFICATES = 8;
function encodeBundle({ log, rival = [], certificates, records }) {
  return identityBundle.encode({ log, rival, certificates: newestCertificates(certificates), records: mergeRecords(records) });
}
function newestCertificates(encoded) {
  const unique = new Map(
    encoded.map((bytes2) => [hex(bytes2), { bytes: bytes2, notAfterMs: certificate.decode(signedCertificate.decode(bytes2).certificate).notAfterMs }])
  );
  return [...unique.values()].sort((a, b) => b.notAfterMs - a.notAfterMs || compareBytes(a.bytes, b.bytes)).slice(0, BUNDLE_CERTIFICATES).map((each) => each.bytes);
}

// packages/perdure/src/identity/log-ranking.ts
function relateLogs(a, b) {
  const [one, other] = [readSteps(a), readSteps(b)];
  const split3 = splitOf(one, other);
  if (split3 === one.length || split3 === other.length)
    return one.length === other.length ? "same" : one.length > other.length ? "continues" : "behind";
  const [mine, theirs] = [firstNextKey(one, split3) !== void 0, firstNextKey(other, split3) !== void 0];
  return mine === theirs ? "forked" : mine ? "outranks" : "outranked";
}
function joinLogs(a, b) {
  if (a.rival.length === 0 && b.rival.length === 0 && equalLogs(a.log, b.log)) return { log: a.log, rival: [] };
  return judgeBranches([a.log, b.log, ...rivalLogs(a), ...rivalLogs(b)].map(readSteps));
}
function relateBranches(offered, held) {
  if (offered.rival.length === 0 && held.rival.length === 0) return relateLogs(offered.log, held.log);
  const joined = joinLogs(offered, held);
  if (joined.rival.length === 0) return sameEvents(joined.log, offered.log) ? "outranks" : "outranked";
  if (sameBranches(joined, offered) && sameBranches(joined, held)) return "same";
  if (offered.rival.length > 0) return "forked";
  const toUndisputed = relateLogs(offered.log, joined.log.slice(0, commonLength(joined)));
  if (toUndisputed === "same" || toUndisputed === "behind") return "behind";
  return toUndisputed === "continues" ? "forked" : "outranked";
}
function rivalLog(branches) {
  return branches.rival.length === 0 ? void 0 : [...branches.log.slice(0, commonLength(branches)), ...branches.rival];
}
function commonLength({ log, rival }) {
  const [first] = rival;
  if (first === void 0) return log.length;
  const { seq } = readStep(first).event;
  if (seq < 1 || seq >= log.length) throw new PerdureError("malformed", "agent log: a rival that leaves the log nowhere");
  return seq;
}
function sameBranches(a, b) {
  return sameEvents(a.log, b.log) && sameEvents(a.rival, b.rival);
}
function readStep(signed) {
  const { event: said } = signedEvent.decode(signed);
  const event = identityEvent.decode(said);
  const kind = kindOf(event);
  return { signed, said, event, isNextKey: kind !== void 0 && isNextKeyKind(kind) };
}
function readSteps(log) {
  return log.map(readStep);
}
function judgeBranches(logs) {
  let alive = logs;
  const path = [];
  for (; ; ) {
    const at = path.length;
    const branches = branchesAt(alive, at);
    const [first, second] = branches;
    if (first === void 0) return { log: path, rival: [] };
    if (second !== void 0) {
      if (at === 0) throw ofTwoAgents();
      const ranked = branches.filter((branch) => branch.some((log) => firstNextKey(log, at) !== void 0));
      if (ranked.length !== 1) return forkAt(ranked.length > 0 ? ranked : branches, at);
      alive = ranked[0];
    } else {
      alive = first;
    }
    path.push(leastSigned(alive, at));
  }
}
function branchesAt(logs, at) {
  const branches = [];
  for (const log of logs) {
    const step2 = log[at];
    if (step2 === void 0) continue;
    const branch = branches.find(({ said }) => equalBytes(said, step2.said));
    if (branch === void 0) branches.push({ said: step2.said, logs: [log] });
    else branch.logs.push(log);
  }
  return branches.map((each) => each.logs);
}
function forkAt(branches, at) {
  const proofs = branches.map((logs) => {
    const proving = logs.filter((log) => firstNextKey(log, at) !== void 0);
    return (proving.length > 0 ? proving : logs).map((log) => log.slice(0, (firstNextKey(log, at) ?? at) + 1)).reduce((least, each) => orderLogs(each, least) < 0 ? each : least);
  });
  const [one, other] = proofs.sort(orderLogs);
  if (one === void 0 || other === void 0) throw new PerdureError("internal", "a fork has two branches");
  const all = branches.flat();
  const signed = (log) => log.map((_, index) => leastSigned(sharing(all, log, index), index));
  return { log: signed(one), rival: signed(other).slice(at) };
}
function firstNextKey(log, from) {
  const found2 = log.findIndex((step2, index) => index >= from && step2.isNextKey);
  return found2 < 0 ? void 0 : found2;
}
function splitOf(a, b) {
  let split3 = 0;
  while (split3 < a.length && split3 < b.length && equalBytes(a[split3].said, b[split3].said)) split3++;
  if (split3 === 0 && a.length > 0 && b.length > 0) throw ofTwoAgents();
  return split3;
}
function sharing(logs, log, index) {
  return logs.filter((other) => other[index] !== void 0 && equalBytes(other[index].said, log[index].said));
}
function leastSigned(logs, at) {
  return logs.map((log) => log[at]?.signed).filter((each) => each !== void 0).reduce((least, each) => compareBytes(each, least) < 0 ? each : least);
}
function orderLogs(a, b) {
  if (a.length !== b.length) return a.length - b.length;
  for (const [index, { said }] of a.entries()) {
    const order = compareBytes(said, b[index].said);
    if (order !== 0) return order;
  }
  return 0;
}
function rivalLogs(branches) {
  const rival = rivalLog(branches);
  return rival === void 0 ? [] : [rival];
}
function equalLogs(a, b) {
  return a.length === b.length && a.every((each, index) => equalBytes(each, b[index]));
}
function sameEvents(a, b) {
  return a.length === b.length && a.every((each, index) => equalBytes(readStep(each).said, readStep(b[index]).said));
}
function ofTwoAgents() {
  return new PerdureError("bad-argument", "these logs are of two agents");
}

// packages/perdure/src/identity/verify.ts
async function verifyBundle(crypto2, bundle, nowMs, expectId) {
  const identity = await readIdentity(crypto2, bundle, nowMs, expectId);
  if (speaksAt(identity, nowMs)) return identity;
  throw new PerdureError("certificate-expired", `no certificate of ${identity.id} is valid at that time`, {
    retry: "after",
    hint: "Check both clocks; an agent renews its certificate when it is opened."
  });
}
function speaksAt({ certificates, frozen, retired }, atMs) {
  return frozen || retired || certificates.some((each) => validAt(each, atMs));
}
async function readIdentity(crypto2, bundle, nowMs, expectId) {
  const parts = identityBundle.decode(bundle);
  const { log, frozen } = await verifyBranches(crypto2, parts);
  const id = agentIdText(log.idRaw);
  if (expectId !== void 0 && !equalBytes(log.idRaw, expectId))
    throw new PerdureError("bad-signature", `the bundle is of ${id}, not of ${agentIdText(expectId)}`);
  const certificates = [];
  for (const encoded of parts.certificates) certificates.push(await verifyCertificate(crypto2, log, encoded));
  const records = [];
  for (const encoded of parts.records) records.push(await verifyRecord(crypto2, log.idRaw, encoded));
  refuseUncertified(records, certificates);
  const usable = usableRecords(records, certificates, nowMs);
  return {
    idRaw: log.idRaw,
    id,
    logHead: log.head,
    logSeq: log.seq,
    log,
    frozen,
    retired: log.retired !== void 0,
    bundle,
    certificates,
    records,
    recordVersion: records.reduce((highest, each) => Math.max(highest, each.recordVersion), 0),
    name: usable[0]?.name,
    inboxKey: chooseInboxKey(usable, nowMs),
    homes: listHomes(usable, log.homes)
  };
}
async function verifyBranches(crypto2, branches) {
  const states = await verifyLogStates(crypto2, branches.log);
  const rival = rivalLog(branches);
  if (rival === void 0) return { log: states.at(-1), frozen: false };
  await verifyLog(crypto2, rival);
  if (!sameBranches(joinLogs({ log: branches.log, rival: [] }, { log: rival, rival: [] }), branches))
    throw new PerdureError("malformed", "identity bundle: its rival log is not the proof of a fork");
  return { log: states[commonLength(branches) - 1], frozen: true };
}
function refuseUncertified(records, certificates) {
  const instances = /* @__PURE__ */ new Set();
  for (const record of records) {
    const instance = hex(record.instanceKey);
    if (instances.has(instance)) throw new PerdureError("malformed", "identity bundle: two records of one instance");
    instances.add(instance);
    if (!certificates.some((each) => equalBytes(each.instanceKey, record.instanceKey)))
      throw new PerdureError("bad-signature", "a record is of an instance without a certificate");
  }
}
function changesAtMs({ certificates, records }, nowMs) {
  const times = [
    ...certificates.flatMap(({ notBeforeMs, validUntilMs }) => [notBeforeMs, validUntilMs + 1]),
    ...records.flatMap(({ validUntilMs, inboxKeys }) => [validUntilMs + 1, ...inboxKeys.map(({ notAfterMs }) => notAfterMs + 1)])
  ];
  return Math.min(...times.filter((each) => each > nowMs));
}
function relateIdentities(offered, held) {
  if (!equalBytes(held.idRaw, offered.idRaw)) throw new PerdureError("bad-signature", `${offered.id} is not ${held.id}`);
  return relateBranches(identityBundle.decode(offered.bundle), identityBundle.decode(held.bundle));
}
function refuseRollback(pinned, offered) {
  const relation = relateIdentities(offered, pinned);
  const back = (what) => new PerdureError("record-rolled-back", `${offered.id}: ${what}`, {
    hint: "Somebody showed an older state of this agent; ask again, or ask the agent's owner."
  });
  if (relation === "behind") throw back(`log event ${offered.logSeq} is older than ${pinned.logSeq}`);
  if (relation === "outranked") throw back("its log was undone by a rotation that was seen before");
  for (const record of offered.records) {
    const held = pinned.records.find((each) => equalBytes(each.instanceKey, record.instanceKey));
    if (held === void 0 || revokedFromMs(offered.log, record.instanceKey) !== void 0) continue;
    if (record.recordVersion < held.recordVersion) throw back(`record version ${record.recordVersion} is older than ${held.recordVersion}`);
    if (record.recordVersion === held.recordVersion && !equalBytes(agentRecord.encode(record), agentRecord.encode(held)))
      throw back(`two records have version ${held.recordVersion}`);
  }
}
async function mergeIdentities(crypto2, one, other, nowMs) {
  if (equalBytes(one.bundle, other.bundle)) return other;
  if (!equalBytes(one.idRaw, other.idRaw)) throw new PerdureError("bad-signature", `${other.id} is not ${one.id}`);
  const [a, b] = [identityBundle.decode(one.bundle), identityBundle.decode(other.bundle)];
  const branches = joinLogs(a, b);
  const { log } = await verifyBranches(crypto2, branches);
  const kept = await longestCertificates(crypto2, log, [...a.certificates, ...b.certificates]);
  const certified = (encoded) => {
    const { instanceKey } = agentRecord.decode(signedRecord.decode(encoded).record);
    return kept.some((each) => equalBytes(each.said.instanceKey, instanceKey));
  };
  const bundle = encodeBundle({
    ...branches,
    certificates: kept.map((each) => each.encoded),
    records: [...a.records, ...b.records].filter(certified)
  });
  return await verifyBundle(crypto2, bundle, nowMs, one.idRaw);
}
async function longestCertificates(crypto2, log, encoded) {
  const kept = /* @__PURE__ */ new Map();
  for (const each of encoded) {
    const said = await verifyCertificate(crypto2, log, each).catch((error) => {
      if (isPerdureError(error)) return void 0;
      throw error;
    });
    if (said !== void 0) kept.set(hex(each), { encoded: each, said });
  }
  return [...kept.values()].sort((a, b) => b.said.validUntilMs - a.said.validUntilMs || compareBytes(a.encoded, b.encoded)).slice(0, BUNDLE_CERTIFICATES);
}

// packages/perdure/src/settings/rates.ts
var MB = 1024 * 1024;
var RATES = {
  sourceConnections: {
    value: 512,
    unit: "connections",
    min: 1,
    max: 1e6,
    reason: "Connections from one address (IPv4, or IPv6 /64) at once, so that one caller cannot take all places; not from this machine."
  },
  sourceHandshakesPerSecond: {
    value: 10,
    unit: "handshakes/s",
    min: 1,
    max: 1e5,
    reason: "Handshakes with one address; each costs two signatures and a key agreement. Callers on this machine are not counted."
  },
  sourceHandshakesBurst: {
    value: 200,
    unit: "handshakes",
    min: 1,
    max: 1e6,
    reason: "Handshakes with one address at once: those of a house behind one address whose network came back."
  },
  sourceRequestsPerSecond: {
    value: 20,
    unit: "requests/s",
    min: 1,
    max: 1e5,
    reason: "HTTP requests from one address; the relay's owner is never turned away."
  },
  sourceRequestsBurst: { value: 200, unit: "requests", min: 1, max: 1e6, reason: "HTTP requests from one address at once." },
  relayRequestsPerSecond: {
    value: 500,
    unit: "requests/s",
    min: 1,
    max: 1e6,
    reason: "HTTP requests from everybody together; behind a proxy all callers have one address."
  },
  relayRequestsBurst: { value: 2e3, unit: "requests", min: 1, max: 1e6, reason: "HTTP requests from everybody together at once." },
  agentMessagesPerSecond: {
    value: 2e3,
    unit: "messages/s",
    min: 1,
    max: 1e7,
    reason: "Messages of one agent; more are refused for a while, so that one agent does not keep the relay's disk from the others."
  },
  agentMessagesBurst: {
    value: 2e4,
    unit: "messages",
    min: 1,
    max: 1e8,
    reason: "Messages of one agent at once: an outbox that waited for the relay."
  },
  agentBytesPerSecond: {
    value: 64 * MB,
    unit: "bytes/s",
    min: 1,
    max: 1024 * 1024 * MB,
    reason: "Bytes of messages of one agent: half of what a common disk writes."
  },
  agentBytesBurst: {
    value: 512 * MB,
    unit: "bytes",
    min: 1,
    max: 1024 * 1024 * MB,
    reason: "Bytes of messages of one agent at once: twice what an outbox holds."
  },
  agentRequestsPerSecond: {
    value: 100,
    unit: "requests/s",
    min: 1,
    max: 1e6,
    reason: "Sessions, look-ups, new records, contact lists and routes of one agent; each costs more than a message."
  },
  agentRequestsBurst: {
    value: 5e3,
    unit: "requests",
    min: 1,
    max: 1e7,
    reason: "Such requests of one agent at once: it writes to thousands for the first time."
  },
  peerMessagesPerSecond: {
    value: 1e4,
    unit: "messages/s",
    min: 1,
    max: 1e7,
    reason: "Messages of one other relay, whoever wrote them."
  },
  peerMessagesBurst: {
    value: 1e5,
    unit: "messages",
    min: 1,
    max: 1e8,
    reason: "Messages of one other relay at once: what waited there for this one."
  },
  peerBytesPerSecond: { value: 128 * MB, unit: "bytes/s", min: 1, max: 1024 * 1024 * MB, reason: "Bytes of messages of one other relay." },
  peerBytesBurst: {
    value: 1024 * MB,
    unit: "bytes",
    min: 1,
    max: 1024 * 1024 * MB,
    reason: "Bytes of messages of one other relay at once."
  },
  peerRequestsPerSecond: {
    value: 500,
    unit: "requests/s",
    min: 1,
    max: 1e6,
    reason: "Sessions and look-ups of one other relay, for all its agents."
  },
  peerRequestsBurst: { value: 5e3, unit: "requests", min: 1, max: 1e7, reason: "Such requests of one other relay at once." },
  strangerMessagesPerHour: {
    value: 3600,
    unit: "messages/h",
    min: 1,
    max: 1e8,
    reason: "Messages into one mailbox from everybody its agent does not know, together, unless it takes mail from anybody."
  },
  strangerMessagesBurst: { value: 2e3, unit: "messages", min: 1, max: 1e8, reason: "Such messages into one mailbox at once." },
  registrationsPerHour: {
    value: 1e3,
    unit: "agents/h",
    min: 1,
    max: 1e7,
    reason: "Agents a relay takes in that it did not know; those it knows are not counted."
  },
  registrationsBurst: { value: 2e3, unit: "agents", min: 1, max: 1e7, reason: "New agents taken in at once." }
};

// packages/perdure/src/settings/shares.ts
var KB = 1024;
var MB2 = 1024 * KB;
var SHARES = {
  mailboxMessages: {
    value: 1e5,
    unit: "messages",
    min: 1,
    max: 1e8,
    reason: "Unsettled messages one mailbox holds; more are refused, none is dropped."
  },
  mailboxBytes: { value: 256 * MB2, unit: "bytes", min: 512 * KB, max: 1024 * 1024 * MB2, reason: "Unsettled bytes one mailbox holds." },
  storeBytes: {
    value: 8 * 1024 * MB2,
    unit: "bytes",
    min: MB2,
    max: 1024 * 1024 * MB2,
    reason: "Disk ceiling of a relay: at it new mail is refused, accepted mail kept."
  },
  storeMessages: {
    value: 2e6,
    unit: "messages",
    min: 1,
    max: 1e9,
    reason: "Messages a relay holds in all mailboxes together: each takes about 300 bytes of memory, however small it is."
  },
  relayPeers: {
    value: 1e3,
    unit: "connections",
    min: 1,
    max: 1e5,
    reason: "Other relays a relay remembers; the one with nothing waiting that was met longest ago makes room for a new one."
  },
  peerPercent: {
    value: 10,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the store for mail that came from one other relay, however many senders it names."
  },
  peersPercent: {
    value: 50,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the store for mail from all other relays together, and for mail to them together."
  },
  routePercent: { value: 10, unit: "percent", min: 1, max: 100, reason: "Share of the store for mail that waits for one other relay." },
  senderPercent: {
    value: 10,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of a mailbox, or of what waits for another relay, that one sender fills."
  },
  strangersPercent: {
    value: 20,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of a mailbox for everybody its agent does not know, unless it takes mail from anybody."
  },
  senderStoredPercent: {
    value: 20,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the store for mail of one agent, over all mailboxes it waits in."
  },
  newcomerPeersPercent: {
    value: 50,
    unit: "percent",
    min: 1,
    max: 100,
    reason: "Share of the relays remembered for those no mail was ever exchanged with, so that made-up ones push out no others."
  },
  openTickets: { value: 1024, unit: "tickets", min: 1, max: 1e5, reason: "Registration tickets that may be open at once." },
  keptBans: { value: 4096, unit: "ids", min: 1, max: 1e5, reason: "Agents and relays turned away: more than a person bans by hand." }
};

// packages/perdure/src/settings/web-server.ts
var SECOND2 = 1e3;
var MINUTE2 = 60 * SECOND2;
var HOUR2 = 60 * MINUTE2;
var WEB_SERVER = {
  tlsHandshakeTimeoutMs: {
    value: 10 * SECOND2,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE2,
    reason: "Somebody who opens a connection with TLS must have agreed on keys within this time."
  },
  requestHeadersTimeoutMs: {
    value: 10 * SECOND2,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE2,
    reason: "Somebody who opens a connection must say what he wants, a WebSocket or a page, within this time."
  },
  requestTimeoutMs: {
    value: 30 * SECOND2,
    unit: "ms",
    min: 100,
    max: HOUR2,
    reason: "All of an HTTP request must have come within this time; does not concern WebSockets."
  },
  requestKeepAliveMs: {
    value: 5 * SECOND2,
    unit: "ms",
    min: 1,
    max: HOUR2,
    reason: "How long an HTTP connection may wait for its next request; does not concern WebSockets."
  },
  requestIdleMs: {
    value: MINUTE2,
    unit: "ms",
    min: SECOND2,
    max: HOUR2,
    reason: "An HTTP connection on which nothing moves, not even the answer being read, is cut; does not concern WebSockets."
  },
  requestHeaderBytes: {
    value: 16 * 1024,
    unit: "bytes",
    min: 4 * 1024,
    max: 1024 * 1024,
    reason: "Headers of one HTTP request; more are answered 431."
  },
  plainSockets: {
    value: 1024,
    unit: "connections",
    min: 1,
    max: 1e6,
    reason: "Sockets that are no WebSocket yet; at more of them the oldest is cut, so that idle ones never use up what a process may open."
  },
  listenBacklog: {
    value: 511,
    unit: "connections",
    min: 1,
    max: 65535,
    reason: "Connections the system may hold for a relay that is busy; it may allow fewer, and refuses more."
  }
};

// packages/perdure/src/settings/register.ts
var define2 = (definitions) => definitions;
var SECOND3 = 1e3;
var MINUTE3 = 60 * SECOND3;
var HOUR3 = 60 * MINUTE3;
var DAY = 24 * HOUR3;
var KB2 = 1024;
var MB3 = 1024 * KB2;
var SETTINGS = define2({
  // Sessions
  dialTimeoutMs: {
    value: 10 * SECOND3,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE3,
    reason: "A relay that does not answer a connection in this time is tried again later."
  },
  handshakeTimeoutMs: {
    value: 10 * SECOND3,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE3,
    reason: "Half-open and slow handshakes must not hold a place for ever."
  },
  pingEveryMs: {
    value: 15 * SECOND3,
    unit: "ms",
    min: SECOND3,
    max: 10 * MINUTE3,
    reason: "Below the 30 s after which the strictest common middleboxes drop idle flows."
  },
  silenceTimeoutMs: {
    value: 45 * SECOND3,
    unit: "ms",
    min: 2 * SECOND3,
    max: 30 * MINUTE3,
    reason: "Three missed pings: the other side is gone even if the connection looks open."
  },
  ackTimeoutMs: {
    value: 3 * SECOND3,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE3,
    reason: "With mail outstanding and nothing heard for this long the agent probes with a ping."
  },
  probeTimeoutMs: {
    value: 3 * SECOND3,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE3,
    reason: "A probe without an answer closes the connection and dials again."
  },
  redialMinMs: { value: 500, unit: "ms", min: 10, max: MINUTE3, reason: "First pause before dialling again (decorrelated jitter)." },
  redialMaxMs: { value: 60 * SECOND3, unit: "ms", min: 10, max: HOUR3, reason: "Longest pause before dialling again." },
  drainTimeoutMs: {
    value: 5 * SECOND3,
    unit: "ms",
    min: 0,
    max: 5 * MINUTE3,
    reason: "A relay that stops waits this long for its last batch and goodbyes."
  },
  tlsCheckMs: {
    value: MINUTE3,
    unit: "ms",
    min: 100,
    max: DAY,
    reason: "How often a relay looks whether its certificate on disk was renewed."
  },
  relayConnections: {
    value: 1e4,
    unit: "connections",
    min: 1,
    max: 1e6,
    reason: "Connections a relay keeps at once; more are answered too-busy."
  },
  relayHandshakes: {
    value: 64,
    unit: "connections",
    min: 1,
    max: 1e4,
    reason: "Handshakes in progress at once; a restarted relay is not trampled."
  },
  windowFrames: {
    value: 128,
    unit: "frames",
    min: 1,
    max: 256,
    reason: "Mail an agent may have unacknowledged; also bounds the refusals a relay remembers per link."
  },
  windowBytes: { value: 4 * MB3, unit: "bytes", min: 512 * KB2, max: 256 * MB3, reason: "Mail bytes an agent may have unacknowledged." },
  sendQueueBytes: {
    value: 2 * MB3,
    unit: "bytes",
    min: 512 * KB2,
    max: 256 * MB3,
    reason: "Above this a slow reader is served from the log when it has caught up."
  },
  allQueuesBytes: {
    value: 256 * MB3,
    unit: "bytes",
    min: MB3,
    max: 1024 * 1024 * MB3,
    reason: "Above this, over all sessions of a relay, each slow reader is served from the log at once."
  },
  lookupTimeoutMs: {
    value: 10 * SECOND3,
    unit: "ms",
    min: 100,
    max: 5 * MINUTE3,
    reason: "An address that was not found out in this time leaves the message queued and is asked again."
  },
  // Relay storage
  statementEveryMs: {
    value: 100,
    unit: "ms",
    min: 10,
    max: MINUTE3,
    reason: "One signature covers everything stored since the last; proofs follow within this time."
  },
  peerWindowFrames: {
    value: MAX_LINK_REFUSALS,
    unit: "frames",
    min: 1,
    max: MAX_LINK_REFUSALS,
    reason: "Mail another relay may have unacknowledged: that of all its agents, so more than one agent; at most what can be named as refused."
  },
  peerWindowBytes: {
    value: 16 * MB3,
    unit: "bytes",
    min: 512 * KB2,
    max: 256 * MB3,
    reason: "Mail bytes another relay may have unacknowledged."
  },
  peerDials: {
    value: 128,
    unit: "connections",
    min: 5,
    max: 1e4,
    reason: "Other relays dialled at once; those that did not answer last time use at most half of these places, those never met a quarter."
  },
  peerIdleMs: {
    value: 5 * MINUTE3,
    unit: "ms",
    min: SECOND3,
    max: DAY,
    reason: "A session with another relay that was of no use for this long is closed by the side that dialled."
  },
  segmentBytes: {
    value: 64 * MB3,
    unit: "bytes",
    min: 64 * KB2,
    max: 4 * 1024 * MB3,
    reason: "A log file of this size is closed and the next one begun."
  },
  expiryGraceMs: {
    value: 2 * MINUTE3,
    unit: "ms",
    min: 0,
    max: HOUR3,
    reason: "Relays keep mail this long past its expiry, so that clocks may differ."
  },
  sweepEveryMs: { value: 10 * SECOND3, unit: "ms", min: 100, max: HOUR3, reason: "How often expired mail is looked for." },
  clockJumpMs: {
    value: 30 * SECOND3,
    unit: "ms",
    min: SECOND3,
    max: HOUR3,
    reason: "A wall clock that moved this much against the monotonic one has jumped."
  },
  clockJumpHoldMs: { value: HOUR3, unit: "ms", min: 0, max: DAY, reason: "After a jump forward nothing is reclaimed for this long." },
  diskRetryMs: { value: SECOND3, unit: "ms", min: 10, max: MINUTE3, reason: "Pause before a write that failed is tried again." },
  // Agents
  defaultExpiryMs: {
    value: 7 * DAY,
    unit: "ms",
    min: SECOND3,
    max: 30 * DAY,
    reason: "How long a message may wait when the sender does not say."
  },
  unconfirmedAfterMs: {
    value: 10 * MINUTE3,
    unit: "ms",
    min: 0,
    max: DAY,
    reason: "After expiry, how long the sender waits for a terminal receipt before its own verdict."
  },
  handlerAttempts: {
    value: 5,
    unit: "attempts",
    min: 1,
    max: 1e3,
    reason: "After this many failures a message goes to the failed box and stops blocking the rest."
  },
  failedMessages: {
    value: 1e4,
    unit: "messages",
    min: 1,
    max: 1e7,
    reason: "Messages an agent keeps in its failed box; for one more the oldest goes for good: its sender was told, and the status counts it."
  },
  refusedRetryMaxMs: {
    value: HOUR3,
    unit: "ms",
    min: MINUTE3,
    max: DAY,
    reason: "Longest pause before mail a relay refused is offered again; pauses grow to about a quarter of the time it has waited."
  },
  handlerTimeoutMs: {
    value: 15 * MINUTE3,
    unit: "ms",
    min: 100,
    max: DAY,
    reason: "A handler that has not finished by then counts as failed; its turn can no longer commit."
  },
  retryMinMs: {
    value: SECOND3,
    unit: "ms",
    min: 1,
    max: HOUR3,
    reason: "Pause before a failed handler sees its message again; doubles each time."
  },
  retryMaxMs: { value: 5 * MINUTE3, unit: "ms", min: 1, max: DAY, reason: "Longest pause before a failed handler sees its message again." },
  holeWaitMs: {
    value: 5 * SECOND3,
    unit: "ms",
    min: 0,
    max: HOUR3,
    reason: "How long a missing sequence number delays later mail of the same stream."
  },
  forgetStreamMs: {
    value: DAY,
    unit: "ms",
    min: 0,
    max: 30 * DAY,
    reason: "A stream is forgotten this long after its last expiry, so that a replay is always known or expired."
  },
  liveStreams: {
    value: 16384,
    unit: "messages",
    min: 1,
    max: 1e6,
    reason: "Streams one sender may have open at a recipient: one for each opening in about eight days, so one a minute fits."
  },
  allStreams: {
    value: 5e5,
    unit: "messages",
    min: 4,
    max: 1e8,
    reason: "Streams of all senders together, about 1 KB of memory each; who has none yet begins one only while half of them are free."
  },
  outboxMessages: {
    value: 1e4,
    unit: "messages",
    min: 1,
    max: 1e7,
    reason: "Messages an agent holds that have not come to their end; `send` refuses more."
  },
  outboxBytes: { value: 256 * MB3, unit: "bytes", min: 8 * MB3, max: 1024 * 1024 * MB3, reason: "Bytes of such messages." },
  autoPerThread: {
    value: 64,
    unit: "messages",
    min: 1,
    max: 1e6,
    reason: "Automatic messages caused by automatic ones that one thread may send in a window; then the loop guard pauses it."
  },
  autoPerPair: {
    value: 256,
    unit: "messages",
    min: 1,
    max: 1e6,
    reason: "The same to one other agent over all threads."
  },
  autoWindowMs: { value: HOUR3, unit: "ms", min: SECOND3, max: 7 * DAY, reason: "The window in which the loop guard counts." },
  askTimeoutMs: {
    value: MINUTE3,
    unit: "ms",
    min: 1,
    max: 30 * DAY,
    reason: "How long `ask` waits for an answer when the caller does not say."
  },
  callTimeoutMs: {
    value: 30 * SECOND3,
    unit: "ms",
    min: 100,
    max: 10 * MINUTE3,
    reason: "An agent that has not committed, read or answered on its own machine by then has a stuck disk or process."
  },
  openTimeoutMs: {
    value: 20 * SECOND3,
    unit: "ms",
    min: 100,
    max: 10 * MINUTE3,
    reason: "How long opening a folder may take, taking over from another process included."
  },
  certificateMs: {
    value: 30 * DAY,
    unit: "ms",
    min: HOUR3,
    max: 366 * DAY,
    reason: "Life of an instance certificate; renewed after a third."
  },
  recordFreshMs: { value: DAY, unit: "ms", min: MINUTE3, max: 90 * DAY, reason: "Peers ask again for an agent's record older than this." },
  recordValidMs: { value: 90 * DAY, unit: "ms", min: HOUR3, max: 366 * DAY, reason: "Peers do not use an agent's record older than this." },
  oldKeysGraceMs: {
    value: 10 * MINUTE3,
    unit: "ms",
    min: 0,
    max: DAY,
    reason: "After a rotation, how long what the old keys signed is still taken, so that mail under way arrives."
  },
  inboxKeyUseMs: {
    value: 7 * DAY,
    unit: "ms",
    min: MINUTE3,
    max: 90 * DAY,
    reason: "An agent makes a new inbox key this often: what is sealed to an old one stays closed once that is destroyed."
  },
  inboxKeyGraceMs: {
    value: 7 * DAY,
    unit: "ms",
    min: 0,
    max: 90 * DAY,
    reason: "How long senders who could not ask may still seal to the inbox key before."
  },
  inboxKeyKeepMs: {
    value: 30 * DAY,
    unit: "ms",
    min: MINUTE3,
    max: 90 * DAY,
    reason: "After that an old inbox key is kept this long for mail that waits, which is the longest mail may wait, and then destroyed."
  },
  passphraseMemoryKiB: {
    value: 64 * KB2,
    unit: "kibibytes",
    min: 19 * KB2,
    max: MB3,
    reason: "Memory a guess at the passphrase of a folder costs (Argon2id)."
  },
  passphrasePasses: {
    value: 3,
    unit: "attempts",
    min: 1,
    max: 32,
    reason: "How often that memory is gone through for one guess."
  },
  // How much, how fast, how many at once
  ...SHARES,
  ...RATES,
  ...WEB_SERVER
});
function createSettings(overrides = {}) {
  const values = {};
  for (const [name, definition] of Object.entries(SETTINGS)) values[name] = definition.value;
  for (const [name, value] of Object.entries(overrides)) {
    const definition = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : void 0;
    if (definition === void 0)
      throw new PerdureError("unknown-setting", `there is no setting "${name}"`, { hint: "The settings register lists every name." });
    if (value === void 0 || !Number.isFinite(value) || value < definition.min || value > definition.max) {
      throw new PerdureError("bad-argument", `${name} = ${value} is outside ${definition.min} to ${definition.max} ${definition.unit}`, {
        hint: "`perdure relay settings` lists every setting with its unit and what it is for."
      });
    }
    values[name] = value;
  }
  return values;
}
function listSettings(settings, origins = {}, negotiated = {}) {
  const set = Object.entries(SETTINGS).map(([name, definition]) => {
    const agreed = negotiated[name];
    if (agreed !== void 0) return { ...definition, name, value: agreed, origin: "negotiated" };
    const value = settings[name];
    return { ...definition, name, value, origin: origins[name] ?? (value === definition.value ? "default" : "set") };
  });
  const fixed2 = Object.entries(FIXED).map(
    ([name, definition]) => ({
      ...definition,
      name,
      min: definition.value,
      max: definition.value,
      origin: "fixed"
    })
  );
  return [...set, ...fixed2];
}

// packages/perdure/src/wire/control.ts
var agentId2 = fixed(32);
var nonce = fixed(32);
var ephemeralKey = fixed(32);
var relayId = fixed(32);
var generation = fixed(GENERATION_BYTES);
var link = fixed(LINK_BYTES);
var SESSION_MODES = ["none", "mac"];
var ROLES = ["agent", "relay"];
var MAX_PASS_BYTES = 64;
var RETRY_WORDS = ["never", "now", "after"];
var hello = shape("hello", {
  versions: list(uint, 8),
  modes: list(choice(...SESSION_MODES), 4),
  role: choice(...ROLES),
  agentId: agentId2,
  /** The relay the agent means; 32 zero bytes on first use of an address without a pinned id. */
  expectedRelayId: agentId2,
  nonce,
  ephemeralKey,
  extensions: extensions()
});
var challenge = shape("challenge", {
  version: uint,
  mode: choice(...SESSION_MODES),
  relayId: agentId2,
  nonce,
  ephemeralKey,
  relayTimeMs: uint,
  /** An encoded identity bundle of the relay. */
  bundle: bytes(MAX_CONTROL_BYTES),
  /** By the relay's instance key, over the transcript up to here. */
  signature: bytes(64),
  extensions: extensions()
});
var proof = shape("proof", {
  /** An encoded identity bundle of the agent. */
  bundle: bytes(MAX_CONTROL_BYTES),
  /** Drawn at each opening of the outbox; link sequence numbers start at 1 with it. */
  link,
  /** Whether this session consumes the mailbox; attaching as consumer fences the one before. */
  consume: flag,
  /** The last position the agent has on its own disk: deliveries start after it when the generation still holds. */
  haveGeneration: generation,
  havePosition: uint,
  /** What lets an agent register at a relay that asks for it; empty when there is none, or none is needed. */
  ticket: text(64),
  /** The newest attach pass this instance has on its disk from this relay; empty when it never had one. */
  pass: bytes(MAX_PASS_BYTES),
  /** By the agent's instance key, over the whole transcript. */
  signature: bytes(64),
  extensions: extensions()
});
var welcome = shape("welcome", {
  relayTimeMs: uint,
  generation,
  /** Consumer epoch of this session; 0 when it does not consume. */
  epoch: uint,
  /** Highest synced position of the mailbox. */
  tail: uint,
  /** Every position up to here is settled. */
  settledFloor: uint,
  /** Link sequence number up to which the relay has durably taken or refused what this link sent. */
  linkUpTo: uint,
  /** Link sequence numbers at or below `linkUpTo` that were refused and not stored. */
  linkRefused: list(uint, MAX_LINK_REFUSALS),
  /** Frames of mail the agent may have unacknowledged. */
  windowFrames: uint,
  /** Bytes of mail the agent may have unacknowledged. */
  windowBytes: uint,
  /** The agent says something at least this often. */
  pingEveryMs: uint,
  /** Version of the contact list the relay has of this agent; 0 when it has none. */
  contactsVersion: uint,
  /** What this instance must show at its next attach; the one it showed is used up once it said `confirm`. Empty without `consume`. */
  pass: bytes(MAX_PASS_BYTES),
  extensions: extensions()
});
var confirm = shape("confirm", { pass: bytes(MAX_PASS_BYTES) });
var limitSaid = shape("limit", { name: text(64), value: uint, remaining: uint });
var refuse = shape("refuse", {
  linkSeq: uint,
  code: text(64),
  retry: choice(...RETRY_WORDS),
  /** With retry `after`: when trying again makes sense; for a limit, when there is room again. */
  afterMs: uint,
  limit: optional(limitSaid.field),
  hint: text(512)
});
var settle = shape("settle", {
  generation,
  epoch: uint,
  floor: uint,
  ranges: list(list(uint, 2), MAX_SETTLE_RANGES)
});
var position = shape("position", { generation, epoch: uint, settledFloor: uint, tail: uint });
var lookup = shape("lookup", {
  request: uint,
  /** 32 bytes of an agent id, or the UTF-8 of a name without `@`. */
  what: choice("agent", "name"),
  key: bytes(64),
  /** The relay to ask, which a `route` frame has said the way to; empty for the relay of this session itself. */
  at: bytes(32)
});
var found = shape("found", {
  request: uint,
  /** An encoded identity bundle; empty when there is none to show. */
  bundle: bytes(MAX_CONTROL_BYTES),
  /** Empty with a bundle; else why there is none: `unknown-agent`, or what kept the other relay from answering. */
  code: text(64)
});
var publish = shape("publish", { bundle: bytes(MAX_CONTROL_BYTES) });
var published = shape("published", {
  logSeq: uint,
  logHead: fixed(32),
  recordVersion: uint,
  code: text(64),
  bundle: bytes(MAX_CONTROL_BYTES)
});
var route = shape("route", { relayId, url: text(512) });
var CONTACT_ENTRY_BYTES = 16;
var MAX_LISTED_CONTACTS = 1024;
var contacts = shape("contacts", {
  /** Rises with each change. */
  version: uint,
  /** Strangers may use the whole mailbox: the agent takes mail from anybody. */
  open: flag,
  contacts: bytes(CONTACT_ENTRY_BYTES * MAX_LISTED_CONTACTS),
  /** First 8 bytes of each id that is turned away. */
  blocked: bytes(8 * MAX_LISTED_CONTACTS)
});
var offer = shape("offer", { link });
var resume = shape("resume", {
  link,
  linkUpTo: uint,
  linkRefused: list(uint, MAX_LINK_REFUSALS),
  windowFrames: uint,
  windowBytes: uint
});
var ping = shape("ping", { nonce: uint });
var pong = shape("pong", { nonce: uint, timeMs: uint });
var goodbye = shape("goodbye", {
  code: text(64),
  retry: choice(...RETRY_WORDS),
  afterMs: uint,
  limit: optional(limitSaid.field),
  why: text(512),
  hint: text(512)
});
var goodbyeOfVersion0 = shape("goodbye of version zero", {
  code: text(64),
  retry: choice(...RETRY_WORDS),
  afterMs: uint,
  why: text(512),
  hint: text(512)
});
var MAIL_HEADER_BYTES = 16;
var DELIVER_HEADER_BYTES = 24;
var DEFAULT_HOP_LIMIT = 8;
function encodeMail(frame) {
  const header = new Uint8Array(MAIL_HEADER_BYTES);
  writeU64(viewOf(header), 0, frame.linkSeq);
  header[8] = frame.hopLimit;
  if (frame.home === void 0) return concat2(header, frame.envelope);
  header[9] = 1;
  return concat2(header, frame.home, frame.envelope);
}
function decodeDeliver(payload) {
  const view = payload.length < DELIVER_HEADER_BYTES ? malformed3("deliver", "cut off") : viewOf(payload);
  const at = readU64(view, 8);
  const storedAtMs = readU64(view, 16);
  if (at === void 0 || at === 0 || storedAtMs === void 0) malformed3("deliver", "position or time outside 2^53 - 1");
  return { generation: payload.subarray(0, GENERATION_BYTES), position: at, storedAtMs, envelope: payload.subarray(DELIVER_HEADER_BYTES) };
}
function decodeAck(payload) {
  const upTo = payload.length === 8 ? readU64(viewOf(payload), 0) : void 0;
  return upTo ?? malformed3("ack", "not a number up to 2^53 - 1");
}
function malformed3(frame, why) {
  throw new PerdureError("malformed", `${frame}: ${why}`);
}

// packages/perdure/src/protocol/link/goodbyes.ts
var WORDS_BYTES = 512;
var DEFAULT_AFTER_MS = 1e3;
function goodbyeFor(code, why, details = {}) {
  const retry = details.retry ?? "never";
  return {
    code,
    retry,
    afterMs: details.afterMs ?? (retry === "after" ? DEFAULT_AFTER_MS : 0),
    limit: details.limit,
    why: clipWords(why),
    hint: clipWords(details.hint ?? "")
  };
}
function goodbyeOf(error) {
  if (!isPerdureError(error)) return goodbyeFor("internal", "something failed on the other side", { retry: "after" });
  return goodbyeFor(error.code, error.message, {
    retry: error.retry,
    ...error.afterMs === void 0 ? {} : { afterMs: error.afterMs },
    limit: error.limit,
    ...error.hint === void 0 ? {} : { hint: error.hint }
  });
}
function errorOfGoodbye(goodbye2) {
  const details = {
    retry: goodbye2.retry,
    ...goodbye2.retry === "after" ? { afterMs: goodbye2.afterMs } : {},
    ...goodbye2.limit === void 0 ? {} : { limit: goodbye2.limit },
    ...goodbye2.hint === "" ? {} : { hint: goodbye2.hint }
  };
  if (isErrorCode(goodbye2.code)) return new PerdureError(goodbye2.code, goodbye2.why, details);
  return new PerdureError("connection-closed", `${goodbye2.code}: ${goodbye2.why}`, details);
}
function clipWords(text2) {
  const normal = text2.toWellFormed().normalize("NFC");
  const encoded = utf8(normal);
  if (encoded.length <= WORDS_BYTES) return normal;
  let end = WORDS_BYTES;
  while (end > 0 && (encoded[end] & 192) === 128) end--;
  return fromUtf8(encoded.subarray(0, end)).normalize("NFC");
}

// packages/perdure/src/protocol/link/peer-instance.ts
async function handshakeSigner(crypto2, peer2, scope, signed, signature2, nowMs) {
  for (const each of peer2.certificates) {
    if (!await crypto2.signatures.verify(each.instanceKey, signed, signature2)) continue;
    return certifiedInstance(peer2, each.instanceKey, scope, nowMs);
  }
  throw new PerdureError("bad-handshake", `none of the instances of ${peer2.id} signed this handshake`, {
    hint: "The other side is not who it says it is, or somebody in between changed what was sent."
  });
}

// packages/perdure/src/wire/frame.ts
var FRAME_TYPES = {
  hello: 1,
  challenge: 2,
  proof: 3,
  welcome: 4,
  mail: 16,
  deliver: 17,
  ack: 18,
  refuse: 19,
  settle: 20,
  position: 21,
  statement: 22,
  lookup: 23,
  found: 24,
  publish: 25,
  ping: 26,
  pong: 27,
  goodbye: 28,
  route: 29,
  offer: 30,
  resume: 31,
  contacts: 32,
  confirm: 33,
  published: 34
};
var NAME_OF = new Map(Object.entries(FRAME_TYPES).map(([name, type]) => [type, name]));
var MODE_NONE = 0;
var MODE_MAC = 1;
var TAG_BYTES2 = 16;
var FRAME_HEADER_BYTES = 8;
var TRANSPORT_HEADER_BYTES = 2;
var COUNTER_BYTES = 8;
function frameBytes(payloadBytes) {
  return FRAME_HEADER_BYTES + payloadBytes;
}
function encodeTransport(frames, counter, tag) {
  let size = 0;
  for (const frame of frames) size += frameBytes(frame.payload.length);
  const start = tag === void 0 ? TRANSPORT_HEADER_BYTES : TRANSPORT_HEADER_BYTES + TAG_BYTES2;
  if (start + size > MAX_TRANSPORT_BYTES)
    throw new PerdureError("too-large", `a transport message of ${start + size} bytes is more than ${MAX_TRANSPORT_BYTES}`);
  const message = new Uint8Array(start + size);
  const view = viewOf(message);
  message[0] = WIRE_VERSION;
  message[1] = tag === void 0 ? MODE_NONE : MODE_MAC;
  let at = start;
  for (const frame of frames) {
    message[at] = FRAME_TYPES[frame.name];
    view.setUint32(at + 4, frame.payload.length);
    message.set(frame.payload, at + FRAME_HEADER_BYTES);
    at += frameBytes(frame.payload.length);
  }
  if (tag !== void 0) message.set(tag(counted(counter, message.subarray(start))).subarray(0, TAG_BYTES2), TRANSPORT_HEADER_BYTES);
  return message;
}
function decodeTransport(message, counter, check) {
  if (message.length > MAX_TRANSPORT_BYTES)
    throw new PerdureError("too-large", `a transport message of ${message.length} bytes is more than ${MAX_TRANSPORT_BYTES}`);
  if (message.length < TRANSPORT_HEADER_BYTES) malformed4("shorter than its header");
  if (message[0] !== WIRE_VERSION)
    throw otherVersion({ what: "what the other side sends", found: message[0], older: PEER_OF_OLDER });
  if (message[1] !== (check === void 0 ? MODE_NONE : MODE_MAC)) malformed4(`mode ${message[1]} was not agreed on`);
  let start = TRANSPORT_HEADER_BYTES;
  if (check !== void 0) {
    start += TAG_BYTES2;
    if (message.length < start) malformed4("shorter than its tag");
    const expected = check(counted(counter, message.subarray(start)));
    let difference = 0;
    for (let index = 0; index < TAG_BYTES2; index++)
      difference |= expected[index] ^ message[TRANSPORT_HEADER_BYTES + index];
    if (difference !== 0) throw new PerdureError("bad-mac", "a transport message was changed, repeated or reordered on its way");
  }
  const frames = decodeFrames(message.subarray(start));
  if (frames.length === 0) malformed4("no frames");
  return frames;
}
function decodeFrames(bytes2) {
  const view = viewOf(bytes2);
  const frames = [];
  let at = 0;
  while (at < bytes2.length) {
    if (bytes2.length - at < FRAME_HEADER_BYTES) malformed4("a frame header is cut off");
    const name = NAME_OF.get(bytes2[at]);
    if (name === void 0) malformed4(`frame type ${bytes2[at]} is unknown`);
    if (bytes2[at + 1] !== 0) malformed4("a frame flag is set that this version does not know");
    if (view.getUint16(at + 2) !== 0) malformed4("channels other than 0 are reserved");
    const length = view.getUint32(at + 4);
    const end = at + FRAME_HEADER_BYTES + length;
    if (end > bytes2.length) malformed4(`a frame promises ${length} bytes, ${bytes2.length - at - FRAME_HEADER_BYTES} are left`);
    frames.push({ name, payload: bytes2.subarray(at + FRAME_HEADER_BYTES, end) });
    at = end;
  }
  return frames;
}
function counted(counter, frames) {
  const whole = new Uint8Array(COUNTER_BYTES + frames.length);
  writeU64(viewOf(whole), 0, counter);
  whole.set(frames, COUNTER_BYTES);
  return whole;
}
function malformed4(why) {
  throw new PerdureError("malformed", `transport message: ${why}`);
}

// packages/perdure/src/protocol/link/transport.ts
var HANDSHAKE_MESSAGE_BYTES = MAX_CONTROL_BYTES + 1024;
var HANDSHAKE_WAITING = 2;
var WAITING_BYTES = 8 * MAX_TRANSPORT_BYTES;
var ENVELOPING_BYTES = 64;
var TRANSPORT_ROOM_BYTES = MAX_TRANSPORT_BYTES - ENVELOPING_BYTES;
function createTransport(connection) {
  let protection;
  let sent = 0;
  let received2 = 0;
  let reason;
  let receiver;
  let taker;
  let waiting = [];
  let waitingBytes = 0;
  const finish = (why) => {
    if (reason !== void 0) return;
    reason = why;
    taker?.reject(errorOfGoodbye(why));
    taker = void 0;
    waiting = [];
    const listening = receiver;
    if (listening !== void 0) queueMicrotask(() => listening.ended(why));
  };
  const write = (frames) => {
    connection.send(encodeTransport(frames, sent, protection?.sending));
    if (protection !== void 0) sent++;
  };
  const end = (why) => {
    if (reason !== void 0) return;
    write([{ name: "goodbye", payload: goodbye.encode(why) }]);
    connection.close();
    finish(why);
  };
  const handOn = (frames) => {
    if (taker !== void 0) {
      const { name, aside, resolve, reject } = taker;
      taker = void 0;
      const frame = frames[0];
      if (frame.name !== name && frame.name === aside?.name) {
        taker = { name, aside: void 0, resolve, reject };
        aside.take(frame.payload);
        if (frames.length > 1) handOn(frames.slice(1));
        return;
      }
      if (frame.name !== name) {
        const error = new PerdureError("malformed", `a ${frame.name} frame came where ${name} was due`);
        reject(error);
        return end(goodbyeOf(error));
      }
      if (frames.length > 1) hold(frames.slice(1));
      return resolve(frame.payload);
    }
    if (receiver !== void 0) return receiver.frames(frames);
    hold(frames);
  };
  const hold = (frames) => {
    for (const frame of frames) waitingBytes += frameBytes(frame.payload.length);
    waiting.push(frames);
    const tooMany = protection === void 0 ? waiting.length > HANDSHAKE_WAITING : waitingBytes > WAITING_BYTES;
    if (tooMany) end(goodbyeFor("malformed", "more was sent than the handshake allows"));
  };
  const read2 = (message) => {
    if (protection === void 0) {
      if (message.length > HANDSHAKE_MESSAGE_BYTES)
        throw new PerdureError("too-large", `a handshake message of ${message.length} bytes is more than ${HANDSHAKE_MESSAGE_BYTES}`);
      const frames2 = decodeTransport(message, 0);
      if (frames2.length > 1) throw new PerdureError("malformed", "a handshake message carries one frame");
      return frames2;
    }
    if (received2 === 0 && protection.receiving !== void 0) {
      const early = earlyGoodbye(message);
      if (early !== void 0) return [early];
    }
    const frames = decodeTransport(message, received2, protection.receiving);
    received2++;
    return frames;
  };
  connection.start({
    message: (message) => {
      if (reason !== void 0) return;
      try {
        const frames = read2(message);
        const last = frames.at(-1);
        const before = last.name === "goodbye" ? frames.slice(0, -1) : frames;
        if (before.some((frame) => frame.name === "goodbye")) throw new PerdureError("malformed", "frames came after a goodbye");
        if (before.length > 0) handOn(before);
        if (last.name === "goodbye") {
          finish(goodbye.decode(last.payload));
          connection.close();
        }
      } catch (error) {
        if (protection === void 0 && message[0] === 0) connection.send(farewellToVersion0());
        end(goodbyeOf(error));
      }
    },
    drained: () => {
      if (reason === void 0) receiver?.drained();
    },
    closed: (why) => finish(goodbyeFor("connection-closed", why === "" ? "the connection broke without a goodbye" : why, { retry: "now" }))
  });
  return {
    connection,
    next: (name, aside) => new Promise((resolve, reject) => {
      if (reason !== void 0) return reject(errorOfGoodbye(reason));
      taker = { name, aside, resolve, reject };
      for (let first = waiting.shift(); first !== void 0; first = taker === void 0 ? void 0 : waiting.shift()) handOn(first);
    }),
    send: (frames) => {
      if (reason === void 0) write(frames);
    },
    protect: (agreed) => {
      protection = agreed;
    },
    receive: (next) => {
      receiver = next;
      if (reason !== void 0) {
        const why = reason;
        queueMicrotask(() => next.ended(why));
        return;
      }
      const held = waiting;
      waiting = [];
      for (const frames of held) if (reason === void 0) next.frames(frames);
    },
    end,
    get ended() {
      return reason !== void 0;
    }
  };
}
function farewellToVersion0() {
  const payload = goodbyeOfVersion0.encode({
    code: "needs-newer-version",
    retry: "never",
    afterMs: 0,
    why: `this side speaks wire version ${WIRE_VERSION} and not version 0`,
    hint: "Update perdure."
  });
  const message = encodeTransport([{ name: "goodbye", payload }], 0);
  message[0] = 0;
  return message;
}
function earlyGoodbye(message) {
  let frames;
  try {
    frames = decodeTransport(message, 0);
  } catch {
    return void 0;
  }
  const [frame] = frames;
  if (frames.length !== 1 || frame?.name !== "goodbye") return void 0;
  const said = goodbye.decode(frame.payload);
  return {
    name: "goodbye",
    payload: goodbye.encode({
      ...said,
      retry: said.retry === "never" ? "after" : said.retry,
      afterMs: Math.max(said.afterMs, said.retry === "never" ? 1e3 : 0)
    })
  };
}

// packages/perdure/src/protocol/link/session.ts
var SILENT_TICKS = 3;
var LAST_HANDSHAKE_TYPE = FRAME_TYPES.welcome;
function createSession({ clock, transport, mode, side, silenceTimeoutMs, pingEveryMs }) {
  let pending = [];
  let pendingBytes = 0;
  let flushing = false;
  let heard = true;
  let quietTicks = 0;
  let said = true;
  let pings = 0;
  let receiver;
  const cancels = [];
  const flush = () => {
    if (pending.length === 0) return;
    const frames = pending;
    pending = [];
    pendingBytes = 0;
    said = true;
    transport.send(frames);
  };
  const send = (frames) => {
    if (transport.ended) return;
    for (const frame of frames) {
      const size = frameBytes(frame.payload.length);
      if (size > TRANSPORT_ROOM_BYTES) throw new PerdureError("too-large", `a frame of ${size} bytes fits no transport message`);
      if (pendingBytes + size > TRANSPORT_ROOM_BYTES) flush();
      pending.push(frame);
      pendingBytes += size;
    }
    if (flushing) return;
    flushing = true;
    queueMicrotask(() => {
      flushing = false;
      flush();
    });
  };
  const close = (reason) => {
    flush();
    transport.end(reason);
  };
  const every = (delayMs, then) => {
    let cancel = () => {
    };
    const arm = () => {
      cancel = clock.after(delayMs, () => {
        then();
        if (!transport.ended) arm();
      });
    };
    arm();
    cancels.push(() => cancel());
  };
  const take = (frame) => {
    if (FRAME_TYPES[frame.name] <= LAST_HANDSHAKE_TYPE) throw new PerdureError("malformed", `a ${frame.name} frame came inside a session`);
    if (frame.name === "ping" && side === "relay") {
      const { nonce: nonce2 } = ping.decode(frame.payload);
      return send([{ name: "pong", payload: pong.encode({ nonce: nonce2, timeMs: clock.wallMs() }) }]);
    }
    receiver?.frame(frame);
  };
  every(Math.ceil(silenceTimeoutMs / SILENT_TICKS), () => {
    quietTicks = heard ? 0 : quietTicks + 1;
    heard = false;
    if (quietTicks >= SILENT_TICKS) close(goodbyeFor("timed-out", `nothing was heard for ${silenceTimeoutMs} ms`, { retry: "now" }));
  });
  if (side === "agent") {
    every(Math.ceil(pingEveryMs / 2), () => {
      if (!said) send([{ name: "ping", payload: ping.encode({ nonce: ++pings }) }]);
      said = false;
    });
  }
  return {
    mode,
    remote: transport.connection.remote,
    get queuedBytes() {
      return pendingBytes + transport.connection.queuedBytes;
    },
    send,
    close,
    start: (next) => {
      receiver = next;
      transport.receive({
        frames: (frames) => {
          heard = true;
          try {
            for (const frame of frames) {
              if (transport.ended) return;
              take(frame);
            }
            next.turnEnded?.();
          } catch (error) {
            close(goodbyeOf(error));
          }
        },
        drained: () => {
          if (pendingBytes === 0) next.drained();
        },
        ended: (reason) => {
          for (const cancel of cancels) cancel();
          next.closed(reason);
        }
      });
    }
  };
}

// packages/perdure/src/protocol/link/transcript.ts
var SIGNED_BY_RELAY = Uint8Array.of(1);
var SIGNED_BY_AGENT = Uint8Array.of(2);
var NO_SIGNATURE = new Uint8Array(64);
var SESSION_INFO = utf8("perdure/session/1");
var KEY_BYTES4 = 32;
function challengeToSign(hash2, helloBytes, unsigned2) {
  const said = challenge.encode({ ...unsigned2, signature: NO_SIGNATURE });
  return toBeSigned("handshake", concat2(SIGNED_BY_RELAY, hash2.sha256(helloBytes), hash2.sha256(said)));
}
function proofToSign(hash2, helloBytes, challengeBytes, unsigned2) {
  const said = proof.encode({ ...unsigned2, signature: NO_SIGNATURE });
  return toBeSigned("handshake", concat2(SIGNED_BY_AGENT, hash2.sha256(helloBytes), hash2.sha256(challengeBytes), hash2.sha256(said)));
}
function sessionTaggers(hash2, secret, helloBytes, challengeBytes, proofBytes) {
  const salt = hash2.sha256(concat2(hash2.sha256(helloBytes), hash2.sha256(challengeBytes), hash2.sha256(proofBytes)));
  const keys = hash2.hkdfSha256(secret, salt, SESSION_INFO, 2 * KEY_BYTES4);
  return { agentToRelay: taggerOf(hash2, keys.slice(0, KEY_BYTES4)), relayToAgent: taggerOf(hash2, keys.slice(KEY_BYTES4)) };
}
function taggerOf(hash2, key) {
  return (counted2) => hash2.hmacSha256(key, counted2).subarray(0, TAG_BYTES2);
}

// packages/perdure/src/protocol/link/connect.ts
var NO_RELAY_ID = new Uint8Array(32);
async function connectSession(options) {
  const { host, settings, url, signal } = options;
  if (options.role === "relay" && options.relayIdRaw === void 0)
    throw new PerdureError("bad-argument", "a relay dials only a relay whose id it knows");
  const connection = await host.net.dial(url, {
    timeoutMs: settings.dialTimeoutMs,
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    ...signal === void 0 ? {} : { signal },
    ...options.publicOnly === true ? { publicOnly: true } : {}
  });
  const transport = createTransport(connection);
  try {
    return await withDeadline(
      host.clock,
      {
        timeoutMs: settings.handshakeTimeoutMs,
        what: `the handshake with ${url}`,
        hint: "The relay answers but does not finish; it may be overloaded.",
        signal
      },
      () => shakeHands(options, transport)
    );
  } catch (error) {
    transport.end(goodbyeOf(error));
    throw error;
  }
}
async function shakeHands(options, transport) {
  const { host, settings, own, relayIdRaw } = options;
  const { crypto: crypto2, clock, random } = host;
  const modes = transport.connection.local ? ["none", "mac"] : ["mac"];
  const ephemeral = await crypto2.encapsulation.load(random.bytes(32));
  const helloBytes = hello.encode({
    versions: [WIRE_VERSION],
    modes,
    role: options.role ?? "agent",
    agentId: own.idRaw,
    expectedRelayId: relayIdRaw ?? NO_RELAY_ID,
    nonce: random.bytes(32),
    ephemeralKey: ephemeral.publicKey,
    extensions: []
  });
  const askedAtMs = clock.wallMs();
  transport.send([{ name: "hello", payload: helloBytes }]);
  const challengeBytes = await transport.next("challenge");
  const nowMs = clock.wallMs();
  const challenged = challenge.decode(challengeBytes);
  if (challenged.version !== WIRE_VERSION)
    throw otherVersion({ what: "the relay's challenge", found: challenged.version, older: PEER_OF_OLDER });
  if (!modes.includes(challenged.mode))
    throw new PerdureError("bad-handshake", `the relay chose mode ${challenged.mode}, which was not offered`);
  if (relayIdRaw !== void 0 && !equalBytes(relayIdRaw, challenged.relayId)) throw wrongRelay(relayIdRaw, challenged.relayId);
  const relay = await verifyBundle(crypto2, challenged.bundle, nowMs, challenged.relayId);
  const toVerify = challengeToSign(crypto2.hash, helloBytes, challenged);
  const { instanceKey: relayInstanceKey } = await handshakeSigner(crypto2, relay, "relay", toVerify, challenged.signature, nowMs);
  const unsigned2 = {
    bundle: own.bundle(),
    link: options.link,
    consume: options.consume,
    haveGeneration: options.have.generation,
    havePosition: options.have.position,
    ticket: options.ticket ?? "",
    pass: options.pass ?? EMPTY,
    signature: new Uint8Array(64),
    extensions: []
  };
  const signature2 = await crypto2.signatures.sign(own.instanceKey, proofToSign(crypto2.hash, helloBytes, challengeBytes, unsigned2));
  const proofBytes = proof.encode({ ...unsigned2, signature: signature2 });
  const taggers = challenged.mode === "mac" ? sessionTaggers(
    crypto2.hash,
    await crypto2.encapsulation.agree(ephemeral, challenged.ephemeralKey),
    helloBytes,
    challengeBytes,
    proofBytes
  ) : void 0;
  transport.send([{ name: "proof", payload: proofBytes }]);
  transport.protect({ sending: taggers?.agentToRelay, receiving: taggers?.relayToAgent });
  options.onProven?.();
  const welcomed = welcome.decode(await transport.next("welcome", options.onPublished && { name: "published", take: options.onPublished }));
  const pingEveryMs = Math.max(SETTINGS.pingEveryMs.min, Math.min(settings.pingEveryMs, welcomed.pingEveryMs));
  const session = createSession({
    clock,
    transport,
    mode: challenged.mode,
    side: "agent",
    silenceTimeoutMs: settings.silenceTimeoutMs,
    pingEveryMs
  });
  const clockOffsetMs = Math.round(challenged.relayTimeMs - (askedAtMs + nowMs) / 2);
  const negotiated = {
    pingEveryMs,
    windowFrames: Math.max(1, Math.min(settings.windowFrames, welcomed.windowFrames)),
    windowBytes: Math.max(1, Math.min(settings.windowBytes, welcomed.windowBytes))
  };
  return { session, welcome: welcomed, relay, relayInstanceKey, clockOffsetMs, negotiated };
}
function wrongRelay(expected, answered) {
  return new PerdureError("wrong-relay", `relay ${agentIdText(answered)} answers where ${agentIdText(expected)} was expected`, {
    hint: "Check the address; if the relay was set up anew, its owner can tell you the new address."
  });
}

// packages/perdure/src/protocol/link/probe.ts
var NO_RELAY_ID2 = new Uint8Array(32);

// packages/perdure/src/wire/invite.ts
var INVITE_VERSION = 1;
var INVITE_PREFIX = "perdure1:";
var INVITE_SECRET_BYTES = 16;
var MAX_INVITE_MS = 366 * 24 * 60 * 60 * 1e3;
var MAX_INVITE_TEXT_BYTES = 2048;
var MAX_INVITE_BYTES = 1024;
var inviteHome = shape("invite home", { relayId: fixed(AGENT_ID_BYTES), url: text(512) });
var invite = shape(
  "invite",
  {
    version: uint,
    agentId: fixed(AGENT_ID_BYTES),
    /** The name its record claims; empty for none. Shown to people, proven by nothing here. */
    name: text(32),
    home: inviteHome.field,
    /** Drawn for this invite. The agent that gave it out keeps only the SHA-256 of it. */
    secret: fixed(INVITE_SECRET_BYTES),
    expiresAtMs: uint
  },
  MAX_INVITE_BYTES
);
function inviteText(content) {
  return `${INVITE_PREFIX}${base64url(invite.encode(content))}`;
}
function inviteLink(content) {
  const home2 = new URL(content.home.url);
  return `${home2.protocol === "wss:" ? "https" : "http"}://${home2.host}/i#${base64url(invite.encode(content))}`;
}
function parseInvite(written) {
  if (written.length > MAX_INVITE_TEXT_BYTES) throw notOne("it is too long");
  const plain = written.replaceAll(/\s/g, "");
  const code = plain.startsWith(INVITE_PREFIX) ? plain.slice(INVITE_PREFIX.length) : fragmentOf(plain);
  const bytes2 = fromBase64url(code);
  if (bytes2 === void 0 || bytes2.length === 0) throw cutOff();
  if (bytes2.length > 1 && bytes2[0] !== void 0 && bytes2[0] >= 128 && bytes2[0] < 160 && bytes2[1] !== INVITE_VERSION)
    throw otherVersion({
      what: "the invite",
      found: bytes2[1] ?? 0,
      own: INVITE_VERSION,
      older: "Ask for a new invite from an agent of this version: it cannot reach one of an older one.",
      newer: "Update perdure, then accept it."
    });
  const content = decode2(bytes2);
  const url = URL.canParse(content.home.url) ? new URL(content.home.url) : void 0;
  if (url === void 0 || url.protocol !== "ws:" && url.protocol !== "wss:") throw notOne("it names no relay");
  if (content.name !== "" && !isAgentName(content.name)) throw notOne("the name in it is none");
  return content;
}
function decode2(bytes2) {
  try {
    return invite.decode(bytes2);
  } catch (error) {
    if (isPerdureError(error)) throw cutOff(error);
    throw error;
  }
}
function fragmentOf(link3) {
  const url = URL.canParse(link3) ? new URL(link3) : void 0;
  if (url === void 0 || url.protocol !== "https:" && url.protocol !== "http:")
    throw notOne(`it starts neither with ${INVITE_PREFIX} nor with https://`);
  if (url.pathname !== "/i") throw notOne("a link to an invite goes on with /i# after the host");
  if (url.hash.length < 2) throw notOne("the link ends before its #; what comes after it is the invite");
  return url.hash.slice(1);
}
function notOne(why) {
  return new PerdureError("bad-argument", `this is not an invite: ${why}`, {
    hint: "Paste the whole text or link that `perdure invite` printed, in quotes."
  });
}
function cutOff(cause) {
  return new PerdureError("bad-argument", "the invite is cut off or changed", {
    hint: "Paste all of it, in quotes; ask for it again if this is all you were sent.",
    ...cause === void 0 ? {} : { cause }
  });
}

// packages/perdure/src/agent/contacts.ts
var REQUEST_BYTES = 16;
function createContacts({ core, host, within, sentOf }) {
  const decide = async (who, decision, waiting) => {
    const contact2 = await within(`the word on ${who}`, waiting, () => core.decide(who.trim(), decision));
    if (contact2 === void 0) throw new PerdureError("internal", `${who} has no entry after ${decision}`);
    return contact2;
  };
  const contacts2 = {
    list: (waiting = {}) => within("the contacts", waiting, () => core.contacts()),
    requests: (waiting = {}) => within("the requests", waiting, () => core.contactRequests()),
    accept: (who, waiting = {}) => decide(who, "accept", waiting),
    add: (who, waiting = {}) => decide(who, "add", waiting),
    block: (who, waiting = {}) => decide(who, "block", waiting),
    async remove(who, waiting = {}) {
      await within(`the word on ${who}`, waiting, () => core.decide(who.trim(), "remove"));
    },
    acceptChange: (name, waiting = {}) => within(`who ${name} is now`, waiting, () => core.acceptChange(name.trim())),
    policy: (strangers, waiting = {}) => within("the policy", waiting, () => core.strangers(strangers ?? "")),
    paused: (waiting = {}) => within("what is paused", waiting, () => core.paused()),
    resume: (threadOrPeer, waiting = {}) => within("the thread to go on", waiting, () => core.resume(threadOrPeer.trim()))
  };
  return {
    contacts: contacts2,
    invite: ({ expiresInMs = FIXED.inviteMs.value, uses = 1, label = "", ...waiting } = {}) => {
      const secret = hex(host.random.bytes(INVITE_SECRET_BYTES));
      return within("the invite", waiting, () => core.invite({ secret, expiresInMs, uses, label }));
    },
    async accept(written, waiting = {}) {
      const requestId = hex(host.random.bytes(REQUEST_BYTES));
      return await within("the other side to take the invite", waiting, async (signal) => {
        const { contact: contact2, greeting } = await core.acceptInvite(requestId, written);
        try {
          await sentOf(greeting).until("done", { signal });
        } catch (error) {
          throw refusedInvite(error);
        }
        return (await core.contacts()).find(({ id }) => id === contact2.id) ?? contact2;
      });
    }
  };
}
function refusedInvite(error) {
  if (!isPerdureError(error) || error.code !== "refused") return error;
  const said = INVITE_CODES.find((code) => error.message.includes(`refused: ${code}`));
  if (said === void 0 || !isErrorCode(said)) return error;
  return new PerdureError(said, error.message, { hint: "Ask for a new invite.", cause: error });
}
var INVITE_CODES = ["invite-used", "expired", "blocked"];

// packages/perdure/src/agent/body.ts
var JSON_DEPTH = 200;
async function readBody(body, waiting) {
  if (typeof body === "string") {
    if (!body.isWellFormed()) throw new PerdureError("bad-argument", "the text has half a surrogate pair and cannot be written as UTF-8");
    return bounded(utf8(body), "text/plain; charset=utf-8");
  }
  if (body instanceof Uint8Array) return bounded(body.slice(), "application/octet-stream");
  if (body instanceof Blob) return await readBlob(body, waiting);
  if (isReadableStream(body)) return await readPieces(body.getReader(), waiting);
  if (isAsyncIterable(body)) return await readPieces(readerOf(body), waiting);
  refuseForeignJson(body, 0);
  return bounded(utf8(JSON.stringify(body)), "application/json");
}
async function readBlob(blob, waiting) {
  if (blob.size > MAX_MESSAGE_BYTES) tooLarge(`${blob.size} bytes`);
  const deadline = { timeoutMs: waiting.timeoutMs, what: "the body's Blob", signal: waiting.signal };
  const content = new Uint8Array(await withDeadline(waiting.clock, deadline, () => blob.arrayBuffer()));
  const fileName = "name" in blob && typeof blob.name === "string" ? blob.name : "";
  return { ...bounded(content, blob.type === "" ? "application/octet-stream" : blob.type), fileName };
}
async function readPieces(reader, waiting) {
  const pieces = [];
  let size = 0;
  const deadline = {
    timeoutMs: waiting.timeoutMs,
    what: "the next piece of the body",
    hint: "The stream given as a body went silent.",
    signal: waiting.signal
  };
  try {
    for (; ; ) {
      const { done, value } = await withDeadline(waiting.clock, deadline, () => reader.read());
      if (done) return bounded(concat2(...pieces), "application/octet-stream");
      if (!(value instanceof Uint8Array))
        throw new PerdureError("bad-argument", "a stream body must give bytes (Uint8Array)", {
          hint: "Encode text with TextEncoderStream first."
        });
      size += value.length;
      if (size > MAX_MESSAGE_BYTES) tooLarge(`more than ${MAX_MESSAGE_BYTES} bytes`);
      pieces.push(value.slice());
    }
  } catch (error) {
    reader.cancel(error).catch(() => void 0);
    throw error;
  }
}
function readerOf(source) {
  const iterator = source[Symbol.asyncIterator]();
  return {
    read: async () => ({ ...await iterator.next() }),
    cancel: async () => await iterator.return?.()
  };
}
function bounded(content, contentType) {
  if (content.length > MAX_MESSAGE_BYTES) tooLarge(`${content.length} bytes`);
  return { content, contentType, fileName: "" };
}
function tooLarge(size) {
  throw new PerdureError("too-large", `a body of ${size} is over the limit of ${MAX_MESSAGE_BYTES} bytes (8 MiB) for one message`, {
    hint: "Send it in several messages, or send a link to it."
  });
}
function isReadableStream(body) {
  return body instanceof ReadableStream;
}
function isAsyncIterable(body) {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}
function refuseForeignJson(value, depth) {
  if (depth > JSON_DEPTH) refuse2(`more than ${JSON_DEPTH} levels`);
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse2(`the number ${value}`);
    return;
  }
  if (Array.isArray(value)) {
    for (const each of value) refuseForeignJson(each, depth + 1);
    return;
  }
  if (typeof value !== "object") refuse2(value === void 0 ? "undefined" : `a ${typeof value}`);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse2(`a ${value.constructor?.name ?? "foreign object"}`);
  for (const each of Object.values(value)) refuseForeignJson(each, depth + 1);
}
function refuse2(what) {
  throw new PerdureError("bad-argument", `a JSON body cannot hold ${what}`, {
    hint: "Bodies are text, Uint8Array, Blob, a stream of bytes, or plain JSON."
  });
}

// packages/perdure/src/agent/relay-names.ts
var WELL_KNOWN_PATH = "/.well-known/perdure";
var MAX_DOCUMENT_BYTES = 16 * 1024;
function createRelayNames({ host: { clock, net, log }, settings, peers, store, closing }) {
  const running = /* @__PURE__ */ new Map();
  const ask = async (host, publicOnly) => {
    const url = `${isLoopbackHost(host) ? "http" : "https"}://${host}${WELL_KNOWN_PATH}`;
    const deadline = { timeoutMs: settings.lookupTimeoutMs, what: `the document of ${host}`, signal: closing };
    const answer = await withDeadline(
      clock,
      deadline,
      (signal) => net.get(url, { timeoutMs: settings.lookupTimeoutMs, maxBytes: MAX_DOCUMENT_BYTES, signal, publicOnly })
    ).catch((error) => {
      if (isPerdureError(error) && error.code === "too-large") throw noRelay(host, error.message, error);
      throw error;
    });
    if (answer.status >= 500) throw new PerdureError("relay-unreachable", `${url} answers ${answer.status}`, { retry: "after" });
    if (answer.status !== 200) throw noRelay(host, `${url} answers ${answer.status}`);
    return readDocument(host, answer.body);
  };
  const askAndPin = async (host, { accept, publicOnly }) => {
    const pinned = peers.relayNamed(host);
    let home2;
    try {
      home2 = await ask(host, publicOnly === true);
    } catch (error) {
      if (closing.aborted || accept === true || pinned === void 0 || !isPerdureError(error)) throw error;
      log.write("info", "agent.relay-name-not-asked", { host, code: error.code, why: error.message });
      return pinned;
    }
    if (pinned !== void 0 && !equalBytes(pinned.relayId, home2.relayId) && accept !== true) {
      throw new PerdureError(
        "relay-changed",
        `${host} was ${agentIdText(pinned.relayId)}, and ${agentIdText(home2.relayId)} answers there now`,
        {
          hint: `Ask its operator, over another way, which id is right; then perdure contacts accept-change @name@${host}.`
        }
      );
    }
    await store().commit({
      plan: () => ({
        records: [{ kept: { kind: "relayName", head: { host, relayId: home2.relayId, url: home2.url, seenAtMs: clock.wallMs() } } }],
        result: void 0
      }),
      onFailure: "give-up"
    });
    return home2;
  };
  return {
    find(host, options = {}) {
      const pinned = peers.relayNamed(host);
      if (options.accept !== true && pinned !== void 0 && clock.wallMs() < pinned.seenAtMs + settings.recordFreshMs)
        return Promise.resolve(pinned);
      if (options.accept === true) return askAndPin(host, options);
      const key = `${options.publicOnly === true} ${host}`;
      const asked = running.get(key) ?? askAndPin(host, options).finally(() => running.delete(key));
      running.set(key, asked);
      return asked;
    }
  };
}
var OTHER_VERSION = /* @__PURE__ */ new Set(["needs-older-version", "needs-newer-version"]);
function readDocument(host, body) {
  try {
    const said = JSON.parse(fromUtf8(body));
    if (typeof said.perdure === "number" && said.perdure !== WIRE_VERSION)
      throw otherVersion({ what: `the relay at ${host}`, found: said.perdure, older: PEER_OF_OLDER });
    if (said.perdure !== WIRE_VERSION) throw new PerdureError("malformed", "it names no version");
    return { relayId: agentIdBytes(String(said.relayId)), url: parseRelayAddress(String(said.url)).url, preference: 0 };
  } catch (cause) {
    if (isPerdureError(cause) && OTHER_VERSION.has(cause.code)) throw cause;
    throw noRelay(host, "its document is none", cause);
  }
}
function noRelay(host, why, cause) {
  return new PerdureError("unknown-relay", `there is no Perdure relay at ${host}: ${why}`, {
    hint: "Check the part behind the second @.",
    cause
  });
}
function canonicalHost(text2) {
  const url = text2.length <= 255 && /^[^\s/\\?#@]+$/.test(text2) && URL.canParse(`https://${text2}`) ? new URL(`https://${text2}`) : void 0;
  return url === void 0 || url.pathname !== "/" ? void 0 : url.host;
}
function hostOfRelay(url) {
  const { protocol, hostname, port } = new URL(url);
  const standard = protocol === "wss:" ? "" : isLoopbackHost(hostname) ? ":80" : "";
  return port === "" ? `${hostname}${standard}` : `${hostname}:${port}`;
}
function isLoopbackHost(host) {
  const url = `http://${host}`;
  const { hostname } = URL.canParse(url) ? new URL(url) : { hostname: "" };
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

// packages/perdure/src/agent/outgoing-records.ts
function parseRecipient(to) {
  const recipient = readRecipient(to);
  if (recipient !== void 0) return recipient;
  throw new PerdureError("bad-argument", `"${to}" is neither an agent id nor a name`, { hint: recipientHint(to) });
}
function readRecipient(to) {
  if (isAgentId(to)) return { idRaw: agentIdBytes(to), name: "" };
  if (!to.startsWith("@")) return void 0;
  const { name, host } = splitName(to.slice(1));
  if (!isAgentName(name)) return void 0;
  if (host === void 0) return { idRaw: EMPTY, name };
  const canonical = canonicalHost(host);
  return canonical === void 0 ? void 0 : { idRaw: EMPTY, name: `${name}@${canonical}` };
}
function recipientHint(to) {
  const lower = to.toLowerCase();
  if (lower !== to && readRecipient(lower) !== void 0) return `Names and ids are written in small letters: ${lower}`;
  if (lower.startsWith("ag1")) return "An id has 55 letters, a to z and 2 to 7; copy it whole.";
  if (readRecipient(`@${lower}`) !== void 0) return `A name begins with @: @${lower}`;
  const [, name = "", rest = ""] = /^@([^@]*)@(.*)$/.exec(to) ?? [];
  if (isAgentName(name))
    return `After the second @ stands the host of a relay, and its port if it has a special one: @${name}@relay.example, @${name}@127.0.0.1:4411${rest.includes("::") ? `, @${name}@[::1]:4411` : ""}`;
  return "A name is @ and up to 32 small letters, digits and hyphens, at another relay @name@host; an id starts with ag1 and has 55 letters.";
}
function splitName(name) {
  const at = name.indexOf("@");
  return at < 0 ? { name, host: void 0 } : { name: name.slice(0, at), host: name.slice(at + 1) };
}
function outgoingRecords(outbox, hash2, wish) {
  const { content, recipient } = wish;
  if (content.length > MAX_MESSAGE_BYTES)
    throw new PerdureError("too-large", `a message of ${content.length} bytes is more than ${MAX_MESSAGE_BYTES}`);
  const parts = Math.max(1, Math.ceil(content.length / PART_BYTES));
  const { stream: stream2, seq } = outbox.reserve(recipient.name === "" ? hex(recipient.idRaw) : `@${recipient.name}`, parts);
  const head = {
    stream: stream2,
    seq,
    parts,
    class: wish.class,
    to: recipient.idRaw,
    toName: recipient.name,
    requestId: wish.requestId,
    asks: wish.asks,
    thread: wish.thread,
    depth: wish.depth,
    auto: wish.auto,
    inReplyTo: wish.inReplyTo,
    collapseKey: wish.collapseKey,
    idempotencyKey: wish.idempotencyKey,
    contentType: wish.contentType,
    fileName: wish.fileName,
    wholeBytes: content.length,
    wholeHash: hash2.sha256(content),
    sentAtMs: wish.nowMs,
    expiresAtMs: wish.expiresAtMs,
    invite: wish.invite ?? EMPTY
  };
  const records = [{ kept: { kind: "queued", head } }];
  for (let part2 = 0; part2 < parts; part2++) {
    records.push({
      kept: { kind: "part", head: { stream: stream2, seq: seq + part2 } },
      payload: content.subarray(part2 * PART_BYTES, (part2 + 1) * PART_BYTES)
    });
  }
  return { id: messageIdText(stream2, seq), records };
}
function refuseWithoutRoom(outbox, bytes2) {
  if (outbox.hasRoom(bytes2)) return;
  throw new PerdureError("mailbox-full", "the outbox is full: too many messages or bytes have not come to their end", {
    retry: "after",
    hint: "Wait until some arrive or expire, or raise outboxMessages or outboxBytes."
  });
}

// packages/perdure/src/agent/draft.ts
var MIN_EXPIRY_MS = 1e3;
var KEY_BYTES5 = 128;
var FILE_NAME_BYTES = 255;
var THREAD = /^[0-9a-f]{32}$/;
async function createDraft(to, body, options, waiting) {
  parseRecipient(to);
  const { expiresInMs, thread = "" } = options;
  if (expiresInMs !== void 0 && !(expiresInMs >= MIN_EXPIRY_MS && expiresInMs <= MAX_EXPIRY_MS)) {
    throw new PerdureError(
      "expiry-out-of-range",
      `a message may wait 1 second to 30 days (${MIN_EXPIRY_MS} to ${MAX_EXPIRY_MS} ms), not ${expiresInMs} ms`
    );
  }
  if (thread !== "" && !THREAD.test(thread))
    throw new PerdureError("bad-argument", `"${thread}" is not a thread`, { hint: "Use the thread of a received message as it is." });
  const collapseKey = bounded2("collapseKey", options.collapseKey, KEY_BYTES5);
  const idempotencyKey = bounded2("idempotencyKey", options.idempotencyKey, KEY_BYTES5);
  const givenType = bounded2("contentType", options.contentType, KEY_BYTES5);
  const givenName = bounded2("fileName", options.fileName, FILE_NAME_BYTES);
  const { content, contentType, fileName } = await readBody(body, waiting);
  return {
    to,
    content,
    contentType: givenType === "" ? bounded2("contentType", contentType, KEY_BYTES5) : givenType,
    fileName: givenName === "" ? bounded2("fileName", fileName, FILE_NAME_BYTES) : givenName,
    expiresInMs: expiresInMs === void 0 ? void 0 : Math.round(expiresInMs),
    thread,
    collapseKey,
    idempotencyKey,
    inReplyTo: options.inReplyTo === void 0 ? "" : normalId(options.inReplyTo)
  };
}
function normalId(text2) {
  const { stream: stream2, seq } = parseMessageId(text2);
  return messageIdText(stream2, seq);
}
function bounded2(name, text2, maxBytes) {
  if (text2 === void 0) return "";
  if (!text2.isWellFormed()) throw new PerdureError("bad-argument", `${name} has half a surrogate pair`);
  const normal = text2.normalize("NFC");
  if (utf8(normal).length > maxBytes) throw new PerdureError("bad-argument", `${name} is longer than ${maxBytes} bytes`);
  return normal;
}

// packages/perdure/src/agent/identity-words.ts
function createIdentityWords({ core, within }) {
  const change = async (what, waiting, wish) => await within(what, waiting, async () => {
    const { log } = await core.identity();
    const { seq, relayHasIt, view } = await core.changeIdentity({ ...wish, afterSeq: log.length - 1 });
    return { seq, relayHasIt, identity: view };
  });
  return {
    show: (waiting = {}) => within("the identity", waiting, () => core.identity()),
    rotate: ({ recoveryFile = "", newRecoveryFile = "", together = false, stolenSinceMs, voidFromSeq, ...waiting } = {}) => change("the new keys", waiting, { kind: "rotate", recoveryFile, newRecoveryFile, together, stolenSinceMs, voidFromSeq }),
    revoke: (instance, { voidFromMs, reason = "", ...waiting } = {}) => change("the revocation", waiting, { kind: "revoke", instance, voidFromMs, reason }),
    claim: (waiting = {}) => change("the new instance", waiting, { kind: "claim" }),
    pinHome: ({ pinned = true, ...waiting } = {}) => change("the home", waiting, { kind: "pin-home", pinned }),
    anchor: (root, { about = "", ...waiting } = {}) => change("the anchor", waiting, { kind: "anchor", root: typeof root === "string" ? root : hex(root), about }),
    retire: ({ recoveryFile = "", successor = "", reason = "", ...waiting } = {}) => change("the retirement", waiting, { kind: "retire", recoveryFile, successor, reason }),
    export: (passphrase, waiting = {}) => within("the export", waiting, () => core.exportIdentity(passphrase)),
    setPassphrase: (passphrase, waiting = {}) => within("the passphrase", waiting, () => core.setPassphrase(passphrase ?? ""))
  };
}

// packages/perdure/src/agent/mail.ts
function createMail({ core, clock, settings, closing, view, content, inTurn = false }) {
  const key = { from: view.from, id: view.id };
  const within = (what, waiting, work) => {
    const signal = waiting.signal === void 0 ? closing : AbortSignal.any([waiting.signal, closing]);
    return withDeadline(
      clock,
      { timeoutMs: waiting.timeoutMs ?? settings.callTimeoutMs, what: `${what} of message ${view.id}`, signal },
      work
    );
  };
  const part2 = (index) => within(`part ${index + 1}`, {}, () => core.readPart(key, index));
  const whole = async () => {
    if (content !== void 0) return content;
    const parts = [];
    for (let index = 0; index < view.parts; index++) parts.push(await part2(index));
    return concat2(...parts);
  };
  const asText = async () => {
    const read2 = await whole();
    try {
      return fromUtf8(read2);
    } catch (cause) {
      throw new PerdureError("malformed", `message ${view.id} (${view.contentType}) is not UTF-8 text`, {
        hint: "Read it with bytes().",
        cause
      });
    }
  };
  const end = async (what, waiting, work) => {
    if (inTurn)
      throw new PerdureError("bad-argument", `message ${view.id} is being handled`, {
        hint: "Return from the handler for done, throw for retry, call turn.reject to refuse."
      });
    await within(what, waiting, work);
  };
  return {
    id: view.id,
    from: view.from,
    fromName: view.fromName,
    fromAddress: view.fromAddress,
    standing: view.standing,
    box: view.box,
    thread: view.thread,
    inReplyTo: view.inReplyTo,
    auto: view.auto,
    depth: view.depth,
    contentType: view.contentType,
    fileName: view.fileName,
    sizeBytes: view.sizeBytes,
    sentAtMs: view.sentAtMs,
    receivedAtMs: view.receivedAtMs,
    expiresAtMs: view.expiresAtMs,
    collapseKey: view.collapseKey,
    attempt: view.attempt,
    text: asText,
    async json() {
      const text2 = await asText();
      try {
        return JSON.parse(text2);
      } catch (cause) {
        throw new PerdureError("malformed", `message ${view.id} (${view.contentType}) is not JSON`, { cause });
      }
    },
    bytes: async () => (await whole()).slice(),
    stream() {
      let next = 0;
      return new ReadableStream({
        async pull(controller) {
          const piece = content === void 0 && next < view.parts ? await part2(next) : next === 0 ? content : void 0;
          next++;
          if (piece !== void 0 && piece.length > 0) controller.enqueue(piece.slice());
          if (next >= (content === void 0 ? view.parts : 1)) controller.close();
        }
      });
    },
    done: (waiting = {}) => end("the end", waiting, () => core.finish(key, "done", "")),
    retry: (waiting = {}) => end("the way back", waiting, () => core.retry(key)),
    reject: (why, waiting = {}) => end("the refusal", waiting, () => core.finish(key, "refused", clipWords(why)))
  };
}

// packages/perdure/src/agent/running-turns.ts
function createRunningTurns(scope) {
  return {
    async during(of, { from, thread, depth }, handle) {
      if (scope === void 0) return await handle();
      const turn = { of, from, thread, depth, running: true };
      try {
        return await scope.run(turn, handle);
      } finally {
        turn.running = false;
      }
    },
    cause(of) {
      const turn = scope?.current;
      if (!isTurn(turn) || !turn.running) return void 0;
      return { from: turn.from, thread: turn.of === of ? turn.thread : "", depth: turn.depth };
    }
  };
}
function isTurn(value) {
  return value !== void 0 && "running" in value && "depth" in value;
}

// packages/perdure/src/wire/sealed.ts
var SEALED_EXTENSIONS = {
  /** The secret of an invite (16 bytes): whoever gave it out takes the sender as a contact. */
  invite: 1
};
var GREETING_CONTENT_TYPE = "application/vnd.perdure.greeting";
var messageRef = shape("message reference", { stream: fixed(8), seq: uint });
var sealedHead = shape(
  "sealed head",
  {
    version: uint,
    /** Conversation this belongs to; a reply inherits it. */
    thread: fixed(16),
    /** How many automatic messages led to this one: the cause's depth + 1, 0 when a person or a program's own will did. */
    depth: uint,
    /** Written by a handler without a person's will. Never answered automatically. */
    auto: flag,
    /** The message this answers, in the stream of the one who is answered. */
    inReplyTo: optional(messageRef.field),
    /** A later message with the same key makes this one stale; empty for none. */
    collapseKey: text(128),
    /** Deduplicated at the recipient over all instances of the sender; empty for none. */
    idempotencyKey: text(128),
    /** Media type of the content, and a file name if the sender gave one. */
    contentType: text(128),
    fileName: text(255),
    /** This part, from 0, and how many there are. */
    part: uint,
    parts: uint,
    /** Size and SHA-256 of the whole content over all parts. */
    wholeBytes: uint,
    wholeHash: fixed(32),
    /** Everything of this stream below is settled at the sender. */
    floor: uint,
    sentAtMs: uint,
    /** SHA-256 of the sender's newest log event. */
    logHead: fixed(32),
    /** SHA-256 of the certificate whose instance key made the inner signature. */
    certificateHash: fixed(32),
    /** The sender's encoded identity bundle; empty once the recipient is known to have that log head and certificate. */
    bundle: bytes(16 * 1024),
    extensions: extensions()
  },
  24 * 1024
);
var innerSaid = shape("inner signature", {
  suite: uint,
  from: fixed(32),
  certificateHash: fixed(32),
  to: fixed(32),
  inboxKeyId: fixed(KEY_ID_BYTES),
  encapsulated: fixed(32),
  stream: fixed(8),
  seq: uint,
  class: choice(...ENVELOPE_CLASSES),
  expiresAtMs: uint,
  /** SHA-256 of the plaintext after the signature, padding included. */
  plaintextHash: fixed(32)
});
var OUTCOMES = ["done", "refused", "failed"];
var receiptEntry = shape("receipt entry", {
  stream: fixed(8),
  /** First part of the message. */
  seq: uint,
  outcome: choice(...OUTCOMES),
  /** Digest of the first part's envelope, as received. */
  digest: fixed(16),
  code: text(64),
  why: text(512),
  attempts: uint,
  atMs: uint
});
var receipt = shape("receipt", { version: uint, entries: list(receiptEntry.field, 256), extensions: extensions() }, 64 * 1024 * 4);
var RECEIPT_CONTENT_TYPE = "application/vnd.perdure.receipt";

// packages/perdure/src/wire/kept-agent.ts
var DELIVERY_STATES = [
  "queued",
  "accepted",
  "stored",
  "fetched",
  "working",
  "unconfirmed",
  "lost",
  "expired",
  "failed",
  "refused",
  "done"
];
var PROOF_KINDS = ["none", "statement", "notice", "receipt"];
var agentId3 = fixed(AGENT_ID_BYTES);
var stream = fixed(STREAM_BYTES);
var digest = fixed(16);
var reset = shape("kept reset", {
  /** Number of the last group of records that the restatement contains. */
  group: uint,
  /** Highest arrival number given to a message. */
  arrival: uint
});
var group = shape("kept group", { number: uint });
var queued = shape("kept outgoing", {
  stream,
  /** First part; the others follow without a gap. */
  seq: uint,
  parts: uint,
  class: choice("mail", "receipt"),
  /** Empty while only the name is known. */
  to: bytes(AGENT_ID_BYTES),
  /** A name without its first `@`: `desk`, or `desk@relay.example`. */
  toName: text(300),
  /** Empty when no request of a client made it. */
  requestId: bytes(16),
  asks: flag,
  thread: fixed(16),
  depth: uint,
  auto: flag,
  inReplyTo: optional(messageRef.field),
  collapseKey: text(128),
  idempotencyKey: text(128),
  contentType: text(128),
  fileName: text(255),
  wholeBytes: uint,
  wholeHash: fixed(32),
  sentAtMs: uint,
  expiresAtMs: uint,
  /** Secret of the invite that this message accepts; empty for none. */
  invite: bytes(16)
});
var part = shape("kept part", { stream, seq: uint });
var sealed = shape("kept envelope", { stream, seq: uint, to: agentId3, digest, bytes: uint });
var MAX_STEP_EVIDENCE = MAX_PARTS + 1;
var step = shape("kept step", {
  stream,
  seq: uint,
  state: choice(...DELIVERY_STATES),
  atMs: uint,
  /** Who says so; empty for this agent itself. */
  by: bytes(AGENT_ID_BYTES),
  proof: choice(...PROOF_KINDS),
  detail: text(600),
  /** SHA-256 of each kept evidence that proves it, one after the other: what was signed, and the signer's identity. */
  evidence: bytes(32 * MAX_STEP_EVIDENCE)
});
var forgotten = shape("kept end of outgoing", { stream, seq: uint });
var received = shape("kept incoming", {
  from: agentId3,
  stream,
  seq: uint,
  digest,
  generation: fixed(GENERATION_BYTES),
  position: uint,
  storedAtMs: uint,
  receivedAtMs: uint,
  expiresAtMs: uint,
  arrival: uint,
  fromName: text(32),
  /** The sealed head as sent, without the identity bundle. */
  head: sealedHead.field
});
var started = shape("kept start", { from: agentId3, stream, seq: uint, attempt: uint });
var BOXES = ["contacts", "failed", "requests"];
var put = shape("kept place", {
  from: agentId3,
  stream,
  seq: uint,
  box: choice(...BOXES),
  arrival: uint,
  failures: uint,
  /** Starts of which nothing more was heard: the process ended in between. */
  crashes: uint,
  /** No handler sees it before. */
  notBeforeMs: uint
});
var completed = shape("kept completion", {
  from: agentId3,
  stream,
  seq: uint,
  parts: uint,
  attempt: uint,
  outcome: choice(...OUTCOMES),
  atMs: uint
});
var passed = shape("kept passing", {
  from: agentId3,
  stream,
  seq: uint,
  digest,
  expiresAtMs: uint,
  generation: fixed(GENERATION_BYTES),
  position: uint
});
var settledDigest = shape("kept digest", { seq: uint, digest, attempt: uint });
var streamState = shape("kept stream", {
  from: agentId3,
  stream,
  settled: list(list(uint, 2), 1024),
  floor: uint,
  maxExpiryMs: uint,
  digests: list(settledDigest.field, 64),
  /** Idempotency keys seen on it and the sequence number that took each. */
  keys: list(shape("kept key", { key: text(128), seq: uint }).field, 256)
});
var streamForgotten = shape("kept end of stream", { from: agentId3, stream });
var positions = shape("kept positions", { generation: fixed(GENERATION_BYTES), settled: list(list(uint, 2), 1024) });
var peer = shape("kept peer", { id: agentId3, logSeq: uint, logHead: fixed(32), recordVersion: uint, seenAtMs: uint });
var peerName = shape("kept name", { name: text(300), id: agentId3, seenAtMs: uint });
var relayName = shape("kept relay", { host: text(260), relayId: agentId3, url: text(512), seenAtMs: uint });
var CONTACT_ORIGINS = ["invite", "accepted", "written-to", "added"];
var STANDINGS = ["none", "contact", "blocked"];
var contact = shape("kept contact", {
  id: agentId3,
  standing: choice(...STANDINGS),
  /** What the owner calls it, or the name it came with. */
  name: text(300),
  /** Its home as an invite said, until its own signed record is known: relay id (32 bytes or empty) and address. */
  homeId: bytes(AGENT_ID_BYTES),
  homeUrl: text(512),
  how: choice(...CONTACT_ORIGINS),
  atMs: uint
});
var invite2 = shape("kept invite", { hash: fixed(32), label: text(128), expiresAtMs: uint, usesLeft: uint, atMs: uint });
var policy = shape("kept policy", { strangers: choice("wait", "welcome"), listVersion: uint, listHash: fixed(16) });
var paused = shape("kept pause", { thread: fixed(16), peer: agentId3, paused: flag, why: text(300), atMs: uint });
var evidence = shape("kept evidence", { hash: fixed(32) });
var conflict = shape("kept conflict", { relayId: agentId3, number: uint, atMs: uint, hash: fixed(32), bundle: fixed(32) });
var pass = shape("kept pass", { relayId: agentId3, instanceKey: fixed(32), pass: bytes(MAX_PASS_BYTES) });
var KEPT_SHAPES = {
  reset,
  group,
  queued,
  part,
  sealed,
  step,
  forgotten,
  received,
  started,
  put,
  completed,
  passed,
  stream: streamState,
  streamForgotten,
  positions,
  peer,
  peerName,
  relayName,
  contact,
  invite: invite2,
  policy,
  paused,
  evidence,
  conflict,
  pass
};
var KEPT_KINDS = Object.keys(KEPT_SHAPES);
var FIXED_BYTES = 6;
var LOCATION_BYTES = 24;
var RESTATED = 1;
function encodeKept(kept, payload, restated) {
  const head = KEPT_SHAPES[kept.kind].encode(kept.head);
  const start = FIXED_BYTES + (restated === void 0 ? 0 : LOCATION_BYTES);
  const record = new Uint8Array(start + head.length + (payload?.length ?? 0));
  const view = viewOf(record);
  record[0] = KEPT_KINDS.indexOf(kept.kind);
  record[1] = restated === void 0 ? 0 : RESTATED;
  view.setUint32(2, head.length);
  if (restated !== void 0) {
    writeU64(view, FIXED_BYTES, restated.segment);
    writeU64(view, FIXED_BYTES + 8, restated.offset);
    writeU64(view, FIXED_BYTES + 16, restated.length);
  }
  record.set(head, start);
  if (payload !== void 0) record.set(payload, start + head.length);
  return record;
}
function decodeKept(record) {
  if (record.length < FIXED_BYTES) malformed5("shorter than its header");
  const kind = KEPT_KINDS[record[0]];
  if (kind === void 0)
    throw new PerdureError("needs-newer-version", `a record of kind ${record[0]} is unknown`, {
      hint: "A newer perdure wrote this folder; update this one."
    });
  const restated = record[1] === RESTATED;
  if (!restated && record[1] !== 0) malformed5("unknown flags");
  const view = viewOf(record);
  const start = FIXED_BYTES + (restated ? LOCATION_BYTES : 0);
  const end = start + view.getUint32(2);
  if (end > record.length) malformed5("its head is cut off");
  const head = KEPT_SHAPES[kind].decode(record.slice(start, end));
  return {
    kept: { kind, head },
    restated: restated ? { segment: number(view, 6), offset: number(view, 14), length: number(view, 22) } : void 0,
    payload: record.subarray(end)
  };
}
function number(view, at) {
  return readU64(view, at) ?? malformed5("a location beyond 2^53 - 1");
}
function malformed5(why) {
  throw new PerdureError("malformed", `kept record: ${why}`);
}

// packages/perdure/src/protocol/delivery/delivery-lattice.ts
var FIRST_TERMINAL = DELIVERY_STATES.indexOf("unconfirmed");
function rank(state) {
  return DELIVERY_STATES.indexOf(state);
}
function rises(current, next) {
  return rank(next) > rank(current);
}
function isTerminal(state) {
  return rank(state) >= FIRST_TERMINAL;
}

// packages/perdure/src/agent/sent.ts
var unsuccessful = (state) => isTerminal(state) && state !== "done";
function createSent({ core, clock, settings, closing, view }) {
  let known = view;
  const restMs = () => Math.max(0, view.expiresAtMs - clock.wallMs()) + settings.unconfirmedAfterMs + FIXED.verdictGraceMs.value;
  const more = async (have, signal) => {
    if (known.steps.length > have || known.ended) return known;
    const next = await core.outgoingAfter(view.id, have, signal);
    if (next.steps.length >= known.steps.length) known = next;
    return known;
  };
  return {
    id: view.id,
    get to() {
      return known.to;
    },
    toName: view.toName,
    get trouble() {
      return known.trouble;
    },
    get home() {
      return known.home;
    },
    get steps() {
      return [...known.steps, ...known.late].sort((a, b) => rank(a.state) - rank(b.state));
    },
    async *[Symbol.asyncIterator]() {
      for (let at = 0; ; ) {
        const what = `the next step of message ${view.id}`;
        const now = await closing.during(
          void 0,
          (signal) => withDeadline(clock, { timeoutMs: restMs(), what, signal }, (within) => more(at, within))
        );
        for (; at < now.steps.length; at++) yield now.steps[at];
        if (now.ended && at >= known.steps.length) return;
      }
    },
    async until(state, waiting = {}) {
      const what = `message ${view.id} to be ${state}`;
      const hint = "The message stays queued; `trace` shows where it stands.";
      const reach = async (within) => {
        for (let have = 0; ; ) {
          const now = await more(have, within);
          const reached = now.steps.find((step2) => rank(step2.state) >= rank(state) && !unsuccessful(step2.state));
          if (reached !== void 0) return reached;
          if (now.ended) throw endError(now);
          have = now.steps.length;
        }
      };
      return await closing.during(
        waiting.signal,
        (signal) => withDeadline(clock, { timeoutMs: waiting.timeoutMs ?? restMs(), what, hint, signal }, reach)
      );
    },
    export: (waiting = {}) => closing.during(
      waiting.signal,
      (signal) => withDeadline(
        clock,
        { timeoutMs: waiting.timeoutMs ?? settings.callTimeoutMs, what: `the evidence of ${view.id}`, signal },
        () => core.evidence(view.id)
      )
    )
  };
}
function endError(view) {
  const last = view.steps.findLast((step2) => unsuccessful(step2.state));
  const code = last?.state ?? "internal";
  const detail = last === void 0 || last.detail === "" ? "" : `: ${last.detail}`;
  return new PerdureError(code, `message ${view.id} to ${view.to} ended as ${code}${detail}`);
}

// packages/perdure/src/agent/turn.ts
var TURN_MESSAGES = 64;
var TURN_BYTES = 4 * MAX_MESSAGE_BYTES;
function openTurn(mail, signal, waiting) {
  const drafts = [];
  const pending = /* @__PURE__ */ new Set();
  let messages = 0;
  let bytes2 = 0;
  let refusal3;
  let ended = false;
  const add3 = (reply, to, body, options) => {
    const read2 = async () => {
      if (ended || signal.aborted)
        throw new PerdureError("bad-argument", "the turn is over: its handler has returned or run out of time", {
          hint: "Await turn.reply and turn.send inside the handler."
        });
      if (++messages > TURN_MESSAGES) throw new PerdureError("too-large", `a turn commits at most ${TURN_MESSAGES} messages`);
      if (mail.depth + 1 > MAX_AUTO_DEPTH) {
        throw new PerdureError(
          "loop-depth",
          `message ${mail.id} is the ${mail.depth}th of a chain of automatic messages; the chain ends at ${MAX_AUTO_DEPTH}`,
          {
            hint: "Have a person or a plain agent.send continue it."
          }
        );
      }
      if (reply && mail.auto) {
        throw new PerdureError("auto-reply-refused", `message ${mail.id} was written by a handler and is never answered by one`, {
          hint: "Use turn.send if this really starts something new."
        });
      }
      const draft = await createDraft(to, body, { ...options, thread: options.thread ?? mail.thread }, { ...waiting, signal });
      bytes2 += draft.content.length;
      if (bytes2 > TURN_BYTES) throw new PerdureError("too-large", `the messages of a turn hold more than ${TURN_BYTES} bytes`);
      drafts.push({ ...draft, reply });
    };
    const inner = read2();
    const outer = inner.then(() => void 0);
    pending.add(outer);
    const settled = () => void pending.delete(outer);
    inner.then(settled, settled);
    return outer;
  };
  return {
    turn: {
      signal,
      reply: (body, options = {}) => add3(true, mail.from, body, options),
      send: (to, body, options = {}) => add3(false, to, body, options),
      reject: (why) => {
        refusal3 = clipWords(why);
      }
    },
    async end() {
      ended = true;
      await Promise.all(pending);
      return refusal3 === void 0 ? { outcome: "done", why: "", drafts } : { outcome: "refused", why: refusal3, drafts };
    }
  };
}

// packages/perdure/src/agent/serve.ts
async function serveMail(context, handler) {
  const { core, client, stop } = context;
  while (!stop.aborted) {
    try {
      const claimed = await core.claim(client, stop);
      if (stop.aborted) await giveBack(context, claimed.mail, false, "this process stopped serving");
      else await handleOne(context, claimed, handler);
    } catch (error) {
      if (stop.aborted) return;
      if (isPerdureError(error) && error.code === "fenced") continue;
      if (!isPerdureError(error) || error.retry === "never") throw error;
      await pause(context, error);
    }
  }
}
async function pause({ host, settings, stop }, error) {
  host.log.write("warn", "agent.serving-paused", { code: error.code, why: error.message });
  await sleep(host.clock, settings.diskRetryMs, stop).catch(() => {
  });
}
async function handleOne(context, { mail, handlerTimeoutMs }, handler) {
  const { core, host, settings, turns, closing } = context;
  const claim = { from: mail.from, id: mail.id, attempt: mail.attempt };
  const outer = AbortSignal.any([core.fence(claim), closing]);
  const deadline = { timeoutMs: handlerTimeoutMs, what: `the handler of message ${mail.id}`, signal: outer };
  let end;
  try {
    end = await withDeadline(host.clock, deadline, async (signal) => {
      const { turn, end: endTurn } = openTurn(mail, signal, { clock: host.clock, timeoutMs: settings.callTimeoutMs });
      const received2 = createMail({ core, clock: host.clock, settings, closing, view: mail, inTurn: true });
      await turns.during(core, mail, async () => await handler(received2, turn));
      return await endTurn();
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    host.log.write("warn", "agent.handler-failed", {
      from: mail.from,
      id: mail.id,
      attempt: mail.attempt,
      why,
      code: isPerdureError(error) ? error.code : void 0
    });
    return await giveBack(context, claim, !closing.aborted, why);
  }
  try {
    await core.complete({ ...claim, outcome: end.outcome, why: end.why, drafts: end.drafts });
  } catch (error) {
    if (!isPerdureError(error)) throw error;
    host.log.write("warn", "agent.turn-not-committed", {
      from: mail.from,
      id: mail.id,
      attempt: mail.attempt,
      code: error.code,
      why: error.message
    });
    if (error.code === "fenced") return;
    const handlersFault = HANDLERS_FAULT.has(error.code);
    await giveBack(context, claim, handlersFault, error.message);
    if (!handlersFault) throw error;
  }
}
var HANDLERS_FAULT = /* @__PURE__ */ new Set([
  "bad-argument",
  "unknown-agent",
  "too-large",
  "expiry-out-of-range",
  "auto-reply-refused",
  "loop-depth",
  "loop-paused",
  "blocked",
  "name-changed",
  "mailbox-full",
  "timed-out"
]);
async function giveBack({ core, host, settings }, claim, failed, why) {
  const key = { from: claim.from, id: claim.id, attempt: claim.attempt };
  const deadline = { timeoutMs: settings.callTimeoutMs, what: `giving back message ${claim.id}` };
  try {
    await withDeadline(host.clock, deadline, () => core.release(key, failed, clipWords(why)));
  } catch (error) {
    if (error instanceof PerdureError && (error.code === "fenced" || error.code === "aborted" || error.code === "unknown-message")) return;
    throw error;
  }
}

// packages/perdure/src/agent/shared-signal.ts
function shareSignal(signal) {
  const waits = /* @__PURE__ */ new Set();
  signal.addEventListener(
    "abort",
    () => {
      for (const wait of [...waits]) wait.abort(signal.reason);
    },
    { once: true }
  );
  return {
    async during(other, work) {
      const wait = new AbortController();
      if (signal.aborted) wait.abort(signal.reason);
      waits.add(wait);
      try {
        return await work(other === void 0 ? wait.signal : AbortSignal.any([other, wait.signal]));
      } finally {
        waits.delete(wait);
      }
    }
  };
}

// packages/perdure/src/agent/agent.ts
var OUTBOX_LIST = 1e4;
var INBOX_PAGE = 256;
var MAX_CONCURRENCY = 256;
var MIN_EXPIRY_MS2 = 1e3;
function createAgent({ core, host, settings, client }) {
  const { clock, random } = host;
  const stopping = new AbortController();
  const stops = shareSignal(stopping.signal);
  const closing = new AbortController();
  const serving = /* @__PURE__ */ new Set();
  const turns = createRunningTurns(host.scope);
  let closed;
  const signalOf = (signal) => signal === void 0 ? stopping.signal : AbortSignal.any([signal, stopping.signal]);
  const within = (what, waiting, work) => stops.during(
    waiting.signal,
    (signal) => withDeadline(clock, { timeoutMs: waiting.timeoutMs ?? settings.callTimeoutMs, what, signal }, work)
  );
  const sentOf = (view) => createSent({ core, clock, settings, closing: stops, view });
  const mailOf = (view) => createMail({ core, clock, settings, closing: closing.signal, view });
  const submit = async (to, body, options, asks) => {
    const { signal, timeoutMs, ...wishes } = options;
    const pieceMs = timeoutMs ?? settings.callTimeoutMs;
    const draft = await stops.during(signal, (until) => createDraft(to, body, wishes, { clock, timeoutMs: pieceMs, signal: until }));
    const submission = { client, requestId: hex(random.bytes(16)), draft, asks, cause: turns.cause(core) };
    return await within(
      "the message to be durable",
      { ...signal === void 0 ? {} : { signal }, timeoutMs: pieceMs },
      () => core.submit(submission)
    );
  };
  const unanswerable = async (id, signal) => {
    const view = await core.outgoing(id);
    await createSent({ core, clock, settings, closing: shareSignal(signal), view }).until("done");
    return await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  };
  const takeAnswer = async ({ mail }, keep, signal) => {
    const parts = [];
    for (let index = 0; index < mail.parts; index++) parts.push(await core.readPart({ from: mail.from, id: mail.id }, index));
    throwIfAborted(signal, "the answer");
    const claim = { from: mail.from, id: mail.id, attempt: mail.attempt };
    if (keep) await core.release(claim, false, "the answer was read and stays in its box");
    else await core.complete({ ...claim, outcome: "done", why: "", drafts: [] });
    return createMail({ core, clock, settings, closing: closing.signal, view: mail, content: concat2(...parts) });
  };
  const closeAll = async () => {
    stopping.abort(closedError());
    const stopTimer = clock.after(settings.drainTimeoutMs, () => closing.abort(closedError()));
    await Promise.allSettled(serving);
    stopTimer();
    closing.abort(closedError());
    await core[Symbol.asyncDispose]();
  };
  const agent = {
    id: core.id,
    send: async (to, body, options = {}) => sentOf(await submit(to, body, options, false)),
    sent: async (id) => sentOf(await within("the message", {}, () => core.outgoing(normalId2(id)))),
    outbox: async (waiting = {}) => (await within("the outbox", waiting, () => core.outgoings(OUTBOX_LIST))).map(sentOf),
    async ask(to, body, { onSent, keep = false, ...options } = {}) {
      const timeoutMs = options.timeoutMs ?? settings.askTimeoutMs;
      const expiresInMs = options.expiresInMs ?? Math.min(Math.max(timeoutMs, MIN_EXPIRY_MS2), settings.defaultExpiryMs);
      const deadline = {
        timeoutMs,
        what: `an answer from ${to}`,
        hint: "The question may still be handled; its answer then waits in the inbox."
      };
      const asking = async (signal) => {
        const question = await submit(to, body, { ...options, expiresInMs, timeoutMs, signal }, true);
        onSent?.(sentOf(question));
        const ended = new AbortController();
        const waiting = AbortSignal.any([signal, ended.signal]);
        const answering = core.answer(client, question.id, waiting);
        try {
          return await takeAnswer(await Promise.race([answering, unanswerable(question.id, waiting)]), keep, signal);
        } catch (error) {
          answering.then(
            ({ mail }) => core.release({ from: mail.from, id: mail.id, attempt: mail.attempt }, false, "nobody waits for this answer any more")
          ).catch(() => void 0);
          throw error;
        } finally {
          ended.abort(new PerdureError("aborted", "the question has ended"));
        }
      };
      return await stops.during(options.signal, (signal) => withDeadline(clock, { ...deadline, signal }, asking));
    },
    serve: (handler, options = {}) => {
      const concurrency = options.concurrency ?? 1;
      if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY) {
        return Promise.reject(new PerdureError("bad-argument", `concurrency is 1 to ${MAX_CONCURRENCY}, not ${concurrency}`));
      }
      const failed = new AbortController();
      const stop = AbortSignal.any([signalOf(options.signal), failed.signal]);
      const loops = Array.from(
        { length: concurrency },
        () => serveMail({ core, host, settings, client, turns, stop, closing: closing.signal }, handler).catch((error) => {
          failed.abort(error);
          throw error;
        })
      );
      const all = Promise.allSettled(loops).then((ends) => {
        serving.delete(all);
        const bad = ends.find((end) => end.status === "rejected");
        if (bad !== void 0) throw bad.reason;
      });
      serving.add(all);
      return all;
    },
    async *inbox(options = {}) {
      const box = options.box ?? "contacts";
      const startMs = clock.monotonicMs();
      for (let after = 0; ; ) {
        if (options.watch === true && options.signal?.aborted) return;
        const page = await within(`the ${box}`, {}, () => core.mails(box, after, INBOX_PAGE));
        for (const view of page) yield mailOf(view);
        after = page.at(-1)?.arrival ?? after;
        if (page.length > 0) continue;
        if (options.watch !== true || !await arrives(box, after, options, startMs)) return;
      }
    },
    ...createContacts({ core, host, within, sentOf }),
    identity: createIdentityWords({ core, within }),
    async status(waiting = {}) {
      const status = await within("the agent's status", waiting, () => core.status());
      return { ...status, role: core.role };
    },
    settings: (waiting = {}) => within("the agent's settings", waiting, () => core.settings()),
    close: () => closed ??= closeAll(),
    [Symbol.asyncDispose]: () => agent.close()
  };
  const arrives = async (box, after, options, startMs) => {
    const signal = signalOf(options.signal);
    const waitFor = (within2) => core.mailsAfter(box, after, 1, within2);
    try {
      if (options.timeoutMs === void 0) await waitFor(signal);
      else
        await withDeadline(
          clock,
          { timeoutMs: Math.max(0, startMs + options.timeoutMs - clock.monotonicMs()), what: "more mail", signal },
          waitFor
        );
      return true;
    } catch (error) {
      if (options.signal?.aborted || isPerdureError(error) && error.code === "timed-out") return false;
      throw error;
    }
  };
  return agent;
}
function normalId2(text2) {
  const { stream: stream2, seq } = parseMessageId(text2.trim());
  return messageIdText(stream2, seq);
}
function closedError() {
  return new PerdureError("aborted", "this agent was closed", { hint: "Open the folder again." });
}

// packages/perdure/src/protocol/contacts/contact-book.ts
var MAX_CONTACTS = 1e4;
var MAX_INVITES = 1e3;
var KEEP_INVITE_MS = 30 * 24 * 60 * 60 * 1e3;
var NEW = { strangers: "wait", listVersion: 0, listHash: new Uint8Array(16) };
function createContactBook() {
  const contacts2 = /* @__PURE__ */ new Map();
  const invites = /* @__PURE__ */ new Map();
  let policy2 = NEW;
  const standing = (idRaw) => contacts2.get(hex(idRaw))?.standing ?? "none";
  const decided = ({ idRaw, standing: wanted, how, name, home: home2, nowMs }) => {
    const before = contacts2.get(hex(idRaw));
    if (before === void 0 && wanted === "none") return [];
    if (before === void 0 && contacts2.size >= MAX_CONTACTS)
      throw new PerdureError("mailbox-full", `the contact book has ${MAX_CONTACTS} entries`, {
        retry: "after",
        hint: "Remove some: perdure contacts remove."
      });
    const isSame = before?.standing === wanted && (name === "" || name === before.name) && home2 === void 0;
    if (isSame && (before.how === how || how === "written-to")) return [];
    return [
      {
        kind: "contact",
        head: {
          id: idRaw,
          standing: wanted,
          name: name === "" ? before?.name ?? "" : name,
          homeId: home2?.relayId ?? before?.homeId ?? EMPTY,
          homeUrl: home2?.url ?? before?.homeUrl ?? "",
          how,
          atMs: before?.standing === wanted ? before.atMs : nowMs
        }
      }
    ];
  };
  return {
    apply(kept) {
      if (kept.kind === "contact") {
        const key = hex(kept.head.id);
        contacts2.delete(key);
        if (kept.head.standing !== "none") contacts2.set(key, kept.head);
      } else if (kept.kind === "invite") {
        const key = hex(kept.head.hash);
        invites.delete(key);
        if (kept.head.expiresAtMs > 0) invites.set(key, kept.head);
      } else if (kept.kind === "policy") policy2 = kept.head;
    },
    reset() {
      contacts2.clear();
      invites.clear();
      policy2 = NEW;
    },
    restate: () => [
      { kept: { kind: "policy", head: policy2 } },
      ...[...contacts2.values()].map((head) => ({ kept: { kind: "contact", head } })),
      ...[...invites.values()].map((head) => ({ kept: { kind: "invite", head } }))
    ],
    get policy() {
      return policy2;
    },
    standing,
    find: (idRaw) => contacts2.get(hex(idRaw)),
    entries: () => contacts2.values(),
    weighInvite(hash2, nowMs, uses = 0) {
      const invite3 = invites.get(hex(hash2));
      if (invite3 === void 0) return "unknown";
      if (invite3.expiresAtMs <= nowMs) return "expired";
      return invite3.usesLeft > uses ? "good" : "used";
    },
    invites: () => invites.values(),
    decided,
    invited(invite3) {
      if (invites.has(hex(invite3.hash))) return [];
      const old = [...invites.values()].filter(({ expiresAtMs }) => expiresAtMs + KEEP_INVITE_MS <= invite3.atMs);
      if (invites.size - old.length >= MAX_INVITES)
        throw new PerdureError("mailbox-full", `${MAX_INVITES} invites are open or ended lately`, {
          retry: "after",
          hint: "Give out one with more uses."
        });
      return [
        // A date of 0 is the word for "forgotten".
        ...old.map((head) => ({ kind: "invite", head: { ...head, expiresAtMs: 0 } })),
        { kind: "invite", head: invite3 }
      ];
    },
    accepted(hash2, { idRaw, name }, nowMs, uses = 0) {
      const invite3 = invites.get(hex(hash2));
      if (invite3 === void 0 || invite3.usesLeft <= uses || standing(idRaw) === "blocked") return [];
      const called = invite3.label === "" ? name : invite3.label;
      const records = decided({ idRaw, standing: "contact", how: "invite", name: standing(idRaw) === "contact" ? "" : called, nowMs });
      return [...records, { kind: "invite", head: { ...invite3, usesLeft: invite3.usesLeft - uses - 1 } }];
    }
  };
}

// packages/perdure/src/protocol/contacts/loop-guard.ts
var COUNTED_DEPTH = 2;
var MAX_PAUSES = 1e3;
var MAX_COUNTED = 1e4;
var EVERY_THREAD = new Uint8Array(16);
function createLoopGuard(input) {
  const { limits, named, enabled = true } = input;
  const pauses = /* @__PURE__ */ new Map();
  const counted2 = /* @__PURE__ */ new Map();
  const pauseKey = (thread, peer2) => `${hex(thread)}/${hex(peer2)}`;
  const within = (key, nowMs) => {
    const times = counted2.get(key);
    if (times === void 0) return 0;
    for (const [id, atMs] of times) {
      if (atMs + limits.autoWindowMs > nowMs) break;
      times.delete(id);
    }
    if (times.size === 0) counted2.delete(key);
    return times.size;
  };
  const add3 = (key, id, atMs) => {
    within(key, atMs);
    const times = counted2.get(key) ?? /* @__PURE__ */ new Map();
    if (!times.has(id)) counted2.set(key, times.set(id, atMs));
  };
  const charge = ({ id, thread, peer: peer2, atMs }) => {
    if (counted2.size >= MAX_COUNTED) for (const key of [...counted2.keys()]) within(key, atMs);
    add3(`thread ${hex(thread)}`, id, atMs);
    add3(`peer ${peer2}`, id, atMs);
  };
  return {
    apply(kept) {
      if (kept.kind === "paused") {
        const { thread, peer: peer2, paused: paused2 } = kept.head;
        if (paused2) pauses.set(pauseKey(thread, peer2), kept.head);
        else {
          pauses.delete(pauseKey(thread, peer2));
          counted2.delete(`thread ${hex(thread)}`);
          counted2.delete(`peer ${hex(peer2)}`);
        }
      } else if (kept.kind === "queued" && isCounted(kept.head)) {
        const { stream: stream2, seq, thread, sentAtMs } = kept.head;
        charge({ id: messageIdText(stream2, seq), thread, peer: peerOf(kept.head, named), atMs: sentAtMs });
      }
    },
    reset() {
      pauses.clear();
      counted2.clear();
    },
    restate: () => [...pauses.values()].map((head) => ({ kept: { kind: "paused", head } })),
    passes(thread, peer2, more, nowMs) {
      if (!enabled) return void 0;
      if (within(`thread ${hex(thread)}`, nowMs) + more.inThread > limits.autoPerThread) return "thread";
      if (within(`peer ${peer2}`, nowMs) + more.toPeer > limits.autoPerPair) return "peer";
      if (counted2.size + 2 <= MAX_COUNTED) return void 0;
      for (const key of [...counted2.keys()]) within(key, nowMs);
      return counted2.size + 2 > MAX_COUNTED ? "peer" : void 0;
    },
    charge,
    pause: (thread, peer2) => pauses.get(pauseKey(thread, peer2)) ?? pauses.get(pauseKey(EVERY_THREAD, peer2)),
    pauses: () => pauses.values(),
    paused({ thread, peer: peer2, why, atMs }) {
      if (pauses.has(pauseKey(thread, peer2)) || pauses.size >= MAX_PAUSES) return [];
      return [{ kind: "paused", head: { thread, peer: peer2, paused: true, why, atMs } }];
    }
  };
}
function isCounted(head) {
  return head.class === "mail" && head.depth >= COUNTED_DEPTH;
}
function peerOf({ to, toName }, named) {
  const id = to.length > 0 ? to : named(toName);
  return id === void 0 ? `@${toName}` : hex(id);
}

// packages/perdure/src/protocol/delivery/incoming.ts
function incomingKey(from, stream2, seq) {
  return `${hex(from)}/${messageIdText(stream2, seq)}`;
}
function streamKey(from, stream2) {
  return `${hex(from)}/${hex(stream2)}`;
}
function incomingId(incoming) {
  return messageIdText(incoming.stream, incoming.seq);
}
function incomingFrom(incoming) {
  return agentIdText(incoming.from);
}
function isWhole(incoming) {
  return incoming.have.size === incoming.parts;
}
function sameMessage(one, other) {
  return equalBytes(sealedHead.encode(ofWhole(one)), sealedHead.encode(ofWhole(other)));
}
function ofWhole(head) {
  const none = new Uint8Array(32);
  return { ...head, part: 0, floor: 0, logHead: none, certificateHash: none, bundle: EMPTY };
}
function headOf(incoming) {
  for (const part2 of incoming.have.values()) return part2.head;
  throw new RangeError("a message without parts");
}
function digestOf(incoming) {
  return incoming.have.get(0)?.head.digest ?? headOf(incoming).digest;
}

// packages/perdure/src/protocol/delivery/inbox-restatement.ts
var RANGES_PER_RECORD = 512;
var KEYS_PER_RECORD = 128;
function restateInbox(state) {
  const records = [{ kept: positionsRecord(state.cursor) }];
  for (const stream2 of state.streams.values()) for (const head of streamRecords(stream2)) records.push({ kept: { kind: "stream", head } });
  for (const incoming of state.messages) {
    const { from, stream: stream2, seq } = incoming;
    for (const { head, at } of incoming.have.values()) {
      const position2 = state.cursor.positionOf(incomingKey(from, stream2, head.seq));
      const current = position2 > 0 ? { generation: state.cursor.generation, position: position2 } : {};
      records.push({ kept: { kind: "received", head: { ...head, ...current } }, restated: at });
    }
    if (incoming.attempt > 0) records.push({ kept: { kind: "started", head: { from, stream: stream2, seq, attempt: incoming.attempt } } });
    const { box, arrival, failures, notBeforeMs } = incoming;
    const crashes = incoming.crashes + incoming.starts;
    const wasPutBack = box === "contacts" && state.streams.get(streamKey(from, stream2))?.settled.has(seq) === true;
    if (wasPutBack)
      records.push({ kept: { kind: "put", head: { from, stream: stream2, seq, box: "failed", arrival, failures, crashes, notBeforeMs } } });
    if (incoming.attempt > 0 || wasPutBack || box !== "contacts" || arrival > headOf(incoming).arrival) {
      records.push({ kept: { kind: "put", head: { from, stream: stream2, seq, box, arrival, failures, crashes, notBeforeMs } } });
    }
  }
  return records;
}
function positionsRecord(cursor) {
  return { kind: "positions", head: { generation: cursor.generation, settled: cursor.settled.slice(0, 1024).map((range2) => [...range2]) } };
}
function* streamRecords(stream2) {
  const ranges = stream2.settled.ranges.map((range2) => [...range2]);
  const keys = [...stream2.keys].map(([key, seq]) => ({ key, seq }));
  const digests = [...stream2.digests].map(([seq, { digest: digest2, attempt }]) => ({ seq, digest: digest2, attempt }));
  let first = true;
  do {
    yield {
      from: stream2.from,
      stream: stream2.stream,
      settled: ranges.splice(0, RANGES_PER_RECORD),
      floor: stream2.floor,
      maxExpiryMs: stream2.maxExpiryMs,
      digests: first ? digests : [],
      keys: keys.splice(0, KEYS_PER_RECORD)
    };
    first = false;
  } while (ranges.length > 0 || keys.length > 0);
}

// packages/perdure/src/protocol/delivery/interval-set.ts
function createIntervalSet(initial = []) {
  const ranges = [];
  const indexOf = (value) => {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = low + high >>> 1;
      if (ranges[middle][1] < value) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const set = {
    ranges,
    has(value) {
      const range2 = ranges[indexOf(value)];
      return range2 !== void 0 && range2[0] <= value;
    },
    add(first, last = first) {
      if (last < first) return;
      const start = indexOf(first - 1);
      let end = start;
      let low = first;
      let high = last;
      for (let range2 = ranges[end]; range2 !== void 0 && range2[0] <= last + 1; range2 = ranges[++end]) {
        low = Math.min(low, range2[0]);
        high = Math.max(high, range2[1]);
      }
      ranges.splice(start, end - start, [low, high]);
    },
    firstMissing(from) {
      const range2 = ranges[indexOf(from)];
      return range2 !== void 0 && range2[0] <= from ? range2[1] + 1 : from;
    },
    count(first, last) {
      let total = 0;
      for (let index = indexOf(first); index < ranges.length; index++) {
        const [low, high] = ranges[index];
        if (low > last) break;
        total += Math.min(high, last) - Math.max(low, first) + 1;
      }
      return total;
    }
  };
  for (const [first, last] of initial) set.add(first, last);
  return set;
}

// packages/perdure/src/protocol/delivery/incoming-stream.ts
var MAX_DIGESTS = 64;
var MAX_KEYS = 4096;
var MAX_RUNS = 4096;
function createIncomingStream(from, stream2) {
  return {
    from,
    stream: stream2,
    settled: createIntervalSet(),
    // bound: one per part of a message that is held
    pending: /* @__PURE__ */ new Map(),
    messages: [],
    floor: 1,
    maxExpiryMs: 0,
    // bound: MAX_DIGESTS
    digests: /* @__PURE__ */ new Map(),
    // bound: MAX_KEYS
    keys: /* @__PURE__ */ new Map()
  };
}
function rememberDigest(stream2, seq, digest2, attempt) {
  stream2.digests.delete(seq);
  stream2.digests.set(seq, { digest: digest2, attempt });
  for (const oldest of stream2.digests.keys()) {
    if (stream2.digests.size <= MAX_DIGESTS) break;
    stream2.digests.delete(oldest);
  }
}
function rememberKey(stream2, key, seq) {
  stream2.keys.set(key, seq);
  for (const oldest of stream2.keys.keys()) {
    if (stream2.keys.size <= MAX_KEYS) break;
    stream2.keys.delete(oldest);
  }
}
function hasTooManyRuns({ settled }, seq) {
  return settled.ranges.length >= MAX_RUNS && !settled.has(seq - 1) && !settled.has(seq + 1);
}
function addMessage(stream2, message) {
  let index = stream2.messages.length;
  while (index > 0 && stream2.messages[index - 1].seq > message.seq) index--;
  stream2.messages.splice(index, 0, message);
}
function removeMessage(stream2, message) {
  const index = stream2.messages.indexOf(message);
  if (index >= 0) stream2.messages.splice(index, 1);
}
function messageOf({ messages }, seq) {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = low + high >>> 1;
    if (messages[middle].seq <= seq) low = middle + 1;
    else high = middle;
  }
  const last = messages[low - 1];
  return last !== void 0 && seq < last.seq + last.parts ? last : void 0;
}
function firstFree(stream2) {
  return stream2.messages.find(isFree);
}
function isFree(message) {
  return message.box !== "requests" && message.claim === void 0 && message.twinOf === void 0 && isWhole(message);
}
function startsAtMs(stream2, message, holeWaitMs) {
  const from = Math.min(stream2.floor, message.seq);
  let known = stream2.settled.count(from, message.seq - 1);
  for (const below of stream2.messages) {
    if (below.seq >= message.seq) break;
    if (isFree(below)) return Number.POSITIVE_INFINITY;
    for (const part2 of below.have.keys()) if (below.seq + part2 >= from) known++;
  }
  return known >= message.seq - from ? 0 : message.wholeAtMs + holeWaitMs;
}

// packages/perdure/src/protocol/delivery/mail-index.ts
function createMailIndex() {
  const listed = /* @__PURE__ */ new Map();
  const boxes = { contacts: [], requests: [], failed: [] };
  const answers = /* @__PURE__ */ new Map();
  const twins = /* @__PURE__ */ new Map();
  const remove = (incoming) => {
    const was = listed.get(incoming);
    if (was === void 0) return;
    listed.delete(incoming);
    if (was.twinOf !== void 0) return leave(twins, was.twinOf, incoming);
    if (was.answers !== void 0) leave(answers, was.answers, incoming);
    const box = boxes[was.box];
    const index = firstAfter(box, was.arrival - 1);
    box.splice(box.indexOf(was, index), 1);
  };
  return {
    place(incoming) {
      remove(incoming);
      if (!isWhole(incoming)) return;
      const { box, arrival, twinOf } = incoming;
      const ref = headOf(incoming).head.inReplyTo;
      const now = { incoming, box, arrival, twinOf, answers: ref === void 0 ? void 0 : messageIdText(ref.stream, ref.seq) };
      listed.set(incoming, now);
      if (twinOf !== void 0) return enter(twins, twinOf, incoming);
      if (now.answers !== void 0) enter(answers, now.answers, incoming);
      boxes[box].splice(firstAfter(boxes[box], arrival), 0, now);
    },
    remove,
    clear() {
      for (const map of [listed, answers, twins]) map.clear();
      for (const box of Object.values(boxes)) box.length = 0;
    },
    after(box, arrival, limit) {
      const first = firstAfter(boxes[box], arrival);
      return boxes[box].slice(first, first + limit).map(({ incoming }) => incoming);
    },
    size: (box) => boxes[box].length,
    answersTo: (id) => answers.get(id) ?? [],
    twinsOf: (incoming) => [...twins.get(incoming) ?? []].filter((each) => each !== incoming),
    *twins() {
      for (const each of twins.values()) yield* each;
    }
  };
}
function enter(map, key, incoming) {
  const under = map.get(key);
  if (under === void 0) map.set(key, /* @__PURE__ */ new Set([incoming]));
  else under.add(incoming);
}
function leave(map, key, incoming) {
  const under = map.get(key);
  under?.delete(incoming);
  if (under?.size === 0) map.delete(key);
}
function firstAfter(box, arrival) {
  let low = 0;
  let high = box.length;
  while (low < high) {
    const middle = low + high >>> 1;
    if (box[middle].arrival <= arrival) low = middle + 1;
    else high = middle;
  }
  return low;
}

// packages/perdure/src/protocol/delivery/request-tally.ts
var NOTHING = { messages: 0, bytes: 0 };
function createRequestTally() {
  const counted2 = /* @__PURE__ */ new Map();
  const senders = /* @__PURE__ */ new Map();
  let all = NOTHING;
  const change = (incoming, messages, bytes2) => {
    const key = hex(incoming.from);
    const before = senders.get(key) ?? NOTHING;
    const after = { messages: before.messages + messages, bytes: before.bytes + bytes2 };
    if (after.messages === 0) senders.delete(key);
    else senders.set(key, after);
    all = { messages: all.messages + messages, bytes: all.bytes + bytes2 };
  };
  return {
    add(incoming) {
      if (counted2.has(incoming)) return;
      const { wholeBytes } = headOf(incoming).head;
      counted2.set(incoming, wholeBytes);
      change(incoming, 1, wholeBytes);
    },
    remove(incoming) {
      const bytes2 = counted2.get(incoming);
      if (bytes2 === void 0) return;
      counted2.delete(incoming);
      change(incoming, -1, -bytes2);
    },
    held: (from) => from === void 0 ? all : senders.get(hex(from)) ?? NOTHING,
    clear() {
      counted2.clear();
      senders.clear();
      all = NOTHING;
    }
  };
}

// packages/perdure/src/protocol/delivery/inbox.ts
function createInbox(input) {
  const { limits, cursor } = input;
  const messages = /* @__PURE__ */ new Map();
  const streams = /* @__PURE__ */ new Map();
  const streamsOf = /* @__PURE__ */ new Map();
  const index = createMailIndex();
  const busy = /* @__PURE__ */ new Set();
  const putBack = /* @__PURE__ */ new Set();
  const held = /* @__PURE__ */ new Set();
  const tally = createRequestTally();
  let releases = [];
  let arrivals = 0;
  const place = (at) => `${at.segment}:${at.offset}`;
  const fromKey = (from) => streamKey(from, from);
  const streamFor = (from, stream2) => {
    const key = streamKey(from, stream2);
    let state = streams.get(key);
    if (state === void 0) {
      state = createIncomingStream(from, stream2);
      streams.set(key, state);
      const siblings = streamsOf.get(fromKey(from)) ?? /* @__PURE__ */ new Set();
      streamsOf.set(fromKey(from), siblings.add(state));
    }
    return state;
  };
  const hasTooManyStreams = (from) => {
    const theirs = streamsOf.get(fromKey(from))?.size ?? 0;
    return theirs >= limits.liveStreams || streams.size >= (theirs === 0 ? limits.allStreams / 2 : limits.allStreams);
  };
  const lift = (stream2, expiresAtMs) => {
    stream2.maxExpiryMs = Math.max(stream2.maxExpiryMs, expiresAtMs);
  };
  const keyTaken = (from, key) => {
    for (const stream2 of streamsOf.get(fromKey(from)) ?? []) {
      const seq = stream2.keys.get(key);
      if (seq !== void 0) return { stream: stream2, seq };
    }
    return void 0;
  };
  const received2 = (head, at, isRestated) => {
    const stream2 = streamFor(head.from, head.stream);
    lift(stream2, head.expiresAtMs);
    stream2.floor = Math.max(stream2.floor, Math.min(head.head.floor, head.seq));
    arrivals = Math.max(arrivals, head.arrival);
    const seqKey = incomingKey(head.from, head.stream, head.seq);
    const seq = head.seq - head.head.part;
    const key = incomingKey(head.from, head.stream, seq);
    if (at === void 0 || !isRestated && input.defences.dedupe && stream2.settled.has(head.seq)) {
      cursor.settlePosition(head.generation, head.position);
      return;
    }
    cursor.hold(head.generation, head.position, seqKey);
    let incoming = messages.get(key);
    if (incoming === void 0) {
      incoming = {
        key,
        from: head.from,
        stream: head.stream,
        seq,
        parts: head.head.parts,
        // bound: MAX_PARTS
        have: /* @__PURE__ */ new Map(),
        box: "contacts",
        arrival: 0,
        wholeAtMs: 0,
        attempt: 0,
        failures: 0,
        crashes: 0,
        starts: 0,
        notBeforeMs: 0,
        claim: void 0,
        committing: false,
        twinOf: void 0
      };
      messages.set(key, incoming);
      addMessage(stream2, incoming);
      busy.add(stream2);
    }
    if (incoming.box === "requests") cursor.settleSeq(seqKey);
    if (incoming.have.has(head.head.part)) return;
    incoming.have.set(head.head.part, { head, at });
    held.add(place(at));
    stream2.pending.set(head.seq, head.digest);
    incoming.arrival = Math.max(incoming.arrival, head.arrival);
    incoming.wholeAtMs = Math.max(incoming.wholeAtMs, head.receivedAtMs);
    if (!isWhole(incoming)) return;
    takeKey(stream2, incoming);
    index.place(incoming);
  };
  const takeKey = (stream2, incoming) => {
    const { idempotencyKey } = headOf(incoming).head;
    if (idempotencyKey === "" || !input.defences.dedupe) return;
    const first = keyTaken(incoming.from, idempotencyKey);
    if (first === void 0) {
      rememberKey(stream2, idempotencyKey, incoming.seq);
      return;
    }
    if (first.stream === stream2 && first.seq === incoming.seq) return;
    incoming.twinOf = messages.get(incomingKey(first.stream.from, first.stream.stream, first.seq)) ?? incoming;
  };
  const settleParts = (incoming, attempt, atRelay = true) => {
    const stream2 = streamFor(incoming.from, incoming.stream);
    for (let seq = incoming.seq; seq < incoming.seq + incoming.parts; seq++) {
      const digest2 = stream2.pending.get(seq) ?? incoming.have.get(seq - incoming.seq)?.head.digest;
      if (digest2 !== void 0) rememberDigest(stream2, seq, digest2, attempt);
      stream2.pending.delete(seq);
      stream2.settled.add(seq);
      if (atRelay) cursor.settleSeq(incomingKey(incoming.from, incoming.stream, seq));
    }
    removeMessage(stream2, incoming);
    if (stream2.messages.length === 0) busy.delete(stream2);
  };
  const drop = (incoming) => {
    for (const { at } of incoming.have.values()) if (held.delete(place(at))) releases.push(at);
    messages.delete(incoming.key);
    putBack.delete(incoming);
    tally.remove(incoming);
    index.remove(incoming);
  };
  const completed2 = (head) => {
    const incoming = messages.get(incomingKey(head.from, head.stream, head.seq));
    if (incoming === void 0) return;
    settleParts(incoming, head.attempt);
    drop(incoming);
    if (head.outcome === "refused") freeKey(incoming);
  };
  const freeKey = (refused) => {
    const { keys } = streamFor(refused.from, refused.stream);
    const { idempotencyKey } = headOf(refused).head;
    if (keys.get(idempotencyKey) === refused.seq) keys.delete(idempotencyKey);
    for (const twin of index.twinsOf(refused)) {
      twin.twinOf = void 0;
      takeKey(streamFor(twin.from, twin.stream), twin);
      index.place(twin);
    }
  };
  const put2 = (head) => {
    const incoming = messages.get(incomingKey(head.from, head.stream, head.seq));
    if (incoming === void 0) return;
    if (head.box === "failed") putBack.delete(incoming);
    else if (incoming.box === "failed") putBack.add(incoming);
    Object.assign(incoming, {
      box: head.box,
      arrival: head.arrival,
      failures: head.failures,
      crashes: head.crashes,
      notBeforeMs: head.notBeforeMs,
      starts: 0
    });
    index.place(incoming);
    arrivals = Math.max(arrivals, head.arrival);
    if (head.box === "requests") {
      tally.add(incoming);
      for (const part2 of incoming.have.values()) cursor.settleSeq(incomingKey(incoming.from, incoming.stream, part2.head.seq));
    } else tally.remove(incoming);
    if (head.box === "failed") settleParts(incoming, incoming.attempt);
  };
  const passed2 = (head) => {
    const stream2 = streamFor(head.from, head.stream);
    lift(stream2, head.expiresAtMs);
    for (const incoming of stream2.messages.filter((each) => head.seq >= each.seq && head.seq < each.seq + each.parts)) {
      settleParts(incoming, 0, head.position > 0);
      drop(incoming);
    }
    stream2.settled.add(head.seq);
    rememberDigest(stream2, head.seq, head.digest, 0);
    if (head.position === 0) return;
    cursor.settleSeq(incomingKey(head.from, head.stream, head.seq));
    cursor.settlePosition(head.generation, head.position);
  };
  function* candidates() {
    for (const stream2 of busy) {
      const first = firstFree(stream2);
      if (first !== void 0) yield first;
    }
    yield* putBack;
  }
  const restated = (head) => {
    const stream2 = streamFor(head.from, head.stream);
    lift(stream2, head.maxExpiryMs);
    stream2.floor = Math.max(stream2.floor, head.floor);
    for (const [first, last] of head.settled) if (first !== void 0 && last !== void 0) stream2.settled.add(first, last);
    for (const { seq, digest: digest2, attempt } of head.digests) rememberDigest(stream2, seq, digest2, attempt);
    for (const { key, seq } of head.keys) rememberKey(stream2, key, seq);
  };
  return {
    apply(kept, at, isRestated = false) {
      if (kept.kind === "received") received2(kept.head, at, isRestated);
      else if (kept.kind === "started") {
        const incoming = messages.get(incomingKey(kept.head.from, kept.head.stream, kept.head.seq));
        if (incoming === void 0) return;
        incoming.attempt = Math.max(incoming.attempt, kept.head.attempt);
        incoming.starts++;
      } else if (kept.kind === "completed") completed2(kept.head);
      else if (kept.kind === "put") put2(kept.head);
      else if (kept.kind === "passed") passed2(kept.head);
      else if (kept.kind === "stream") restated(kept.head);
      else if (kept.kind === "streamForgotten") {
        const key = streamKey(kept.head.from, kept.head.stream);
        const stream2 = streams.get(key);
        if (stream2 === void 0) return;
        streams.delete(key);
        const siblings = streamsOf.get(fromKey(kept.head.from));
        siblings?.delete(stream2);
        if (siblings?.size === 0) streamsOf.delete(fromKey(kept.head.from));
      } else if (kept.kind === "positions")
        cursor.begin(
          kept.head.generation,
          kept.head.settled.map(([first = 1, last = 0]) => [first, last])
        );
    },
    reset(arrival) {
      for (const all of [messages, streams, streamsOf, held, index, busy, putBack, tally]) all.clear();
      releases = [];
      arrivals = arrival;
    },
    restate: () => restateInbox({ streams, messages: messages.values(), cursor }),
    holds: (at) => held.has(place(at)),
    takeReleases() {
      const taken2 = releases;
      releases = [];
      return taken2;
    },
    judge(arrival, nowMs) {
      const stream2 = streams.get(streamKey(arrival.from, arrival.stream));
      const known = stream2?.pending.get(arrival.seq);
      if (known !== void 0) return equalBytes(known, arrival.digest) ? input.defences.dedupe ? "pending" : "new" : "conflict";
      if (stream2?.settled.has(arrival.seq) && input.defences.dedupe) {
        const remembered = stream2.digests.get(arrival.seq);
        return remembered !== void 0 && !equalBytes(remembered.digest, arrival.digest) ? "conflict" : "settled";
      }
      if (arrival.expiresAtMs <= nowMs) return "expired";
      if (stream2 === void 0 && hasTooManyStreams(arrival.from)) return "too-busy";
      if (stream2 !== void 0 && hasTooManyRuns(stream2, arrival.seq)) return "too-busy";
      return arrival.head === void 0 || fits(arrival, messages.get(incomingKey(arrival.from, arrival.stream, arrival.seq - arrival.head.part))) ? "new" : "malformed";
    },
    find: (key) => messages.get(key),
    completedAttempt(from, stream2, seq) {
      const state = streams.get(streamKey(from, stream2));
      return state?.settled.has(seq) ? state.digests.get(seq)?.attempt : void 0;
    },
    listed: (box, afterArrival, limit = Number.POSITIVE_INFINITY) => index.after(box, afterArrival, limit),
    answersTo: (id) => index.answersTo(id),
    next(nowMs, accepts) {
      let atMs = Number.POSITIVE_INFINITY;
      let best;
      for (const incoming of candidates()) {
        if (incoming.claim !== void 0 || incoming.committing || incoming.twinOf !== void 0) continue;
        if (best !== void 0 && best.arrival < incoming.arrival || !accepts(incoming)) continue;
        const stream2 = streamFor(incoming.from, incoming.stream);
        const startMs = Math.max(
          withoutJump(nowMs, incoming.notBeforeMs, limits.retryMaxMs),
          withoutJump(nowMs, startsAtMs(stream2, incoming, limits.holeWaitMs), limits.holeWaitMs)
        );
        if (startMs <= nowMs) best = incoming;
        else atMs = Math.min(atMs, startMs);
      }
      return best === void 0 ? { atMs } : { incoming: best };
    },
    twins: (incoming) => index.twinsOf(incoming),
    lateTwins: () => [...index.twins()].filter((each) => !each.committing && (each.twinOf === each || !messages.has(each.twinOf?.key ?? ""))),
    nextArrival: () => ++arrivals,
    get lastArrival() {
      return arrivals;
    },
    due(nowMs, provenMs) {
      const expired = [];
      const records = [];
      let nextMs = Number.POSITIVE_INFINITY;
      for (const incoming of messages.values()) {
        if (incoming.box === "failed" || incoming.claim !== void 0 || incoming.committing) continue;
        const { expiresAtMs } = headOf(incoming);
        if (expiresAtMs > nowMs) nextMs = Math.min(nextMs, expiresAtMs);
        else if (isWhole(incoming)) expired.push(incoming);
        else
          records.push({
            kind: "passed",
            head: {
              from: incoming.from,
              stream: incoming.stream,
              seq: incoming.seq,
              digest: digestOf(incoming),
              expiresAtMs,
              generation: cursor.generation,
              position: 0
            }
          });
      }
      for (const stream2 of streams.values()) {
        const forgetMs = stream2.maxExpiryMs + limits.forgetStreamMs;
        if (stream2.messages.length > 0) continue;
        if (forgetMs > nowMs) nextMs = Math.min(nextMs, forgetMs);
        else if (forgetMs <= provenMs) records.push({ kind: "streamForgotten", head: { from: stream2.from, stream: stream2.stream } });
      }
      return { expired, records, nextMs };
    },
    boxOf(from, stream2, seq) {
      const state = streams.get(streamKey(from, stream2));
      return state === void 0 ? void 0 : messageOf(state, seq)?.box;
    },
    requested: (from) => tally.held(from),
    get waiting() {
      return index.size("contacts");
    },
    get requests() {
      return index.size("requests");
    },
    get failed() {
      return index.size("failed");
    }
  };
}
function withoutJump(nowMs, untilMs, longestMs) {
  return Number.isFinite(untilMs) && untilMs > nowMs + longestMs ? 0 : untilMs;
}
function fits(arrival, message) {
  const head = arrival.head;
  if (head === void 0) return false;
  if (head.parts < 1 || head.parts > MAX_PARTS || head.part >= head.parts || arrival.seq <= head.part) return false;
  if (head.parts !== Math.max(1, Math.ceil(head.wholeBytes / PART_BYTES))) return false;
  return message === void 0 || sameMessage(headOf(message).head, head);
}

// packages/perdure/src/protocol/delivery/mailbox-cursor.ts
function createMailboxCursor(defences) {
  let generation2 = new Uint8Array(GENERATION_BYTES);
  let settled = createIntervalSet();
  let untold = createIntervalSet();
  const positions2 = /* @__PURE__ */ new Map();
  let known = createIntervalSet();
  let toldFloor = 0;
  const isCurrent = (other) => equalBytes(other, generation2);
  const floorOf = () => {
    if (defences.floor) return settled.firstMissing(1) - 1;
    return settled.ranges.at(-1)?.[1] ?? 0;
  };
  const settle2 = (first, last) => {
    settled.add(first, last);
    known.add(first, last);
    untold.add(first, last);
  };
  return {
    get generation() {
      return generation2;
    },
    get settled() {
      return settled.ranges;
    },
    begin(next, ranges) {
      if (!isCurrent(next)) {
        generation2 = next;
        settled = createIntervalSet();
        untold = createIntervalSet();
        known = createIntervalSet();
        positions2.clear();
        toldFloor = 0;
      }
      for (const [first, last] of ranges) settle2(first, last);
    },
    hold(of, position2, seqKey) {
      if (!isCurrent(of) || settled.has(position2)) return;
      known.add(position2);
      const held = positions2.get(seqKey);
      if (held === void 0) positions2.set(seqKey, [position2]);
      else if (!held.includes(position2)) held.push(position2);
    },
    settleSeq(seqKey) {
      for (const position2 of positions2.get(seqKey) ?? []) settle2(position2, position2);
      positions2.delete(seqKey);
    },
    settlePosition(of, position2) {
      if (isCurrent(of) && position2 > 0) settle2(position2, position2);
    },
    relaySettled(of, floor) {
      if (!isCurrent(of) || floor < 1) return;
      settled.add(1, floor);
      known.add(1, floor);
      toldFloor = Math.max(toldFloor, floor);
    },
    attach() {
      toldFloor = 0;
      untold = createIntervalSet(settled.ranges);
    },
    positionOf: (seqKey) => Math.max(0, ...positions2.get(seqKey) ?? []),
    have: () => ({ generation: generation2, position: known.firstMissing(1) - 1 }),
    take() {
      const floor = floorOf();
      const ranges = untold.ranges.filter(([first]) => first > floor);
      if (ranges.length === 0 && floor <= toldFloor) return void 0;
      const said = ranges.slice(0, MAX_SETTLE_RANGES);
      toldFloor = Math.max(toldFloor, floor);
      untold = createIntervalSet(ranges.slice(MAX_SETTLE_RANGES));
      return { generation: generation2, floor, ranges: said };
    }
  };
}

// packages/perdure/src/wire/statement.ts
var PEER_LEAF_MESSAGES = 64;
var storedLeaf = shape("stored leaf", {
  sender: fixed(32),
  link: fixed(LINK_BYTES),
  firstSeq: uint,
  lastSeq: uint,
  contents: fixed(32)
});
var statement = shape("statement", {
  version: uint,
  relayId: fixed(32),
  /** From 1, gapless. */
  number: uint,
  /** SHA-256 of the previous statement's bytes; 32 zero bytes before the first. */
  previous: fixed(32),
  timeMs: uint,
  leafCount: uint,
  root: fixed(32),
  extensions: extensions()
});
var statementProof = shape("statement proof", {
  statement: bytes(1024),
  signature: fixed(64),
  leaf: bytes(256),
  leafIndex: uint,
  path: list(fixed(32), 32),
  /**
   * Envelope digests of the leaf, in link order: with them a sender finds its own mail in the leaf of the relay that passed it
   * on. Empty for a leaf of the reader's own link.
   */
  digests: bytes(16 * PEER_LEAF_MESSAGES),
  /**
   * Who wrote each (32 bytes): from the relay that stored them to the one that passed them on, which may have been restarted
   * since. Empty in what a writer gets.
   */
  writers: bytes(32 * PEER_LEAF_MESSAGES)
});
var notice = shape("notice", {
  version: uint,
  relayId: fixed(32),
  /** 0 expired before it was settled, 1 lost by damage of the relay's disk. */
  outcome: uint,
  to: fixed(32),
  stream: fixed(8),
  seq: uint,
  digest: fixed(16),
  timeMs: uint,
  extensions: extensions()
});
var NOTICE_OUTCOMES = ["expired", "lost"];
var signedNotice = shape("signed notice", { notice: bytes(1024), signature: fixed(64) });

// packages/perdure/src/wire/kept-relay.ts
var agentId4 = fixed(32);
var link2 = fixed(LINK_BYTES);
var range = list(uint, 2);
var KEPT_RANGES = 512;
var LEAF_MESSAGES = 1024;
var STATEMENT_LEAVES = 256;
var KEPT_REFUSALS = MAX_LINK_REFUSALS;
var keptStart = shape("start", { generation: fixed(GENERATION_BYTES), atMs: uint });
var AGENT_STANDINGS = ["open", "frozen", "retired"];
var keptRegistration = shape(
  "registration",
  {
    agentId: agentId4,
    name: optional(text(32)),
    recordVersion: uint,
    standing: choice(...AGENT_STANDINGS),
    /** An encoded identity bundle, verified when it came. */
    bundle: bytes(MAX_CONTROL_BYTES)
  },
  MAX_CONTROL_BYTES + 1024
);
var keptRefusal = shape("refusal", { sender: agentId4, link: link2, linkSeq: uint });
var keptEpoch = shape("epoch", { agentId: agentId4, epoch: uint });
var keptSettled = shape("settled", { agentId: agentId4, ranges: list(range, KEPT_RANGES) });
var ENDINGS = ["expired", "lost"];
var keptEnding = shape("ending", { agentId: agentId4, position: uint, ending: choice(...ENDINGS) });
var keptStatement = shape(
  "kept statement",
  {
    statement: bytes(1024),
    signature: fixed(64),
    leaves: list(bytes(256), STATEMENT_LEAVES)
  },
  STATEMENT_LEAVES * 256 + 4096
);
var keptMailbox = shape("mailbox", { agentId: agentId4, nextPosition: uint, epoch: uint });
var keptLink = shape("kept link", { sender: agentId4, link: link2, upTo: uint, refused: list(uint, KEPT_REFUSALS) });
var keptPending = shape("pending leaf", {
  sender: agentId4,
  link: link2,
  firstSeq: uint,
  lastSeq: uint,
  refused: list(uint, KEPT_REFUSALS),
  digests: bytes(LEAF_MESSAGES * 16),
  /** Who wrote each, 32 bytes, when the sender is another relay. */
  writers: bytes(PEER_LEAF_MESSAGES * 32)
});
var keptHead = shape("statement head", { number: uint, hash: fixed(32) });
var MAX_KEPT_PROOF_BYTES = 4096;
var keptProof = shape("kept proof", { sender: agentId4, number: uint, proof: bytes(MAX_KEPT_PROOF_BYTES) });
var keptPeer = shape(
  "kept peer",
  { relayId: agentId4, urls: list(text(512), 4), bundle: bytes(16 * 1024), seenAtMs: uint },
  24 * 1024
);
var keptContacts = shape("kept contacts", {
  agentId: agentId4,
  version: uint,
  open: flag,
  contacts: bytes(CONTACT_ENTRY_BYTES * MAX_LISTED_CONTACTS),
  blocked: bytes(8 * MAX_LISTED_CONTACTS)
});
var keptTicket = shape("ticket", { hash: fixed(32), expiresAtMs: uint, usesLeft: uint });
var keptBan = shape("ban", { agentId: agentId4, banned: flag, why: text(256), atMs: uint });
var keptPass = shape("pass", { agentId: agentId4, instanceKey: fixed(32), given: uint, confirmed: flag, clonedAtMs: uint });
var keptPassKey = shape("pass key", { key: fixed(32) });
var keptDoors = shape("doors", { tickets: uint, bans: uint });
var keptRoutes = shape("routes", { floor: uint, peers: uint });
var RELAY_RECORDS = {
  start: [2, keptStart],
  registration: [3, keptRegistration],
  refusal: [4, keptRefusal],
  epoch: [5, keptEpoch],
  settled: [6, keptSettled],
  ending: [7, keptEnding],
  statement: [8, keptStatement],
  mailbox: [9, keptMailbox],
  link: [10, keptLink],
  pending: [11, keptPending],
  head: [12, keptHead],
  proof: [13, keptProof],
  peer: [16, keptPeer],
  contacts: [17, keptContacts],
  ticket: [18, keptTicket],
  ban: [19, keptBan],
  doors: [20, keptDoors],
  routes: [21, keptRoutes],
  pass: [22, keptPass],
  passKey: [23, keptPassKey]
};
var KIND_OF = new Map(Object.entries(RELAY_RECORDS).map(([kind, [number2]]) => [number2, kind]));

// packages/perdure/src/wire/evidence.ts
var EVIDENCE_KINDS = ["bundle", "stored", "notice", "receipt", "conflict"];
var MAX_ITEM_BYTES = 512 * 1024;
var MAX_CONFLICTS = 16;
var MAX_EVIDENCE_ITEMS = 4 * MAX_STEP_EVIDENCE + 3 * MAX_CONFLICTS;
var MAX_EVIDENCE_BYTES = 8 * 1024 * 1024;
var EVIDENCE_FORMAT = "perdure evidence";
var evidenceItem = shape(
  "evidence item",
  { kind: choice(...EVIDENCE_KINDS), content: bytes(MAX_ITEM_BYTES - 16) },
  MAX_ITEM_BYTES
);
var storedProof = shape(
  "stored proof",
  { proof: bytes(4096), digests: bytes(DIGEST_BYTES * LEAF_MESSAGES) },
  DIGEST_BYTES * LEAF_MESSAGES + 8192
);
var signedReceipt = shape(
  "signed receipt",
  {
    /** An encoded `inner signature`. */
    said: bytes(512),
    signature: fixed(64),
    /** Head length, head, content and padding. */
    plaintext: bytes(MAX_ENVELOPE_BODY_BYTES)
  },
  MAX_ENVELOPE_BODY_BYTES + 1024
);
var statementConflict = shape("conflict of statements", {
  first: bytes(1024),
  firstSignature: fixed(64),
  second: bytes(1024),
  secondSignature: fixed(64)
});
var evidenceStep = shape("evidence step", {
  state: choice(...DELIVERY_STATES),
  atMs: uint,
  /** Who says so; empty for the sender itself. */
  by: bytes(AGENT_ID_BYTES),
  proof: choice(...PROOF_KINDS),
  /** Places in `items` of what proves it; the signer's bundle among them. */
  items: list(uint, MAX_STEP_EVIDENCE)
});
var evidence2 = shape(
  "evidence",
  {
    format: text(32),
    version: uint,
    from: fixed(AGENT_ID_BYTES),
    /** Empty when the recipient was never found out. */
    to: bytes(AGENT_ID_BYTES),
    /** The name it was sent to, without its first `@`; empty for none. */
    toName: text(300),
    stream: fixed(STREAM_BYTES),
    /** First part of the message; the others follow without a gap. */
    seq: uint,
    /** Digests of the envelopes of all parts; empty before they were sealed. */
    digests: bytes(DIGEST_BYTES * MAX_PARTS),
    sentAtMs: uint,
    expiresAtMs: uint,
    steps: list(evidenceStep.field, 32),
    /** Encoded evidence items, sorted by their SHA-256. */
    items: list(bytes(MAX_ITEM_BYTES), MAX_EVIDENCE_ITEMS),
    /** Places in `items` of conflicts of statements that the sender holds. */
    conflicts: list(uint, MAX_CONFLICTS),
    extensions: extensions()
  },
  MAX_EVIDENCE_BYTES
);
var signedEvidence = shape(
  "signed evidence",
  { evidence: bytes(MAX_EVIDENCE_BYTES), signature: fixed(64) },
  MAX_EVIDENCE_BYTES + MAX_CONTROL_BYTES
);

// packages/perdure/src/protocol/delivery/evidence-shelf.ts
var HASH_BYTES = 32;
function createEvidenceShelf({ hold, release }) {
  const items = /* @__PURE__ */ new Map();
  const unnamed = /* @__PURE__ */ new Set();
  const conflicts = [];
  const early = /* @__PURE__ */ new Map();
  const count = (hash2, by) => {
    const key = hex(hash2);
    const held = items.get(key);
    if (held === void 0) {
      const names = (early.get(key) ?? 0) + by;
      if (names > 0) early.set(key, names);
      else early.delete(key);
      return;
    }
    held.names += by;
    if (held.names > 0) unnamed.delete(key);
    else unnamed.add(key);
  };
  const each = (hashes, by) => {
    for (let at = 0; at + HASH_BYTES <= hashes.length; at += HASH_BYTES) count(hashes.subarray(at, at + HASH_BYTES), by);
  };
  return {
    keep(hash2, at) {
      const key = hex(hash2);
      if (at === void 0) return;
      const before = items.get(key);
      if (before !== void 0) {
        release(before.at);
        before.at = hold(at);
        return;
      }
      const names = early.get(key) ?? 0;
      early.delete(key);
      items.set(key, { hash: hash2.slice(), at: hold(at), names });
      if (names === 0) unnamed.add(key);
    },
    conflict(head) {
      const isKnown2 = conflicts.some((held) => held.number === head.number && hex(held.relayId) === hex(head.relayId));
      if (isKnown2 || conflicts.length >= MAX_CONFLICTS) return;
      conflicts.push(head);
      count(head.hash, 1);
      count(head.bundle, 1);
    },
    name: (hashes) => each(hashes, 1),
    unname: (hashes) => each(hashes, -1),
    sweep() {
      for (const key of unnamed) {
        const held = items.get(key);
        items.delete(key);
        if (held !== void 0) release(held.at);
      }
      unnamed.clear();
    },
    clear() {
      for (const map of [items, unnamed, early]) map.clear();
      conflicts.length = 0;
    },
    has: (hash2) => items.has(hex(hash2)),
    at: (hash2) => items.get(hex(hash2))?.at,
    in: (segment) => [...items.values()].filter(({ at }) => at.segment === segment),
    conflicts,
    restate: () => [
      ...[...items.values()].map(({ hash: hash2, at }) => ({ kept: { kind: "evidence", head: { hash: hash2 } }, restated: at })),
      ...conflicts.map((head) => ({ kept: { kind: "conflict", head } }))
    ]
  };
}

// packages/perdure/src/protocol/delivery/outgoing.ts
var MAX_LATE_STEPS = 8;
function isSealed(outgoing) {
  return outgoing.parts.every((part2) => part2.bytes > 0);
}
function mayHaveLeft(outgoing) {
  return outgoing.parts.some((part2) => part2.acked || part2.uncertain || part2.flights > 0);
}
function openBytes(outgoing) {
  return outgoing.head.wholeBytes;
}
function isNewProof(outgoing, { state, proof: proof2, by }) {
  if (proof2 === "none" || isTerminal(state) || outgoing.late.length >= MAX_LATE_STEPS) return false;
  const known = (each) => each.state === state && each.proof !== "none" && equalBytes(each.by, by);
  return !outgoing.steps.some(known) && !outgoing.late.some(known);
}
function trailOf({ steps, late }) {
  return late.length === 0 ? steps : [...steps, ...late].sort((a, b) => rank(a.state) - rank(b.state));
}

// packages/perdure/src/protocol/delivery/send-queue.ts
function createSendQueue() {
  let waiting = /* @__PURE__ */ new Set();
  const later = /* @__PURE__ */ new Map();
  const flying = /* @__PURE__ */ new Set();
  const resting = /* @__PURE__ */ new Set();
  let restUntilMs = Number.NEGATIVE_INFINITY;
  let earliestMs = Number.POSITIVE_INFINITY;
  const dropped = /* @__PURE__ */ new WeakSet();
  let listener = () => {
  };
  return {
    ready(part2) {
      if (!part2.acked && !dropped.has(part2)) waiting.add(part2);
    },
    next() {
      if (restUntilMs !== Number.NEGATIVE_INFINITY) return void 0;
      for (const part2 of waiting) return part2;
      return void 0;
    },
    sent(part2) {
      waiting.delete(part2);
      later.delete(part2);
      resting.delete(part2);
      part2.flights++;
      flying.add(part2);
    },
    sentAgain(part2) {
      waiting.delete(part2);
      later.delete(part2);
      resting.delete(part2);
      part2.flights++;
      flying.add(part2);
    },
    landed(part2, acked) {
      part2.flights = Math.max(0, part2.flights - 1);
      if (part2.flights === 0) flying.delete(part2);
      if (acked) {
        part2.acked = true;
        resting.delete(part2);
        waiting.delete(part2);
        later.delete(part2);
      }
      listener(part2);
    },
    putOff(part2, untilMs) {
      if (part2.acked || part2.flights > 0 || dropped.has(part2)) return;
      waiting.delete(part2);
      later.set(part2, untilMs);
      earliestMs = Math.min(earliestMs, untilMs);
    },
    rest(part2, untilMs) {
      restUntilMs = Math.max(restUntilMs, untilMs);
      if (part2.acked || part2.flights > 0 || dropped.has(part2)) return;
      waiting.delete(part2);
      resting.add(part2);
    },
    wake(nowMs) {
      if (restUntilMs > nowMs) return restUntilMs;
      restUntilMs = Number.NEGATIVE_INFINITY;
      if (resting.size > 0) {
        waiting = /* @__PURE__ */ new Set([...resting, ...waiting]);
        resting.clear();
      }
      if (later.size === 0) earliestMs = Number.POSITIVE_INFINITY;
      if (earliestMs > nowMs) return earliestMs;
      earliestMs = Number.POSITIVE_INFINITY;
      for (const [part2, untilMs] of later) {
        if (untilMs > nowMs) {
          earliestMs = Math.min(earliestMs, untilMs);
          continue;
        }
        later.delete(part2);
        waiting.add(part2);
      }
      return earliestMs;
    },
    linkLost() {
      for (const part2 of flying) {
        part2.flights = 0;
        part2.uncertain = true;
        if (!part2.acked && !dropped.has(part2)) waiting.add(part2);
        listener(part2);
      }
      flying.clear();
    },
    drop(part2) {
      dropped.add(part2);
      resting.delete(part2);
      waiting.delete(part2);
      later.delete(part2);
    },
    clear() {
      for (const parts of [waiting, later, flying, resting]) parts.clear();
    },
    onLanded(next) {
      listener = next;
    }
  };
}

// packages/perdure/src/protocol/delivery/outbox.ts
var MAX_ENDED = 4096;
var MAX_STREAMS = 16384;
var NO_DIGEST = new Uint8Array(16);
function createOutbox(input) {
  const { limits } = input;
  const messages = /* @__PURE__ */ new Map();
  const parts = /* @__PURE__ */ new Map();
  const requests = /* @__PURE__ */ new Map();
  const streams = /* @__PURE__ */ new Map();
  const openByStream = /* @__PURE__ */ new Map();
  const nextByStream = /* @__PURE__ */ new Map();
  const unsealed = /* @__PURE__ */ new Map();
  const ended = /* @__PURE__ */ new Set();
  const openReceipts = /* @__PURE__ */ new Set();
  const held = /* @__PURE__ */ new Set();
  const digests = /* @__PURE__ */ new Map();
  const queue = createSendQueue();
  let releases = [];
  let reserved = [];
  let openMail = 0;
  let openMailBytes = 0;
  const place = (at) => `${at.segment}:${at.offset}`;
  const hold = (at) => {
    held.add(place(at));
    return at;
  };
  const release = (at) => {
    if (at !== void 0 && held.delete(place(at))) releases.push(at);
    return void 0;
  };
  const shelf = createEvidenceShelf({ hold, release });
  const isOpen = (outgoing) => !isTerminal(outgoing.state);
  const slim = (outgoing) => {
    const over = isTerminal(outgoing.state);
    const kept = !over && rank(outgoing.state) < rank("stored");
    for (const part2 of outgoing.parts) {
      if (over || part2.bytes > 0) part2.plain = release(part2.plain);
      if (!kept && part2.flights === 0) part2.envelope = release(part2.envelope);
    }
  };
  const queued2 = (head) => {
    const id = messageIdText(head.stream, head.seq);
    if (messages.has(id)) return;
    const list2 = [];
    const outgoing = { id, head, recipient: recipientOf(head), parts: list2, steps: [], late: [], state: "queued", trouble: "" };
    for (let index = 0; index < head.parts; index++) {
      const part2 = {
        seq: head.seq + index,
        of: outgoing,
        plain: void 0,
        envelope: void 0,
        digest: NO_DIGEST,
        to: EMPTY,
        bytes: 0,
        flights: 0,
        acked: false,
        uncertain: false,
        refusals: 0
      };
      list2.push(part2);
      parts.set(messageIdText(head.stream, part2.seq), part2);
    }
    outgoing.steps.push({
      stream: head.stream,
      seq: head.seq,
      state: "queued",
      atMs: head.sentAtMs,
      by: EMPTY,
      proof: "none",
      detail: "",
      evidence: EMPTY
    });
    messages.set(id, outgoing);
    if (head.requestId.length > 0) requests.set(hex(head.requestId), outgoing);
    const streamKey2 = hex(head.stream);
    const open = openByStream.get(streamKey2) ?? /* @__PURE__ */ new Set();
    openByStream.set(streamKey2, open.add(head.seq));
    const end = head.seq + head.parts;
    nextByStream.set(streamKey2, Math.max(nextByStream.get(streamKey2) ?? 1, end));
    const stream2 = streams.get(outgoing.recipient);
    if (stream2 !== void 0 && equalBytes(stream2.bytes, head.stream)) stream2.committed = Math.max(stream2.committed, end);
    const waiting = unsealed.get(outgoing.recipient) ?? /* @__PURE__ */ new Set();
    unsealed.set(outgoing.recipient, waiting.add(outgoing));
    if (head.class === "mail") {
      openMail++;
      openMailBytes += openBytes(outgoing);
    } else openReceipts.add(outgoing);
  };
  const close = (outgoing) => {
    openByStream.get(hex(outgoing.head.stream))?.delete(outgoing.head.seq);
    const waiting = unsealed.get(outgoing.recipient);
    waiting?.delete(outgoing);
    if (waiting?.size === 0) unsealed.delete(outgoing.recipient);
    for (const part2 of outgoing.parts) queue.drop(part2);
    openReceipts.delete(outgoing);
    if (outgoing.head.class === "mail") {
      openMail--;
      openMailBytes -= openBytes(outgoing);
    }
  };
  const step2 = (head) => {
    const outgoing = messages.get(messageIdText(head.stream, head.seq));
    if (outgoing === void 0) return;
    if (!rises(outgoing.state, head.state)) {
      if (!isNewProof(outgoing, head)) return;
      shelf.name(head.evidence);
      (outgoing.state === head.state ? outgoing.steps : outgoing.late).push(head);
      return;
    }
    shelf.name(head.evidence);
    const wasOpen = isOpen(outgoing);
    outgoing.state = head.state;
    outgoing.trouble = "";
    outgoing.steps.push(head);
    if (wasOpen && !isOpen(outgoing)) {
      close(outgoing);
      ended.add(outgoing);
    }
    if (rank(head.state) >= rank("accepted")) for (const part2 of outgoing.parts) queue.drop(part2);
    slim(outgoing);
  };
  const sealed2 = (head, at) => {
    const part2 = parts.get(messageIdText(head.stream, head.seq));
    if (part2 === void 0 || part2.bytes > 0) return;
    part2.digest = head.digest;
    part2.to = head.to;
    digests.set(hex(head.digest), part2);
    part2.bytes = head.bytes;
    if (isOpen(part2.of)) {
      part2.envelope = at === void 0 ? void 0 : hold(at);
      if (at !== void 0 && rank(part2.of.state) < rank("accepted")) queue.ready(part2);
    }
    if (isSealed(part2.of)) {
      const waiting = unsealed.get(part2.of.recipient);
      waiting?.delete(part2.of);
      if (waiting?.size === 0) unsealed.delete(part2.of.recipient);
    }
    slim(part2.of);
  };
  const forget = (id) => {
    const outgoing = messages.get(id);
    if (outgoing === void 0) return;
    if (isOpen(outgoing)) close(outgoing);
    messages.delete(id);
    ended.delete(outgoing);
    requests.delete(hex(outgoing.head.requestId));
    for (const { evidence: evidence3 } of [...outgoing.steps, ...outgoing.late]) shelf.unname(evidence3);
    for (const part2 of outgoing.parts) {
      if (digests.get(hex(part2.digest)) === part2) digests.delete(hex(part2.digest));
      parts.delete(messageIdText(outgoing.head.stream, part2.seq));
      release(part2.plain);
      if (part2.flights === 0) release(part2.envelope);
    }
    const streamKey2 = hex(outgoing.head.stream);
    if (openByStream.get(streamKey2)?.size === 0 && !equalBytes(streams.get(outgoing.recipient)?.bytes ?? EMPTY, outgoing.head.stream)) {
      openByStream.delete(streamKey2);
      nextByStream.delete(streamKey2);
    }
  };
  const forgetOldStream = () => {
    if (streams.size < MAX_STREAMS) return;
    for (const [recipient, { bytes: bytes2, reserved: given, committed }] of streams) {
      const key = hex(bytes2);
      if (given !== committed || (openByStream.get(key)?.size ?? 0) > 0) continue;
      for (const map of [openByStream, nextByStream]) map.delete(key);
      streams.delete(recipient);
      return;
    }
  };
  queue.onLanded((part2) => {
    if (!parts.has(messageIdText(part2.of.head.stream, part2.seq))) part2.envelope = release(part2.envelope);
    else slim(part2.of);
  });
  return {
    queue,
    apply(kept, at) {
      if (kept.kind === "queued") queued2(kept.head);
      else if (kept.kind === "part") {
        const part2 = parts.get(messageIdText(kept.head.stream, kept.head.seq));
        if (part2 !== void 0 && at !== void 0 && part2.bytes === 0 && isOpen(part2.of)) part2.plain = hold(at);
      } else if (kept.kind === "sealed") sealed2(kept.head, at);
      else if (kept.kind === "step") step2(kept.head);
      else if (kept.kind === "evidence") shelf.keep(kept.head.hash, at);
      else if (kept.kind === "conflict") shelf.conflict(kept.head);
      else if (kept.kind === "forgotten") forget(messageIdText(kept.head.stream, kept.head.seq));
    },
    replayed() {
      for (const part2 of parts.values()) if (part2.bytes > 0) part2.uncertain = true;
    },
    reset() {
      for (const map of [messages, parts, requests, streams, openByStream, nextByStream, unsealed, ended, openReceipts, held, digests])
        map.clear();
      shelf.clear();
      queue.clear();
      releases = [];
      openMail = 0;
      openMailBytes = 0;
    },
    restate() {
      const records = [...shelf.restate()];
      for (const outgoing of messages.values()) {
        const { stream: stream2 } = outgoing.head;
        records.push({ kept: { kind: "queued", head: outgoing.head } });
        for (const part2 of outgoing.parts) {
          if (part2.plain !== void 0) records.push({ kept: { kind: "part", head: { stream: stream2, seq: part2.seq } }, restated: part2.plain });
          if (part2.bytes > 0) {
            const kept = { kind: "sealed", head: { stream: stream2, seq: part2.seq, to: part2.to, digest: part2.digest, bytes: part2.bytes } };
            records.push(part2.envelope === void 0 ? { kept } : { kept, restated: part2.envelope });
          }
        }
        for (const head of [...outgoing.steps.slice(1), ...outgoing.late]) records.push({ kept: { kind: "step", head } });
      }
      return records;
    },
    holds: (at) => held.has(place(at)),
    takeReleases() {
      shelf.sweep();
      const taken2 = releases;
      releases = [];
      return taken2;
    },
    reserve(recipient, count) {
      let stream2 = streams.get(recipient);
      if (stream2 === void 0) {
        forgetOldStream();
        stream2 = { bytes: input.drawStream(), reserved: 1, committed: 1 };
        streams.set(recipient, stream2);
      }
      const seq = stream2.reserved;
      stream2.reserved += count;
      reserved.push({ stream: stream2, seq });
      return { stream: stream2.bytes, seq };
    },
    get reservations() {
      return reserved.length;
    },
    unreserve(count) {
      for (const { stream: stream2, seq } of reserved.splice(count).reverse()) stream2.reserved = Math.max(seq, stream2.committed);
    },
    keepReservations() {
      reserved = [];
    },
    hasRoom: (bytes2) => openMail < limits.outboxMessages && openMailBytes + bytes2 <= limits.outboxBytes,
    find: (id) => messages.get(id),
    ofPart: (stream2, seq) => parts.get(messageIdText(stream2, seq))?.of,
    byDigest: (digest2) => digests.get(hex(digest2)),
    evidence: shelf,
    byRequest: (requestIdHex) => requests.get(requestIdHex),
    all: () => messages.values(),
    unsealed: (recipient) => [...unsealed.get(recipient) ?? []],
    unsealedRecipients: () => [...unsealed.keys()],
    floor(stream2) {
      const key = hex(stream2);
      const [first] = openByStream.get(key) ?? [];
      return first ?? nextByStream.get(key) ?? 1;
    },
    get openMessages() {
      return openMail;
    },
    due(nowMs) {
      const records = [];
      let nextMs = Number.POSITIVE_INFINITY;
      for (const outgoing of messages.values()) {
        const { head } = outgoing;
        const { stream: stream2, seq } = head;
        const verdict = (state, detail) => {
          records.push({ kind: "step", head: { stream: stream2, seq, state, atMs: nowMs, by: EMPTY, proof: "none", detail, evidence: EMPTY } });
        };
        const neverSent = !mayHaveLeft(outgoing);
        const dueMs = !isOpen(outgoing) ? head.expiresAtMs + limits.forgetStreamMs : head.class === "receipt" || neverSent ? head.expiresAtMs : head.expiresAtMs + limits.unconfirmedAfterMs;
        if (nowMs < dueMs) nextMs = Math.min(nextMs, dueMs);
        else if (!isOpen(outgoing) || head.class === "receipt") records.push({ kind: "forgotten", head: { stream: stream2, seq } });
        else if (neverSent) verdict("expired", "no relay took it in time");
        else verdict("unconfirmed", "nothing final was heard by expiry");
      }
      for (const [over, most] of [
        [ended, MAX_ENDED],
        [openReceipts, limits.outboxMessages]
      ]) {
        let surplus = over.size - most;
        for (const outgoing of over) {
          if (surplus-- <= 0) break;
          records.push({ kind: "forgotten", head: { stream: outgoing.head.stream, seq: outgoing.head.seq } });
        }
      }
      return { records, nextMs };
    }
  };
}
function recipientOf(head) {
  return head.toName === "" ? hex(head.to) : `@${head.toName}`;
}

// packages/perdure/src/agent/addresses.ts
var AT_ONCE = 4;
var PER_HOUR = 120;
var HOUR_MS = 60 * 60 * 1e3;
function createAddresses({ host, settings, peers, homes, ownRelayUrl, lookups, relayNames, isContact }) {
  const { clock, log } = host;
  const running = /* @__PURE__ */ new Map();
  let triedSinceMs = 0;
  let tried = /* @__PURE__ */ new Set();
  const claimOf = (idRaw) => {
    const claims = peers.claims(idRaw);
    if (claims?.name === void 0 || claims.home === void 0) return void 0;
    const { name, home: home2 } = claims;
    const at = hostOfRelay(homes.isOwn(home2.relayId) ? ownRelayUrl : home2.url);
    return { name: homes.isOwn(home2.relayId) ? name : `${name}@${at}`, host: at, home: home2, address: `@${name}@${at}` };
  };
  const isProven = ({ name }, idRaw) => equalBytes(peers.named(name)?.idRaw ?? EMPTY, idRaw);
  const isKnown2 = ({ host: at, home: home2 }) => {
    const pinned = peers.relayNamed(at);
    const isFresh = pinned !== void 0 && clock.wallMs() < pinned.seenAtMs + settings.recordFreshMs;
    return homes.isOwn(home2.relayId) || isFresh && equalBytes(pinned.relayId, home2.relayId);
  };
  const find = async ({ name, host: at, home: home2 }) => {
    if (!homes.isOwn(home2.relayId)) {
      const publicOnly = !isLoopbackHost(hostOfRelay(ownRelayUrl));
      const there = await relayNames.find(at, { publicOnly });
      if (!equalBytes(there.relayId, home2.relayId)) return;
    }
    await lookups.resolve({ idRaw: EMPTY, name });
  };
  return {
    of(idRaw) {
      const claim = claimOf(idRaw);
      return claim !== void 0 && isProven(claim, idRaw) ? claim.address : void 0;
    },
    prove(idRaw) {
      const claim = claimOf(idRaw);
      const key = hex(idRaw);
      if (claim === void 0 || isProven(claim, idRaw) || !(isContact(idRaw) || isKnown2(claim))) return;
      const nowMs = clock.monotonicMs();
      if (nowMs >= triedSinceMs + Math.min(HOUR_MS, settings.recordFreshMs)) {
        triedSinceMs = nowMs;
        tried = /* @__PURE__ */ new Set();
      }
      if (tried.has(key) || tried.size >= PER_HOUR || running.size >= AT_ONCE) return;
      tried.add(key);
      const work = find(claim).catch(
        (error) => log.write("info", "agent.address-unproven", {
          from: agentIdText(idRaw),
          address: claim.address,
          code: isPerdureError(error) ? error.code : "internal"
        })
      ).finally(() => running.delete(key));
      running.set(key, work);
    },
    async idle() {
      await Promise.all(running.values());
    }
  };
}

// packages/perdure/src/agent/admission.ts
var SHARE_MESSAGES = 64;
var SHARE_BYTES = 16 * 1024 * 1024;
function createAdmission({ host, settings, book, guard, inbox, outbox, peers, requests, enabled }) {
  const planned = /* @__PURE__ */ new Map();
  const used = /* @__PURE__ */ new Map();
  const welcomed = /* @__PURE__ */ new Set();
  const asked = ({ from, head }) => {
    const ref = head.inReplyTo;
    const question = ref === void 0 ? void 0 : outbox.find(messageIdText(ref.stream, ref.seq));
    if (question === void 0 || question.head.class !== "mail") return false;
    const to = question.head.to.length > 0 ? question.head.to : peers.named(question.head.toName)?.idRaw;
    return to !== void 0 && equalBytes(to, from);
  };
  const requested = (mail) => {
    const { from, stream: stream2, seq, head } = mail;
    const firstSeq = seq - head.part;
    const id = messageIdText(stream2, firstSeq);
    if (inbox.boxOf(from, mail.stream, firstSeq) === "requests") return { kind: "take", box: "requests" };
    const mine = planned.get(hex(from)) ?? { messages: 0, bytes: 0, first: /* @__PURE__ */ new Map() };
    if (mine.first.has(id)) return { kind: "take", box: "requests" };
    const everybody = [...planned.values()].reduce(
      (sum, each) => ({ messages: sum.messages + each.messages, bytes: sum.bytes + each.bytes }),
      inbox.requested()
    );
    const sender = inbox.requested(from);
    const room = { messages: settings.mailboxMessages, bytes: settings.mailboxBytes };
    const strangers = shareOf(room, settings.strangersPercent);
    const one = shareOf(room, settings.senderPercent);
    const bytes2 = head.wholeBytes;
    if (sender.messages + mine.messages >= one.messages || sender.bytes + mine.bytes + bytes2 > one.bytes)
      return { kind: "refuse", code: "mailbox-full", why: "too much of this sender waits for its owner to take the sender in" };
    if (everybody.messages >= strangers.messages || everybody.bytes + bytes2 > strangers.bytes)
      return { kind: "refuse", code: "mailbox-full", why: "too much mail of strangers waits for its owner; send it again later" };
    mine.messages++;
    mine.bytes += bytes2;
    mine.first.set(id, { from, stream: stream2, seq: firstSeq });
    planned.set(hex(from), mine);
    return { kind: "take", box: "requests" };
  };
  const greeted = (mail, nowMs) => {
    const isContact = book.standing(mail.from) === "contact" || welcomed.has(hex(mail.from));
    const secret = mail.head.extensions.find(({ code }) => code === SEALED_EXTENSIONS.invite)?.bytes;
    const hash2 = secret?.length === INVITE_SECRET_BYTES ? host.crypto.hash.sha256(secret) : void 0;
    const uses = hash2 === void 0 ? 0 : used.get(hex(hash2)) ?? 0;
    const worth = hash2 === void 0 ? "unknown" : book.weighInvite(hash2, nowMs, uses);
    if (isContact) return { kind: "greeted", records: [] };
    if (hash2 !== void 0 && worth === "good") {
      used.set(hex(hash2), uses + 1);
      welcomed.add(hex(mail.from));
      const accepted = book.accepted(hash2, { idRaw: mail.from, name: mail.name }, nowMs, uses).map((kept) => ({ kept }));
      const earlier = [...planned.get(hex(mail.from))?.first.values() ?? []].map(requests.move);
      return { kind: "greeted", records: [...accepted, ...requests.letIn(({ from }) => equalBytes(from, mail.from)), ...earlier] };
    }
    if (worth === "used") return { kind: "refuse", code: "invite-used", why: "this invite was accepted as often as it may be" };
    if (worth === "expired") return { kind: "refuse", code: "expired", why: "this invite is no longer valid" };
    return requested(mail);
  };
  return {
    begin() {
      planned.clear();
      used.clear();
      welcomed.clear();
    },
    admit(mail, nowMs) {
      if (!enabled) return { kind: "take", box: "contacts" };
      const { from, head } = mail;
      const standing = book.standing(from);
      if (standing === "blocked") return { kind: "refuse", code: "blocked", why: "its owner does not want mail from this sender" };
      if (head.contentType === GREETING_CONTENT_TYPE) return greeted(mail, nowMs);
      if (asked(mail)) return { kind: "take", box: "contacts" };
      const held = head.depth >= COUNTED_DEPTH ? guard.pause(head.thread, from) : void 0;
      if (held !== void 0) return { kind: "refuse", code: "loop-paused", why: held.why };
      const begun = inbox.boxOf(from, mail.stream, mail.seq - head.part);
      if (begun === "contacts" || begun === "requests") return { kind: "take", box: begun };
      if (standing === "contact" || welcomed.has(hex(from)) || book.policy.strangers === "welcome")
        return { kind: "take", box: "contacts" };
      return requested(mail);
    }
  };
}
function shareOf(whole, percent) {
  const part2 = (all, least) => Math.min(all, Math.max(least, Math.floor(all * percent / 100)));
  return { messages: part2(whole.messages, SHARE_MESSAGES), bytes: part2(whole.bytes, SHARE_BYTES) };
}

// packages/perdure/src/store/log/crc32.ts
var TABLES = buildTables();
function crc32(bytes2, before = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let crc = ~before;
  let at = 0;
  for (const end = bytes2.length - 7; at < end; at += 8) {
    crc ^= byteAt(bytes2, at) | byteAt(bytes2, at + 1) << 8 | byteAt(bytes2, at + 2) << 16 | byteAt(bytes2, at + 3) << 24;
    crc = t7[crc & 255] ^ t6[crc >>> 8 & 255] ^ t5[crc >>> 16 & 255] ^ t4[crc >>> 24] ^ t3[byteAt(bytes2, at + 4)] ^ t2[byteAt(bytes2, at + 5)] ^ t1[byteAt(bytes2, at + 6)] ^ t0[byteAt(bytes2, at + 7)];
  }
  for (; at < bytes2.length; at++) crc = t0[(crc ^ byteAt(bytes2, at)) & 255] ^ crc >>> 8;
  return ~crc >>> 0;
}
function byteAt(bytes2, at) {
  return bytes2[at];
}
function buildTables() {
  const tables = Array.from({ length: 8 }, () => new Int32Array(256));
  const first = tables[0];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 3988292384 ^ crc >>> 1 : crc >>> 1;
    first[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    let crc = first[byte];
    for (let table = 1; table < 8; table++) {
      crc = first[crc & 255] ^ crc >>> 8;
      tables[table][byte] = crc;
    }
  }
  return tables;
}

// packages/perdure/src/store/log/segment-format.ts
var SEGMENT_HEADER_BYTES = 64;
var BATCH_HEADER_BYTES = 32;
var RECORD_HEADER_BYTES = 12;
var LOG_ID_BYTES = 8;
var FORMAT_VERSION = 1;
var BATCH_ALIGN = 32;
var SECTOR_BYTES = 512;
var BATCH_MAGIC = 1346519380;
var SEGMENT_MAGIC = utf8("prdlog\0\0");
var KIND_BYTES = 8;
var PADDING = 165;
var RECORD = 0;
var SNAPSHOT = 1;
var MANIFEST = 2;
function segmentName(segment) {
  return `${segment.toString().padStart(6, "0")}.log`;
}
function segmentOfName(name) {
  const digits = /^(\d{6,10})\.log$/.exec(name)?.[1];
  const segment = digits === void 0 ? 0 : Number(digits);
  return segment > 0 && segmentName(segment) === name ? segment : void 0;
}
function encodeSegmentHeader(kind, logId, segment) {
  const bytes2 = new Uint8Array(SEGMENT_HEADER_BYTES);
  const view = viewOf(bytes2);
  bytes2.set(SEGMENT_MAGIC);
  bytes2.set(utf8(kind), SEGMENT_MAGIC.length);
  bytes2.set(logId, 16);
  view.setUint32(24, segment);
  view.setUint32(28, FORMAT_VERSION);
  view.setUint32(60, crc32(bytes2.subarray(0, 60)));
  return bytes2;
}
function decodeSegmentHeader(bytes2) {
  if (bytes2.length < SEGMENT_HEADER_BYTES || isZero(bytes2, 0, bytes2.length)) return "blank";
  const view = viewOf(bytes2);
  if (SEGMENT_MAGIC.some((byte, index) => bytes2[index] !== byte) || view.getUint32(60) !== crc32(bytes2.subarray(0, 60))) return "invalid";
  let kind = "";
  for (const byte of bytes2.subarray(8, 8 + KIND_BYTES)) if (byte !== 0) kind += String.fromCharCode(byte);
  return { kind, logId: bytes2.slice(16, 16 + LOG_ID_BYTES), segment: view.getUint32(24), version: view.getUint32(28) };
}
function batchBytes(payloadBytes, count) {
  return Math.ceil((BATCH_HEADER_BYTES + count * RECORD_HEADER_BYTES + payloadBytes) / BATCH_ALIGN) * BATCH_ALIGN;
}
function encodeBatch(place, number2, records) {
  let payloadBytes = 0;
  for (const { payload } of records) payloadBytes += payload.length;
  const bytes2 = new Uint8Array(batchBytes(payloadBytes, records.length));
  const view = viewOf(bytes2);
  let at = BATCH_HEADER_BYTES;
  let recordsCrc = 0;
  for (const { kind, payload } of records) {
    const payloadAt = at + RECORD_HEADER_BYTES;
    view.setUint32(at, payload.length);
    view.setUint32(at + 4, crc32(payload, placeCrc(place.logId, place.segment, place.offset + payloadAt, kind)));
    bytes2[at + 8] = kind;
    recordsCrc = crc32(bytes2.subarray(at, payloadAt), recordsCrc);
    bytes2.set(payload, payloadAt);
    at = payloadAt + payload.length;
  }
  bytes2.fill(PADDING, at);
  view.setUint32(0, BATCH_MAGIC);
  view.setUint32(4, at - BATCH_HEADER_BYTES);
  writeU64(view, 8, number2);
  view.setUint32(16, records.length);
  view.setUint32(24, recordsCrc);
  view.setUint32(20, zeroPieces(bytes2, place.offset));
  view.setUint32(28, crc32(bytes2.subarray(0, 28), placeCrc(place.logId, place.segment, place.offset, HEADER)));
  return bytes2;
}
function decodeBatchHeader(place, bytes2) {
  if (bytes2.length < BATCH_HEADER_BYTES) return void 0;
  const view = viewOf(bytes2);
  if (view.getUint32(0) !== BATCH_MAGIC) return void 0;
  if (view.getUint32(28) !== crc32(bytes2.subarray(0, 28), placeCrc(place.logId, place.segment, place.offset, HEADER))) return void 0;
  const number2 = readU64(view, 8);
  if (number2 === void 0) return void 0;
  return {
    bodyBytes: view.getUint32(4),
    number: number2,
    count: view.getUint32(16),
    zeroPieces: view.getUint32(20),
    recordsCrc: view.getUint32(24)
  };
}
function decodeBatch(place, header, bytes2) {
  const view = viewOf(bytes2);
  const end = BATCH_HEADER_BYTES + header.bodyBytes;
  const records = [];
  let at = BATCH_HEADER_BYTES;
  let recordsCrc = 0;
  for (let index = 0; index < header.count; index++) {
    const payloadAt = at + RECORD_HEADER_BYTES;
    if (payloadAt > end) return void 0;
    const payload = decodeRecord(place, bytes2, view, at, end);
    if (payload === void 0) return void 0;
    recordsCrc = crc32(bytes2.subarray(at, payloadAt), recordsCrc);
    records.push({ kind: bytes2[at + 8], payload });
    at = payloadAt + payload.length;
  }
  return at === end && recordsCrc === header.recordsCrc ? records : void 0;
}
function decodeRecordAt(logId, segment, offset, length, bytes2) {
  if (bytes2.length !== RECORD_HEADER_BYTES + length || bytes2[8] === MANIFEST) return void 0;
  const place = { logId, segment, offset: offset - RECORD_HEADER_BYTES };
  const payload = decodeRecord(place, bytes2, viewOf(bytes2), 0, bytes2.length);
  return payload?.length === length ? payload : void 0;
}
function decodeRecord(place, bytes2, view, at, end) {
  const payloadAt = at + RECORD_HEADER_BYTES;
  const length = view.getUint32(at);
  const kind = bytes2[at + 8];
  if (payloadAt + length > end || kind > MANIFEST || !isZero(bytes2, at + 9, at + RECORD_HEADER_BYTES)) return void 0;
  const payload = bytes2.subarray(payloadAt, payloadAt + length);
  return view.getUint32(at + 4) === crc32(payload, placeCrc(place.logId, place.segment, place.offset + payloadAt, kind)) ? payload : void 0;
}
function zeroPieces(bytes2, offset) {
  let count = 0;
  for (let at = 0; at < bytes2.length; ) {
    const end = Math.min(bytes2.length, at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES);
    if (isZero(bytes2, at, end)) count++;
    at = end;
  }
  return count;
}
function isZero(bytes2, from, to) {
  for (let at = from; at < to; at++) if (bytes2[at] !== 0) return false;
  return true;
}
function encodeManifest(segments) {
  const bytes2 = new Uint8Array(4 + segments.length * 12);
  const view = viewOf(bytes2);
  view.setUint32(0, segments.length);
  for (const [index, { segment, end }] of segments.entries()) {
    view.setUint32(4 + index * 12, segment);
    writeU64(view, 8 + index * 12, end);
  }
  return bytes2;
}
function decodeManifest(bytes2) {
  if (bytes2.length < 4) return void 0;
  const view = viewOf(bytes2);
  const count = view.getUint32(0);
  if (bytes2.length !== 4 + count * 12) return void 0;
  const segments = [];
  for (let index = 0; index < count; index++) {
    const end = readU64(view, 8 + index * 12);
    if (end === void 0) return void 0;
    segments.push({ segment: view.getUint32(4 + index * 12), end });
  }
  return segments;
}
var HEADER = 255;
function placeCrc(logId, segment, offset, kind) {
  const place = new Uint8Array(LOG_ID_BYTES + 13);
  const view = viewOf(place);
  place.set(logId);
  view.setUint32(8, segment);
  writeU64(view, 12, offset);
  place[20] = kind;
  return crc32(place);
}

// packages/perdure/src/store/log/segment-set.ts
function createSegmentSet() {
  const segments = /* @__PURE__ */ new Map();
  const moved = /* @__PURE__ */ new Map();
  const held = (segment) => {
    let found2 = segments.get(segment);
    if (found2 === void 0) {
      found2 = { end: 0, live: /* @__PURE__ */ new Map(), liveBytes: 0 };
      segments.set(segment, found2);
    }
    return found2;
  };
  const actual = (given) => moved.size === 0 ? given : moved.get(placeKey(given)) ?? given;
  const place = (given, at) => {
    const into = held(at.segment);
    if (!into.live.has(at.offset)) into.liveBytes += at.length;
    into.live.set(at.offset, given);
    if (given.segment !== at.segment || given.offset !== at.offset) moved.set(placeKey(given), at);
  };
  const release = (given) => {
    const at = actual(given);
    moved.delete(placeKey(given));
    const from = segments.get(at.segment);
    if (from?.live.delete(at.offset) !== true) return false;
    from.liveBytes -= at.length;
    return from.live.size === 0;
  };
  return {
    actual,
    setEnd: (segment, end) => {
      held(segment).end = end;
    },
    add: place,
    release,
    liveIn: (segment) => [...segments.get(segment)?.live ?? []].map(([offset, given]) => ({ actual: { segment, offset, length: given.length }, given })),
    move: (given, copy) => {
      const from = actual(given);
      const to = actual(copy);
      release(copy);
      if (segments.get(from.segment)?.live.get(from.offset) !== given) return;
      release(given);
      place(given, to);
    },
    sparsest: (excepted) => {
      let found2;
      for (const [segment, { end, live, liveBytes }] of segments) {
        const share = liveBytes / end;
        if (live.size > 0 && share <= 0.5 && share < (found2?.share ?? 1) && !excepted(segment)) found2 = { segment, share };
      }
      return found2?.segment;
    },
    needed: () => [...segments].filter(([, { live }]) => live.size > 0).map(([segment, { end }]) => ({ segment, end })).sort((a, b) => a.segment - b.segment),
    keepOnly: (kept, newest) => {
      const names = new Set(kept.map(({ segment }) => segment)).add(newest);
      const dropped = [...segments.keys()].filter((segment) => !names.has(segment));
      for (const segment of dropped) segments.delete(segment);
      return dropped;
    },
    deadBytes: (except) => {
      let bytes2 = 0;
      for (const [segment, { end, live }] of segments) if (segment !== except && live.size === 0) bytes2 += end;
      return bytes2;
    },
    get bytes() {
      let bytes2 = 0;
      for (const { end } of segments.values()) bytes2 += end;
      return bytes2;
    }
  };
}
function placeKey({ segment, offset }) {
  return `${segment}:${offset}`;
}

// packages/perdure/src/store/log/append-queue.ts
function createAppendQueue() {
  const pending = /* @__PURE__ */ new Map();
  let gathering;
  let nextOffset = 0;
  let bytes2 = 0;
  return {
    get bytes() {
      return bytes2;
    },
    get gathers() {
      return gathering !== void 0;
    },
    add: (records, orReject, begin2) => {
      if (gathering === void 0) {
        gathering = { ...begin2(), entries: [] };
        nextOffset = gathering.offset + BATCH_HEADER_BYTES + RECORD_HEADER_BYTES;
      }
      const { segment, entries } = gathering;
      const given = records.map((record) => {
        const at = { segment, offset: nextOffset, length: record.length };
        nextOffset += record.length + RECORD_HEADER_BYTES;
        pending.set(placeKey(at), { record, at, released: false });
        bytes2 += record.length;
        return at;
      });
      const synced = new Promise((resolve, reject) => void entries.push({ records, given, orReject, resolve, reject }));
      synced.catch(() => {
      });
      return { at: given, synced };
    },
    take: () => {
      const taken2 = gathering;
      gathering = void 0;
      return taken2;
    },
    takeRejectable: () => {
      if (gathering === void 0) return [];
      const rejectable = gathering.entries.filter(({ orReject }) => orReject);
      gathering = { ...gathering, entries: gathering.entries.filter(({ orReject }) => !orReject) };
      return rejectable;
    },
    pending: (at) => pending.get(placeKey(at))?.record,
    release: (at) => {
      const found2 = pending.get(placeKey(at));
      if (found2 === void 0) return false;
      found2.released = true;
      return true;
    },
    settle: ({ given }) => {
      const released = /* @__PURE__ */ new Set();
      for (const at of given) {
        const key = placeKey(at);
        if (pending.get(key)?.released) released.add(at);
        pending.delete(key);
        bytes2 -= at.length;
      }
      return released;
    }
  };
}

// packages/perdure/src/store/log/compaction.ts
var COPY_RECORDS = 256;
var COPY_BYTES = 1024 * 1024;
function compaction({ segments, queue, writer, readBack, closed, dropDead }) {
  const unmovable = /* @__PURE__ */ new Set();
  const copyRecords = async (live) => {
    const given = [];
    const records = [];
    for (const each of live) {
      const record = await readBack(each.actual).catch(() => void 0);
      if (record === void 0) {
        unmovable.add(each.actual.segment);
        continue;
      }
      given.push(each.given);
      records.push(record);
    }
    if (closed()) return false;
    if (records.length === 0) return true;
    const { at, synced } = queue.add(records, true, writer.begin);
    writer.wake();
    try {
      await synced;
    } catch (error) {
      if (isPerdureError(error)) return false;
      throw error;
    }
    for (const [index, copy] of at.entries()) segments.move(given[index], copy);
    return true;
  };
  return async () => {
    const { active, health } = writer;
    const segment = segments.sparsest((each) => each === active || unmovable.has(each));
    if (segment === void 0 || health.state === "stuck" || closed()) return false;
    for (const group2 of groupsOf(segments.liveIn(segment))) if (!await copyRecords(group2)) return false;
    dropDead();
    return true;
  };
}
function groupsOf(live) {
  const groups = [];
  let bytes2 = COPY_BYTES;
  for (const each of live) {
    const last = groups.at(-1);
    if (last === void 0 || bytes2 >= COPY_BYTES || last.length >= COPY_RECORDS) {
      groups.push([each]);
      bytes2 = 0;
    } else last.push(each);
    bytes2 += each.actual.length;
  }
  return groups;
}

// packages/perdure/src/store/log/log-writer.ts
function createLogWriter(options) {
  const { clock, log, magic, logId, segmentBytes, diskRetryMs, snapshot, onHealth, queue, segments, files } = options;
  let { highest, lastBatch } = options;
  let active;
  let tail = { segment: 0, end: Number.POSITIVE_INFINITY };
  let fullBytes = segmentBytes;
  let restated = 0;
  let health = { state: "good" };
  let rotationDue = false;
  let running = false;
  let run = Promise.resolve();
  let removals = Promise.resolve();
  let writing;
  const stopping = new AbortController();
  const newSegment = () => {
    rotationDue = false;
    highest++;
    return { segment: highest, offset: SEGMENT_HEADER_BYTES };
  };
  const begin2 = () => rotationDue || tail.end >= fullBytes ? newSegment() : { segment: tail.segment, offset: tail.end };
  const seal = ({ segment, offset, entries }) => {
    const first = segment !== active?.segment;
    const records = [];
    let at = offset + BATCH_HEADER_BYTES;
    const places = entries.map(
      (entry) => entry.records.map((payload) => {
        records.push({ kind: RECORD, payload });
        const place = { segment, offset: at + RECORD_HEADER_BYTES, length: payload.length };
        at = place.offset + payload.length;
        return place;
      })
    );
    let kept;
    if (first) {
      let restatedBytes = 0;
      for (const payload of snapshot()) {
        records.push({ kind: SNAPSHOT, payload });
        restatedBytes += payload.length + RECORD_HEADER_BYTES;
      }
      restated = restatedBytes;
      fullBytes = Math.max(segmentBytes, 2 * restatedBytes);
      kept = segments.needed();
      records.push({ kind: MANIFEST, payload: encodeManifest(kept) });
    }
    const number2 = lastBatch + 1;
    const bytes2 = encodeBatch({ logId, segment, offset }, number2, records);
    tail = { segment, end: offset + bytes2.length };
    return { segment, offset, end: tail.end, number: number2, bytes: bytes2, kept, entries, places };
  };
  const write = async (batch) => {
    let during = "open";
    let opened;
    try {
      const file = batch.kept === void 0 ? active.file : await files.create(batch.segment);
      if (batch.kept !== void 0) opened = file;
      during = "write";
      if (batch.kept === void 0) await file.write(batch.offset, batch.bytes);
      else await file.write(0, concat2(encodeSegmentHeader(magic, logId, batch.segment), batch.bytes));
      during = "sync";
      await file.sync();
      if (opened !== void 0) {
        const old = active?.file;
        active = { segment: batch.segment, file: opened };
        if (old !== void 0) await closeQuietly(old);
      }
      return void 0;
    } catch (error) {
      if (opened !== void 0) await closeQuietly(opened);
      return { during, error: isPerdureError(error) ? error : new PerdureError("disk-failed", "the disk failed", { cause: error }) };
    }
  };
  const closeQuietly = async (file) => {
    try {
      await file.close();
    } catch (error) {
      log.write("warn", "log.close-failed", { why: String(error) });
    }
  };
  const commit = (batch) => {
    lastBatch = batch.number;
    segments.setEnd(batch.segment, batch.end);
    for (const [index, entry] of batch.entries.entries()) {
      const released = queue.settle(entry);
      for (const [nth, given] of entry.given.entries()) {
        if (!released.has(given)) segments.add(given, batch.places[index]?.[nth]);
      }
    }
    if (batch.kept !== void 0) {
      const dropped = segments.keepOnly(batch.kept, batch.segment);
      log.write("debug", "log.segment", { segment: batch.segment, kept: batch.kept.length, removed: dropped.length });
      removals = removals.then(() => removeAll(dropped));
    }
    for (const entry of batch.entries) entry.resolve();
  };
  const removeAll = async (dropped) => {
    for (const segment of dropped) {
      try {
        await files.remove(segment);
      } catch (error) {
        log.write("warn", "log.remove-failed", { segment, why: String(error) });
      }
    }
  };
  const undo = async (batch, { during, error }) => {
    if (during === "open" || during === "write" && stuckCode(error) === "read-only") return true;
    try {
      if (batch.kept !== void 0) {
        await files.remove(batch.segment);
        return true;
      }
      if (during === "sync") return false;
      const { file } = active;
      if (await file.size() < batch.end) return true;
      await file.write(batch.offset, new Uint8Array(BATCH_HEADER_BYTES));
      await file.sync();
      return true;
    } catch (cause) {
      log.write("debug", "log.undo-failed", { segment: batch.segment, why: String(cause) });
      return false;
    }
  };
  const setStuck = ({ error }) => {
    const code = stuckCode(error);
    if (health.state === "stuck" && health.code === code) return;
    health = { state: "stuck", code, sinceMs: health.state === "stuck" ? health.sinceMs : clock.wallMs() };
    log.write("error", "log.stuck", { code, why: error.message });
    onHealth(health);
  };
  const setGood = () => {
    health = { state: "good" };
    log.write("info", "log.good", { segment: tail.segment });
    onHealth(health);
  };
  const giveUp = (entries, error) => {
    for (const entry of entries) {
      queue.settle(entry);
      entry.reject(error);
    }
  };
  const recover = async (failed, failure) => {
    setStuck(failure);
    const rejection = rejected(failure.error, diskRetryMs);
    giveUp(queue.takeRejectable(), rejection);
    let doomed = failed.entries.filter(({ orReject }) => orReject);
    const waiting = failed.entries.filter(({ orReject }) => !orReject);
    if (await undo(failed, failure)) {
      giveUp(doomed, rejection);
      doomed = [];
    }
    if (active !== void 0) await closeQuietly(active.file);
    active = void 0;
    for (let attempt = 0; ; attempt++) {
      if (attempt > 0) await sleep(clock, diskRetryMs, stopping.signal).catch(() => {
      });
      waiting.push(...queue.take()?.entries ?? []);
      if (stopping.signal.aborted && attempt > 0) {
        giveUp([...doomed, ...waiting], stopped());
        return;
      }
      writing = seal({ ...newSegment(), entries: waiting });
      const again = await write(writing);
      if (again === void 0) {
        commit(writing);
        giveUp(doomed, rejection);
        setGood();
        return;
      }
      setStuck(again);
      await undo(writing, again);
    }
  };
  const pump = async () => {
    await Promise.resolve();
    try {
      while (queue.gathers || rotationDue) {
        writing = seal(queue.take() ?? { ...newSegment(), entries: [] });
        const failure = await write(writing);
        if (failure === void 0) commit(writing);
        else await recover(writing, failure);
        if (stopping.signal.aborted && health.state === "stuck") return;
      }
    } catch (error) {
      log.write("error", "log.broken", { why: String(error) });
      giveUp(
        [...writing?.entries ?? [], ...queue.take()?.entries ?? []],
        new PerdureError("internal", "the log is broken", { cause: error })
      );
    } finally {
      writing = void 0;
      running = false;
    }
  };
  const wake = () => {
    if (running) return;
    running = true;
    run = pump();
  };
  return {
    get fullBytes() {
      return fullBytes;
    },
    get restatedBytes() {
      return restated;
    },
    get active() {
      return active?.segment;
    },
    get health() {
      return health;
    },
    begin: begin2,
    wake,
    rotate: () => {
      rotationDue = true;
      wake();
    },
    start: async () => {
      const first = seal({ ...newSegment(), entries: [] });
      const failure = await write(first);
      if (failure !== void 0) {
        await undo(first, failure);
        throw failure.error;
      }
      commit(first);
      await removals;
    },
    stop: async (withinMs) => {
      stopping.abort();
      let cancel = () => {
      };
      const patience = new Promise((resolve) => {
        cancel = clock.after(withinMs, resolve);
      });
      await Promise.race([run.then(() => removals), patience]);
      cancel();
      giveUp([...writing?.entries ?? [], ...queue.take()?.entries ?? []], stopped());
      if (active !== void 0) await closeQuietly(active.file);
      active = void 0;
    }
  };
}
function stuckCode(error) {
  if (error.code === "disk-full") return "disk-full";
  return error.code === "read-only" || error.code === "permission-denied" ? "read-only" : "disk-failed";
}
function rejected(cause, afterMs) {
  const code = stuckCode(cause);
  const hint = code === "disk-full" ? "Free some space." : code === "read-only" ? "Make the folder writable." : "Check the disk.";
  return new PerdureError(code, `could not be written: ${cause.message}`, { retry: "after", afterMs, hint, cause });
}
function stopped() {
  return new PerdureError("aborted", "the log was closed before its disk let this finish");
}

// packages/perdure/src/store/log/segment-scan.ts
var WINDOW_BYTES2 = 1024 * 1024;
async function scanSegment({ file, logId, segment, limit, onBatch }) {
  const size = await file.size();
  const window = createWindow(file, size);
  const damaged = (end, why) => ({ end, state: "damaged", why });
  if (limit !== void 0 && size < limit) return damaged(size, `the file ends at ${size}, its valid bytes at ${limit}`);
  const stop = limit ?? size;
  let number2;
  let at = SEGMENT_HEADER_BYTES;
  while (at < stop) {
    const place = { logId, segment, offset: at };
    const found2 = await readBatch(window, place, size);
    if (typeof found2 === "string" || found2.batch.end > stop) {
      const why = typeof found2 === "string" ? found2 : "damaged";
      if (limit !== void 0 || why === "damaged") return damaged(at, "a batch here is not what was written");
      const later = await laterBatch(window, place, size);
      return later === void 0 ? { end: at, state: "torn", why: "" } : damaged(at, `a batch here is missing although there is one at ${later}`);
    }
    const { batch } = found2;
    if (number2 !== void 0 && batch.number !== number2 + 1) return damaged(at, `batch ${batch.number} follows batch ${number2}`);
    number2 = batch.number;
    at = batch.end;
    if (onBatch(batch) === false) return { end: at, state: "clean", why: "" };
  }
  return { end: at, state: "clean", why: "" };
}
async function readBatch(window, place, size) {
  const headerBytes = await window.read(place.offset, BATCH_HEADER_BYTES);
  const header = decodeBatchHeader(place, headerBytes);
  if (header === void 0)
    return headerBytes.length < BATCH_HEADER_BYTES || isZero(headerBytes, 0, headerBytes.length) ? "torn" : "damaged";
  const end = place.offset + batchBytes(header.bodyBytes, 0);
  if (end > size) return "torn";
  const bytes2 = await window.read(place.offset, end - place.offset);
  const records = decodeBatch(place, header, bytes2);
  if (records === void 0) return zeroPieces(bytes2, place.offset) > header.zeroPieces ? "torn" : "damaged";
  const offsets = [];
  let at = place.offset + BATCH_HEADER_BYTES;
  for (const { payload } of records) {
    offsets.push(at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + payload.length;
  }
  return { batch: { offset: place.offset, end, number: header.number, records, offsets } };
}
async function laterBatch(window, place, size) {
  for (let at = place.offset + BATCH_HEADER_BYTES; at + BATCH_HEADER_BYTES <= size; at += BATCH_HEADER_BYTES) {
    if (decodeBatchHeader({ ...place, offset: at }, await window.read(at, BATCH_HEADER_BYTES)) !== void 0) return at;
  }
  return void 0;
}
function createWindow(file, size) {
  let from = 0;
  let held = new Uint8Array(0);
  return {
    read: async (offset, length) => {
      const end = Math.min(offset + length, size);
      if (offset < from || end > from + held.length) {
        held = await file.read(offset, Math.max(length, WINDOW_BYTES2));
        from = offset;
      }
      return held.subarray(Math.max(0, offset - from), Math.max(0, end - from));
    }
  };
}

// packages/perdure/src/store/log/recover-log.ts
async function recoverLog(recovery) {
  const { files, folder } = recovery;
  const present = (await files.list(folder)).map(segmentOfName).filter((segment) => segment !== void 0).sort((a, b) => a - b);
  const highest = present.at(-1) ?? 0;
  const head = await findHead(recovery, present);
  if (head === void 0) return { logId: void 0, segments: [], leftover: present, highest, lastBatch: 0, tail: void 0 };
  const { logId } = head.header;
  const segments = [];
  let lastBatch = 0;
  let tail;
  for (const { segment, end: limit } of [...head.manifest, { segment: head.segment, end: void 0 }]) {
    var _stack = [];
    try {
      if (!present.includes(segment)) throw damage(recovery, segment, 0, "the file is missing");
      const file = __using(_stack, await openSegment(recovery, segment), true);
      const header = decodeSegmentHeader(await file.read(0, SECTOR_BYTES));
      if (typeof header === "string" || header.segment !== segment || !equalBytes(header.logId, logId)) {
        throw damage(recovery, segment, 0, "the header is not that of this file");
      }
      const onBatch = (batch) => {
        if (batch.number <= lastBatch) throw damage(recovery, segment, batch.offset, `batch ${batch.number} follows batch ${lastBatch}`);
        lastBatch = batch.number;
        const offset = batch.offset === SEGMENT_HEADER_BYTES ? 0 : batch.offset;
        tail = { segment, offset, end: batch.end };
        tell(recovery, segment, batch);
      };
      const ended = await scanSegment({ file, logId, segment, onBatch, ...limit === void 0 ? {} : { limit } });
      if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
      segments.push({ segment, end: ended.end });
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      var _promise = __callDispose(_stack, _error, _hasError);
      _promise && await _promise;
    }
  }
  const part2 = new Set(segments.map(({ segment }) => segment));
  return { logId, segments, leftover: present.filter((segment) => !part2.has(segment)), highest, lastBatch, tail };
}
function tell({ replay, onRecord }, segment, batch) {
  for (const [index, { kind, payload }] of batch.records.entries()) {
    if (kind === MANIFEST) continue;
    const at = { segment, offset: batch.offsets[index], length: payload.length };
    if (kind === RECORD) onRecord(at);
    replay(payload.slice(), at);
  }
}
async function findHead(recovery, present) {
  for (const segment of [...present].reverse()) {
    var _stack = [];
    try {
      const file = __using(_stack, await openSegment(recovery, segment), true);
      const header = decodeSegmentHeader(await file.read(0, SECTOR_BYTES));
      if (header === "invalid") throw damage(recovery, segment, 0, "the header is not what was written");
      if (header === "blank") continue;
      mustBeOurs(recovery, segment, header);
      let first;
      const onBatch = (batch) => {
        first = batch;
        return false;
      };
      const ended = await scanSegment({ file, logId: header.logId, segment, onBatch });
      if (ended.state === "damaged") throw damage(recovery, segment, ended.end, ended.why);
      const manifest = first?.records.at(-1);
      if (manifest === void 0) continue;
      const listed = manifest.kind === MANIFEST ? decodeManifest(manifest.payload) : void 0;
      if (listed === void 0) throw damage(recovery, segment, SEGMENT_HEADER_BYTES, "the first batch has no manifest");
      return { segment, header, manifest: listed };
    } catch (_) {
      var _error = _, _hasError = true;
    } finally {
      var _promise = __callDispose(_stack, _error, _hasError);
      _promise && await _promise;
    }
  }
  return void 0;
}
function mustBeOurs(recovery, segment, header) {
  if (header.version !== FORMAT_VERSION)
    throw otherVersion({ what: pathOf(recovery, segment), found: header.version, own: FORMAT_VERSION, older: FOLDER_OF_OLDER });
  if (header.kind !== recovery.magic) {
    throw new PerdureError(
      "log-damaged",
      `${pathOf(recovery, segment)} belongs to a log of kind "${header.kind}", not "${recovery.magic}"`,
      {
        hint: "Use another folder: a relay and an agent cannot share one."
      }
    );
  }
  if (header.segment !== segment) throw damage(recovery, segment, 0, `the header is that of segment ${header.segment}`);
}
async function openSegment(recovery, segment) {
  try {
    const file = await recovery.files.open(pathOf(recovery, segment), "read");
    return { ...file, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    if (isPerdureError(error) && error.code === "not-found") throw damage(recovery, segment, 0, "the file is missing");
    throw error;
  }
}
function pathOf({ folder }, segment) {
  return `${folder}/${segmentName(segment)}`;
}
function damage(recovery, segment, offset, why) {
  return new PerdureError("log-damaged", `${pathOf(recovery, segment)} is damaged at byte ${offset}: ${why}`, {
    hint: "Restore the folder from a copy made while nothing ran; nothing in it was changed."
  });
}

// packages/perdure/src/store/log/segment-files.ts
var MAX_READERS = 16;
function createSegmentFiles(files, folder) {
  const readers = /* @__PURE__ */ new Map();
  const path = (segment) => `${folder}/${segmentName(segment)}`;
  const drop = async (segment, reader2) => {
    if (readers.get(segment) === reader2) readers.delete(segment);
    await (await reader2.file).close();
  };
  const reader = (segment) => {
    let found2 = readers.get(segment);
    if (found2 === void 0) found2 = { file: files.open(path(segment), "read"), users: 0 };
    readers.delete(segment);
    readers.set(segment, found2);
    return found2;
  };
  const dropIdle = async () => {
    for (const [segment, { users }] of [...readers]) {
      if (readers.size <= MAX_READERS) return;
      const idle = readers.get(segment);
      if (users === 0 && idle !== void 0) await drop(segment, idle);
    }
  };
  return {
    path,
    create: (segment) => files.open(path(segment), "write"),
    confirm: async (segment, offset, end) => {
      const file = await files.open(path(segment), "write");
      try {
        await file.write(offset, await file.read(offset, end - offset));
        await file.sync();
      } finally {
        await file.close();
      }
    },
    read: async (segment, offset, length) => {
      const used = reader(segment);
      used.users++;
      try {
        return await (await used.file).read(offset, length);
      } catch (error) {
        if (readers.get(segment) === used) readers.delete(segment);
        throw error;
      } finally {
        used.users--;
        await dropIdle();
      }
    },
    remove: async (segment) => {
      const used = readers.get(segment);
      if (used?.users === 0) await drop(segment, used);
      await files.remove(path(segment));
    },
    [Symbol.asyncDispose]: async () => {
      for (const [segment, used] of [...readers]) await drop(segment, used);
    }
  };
}

// packages/perdure/src/store/log/open-log.ts
var RESTATEMENTS_TO_FREE = 3;
var MAX_RECORD_BYTES = 64 * 1024 * 1024;
async function openRecordLog(options) {
  const { clock, log, folder, magic, segmentBytes, diskRetryMs, snapshot, onHealth = () => {
  } } = options;
  const segments = createSegmentSet();
  const recovered = await recoverLog({
    files: options.files,
    folder,
    magic,
    replay: options.replay,
    onRecord: (at) => segments.add(at, at)
  });
  for (const { segment, end } of recovered.segments) segments.setEnd(segment, end);
  const logId = recovered.logId ?? options.random.bytes(LOG_ID_BYTES);
  const queue = createAppendQueue();
  const files = createSegmentFiles(options.files, folder);
  const { highest, lastBatch } = recovered;
  const writer = createLogWriter({
    clock,
    log,
    magic,
    logId,
    segmentBytes,
    diskRetryMs,
    snapshot,
    onHealth,
    queue,
    segments,
    files,
    highest,
    lastBatch
  });
  if (recovered.tail !== void 0) await files.confirm(recovered.tail.segment, recovered.tail.offset, recovered.tail.end);
  await writer.start();
  for (const segment of recovered.leftover) await files.remove(segment);
  let disposed;
  const dropDead = () => {
    const enough = Math.max(writer.fullBytes / 2, RESTATEMENTS_TO_FREE * writer.restatedBytes);
    if (segments.deadBytes(writer.active) >= enough && disposed === void 0) writer.rotate();
  };
  const readBack = async ({ segment, offset, length }) => {
    const bytes2 = await files.read(segment, offset - RECORD_HEADER_BYTES, length + RECORD_HEADER_BYTES);
    return decodeRecordAt(logId, segment, offset, length, bytes2);
  };
  const compact = compaction({ segments, queue, writer, readBack, closed: () => disposed !== void 0, dropDead });
  return {
    get health() {
      return writer.health;
    },
    get bytesOnDisk() {
      return segments.bytes;
    },
    get queuedBytes() {
      return queue.bytes;
    },
    append: (records, { orReject = false } = {}) => {
      if (disposed !== void 0) throw new PerdureError("aborted", "the log is closed");
      for (const { length } of records)
        if (length > MAX_RECORD_BYTES) throw new PerdureError("too-large", `a record of ${length} bytes is over ${MAX_RECORD_BYTES}`);
      if (records.length === 0) return { at: [], synced: Promise.resolve() };
      const { health } = writer;
      if (orReject && health.state === "stuck") {
        const synced = Promise.reject(rejected(new PerdureError(health.code, "the disk takes no writes"), diskRetryMs));
        synced.catch(() => {
        });
        return { at: records.map(({ length }) => ({ segment: 0, offset: 0, length })), synced };
      }
      const appended = queue.add(records, orReject, writer.begin);
      writer.wake();
      return appended;
    },
    read: async (at) => {
      const pending = queue.pending(at);
      if (pending !== void 0) return pending;
      const actual = segments.actual(at);
      const record = await readBack(actual);
      if (record !== void 0) return record;
      const { segment, offset } = actual;
      throw new PerdureError("log-damaged", `${files.path(segment)} is damaged at byte ${offset}: a record there is not what was written`, {
        hint: "Check the disk; the rest of the log is still read."
      });
    },
    release: (at) => {
      if (!queue.release(at) && segments.release(at)) dropDead();
    },
    compact,
    sparsest: (excepted) => segments.sparsest((segment) => segment === writer.active || excepted(segment)),
    [Symbol.asyncDispose]: () => {
      disposed ??= (async () => {
        await writer.stop(FIXED.logCloseMs.value);
        await files[Symbol.asyncDispose]();
      })();
      return disposed;
    }
  };
}

// packages/perdure/src/agent/agent-store.ts
var GROUP_BYTES = 4 * 1024 * 1024;
var MAX_WAITING = 16384;
async function openAgentStore(options) {
  const { host, folder, settings, outbox, inbox } = options;
  const state = createReplay(options);
  const log = await openRecordLog({
    files: host.files,
    random: host.random,
    clock: host.clock,
    log: host.log,
    folder: `${folder}/agent`,
    magic: "agent",
    segmentBytes: settings.segmentBytes,
    diskRetryMs: settings.diskRetryMs,
    replay: state.replay,
    snapshot: state.snapshot,
    onHealth: (health) => host.log.write(health.state === "good" ? "info" : "error", "agent.disk", {
      state: health.state,
      code: health.state === "good" ? void 0 : health.code
    })
  });
  for (const at of state.unneeded()) log.release(at);
  const stop = new AbortController();
  const patience = new AbortController();
  let waiting = [];
  let running;
  const applyAll = (records, at) => {
    records.forEach(({ kept, payload }, index) => {
      const place = at[index + 1];
      state.apply(kept, place, payload);
      if (!outbox.holds(place) && !inbox.holds(place)) log.release(place);
    });
    for (const place of [...outbox.takeReleases(), ...inbox.takeReleases()]) log.release(place);
  };
  const oneGroup = async () => {
    const group2 = [];
    const records = [];
    const number2 = state.nextGroup();
    const encoded = [encodeKept({ kind: "group", head: { number: number2 } }, void 0)];
    const add3 = (planned) => {
      const written = planned.map(({ kept, payload }) => encodeKept(kept, payload));
      records.push(...planned);
      encoded.push(...written);
    };
    let bytes2 = 0;
    while (waiting.length > 0 && bytes2 < GROUP_BYTES) {
      const each = waiting.shift();
      const reserved = outbox.reservations;
      try {
        const planned = each.change.plan();
        add3(planned.records);
        for (const { payload } of planned.records) bytes2 += payload?.length ?? 256;
        group2.push({ each, result: planned.result });
      } catch (error) {
        outbox.unreserve(reserved);
        each.reject(error);
      }
    }
    try {
      add3(options.closing());
      if (records.length > 0) {
        const appended = log.append(encoded, { orReject: true });
        await appended.synced;
        log.release(appended.at[0]);
        state.applied(number2);
        applyAll(records, appended.at);
      }
    } catch (error) {
      outbox.unreserve(0);
      options.reopen();
      const again = [];
      for (const { each } of group2) {
        each.change.undo?.();
        if (each.change.onFailure === "try-again" && !patience.signal.aborted) again.push(each);
        else each.reject(error);
      }
      if (!(error instanceof PerdureError)) host.log.write("error", "agent.commit-failed", { why: String(error) });
      waiting = [...again, ...waiting];
      if (again.length > 0) await sleep(host.clock, settings.diskRetryMs, patience.signal).catch(() => void 0);
      return;
    }
    outbox.keepReservations();
    for (const { each, result: result2 } of group2) {
      each.change.applied?.(result2);
      each.resolve(result2);
    }
    if (records.length > 0) options.onApplied(records);
  };
  const run = async () => {
    await void 0;
    while (waiting.length > 0) await oneGroup();
    running = void 0;
  };
  return {
    commit: (change) => new Promise((resolve, reject) => {
      if (stop.signal.aborted) return reject(new PerdureError("aborted", "this agent is closed"));
      if (waiting.length >= MAX_WAITING)
        return reject(
          new PerdureError("too-busy", `${MAX_WAITING} changes wait for the disk`, { retry: "after", afterMs: settings.diskRetryMs })
        );
      waiting.push({ change, resolve, reject });
      running ??= run();
    }),
    async read(at) {
      return decodeKept(await log.read(at)).payload;
    },
    giveUp: () => patience.abort(),
    async idle() {
      while (running !== void 0) await running;
    },
    get health() {
      return log.health;
    },
    sparsest: log.sparsest,
    async [Symbol.asyncDispose]() {
      stop.abort();
      patience.abort();
      while (running !== void 0) await running;
      await log[Symbol.asyncDispose]();
    }
  };
}
function createReplay({ host, outbox, inbox, peers, contacts: contacts2 }) {
  let group2 = 0;
  let newest = {
    number: 0,
    records: []
  };
  let carried = [];
  let seen = [];
  let restating = false;
  const apply = (kept, at, payload, restated = false) => {
    outbox.apply(kept, at);
    inbox.apply(kept, at, restated);
    peers.apply(kept, payload);
    for (const each of contacts2) each.apply(kept);
  };
  const endRestatement = () => {
    restating = false;
    for (const { kept, at, payload } of carried) apply(kept, at, payload);
    carried = [];
  };
  return {
    replay(record, at) {
      const { kept, restated, payload } = decodeKept(record);
      if (kept.kind === "reset") {
        carried = newest.number > kept.head.group ? newest.records : [];
        group2 = Math.max(kept.head.group, newest.number);
        newest = { number: 0, records: [] };
        outbox.reset();
        peers.reset();
        for (const each of contacts2) each.reset();
        inbox.reset(kept.head.arrival);
        restating = true;
        return;
      }
      if (kept.kind === "group") {
        endRestatement();
        group2 = kept.head.number;
        newest = { number: group2, records: [] };
        seen.push(at);
        return;
      }
      if (restating) return apply(kept, restated, payload, true);
      if (kept.kind === "completed") {
        const { from, stream: stream2, seq, parts, outcome } = kept.head;
        host.log.write("debug", "agent.completion-read", { from: agentIdText(from), id: messageIdText(stream2, seq), parts, outcome });
      }
      seen.push(at);
      newest.records.push({ kept, at, payload: kept.kind === "peer" ? payload : new Uint8Array(0) });
      apply(kept, at, payload);
    },
    snapshot() {
      endRestatement();
      return [
        encodeKept({ kind: "reset", head: { group: group2, arrival: inbox.lastArrival } }, void 0),
        ...peers.restate().map(({ kept, payload }) => encodeKept(kept, payload)),
        ...contacts2.flatMap((each) => each.restate().map(({ kept }) => encodeKept(kept, void 0))),
        ...[...outbox.restate(), ...inbox.restate()].map(({ kept, restated }) => encodeKept(kept, void 0, restated))
      ];
    },
    apply,
    nextGroup: () => group2 + 1,
    applied(number2) {
      group2 = number2;
    },
    unneeded() {
      outbox.takeReleases();
      inbox.takeReleases();
      const places = seen.filter((at) => !outbox.holds(at) && !inbox.holds(at));
      seen = [];
      return places;
    }
  };
}

// packages/perdure/src/identity/notice.ts
async function verifyNotice({
  crypto: crypto2,
  relay,
  body
}) {
  const signed = signedNotice.decode(body);
  const said = notice.decode(signed.notice);
  if (said.version !== WIRE_VERSION) throw otherVersion({ what: "a notice", found: said.version, older: PEER_OF_OLDER });
  if (NOTICE_OUTCOMES[said.outcome] === void 0)
    throw new PerdureError("needs-newer-version", `a notice of outcome ${said.outcome} is newer`, { hint: "Update perdure." });
  if (!equalBytes(said.relayId, relay.idRaw)) throw new PerdureError("bad-signature", "the notice is of another relay");
  const judged = /* @__PURE__ */ new Set();
  for (const { instanceKey } of relay.certificates) {
    const key = hex(instanceKey);
    if (judged.has(key)) continue;
    judged.add(key);
    if (!await crypto2.signatures.verify(instanceKey, toBeSigned("notice", signed.notice), signed.signature)) continue;
    certifiedInstance(relay, instanceKey, "relay", said.timeMs);
    return said;
  }
  throw new PerdureError("bad-signature", `${relay.id} did not sign this notice`);
}

// packages/perdure/src/wire/kept-identity.ts
var KEPT_IDENTITY_PREFIX = "perdure/kept-identity/";
var KEPT_IDENTITY_DOMAIN = utf8(`${KEPT_IDENTITY_PREFIX}${WIRE_VERSION}`);
var CUSTODIES = ["split", "together"];
var nextSecret = shape("next secret", { seed: fixed(32), recoverySalt: fixed(32) });
var inboxSecret = shape("inbox secret", {
  keyId: fixed(KEY_ID_BYTES),
  secret: fixed(32),
  generation: uint,
  madeAtMs: uint,
  destroyAtMs: uint
});
var MAX_INBOX_SECRETS = 16;
var MAX_DESTROYED = 64;
var MAX_BEGUN = 8;
var keptIdentity = shape(
  "kept identity",
  {
    version: uint,
    custody: choice(...CUSTODIES),
    /** Signed events, oldest first. */
    log: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** A log of this agent that somebody else wrote and that this folder has no keys for: a rival one, or one that outranks. Else empty. */
    rival: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** Signed certificates of this instance and of those it replaced, oldest first; the last is in use. */
    certificates: list(bytes(3072), 16),
    /** This instance's signed record. */
    record: bytes(9216),
    controlSeed: fixed(32),
    instanceSeed: fixed(32),
    /** Oldest first; the last is in use. */
    inboxSecrets: list(inboxSecret.field, MAX_INBOX_SECRETS),
    /** Only with custody `together`. */
    next: optional(nextSecret.field),
    /** Names of inbox keys that were destroyed, newest last: mail to them is refused with `key-retired`. */
    destroyed: list(fixed(KEY_ID_BYTES), MAX_DESTROYED),
    /** Commitments to next keys whose recovery files were begun by rotations that did not come to their end. */
    begun: list(fixed(32), MAX_BEGUN),
    extensions: extensions()
  },
  512 * 1024
);
var SEALED_IDENTITY_DOMAIN = utf8("perdure/sealed-identity/1");
var sealedIdentity = shape(
  "sealed identity",
  {
    version: uint,
    purpose: choice("folder", "export"),
    custody: choice(...CUSTODIES),
    /** The identity bundle as it was shown last: who this is can be read without the passphrase. */
    bundle: bytes(MAX_CONTROL_BYTES),
    memoryKiB: uint,
    passes: uint,
    salt: fixed(32),
    once: fixed(32),
    sealed: bytes(512 * 1024 + 16),
    extensions: extensions()
  },
  640 * 1024
);

// packages/perdure/src/identity/kept-file.ts
var CHECKSUM_BYTES = 32;
var KEPT_FILE_BYTES = 704 * 1024;
function encodeKeptFile(hash2, file) {
  if (file.kind === "plain") {
    const encoded = keptIdentity.encode(file.kept);
    return concat2(encoded, hash2.sha256(concat2(KEPT_IDENTITY_DOMAIN, encoded)));
  }
  const tagged = concat2(SEALED_IDENTITY_DOMAIN, sealedIdentity.encode(file.sealed));
  return concat2(tagged, hash2.sha256(tagged));
}
function decodeKeptFile(hash2, whole, path) {
  const said = whole.subarray(0, Math.max(0, whole.length - CHECKSUM_BYTES));
  const checksum2 = whole.subarray(said.length);
  try {
    if (equalBytes(said.subarray(0, SEALED_IDENTITY_DOMAIN.length), SEALED_IDENTITY_DOMAIN)) {
      if (!equalBytes(checksum2, hash2.sha256(said))) throw damagedKept(path, "its checksum is wrong");
      return { kind: "sealed", sealed: sealedIdentity.decode(said.slice(SEALED_IDENTITY_DOMAIN.length)) };
    }
    if (!equalBytes(checksum2, hash2.sha256(concat2(KEPT_IDENTITY_DOMAIN, said)))) {
      refuseOther(hash2, said, checksum2, path);
      throw damagedKept(path, "its checksum is wrong");
    }
    return { kind: "plain", kept: keptIdentity.decode(said) };
  } catch (cause) {
    const isSaid = isPerdureError(cause) && (cause.code === "key-damaged" || cause.code.endsWith("-version"));
    throw isSaid ? cause : damagedKept(path, "it cannot be read", cause);
  }
}
function refuseOther(hash2, said, checksum2, path) {
  const found2 = versionIn(said);
  if (found2 !== void 0 && equalBytes(checksum2, hash2.sha256(concat2(utf8(`${KEPT_IDENTITY_PREFIX}${found2}`), said))))
    throw otherVersion({ what: `the identity in ${path}`, found: found2, older: FOLDER_OF_OLDER });
}
function damagedKept(path, why, cause) {
  return new PerdureError("key-damaged", `the identity in ${path} is damaged: ${why}`, {
    cause,
    hint: "Put the file back from a backup; nothing was changed."
  });
}

// packages/perdure/src/identity/passphrase.ts
var KEY_BYTES6 = 32;
var SALT_BYTES = 32;
var MAX_MEMORY_KIB = 1024 * 1024;
var MAX_PASSES = 32;
var MIN_MEMORY_KIB = 8;
var MAX_LETTERS = 1024;
async function sealingKey(crypto2, passphrase, salt, cost) {
  if (passphrase.length === 0 || passphrase.length > MAX_LETTERS)
    throw new PerdureError("bad-argument", `a passphrase has 1 to ${MAX_LETTERS} letters`);
  if (crypto2.passphrase === void 0)
    throw new PerdureError("unsupported-platform", "this machine makes no keys of passphrases", {
      hint: "Leave the passphrase out; keys are kept unreadable here by the machine itself."
    });
  return { salt, cost, key: await crypto2.passphrase.derive(passphrase, salt, cost) };
}
function costOf({ passphraseMemoryKiB, passphrasePasses }) {
  return { memoryKiB: passphraseMemoryKiB, passes: passphrasePasses };
}
async function newSealingKey(crypto2, random, passphrase, cost) {
  return await sealingKey(crypto2, passphrase, random.bytes(SALT_BYTES), cost);
}
async function sealIdentity({ crypto: crypto2, random, by, purpose, kept, bundle }) {
  const open = {
    version: WIRE_VERSION,
    purpose,
    custody: kept.custody,
    bundle,
    memoryKiB: by.cost.memoryKiB,
    passes: by.cost.passes,
    salt: by.salt,
    once: random.bytes(SALT_BYTES),
    sealed: EMPTY,
    extensions: []
  };
  const key = onceKey(crypto2, by.key, open.once);
  return { ...open, sealed: await crypto2.aead.seal(key, keptIdentity.encode(kept), sealedIdentity.encode(open)) };
}
async function unsealIdentity(crypto2, sealed2, passphrase, what) {
  if (passphrase === void 0)
    throw new PerdureError("passphrase-required", `${what} is sealed with a passphrase`, {
      hint: "Give it on the terminal, with --passphrase-file <file>, or in PERDURE_PASSPHRASE."
    });
  const { memoryKiB, passes } = sealed2;
  if (memoryKiB < MIN_MEMORY_KIB || memoryKiB > MAX_MEMORY_KIB || passes < 1 || passes > MAX_PASSES)
    throw new PerdureError("key-damaged", `${what} asks for ${memoryKiB} KiB and ${passes} passes, which no version writes`, {
      hint: "Put the file back from a backup; nothing was changed."
    });
  const by = await sealingKey(crypto2, passphrase, sealed2.salt, { memoryKiB, passes });
  return { kept: await openSealed(crypto2, sealed2, by, what), by };
}
async function openSealed(crypto2, sealed2, by, what) {
  const associated = sealedIdentity.encode({ ...sealed2, sealed: EMPTY });
  const plain = await crypto2.aead.open(onceKey(crypto2, by.key, sealed2.once), sealed2.sealed, associated);
  if (plain === void 0)
    throw new PerdureError("wrong-passphrase", `this is not the passphrase of ${what}`, { hint: "Try again; nothing was changed." });
  return keptIdentity.decode(plain);
}
function onceKey(crypto2, key, once) {
  return crypto2.hash.hkdfSha256(key, once, concat2(SEALED_IDENTITY_DOMAIN, utf8(" key")), KEY_BYTES6);
}

// packages/perdure/src/identity/export-file.ts
async function exportFile({ crypto: crypto2, random }, settings, { kept, bundle }, passphrase) {
  if (crypto2.keyStore !== void 0)
    throw new PerdureError(
      "unsupported-platform",
      "this machine keeps the agent's keys where nobody can read them, so they cannot be exported",
      {
        hint: "Rotate to keys of another machine with the recovery file instead."
      }
    );
  const by = await newSealingKey(crypto2, random, passphrase, costOf(settings));
  const sealed2 = await sealIdentity({ crypto: crypto2, random, by, purpose: "export", kept: { ...kept, begun: [] }, bundle });
  return encodeKeptFile(crypto2.hash, { kind: "sealed", sealed: sealed2 });
}

// packages/perdure/src/identity/inbox-keys.ts
async function nextGeneration({ crypto: crypto2, random }, kept, settings, nowMs) {
  const { key, kept: secret } = await crypto2.encapsulation.create(random);
  const keyId = crypto2.hash.sha256(key.publicKey).slice(0, KEY_ID_BYTES);
  const generation2 = (kept.inboxSecrets.at(-1)?.generation ?? 0) + 1;
  const endMs = nowMs + settings.inboxKeyGraceMs + settings.inboxKeyKeepMs;
  const before = kept.inboxSecrets.map((each) => each.destroyAtMs === 0 ? { ...each, destroyAtMs: endMs } : each);
  const all = [...before, { keyId, secret, generation: generation2, madeAtMs: nowMs, destroyAtMs: 0 }];
  const inboxKey2 = {
    keyId,
    suite: SUITE_X25519_AES256GCM,
    publicKey: key.publicKey,
    generation: generation2,
    notAfterMs: nowMs + settings.recordValidMs
  };
  return { ...withoutDue({ inboxSecrets: all, destroyed: kept.destroyed }, nowMs), inboxKey: inboxKey2 };
}
function withoutDue({ inboxSecrets, destroyed }, nowMs) {
  const surplus = inboxSecrets.length - MAX_INBOX_SECRETS;
  const isDue = (each, index) => index < surplus || each.destroyAtMs !== 0 && each.destroyAtMs <= nowMs;
  const gone = inboxSecrets.filter(isDue).map((each) => each.keyId);
  if (gone.length === 0) return { inboxSecrets, destroyed };
  return {
    inboxSecrets: inboxSecrets.filter((each, index) => !isDue(each, index)),
    destroyed: [...destroyed, ...gone].slice(-MAX_DESTROYED)
  };
}
function hasDue({ inboxSecrets }, nowMs) {
  return inboxSecrets.some(({ destroyAtMs }) => destroyAtMs !== 0 && destroyAtMs <= nowMs);
}
function isWorn({ inboxSecrets }, { inboxKeyUseMs }, nowMs) {
  const newest = inboxSecrets.at(-1);
  return newest === void 0 || nowMs < newest.madeAtMs || nowMs >= newest.madeAtMs + inboxKeyUseMs;
}

// packages/perdure/src/identity/own-state.ts
async function loadState(crypto2, kept, path) {
  const log = await verifyLog(crypto2, kept.log);
  const rival = kept.rival.length === 0 ? void 0 : await verifyLog(crypto2, kept.rival);
  const controlKey = await crypto2.signatures.load(kept.controlSeed);
  const instanceKey = await crypto2.signatures.load(kept.instanceSeed);
  const record = await verifyRecord(crypto2, log.idRaw, kept.record);
  const inboxKey2 = record.inboxKeys[0];
  const certificates = [];
  for (const each of kept.certificates) certificates.push(await verifyCertificate(crypto2, log, each));
  const certificate2 = certificates.at(-1);
  const secrets = /* @__PURE__ */ new Map();
  for (const each of kept.inboxSecrets) secrets.set(hex(each.keyId), await crypto2.encapsulation.load(each.secret));
  const ownKey = log.controlKeys.some((key) => equalBytes(key, controlKey.publicKey)) && equalBytes(record.instanceKey, instanceKey.publicKey);
  const fits2 = ownKey && certificate2 !== void 0 && equalBytes(certificate2.instanceKey, instanceKey.publicKey);
  if (!fits2 || inboxKey2 === void 0 || !secrets.has(hex(inboxKey2.keyId))) throw damagedKept(path, "its keys do not belong together");
  const standing = standingOf(kept, log);
  return {
    kept,
    log,
    rival,
    standing,
    controlKey,
    instanceKey,
    certificate: certificate2,
    certificates,
    certificateHash: certificateHash(crypto2.hash, certificate2),
    record,
    inboxKey: inboxKey2,
    inboxSecrets: secrets,
    bundle: encodeBundle({ ...shown(kept, standing), certificates: kept.certificates, records: [kept.record] })
  };
}
function shown({ log, rival }, standing) {
  return standing === "frozen" ? joinLogs({ log, rival: [] }, { log: rival, rival: [] }) : { log, rival: [] };
}
function standingOf({ log, rival }, state) {
  const relation = rival.length === 0 ? "same" : relateLogs(log, rival);
  if (relation === "forked") return "frozen";
  if (relation === "behind" || relation === "outranked") return "superseded";
  return state.retired === void 0 ? "in-force" : "retired";
}
async function borneOut(crypto2, log, certificates) {
  const judged = await Promise.all(
    certificates.map(
      (each) => verifyCertificate(crypto2, log, each).then(
        () => true,
        () => false
      )
    )
  );
  return certificates.filter((_, index) => judged[index]);
}

// packages/perdure/src/identity/own-changes.ts
async function nextRecord({ host, settings, state, nowMs }, changes, instanceKey = state.instanceKey) {
  return await signRecord(host.crypto, instanceKey, {
    ...state.record,
    inboxKeys: state.record.inboxKeys.map((key) => ({ ...key, notAfterMs: nowMs + settings.recordValidMs })),
    freshUntilMs: nowMs + settings.recordFreshMs,
    validUntilMs: nowMs + settings.recordValidMs,
    ...changes,
    instanceKey: instanceKey.publicKey,
    recordVersion: state.record.recordVersion + 1
  });
}
async function withCertificate({ host, settings, state, nowMs }, log, controlKey, instanceKey) {
  const certificate2 = await signCertificate({
    crypto: host.crypto,
    controlKey,
    log,
    instanceKey,
    scope: state.certificate.scopes[0] ?? "mail",
    nowMs,
    lifeMs: settings.certificateMs
  });
  return [...await borneOut(host.crypto, log, state.kept.certificates), certificate2].slice(-BUNDLE_CERTIFICATES);
}
async function withGeneration(changing) {
  const { host, settings, state, nowMs } = changing;
  const { inboxKey: inboxKey2, ...inbox } = await nextGeneration(host, state.kept, settings, nowMs);
  return { ...state.kept, ...inbox, record: await nextRecord(changing, { inboxKeys: [inboxKey2] }) };
}
async function newInstance(changing, log, controlKey) {
  const { host, settings, state, nowMs } = changing;
  const { key: instanceKey, kept: instanceSeed } = await host.crypto.signatures.create(host.random);
  const { inboxKey: inboxKey2, ...inbox } = await nextGeneration(host, state.kept, settings, nowMs);
  return {
    ...inbox,
    instanceSeed,
    certificates: await withCertificate(changing, log, controlKey, instanceKey.publicKey),
    record: await nextRecord(changing, { inboxKeys: [inboxKey2] }, instanceKey)
  };
}
async function withControlEvent2({ host, state }, said) {
  const event = await signControlEvent(host.crypto, state.log, said([state.controlKey]));
  return { ...state.kept, log: [...state.kept.log, event] };
}
async function withInstanceReplaced(changing) {
  const { host, state, nowMs } = changing;
  const body = { instanceKey: state.instanceKey.publicKey, voidFromMs: nowMs, reason: "replaced", extensions: [] };
  const kept = await withControlEvent2(changing, (keys) => ({ kind: "instance-revoke", body, keys, nowMs }));
  const log = await verifyLog(host.crypto, kept.log);
  return { ...kept, ...await newInstance(changing, log, state.controlKey) };
}
function baseOf({ kept, log, rival, standing }) {
  return standing === "superseded" && rival !== void 0 ? { encoded: kept.rival, log: rival } : { encoded: kept.log, log };
}
async function withRotation(changing, wish) {
  const { host, state, nowMs } = changing;
  const base = baseOf(state);
  const event = await signRotation(host.crypto, base.log, {
    revealed: [wish.revealed.key],
    nextPublicKeys: [wish.nextPublicKey],
    recoverySalt: wish.recoverySalt,
    body: { voidFromSeq: wish.voidFromSeq ?? base.log.seq + 1, oldKeysUntilMs: wish.oldKeysUntilMs, extensions: [] },
    nowMs
  });
  const encoded = [...base.encoded, event];
  const log = await verifyLog(host.crypto, encoded);
  return {
    ...state.kept,
    log: encoded,
    rival: stillRival(encoded, state.kept.rival),
    controlSeed: wish.revealed.seed,
    ...await newInstance(changing, log, wish.revealed.key)
  };
}
async function withRetirement({ host, state, nowMs }, wish) {
  if (state.standing === "superseded") throw notOurs();
  const { revealed, ...body } = wish;
  const event = await signRetirement(host.crypto, state.log, { revealed: [revealed.key], body: { ...body, extensions: [] }, nowMs });
  const encoded = [...state.kept.log, event];
  return { ...state.kept, log: encoded, rival: stillRival(encoded, state.kept.rival), controlSeed: revealed.seed, next: void 0 };
}
async function withSeen({ crypto: crypto2 }, { kept, log }, bundle) {
  const parts = identityBundle.decode(bundle);
  let seen = { adoption: "nothing", kept };
  for (const other of [parts.log, rivalLog(parts)]) {
    if (other === void 0) continue;
    const state = await verifyLog(crypto2, other);
    if (!equalBytes(state.idRaw, log.idRaw))
      throw new PerdureError("bad-signature", "the bundle that was offered as this agent's own is of another");
    seen = taken(seen, log, other, state);
  }
  return seen;
}
function taken(seen, own, other, state) {
  const { kept } = seen;
  const relation = relateLogs(kept.log, other);
  if (relation === "same" || relation === "continues" || relation === "outranks") return seen;
  const sameKeys = own.controlKeys.every((key, index) => equalBytes(key, state.controlKeys[index] ?? EMPTY));
  if (relation === "behind" && sameKeys && state.retired === void 0)
    return { adoption: "continued", kept: { ...kept, log: other, rival: stillRival(other, kept.rival) } };
  const held = kept.rival.length === 0 ? void 0 : relateLogs(kept.rival, other);
  const isNews = held === void 0 || held === "behind" || held === "outranked";
  if (!isNews) return seen;
  return { adoption: relation === "forked" ? "forked" : "superseded", kept: { ...kept, rival: other } };
}
function stillRival(log, rival) {
  if (rival.length === 0) return rival;
  const relation = relateLogs(log, rival);
  return relation === "same" || relation === "continues" || relation === "outranks" ? [] : rival;
}
function notOurs() {
  return new PerdureError("instance-revoked", "the control key of this agent was replaced elsewhere; this folder no longer has it", {
    hint: "Go on in the folder that replaced it. With the newest recovery file: perdure id rotate --recovery <file>."
  });
}

// packages/perdure/src/identity/recovery.ts
var CHECKSUM_DOMAIN = utf8("perdure/recovery-file/1");
var CHECKSUM_BYTES2 = 3;
var SECRET_BYTES3 = 32;
var TITLE = "Perdure recovery file";
var VERSION_LABEL = "Version";
var LABELS = { seed: "Next key", recoverySalt: "Recovery salt" };
function formatRecovery(hash2, recovery, name) {
  return [
    TITLE,
    "=====================",
    "",
    "Keep this page away from the machine the agent runs on, and keep it secret.",
    "It holds the agent's next control key. Whoever has it together with the agent's",
    "current key can take the identity over; without it the identity cannot be moved",
    "to new keys. It does not open any mail and daily work never needs it.",
    "",
    `${VERSION_LABEL}: ${WIRE_VERSION}`,
    `Agent: ${recovery.agentId}`,
    ...name === void 0 ? [] : [`Name: ${name}`],
    `${LABELS.seed}: ${formatSecret(hash2, recovery.agentId, LABELS.seed, recovery.seed)}`,
    `${LABELS.recoverySalt}: ${formatSecret(hash2, recovery.agentId, LABELS.recoverySalt, recovery.recoverySalt)}`,
    ""
  ].join("\n");
}
function parseRecovery(hash2, text2) {
  const lines = text2.split(/\r?\n/);
  const lineOf = (label) => {
    const line = lines.find((each) => each.startsWith(`${label}:`));
    if (line === void 0) throw wrongPage(`it has no line "${label}:"`);
    return line.slice(label.length + 1).trim();
  };
  refuseOther2(lines);
  const agentId5 = lineOf("Agent");
  if (!isAgentId(agentId5)) throw wrongPage('the line "Agent:" is not an agent id');
  return {
    agentId: agentId5,
    seed: parseSecret(hash2, agentId5, LABELS.seed, lineOf(LABELS.seed)),
    recoverySalt: parseSecret(hash2, agentId5, LABELS.recoverySalt, lineOf(LABELS.recoverySalt))
  };
}
async function verifyRecovery(crypto2, recovery, log) {
  if (!equalBytes(agentIdBytes(recovery.agentId), log.idRaw))
    throw new PerdureError("wrong-recipient", `the recovery file is of ${recovery.agentId}`);
  const key = await crypto2.signatures.load(recovery.seed);
  const committed = nextKeyCommitment(crypto2.hash, key.publicKey);
  const opens = log.nextCommitments.some((each) => equalBytes(each, committed));
  if (!opens || !equalBytes(recoveryCommitment(crypto2.hash, recovery.recoverySalt), log.recoveryCommitment)) {
    throw new PerdureError("wrong-commitment", "the recovery file's secrets are not those the agent committed to");
  }
}
function refuseOther2(lines) {
  if (!lines.some((line) => line.trim() === TITLE)) return;
  const said = lines.find((line) => line.startsWith(`${VERSION_LABEL}:`))?.slice(VERSION_LABEL.length + 1) ?? "0";
  const found2 = Number(said);
  if (Number.isSafeInteger(found2) && found2 !== WIRE_VERSION)
    throw otherVersion({
      what: "the recovery file",
      found: found2,
      older: "Use it with the perdure that wrote it; it opens no agent of this version."
    });
}
function formatSecret(hash2, agentId5, label, secret) {
  return (base32(concat2(secret, checksum(hash2, agentId5, label, secret))).match(/.{1,4}/g) ?? []).join(" ");
}
function parseSecret(hash2, agentId5, label, text2) {
  const whole = fromBase32(text2.replace(/\s/g, "").toLowerCase());
  const secret = whole?.subarray(0, SECRET_BYTES3);
  if (whole?.length !== SECRET_BYTES3 + CHECKSUM_BYTES2 || secret === void 0 || !equalBytes(whole.subarray(SECRET_BYTES3), checksum(hash2, agentId5, label, secret))) {
    throw wrongPage(`the line "${label}:" has a mistake in it, or belongs to another agent`);
  }
  return secret.slice();
}
function checksum(hash2, agentId5, label, secret) {
  return hash2.sha256(concat2(CHECKSUM_DOMAIN, agentIdBytes(agentId5), utf8(label), secret)).subarray(0, CHECKSUM_BYTES2);
}
function wrongPage(why) {
  return new PerdureError("malformed", `recovery file: ${why}`, { hint: "Compare it with the original letter by letter." });
}

// packages/perdure/src/identity/whole-file.ts
async function replaceFile(files, path, bytes2) {
  await writeAside(files, path, bytes2);
  await files.rename(asidePath(path), path);
}
async function writeAside(files, path, bytes2) {
  const aside = asidePath(path);
  await files.remove(aside);
  const file = await files.open(aside, "write");
  try {
    await file.write(0, bytes2);
    await file.sync();
  } finally {
    await file.close();
  }
}
function asidePath(path) {
  return `${path}.new`;
}
async function readWhole(files, path, maxBytes) {
  const file = await files.open(path, "read").catch((error) => {
    if (isPerdureError(error) && error.code === "not-found") return void 0;
    throw error;
  });
  if (file === void 0) return void 0;
  try {
    return await file.read(0, Math.min(await file.size(), maxBytes));
  } finally {
    await file.close();
  }
}

// packages/perdure/src/identity/recovery-file.ts
var RECOVERY_BYTES = 16 * 1024;
var CHALLENGE_BYTES = 32;
var PROOF_DOMAIN = utf8("perdure/key-proof/1");
async function readRecoveryFile(files, hash2, path) {
  const bytes2 = await readWhole(files, path, RECOVERY_BYTES);
  if (bytes2 === void 0)
    throw new PerdureError("not-found", `there is no recovery file at ${path}`, { hint: "Name it with --recovery <file>." });
  return parseRecovery(hash2, pageText(bytes2));
}
async function keepRecoveryFile({ files, crypto: crypto2, random, path, content, name }) {
  await replaceFile(files, path, utf8(formatRecovery(crypto2.hash, content, name)));
  try {
    const { seed } = await readRecoveryFile(files, crypto2.hash, path);
    await proveKey(crypto2, random, seed, await commitmentOf(crypto2, content.seed));
  } catch (cause) {
    throw new PerdureError("disk-failed", `the recovery file at ${path} does not read back as written`, {
      cause,
      hint: "Choose another place for it."
    });
  }
}
async function clearPlace(files, hash2, path, isLeftOver) {
  const there = await readWhole(files, path, RECOVERY_BYTES);
  if (there === void 0) return;
  const page = parsePage(hash2, there);
  if (page === void 0 || !await isLeftOver(page))
    throw new PerdureError("bad-argument", `there is a file at ${path} already`, {
      hint: "It may be a recovery file somebody needs. Choose another path."
    });
  await files.remove(path);
}
async function commitmentOf(crypto2, seed) {
  return nextKeyCommitment(crypto2.hash, (await crypto2.signatures.load(seed)).publicKey);
}
async function proveKey(crypto2, random, seed, commitment) {
  const key = await crypto2.signatures.load(seed);
  const challenge2 = concat2(PROOF_DOMAIN, random.bytes(CHALLENGE_BYTES));
  const signature2 = await crypto2.signatures.sign(key, challenge2);
  const isCommitted = equalBytes(nextKeyCommitment(crypto2.hash, key.publicKey), commitment);
  if (!isCommitted || !await crypto2.signatures.verify(key.publicKey, challenge2, signature2))
    throw new PerdureError("key-damaged", "the next control key does not sign what it should");
}
async function wipeRecoveryFile(files, path, why) {
  const file = await files.open(path, "write");
  try {
    const bytes2 = utf8(`${why}
`.padEnd(await file.size(), "\n"));
    await file.write(0, bytes2);
    await file.sync();
  } finally {
    await file.close();
  }
}
function parsePage(hash2, bytes2) {
  try {
    return parseRecovery(hash2, pageText(bytes2));
  } catch (error) {
    if (isPerdureError(error)) return void 0;
    throw error;
  }
}
function pageText(bytes2) {
  try {
    return fromUtf8(bytes2);
  } catch (cause) {
    throw new PerdureError("malformed", "recovery file: it is not text", { cause });
  }
}

// packages/perdure/src/identity/next-key.ts
async function revealNext({ files, crypto: crypto2, random }, kept, log, recoveryPath) {
  const inFolder = kept.next === void 0 ? void 0 : { ...kept.next, agentId: agentIdText(log.idRaw) };
  const secret = recoveryPath === void 0 ? inFolder : await readRecoveryFile(files, crypto2.hash, recoveryPath);
  if (secret === void 0)
    throw new PerdureError("bad-argument", "the next control key of this agent is in its recovery file and nowhere else", {
      hint: "Name that file with --recovery <file>."
    });
  await verifyRecovery(crypto2, secret, log);
  const isPage = recoveryPath !== void 0;
  const seed = isPage && crypto2.keyStore !== void 0 ? await crypto2.keyStore.takeIn(secret.seed, random) : secret.seed;
  return { seed, key: await crypto2.signatures.load(seed) };
}
async function drawNext({ crypto: crypto2, random }, custody) {
  const seed = custody === "together" ? (await crypto2.signatures.create(random)).kept : random.bytes(32);
  return { seed, recoverySalt: random.bytes(32) };
}

// packages/perdure/src/identity/rotation.ts
async function rotate(keeping, wish) {
  const { host, settings } = keeping;
  const { crypto: crypto2, files, random } = host;
  const { recoveryPath, newRecoveryPath, nowMs } = wish;
  const before = keeping.state();
  const { kept, standing } = before;
  if (standing === "retired") throw alreadyRetired();
  if (standing === "superseded" && recoveryPath === void 0) throw notOurs();
  const custody = newRecoveryPath === void 0 ? wish.custody ?? kept.custody : "split";
  if (custody === "split" && newRecoveryPath === void 0)
    throw new PerdureError("bad-argument", "the key after next needs a place to lie", {
      hint: "Name a new recovery file with --new-recovery <file>, away from this machine."
    });
  if (custody === "together" && recoveryPath === void 0 && kept.custody === "split")
    throw new PerdureError("bad-argument", "the next control key of this agent is in its recovery file and nowhere else", {
      hint: "Name that file with --recovery <file>."
    });
  const base = baseOf(before);
  const revealed = await revealNext(host, kept, base.log, recoveryPath);
  const after = await drawNext(host, custody);
  const commitment = await commitmentOf(crypto2, after.seed);
  if (newRecoveryPath !== void 0) {
    const isBegun = async (seed) => includes(kept.begun, await commitmentOf(crypto2, seed));
    await clearPlace(files, crypto2.hash, newRecoveryPath, (page) => isBegun(page.seed));
    await keeping.keep({ ...kept, begun: [...kept.begun, commitment].slice(-MAX_BEGUN) });
    const content = { agentId: agentIdText(before.log.idRaw), ...after };
    await keepRecoveryFile({ files, crypto: crypto2, random, path: newRecoveryPath, content, name: before.record.name });
  }
  const rotated = await withRotation(
    { host, settings, state: keeping.state(), nowMs },
    {
      revealed,
      nextPublicKey: (await crypto2.signatures.load(after.seed)).publicKey,
      recoverySalt: after.recoverySalt,
      oldKeysUntilMs: wish.oldKeysUntilMs ?? nowMs + settings.oldKeysGraceMs,
      voidFromSeq: wish.voidFromSeq
    }
  );
  const next = custody === "together" ? after : void 0;
  const begun = rotated.begun.filter((each) => !equalBytes(each, commitment));
  await keeping.keep({ ...rotated, custody, next, begun }, async (read2) => {
    if (custody === "together") await proveKey(crypto2, random, read2.next?.seed ?? EMPTY, commitment);
  });
  const { seq } = keeping.state().log;
  if (recoveryPath !== void 0)
    await wipeRecoveryFile(files, recoveryPath, `The next key of ${agentIdText(before.log.idRaw)} was here until its event ${seq}.`).catch(
      (error) => host.log.write("warn", "identity.recovery-file-not-wiped", { path: recoveryPath, why: String(error) })
    );
  return { seq, custody };
}
async function retire(keeping, wish) {
  const { host, settings } = keeping;
  const { nowMs, reason } = wish;
  const state = keeping.state();
  if (state.standing === "superseded") throw notOurs();
  if (state.standing === "retired") throw alreadyRetired();
  const revealed = await revealNext(host, state.kept, state.log, wish.recoveryPath);
  await keeping.keep(
    await withRetirement(
      { host, settings, state, nowMs },
      { revealed, reason, successor: wish.successor ?? EMPTY, oldKeysUntilMs: wish.oldKeysUntilMs ?? nowMs + MAX_EXPIRY_MS }
    )
  );
}
function alreadyRetired() {
  return new PerdureError("identity-retired", "this agent is retired: nothing follows in its log");
}
function includes(all, one) {
  return all.some((each) => equalBytes(each, one));
}

// packages/perdure/src/identity/acting-identity.ts
function createActingIdentity({ host, settings, vault, first }) {
  const { crypto: crypto2 } = host;
  let state = first;
  let last = Promise.resolve();
  const change = (work) => {
    const result2 = last.then(work);
    last = result2.catch(() => void 0);
    return result2;
  };
  const keep = async (kept, check) => {
    const next = await loadState(crypto2, kept, vault.path);
    const read2 = await vault.prepare(kept, next.bundle);
    await check?.(read2);
    await vault.release();
    const before = state.kept;
    state = next;
    await destroyDropped(host, before, kept);
  };
  const keeping = { host, settings, state: () => state, keep };
  const changing = (nowMs) => ({ host, settings, state, nowMs });
  const isRevoked = () => state.log.revoked.some(({ instanceKey }) => equalBytes(instanceKey, state.instanceKey.publicKey));
  const changeLog = (nowMs, work) => change(async () => {
    refuseUnlessInForce(state);
    await keep(await work(changing(nowMs)));
  });
  const renew = async (nowMs) => {
    const destroys = hasDue(state.kept, nowMs);
    if (state.standing !== "in-force" || isRevoked()) {
      if (destroys) await keep({ ...state.kept, ...withoutDue(state.kept, nowMs) });
      return false;
    }
    const { notBeforeMs, notAfterMs } = state.certificate;
    const certificateDue = thirdPassed(notBeforeMs, notAfterMs, nowMs);
    const recordDue = thirdPassed(state.record.validUntilMs - settings.recordValidMs - BACKDATE_MS, state.record.validUntilMs, nowMs);
    const worn = isWorn(state.kept, settings, nowMs);
    if (!certificateDue && !recordDue && !worn) {
      if (destroys) await keep({ ...state.kept, ...withoutDue(state.kept, nowMs) });
      return false;
    }
    const certificates = certificateDue ? await withCertificate(changing(nowMs), state.log, state.controlKey, state.instanceKey.publicKey) : state.kept.certificates;
    const kept = worn ? await withGeneration(changing(nowMs)) : { ...state.kept, ...withoutDue(state.kept, nowMs), record: await nextRecord(changing(nowMs), {}) };
    await keep({ ...kept, certificates });
    return true;
  };
  return {
    id: agentIdText(first.log.idRaw),
    idRaw: first.log.idRaw,
    get custody() {
      return state.kept.custody;
    },
    get name() {
      return state.record.name;
    },
    get instanceKey() {
      return state.instanceKey;
    },
    get certificateHash() {
      return state.certificateHash;
    },
    get logHead() {
      return state.log.head;
    },
    get log() {
      return state.log;
    },
    get standing() {
      return state.standing;
    },
    get instance() {
      const { notAfterMs, validUntilMs, scopes } = state.certificate;
      const scope = scopes[0] ?? "mail";
      return { publicKey: state.instanceKey.publicKey, scope, notAfterMs, validUntilMs, revoked: isRevoked() };
    },
    get instances() {
      const all = new Map(
        state.certificates.map(({ instanceKey, validUntilMs }) => [hex(instanceKey), { publicKey: instanceKey, validUntilMs }])
      );
      return [...all.values()];
    },
    get inboxKey() {
      return state.inboxKey;
    },
    get generations() {
      return state.kept.inboxSecrets.map(({ keyId, generation: generation2, madeAtMs, destroyAtMs }) => ({ keyId, generation: generation2, madeAtMs, destroyAtMs }));
    },
    get isSealed() {
      return vault.isSealed;
    },
    inboxSecret: (keyId) => state.inboxSecrets.get(hex(keyId)),
    isDestroyed: (keyId) => state.kept.destroyed.some((each) => equalBytes(each, keyId)),
    bundle: () => state.bundle,
    homes: () => state.record.homes,
    setHome: (home2, nowMs) => change(async () => {
      const pinned = state.log.homes;
      if (pinned !== void 0 && !pinned.some(({ relayId: relayId2 }) => equalBytes(relayId2, home2.relayId)))
        throw new PerdureError("bad-argument", `the log of this agent allows other homes only, not ${agentIdText(home2.relayId)}`, {
          hint: "Pin that relay first: perdure id pin-home."
        });
      await keep({ ...state.kept, record: await nextRecord(changing(nowMs), { homes: [home2] }) });
    }),
    renewIfDue: (nowMs) => change(() => renew(nowMs)),
    rotate: (wish) => change(() => rotate(keeping, wish)),
    retire: (wish) => change(() => retire(keeping, wish)),
    revokeInstance: ({ instanceKey, voidFromMs, reason, nowMs }) => changeLog(nowMs, async (changing2) => {
      if (equalBytes(instanceKey, state.instanceKey.publicKey))
        throw new PerdureError("bad-argument", "this is the instance that is asked to revoke itself", {
          hint: "Replace it: perdure id claim."
        });
      const body = { instanceKey, voidFromMs, reason, extensions: [] };
      const { log } = await withControlEvent2(changing2, (keys) => ({ kind: "instance-revoke", body, keys, nowMs }));
      return { ...await withGeneration(changing2), log };
    }),
    replaceInstance: (nowMs) => changeLog(nowMs, withInstanceReplaced),
    setHomesInLog: (homes, nowMs) => changeLog(
      nowMs,
      (changing2) => withControlEvent2(changing2, (keys) => ({ kind: "home-set", body: { homes, extensions: [] }, keys, nowMs }))
    ),
    anchor: ({ root, about, nowMs }) => changeLog(
      nowMs,
      (changing2) => withControlEvent2(changing2, (keys) => ({ kind: "anchor", body: { root, about, extensions: [] }, keys, nowMs }))
    ),
    adopt: (bundle) => change(async () => {
      const { adoption, kept } = await withSeen(host, state, bundle);
      if (adoption !== "nothing") await keep(kept);
      return adoption;
    }),
    setPassphrase: (passphrase) => change(async () => {
      const by = passphrase === void 0 ? void 0 : await newSealingKey(crypto2, host.random, passphrase, costOf(settings));
      const back = vault.sealWith(by);
      try {
        await keep(state.kept);
      } catch (error) {
        back();
        throw error;
      }
    }),
    export: (passphrase) => change(() => exportFile(host, settings, state, passphrase))
  };
}
async function destroyDropped({ crypto: crypto2, log }, before, after) {
  if (crypto2.keyStore === void 0) return;
  const stay = new Set(namesIn(after).map(hex));
  try {
    await crypto2.keyStore.destroy(namesIn(before).filter((name) => !stay.has(hex(name))));
  } catch (error) {
    log.write("warn", "identity.keys-not-destroyed", { why: String(error) });
  }
}
function namesIn({ controlSeed, instanceSeed, inboxSecrets, next }) {
  return [controlSeed, instanceSeed, ...inboxSecrets.map(({ secret }) => secret), ...next === void 0 ? [] : [next.seed]];
}
function refuseUnlessInForce({ standing }) {
  if (standing === "superseded") throw notOurs();
  if (standing === "retired") throw new PerdureError("identity-retired", "this agent is retired: nothing follows in its log");
  if (standing === "frozen")
    throw new PerdureError("identity-forked", "somebody else wrote to this agent's log with a copy of its control key", {
      hint: "Take the agent back: perdure id rotate. Nothing else can be changed until then."
    });
}
function thirdPassed(beginMs, endMs, nowMs) {
  return nowMs < beginMs || nowMs >= beginMs + (endMs - beginMs) / 3;
}

// packages/perdure/src/identity/custody.ts
function identityPath(folder) {
  return `${folder}/identity/keys.cbor`;
}
async function readShown(files, hash2, folder) {
  const file = await readKeptFile(files, hash2, identityPath(folder));
  if (file === void 0) return void 0;
  if (file.kind === "sealed") return { custody: file.sealed.custody, bundle: file.sealed.bundle, isSealed: true };
  const { custody, log, certificates, record } = file.kept;
  return { custody, bundle: encodeBundle({ log, certificates, records: [record] }), isSealed: false };
}
async function openKept(files, crypto2, folder, passphrase) {
  const path = identityPath(folder);
  const file = await readKeptFile(files, crypto2.hash, path);
  if (file === void 0) return void 0;
  return file.kind === "plain" ? { kept: file.kept, by: void 0 } : await unsealIdentity(crypto2, file.sealed, passphrase, path);
}
async function keepFirst({ files, crypto: crypto2, random, vault, kept, bundle, recovery }) {
  if (recovery !== void 0) await clearPlace(files, crypto2.hash, recovery.path, await leftOvers(files, crypto2, vault.path));
  await vault.prepare(kept, bundle);
  if (recovery !== void 0) await keepRecoveryFile({ files, crypto: crypto2, random, ...recovery });
  await vault.release();
}
async function leftOvers(files, crypto2, path) {
  const unfinished = await readKeptFile(files, crypto2.hash, asidePath(path)).catch(ignoreDamage);
  if (unfinished === void 0) return async () => false;
  const log = unfinished.kind === "plain" ? unfinished.kept.log : identityBundle.decode(unfinished.sealed.bundle).log;
  const { idRaw } = await verifyLog(crypto2, log);
  return async (page) => page.agentId === agentIdText(idRaw);
}
function ignoreDamage(error) {
  if (isPerdureError(error) && error.code === "key-damaged") return void 0;
  throw error;
}
async function readKeptFile(files, hash2, path) {
  const whole = await readWhole(files, path, KEPT_FILE_BYTES);
  return whole === void 0 ? void 0 : decodeKeptFile(hash2, whole, path);
}

// packages/perdure/src/identity/vault.ts
function createVault({ files, crypto: crypto2, random, path, by: first }) {
  let by = first;
  return {
    path,
    get isSealed() {
      return by !== void 0;
    },
    async prepare(kept, bundle) {
      const sealed2 = by === void 0 ? void 0 : await sealIdentity({ crypto: crypto2, random, by, purpose: "folder", kept, bundle });
      const bytes2 = encodeKeptFile(crypto2.hash, sealed2 === void 0 ? { kind: "plain", kept } : { kind: "sealed", sealed: sealed2 });
      await writeAside(files, path, bytes2);
      const read2 = await readWhole(files, asidePath(path), KEPT_FILE_BYTES);
      if (read2 === void 0 || !equalBytes(read2, bytes2))
        throw new PerdureError("disk-failed", `the identity for ${path} does not read back as written`, {
          hint: "This disk cannot be trusted with keys. Nothing was changed."
        });
      const file = decodeKeptFile(crypto2.hash, read2, path);
      if (file.kind === "plain") return file.kept;
      if (by === void 0) throw new PerdureError("internal", "a sealed file was read back where a plain one was written");
      return await openSealed(crypto2, file.sealed, by, path);
    },
    release: () => files.rename(asidePath(path), path),
    sealWith(next) {
      const before = by;
      by = next;
      return () => {
        by = before;
      };
    }
  };
}

// packages/perdure/src/identity/own-identity.ts
async function createIdentity(wish) {
  const { host, folder, role, custody, recoveryPath, name, passphrase, settings } = wish;
  refuseUnclear(wish);
  const { files, crypto: crypto2, random, clock } = host;
  if (await readShown(files, crypto2.hash, folder) !== void 0) {
    throw new PerdureError("agent-exists", `there is an identity in ${folder} already`, { hint: "Use it, or choose another folder." });
  }
  const nowMs = clock.wallMs();
  const { key: controlKey, kept: controlSeed } = await crypto2.signatures.create(random);
  const { key: instanceKey, kept: instanceSeed } = await crypto2.signatures.create(random);
  const next = await drawNext(host, custody);
  const event = await signInception({
    crypto: crypto2,
    controlKey,
    nextPublicKey: (await crypto2.signatures.load(next.seed)).publicKey,
    recoverySalt: next.recoverySalt,
    nowMs
  });
  const log = await verifyLog(crypto2, [event]);
  const { inboxKey: inboxKey2, ...inbox } = await nextGeneration(host, { inboxSecrets: [], destroyed: [] }, settings, nowMs);
  const certificate2 = await signCertificate({
    crypto: crypto2,
    controlKey,
    log,
    instanceKey: instanceKey.publicKey,
    scope: role,
    nowMs,
    lifeMs: settings.certificateMs
  });
  const record = await signRecord(crypto2, instanceKey, {
    version: WIRE_VERSION,
    agentId: log.idRaw,
    instanceKey: instanceKey.publicKey,
    recordVersion: 1,
    name,
    inboxKeys: [inboxKey2],
    homes: [],
    capabilities: [],
    freshUntilMs: nowMs + settings.recordFreshMs,
    validUntilMs: nowMs + settings.recordValidMs,
    extensions: []
  });
  const kept = {
    version: WIRE_VERSION,
    custody,
    log: [event],
    rival: [],
    certificates: [certificate2],
    record,
    controlSeed,
    instanceSeed,
    ...inbox,
    next: custody === "together" ? next : void 0,
    begun: [],
    extensions: []
  };
  const path = identityPath(folder);
  const by = passphrase === void 0 ? void 0 : await newSealingKey(crypto2, random, passphrase, costOf(settings));
  const vault = createVault({ files, crypto: crypto2, random, path, by });
  const { bundle } = await loadState(crypto2, kept, path);
  const recovery = recoveryPath === void 0 ? void 0 : { path: recoveryPath, content: { agentId: agentIdText(log.idRaw), ...next }, name };
  await keepFirst({ files, crypto: crypto2, random, vault, kept, bundle, recovery });
  return await openIdentity({ host, folder, settings, ...passphrase === void 0 ? {} : { passphrase } });
}
function refuseUnclear({ name, custody, recoveryPath }) {
  if (name !== void 0 && !isAgentName(name)) {
    throw new PerdureError("bad-argument", `"${name}" cannot be a name`, {
      hint: "Use 1 to 32 lower-case letters, digits and inner hyphens."
    });
  }
  if (custody === "split" !== (recoveryPath !== void 0)) {
    throw new PerdureError(
      "bad-argument",
      custody === "split" ? "custody split needs a path for the recovery file" : "a recovery file is written only with custody split"
    );
  }
}
async function openIdentity({ host, folder, passphrase, settings }) {
  const { files, crypto: crypto2, random } = host;
  const opened = await openKept(files, crypto2, folder, passphrase);
  if (opened === void 0)
    throw new PerdureError("no-agent-here", `there is no identity in ${folder}`, { hint: "Create one with `perdure init`." });
  const { kept, by } = opened;
  if (kept.version !== WIRE_VERSION) throw otherVersion({ what: `the identity in ${folder}`, found: kept.version, older: FOLDER_OF_OLDER });
  const path = identityPath(folder);
  const first = await loadState(crypto2, kept, path);
  const own = createActingIdentity({ host, settings, first, vault: createVault({ files, crypto: crypto2, random, path, by }) });
  const nowMs = host.clock.wallMs();
  try {
    await own.renewIfDue(nowMs);
  } catch (error) {
    if (!validAt(first.certificate, nowMs)) throw error;
    host.log.write("warn", "identity.renewal-failed", { folder, why: String(error) });
  }
  return own;
}

// packages/perdure/src/identity/padding.ts
var SMALLEST_PADDED_BYTES = 256;
function paddedLength(lengthBytes) {
  if (lengthBytes <= SMALLEST_PADDED_BYTES) return SMALLEST_PADDED_BYTES;
  const exponent = floorLog2(lengthBytes);
  const keptBits = floorLog2(exponent) + 1;
  const step2 = 2 ** (exponent - keptBits);
  return Math.ceil(lengthBytes / step2) * step2;
}
function floorLog2(value) {
  return 31 - Math.clz32(value);
}

// packages/perdure/src/identity/sealing.ts
var ENCAPSULATED_BYTES = 32;
var SALT_BYTES2 = 32;
var COMMITMENT_BYTES = 32;
var KEY_BYTES7 = 32;
var AEAD_TAG_BYTES = 16;
var SIGNATURE_BYTES2 = 64;
var LENGTH_BYTES = 4;
var BEFORE_CIPHERTEXT_BYTES = ENCAPSULATED_BYTES + SALT_BYTES2 + COMMITMENT_BYTES;
var EXPIRY_SLACK_MS = 24 * 60 * 60 * 1e3;
async function sealPart(part2) {
  const { crypto: crypto2, random, own, recipient, content } = part2;
  if (recipient.inboxKey === void 0) {
    throw new PerdureError("unknown-inbox-key", `${recipient.id} has no inbox key in force`, {
      retry: "after",
      hint: "It gets a new one when its agent is opened again."
    });
  }
  const { instanceKey, logHead, certificateHash: certificateHash2 } = own;
  const head = { ...part2.head, logHead, certificateHash: certificateHash2 };
  refuseInconsistent(head, part2, content.length);
  const unsigned2 = layOutPlaintext(sealedHead.encode(head), content);
  const header = {
    class: part2.class,
    from: own.idRaw,
    to: recipient.idRaw,
    stream: part2.stream,
    seq: part2.seq,
    expiresAtMs: part2.expiresAtMs,
    inboxKeyId: recipient.inboxKey.keyId,
    suite: SUITE_X25519_AES256GCM
  };
  const bound = encodeBoundHeader(header, BEFORE_CIPHERTEXT_BYTES + SIGNATURE_BYTES2 + unsigned2.length + AEAD_TAG_BYTES);
  const { encapsulated, secret } = await crypto2.encapsulation.encapsulate(recipient.inboxKey.publicKey, concat2(DOMAINS.seal, bound));
  const signature2 = await crypto2.signatures.sign(
    instanceKey,
    toBeSigned("inner", saidInside(crypto2, header, certificateHash2, encapsulated, unsigned2))
  );
  const salt = crypto2.hash.sha256(concat2(random.bytes(SALT_BYTES2), signature2));
  const { key, commitment } = deriveKey(crypto2, secret, salt, bound);
  const before = concat2(encapsulated, salt, commitment);
  const ciphertext = await crypto2.aead.seal(key, concat2(signature2, unsigned2), concat2(bound, before));
  return encodeEnvelope(header, concat2(before, ciphertext), crypto2.hash.sha256);
}
async function openPart({ crypto: crypto2, own, envelope, known, nowMs, storedAtMs, onFrozen }) {
  if (!equalBytes(envelope.to, own.idRaw)) throw new PerdureError("wrong-recipient", "the envelope is addressed to another agent");
  if (!digestMatches(envelope, crypto2.hash.sha256)) throw malformed6("its digest is wrong");
  if (envelope.suite !== SUITE_X25519_AES256GCM) throw malformed6("it is not sealed");
  if (envelope.expiresAtMs > nowMs + MAX_EXPIRY_MS + EXPIRY_SLACK_MS)
    throw new PerdureError("expiry-out-of-range", "the envelope expires more than 30 days from now");
  const { plaintext, encapsulated } = await unseal(crypto2, own, envelope);
  const { signature: signature2, unsigned: unsigned2, head, content } = readPlaintext(plaintext);
  if (head.version !== WIRE_VERSION) throw otherVersion({ what: "a sealed head", found: head.version, older: PEER_OF_OLDER });
  refuseInconsistent(head, envelope, content.length);
  if (head.parts === 1 && !equalBytes(crypto2.hash.sha256(content), head.wholeHash))
    throw malformed6("its content is not the one its head names");
  const sender = await senderOf(crypto2, envelope, head, known, storedAtMs);
  if (sender.frozen) {
    onFrozen?.(sender);
    throw new PerdureError("identity-forked", `two histories of ${sender.id} contradict each other`, {
      retry: "after",
      hint: "What it writes is held until its owner decides which of them counts."
    });
  }
  const { instanceKey } = certificateOf(crypto2, sender, head, storedAtMs);
  const said = saidInside(crypto2, envelope, head.certificateHash, encapsulated, unsigned2);
  if (!await crypto2.signatures.verify(instanceKey, toBeSigned("inner", said), signature2))
    throw new PerdureError("bad-signature", `${sender.id} did not write this to this agent`);
  return { head, content, sender, signed: { said, signature: signature2, plaintext: unsigned2 } };
}
async function unseal(crypto2, own, envelope) {
  const { body } = envelope;
  if (body.length < BEFORE_CIPHERTEXT_BYTES + AEAD_TAG_BYTES) throw malformed6("its body is cut off");
  const inbox = own.inboxSecret(envelope.inboxKeyId);
  if (inbox === void 0) throw new PerdureError("unknown-inbox-key", "the envelope is sealed to an inbox key this agent does not have");
  const encapsulated = body.subarray(0, ENCAPSULATED_BYTES);
  const salt = body.subarray(ENCAPSULATED_BYTES, ENCAPSULATED_BYTES + SALT_BYTES2);
  const claimed = body.subarray(ENCAPSULATED_BYTES + SALT_BYTES2, BEFORE_CIPHERTEXT_BYTES);
  const bound = boundHeaderOf(envelope);
  const secret = await crypto2.encapsulation.decapsulate(inbox, encapsulated, concat2(DOMAINS.seal, bound)).catch((cause) => {
    if (isPerdureError(cause) && cause.code === "bad-argument") throw malformed6("its encapsulated key is none", cause);
    throw cause;
  });
  const { key, commitment } = deriveKey(crypto2, secret, salt, bound);
  if (!equalBytes(commitment, claimed)) throw new PerdureError("wrong-commitment", "the envelope is not sealed to the key it names");
  const plaintext = await crypto2.aead.open(
    key,
    body.subarray(BEFORE_CIPHERTEXT_BYTES),
    concat2(bound, body.subarray(0, BEFORE_CIPHERTEXT_BYTES))
  );
  if (plaintext === void 0) throw malformed6("its sealed part was changed");
  return { plaintext, encapsulated };
}
function deriveKey(crypto2, secret, salt, bound) {
  const derived = crypto2.hash.hkdfSha256(secret, salt, bound, KEY_BYTES7 + COMMITMENT_BYTES);
  return { key: derived.subarray(0, KEY_BYTES7), commitment: derived.subarray(KEY_BYTES7) };
}
function saidInside(crypto2, header, certificate2, encapsulated, unsigned2) {
  return innerSaid.encode({
    suite: header.suite,
    from: header.from,
    certificateHash: certificate2,
    to: header.to,
    inboxKeyId: header.inboxKeyId,
    encapsulated,
    stream: header.stream,
    seq: header.seq,
    class: header.class,
    expiresAtMs: header.expiresAtMs,
    plaintextHash: crypto2.hash.sha256(unsigned2)
  });
}
function layOutPlaintext(head, content) {
  const used = SIGNATURE_BYTES2 + LENGTH_BYTES + head.length + content.length;
  const unsigned2 = new Uint8Array(paddedLength(used) - SIGNATURE_BYTES2);
  viewOf(unsigned2).setUint32(0, head.length);
  unsigned2.set(head, LENGTH_BYTES);
  unsigned2.set(content, LENGTH_BYTES + head.length);
  return unsigned2;
}
function readPlaintext(plaintext) {
  if (plaintext.length < SIGNATURE_BYTES2 + LENGTH_BYTES) throw malformed6("its plaintext is cut off");
  const signature2 = plaintext.subarray(0, SIGNATURE_BYTES2);
  const unsigned2 = plaintext.subarray(SIGNATURE_BYTES2);
  const headEnd = LENGTH_BYTES + viewOf(unsigned2).getUint32(0);
  if (headEnd > unsigned2.length) throw malformed6("its head is cut off");
  const head = sealedHead.decode(unsigned2.subarray(LENGTH_BYTES, headEnd));
  const contentEnd = headEnd + contentBytes(head);
  if (contentEnd > unsigned2.length) throw malformed6("its content is cut off");
  if (plaintext.length !== paddedLength(SIGNATURE_BYTES2 + contentEnd)) throw malformed6("its padding is not the one its length asks for");
  if (unsigned2.subarray(contentEnd).some((byte) => byte !== 0)) throw malformed6("its padding is not zero");
  return { signature: signature2, unsigned: unsigned2, head, content: unsigned2.subarray(headEnd, contentEnd) };
}
function contentBytes(head) {
  return head.part < head.parts - 1 ? PART_BYTES : Math.max(0, head.wholeBytes - (head.parts - 1) * PART_BYTES);
}
function refuseInconsistent(head, envelope, length) {
  const parts = Math.max(1, Math.ceil(head.wholeBytes / PART_BYTES));
  if (head.parts !== parts || parts > MAX_PARTS || head.part >= parts)
    throw malformed6(`part ${head.part} of ${head.parts} does not go with ${head.wholeBytes} bytes`);
  if (length !== contentBytes(head))
    throw malformed6(`${length} bytes of content do not go with part ${head.part} of ${head.wholeBytes} bytes`);
  const first = envelope.seq - head.part;
  if (first < 1 || head.floor > first) throw malformed6("its part or floor does not go with its sequence number");
  if (envelope.class === "receipt" && head.contentType !== RECEIPT_CONTENT_TYPE) throw malformed6("a receipt of another content type");
}
async function senderOf(crypto2, envelope, head, known, storedAtMs) {
  const from = envelopeFrom(envelope);
  const pinned = known(from);
  if (equalBytes(head.bundle, EMPTY)) {
    if (pinned === void 0 || !pinned.log.events.some(({ hash: hash2 }) => equalBytes(hash2, head.logHead))) throw unverifiable(from);
    return pinned;
  }
  if (pinned !== void 0 && equalBytes(pinned.bundle, head.bundle)) return pinned;
  const attached = await verifyBundle(crypto2, head.bundle, storedAtMs, envelope.from);
  if (!equalBytes(attached.logHead, head.logHead)) throw malformed6("its bundle ends at another log event than its head says");
  return pinned === void 0 ? attached : await mergeIdentities(crypto2, pinned, attached, storedAtMs);
}
function certificateOf(crypto2, sender, head, storedAtMs) {
  const found2 = sender.certificates.find((each) => equalBytes(certificateHash(crypto2.hash, each), head.certificateHash));
  if (found2 === void 0)
    throw head.bundle.length === 0 ? unverifiable(sender.id) : new PerdureError("bad-signature", "the envelope names a certificate its bundle does not have");
  if (!found2.scopes.includes("mail")) throw new PerdureError("bad-signature", "the sender's instance is not certified for mail");
  refuseInvalid(found2, storedAtMs);
  return found2;
}
function unverifiable(from) {
  return new PerdureError("unknown-agent", `${from} cannot be verified yet: its identity is neither known nor attached`, {
    retry: "after",
    hint: "Look the sender up at the relay and open it again."
  });
}
function malformed6(why, cause) {
  return new PerdureError("malformed", `sealed envelope: ${why}`, { cause });
}

// packages/perdure/src/agent/evidence-records.ts
function itemOf(hash2, kind, content) {
  const bytes2 = evidenceItem.encode({ kind, content });
  return { hash: hash2.sha256(bytes2), bytes: bytes2 };
}
function evidenceRecords(evidence3, items, planned = /* @__PURE__ */ new Set()) {
  const fresh = items.filter(({ hash: hash2 }) => !evidence3.has(hash2) && !planned.has(hex(hash2)));
  for (const { hash: hash2 } of fresh) planned.add(hex(hash2));
  return {
    records: fresh.map(({ hash: hash2, bytes: bytes2 }) => ({ kept: { kind: "evidence", head: { hash: hash2 } }, payload: bytes2 })),
    names: concat2(...items.map(({ hash: hash2 }) => hash2))
  };
}
function conflictRecords({ crypto: crypto2, clock }, outbox, relay, number2, conflict2) {
  if (outbox.evidence.conflicts.length >= MAX_CONFLICTS) return [];
  const item = itemOf(crypto2.hash, "conflict", statementConflict.encode(conflict2));
  const bundle = itemOf(crypto2.hash, "bundle", relay.bundle);
  const { records } = evidenceRecords(outbox.evidence, [item, bundle]);
  const head = { relayId: relay.idRaw, number: number2, atMs: clock.wallMs(), hash: item.hash, bundle: bundle.hash };
  return [...records, { kept: { kind: "conflict", head } }];
}

// packages/perdure/src/agent/notices.ts
function noticed(outbox, homes, said, by) {
  const outgoing = outbox.ofPart(said.stream, said.seq);
  const part2 = outgoing?.parts.find((each) => each.seq === said.seq);
  if (outgoing === void 0 || part2 === void 0 || outgoing.head.class !== "mail") return void 0;
  if (!equalBytes(part2.to, said.to) || !equalBytes(part2.digest, said.digest)) return void 0;
  const hasProven = [...outgoing.steps, ...outgoing.late].some((step2) => step2.proof === "statement" && equalBytes(step2.by, by));
  return hasProven || homes.isOf(by, part2.to) ? outgoing : void 0;
}
function refuseForeignNotice({ outbox, homes }, envelope) {
  const said = notice.decode(signedNotice.decode(envelope.body).notice);
  if (noticed(outbox, homes, said, envelope.from) === void 0)
    throw new PerdureError("bad-signature", "a notice of somebody who is neither this agent's relay nor that of a recipient");
}
function noticeSteps({ outbox, homes, host }, envelope, said, by) {
  const outgoing = noticed(outbox, homes, said, by.idRaw);
  const state = NOTICE_OUTCOMES[said.outcome];
  if (outgoing === void 0 || state === void 0) return [];
  const { stream: stream2, seq } = outgoing.head;
  const { hash: hash2 } = host.crypto;
  const { records, names } = evidenceRecords(outbox.evidence, [itemOf(hash2, "notice", envelope.body), itemOf(hash2, "bundle", by.bundle)]);
  return [
    ...records,
    {
      kept: {
        kind: "step",
        head: {
          stream: stream2,
          seq,
          state,
          atMs: said.timeMs,
          by: said.relayId,
          proof: "notice",
          detail: `said by ${agentIdText(said.relayId)}`,
          evidence: names
        }
      }
    }
  ];
}

// packages/perdure/src/agent/receipts.ts
var ENTRIES_PER_RECEIPT = 64;
function createReceipts({
  host,
  outbox
}) {
  const collected = /* @__PURE__ */ new Map();
  return {
    add(to, entry, messageExpiresAtMs) {
      const key = hex(to);
      const waiting = collected.get(key) ?? { to, entries: [], expiresAtMs: 0 };
      waiting.entries.push(entry);
      waiting.expiresAtMs = Math.max(waiting.expiresAtMs, messageExpiresAtMs + FIXED.receiptMs.value);
      collected.set(key, waiting);
    },
    closing() {
      const nowMs = host.clock.wallMs();
      const records = [];
      for (const { to, entries, expiresAtMs } of collected.values()) {
        for (let first = 0; first < entries.length; first += ENTRIES_PER_RECEIPT) {
          const content = receipt.encode({ version: 1, entries: entries.slice(first, first + ENTRIES_PER_RECEIPT), extensions: [] });
          records.push(
            ...outgoingRecords(outbox, host.crypto.hash, {
              recipient: { idRaw: to, name: "" },
              class: "receipt",
              requestId: EMPTY,
              asks: false,
              thread: host.random.bytes(16),
              depth: 0,
              auto: true,
              inReplyTo: void 0,
              collapseKey: "",
              idempotencyKey: "",
              contentType: RECEIPT_CONTENT_TYPE,
              fileName: "",
              content,
              nowMs,
              expiresAtMs: Math.min(nowMs + MAX_EXPIRY_MS, Math.max(expiresAtMs, nowMs + FIXED.receiptMs.value))
            }).records
          );
        }
      }
      collected.clear();
      return records;
    },
    reopen: () => collected.clear()
  };
}
function receiptSteps(outbox, hash2, { sender, signed }, entries, onForeign) {
  const from = sender.idRaw;
  const records = [];
  const planned = /* @__PURE__ */ new Set();
  const items = [itemOf(hash2, "receipt", signedReceipt.encode(signed)), itemOf(hash2, "bundle", sender.bundle)];
  for (const entry of entries) {
    const outgoing = outbox.find(messageIdText(entry.stream, entry.seq));
    if (outgoing === void 0) continue;
    const part2 = outgoing.parts[0];
    if (part2 === void 0 || !equalBytes(part2.to, from) || !equalBytes(part2.digest, entry.digest)) {
      onForeign(entry);
      continue;
    }
    const detail = entry.outcome === "done" ? entry.attempts > 1 ? `${entry.attempts} attempts` : "" : clipWords(`${entry.code}${entry.why === "" ? "" : `: ${entry.why}`}`);
    const evidence3 = evidenceRecords(outbox.evidence, items, planned);
    records.push(...evidence3.records, {
      kept: {
        kind: "step",
        head: {
          stream: entry.stream,
          seq: entry.seq,
          state: entry.outcome,
          atMs: entry.atMs,
          by: from,
          proof: "receipt",
          detail,
          evidence: evidence3.names
        }
      }
    });
  }
  return records;
}

// packages/perdure/src/agent/whole-content.ts
async function findUntrue(arrived, options) {
  const byMessage = /* @__PURE__ */ new Map();
  for (const part2 of arrived) {
    if (part2.head.parts === 1) continue;
    const key = incomingKey(part2.from, part2.stream, part2.seq - part2.head.part);
    const known = byMessage.get(key);
    if (known === void 0) byMessage.set(key, [part2]);
    else known.push(part2);
  }
  const untrue = /* @__PURE__ */ new Set();
  for (const [key, parts] of byMessage) if (!await isTrue(key, parts, options)) for (const part2 of parts) untrue.add(part2);
  return untrue;
}
async function isTrue(key, arrived, { hash: hash2, inbox, read: read2 }) {
  const { parts, wholeHash } = arrived[0].head;
  const have = inbox.find(key)?.have;
  const sources = [];
  for (let part2 = 0; part2 < parts; part2++) {
    const source = have?.get(part2)?.at ?? arrived.find((each) => each.head.part === part2)?.content;
    if (source === void 0) return true;
    sources.push(source);
  }
  const contents = [];
  for (const source of sources) contents.push(source instanceof Uint8Array ? source : await read2(source));
  return equalBytes(hash2.sha256(concat2(...contents)), wholeHash);
}

// packages/perdure/src/agent/arrivals.ts
var MAX_ARRIVAL_BYTES = 64 * 1024 * 1024;
var BATCH_FRAMES = 32;
var MAX_ASIDE = 256;
var HOPELESS = /* @__PURE__ */ new Set([
  "wrong-recipient",
  "unknown-inbox-key",
  "malformed",
  "wrong-commitment",
  "bad-signature",
  "not-deterministic",
  "too-large",
  "record-rolled-back"
]);
function createArrivals(options) {
  const { host, own, inbox, outbox, cursor, peers, receipts, admission, automatic, store } = options;
  const { clock, log } = host;
  let queue = [];
  const aside = /* @__PURE__ */ new Set();
  const undecided = /* @__PURE__ */ new Set();
  let closed = false;
  let waitingBytes = 0;
  let running;
  const planned = /* @__PURE__ */ new Map();
  const plannedHeads = /* @__PURE__ */ new Map();
  const judge = (arrival, seqKey, nowMs) => {
    const digest2 = planned.get(seqKey);
    if (digest2 !== void 0 && !equalBytes(digest2, arrival.digest)) return "conflict";
    const judgement = inbox.judge(arrival, nowMs);
    if (judgement !== "new") return judgement;
    if (arrival.head !== void 0) {
      const key = incomingKey(arrival.from, arrival.stream, arrival.seq - arrival.head.part);
      const first = plannedHeads.get(key);
      if (first !== void 0 && !sameMessage(first, arrival.head)) return "malformed";
      plannedHeads.set(key, arrival.head);
    }
    planned.set(seqKey, arrival.digest);
    return judgement;
  };
  const openNotice = async (envelope, relay, asked) => {
    const isOwn = equalBytes(envelope.from, relay.idRaw);
    if (!isOwn) refuseForeignNotice(options, envelope);
    const by = isOwn ? relay : await peers.load(envelope.from);
    const ask = () => {
      const from = envelope.from.slice();
      return { kind: "ask", look: () => options.lookups.relay(from, true) };
    };
    if (by === void 0) {
      if (!asked) return ask();
      throw new PerdureError("unknown-agent", "the relay that gives a notice is not known yet", { retry: "after" });
    }
    try {
      return { kind: "notice", said: await verifyNotice({ crypto: host.crypto, relay: by, body: envelope.body }), by };
    } catch (error) {
      const isOutdated = isPerdureError(error) && (error.code === "bad-signature" || error.code === "certificate-expired");
      if (isOwn || asked || !isOutdated) throw error;
      return ask();
    }
  };
  const openVerified = async ({ envelope, frame }, relay, asked) => {
    const nowMs = clock.wallMs();
    if (envelope.class === "notice") return await openNotice(envelope, relay, asked);
    if (envelope.expiresAtMs <= nowMs || isKnown(inbox.judge(envelope, nowMs))) return { kind: "known" };
    await peers.load(envelope.from);
    const known = () => peers.pinned(envelope.from);
    let frozen;
    const onFrozen = (sender) => {
      frozen = sender;
    };
    const part2 = await openPart({ crypto: host.crypto, own, envelope, known, nowMs, storedAtMs: frame.storedAtMs, onFrozen }).catch(
      (error) => {
        const isUnknown = isPerdureError(error) && (error.code === "unknown-agent" || error.code === "identity-forked");
        if (!isUnknown || asked && frozen === void 0) throw error;
        return void 0;
      }
    );
    if (frozen !== void 0) undecided.add(envelopeFrom(envelope));
    if (frozen !== void 0 && asked) return { kind: "hold", code: "identity-forked", pins: await peers.learn(frozen) };
    if (part2 === void 0) {
      const idRaw = envelope.from.slice();
      return { kind: "ask", look: () => options.lookups.resolve({ idRaw, name: "" }) };
    }
    const before = peers.pinned(envelope.from);
    const pins = before !== void 0 && equalBytes(before.bundle, part2.sender.bundle) ? [] : await peers.learn(part2.sender);
    if (envelope.class === "receipt") return { kind: "receipt", said: receipt.decode(part2.content), part: part2, pins };
    return { kind: "mail", part: part2, pins };
  };
  const open = async (delivered, relay, asked) => {
    try {
      return await openVerified(delivered, relay, asked);
    } catch (error) {
      const code = isPerdureError(error) ? error.code : "internal";
      const why = error instanceof Error ? error.message : String(error);
      return HOPELESS.has(code) ? { kind: "drop", code, why } : { kind: "hold", code, pins: [] };
    }
  };
  const judgeWholes = async (delivered, opened) => {
    const arrived = opened.map((each, index) => {
      const { from, stream: stream2, seq } = delivered[index].envelope;
      return each.kind === "mail" ? { from, stream: stream2, seq, head: each.part.head, content: each.part.content } : void 0;
    });
    const present = arrived.filter((part2) => part2 !== void 0);
    try {
      const untrue = await findUntrue(present, { hash: host.crypto.hash, inbox, read: (at) => store().read(at) });
      return opened.map((each, index) => {
        const part2 = arrived[index];
        return part2 !== void 0 && untrue.has(part2) ? { kind: "drop", code: "malformed", why: "its parts are not the content they name" } : each;
      });
    } catch (error) {
      const code = isPerdureError(error) ? error.code : "internal";
      return opened.map((each) => each.kind === "mail" && each.part.head.parts > 1 ? { kind: "hold", code, pins: [] } : each);
    }
  };
  const plan = (delivered, opened, keep, later) => {
    const { frame, envelope } = delivered;
    const nowMs = clock.wallMs();
    const from = envelopeFrom(envelope);
    const id = envelopeId(envelope);
    const seqKey = incomingKey(envelope.from, envelope.stream, envelope.seq);
    const settlePosition = () => later(() => cursor.settlePosition(frame.generation, frame.position));
    const names = namesOf(delivered);
    const passed2 = { kept: { kind: "passed", head: { ...names, expiresAtMs: envelope.expiresAtMs } } };
    if (opened.kind === "drop") {
      log.write("warn", "agent.rejected", { from, id, code: opened.code, why: opened.why });
      return settlePosition();
    }
    if (opened.kind === "hold") {
      keep(opened.pins);
      return log.write("warn", "agent.held", { from, id, code: opened.code });
    }
    if (opened.kind === "ask") return;
    if (opened.kind === "notice") {
      keep(noticeSteps(options, envelope, opened.said, opened.by));
      return settlePosition();
    }
    const head = opened.kind === "known" ? void 0 : opened.part.head;
    const arrival = { ...envelope, ...head === void 0 ? {} : { head } };
    const judgement = judge(arrival, seqKey, nowMs);
    if (judgement === "pending") {
      return later(() => {
        const { stream: stream2, seq } = envelope;
        if (inbox.judge(arrival, nowMs) === "settled" || inbox.boxOf(envelope.from, stream2, seq) === "requests")
          cursor.settlePosition(frame.generation, frame.position);
        else cursor.hold(frame.generation, frame.position, seqKey);
      });
    }
    if (judgement === "settled") return settlePosition();
    if (judgement === "expired" || opened.kind === "known") {
      log.write("info", "agent.too-late", { from, id });
      return envelope.class === "mail" ? void 0 : settlePosition();
    }
    keep(opened.pins);
    if (opened.kind === "receipt" && (judgement === "new" || judgement === "too-busy")) {
      if (judgement === "new") keep([passed2]);
      else settlePosition();
      keep(opened.said.entries.flatMap((entry) => automatic.refused(envelope.from, entry)));
      keep(
        receiptSteps(
          outbox,
          host.crypto.hash,
          opened.part,
          opened.said.entries,
          (entry) => log.write("error", "agent.receipt-mismatch", { from, id: messageIdText(entry.stream, entry.seq), digest: hex(entry.digest) })
        )
      );
      return;
    }
    const refuse3 = (code, why2) => {
      if (opened.kind !== "mail" || opened.part.head.part !== 0) return;
      const { stream: stream2, seq, digest: digest2 } = names;
      receipts.add(names.from, { stream: stream2, seq, outcome: "refused", digest: digest2, code, why: why2, attempts: 0, atMs: nowMs }, envelope.expiresAtMs);
    };
    if (judgement === "new") {
      const name = opened.part.sender.name ?? "";
      const arrivalNumber = inbox.nextArrival();
      const admitted = admission.admit({ ...names, name, head: opened.part.head }, nowMs);
      if (admitted.kind === "refuse") {
        log.write("info", "agent.not-admitted", { from, id, code: admitted.code });
        refuse3(admitted.code, admitted.why);
        return settlePosition();
      }
      if (admitted.kind === "greeted") {
        log.write("info", "agent.greeted", { from, id });
        const { stream: stream2, seq, digest: digest2 } = names;
        const entry = { stream: stream2, seq, outcome: "done", digest: digest2, code: "", why: "", attempts: 1, atMs: nowMs };
        keep([passed2, ...admitted.records]);
        receipts.add(names.from, entry, envelope.expiresAtMs);
        return settlePosition();
      }
      const firstSeq = names.seq - opened.part.head.part;
      keep([
        {
          kept: {
            kind: "received",
            head: {
              ...names,
              storedAtMs: frame.storedAtMs,
              receivedAtMs: nowMs,
              expiresAtMs: envelope.expiresAtMs,
              arrival: arrivalNumber,
              fromName: name,
              head: withoutBundle(opened.part.head)
            }
          },
          payload: opened.part.content
        }
      ]);
      if (admitted.box === "requests") {
        const { from: sender, stream: stream2 } = names;
        const place = { box: "requests", arrival: arrivalNumber, failures: 0, crashes: 0, notBeforeMs: 0 };
        keep([{ kept: { kind: "put", head: { from: sender, stream: stream2, seq: firstSeq, ...place } } }]);
      }
      return later(
        () => log.write("debug", "agent.received", {
          from,
          id: messageIdText(names.stream, names.seq - opened.part.head.part),
          part: opened.part.head.part,
          parts: opened.part.head.parts,
          digest: hex(envelope.digest),
          position: frame.position
        })
      );
    }
    log.write("error", "agent.not-taken", { from, id, code: codeOf(judgement), digest: hex(envelope.digest) });
    const why = judgement === "conflict" ? "another message has the same id" : judgement === "too-busy" ? "too many streams of this sender are open" : "its parts do not belong together";
    refuse3(codeOf(judgement), why);
    settlePosition();
  };
  const setAside = ({ payload, relay }, look) => {
    const asking = look().catch(() => void 0).then(() => {
      aside.delete(asking);
      if (closed) return;
      queue.push({ payload, relay, asked: true });
      running ??= run();
    });
    aside.add(asking);
  };
  const batch = async () => {
    const taken2 = queue.splice(0, BATCH_FRAMES);
    const delivered = [];
    let bytes2 = 0;
    for (const waiting of taken2) {
      const { payload } = waiting;
      bytes2 += payload.length;
      try {
        const frame = decodeDeliver(payload);
        delivered.push({ delivered: { frame, envelope: decodeEnvelope(frame.envelope), bytes: payload.length }, waiting });
      } catch (error) {
        log.write("error", "agent.rejected", { code: isPerdureError(error) ? error.code : "internal", why: String(error) });
      }
    }
    const opened = await judgeWholes(
      delivered.map((each) => each.delivered),
      await Promise.all(
        delivered.map(async (each) => await open(each.delivered, each.waiting.relay, each.waiting.asked || aside.size >= MAX_ASIDE))
      )
    );
    for (const [index, { waiting }] of delivered.entries()) {
      const found2 = opened[index];
      if (found2?.kind !== "ask") continue;
      bytes2 -= waiting.payload.length;
      setAside(waiting, found2.look);
    }
    let after = [];
    try {
      await store().commit({
        onFailure: "give-up",
        plan: () => {
          const records = [];
          after = [];
          planned.clear();
          plannedHeads.clear();
          admission.begin();
          for (const [index, each] of delivered.entries()) {
            plan(
              each.delivered,
              opened[index],
              (kept) => records.push(...kept),
              (work) => after.push(work)
            );
          }
          return { records, result: void 0 };
        },
        applied: () => {
          for (const work of after) work();
        }
      });
      options.onSettled();
    } catch (error) {
      options.onUnkept(error);
    } finally {
      waitingBytes -= bytes2;
    }
  };
  const run = async () => {
    while (queue.length > 0) await batch();
    running = void 0;
  };
  return {
    isHeldFor: (id) => undecided.has(id),
    decided: (id) => void undecided.delete(id),
    take(payload, relay) {
      if (waitingBytes + payload.length > MAX_ARRIVAL_BYTES) return false;
      waitingBytes += payload.length;
      queue.push({ payload, relay, asked: false });
      running ??= run();
      return true;
    },
    async idle() {
      closed = true;
      queue = [];
      while (running !== void 0) await running;
    }
  };
}
function isKnown(judgement) {
  return judgement === "settled" || judgement === "pending" || judgement === "expired";
}
function namesOf({ frame, envelope }) {
  return {
    from: envelope.from.slice(),
    stream: envelope.stream.slice(),
    seq: envelope.seq,
    digest: envelope.digest.slice(),
    generation: frame.generation.slice(),
    position: frame.position
  };
}
function withoutBundle(head) {
  const { thread, wholeHash, logHead, certificateHash: certificateHash2, inReplyTo } = head;
  const ref = inReplyTo === void 0 ? void 0 : { stream: inReplyTo.stream.slice(), seq: inReplyTo.seq };
  return {
    ...head,
    thread: thread.slice(),
    wholeHash: wholeHash.slice(),
    logHead: logHead.slice(),
    certificateHash: certificateHash2.slice(),
    inReplyTo: ref,
    bundle: EMPTY
  };
}
function codeOf(judgement) {
  return judgement === "conflict" ? "id-conflict" : judgement;
}

// packages/perdure/src/agent/attach-passes.ts
var MAX_PASSES2 = 16;
function createAttachPasses() {
  const passes = /* @__PURE__ */ new Map();
  const keyOf3 = (relayId2, instanceKey) => hex(relayId2) + hex(instanceKey);
  return {
    newest: (relayId2, instanceKey) => passes.get(keyOf3(relayId2, instanceKey))?.pass ?? EMPTY,
    apply(kept) {
      if (kept.kind !== "pass") return;
      const key = keyOf3(kept.head.relayId, kept.head.instanceKey);
      passes.delete(key);
      passes.set(key, kept.head);
      for (const oldest of passes.keys()) {
        if (passes.size <= MAX_PASSES2) break;
        passes.delete(oldest);
      }
    },
    reset: () => passes.clear(),
    restate: () => [...passes.values()].map((head) => ({ kept: { kind: "pass", head } }))
  };
}
async function keepPass({ log, store }, head) {
  try {
    return await store.commit({ onFailure: "give-up", plan: () => ({ records: [{ kept: { kind: "pass", head } }], result: true }) });
  } catch (error) {
    log.write("warn", "agent.not-kept", { what: "an attach pass", why: String(error) });
    return false;
  }
}

// packages/perdure/src/agent/endings.ts
var DONE2 = { outcome: "done", code: "", why: "" };
function refusal(why, code = "refused") {
  return { outcome: "refused", code, why };
}
function createEndings({
  host,
  limits,
  inbox,
  receipts
}) {
  const tell2 = (incoming, outcome, code, why) => {
    const { stream: stream2, seq, attempt } = incoming;
    receipts.add(
      incoming.from,
      { stream: stream2, seq, outcome, digest: digestOf(incoming), code, why: clipWords(why), attempts: attempt, atMs: host.clock.wallMs() },
      headOf(incoming).expiresAtMs
    );
  };
  let failedDropped = 0;
  const madeRoom = () => {
    const surplus = inbox.failed + 1 - limits.failedMessages;
    if (surplus <= 0) return [];
    const oldest = inbox.listed("failed", 0, surplus).filter((each) => each.claim === void 0 && !each.committing);
    failedDropped += oldest.length;
    return oldest.map(({ from, stream: stream2, seq, parts, attempt }) => {
      host.log.write("warn", "agent.failed-box-full", {
        from: agentIdText(from),
        id: messageIdText(stream2, seq),
        limit: "failedMessages",
        value: limits.failedMessages
      });
      return { kept: { kind: "completed", head: { from, stream: stream2, seq, parts, attempt, outcome: "failed", atMs: host.clock.wallMs() } } };
    });
  };
  return {
    get failedDropped() {
      return failedDropped;
    },
    ended: (incoming, attempt, { outcome, code, why }) => [incoming, ...inbox.twins(incoming)].map((each) => {
      const { from, stream: stream2, seq, parts } = each;
      tell2(each, outcome, code, why);
      return { kept: { kind: "completed", head: { from, stream: stream2, seq, parts, attempt, outcome, atMs: host.clock.wallMs() } } };
    }),
    parked(incoming, code, why) {
      const { from, stream: stream2, seq, failures, crashes } = incoming;
      tell2(incoming, "failed", code, why);
      const arrival = inbox.nextArrival();
      const put2 = {
        kept: { kind: "put", head: { from, stream: stream2, seq, box: "failed", arrival, failures, crashes, notBeforeMs: 0 } }
      };
      return [...madeRoom(), put2];
    },
    say(incomings, outcome) {
      for (const each of incomings) {
        host.log.write("debug", "agent.completed", {
          from: incomingFrom(each),
          id: incomingId(each),
          outcome,
          attempt: each.attempt,
          parts: each.parts,
          digest: hex(digestOf(each)),
          twin: each.twinOf !== void 0
        });
      }
    }
  };
}

// packages/perdure/src/agent/automatic.ts
var MINUTE_MS = 6e4;
function createAutomatic({ host, settings, guard, outbox, peers }) {
  const named = (name) => peers.named(name)?.idRaw;
  const keyOf3 = ({ idRaw, name }) => peerOf({ to: idRaw, toName: name }, named);
  const idOf = ({ idRaw, name }) => idRaw.length > 0 ? idRaw : named(name);
  const pauseBy = (thread, peer2, why, nowMs) => {
    host.log.write("warn", "agent.loop-paused", { thread: hex(thread), peer: agentIdText(peer2), why });
    return {
      verdict: refusal(why, "loop-paused"),
      records: guard.paused({ thread, peer: peer2, why, atMs: nowMs }).map((kept) => ({ kept }))
    };
  };
  const windowWords = `within ${Math.round(settings.autoWindowMs / MINUTE_MS)} min`;
  return {
    stop(cause, messages, nowMs) {
      const perThread = /* @__PURE__ */ new Map();
      const perPeer = /* @__PURE__ */ new Map();
      for (const { thread, recipient, depth } of messages) {
        if (depth < COUNTED_DEPTH) continue;
        const peer2 = keyOf3(recipient);
        const to = idOf(recipient);
        const held = guard.pause(thread, cause) ?? (to === void 0 ? void 0 : guard.pause(thread, to));
        if (held !== void 0) return { verdict: refusal(held.why, "loop-paused"), records: [] };
        const inThread = (perThread.get(hex(thread)) ?? 0) + 1;
        const toPeer = (perPeer.get(peer2) ?? 0) + 1;
        perThread.set(hex(thread), inThread);
        perPeer.set(peer2, toPeer);
        const over = guard.passes(thread, peer2, { inThread, toPeer }, nowMs);
        if (over === "thread")
          return pauseBy(thread, cause, `more than ${settings.autoPerThread} automatic messages in one thread ${windowWords}`, nowMs);
        if (over === "peer")
          return pauseBy(
            EVERY_THREAD,
            to ?? cause,
            `more than ${settings.autoPerPair} automatic messages to one agent ${windowWords}`,
            nowMs
          );
      }
      return void 0;
    },
    charge(id, { thread, recipient, depth }, nowMs) {
      if (depth >= COUNTED_DEPTH) guard.charge({ id, thread, peer: keyOf3(recipient), atMs: nowMs });
    },
    stopped(incoming, fromDepth) {
      const { head } = headOf(incoming);
      const held = head.depth >= fromDepth ? guard.pause(head.thread, incoming.from) : void 0;
      return held === void 0 ? void 0 : refusal(held.why, "loop-paused");
    },
    refused(from, entry) {
      const outgoing = outbox.find(messageIdText(entry.stream, entry.seq));
      if (entry.code !== "loop-paused" || outgoing === void 0 || outgoing.head.depth === 0) return [];
      const to = outgoing.head.to.length > 0 ? outgoing.head.to : named(outgoing.head.toName);
      if (to === void 0 || !equalBytes(to, from)) return [];
      return pauseBy(outgoing.head.thread, from, `${agentIdText(from)} paused it: ${entry.why}`.slice(0, 300), host.clock.wallMs()).records;
    }
  };
}

// packages/perdure/src/agent/bell.ts
var LONGEST_MS = 60 * 60 * 1e3;
function createBell(clock, what) {
  const waiting = /* @__PURE__ */ new Map();
  let closed = false;
  const ring = (name, most = Number.POSITIVE_INFINITY) => {
    let left = most;
    for (const each of [...waiting.get(name) ?? []]) {
      if (left-- <= 0) return;
      each.wake();
    }
  };
  const join = (name, waiter) => {
    const others = waiting.get(name);
    if (others === void 0) waiting.set(name, /* @__PURE__ */ new Set([waiter]));
    else others.add(waiter);
  };
  const leave2 = (name, waiter) => {
    const others = waiting.get(name);
    others?.delete(waiter);
    if (others?.size === 0) waiting.delete(name);
  };
  return {
    ring,
    ringAll() {
      for (const name of [...waiting.keys()]) ring(name);
    },
    wait: (name, signal, withinMs = Number.POSITIVE_INFINITY) => new Promise((resolve, reject) => {
      const aborted = () => new PerdureError("aborted", `stopped waiting for ${what}`, { cause: signal.reason });
      if (closed || signal.aborted) return reject(aborted());
      const finish = () => {
        cancel();
        signal.removeEventListener("abort", waiter.giveUp);
        leave2(name, waiter);
      };
      const waiter = {
        wake() {
          finish();
          resolve();
        },
        giveUp() {
          finish();
          reject(aborted());
        }
      };
      const cancel = Number.isFinite(withinMs) ? clock.after(Math.max(0, Math.min(withinMs, LONGEST_MS)), waiter.wake) : () => {
      };
      signal.addEventListener("abort", waiter.giveUp, { once: true });
      join(name, waiter);
    }),
    close() {
      closed = true;
      for (const waiters of [...waiting.values()]) for (const each of [...waiters]) each.giveUp();
    }
  };
}

// packages/perdure/src/agent/views.ts
function recipientOf2({ head, parts }, { named }) {
  const sealedTo = parts[0]?.to ?? EMPTY;
  return head.to.length > 0 ? head.to : sealedTo.length > 0 ? sealedTo : named(head.toName);
}
function outgoingView(outgoing, names) {
  const { head } = outgoing;
  const to = recipientOf2(outgoing, names);
  const home2 = to === void 0 ? void 0 : names.elsewhere(to);
  return {
    id: outgoing.id,
    to: to === void 0 ? `@${head.toName}` : agentIdText(to),
    toName: head.toName === "" ? void 0 : head.toName,
    expiresAtMs: head.expiresAtMs,
    steps: outgoing.steps.map(stepView),
    late: outgoing.late.map(stepView),
    trouble: outgoing.trouble === "" ? void 0 : outgoing.trouble,
    home: home2 === void 0 ? void 0 : { id: agentIdText(home2.relayId), host: hostOfRelay(home2.url) },
    ended: isTerminal(outgoing.state)
  };
}
function stepView({ state, atMs, by, proof: proof2, detail }) {
  return { state, atMs, by: by.length === 0 ? "self" : agentIdText(by), proof: proof2, detail };
}
function mailView(incoming, sender) {
  const kept = headOf(incoming);
  const { head } = kept;
  return {
    from: incomingFrom(incoming),
    id: incomingId(incoming),
    attempt: incoming.claim?.attempt ?? incoming.attempt,
    box: incoming.box,
    ...sender,
    arrival: incoming.arrival,
    fromName: kept.fromName === "" ? void 0 : kept.fromName,
    thread: hex(head.thread),
    inReplyTo: head.inReplyTo === void 0 ? void 0 : messageIdText(head.inReplyTo.stream, head.inReplyTo.seq),
    auto: head.auto,
    depth: head.depth,
    contentType: head.contentType,
    fileName: head.fileName === "" ? void 0 : head.fileName,
    sizeBytes: head.wholeBytes,
    parts: incoming.parts,
    sentAtMs: head.sentAtMs,
    receivedAtMs: incoming.wholeAtMs,
    expiresAtMs: kept.expiresAtMs,
    collapseKey: head.collapseKey === "" ? void 0 : head.collapseKey
  };
}

// packages/perdure/src/agent/submissions.ts
var SHORTEST_EXPIRY_MS = 1e3;
var NO_DRAFTS = { records: [], stopped: void 0 };
function createSubmissions({ host, settings, outbox, names, lookups, automatic, book, store }) {
  const { clock, log } = host;
  const expiryOf = (draft, nowMs) => {
    const life = draft.expiresInMs ?? settings.defaultExpiryMs;
    if (life < SHORTEST_EXPIRY_MS || life > MAX_EXPIRY_MS)
      throw new PerdureError("expiry-out-of-range", `a message may wait ${SHORTEST_EXPIRY_MS} to ${MAX_EXPIRY_MS} ms, not ${life}`);
    return nowMs + life;
  };
  const threadOf = (text2) => {
    if (text2 === "") return host.random.bytes(16);
    const thread = fromHex(text2);
    if (thread?.length !== 16)
      throw new PerdureError("bad-argument", `"${text2}" is not a thread`, { hint: "Use the thread of a received message as it is." });
    return thread;
  };
  const wordsOf = ({
    collapseKey,
    idempotencyKey,
    contentType,
    fileName,
    content
  }) => ({
    collapseKey,
    idempotencyKey,
    contentType,
    fileName,
    content
  });
  const view = (requestId) => {
    const outgoing = outbox.byRequest(requestId);
    return outgoing === void 0 ? void 0 : outgoingView(outgoing, names);
  };
  return {
    async submit({ requestId, draft, asks, cause }) {
      const request = fromHex(requestId);
      if (request?.length !== 16) throw new PerdureError("bad-argument", "a request id has 32 hexadecimal digits");
      const before = view(requestId);
      if (before !== void 0) return before;
      const recipient = parseRecipient(draft.to);
      const depth = cause === void 0 ? 0 : cause.depth + 1;
      if (depth > MAX_AUTO_DEPTH) throw tooDeep();
      const thread = threadOf(draft.thread === "" ? cause?.thread ?? "" : draft.thread);
      expiryOf(draft, clock.wallMs());
      if (draft.inReplyTo !== "") parseMessageId(draft.inReplyTo);
      const identity = await lookups.resolve(recipient);
      const known = recipient.idRaw.length > 0 ? recipient.idRaw : identity?.idRaw;
      if (known !== void 0) refuseBlocked(book, known);
      const { id, stop } = await store().commit({
        onFailure: "give-up",
        plan: () => {
          if (view(requestId) !== void 0) return { records: [], result: {} };
          refuseWithoutRoom(outbox, draft.content.length);
          const nowMs = clock.wallMs();
          const stop2 = cause === void 0 ? void 0 : automatic.stop(agentIdBytes(cause.from), [{ thread, recipient, depth }], nowMs);
          if (stop2 !== void 0) return { records: stop2.records, result: { stop: stop2 } };
          const queued3 = outgoingRecords(outbox, host.crypto.hash, {
            ...wordsOf(draft),
            recipient,
            class: "mail",
            requestId: request,
            asks,
            thread,
            depth,
            // A question of a handler is there to be answered; its depth alone bounds the chain.
            auto: depth > 0 && !asks,
            inReplyTo: draft.inReplyTo === "" ? void 0 : parseMessageId(draft.inReplyTo),
            nowMs,
            expiresAtMs: expiryOf(draft, nowMs)
          });
          if (depth > 0) automatic.charge(queued3.id, { thread, recipient, depth }, nowMs);
          const contact2 = depth === 0 && known !== void 0 ? writtenTo(book, known, nowMs) : [];
          return { records: [...queued3.records, ...contact2], result: { id: queued3.id } };
        }
      });
      if (stop !== void 0)
        throw new PerdureError("loop-paused", stop.verdict.why, { hint: "perdure contacts paused shows it; resume lets it go on." });
      const queued2 = view(requestId);
      if (queued2 === void 0) throw new PerdureError("internal", "a queued message is not in the outbox");
      if (id !== void 0) log.write("debug", "agent.queued", { id, to: draft.to });
      return queued2;
    },
    async prepare(cause, drafts) {
      const { head } = headOf(cause);
      const depth = head.depth + 1;
      const auto = drafts.map((draft) => {
        if (draft.reply && head.auto) throw new PerdureError("auto-reply-refused", "mail that a handler wrote is never answered by one");
        if (depth > MAX_AUTO_DEPTH) throw tooDeep();
        const to = draft.reply ? incomingFrom(cause) : draft.to;
        return { draft, depth, recipient: parseRecipient(to), thread: draft.thread === "" ? head.thread : threadOf(draft.thread) };
      });
      await Promise.all(auto.map(({ recipient }) => lookups.resolve(recipient)));
      return () => {
        refuseWithoutRoom(
          outbox,
          drafts.reduce((sum, draft) => sum + draft.content.length, 0)
        );
        const nowMs = clock.wallMs();
        const stop = automatic.stop(cause.from, auto, nowMs);
        if (stop !== void 0) return { records: stop.records, stopped: stop.verdict };
        const records = auto.flatMap(({ draft, recipient, thread }) => {
          const queued2 = outgoingRecords(outbox, host.crypto.hash, {
            ...wordsOf(draft),
            recipient,
            class: "mail",
            requestId: EMPTY,
            asks: false,
            thread,
            depth,
            auto: true,
            inReplyTo: draft.reply ? { stream: cause.stream, seq: cause.seq } : void 0,
            nowMs,
            expiresAtMs: expiryOf(draft, nowMs)
          });
          automatic.charge(queued2.id, { thread, recipient, depth }, nowMs);
          log.write("debug", "agent.turn-queued", { id: queued2.id, to: draft.to, cause: incomingId(cause) });
          return queued2.records;
        });
        return { records, stopped: void 0 };
      };
    }
  };
}
function tooDeep() {
  return new PerdureError("loop-depth", `a chain of automatic messages ends at ${MAX_AUTO_DEPTH}`, {
    hint: "Have a person or a plain agent.send continue it."
  });
}
function refuseBlocked(book, idRaw) {
  if (book.standing(idRaw) !== "blocked") return;
  throw new PerdureError("blocked", `${agentIdText(idRaw)} is blocked here`, { hint: "perdure contacts add takes it in again." });
}
function writtenTo(book, idRaw, nowMs) {
  if (book.standing(idRaw) !== "none") return [];
  try {
    return book.decided({ idRaw, standing: "contact", how: "written-to", name: "", nowMs }).map((kept) => ({ kept }));
  } catch (error) {
    if (isPerdureError(error) && error.code === "mailbox-full") return [];
    throw error;
  }
}

// packages/perdure/src/agent/claims.ts
var CRASHES_PER_FAILURE = 4;
var DISK_CODES = /* @__PURE__ */ new Set(["disk-full", "disk-failed", "read-only"]);
var WORK = "work";
function createClaims(options) {
  const { host, settings, inbox, outbox, peers, store, bell, closing, stopped: stopped2, senderView } = options;
  const { ended, parked, say } = options.endings;
  const { clock, log } = host;
  const askers = /* @__PURE__ */ new Map();
  const expected = /* @__PURE__ */ new Map();
  const deadlines = /* @__PURE__ */ new Map();
  const repliesTo = (incoming) => {
    const ref = headOf(incoming).head.inReplyTo;
    return ref === void 0 ? void 0 : messageIdText(ref.stream, ref.seq);
  };
  const isAnswer = (incoming, to) => {
    if (repliesTo(incoming) !== to) return false;
    const head = outbox.find(to)?.head;
    const asked = head === void 0 ? void 0 : head.to.length > 0 ? head.to : peers.named(head.toName)?.idRaw;
    return asked !== void 0 && equalBytes(asked, incoming.from);
  };
  const isAwaited = (incoming) => {
    const to = repliesTo(incoming);
    return to !== void 0 && askers.has(to) && isAnswer(incoming, to);
  };
  const wakeOne = () => bell.ring(WORK, 1);
  const offer2 = (incoming) => {
    wakeOne();
    const to = repliesTo(incoming);
    if (to !== void 0) bell.ring(to);
  };
  const followUp = (outcome) => outcome === "refused" ? bell.ringAll() : wakeOne();
  const find = (key) => {
    const incoming = inbox.find(`${hex(agentIdBytes(key.from))}/${key.id}`);
    if (incoming === void 0 || !isWhole(incoming) || incoming.twinOf !== void 0) {
      throw new PerdureError("unknown-message", `there is no message ${key.id} of ${key.from} in a box`, {
        hint: "It may be done already; `perdure inbox` lists what waits."
      });
    }
    return incoming;
  };
  const letGo = (incoming) => {
    incoming.claim = void 0;
    deadlines.get(incoming)?.();
    deadlines.delete(incoming);
  };
  const held = (key) => {
    const incoming = inbox.find(`${hex(agentIdBytes(key.from))}/${key.id}`);
    if (incoming?.claim === void 0 || incoming.claim.attempt !== key.attempt || incoming.committing) {
      throw new PerdureError("fenced", `attempt ${key.attempt} at message ${key.id} is over`, {
        hint: "Its time ran out, or another handler has it; what it did here is not committed."
      });
    }
    return incoming;
  };
  const takeBackLater = (incoming, attempt) => {
    deadlines.set(
      incoming,
      clock.after(settings.handlerTimeoutMs, () => {
        const key = { from: incomingFrom(incoming), id: incomingId(incoming), attempt };
        release(key, true, `the handler took more than ${settings.handlerTimeoutMs} ms`).catch((error) => {
          log.write("debug", "agent.take-back-failed", { id: key.id, why: String(error) });
        });
      })
    );
  };
  const grant = async (incoming, client, signal) => {
    const attempt = incoming.attempt + 1;
    incoming.claim = { client, attempt };
    const { from, stream: stream2, seq } = incoming;
    await store().commit({
      onFailure: "give-up",
      plan: () => ({ records: [{ kept: { kind: "started", head: { from, stream: stream2, seq, attempt } } }], result: void 0 }),
      undo: () => letGo(incoming)
    });
    if (incoming.claim?.attempt !== attempt)
      throw new PerdureError("fenced", `message ${incomingId(incoming)} was ended meanwhile`, { retry: "now" });
    if (signal.aborted) {
      letGo(incoming);
      throw new PerdureError("aborted", "stopped waiting for mail", { cause: signal.reason });
    }
    takeBackLater(incoming, attempt);
    log.write("debug", "agent.handler-start", { from: incomingFrom(incoming), id: incomingId(incoming), attempt });
    return { mail: mailView(incoming, senderView(incoming.from)), handlerTimeoutMs: settings.handlerTimeoutMs };
  };
  const throughFailures = async (signal, work) => {
    for (; ; ) {
      try {
        return await work();
      } catch (error) {
        if (!isPerdureError(error) || !DISK_CODES.has(error.code) || signal.aborted) throw error;
        await sleep(clock, settings.diskRetryMs, signal);
      }
    }
  };
  const end = async (incoming, attempt, wanted, drafts, mayStill) => {
    incoming.committing = true;
    const unmark = () => {
      incoming.committing = false;
    };
    let both = [];
    let verdict = wanted;
    try {
      await store().commit({
        onFailure: "give-up",
        plan: () => {
          mayStill();
          const queued2 = drafts();
          verdict = queued2.stopped ?? wanted;
          both = [incoming, ...inbox.twins(incoming)];
          return { records: [...ended(incoming, attempt, verdict), ...queued2.records], result: void 0 };
        },
        applied: () => {
          letGo(incoming);
          say(both, verdict.outcome);
        }
      });
    } finally {
      unmark();
    }
    return verdict;
  };
  const refuseAll = async (found2, verdict, first) => {
    let taken2 = [];
    const unmark = () => {
      for (const each of taken2) each.committing = false;
    };
    await store().commit({
      onFailure: "give-up",
      plan: () => {
        const records = first();
        taken2 = found2().filter((each) => each.claim === void 0 && !each.committing);
        for (const each of taken2) each.committing = true;
        return { records: [...records, ...taken2.flatMap((each) => ended(each, each.attempt + 1, verdict))], result: void 0 };
      },
      undo: unmark,
      applied: () => {
        unmark();
        say(taken2, verdict.outcome);
      }
    });
    if (taken2.length > 0) bell.ringAll();
  };
  const release = async (claim, failed, why) => {
    const incoming = held(claim);
    if (!failed) {
      letGo(incoming);
      return offer2(incoming);
    }
    const stop = stopped2(incoming, 1);
    if (stop !== void 0) {
      letGo(incoming);
      return await refuseAll(
        () => [incoming],
        stop,
        () => []
      );
    }
    const { from, stream: stream2, seq, arrival, crashes } = incoming;
    const failures = incoming.failures + 1;
    const pauseMs = Math.min(settings.retryMaxMs, settings.retryMinMs * 2 ** Math.min(failures - 1, 30));
    incoming.committing = true;
    try {
      await store().commit({
        onFailure: "try-again",
        plan: () => {
          if (failures >= settings.handlerAttempts) {
            return { records: parked({ ...incoming, failures }, "failed", why), result: void 0 };
          }
          return {
            records: [
              {
                kept: {
                  kind: "put",
                  head: { from, stream: stream2, seq, box: "contacts", arrival, failures, crashes, notBeforeMs: clock.wallMs() + pauseMs }
                }
              }
            ],
            result: void 0
          };
        },
        applied: () => {
          letGo(incoming);
          const { from: by, id, attempt } = claim;
          log.write("debug", failures >= settings.handlerAttempts ? "agent.failed" : "agent.put-off", {
            from: by,
            id,
            attempt,
            failures,
            parts: incoming.parts
          });
        }
      });
    } finally {
      incoming.committing = false;
    }
    offer2(incoming);
  };
  const startsTooOften = (incoming) => incoming.crashes + incoming.starts >= settings.handlerAttempts * CRASHES_PER_FAILURE;
  const park = async (incoming, code, why) => {
    incoming.committing = true;
    try {
      await store().commit({
        onFailure: "try-again",
        plan: () => ({ records: parked(incoming, code, why), result: void 0 }),
        applied: () => log.write("debug", "agent.failed", { from: incomingFrom(incoming), id: incomingId(incoming), code, parts: incoming.parts })
      });
    } finally {
      incoming.committing = false;
    }
  };
  return {
    find,
    asks: (client, to) => {
      askers.set(to, client);
      const giveUp = clock.after(settings.callTimeoutMs, () => {
        expected.delete(to);
        askers.delete(to);
        wakeOne();
      });
      expected.set(to, giveUp);
    },
    async claim(client, signal) {
      try {
        return await throughFailures(signal, async () => {
          for (; ; ) {
            const next = inbox.next(clock.wallMs(), (incoming) => !isAwaited(incoming));
            if ("atMs" in next) {
              await bell.wait(WORK, signal, next.atMs - clock.wallMs());
              continue;
            }
            wakeOne();
            const stop = stopped2(next.incoming, COUNTED_DEPTH);
            if (stop !== void 0) {
              await refuseAll(
                () => [next.incoming],
                stop,
                () => []
              );
              continue;
            }
            if (!startsTooOften(next.incoming)) return await grant(next.incoming, client, signal);
            await park(next.incoming, "failed", "it was started many times and never came to an end");
          }
        });
      } catch (error) {
        wakeOne();
        throw error;
      }
    },
    async answer(client, to, signal) {
      expected.get(to)?.();
      expected.delete(to);
      askers.set(to, client);
      const isFree2 = (incoming) => incoming.box === "contacts" && incoming.claim === void 0 && !incoming.committing;
      try {
        return await throughFailures(signal, async () => {
          for (; ; ) {
            const found2 = [...inbox.answersTo(to)].find((incoming) => isFree2(incoming) && isAnswer(incoming, to));
            if (found2 === void 0) await bell.wait(to, signal);
            else return await grant(found2, client, signal);
          }
        });
      } finally {
        if (askers.get(to) === client) askers.delete(to);
        bell.ring(to);
        wakeOne();
      }
    },
    adopt(client, claim) {
      const incoming = inbox.find(`${hex(agentIdBytes(claim.from))}/${claim.id}`);
      if (incoming === void 0 || incoming.box !== "contacts" || incoming.attempt !== claim.attempt || incoming.committing) return false;
      if (incoming.claim !== void 0) return incoming.claim.client === client;
      incoming.claim = { client, attempt: claim.attempt };
      takeBackLater(incoming, claim.attempt);
      return true;
    },
    async complete(completion, drafts) {
      const { stream: stream2, seq } = parseMessageId(completion.id);
      const from = agentIdBytes(completion.from);
      const wanted = completion.outcome === "done" ? DONE2 : refusal(completion.why);
      let ending = wanted;
      await throughFailures(closing, async () => {
        if (inbox.find(incomingKey(from, stream2, seq)) === void 0 && inbox.completedAttempt(from, stream2, seq) === completion.attempt)
          return;
        const incoming = held(completion);
        const mayStill = () => {
          if (incoming.claim?.attempt !== completion.attempt)
            throw new PerdureError("fenced", `attempt ${completion.attempt} at message ${completion.id} is over`);
        };
        ending = await end(incoming, completion.attempt, wanted, drafts, mayStill);
      });
      followUp(ending.outcome);
    },
    release,
    refuseAll,
    async finish(key, outcome, why) {
      const { stream: stream2, seq } = parseMessageId(key.id);
      const from = agentIdBytes(key.from);
      if (inbox.find(incomingKey(from, stream2, seq)) === void 0 && inbox.completedAttempt(from, stream2, seq) !== void 0) return;
      const incoming = find(key);
      if (incoming.committing) throw new PerdureError("unknown-message", `message ${key.id} is just coming to its end`);
      letGo(incoming);
      await end(
        incoming,
        incoming.attempt + 1,
        outcome === "done" ? DONE2 : refusal(why),
        () => NO_DRAFTS,
        () => void 0
      );
      followUp(outcome);
    },
    async retry(key) {
      const incoming = find(key);
      if (incoming.box === "requests")
        throw new PerdureError("bad-argument", `message ${key.id} waits for a word on its sender`, {
          hint: "Take the sender in: perdure contacts accept."
        });
      const { from, stream: stream2, seq } = incoming;
      await store().commit({
        onFailure: "give-up",
        plan: () => {
          const arrival = incoming.box === "failed" ? inbox.nextArrival() : incoming.arrival;
          return {
            records: [
              { kept: { kind: "put", head: { from, stream: stream2, seq, box: "contacts", arrival, failures: 0, crashes: 0, notBeforeMs: 0 } } }
            ],
            result: void 0
          };
        }
      });
      offer2(incoming);
    },
    leave(client) {
      for (const [to, asker] of askers) if (asker === client) askers.delete(to);
      for (const incoming of inbox.listed("contacts", 0)) {
        if (incoming.claim?.client !== client || incoming.committing) continue;
        letGo(incoming);
        offer2(incoming);
        log.write("debug", "agent.claim-freed", { from: incomingFrom(incoming), id: incomingId(incoming), attempt: incoming.attempt });
      }
      wakeOne();
    },
    async sweep(expired) {
      for (const incoming of expired) {
        if (incoming.box === "requests")
          await refuseAll(
            () => [incoming],
            refusal("nobody took it in before it expired", "expired"),
            () => []
          );
        else await park(incoming, "expired", "it waited past its expiry");
      }
      for (const twin of inbox.lateTwins()) {
        twin.committing = true;
        await store().commit({
          onFailure: "try-again",
          plan: () => ({
            records: ended(twin, twin.attempt, { ...DONE2, why: "another message with the same idempotency key was taken" }),
            result: void 0
          }),
          applied: () => say([twin], "done")
        }).finally(() => {
          twin.committing = false;
        });
      }
      if (expired.length > 0) wakeOne();
    },
    close() {
      for (const cancel of [...deadlines.values(), ...expected.values()]) cancel();
    }
  };
}

// packages/perdure/src/agent/contact-calls.ts
var MIN_INVITE_MS = 1e3;
var MAX_USES = 1e3;
var LABEL_BYTES = 128;
var LISTED_REQUESTS = 1e3;
function createContactCalls(options) {
  const { host, settings, own, book, guard, inbox, outbox, peers, lookups, claims, requests, addressOf, store } = options;
  const { clock } = host;
  const commit = (plan) => store().commit({ onFailure: "give-up", plan: () => ({ records: plan(), result: void 0 }) });
  const view = (entry) => {
    const name = entry.name === "" ? peers.loaded(entry.id)?.name : entry.name;
    return {
      id: agentIdText(entry.id),
      standing: entry.standing === "blocked" ? "blocked" : "contact",
      name: name === "" ? void 0 : name,
      address: addressOf(entry.id),
      how: entry.how,
      sinceMs: entry.atMs,
      waitingRequests: inbox.requested(entry.id).messages
    };
  };
  const viewOf2 = (idRaw) => {
    const entry = book.find(idRaw);
    if (entry === void 0) throw new PerdureError("internal", "a contact that was kept is not in the book");
    return view(entry);
  };
  const idOf = async (who) => {
    const recipient = parseRecipient(who);
    if (recipient.idRaw.length > 0) return { idRaw: recipient.idRaw, name: "" };
    const identity = await lookups.resolve(recipient);
    const idRaw = identity?.idRaw ?? peers.named(recipient.name)?.idRaw;
    if (idRaw === void 0)
      throw new PerdureError("relay-unreachable", `whom ${who} means cannot be asked right now`, {
        retry: "after",
        hint: "Try again when the relay answers, or use the agent id."
      });
    return { idRaw, name: recipient.name };
  };
  const decided = (idRaw, name, standing, how) => book.decided({ idRaw, standing, how, name, nowMs: clock.wallMs() }).map((kept) => ({ kept }));
  const greet = async (requestId, content) => {
    const request = fromHex(requestId);
    if (request?.length !== 16) throw new PerdureError("bad-argument", "a request id has 32 hexadecimal digits");
    const { agentId: agentId5, home: home2, name, secret, expiresAtMs } = content;
    await commit(() => {
      if (outbox.byRequest(requestId) !== void 0) return [];
      refuseBlocked(book, agentId5);
      const nowMs = clock.wallMs();
      const contact2 = book.decided({ idRaw: agentId5, standing: "contact", how: "accepted", name, home: home2, nowMs });
      const queued2 = outgoingRecords(outbox, host.crypto.hash, {
        recipient: { idRaw: agentId5, name: "" },
        class: "mail",
        requestId: request,
        asks: false,
        thread: host.random.bytes(16),
        depth: 0,
        auto: false,
        inReplyTo: void 0,
        collapseKey: "",
        idempotencyKey: "",
        contentType: GREETING_CONTENT_TYPE,
        fileName: "",
        content: EMPTY,
        nowMs,
        expiresAtMs: Math.min(expiresAtMs, nowMs + settings.defaultExpiryMs),
        invite: secret
      });
      return [...contact2.map((kept) => ({ kept })), ...requests.letIn((incoming) => equalBytes(incoming.from, agentId5)), ...queued2.records];
    });
  };
  return {
    contacts: async () => [...book.entries()].map(view).sort((a, b) => b.sinceMs - a.sinceMs),
    async contactRequests() {
      const senders = /* @__PURE__ */ new Map();
      for (const incoming of inbox.listed("requests", 0)) {
        const { fromName } = headOf(incoming);
        const id = agentIdText(incoming.from);
        const so = senders.get(id) ?? { id, name: void 0, messages: 0, firstAtMs: incoming.wholeAtMs, lastAtMs: incoming.wholeAtMs };
        so.messages++;
        so.lastAtMs = Math.max(so.lastAtMs, incoming.wholeAtMs);
        if (fromName !== "") so.name = fromName;
        senders.set(id, so);
      }
      return [...senders.values()].sort((a, b) => b.lastAtMs - a.lastAtMs).slice(0, LISTED_REQUESTS);
    },
    async decide(who, decision) {
      const { idRaw, name } = await idOf(who);
      if (equalBytes(idRaw, own.idRaw))
        throw new PerdureError("bad-argument", "that is this agent itself", { hint: "Name somebody else." });
      const isTheirs = (incoming) => equalBytes(incoming.from, idRaw);
      if (decision === "remove") {
        await commit(() => decided(idRaw, "", "none", "added"));
        return void 0;
      }
      if (decision === "block") {
        const waiting = () => [...inbox.listed("requests", 0), ...inbox.listed("contacts", 0)].filter(isTheirs);
        const verdict = refusal("its owner does not want mail from this sender", "blocked");
        await claims.refuseAll(waiting, verdict, () => decided(idRaw, name, "blocked", "added"));
        return viewOf2(idRaw);
      }
      await commit(() => {
        const isNew = book.standing(idRaw) !== "contact";
        if (decision === "accept" && isNew && requests.of(isTheirs).length === 0)
          throw new PerdureError("unknown-agent", `nothing of ${who} waits in requests`, {
            hint: "perdure contacts requests lists who does; perdure contacts add takes in anybody."
          });
        return [...decided(idRaw, name, "contact", decision === "accept" ? "accepted" : "added"), ...requests.letIn(isTheirs)];
      });
      return viewOf2(idRaw);
    },
    async strangers(policy2) {
      if (policy2 !== "" && policy2 !== "wait" && policy2 !== "welcome")
        throw new PerdureError("bad-argument", `strangers are made to wait or welcome, not "${String(policy2)}"`);
      if (policy2 !== "" && policy2 !== book.policy.strangers) {
        await commit(() => [
          { kept: { kind: "policy", head: { ...book.policy, strangers: policy2 } } },
          ...policy2 === "welcome" ? requests.letIn((incoming) => headOf(incoming).head.contentType !== GREETING_CONTENT_TYPE) : []
        ]);
      }
      return book.policy.strangers;
    },
    paused: async () => [...guard.pauses()].map(({ thread, peer: peer2, why, atMs }) => ({
      thread: equalBytes(thread, EVERY_THREAD) ? "" : hex(thread),
      peer: agentIdText(peer2),
      why,
      atMs
    })),
    async resume(threadOrPeer) {
      const thread = fromHex(threadOrPeer);
      if (!isAgentId(threadOrPeer) && thread?.length !== 16)
        throw new PerdureError("bad-argument", `"${threadOrPeer}" is neither a thread nor an agent id`, {
          hint: "perdure contacts paused lists both."
        });
      const peer2 = isAgentId(threadOrPeer) ? agentIdBytes(threadOrPeer) : void 0;
      await commit(
        () => [...guard.pauses()].filter((pause2) => peer2 === void 0 ? equalBytes(pause2.thread, thread ?? EMPTY) : equalBytes(pause2.peer, peer2)).map((pause2) => ({ kept: { kind: "paused", head: { ...pause2, paused: false, atMs: clock.wallMs() } } }))
      );
    },
    async invite({ secret, expiresInMs, uses, label }) {
      const raw = fromHex(secret);
      if (raw?.length !== INVITE_SECRET_BYTES) throw new PerdureError("bad-argument", "the secret of an invite has 32 hexadecimal digits");
      if (!(expiresInMs >= MIN_INVITE_MS && expiresInMs <= MAX_INVITE_MS))
        throw new PerdureError("expiry-out-of-range", `an invite is valid 1 s to 366 days, not ${expiresInMs} ms`);
      if (!Number.isInteger(uses) || uses < 1 || uses > MAX_USES)
        throw new PerdureError("bad-argument", `an invite has 1 to ${MAX_USES} uses, not ${uses}`);
      if (utf8(label).length > LABEL_BYTES) throw new PerdureError("bad-argument", `a label has at most ${LABEL_BYTES} bytes`);
      const hash2 = host.crypto.hash.sha256(raw);
      const nowMs = clock.wallMs();
      const expiresAtMs = nowMs + Math.round(expiresInMs);
      await commit(() => book.invited({ hash: hash2, label, expiresAtMs, usesLeft: uses, atMs: nowMs }).map((kept) => ({ kept })));
      const { relayId: relayId2, url } = options.home();
      const content = {
        version: INVITE_VERSION,
        agentId: own.idRaw,
        name: own.name ?? "",
        home: { relayId: relayId2, url },
        secret: raw,
        expiresAtMs
      };
      return { text: inviteText(content), link: inviteLink(content), expiresAtMs, uses };
    },
    async acceptInvite(requestId, written) {
      const content = parseInvite(written);
      const nowMs = clock.wallMs();
      if (equalBytes(content.agentId, own.idRaw))
        throw new PerdureError("bad-argument", "this is an invite of this agent itself", {
          hint: "Hand it to whoever shall write to this agent."
        });
      if (content.expiresAtMs <= nowMs)
        throw new PerdureError("expired", `this invite was valid until ${new Date(content.expiresAtMs).toISOString()}`, {
          hint: "Ask for a new one."
        });
      await greet(requestId, content);
      const greeting = outbox.byRequest(requestId);
      if (greeting === void 0) throw new PerdureError("internal", "a greeting that was queued is not in the outbox");
      return { contact: viewOf2(content.agentId), greeting: outgoingView(greeting, options.names) };
    }
  };
}

// packages/perdure/src/protocol/contacts/contact-list.ts
var PREFIX_BYTES = 8;
function contactList(book, homeOf) {
  const entries = [...book.entries()];
  const contacts2 = entries.filter(({ standing }) => standing === "contact").sort(byWeight);
  const blocked = entries.filter(({ standing }) => standing === "blocked").sort(byWeight);
  return {
    open: book.policy.strangers === "welcome",
    contacts: sorted(contacts2.map(({ id }) => concat2(prefix(id), prefix(homeOf(id))))),
    blocked: sorted(blocked.map(({ id }) => prefix(id)))
  };
}
function byWeight(a, b) {
  const [chosenA, chosenB] = [a.how !== "written-to", b.how !== "written-to"];
  if (chosenA !== chosenB) return chosenA ? -1 : 1;
  return b.atMs - a.atMs || compareBytes(a.id, b.id);
}
function prefix(id) {
  return id.subarray(0, PREFIX_BYTES);
}
function sorted(entries) {
  return concat2(...entries.slice(0, MAX_LISTED_CONTACTS).sort(compareBytes));
}

// packages/perdure/src/agent/contact-teller.ts
var PAUSE_MS = 50;
var HASH_BYTES2 = 16;
function createContactTeller({ host, book, homeOf, keep, send }) {
  let running;
  let waiting = false;
  let cancel = () => {
  };
  let closed = false;
  const hashOf = (list2) => host.crypto.hash.sha256(contacts.encode({ version: 1, ...list2 })).slice(0, HASH_BYTES2);
  const isCurrent = (list2) => book.policy.listVersion > 0 && equalBytes(hashOf(list2), book.policy.listHash);
  const tell2 = (version, list2) => {
    send({ name: "contacts", payload: contacts.encode({ version, ...list2 }) });
  };
  const renew = async () => {
    if (isCurrent(contactList(book, homeOf))) return;
    let renewed;
    await keep(() => {
      const list2 = contactList(book, homeOf);
      renewed = { version: book.policy.listVersion + 1, list: list2 };
      return [{ kept: { kind: "policy", head: { ...book.policy, listVersion: renewed.version, listHash: hashOf(list2) } } }];
    }, "a contact list");
    if (renewed !== void 0 && book.policy.listVersion === renewed.version) tell2(renewed.version, renewed.list);
  };
  const run = async () => {
    waiting = false;
    await renew();
    running = void 0;
    if (waiting) look();
  };
  const look = () => {
    if (running !== void 0) waiting = true;
    else if (!closed) {
      cancel();
      cancel = host.clock.after(PAUSE_MS, () => {
        running = run();
      });
    }
  };
  return {
    look,
    connected(relayVersion) {
      const list2 = contactList(book, homeOf);
      if (!isCurrent(list2)) look();
      else if (relayVersion !== book.policy.listVersion) tell2(book.policy.listVersion, list2);
    },
    async idle() {
      closed = true;
      cancel();
      await running;
    }
  };
}

// packages/perdure/src/agent/evidence-file.ts
async function evidenceFile({ crypto: crypto2, own, evidence: shelf, read: read2, outgoing, to, toBundle }) {
  const items = /* @__PURE__ */ new Map();
  const add3 = (item) => void items.set(hex(item.hash), item);
  const gather = async (hashes) => {
    const keys = [];
    for (let at = 0; at < hashes.length; at += 32) {
      const hash2 = hashes.slice(at, at + 32);
      const place = shelf.at(hash2);
      if (place === void 0) return void 0;
      if (!items.has(hex(hash2))) add3({ hash: hash2, bytes: await read2(place) });
      keys.push(hex(hash2));
    }
    return keys;
  };
  add3(itemOf(crypto2.hash, "bundle", own.bundle()));
  if (toBundle !== void 0) add3(itemOf(crypto2.hash, "bundle", toBundle));
  const steps = [];
  for (const step2 of trailOf(outgoing)) steps.push({ step: step2, keys: step2.proof === "none" ? [] : await gather(step2.evidence) });
  const conflicts = [];
  for (const { hash: hash2, bundle } of shelf.conflicts) {
    const keys = items.size + 2 > MAX_EVIDENCE_ITEMS ? void 0 : await gather(concat2(hash2, bundle));
    if (keys?.[0] !== void 0) conflicts.push(keys[0]);
  }
  const sorted2 = [...items.values()].sort((a, b) => compareBytes(a.hash, b.hash));
  const places = new Map(sorted2.map(({ hash: hash2 }, index) => [hex(hash2), index]));
  const placesOf = (keys) => keys.map((key) => places.get(key)).sort((a, b) => a - b);
  const { head, parts } = outgoing;
  const encoded = evidence2.encode({
    format: EVIDENCE_FORMAT,
    version: WIRE_VERSION,
    from: own.idRaw,
    to,
    toName: head.toName,
    stream: head.stream,
    seq: head.seq,
    digests: parts.every((part2) => part2.bytes > 0) ? concat2(...parts.map((part2) => part2.digest)) : EMPTY,
    sentAtMs: head.sentAtMs,
    expiresAtMs: head.expiresAtMs,
    steps: steps.map(({ step: { state, atMs, by, proof: proof2 }, keys }) => ({
      state,
      atMs,
      by,
      proof: keys === void 0 ? "none" : proof2,
      items: placesOf(keys ?? [])
    })),
    items: sorted2.map(({ bytes: bytes2 }) => bytes2),
    conflicts: placesOf(conflicts),
    extensions: []
  });
  return signedEvidence.encode({
    evidence: encoded,
    signature: await crypto2.signatures.sign(own.instanceKey, toBeSigned("evidence", encoded))
  });
}

// packages/perdure/src/agent/homes.ts
function createHomes({ peers, ownRelayIdRaw, hint }) {
  const isOwn = (relayIdRaw) => equalBytes(relayIdRaw, ownRelayIdRaw);
  const elsewhere = (idRaw) => {
    const home2 = peers.claims(idRaw)?.home ?? hint(idRaw);
    return home2 === void 0 || isOwn(home2.relayId) ? void 0 : home2;
  };
  return {
    elsewhere,
    isOwn,
    isOf: (relayIdRaw, idRaw) => isOwn(relayIdRaw) || equalBytes(elsewhere(idRaw)?.relayId ?? new Uint8Array(0), relayIdRaw)
  };
}

// packages/perdure/src/agent/housekeeping.ts
var MOVE_BYTES = 1024 * 1024;
var MAX_SETTLED = 1024;
var SHORTEST_PAUSE_MS = 200;
function createHousekeeping(options) {
  const { host, settings, own, outbox, inbox, claims, store, keep, provenMs, onRenewed } = options;
  const { clock, log } = host;
  const settled = /* @__PURE__ */ new Set();
  let cancel = () => {
  };
  let nextAtMs = Number.POSITIVE_INFINITY;
  let running;
  let closed = false;
  const arm = (atMs) => {
    if (closed || atMs >= nextAtMs) return;
    cancel();
    nextAtMs = atMs;
    cancel = clock.after(Math.max(0, atMs - clock.monotonicMs()), () => {
      nextAtMs = Number.POSITIVE_INFINITY;
      running ??= sweep().catch((error) => log.write("error", "agent.housekeeping-failed", { why: String(error) })).finally(() => {
        running = void 0;
      });
    });
  };
  const sayTooLate = ({ from, stream: stream2, seq }) => {
    const parts = inbox.find(incomingKey(from, stream2, seq))?.parts ?? 1;
    for (let part2 = 0; part2 < parts; part2++)
      log.write("debug", "agent.too-late", { from: agentIdText(from), id: messageIdText(stream2, seq + part2) });
  };
  const sweep = async () => {
    const wallMs = clock.wallMs();
    let pauseMs = settings.sweepEveryMs;
    try {
      const outgoing = outbox.due(wallMs);
      if (outgoing.records.length > 0)
        await keep(
          outgoing.records.map((kept) => ({ kept })),
          "a verdict"
        );
      const incoming = inbox.due(wallMs, provenMs());
      for (const kept of incoming.records) if (kept.kind === "passed") sayTooLate(kept.head);
      if (incoming.records.length > 0)
        await keep(
          incoming.records.map((kept) => ({ kept })),
          "an expiry"
        );
      pauseMs = Math.max(SHORTEST_PAUSE_MS, Math.min(pauseMs, outgoing.nextMs - wallMs, incoming.nextMs - wallMs));
      await claims.sweep(incoming.expired);
      if (await own.renewIfDue(wallMs)) onRenewed();
      await moveEvidence();
    } finally {
      arm(clock.monotonicMs() + pauseMs);
    }
  };
  const moveEvidence = async () => {
    const segment = store().sparsest((each) => settled.has(each));
    if (segment === void 0) return;
    const planned = [];
    let bytes2 = 0;
    for (const { hash: hash2, at } of outbox.evidence.in(segment)) {
      if (bytes2 >= MOVE_BYTES) break;
      const payload = await store().read(at).catch(() => void 0);
      if (payload === void 0) continue;
      bytes2 += payload.length;
      planned.push({ kept: { kind: "evidence", head: { hash: hash2 } }, payload });
    }
    if (settled.size >= MAX_SETTLED) settled.clear();
    if (planned.length === 0) settled.add(segment);
    else await keep(planned, "evidence");
  };
  return {
    look: () => arm(clock.monotonicMs() + SHORTEST_PAUSE_MS),
    close() {
      closed = true;
      cancel();
    },
    async idle() {
      await running;
    }
  };
}

// packages/perdure/src/agent/identity-view.ts
function identityView(own) {
  const { log } = own;
  const isRevoked = (key) => log.revoked.some(({ instanceKey }) => equalBytes(instanceKey, key));
  return {
    id: own.id,
    name: own.name,
    custody: own.custody,
    sealed: own.isSealed,
    standing: own.standing,
    controlKeys: log.controlKeys.map(hex),
    log: log.events.map(({ seq, kind, claimedAtMs, hash: hash2, voided }) => ({ seq, kind, claimedAtMs, hash: hex(hash2), voided })),
    instances: own.instances.map(({ publicKey: publicKey2, validUntilMs }) => ({
      key: hex(publicKey2),
      isThis: equalBytes(publicKey2, own.instance.publicKey),
      validUntilMs,
      revoked: isRevoked(publicKey2)
    })),
    inboxKeys: own.generations.map(({ keyId, generation: generation2, madeAtMs, destroyAtMs }) => ({
      id: hex(keyId),
      generation: generation2,
      madeAtMs,
      destroyAtMs: destroyAtMs === 0 ? void 0 : destroyAtMs
    })),
    pinnedHomes: log.homes?.map(({ relayId: relayId2, url }) => ({ relay: agentIdText(relayId2), url })),
    anchors: log.anchors.map(({ root, about, seq, claimedAtMs }) => ({ root: hex(root), about, seq, claimedAtMs })),
    retired: log.retired === void 0 ? void 0 : {
      untilMs: log.retired.untilMs,
      successor: log.retired.successor === void 0 ? void 0 : agentIdText(log.retired.successor),
      reason: log.retired.reason
    },
    bundle: own.bundle()
  };
}

// packages/perdure/src/agent/identity-calls.ts
var REASON_BYTES = 256;
var KEY_BYTES8 = 32;
function createIdentityCalls({
  host,
  own,
  tell: tell2
}) {
  const changeOnce = async (change) => {
    const { afterSeq } = change;
    if (own.log.seq === afterSeq) return await changeNow(own, change, host.clock.wallMs());
    const kind = EVENT_OF[change.kind];
    if (own.log.events.some((event) => event.seq > afterSeq && event.kind === kind)) return;
    throw new PerdureError("fenced", `the log of this agent is at event ${own.log.seq}, no longer at ${afterSeq}`, {
      retry: "now",
      hint: "Look at it again, and then decide: perdure id show."
    });
  };
  return {
    identity: async () => identityView(own),
    async changeIdentity(change) {
      await changeOnce(change);
      return { seq: own.log.seq, relayHasIt: await tell2(), view: identityView(own) };
    },
    exportIdentity: (passphrase) => own.export(passphrase),
    setPassphrase: (passphrase) => own.setPassphrase(passphrase === "" ? void 0 : passphrase)
  };
}
var EVENT_OF = {
  rotate: "rotate",
  revoke: "instance-revoke",
  claim: "instance-revoke",
  "pin-home": "home-set",
  anchor: "anchor",
  retire: "retire"
};
async function changeNow(own, change, nowMs) {
  switch (change.kind) {
    case "rotate":
      await own.rotate({ ...rotation(own, change), nowMs });
      return;
    case "revoke": {
      const instanceKey = knownInstance(own, change.instance);
      return await own.revokeInstance({ instanceKey, voidFromMs: change.voidFromMs ?? nowMs, reason: shortText(change.reason), nowMs });
    }
    case "claim":
      return await own.replaceInstance(nowMs);
    case "pin-home": {
      const [home2] = own.homes();
      if (change.pinned && home2 === void 0)
        throw new PerdureError("bad-argument", "this agent has no home to pin", {
          hint: "Join a relay first: perdure init --relay <address>."
        });
      return await own.setHomesInLog(change.pinned && home2 !== void 0 ? [home2] : [], nowMs);
    }
    case "anchor": {
      const root = fromHex(change.root);
      if (root?.length !== KEY_BYTES8) throw new PerdureError("bad-argument", "an anchor is a SHA-256: 64 hexadecimal digits");
      return await own.anchor({ root, about: shortText(change.about), nowMs });
    }
    case "retire": {
      if (change.successor !== "" && !isAgentId(change.successor))
        throw new PerdureError("bad-argument", `"${change.successor}" is no agent id`, { hint: "Write the successor's id: ag1\u2026" });
      const successor = change.successor === "" ? {} : { successor: agentIdBytes(change.successor) };
      const recovery = change.recoveryFile === "" ? {} : { recoveryPath: change.recoveryFile };
      return await own.retire({ ...successor, ...recovery, reason: shortText(change.reason), nowMs });
    }
  }
}
function rotation(own, change) {
  const { recoveryFile, newRecoveryFile, together, stolenSinceMs } = change;
  const stolen = own.log.events.find(({ seq, claimedAtMs }) => seq > 0 && stolenSinceMs !== void 0 && claimedAtMs >= stolenSinceMs);
  const voidFromSeq = change.voidFromSeq ?? stolen?.seq;
  return {
    ...recoveryFile === "" ? {} : { recoveryPath: recoveryFile },
    ...newRecoveryFile === "" ? {} : { newRecoveryPath: newRecoveryFile },
    ...together ? { custody: "together" } : {},
    ...stolenSinceMs === void 0 ? {} : { oldKeysUntilMs: Math.max(0, stolenSinceMs - 1) },
    ...voidFromSeq === void 0 ? {} : { voidFromSeq }
  };
}
function knownInstance(own, written) {
  const text2 = written.trim().toLowerCase();
  const whole = fromHex(text2);
  if (whole?.length === KEY_BYTES8) return whole;
  const found2 = own.instances.filter(({ publicKey: publicKey2 }) => text2.length >= 4 && hex(publicKey2).startsWith(text2));
  if (found2.length === 1 && found2[0] !== void 0) return found2[0].publicKey;
  throw new PerdureError("bad-argument", `"${written}" names ${found2.length === 0 ? "no" : "more than one"} instance`, {
    hint: "perdure id show lists them; write at least 4 digits, or all 64."
  });
}
function shortText(text2) {
  const normal = text2.normalize("NFC");
  if (utf8(normal).length > REASON_BYTES) throw new PerdureError("bad-argument", `such a text has at most ${REASON_BYTES} bytes`);
  return normal;
}

// packages/perdure/src/agent/lookups.ts
var MAX_QUESTIONS = 256;
var MAX_TROUBLES = 1024;
var PASSING = /* @__PURE__ */ new Set(["relay-unreachable", "timed-out", "aborted", "permission-denied", "connection-closed"]);
var FINAL = /* @__PURE__ */ new Set([
  "wrong-relay",
  "bad-handshake",
  "peer-forbidden",
  "blocked",
  "needs-older-version",
  "needs-newer-version"
]);
var FINAL_WHY = {
  "wrong-relay": "another relay answers there",
  "peer-forbidden": "this agent's relay dials no address of its own machine or of a private network",
  blocked: "one of the two relays has turned the other away",
  "needs-older-version": "it speaks an older version",
  "needs-newer-version": "it speaks a newer version"
};
function createLookups(options) {
  const { host, settings, peers, homes, relayNames, store, send, tell: tell2, firstDial, closing } = options;
  const waiting = /* @__PURE__ */ new Map();
  const asking = /* @__PURE__ */ new Map();
  const troubles = /* @__PURE__ */ new Map();
  let requests = 0;
  const troubled = (recipient, why) => {
    const key = keyOf(recipient);
    troubles.delete(key);
    if (why !== "") troubles.set(key, why);
    for (const oldest of troubles.keys()) {
      if (troubles.size <= MAX_TROUBLES) break;
      troubles.delete(oldest);
    }
  };
  const askOnce = async ({ what, key, at }, again) => {
    if (waiting.size >= MAX_QUESTIONS) return void 0;
    const request = ++requests;
    try {
      return await withDeadline(
        host.clock,
        { timeoutMs: settings.lookupTimeoutMs, what: "the relay's answer to a lookup", signal: closing },
        async () => {
          await firstDial();
          return await new Promise((resolve) => {
            waiting.set(request, resolve);
            const asked = (at === void 0 || tell2(at, again)) && send({ name: "lookup", payload: lookup.encode({ request, what, key, at: at?.relayId ?? EMPTY }) });
            if (!asked) resolve(void 0);
          });
        }
      );
    } catch (error) {
      if (isPerdureError(error) && (error.code === "timed-out" || error.code === "aborted")) return void 0;
      throw error;
    } finally {
      waiting.delete(request);
    }
  };
  const ask = async (question) => {
    const said = await askOnce(question, false);
    return said?.code === "unknown-relay" && question.at !== void 0 ? await askOnce(question, true) : said;
  };
  const bundleOf = async (question, who, silent = () => {
  }) => {
    const said = await ask(question);
    if (said !== void 0 && said.bundle.length > 0) return said.bundle;
    const where = question.at === void 0 ? "the relay" : `the relay at ${question.at.url}`;
    if (said === void 0) {
      silent(`${where} was asked about ${who} and has not answered`);
      return void 0;
    }
    if (said.code === "" || said.code === "unknown-agent") {
      throw new PerdureError("unknown-agent", `${where} knows no agent ${who}`, {
        hint: "Check the spelling; an agent must have joined that relay once."
      });
    }
    if (isErrorCode(said.code) && FINAL.has(said.code))
      throw new PerdureError(said.code, `${where} cannot be asked about ${who}: ${FINAL_WHY[said.code] ?? said.code}`, {
        hint: "Ask who runs the two relays."
      });
    host.log.write("info", "agent.lookup-unanswered", { who, at: question.at?.url ?? "", code: said.code });
    silent(`${where} cannot be asked about ${who}: ${said.code}`);
    return void 0;
  };
  const keepIdentity = async (identity, name, accept) => {
    const pins = await peers.learn(identity);
    await store().commit({
      plan: () => ({ records: name === "" ? pins : [...pins, ...peers.learnName(name, identity.idRaw, accept)], result: void 0 }),
      onFailure: "give-up"
    });
    return await peers.load(identity.idRaw);
  };
  const whereToAsk = async ({ idRaw, name }, accept) => {
    if (name === "") return { at: homes.elsewhere(idRaw) };
    const { host: relayHost } = splitName(name);
    if (relayHost === void 0) return { at: void 0 };
    const home2 = await relayNames.find(relayHost, { accept });
    return { at: homes.isOwn(home2.relayId) ? void 0 : home2 };
  };
  const askAndLearn = async (recipient, accept) => {
    const { at } = await whereToAsk(recipient, accept);
    const { idRaw, name } = recipient;
    const silent = (why) => troubled(recipient, why);
    const own = splitName(name).name;
    const bundle = name === "" ? await bundleOf({ what: "agent", key: idRaw, at }, agentIdText(idRaw), silent) : await bundleOf({ what: "name", key: utf8(own), at }, `@${name}`, silent);
    if (bundle === void 0) return void 0;
    troubled(recipient, "");
    const identity = await verifyBundle(host.crypto, bundle, host.clock.wallMs(), idRaw.length > 0 ? idRaw : void 0);
    if (name !== "") refuseUnproven(identity, name, at?.relayId ?? options.ownRelayIdRaw, at !== void 0);
    return await keepIdentity(identity, name, accept);
  };
  const askShared = (recipient) => {
    const key = keyOf(recipient);
    const running = asking.get(key);
    if (running !== void 0) return running;
    const started2 = askAndLearn(recipient, false).catch((error) => {
      if (!isPerdureError(error) || !PASSING.has(error.code)) throw error;
      troubled(recipient, error.message);
      return void 0;
    }).finally(() => asking.delete(key));
    asking.set(key, started2);
    return started2;
  };
  return {
    found(payload) {
      const answer = found.decode(payload);
      waiting.get(answer.request)?.(answer);
    },
    apart() {
      for (const resolve of waiting.values()) resolve(void 0);
    },
    async resolve(recipient) {
      const nowMs = host.clock.wallMs();
      const pin = recipient.name === "" ? void 0 : peers.named(recipient.name);
      const idRaw = recipient.name === "" ? recipient.idRaw : pin?.idRaw;
      const pinned = idRaw === void 0 ? void 0 : await peers.load(idRaw);
      const usable = pinned?.inboxKey !== void 0 && pinned.inboxKey.notAfterMs > nowMs && !pinned.frozen && !pinned.retired;
      const isOver = pinned?.frozen === true || pinned?.retired === true;
      const seenAtMs = Math.min(idRaw === void 0 ? 0 : peers.seenAtMs(idRaw), pin?.seenAtMs ?? Number.POSITIVE_INFINITY);
      if (usable && nowMs < seenAtMs + settings.recordFreshMs) return pinned;
      const asked = await askShared(recipient).catch((error) => {
        if (!(usable || isOver) || !isPerdureError(error) || error.code === "name-changed" || error.code === "relay-changed") throw error;
        host.log.write("warn", "agent.lookup-not-taken", { to: agentIdText(pinned.idRaw), code: error.code, why: error.message });
        return void 0;
      });
      if (asked !== void 0 && idRaw !== void 0 && !equalBytes(asked.idRaw, idRaw))
        throw new PerdureError("internal", "a lookup answered for another agent");
      return asked ?? (usable || isOver ? pinned : void 0);
    },
    refresh: (idRaw) => askShared({ idRaw, name: "" }),
    trouble: (recipient) => troubles.get(keyOf(recipient)) ?? "",
    async relay(idRaw, anew = false) {
      const pinned = anew ? void 0 : await peers.load(idRaw);
      if (pinned !== void 0) return pinned;
      const bundle = await bundleOf({ what: "agent", key: idRaw, at: void 0 }, agentIdText(idRaw));
      if (bundle === void 0) return void 0;
      return await keepIdentity(await verifyBundle(host.crypto, bundle, host.clock.wallMs(), idRaw), "", false);
    },
    async acceptChange(recipient) {
      const identity = await askAndLearn(recipient, true);
      if (identity !== void 0) return identity;
      throw new PerdureError("relay-unreachable", `nobody can be asked about @${recipient.name} now`, { retry: "after" });
    }
  };
}
function keyOf({ idRaw, name }) {
  return name === "" ? agentIdText(idRaw) : `@${name}`;
}
function refuseUnproven(identity, name, relayIdRaw, needsHome) {
  const [home2] = identity.homes;
  const claimsHome = home2 === void 0 ? !needsHome : equalBytes(home2.relayId, relayIdRaw);
  if (identity.name === splitName(name).name && claimsHome) return;
  throw new PerdureError(
    "name-unproven",
    `the relay says that @${name} is ${identity.id}, and that agent's own record does not say so${claimsHome ? "" : " of that relay"}`,
    { hint: "Ask the person behind the name for an id or an invite." }
  );
}

// packages/perdure/src/agent/peer-standing.ts
function openMessagesTo(outbox, idRaw) {
  const isTo = ({ head, parts }) => equalBytes(head.to, idRaw) || parts.some(({ to }) => equalBytes(to, idRaw));
  return [...outbox.all()].filter(isTo);
}
function retiredSteps(messages, { log: { retired } }, nowMs) {
  if (retired === void 0) return [];
  const instead = retired.successor === void 0 ? "" : `; it names ${agentIdText(retired.successor)} to turn to instead`;
  const detail = clipWords(`identity-retired: its owner retired it${instead}`);
  return messages.filter(({ state }) => !isTerminal(state)).map(
    ({ head: { stream: stream2, seq, class: kind } }) => kind === "receipt" ? { kept: { kind: "forgotten", head: { stream: stream2, seq } } } : {
      kept: {
        kind: "step",
        head: { stream: stream2, seq, state: "refused", atMs: nowMs, by: EMPTY, proof: "none", detail, evidence: EMPTY }
      }
    }
  );
}
function createPeerHeed({ clock, log, peers, outbox, keep, arrivals, redeliver }) {
  const heed = async (idRaw) => {
    const peer2 = await peers.load(idRaw);
    if (peer2 === void 0) return;
    const records = () => peer2.retired ? retiredSteps(openMessagesTo(outbox, idRaw), peer2, clock.wallMs()) : [];
    if (records().length > 0) await keep(records, "the end of messages");
    if (peer2.frozen || !arrivals().isHeldFor(peer2.id)) return;
    arrivals().decided(peer2.id);
    redeliver();
  };
  return (idRaw) => {
    heed(idRaw).catch((error) => log.write("warn", "agent.peer-not-heeded", { why: String(error) }));
  };
}

// packages/perdure/src/agent/peers.ts
var MAX_PEERS = 1e4;
function createPeers({ host, keeps = () => false }) {
  const peers = /* @__PURE__ */ new Map();
  const names = /* @__PURE__ */ new Map();
  const relays = /* @__PURE__ */ new Map();
  const boundPeers = () => {
    if (peers.size <= MAX_PEERS) return;
    let surplus = peers.size - MAX_PEERS + MAX_PEERS / 100;
    for (const [key, { head }] of peers) {
      if (surplus <= 0) break;
      if (keeps(head.id)) continue;
      peers.delete(key);
      surplus--;
    }
    bound(peers);
  };
  const bound = (map) => {
    for (const oldest of map.keys()) {
      if (map.size <= MAX_PEERS) break;
      map.delete(oldest);
    }
  };
  const readPinned = async (idRaw) => {
    const peer2 = peers.get(hex(idRaw));
    const nowMs = host.clock.wallMs();
    if (peer2 === void 0 || peer2.read !== void 0 && nowMs < peer2.readUntilMs) return peer2?.read;
    peer2.read = await readIdentity(host.crypto, peer2.bundle, nowMs, idRaw);
    peer2.readUntilMs = changesAtMs(peer2.read, nowMs);
    return peer2.read;
  };
  const speaking = (identity) => identity !== void 0 && speaksAt(identity, host.clock.wallMs()) ? identity : void 0;
  const load = async (idRaw) => speaking(await readPinned(idRaw));
  return {
    apply(kept, payload) {
      if (kept.kind === "peer" && payload !== void 0) {
        const key = hex(kept.head.id);
        const before = peers.get(key);
        peers.delete(key);
        peers.set(key, {
          head: kept.head,
          bundle: payload.slice(),
          read: before !== void 0 && equalBytes(before.bundle, payload) ? before.read : void 0,
          readUntilMs: before?.readUntilMs ?? 0,
          claims: void 0
        });
        boundPeers();
      } else if (kept.kind === "peerName") {
        names.delete(kept.head.name);
        names.set(kept.head.name, { idRaw: kept.head.id, seenAtMs: kept.head.seenAtMs });
        bound(names);
      } else if (kept.kind === "relayName") {
        const { host: name, relayId: relayId2, url, seenAtMs } = kept.head;
        relays.delete(name);
        relays.set(name, { relayId: relayId2, url, preference: 0, seenAtMs });
        bound(relays);
      }
    },
    reset() {
      relays.clear();
      peers.clear();
      names.clear();
    },
    restate: () => [
      ...[...peers.values()].map(({ head, bundle }) => ({ kept: { kind: "peer", head }, payload: bundle })),
      ...[...names].map(([name, { idRaw, seenAtMs }]) => ({ kept: { kind: "peerName", head: { name, id: idRaw, seenAtMs } } })),
      ...[...relays].map(
        ([name, { relayId: relayId2, url, seenAtMs }]) => ({ kept: { kind: "relayName", head: { host: name, relayId: relayId2, url, seenAtMs } } })
      )
    ],
    load,
    pinned: (idRaw) => peers.get(hex(idRaw))?.read,
    loaded: (idRaw) => speaking(peers.get(hex(idRaw))?.read),
    seenAtMs: (idRaw) => peers.get(hex(idRaw))?.head.seenAtMs ?? 0,
    claims(idRaw) {
      const peer2 = peers.get(hex(idRaw));
      if (peer2 === void 0) return void 0;
      peer2.claims ??= newestClaims(peer2.bundle);
      return peer2.claims;
    },
    bundle: (idRaw) => peers.get(hex(idRaw))?.bundle,
    named: (name) => names.get(name),
    relayNamed: (name) => relays.get(name),
    async learn(identity) {
      const nowMs = host.clock.wallMs();
      const pinned = await readPinned(identity.idRaw);
      let next = identity;
      if (pinned !== void 0) {
        if (!equalBytes(pinned.bundle, identity.bundle)) refuseRollback(pinned, identity);
        next = await mergeIdentities(host.crypto, pinned, identity, nowMs);
      }
      const { logSeq, logHead, recordVersion, bundle, idRaw } = next;
      return [{ kept: { kind: "peer", head: { id: idRaw, logSeq, logHead, recordVersion, seenAtMs: nowMs } }, payload: bundle }];
    },
    learnName(name, idRaw, accept = false) {
      const before = names.get(name);
      if (before !== void 0 && !accept && !equalBytes(before.idRaw, idRaw)) {
        throw new PerdureError(
          "name-changed",
          `@${name} meant ${agentIdText(before.idRaw)}, and the relay now says ${agentIdText(idRaw)}`,
          {
            hint: "Ask the person behind it, over another way, which id is right; then perdure contacts accept-change, or write to that id instead of the name."
          }
        );
      }
      return [{ kept: { kind: "peerName", head: { name, id: idRaw, seenAtMs: host.clock.wallMs() } } }];
    }
  };
}
function newestClaims(bundle) {
  const records = identityBundle.decode(bundle).records.map((each) => agentRecord.decode(signedRecord.decode(each).record));
  const [newest, ...older] = records.sort((a, b) => b.recordVersion - a.recordVersion);
  const homes = [newest, ...older].find((each) => each !== void 0 && each.homes.length > 0)?.homes ?? [];
  return { name: newest?.name, home: homes.toSorted((a, b) => a.preference - b.preference)[0] };
}

// packages/perdure/src/identity/verified-before.ts
function headOf2({ hash: hash2 }, bundle) {
  const { log } = identityBundle.decode(bundle);
  const newest = signedEvent.decode(log.at(-1)).event;
  return { logSeq: log.length - 1, logHead: hash2.sha256(newest) };
}

// packages/perdure/src/agent/publication.ts
var SHOWN_LOOK_MS = 20;
var MAX_WAITING2 = 16;
function createPublication({ host, settings, own, link: link3, closing }) {
  const { clock, crypto: crypto2, log } = host;
  const waiting = /* @__PURE__ */ new Set();
  let last = Promise.resolve();
  let underWay = 0;
  const tell2 = () => link3()?.send({ name: "publish", payload: publish.encode({ bundle: own.bundle() }) }) ?? false;
  const heed = async ({ code, logHead, bundle }) => {
    if (code === "") {
      for (const asked of waiting) if (equalBytes(asked.logHead, logHead)) asked.answered(void 0);
      return;
    }
    const before = own.standing;
    const adoption = await own.adopt(bundle, clock.wallMs());
    log.write(adoption === "nothing" ? "info" : "warn", "agent.identity-elsewhere", { code, adoption, standing: own.standing });
    if (own.standing !== before) log.write("error", "agent.identity-alert", { standing: own.standing });
    if (adoption === "continued") {
      tell2();
      return;
    }
    const error = refusal2(own, code);
    if (error !== void 0) for (const asked of waiting) asked.answered(error);
  };
  const publishNow = async () => {
    const { logHead } = headOf2(crypto2, own.bundle());
    let asked;
    try {
      return await withDeadline(
        clock,
        { timeoutMs: settings.lookupTimeoutMs, what: "the relay's answer to a new identity", signal: closing },
        () => new Promise((resolve, reject) => {
          asked = { logHead, answered: (error) => error === void 0 ? resolve(true) : reject(error) };
          waiting.add(asked);
          if (!tell2()) resolve(false);
        })
      );
    } catch (error) {
      if (isPerdureError(error) && (error.code === "timed-out" || error.code === "aborted")) return false;
      throw error;
    } finally {
      if (asked !== void 0) waiting.delete(asked);
    }
  };
  return {
    publish: publishNow,
    show: async () => {
      link3()?.renew();
      const untilMs = clock.monotonicMs() + settings.lookupTimeoutMs;
      const isShown = () => equalBytes(link3()?.shownHead ?? EMPTY, own.logHead);
      while (!isShown() && clock.monotonicMs() < untilMs && !closing.aborted) await sleep(clock, SHOWN_LOOK_MS);
      if (!isShown()) return false;
      return await publishNow().catch((error) => {
        log.write("warn", "agent.not-published", { why: String(error) });
        return false;
      });
    },
    take: (payload) => {
      const said = published.decode(payload.slice());
      if (underWay >= MAX_WAITING2) return;
      underWay++;
      last = last.then(() => heed(said)).catch((error) => log.write("warn", "agent.published-not-taken", { code: said.code, why: String(error) })).finally(() => {
        underWay--;
      });
    },
    get alerts() {
      return alertsOf(own);
    },
    idle: () => last
  };
}
function refusal2(own, code) {
  const [alert] = alertsOf(own);
  if (alert !== void 0) return new PerdureError(alert.code, alert.what, { hint: `Run: ${alert.run}. ${alert.otherwise}`.trim() });
  return code === "identity-forked" ? new PerdureError("identity-forked", FORKED.what, { hint: `Run: ${FORKED.run}` }) : void 0;
}
var FORKED = {
  code: "identity-forked",
  what: "somebody else holds your control key or a copy of this folder: two histories of this agent contradict each other, and mail waits",
  run: "perdure id rotate",
  otherwise: ""
};
function alertsOf({ standing, instance }) {
  if (standing === "frozen") return [FORKED];
  if (standing === "superseded")
    return [
      {
        code: "instance-revoked",
        what: "this agent's control key was replaced elsewhere: this folder speaks for it no more",
        run: "perdure id rotate --recovery <file>",
        otherwise: "If you replaced it, go on in that folder and remove this one."
      }
    ];
  if (standing === "retired")
    return [{ code: "identity-retired", what: "this agent was retired by its owner, for ever", run: "perdure init", otherwise: "" }];
  if (instance.revoked)
    return [
      {
        code: "instance-revoked",
        what: "this folder's instance was taken out of use by the agent's owner",
        run: "perdure id claim",
        otherwise: "If it goes on in another folder, remove this one."
      }
    ];
  return [];
}

// packages/perdure/src/agent/refusal-text.ts
function refusalText({ code, retry, afterMs, limit, hint }, nowMs) {
  const hit = limit === void 0 ? "" : ` (${limit.name} is ${limit.value}, ${limit.remaining} left)`;
  const again = code === "rate-limited" && retry === "after" ? `, room again at ${clockText(nowMs + afterMs)}` : "";
  return clipWords(`${code}${hit}${again}${hint === "" ? "" : `: ${hint}`}`);
}
function clockText(atMs) {
  return `${new Date(Math.min(Math.max(atMs, 0), 864e13)).toISOString().slice(0, 19)}Z`;
}

// packages/perdure/src/protocol/delivery/link-window.ts
var MAX_UNPROVEN = 4096;
function createLinkWindow(limits) {
  const slots = /* @__PURE__ */ new Map();
  let given = 0;
  let acknowledged = 0;
  let flightBytes = 0;
  let inFlight = 0;
  let { windowFrames, windowBytes } = limits;
  const land = (slot) => {
    flightBytes -= slot.item.bytes;
    inFlight--;
  };
  const moveTo = (upTo) => {
    const landed = [];
    for (let linkSeq = acknowledged + 1; linkSeq <= upTo; linkSeq++) {
      const slot = slots.get(linkSeq);
      if (slot.refused) continue;
      land(slot);
      landed.push(slot.item);
    }
    acknowledged = Math.max(acknowledged, upTo);
    for (const linkSeq of slots.keys()) {
      if (slots.size <= MAX_UNPROVEN || linkSeq > acknowledged) break;
      slots.delete(linkSeq);
    }
    return landed;
  };
  const refuseOne = (linkSeq) => {
    const slot = linkSeq > acknowledged ? slots.get(linkSeq) : void 0;
    if (slot === void 0 || slot.refused) return void 0;
    slot.refused = true;
    land(slot);
    return slot.item;
  };
  return {
    get acknowledged() {
      return acknowledged;
    },
    get inFlight() {
      return inFlight;
    },
    allow(frames, bytes2) {
      windowFrames = Math.max(1, Math.min(frames, limits.windowFrames));
      windowBytes = Math.max(1, Math.min(bytes2, limits.windowBytes));
    },
    hasRoom: (bytes2) => given < acknowledged + windowFrames && (inFlight === 0 || flightBytes + bytes2 <= windowBytes),
    send(item) {
      slots.set(++given, { linkSeq: given, item, refused: false });
      flightBytes += item.bytes;
      inFlight++;
      return given;
    },
    acked: (upTo) => upTo > given ? void 0 : moveTo(upTo),
    refused: refuseOne,
    resume(linkUpTo, linkRefused) {
      if (linkUpTo > given || linkUpTo < acknowledged) return void 0;
      const refused = [];
      for (const linkSeq of linkRefused) {
        if (linkSeq > linkUpTo) continue;
        const item = refuseOne(linkSeq);
        if (item !== void 0) refused.push(item);
      }
      const acked = moveTo(linkUpTo);
      const resend = [];
      for (let linkSeq = linkUpTo + 1; linkSeq <= given; linkSeq++) {
        const slot = slots.get(linkSeq);
        if (slot.refused) {
          slot.refused = false;
          flightBytes += slot.item.bytes;
          inFlight++;
        }
        resend.push({ linkSeq, item: slot.item });
      }
      return { acked, refused, resend };
    },
    covered(first, last) {
      if (last > given || first > last) return void 0;
      const items = [];
      for (let linkSeq = first; linkSeq <= last; linkSeq++) {
        const slot = slots.get(linkSeq);
        if (slot === void 0) return void 0;
        if (!slot.refused) items.push(slot.item);
      }
      return items;
    },
    prove(last) {
      for (const linkSeq of slots.keys()) {
        if (linkSeq > last || linkSeq > acknowledged) break;
        slots.delete(linkSeq);
      }
    }
  };
}

// packages/perdure/src/protocol/delivery/refusal-pause.ts
function refusalPauseMs(refusals, { firstMs, steadyMs, longestMs }) {
  const doublings = Math.max(0, Math.ceil(Math.log2(steadyMs / firstMs)));
  if (refusals <= doublings) return Math.min(steadyMs, longestMs, firstMs * 2 ** (refusals - 1));
  return Math.min(longestMs, steadyMs * 1.25 ** Math.min(refusals - 1 - doublings, 100));
}

// packages/perdure/src/agent/consumer-role.ts
var FENCED = "fenced: another process consumes this mailbox; here mail is only sent, until this agent is opened again";
var CLONED = "cloned: a copy of this folder was opened too, so neither reads the mailbox; what comes waits at the relay, nothing is lost";
function createConsumerRole() {
  let state = "reading";
  let instance = EMPTY;
  return {
    get consumes() {
      return state === "reading" || state === "challenged";
    },
    get trouble() {
      if (state === "cloned") return CLONED;
      return state === "fenced" ? FENCED : void 0;
    },
    get alert() {
      if (state !== "cloned") return void 0;
      return {
        code: "cloned",
        what: "this folder was copied or put back, and opened twice: its mailbox is frozen, and mail waits there",
        run: "perdure id claim",
        otherwise: "If nobody of yours made a copy, the keys are stolen: perdure id rotate"
      };
    },
    begin(instanceKey) {
      if (equalBytes(instance, instanceKey)) return;
      instance = instanceKey.slice();
      state = "reading";
    },
    ended(code) {
      if (code === "cloned") state = "cloned";
      else if (code === "fenced" && state === "reading") state = "challenged";
      else if (code === "fenced" && state === "challenged") state = "fenced";
      else return false;
      return true;
    }
  };
}

// packages/perdure/src/agent/relay-link.ts
var BATCH_PARTS = 32;
var BATCH_BYTES = 1024 * 1024;
var CLOCK_WARNING_MS = 3e4;
var SHORT_SESSION_MS = 5e3;
var STEADY_REFUSAL_PAUSE_MS = 6e4;
function openRelayLink(options) {
  const { host, settings, own, outbox, cursor } = options;
  const { clock, random, log } = host;
  const { url, relayIdRaw } = parseRelayAddress(options.address);
  if (relayIdRaw === void 0) throw new PerdureError("bad-argument", "the address of the agent's relay names no relay id");
  const closing = new AbortController();
  let dialled = () => {
  };
  const firstDial = new Promise((resolve) => {
    dialled = resolve;
  });
  let link3 = random.bytes(LINK_BYTES);
  let window = createLinkWindow(settings);
  let attached;
  let lastRelay;
  const role = createConsumerRole();
  let lastError;
  let clockOffsetMs;
  let relayAhead;
  let pumping = false;
  let pumpAgain = false;
  let cancelWake = () => {
  };
  let cancelWatch = () => {
  };
  let probes = 0;
  let pause2 = new AbortController();
  const nextToSend = (to) => {
    const again = to.resend.shift();
    if (again !== void 0) return again;
    for (; ; ) {
      const item = outbox.queue.next();
      if (item === void 0 || !window.hasRoom(item.bytes)) return void 0;
      if (item.of.head.expiresAtMs > clock.wallMs()) {
        outbox.queue.sent(item);
        return { linkSeq: window.send(item), item };
      }
      outbox.queue.putOff(item, clock.monotonicMs() + settings.sweepEveryMs);
    }
  };
  const nextBatch = (to) => {
    const batch = [];
    for (let bytes2 = 0; bytes2 < BATCH_BYTES && batch.length < BATCH_PARTS; ) {
      const next = nextToSend(to);
      if (next === void 0) break;
      batch.push(next);
      bytes2 += next.item.bytes;
    }
    return batch;
  };
  const tellTo = (to, { relayId: relayId2, url: url2 }, again) => {
    const key = hex(relayId2);
    if (!again && to.told.get(key) === url2) return;
    to.told.set(key, url2);
    to.session.send([{ name: "route", payload: route.encode({ relayId: relayId2, url: url2 }) }]);
  };
  const pumpOnce = async (to) => {
    const wakeMs = outbox.queue.wake(clock.monotonicMs());
    cancelWake();
    if (Number.isFinite(wakeMs)) cancelWake = clock.after(Math.max(1, wakeMs - clock.monotonicMs()), pump);
    while (attached === to) {
      const batch = nextBatch(to);
      if (batch.length === 0) return;
      const envelopes = await Promise.all(batch.map(({ item }) => options.readEnvelope(item)));
      if (attached !== to) return;
      batch.forEach(({ linkSeq, item }, index) => {
        const envelope = envelopes[index];
        const home2 = options.homeOf(item);
        if (home2 !== void 0) tellTo(to, home2, false);
        to.session.send([{ name: "mail", payload: encodeMail({ linkSeq, hopLimit: DEFAULT_HOP_LIMIT, home: home2?.relayId, envelope }) }]);
        log.write("debug", "agent.sent", { id: item.of.id, seq: item.seq, link: hex(link3), linkSeq });
      });
    }
  };
  const pump = () => {
    if (pumping) {
      pumpAgain = true;
      return;
    }
    if (attached === void 0) return;
    pumping = true;
    const to = attached;
    pumpOnce(to).catch((error) => {
      log.write("error", "agent.send-failed", { why: String(error) });
      to.session.close(goodbyeFor("connection-closed", "an envelope could not be read", { retry: "after" }));
    }).finally(() => {
      pumping = false;
      if (!pumpAgain) return;
      pumpAgain = false;
      pump();
    });
  };
  const settleNow = () => {
    const to = attached;
    if (to === void 0 || !to.consumes) return;
    for (let said = cursor.take(); said !== void 0; said = cursor.take()) {
      const ranges = said.ranges.map((range2) => [...range2]);
      to.session.send([
        { name: "settle", payload: settle.encode({ generation: said.generation, epoch: to.epoch, floor: said.floor, ranges }) }
      ]);
      log.write("debug", "agent.settle-sent", {
        generation: hex(said.generation),
        epoch: to.epoch,
        floor: said.floor,
        ranges: ranges.map(([first, last]) => `${first}-${last}`).join(" ")
      });
    }
  };
  const tooFast = (part2, said) => {
    const pauseMs = Math.min(Math.max(said.afterMs, settings.redialMinMs), FIXED.askedPauseMs.value);
    outbox.queue.rest(part2, clock.monotonicMs() + pauseMs);
    log.write("debug", "agent.too-fast", { limit: said.limit?.name, value: said.limit?.value, pauseMs });
    options.onRefused(part2, said);
    pump();
  };
  const refused = (payload) => {
    const said = refuse.decode(payload);
    const part2 = window.refused(said.linkSeq);
    if (part2 === void 0) return;
    outbox.queue.landed(part2, false);
    if (said.code === "rate-limited" && said.limit?.name.startsWith("agent")) return tooFast(part2, said);
    part2.refusals++;
    if (said.code === "unknown-relay") attached?.told.delete(hex(options.homeOf(part2)?.relayId ?? EMPTY));
    const isSoon = said.retry === "now" && part2.refusals === 1;
    const pauses = { firstMs: 2 * settings.redialMinMs, steadyMs: STEADY_REFUSAL_PAUSE_MS, longestMs: settings.refusedRetryMaxMs };
    const backoffMs = isSoon ? 0 : refusalPauseMs(part2.refusals, pauses);
    outbox.queue.putOff(part2, clock.monotonicMs() + Math.max(Math.min(said.afterMs, FIXED.askedPauseMs.value), backoffMs));
    log.write("debug", "agent.refused", { id: part2.of.id, seq: part2.seq, linkSeq: said.linkSeq, code: said.code });
    options.onRefused(part2, said);
    pump();
  };
  const acked = (payload, from) => {
    const parts = window.acked(decodeAck(payload));
    if (parts === void 0) throw new PerdureError("malformed", "an acknowledgement of mail that was never sent");
    for (const part2 of parts) outbox.queue.landed(part2, true);
    log.write("debug", "agent.acked", { link: hex(link3), upTo: window.acknowledged });
    if (parts.length > 0) options.onAcked(parts, from.relay);
    pump();
  };
  const take = (frame, from) => {
    from.heard = true;
    if (frame.name === "ack") acked(frame.payload, from);
    else if (frame.name === "refuse") refused(frame.payload);
    else if (frame.name === "position") {
      const said = position.decode(frame.payload);
      cursor.relaySettled(said.generation, said.settledFloor);
    } else if (frame.name !== "pong") options.onFrame(frame, from.relay, window, link3);
  };
  const watch = (to) => {
    to.heard = false;
    cancelWatch = clock.after(settings.ackTimeoutMs, () => {
      if (attached !== to) return;
      if (to.heard || window.inFlight === 0) return watch(to);
      to.session.send([{ name: "ping", payload: ping.encode({ nonce: ++probes }) }]);
      cancelWatch = clock.after(settings.probeTimeoutMs, () => {
        if (attached !== to) return;
        if (to.heard) return watch(to);
        to.session.close(
          goodbyeFor("timed-out", `nothing was heard for ${settings.ackTimeoutMs + settings.probeTimeoutMs} ms with mail under way`, {
            retry: "now"
          })
        );
      });
    });
  };
  const resume2 = (welcome2) => {
    const resumed = window.resume(welcome2.linkUpTo, welcome2.linkRefused);
    if (resumed === void 0) return void 0;
    window.allow(welcome2.windowFrames, welcome2.windowBytes);
    for (const part2 of resumed.refused) {
      outbox.queue.landed(part2, false);
      outbox.queue.putOff(part2, clock.monotonicMs() + settings.redialMinMs);
    }
    for (const part2 of resumed.acked) outbox.queue.landed(part2, true);
    if (resumed.acked.length > 0 && lastRelay !== void 0) options.onAcked(resumed.acked, lastRelay);
    if (resumed.resend.some(({ item }) => item.envelope === void 0)) return void 0;
    for (const { item } of resumed.resend) if (item.flights === 0) outbox.queue.sentAgain(item);
    return [...resumed.resend];
  };
  const keepPass2 = async (instanceKey, pass2, from) => {
    if (pass2.length === 0 || !await options.passes.keep(instanceKey, pass2) || attached !== from) return;
    from.session.send([{ name: "confirm", payload: confirm.encode({ pass: pass2 }) }]);
  };
  const live = async (proven) => {
    const instanceKey = own.instanceKey.publicKey;
    const head = own.logHead;
    role.begin(instanceKey);
    const consumes = role.consumes;
    const connected = await connectSession({
      host,
      settings,
      url,
      relayIdRaw,
      own,
      link: link3,
      consume: consumes,
      pass: consumes ? options.passes.newest(instanceKey) : EMPTY,
      onProven: proven,
      onPublished: options.onPublished,
      have: cursor.have(),
      signal: closing.signal
    });
    const { session, welcome: welcome2, relay } = connected;
    lastRelay = relay;
    if (!equalBytes(head, own.logHead)) {
      session.start({ frame: () => {
      }, drained: () => {
      }, closed: () => {
      } });
      session.close(goodbyeFor("connection-closed", "the agent comes back with other keys"));
      return goodbyeFor("connection-closed", "the keys changed while the session began", { retry: "now" });
    }
    const resend = resume2(welcome2);
    if (resend === void 0) {
      log.write("warn", "agent.link-anew", { link: hex(link3), linkUpTo: welcome2.linkUpTo });
      link3 = random.bytes(LINK_BYTES);
      window = createLinkWindow(settings);
      outbox.queue.linkLost();
      session.start({ frame: () => {
      }, drained: () => {
      }, closed: () => {
      } });
      session.close(goodbyeFor("connection-closed", "the link begins anew"));
      return goodbyeFor("connection-closed", "the link begins anew", { retry: "now" });
    }
    clockOffsetMs = connected.clockOffsetMs;
    relayAhead = clock.wallMs() + clockOffsetMs - clock.monotonicMs();
    if (Math.abs(clockOffsetMs) > CLOCK_WARNING_MS) log.write("warn", "agent.clock-offset", { offsetMs: clockOffsetMs });
    lastError = void 0;
    const now = {
      session,
      relay,
      head,
      consumes,
      epoch: welcome2.epoch,
      tail: welcome2.tail,
      resend,
      // bound: one per relay of a recipient of an open message, outboxMessages, in one session
      told: /* @__PURE__ */ new Map(),
      negotiated: connected.negotiated,
      heard: true
    };
    return await new Promise((resolve) => {
      attached = now;
      dialled();
      options.onWelcome(welcome2, relay);
      keepPass2(instanceKey, welcome2.pass, now).catch((error) => log.write("warn", "agent.pass-not-kept", { why: String(error) }));
      log.write("debug", "agent.attached", {
        agent: own.id,
        relay: relay.id,
        instance: hex(instanceKey),
        consumes,
        generation: hex(welcome2.generation),
        epoch: welcome2.epoch,
        linkUpTo: welcome2.linkUpTo
      });
      session.start({
        frame: (frame) => take(frame, now),
        drained: pump,
        closed(reason) {
          if (attached === now) attached = void 0;
          cancelWatch();
          cancelWake();
          options.onApart();
          resolve(reason);
        }
      });
      watch(now);
      settleNow();
      pump();
    });
  };
  const keep = async () => {
    let pauseMs = settings.redialMinMs;
    while (!closing.signal.aborted) {
      const startedMs = clock.monotonicMs();
      let failure;
      let proven = false;
      try {
        const said = await live(() => {
          proven = true;
        });
        failure = errorOfGoodbye(said);
      } catch (error) {
        failure = isPerdureError(error) ? error : new PerdureError("internal", String(error), { cause: error });
      }
      if (proven && role.ended(failure.code)) log.write("error", `agent.${failure.code}`, { why: failure.message });
      if (closing.signal.aborted) return;
      dialled();
      lastError = `${failure.code}: ${failure.message}`;
      log.write(failure.retry === "never" ? "warn" : "info", "agent.apart", { code: failure.code, why: failure.message });
      if (clock.monotonicMs() - startedMs > SHORT_SESSION_MS) pauseMs = settings.redialMinMs;
      const share = viewOf(random.bytes(4)).getUint32(0) / 2 ** 32;
      pauseMs = Math.min(settings.redialMaxMs, settings.redialMinMs + share * Math.max(0, pauseMs * 3 - settings.redialMinMs));
      const askedMs = Math.min(failure.afterMs ?? 0, settings.redialMaxMs);
      await sleep(clock, Math.max(pauseMs, askedMs), AbortSignal.any([closing.signal, pause2.signal])).catch(() => void 0);
      pause2 = new AbortController();
    }
  };
  const kept = keep().catch((error) => log.write("error", "agent.link-ended", { why: String(error) }));
  return {
    firstDial,
    get status() {
      return {
        id: agentIdText(relayIdRaw),
        url,
        connected: attached !== void 0,
        lastError: role.trouble ?? lastError,
        clockOffsetMs,
        negotiated: attached?.negotiated,
        caughtUp: attached !== void 0 && cursor.have().position >= attached.tail
      };
    },
    get alert() {
      return role.alert;
    },
    get relay() {
      return lastRelay;
    },
    get relayNowMs() {
      return relayAhead === void 0 ? void 0 : clock.monotonicMs() + relayAhead;
    },
    pump,
    settle: settleNow,
    send(frame) {
      if (attached === void 0) return false;
      attached.session.send([frame]);
      return true;
    },
    tell(home2, again = false) {
      if (attached === void 0) return false;
      tellTo(attached, home2, again);
      return true;
    },
    get shownHead() {
      return attached?.head;
    },
    renew() {
      pause2.abort(new PerdureError("aborted", "the identity changed"));
      attached?.session.close(goodbyeFor("connection-closed", "the agent comes back with other keys", { retry: "now" }));
    },
    restart(code, why) {
      attached?.session.close(goodbyeFor(code, why, { retry: "after", afterMs: settings.diskRetryMs }));
    },
    async close() {
      settleNow();
      closing.abort(new PerdureError("aborted", "this agent is closed"));
      attached?.session.close(goodbyeFor("connection-closed", "the agent was closed"));
      await kept;
    }
  };
}

// packages/perdure/src/agent/sealer.ts
var BATCH_PARTS2 = 16;
function createSealer({
  host,
  settings,
  own,
  outbox,
  store,
  lookups,
  closing,
  writtenTo: writtenTo2,
  onRetired,
  onSealed
}) {
  const notBefore = /* @__PURE__ */ new Map();
  const attachedTo = /* @__PURE__ */ new WeakMap();
  const hasOurs = /* @__PURE__ */ new Map();
  const active = /* @__PURE__ */ new Map();
  const again = /* @__PURE__ */ new Set();
  let cancelRetry = () => {
  };
  const sealOne = async (part2, recipient) => {
    const { of, seq } = part2;
    const { head } = of;
    if (part2.plain === void 0) return void 0;
    const content = await store().read(part2.plain);
    const bundle = own.bundle();
    const bundleHash = hex(host.crypto.hash.sha256(bundle));
    const isKnown2 = hasOurs.get(of.recipient) === bundleHash;
    if (!isKnown2) attachedTo.set(of, bundleHash);
    return await sealPart({
      crypto: host.crypto,
      random: host.random,
      own,
      recipient,
      class: head.class,
      stream: head.stream,
      seq,
      expiresAtMs: head.expiresAtMs,
      content,
      head: {
        version: WIRE_VERSION,
        thread: head.thread,
        depth: head.depth,
        auto: head.auto,
        inReplyTo: head.inReplyTo,
        collapseKey: head.collapseKey,
        idempotencyKey: head.idempotencyKey,
        contentType: head.contentType,
        fileName: head.fileName,
        part: seq - head.seq,
        parts: head.parts,
        wholeBytes: head.wholeBytes,
        wholeHash: head.wholeHash,
        floor: Math.min(head.seq, outbox.floor(head.stream)),
        sentAtMs: head.sentAtMs,
        bundle: isKnown2 ? EMPTY : bundle,
        extensions: head.invite.length === 0 ? [] : [{ code: SEALED_EXTENSIONS.invite, bytes: head.invite }]
      }
    });
  };
  const keep = async (parts, recipient) => {
    const envelopes = await Promise.all(parts.map((part2) => sealOne(part2, recipient)));
    const fresh = envelopes.filter((envelope) => envelope !== void 0);
    const isOwnWill = parts.some(({ of }) => of.head.class === "mail" && of.head.depth === 0);
    await store().commit({
      onFailure: "try-again",
      plan: () => ({
        records: [
          ...isOwnWill ? writtenTo2(recipient.idRaw) : [],
          ...fresh.map((envelope) => ({
            kept: {
              kind: "sealed",
              head: { stream: envelope.stream, seq: envelope.seq, to: envelope.to, digest: envelope.digest, bytes: envelope.bytes.length }
            },
            payload: envelope.bytes
          }))
        ],
        result: void 0
      }),
      applied: () => {
        for (const envelope of fresh) {
          host.log.write("debug", "agent.sealed", {
            id: outbox.ofPart(envelope.stream, envelope.seq)?.id,
            seq: envelope.seq,
            to: agentIdText(envelope.to),
            digest: hex(envelope.digest)
          });
        }
        onSealed();
      }
    });
  };
  const troubled = (recipient, why) => {
    for (const outgoing of outbox.unsealed(recipient)) outgoing.trouble = why;
  };
  const sealFor = async (recipient) => {
    const identity = await lookups.resolve(recipientOf3(recipient));
    if (identity?.retired === true) return await onRetired(identity, outbox.unsealed(recipient));
    if (identity?.frozen === true) {
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      return troubled(recipient, "identity-forked: two histories of it contradict each other; this waits until its owner decides");
    }
    if (identity?.inboxKey === void 0) {
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      troubled(
        recipient,
        identity === void 0 ? lookups.trouble(recipientOf3(recipient)) : "its keys have run out and it shows no new ones"
      );
      return;
    }
    for (; ; ) {
      const parts = [];
      for (const outgoing of outbox.unsealed(recipient)) {
        for (const part2 of outgoing.parts) if (part2.bytes === 0 && part2.plain !== void 0 && parts.length < BATCH_PARTS2) parts.push(part2);
        if (parts.length >= BATCH_PARTS2) break;
      }
      if (parts.length === 0 || closing.aborted) return;
      await keep(parts, identity);
    }
  };
  const seal = async (recipient) => {
    try {
      do {
        again.delete(recipient);
        await sealFor(recipient);
      } while (again.has(recipient) && !closing.aborted);
    } catch (error) {
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      const code = isPerdureError(error) ? error.code : "internal";
      const why = error instanceof Error ? error.message : String(error);
      troubled(recipient, `${code}: ${why}`);
      host.log.write("warn", "agent.not-sealed", { to: recipient, code, why });
    }
    active.delete(recipient);
    arm();
  };
  const arm = () => {
    cancelRetry();
    for (const recipient of notBefore.keys()) if (outbox.unsealed(recipient).length === 0) notBefore.delete(recipient);
    if (notBefore.size === 0 || closing.aborted) return;
    const nextMs = Math.min(...notBefore.values());
    cancelRetry = host.clock.after(Math.max(1, nextMs - host.clock.monotonicMs()), kick);
  };
  const kick = () => {
    if (closing.aborted) return;
    const nowMs = host.clock.monotonicMs();
    for (const recipient of outbox.unsealedRecipients()) {
      if (active.has(recipient)) {
        again.add(recipient);
        continue;
      }
      const untilMs = notBefore.get(recipient);
      if (untilMs !== void 0 && nowMs < untilMs) continue;
      notBefore.delete(recipient);
      active.set(recipient, seal(recipient));
    }
    arm();
  };
  return {
    kick,
    connected() {
      notBefore.clear();
      kick();
    },
    confirmed(outgoing) {
      const attached = attachedTo.get(outgoing);
      if (attached !== void 0) hasOurs.set(outgoing.recipient, attached);
      for (const oldest of hasOurs.keys()) {
        if (hasOurs.size <= MAX_PEERS) break;
        hasOurs.delete(oldest);
      }
    },
    async idle() {
      cancelRetry();
      await Promise.all(active.values());
    }
  };
}
function recipientOf3(key) {
  return key.startsWith("@") ? { idRaw: EMPTY, name: key.slice(1) } : { idRaw: fromHex(key), name: "" };
}

// packages/perdure/src/protocol/delivery/merkle.ts
var LEAF = 0;
var NODE = 1;
function verifyInclusion(sha2562, root, leaf, index, count, path) {
  if (index >= count) return false;
  let at = index;
  let last = count - 1;
  let hash2 = leafHash(sha2562, leaf);
  for (const sibling of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash2 = nodeHash(sha2562, sibling, hash2);
      while (at % 2 === 0 && at !== 0) {
        at = Math.floor(at / 2);
        last = Math.floor(last / 2);
      }
    } else {
      hash2 = nodeHash(sha2562, hash2, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash2, root);
}
function leafHash(sha2562, leaf) {
  const input = new Uint8Array(1 + leaf.length);
  input[0] = LEAF;
  input.set(leaf, 1);
  return sha2562(input);
}
function nodeHash(sha2562, left, right) {
  const input = new Uint8Array(1 + left.length + right.length);
  input[0] = NODE;
  input.set(left, 1);
  input.set(right, 1 + left.length);
  return sha2562(input);
}

// packages/perdure/src/protocol/delivery/statement-proof.ts
async function verifyStatementProof(crypto2, relay, encoded, before) {
  const proof2 = statementProof.decode(encoded);
  const said = statement.decode(proof2.statement);
  if (!equalBytes(said.relayId, relay.idRaw)) throw new PerdureError("wrong-relay", "the statement is of another relay");
  if (!isSameSigned(proof2, before?.proof)) {
    const signer = await signerOf(crypto2, relay, toBeSigned("statement", proof2.statement), proof2.signature);
    certifiedInstance(relay, signer, "relay", said.timeMs);
  }
  if (!verifyInclusion(crypto2.hash.sha256, said.root, proof2.leaf, proof2.leafIndex, said.leafCount, proof2.path)) {
    throw new PerdureError("bad-signature", `the leaf is not under the root of statement ${said.number}`);
  }
  return { statement: said, leaf: storedLeaf.decode(proof2.leaf), proof: proof2 };
}
function isSameSigned(proof2, before) {
  return before !== void 0 && equalBytes(proof2.statement, before.statement) && equalBytes(proof2.signature, before.signature);
}
async function signerOf(crypto2, relay, signed, signature2) {
  for (const { instanceKey } of relay.certificates) if (await crypto2.signatures.verify(instanceKey, signed, signature2)) return instanceKey;
  throw new PerdureError("bad-signature", `no instance of ${relay.id} signed this statement`);
}
function leafCovers(sha2562, leaf, digests) {
  return equalBytes(leaf.contents, sha2562(concat2(...digests)));
}

// packages/perdure/src/agent/statement-checks.ts
var REMEMBERED = 256;
var MAX_WAITING3 = 256;
function createStatementChecks(options) {
  const { ownIdRaw, outbox, homes, lookups, onProven, onConflict } = options;
  const { crypto: crypto2, log } = options.host;
  const { sha256: sha2562 } = crypto2.hash;
  const proven = /* @__PURE__ */ new WeakMap();
  const seen = /* @__PURE__ */ new Map();
  const own = createQueue();
  const foreign = createQueue();
  const contradiction = (relay, { statement: said, proof: proof2 }) => {
    const at = (number2) => seen.get(`${relay.id} ${number2}`);
    const one = {
      statement: proof2.statement.slice(),
      signature: proof2.signature.slice(),
      hash: sha2562(proof2.statement),
      previous: said.previous.slice()
    };
    const same = at(said.number);
    const before = at(said.number - 1);
    const after = at(said.number + 1);
    if (same !== void 0) return equalBytes(same.hash, one.hash) ? void 0 : [same, one];
    if (before !== void 0 && !equalBytes(before.hash, one.previous)) return [before, one];
    if (after !== void 0 && !equalBytes(after.previous, one.hash)) return [one, after];
    seen.set(`${relay.id} ${said.number}`, one);
    for (const oldest of seen.keys()) {
      if (seen.size <= REMEMBERED) break;
      seen.delete(oldest);
    }
    return void 0;
  };
  const isFork = (relay, verified) => {
    const pair = contradiction(relay, verified);
    if (pair === void 0) return false;
    const [first, second] = pair;
    const { number: number2 } = verified.statement;
    log.write("error", "agent.relay-equivocates", { relay: relay.id, statement: number2 });
    onConflict(relay, number2, {
      first: first.statement,
      firstSignature: first.signature,
      second: second.statement,
      secondSignature: second.signature
    });
    return true;
  };
  const stateBy = (relayIdRaw, to) => {
    const isOwn = homes.isOwn(relayIdRaw);
    if (isOwn) return homes.elsewhere(to) === void 0 ? "stored" : "accepted";
    return homes.isOf(relayIdRaw, to) ? "stored" : void 0;
  };
  const prove = (relay, verified, digests, parts) => {
    const { statement: said, leaf, proof: proof2 } = verified;
    const content = storedProof.encode({
      proof: statementProof.encode({ ...proof2, digests: EMPTY, writers: EMPTY }),
      digests: concat2(...digests)
    });
    const item = itemOf(crypto2.hash, "stored", content);
    const touched = /* @__PURE__ */ new Set();
    for (const part2 of parts) {
      const before = (proven.get(part2) ?? []).filter(({ relayIdRaw }) => !equalBytes(relayIdRaw, relay.idRaw));
      proven.set(part2, [...before, { relayIdRaw: relay.idRaw, item }]);
      if (part2.of.head.class === "mail") touched.add(part2.of);
    }
    log.write("debug", "agent.statement", {
      relay: relay.id,
      statement: said.number,
      hash: hex(sha2562(proof2.statement)),
      first: leaf.firstSeq,
      last: leaf.lastSeq
    });
    const bundle = itemOf(crypto2.hash, "bundle", relay.bundle);
    if (touched.size === 0) return;
    onProven(() => {
      const planned = /* @__PURE__ */ new Set();
      return [...touched].flatMap((outgoing) => planStep(outgoing, relay, verified, bundle, planned));
    });
  };
  const planStep = (outgoing, relay, { statement: said }, bundle, planned) => {
    const items = /* @__PURE__ */ new Map();
    for (const part2 of outgoing.parts) {
      const proof2 = proven.get(part2)?.find(({ relayIdRaw }) => equalBytes(relayIdRaw, relay.idRaw));
      if (proof2 === void 0) return [];
      items.set(hex(proof2.item.hash), proof2.item);
    }
    const state = stateBy(relay.idRaw, outgoing.parts[0]?.to ?? EMPTY);
    if (state === void 0 || !isNewProof(outgoing, { state, proof: "statement", by: relay.idRaw })) return [];
    const { stream: stream2, seq } = outgoing.head;
    const { records, names } = evidenceRecords(outbox.evidence, [...items.values(), bundle], planned);
    const head = {
      stream: stream2,
      seq,
      state,
      atMs: said.timeMs,
      by: relay.idRaw,
      proof: "statement",
      detail: `statement ${said.number}`,
      evidence: names
    };
    return [...records, { kept: { kind: "step", head } }];
  };
  const mismatch = (relay, { statement: said, leaf }) => log.write("error", "agent.statement-mismatch", { relay: relay.id, statement: said.number, first: leaf.firstSeq, last: leaf.lastSeq });
  const checkOwn = async (encoded, relay, window, link3) => {
    const verified = await verifyStatementProof(crypto2, relay, encoded);
    if (isFork(relay, verified)) return;
    const { leaf } = verified;
    if (!equalBytes(leaf.sender, ownIdRaw) || !equalBytes(leaf.link, link3)) return;
    const parts = window.covered(leaf.firstSeq, leaf.lastSeq);
    if (parts === void 0) return;
    const digests = parts.map((part2) => part2.digest);
    if (!leafCovers(sha2562, leaf, digests)) return mismatch(relay, verified);
    window.prove(leaf.lastSeq);
    prove(relay, verified, digests, parts);
  };
  const verifyForeign = async (encoded, idRaw) => {
    const pinned = await lookups.relay(idRaw);
    if (pinned === void 0) return void 0;
    try {
      return { relay: pinned, verified: await verifyStatementProof(crypto2, pinned, encoded) };
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "bad-signature" && error.code !== "certificate-expired") throw error;
      const relay = await lookups.relay(idRaw, true);
      if (relay === void 0 || equalBytes(relay.bundle, pinned.bundle)) throw error;
      return { relay, verified: await verifyStatementProof(crypto2, relay, encoded) };
    }
  };
  const checkForeign = async (encoded, idRaw) => {
    const digests = split2(statementProof.decode(encoded).digests);
    const ours = digests.map((digest2) => outbox.byDigest(digest2)).filter((part2) => part2 !== void 0 && stateBy(idRaw, part2.to) !== void 0);
    if (ours.length === 0) return;
    const found2 = await verifyForeign(encoded, idRaw);
    if (found2 === void 0) return log.write("warn", "agent.statement-unjudged", { relay: hex(idRaw) });
    const { relay, verified } = found2;
    if (isFork(relay, verified)) return;
    if (!leafCovers(sha2562, verified.leaf, digests)) return mismatch(relay, verified);
    prove(relay, verified, digests, ours);
  };
  return {
    take(proof2, relay, window, link3) {
      const failed = (error) => log.write("error", "agent.statement-refused", {
        relay: relay.id,
        code: isPerdureError(error) ? error.code : "internal",
        why: String(error)
      });
      try {
        const { relayId: relayId2 } = statement.decode(statementProof.decode(proof2).statement);
        if (equalBytes(relayId2, relay.idRaw)) own.add(() => checkOwn(proof2, relay, window, link3), failed);
        else foreign.add(() => checkForeign(proof2, relayId2.slice()), failed);
      } catch (error) {
        failed(error);
      }
    },
    async idle() {
      await own.idle();
      await foreign.idle();
    }
  };
}
function createQueue() {
  let waiting = 0;
  let last = Promise.resolve();
  return {
    add(work, failed) {
      if (waiting >= MAX_WAITING3) return;
      waiting++;
      last = last.then(work).catch(failed).finally(() => {
        waiting--;
      });
    },
    idle: () => last
  };
}
function split2(digests) {
  return Array.from(
    { length: Math.floor(digests.length / DIGEST_BYTES) },
    (_, index) => digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES)
  );
}

// packages/perdure/src/agent/waiting-requests.ts
function createWaitingRequests({ inbox, endings }) {
  const of = (accepts) => inbox.listed("requests", 0).filter((incoming) => accepts(incoming) && !incoming.committing);
  const move = ({ from, stream: stream2, seq }) => {
    const place = { box: "contacts", arrival: inbox.nextArrival(), failures: 0, crashes: 0, notBeforeMs: 0 };
    return { kept: { kind: "put", head: { from, stream: stream2, seq, ...place } } };
  };
  return {
    of,
    move,
    letIn: (accepts) => of(accepts).flatMap(
      (incoming) => headOf(incoming).head.contentType === GREETING_CONTENT_TYPE ? endings.ended(incoming, incoming.attempt + 1, DONE2) : [move(incoming)]
    )
  };
}

// packages/perdure/src/agent/engine.ts
var LAST_MILE_LOOK_MS = 20;
var LISTED = "listed";
var ALL_DEFENCES = { dedupe: true, floor: true, contacts: true, loopGuard: true };
var createEngine = async (options) => {
  const { host, folder, own, settings } = options;
  const { clock, log } = host;
  const defences = options.defences ?? ALL_DEFENCES;
  const closing = new AbortController();
  const outbox = createOutbox({ limits: settings, drawStream: () => host.random.bytes(STREAM_BYTES) });
  const cursor = createMailboxCursor(defences);
  const inbox = createInbox({ limits: settings, defences, cursor });
  const book = createContactBook();
  const peers = createPeers({ host, keeps: (idRaw) => book.standing(idRaw) !== "none" });
  const named = (name) => peers.named(name)?.idRaw;
  const passes = createAttachPasses();
  const guard = createLoopGuard({ limits: settings, named, enabled: defences.loopGuard });
  const automatic = createAutomatic({ host, settings, guard, outbox, peers });
  const receipts = createReceipts({ host, outbox });
  const endings = createEndings({ host, limits: settings, inbox, receipts });
  const outgoingBell = createBell(clock, "a step of a message");
  const mailBell = createBell(clock, "mail");
  let store;
  let link3;
  const theStore = () => store;
  const keep = (records, what) => theStore().commit({ onFailure: "try-again", plan: () => ({ records: typeof records === "function" ? records() : records, result: void 0 }) }).catch((error) => log.write("warn", "agent.not-kept", { what, why: String(error) }));
  const { relayIdRaw, url: relayUrl } = parseRelayAddress(options.relayAddress);
  if (relayIdRaw === void 0) throw new PerdureError("bad-argument", "the address of the agent's relay names no relay id");
  const hint = (idRaw) => {
    const entry = book.find(idRaw);
    return entry === void 0 || entry.homeId.length === 0 ? void 0 : { relayId: entry.homeId, url: entry.homeUrl, preference: 0 };
  };
  const homes = createHomes({ peers, ownRelayIdRaw: relayIdRaw, hint });
  const names = { named, elsewhere: homes.elsewhere };
  const addressOf = (idRaw) => addresses.of(idRaw);
  const senderView = (from) => ({
    standing: book.standing(from) === "contact" ? "contact" : "none",
    fromAddress: addressOf(from)
  });
  const relayNames = createRelayNames({ host, settings, peers, store: theStore, closing: closing.signal });
  const lookups = createLookups({
    host,
    settings,
    peers,
    homes,
    ownRelayIdRaw: relayIdRaw,
    relayNames,
    store: theStore,
    send: (frame) => link3?.send(frame) ?? false,
    tell: (home2, again) => link3?.tell(home2, again) ?? false,
    firstDial: () => link3?.firstDial ?? Promise.resolve(),
    closing: closing.signal
  });
  const addresses = createAddresses({
    host,
    settings,
    peers,
    homes,
    ownRelayUrl: relayUrl,
    lookups,
    relayNames,
    isContact: (idRaw) => book.standing(idRaw) === "contact"
  });
  const sealer = createSealer({
    host,
    settings,
    own,
    outbox,
    store: theStore,
    lookups,
    closing: closing.signal,
    writtenTo: (idRaw) => writtenTo(book, idRaw, clock.wallMs()),
    onRetired: (recipient, messages) => keep(() => retiredSteps(messages, recipient, clock.wallMs()), "the end of messages"),
    onSealed: () => link3?.pump()
  });
  const claims = createClaims({
    host,
    settings,
    inbox,
    outbox,
    peers,
    endings,
    stopped: automatic.stopped,
    senderView,
    store: theStore,
    bell: mailBell,
    closing: closing.signal
  });
  const submissions = createSubmissions({ host, settings, outbox, names, lookups, automatic, book, store: theStore });
  const requests = createWaitingRequests({ inbox, endings });
  const admission = createAdmission({ host, settings, book, guard, inbox, outbox, peers, requests, enabled: defences.contacts });
  const teller = createContactTeller({
    host,
    book,
    homeOf: (idRaw) => homes.elsewhere(idRaw)?.relayId ?? relayIdRaw,
    keep,
    send: (frame) => link3?.send(frame) ?? false
  });
  const ownHome = () => own.homes()[0] ?? { relayId: relayIdRaw, url: parseRelayAddress(options.relayAddress).url, preference: 0 };
  const contactCalls = createContactCalls({
    host,
    settings,
    own,
    home: ownHome,
    book,
    guard,
    inbox,
    outbox,
    peers,
    lookups,
    claims,
    requests,
    names,
    addressOf,
    store: theStore
  });
  const identityCalls = createIdentityCalls({ host, own, settings, tell: () => publication.show() });
  const statements = createStatementChecks({
    host,
    ownIdRaw: own.idRaw,
    outbox,
    homes,
    lookups,
    onProven: (plan) => void keep(plan, "a statement"),
    onConflict: (relay, number2, conflict2) => void keep(() => conflictRecords(host, outbox, relay, number2, conflict2), "a conflict")
  });
  const arrivals = createArrivals({
    host,
    own,
    inbox,
    outbox,
    cursor,
    peers,
    homes,
    lookups,
    receipts,
    admission,
    automatic,
    store: theStore,
    onSettled: () => link3?.settle(),
    onUnkept: (error) => {
      log.write("error", "agent.mail-not-kept", { why: String(error) });
      link3?.restart("disk-full", "what was delivered could not be kept");
    }
  });
  const onAcked = (parts, relayIdRaw2) => {
    const whole = /* @__PURE__ */ new Set();
    for (const part2 of parts) if (part2.of.parts.every((each) => each.acked)) whole.add(part2.of);
    const records = [...whole].map(
      ({ head: { stream: stream2, seq, class: kind } }) => kind === "receipt" ? { kept: { kind: "forgotten", head: { stream: stream2, seq } } } : {
        kept: {
          kind: "step",
          head: { stream: stream2, seq, state: "accepted", atMs: clock.wallMs(), by: relayIdRaw2, proof: "none", detail: "", evidence: EMPTY }
        }
      }
    );
    if (records.length > 0) void keep(records, "an acknowledgement");
  };
  const stepped = (step2) => {
    const outgoing = outbox.find(messageIdText(step2.stream, step2.seq));
    if (outgoing === void 0 || outgoing.steps.at(-1) !== step2) return;
    if (step2.proof === "receipt") sealer.confirmed(outgoing);
    outgoingBell.ring(outgoing.id);
    log.write("debug", "agent.step", {
      id: outgoing.id,
      state: step2.state,
      proof: step2.proof,
      digest: hex(outgoing.parts[0]?.digest ?? EMPTY)
    });
  };
  const isListed = (kept) => kept.kind === "contact" || kept.kind === "policy" || kept.kind === "peer" && book.standing(kept.head.id) === "contact";
  const heedPeer = createPeerHeed({ clock, log, peers, outbox, keep, arrivals: () => arrivals, redeliver: () => link3?.renew() });
  const onApplied = (records) => {
    for (const { kept } of records) {
      if (kept.kind === "peer") heedPeer(kept.head.id);
      if (kept.kind === "step") stepped(kept.head);
      else if (kept.kind === "forgotten") outgoingBell.ring(messageIdText(kept.head.stream, kept.head.seq));
      else if (kept.kind === "contact") addresses.prove(kept.head.id);
      else if (kept.kind === "peer" && book.standing(kept.head.id) === "contact") addresses.prove(kept.head.id);
      else if (kept.kind === "received") {
        addresses.prove(kept.head.from);
        const { inReplyTo } = kept.head.head;
        if (inReplyTo !== void 0) mailBell.ring(messageIdText(inReplyTo.stream, inReplyTo.seq));
      }
    }
    const kinds = new Set(records.map(({ kept }) => kept.kind));
    if (kinds.has("queued") || kinds.has("peer")) sealer.kick();
    if (kinds.has("received") || kinds.has("put") || kinds.has("completed") || kinds.has("passed")) {
      mailBell.ring(LISTED);
      mailBell.ring(WORK, 1);
    }
    if (kinds.has("completed") || kinds.has("put") || kinds.has("passed")) link3?.settle();
    if (records.some(({ kept }) => isListed(kept))) teller.look();
    housekeeping.look();
  };
  const publication = createPublication({ host, settings, own, link: () => link3, closing: closing.signal });
  const housekeeping = createHousekeeping({
    host,
    settings,
    own,
    outbox,
    inbox,
    claims,
    store: theStore,
    keep,
    provenMs: () => Math.min(clock.wallMs(), link3?.relayNowMs ?? 0),
    onRenewed: () => void publication.publish().catch((error) => log.write("warn", "agent.not-published", { why: String(error) }))
  });
  store = await openAgentStore({
    host,
    folder,
    settings,
    outbox,
    inbox,
    peers,
    contacts: [book, guard, passes],
    closing: receipts.closing,
    reopen: receipts.reopen,
    onApplied
  });
  outbox.replayed();
  link3 = openRelayLink({
    host,
    settings,
    own,
    address: options.relayAddress,
    outbox,
    cursor,
    passes: {
      newest: (instanceKey) => passes.newest(relayIdRaw, instanceKey),
      keep: (instanceKey, pass2) => keepPass({ log, store: theStore() }, { relayId: relayIdRaw, instanceKey, pass: pass2 })
    },
    readEnvelope: (part2) => {
      if (part2.envelope === void 0) throw new PerdureError("internal", `the envelope of ${part2.of.id} is gone while it is under way`);
      return theStore().read(part2.envelope);
    },
    homeOf: (part2) => homes.elsewhere(part2.to),
    onWelcome: (welcome2) => {
      const known = equalBytes(cursor.generation, welcome2.generation);
      cursor.begin(welcome2.generation, known || welcome2.settledFloor === 0 ? [] : [[1, welcome2.settledFloor]]);
      cursor.attach();
      cursor.relaySettled(welcome2.generation, welcome2.settledFloor);
      if (!known) void keep([{ kept: positionsRecord(cursor) }], "a generation");
      sealer.connected();
      teller.connected(welcome2.contactsVersion);
    },
    onAcked: (parts, relay) => onAcked(parts, relay.idRaw),
    onRefused: (part2, refusal3) => {
      part2.of.trouble = refusalText(refusal3, clock.wallMs());
      if (refusal3.code === "identity-retired") void lookups.refresh(part2.to).catch(() => void 0);
      log.write("info", "agent.relay-refused", { id: part2.of.id, code: refusal3.code, hint: refusal3.hint });
    },
    onFrame: (frame, relay, window, linkId) => {
      if (frame.name === "found") lookups.found(frame.payload);
      else if (frame.name === "statement") statements.take(frame.payload, relay, window, linkId);
      else if (frame.name === "published") publication.take(frame.payload);
      else if (frame.name === "deliver") {
        if (!arrivals.take(frame.payload, relay)) link3?.restart("too-busy", "more was delivered than this agent can keep up with");
      } else throw new PerdureError("malformed", `a relay does not send ${frame.name}`);
    },
    onPublished: publication.take,
    onApart: () => lookups.apart()
  });
  sealer.kick();
  housekeeping.look();
  log.write("debug", "agent.opened", { id: own.id, folder, waiting: inbox.waiting, outgoing: outbox.openMessages });
  const found2 = (id) => {
    const outgoing = outbox.find(id);
    if (outgoing !== void 0 && outgoing.head.class === "mail") return outgoing;
    throw new PerdureError("unknown-message", `no message ${id} was sent from here, or it is forgotten`, {
      hint: "`perdure trace` lists what is known."
    });
  };
  const view = (outgoing) => outgoingView(outgoing, names);
  const evidence3 = async (id) => {
    const outgoing = found2(id);
    const to = recipientOf2(outgoing, names) ?? EMPTY;
    const read2 = (at) => theStore().read(at);
    return await evidenceFile({ crypto: host.crypto, own, evidence: outbox.evidence, read: read2, outgoing, to, toBundle: peers.bundle(to) });
  };
  const within = (signal) => AbortSignal.any([signal, closing.signal]);
  const viewOf2 = (incoming) => mailView(incoming, senderView(incoming.from));
  const mails = async (box, afterArrival, limit) => inbox.listed(box, afterArrival, limit).map(viewOf2);
  const isKnown2 = ({ head }) => peers.loaded(head.to.length > 0 ? head.to : peers.named(head.toName)?.idRaw ?? EMPTY) !== void 0;
  const isAboutToBeProven = ({ head, parts, steps, late }) => {
    if (head.class !== "mail" || !parts.every((part2) => part2.acked)) return false;
    const sinceMs = clock.wallMs() - FIXED.lastMileMs.value;
    const isRecent = steps.some((step2) => step2.proof === "none" && !isTerminal(step2.state) && step2.atMs > sinceMs);
    return isRecent && ![...steps, ...late].some((step2) => step2.proof === "statement" && equalBytes(step2.by, relayIdRaw));
  };
  const isUnderWay = () => {
    if (link3?.status.connected !== true) return false;
    for (const outgoing of outbox.all()) {
      if (isAboutToBeProven(outgoing)) return true;
      if (isTerminal(outgoing.state) || outgoing.state !== "queued") continue;
      if (outgoing.parts.some((part2) => !part2.acked && part2.refusals === 0 && (part2.bytes > 0 || isKnown2(outgoing)))) return true;
    }
    return false;
  };
  let disposed;
  const dispose = async () => {
    const untilMs = clock.monotonicMs() + FIXED.lastMileMs.value;
    while (isUnderWay() && clock.monotonicMs() < untilMs) await sleep(clock, LAST_MILE_LOOK_MS);
    closing.abort(new PerdureError("aborted", "this agent is closed"));
    outgoingBell.close();
    mailBell.close();
    housekeeping.close();
    claims.close();
    theStore().giveUp();
    await arrivals.idle();
    await sealer.idle();
    await link3?.close();
    await statements.idle();
    await addresses.idle();
    await teller.idle();
    await housekeeping.idle();
    await publication.idle();
    await keep([{ kept: positionsRecord(cursor) }], "positions");
    await theStore().idle();
    await theStore()[Symbol.asyncDispose]();
    log.write("debug", "agent.closed", { id: own.id });
  };
  return {
    submit: async (submission) => {
      const queued2 = await submissions.submit(submission);
      if (submission.asks) claims.asks(submission.client, queued2.id);
      return queued2;
    },
    outgoing: async (id) => view(found2(id)),
    async outgoingAfter(id, have, signal) {
      for (; ; ) {
        const outgoing = found2(id);
        if (outgoing.steps.length > have || isTerminal(outgoing.state)) return view(outgoing);
        await outgoingBell.wait(id, signal);
      }
    },
    evidence: evidence3,
    outgoings: async (limit) => [...outbox.all()].filter((outgoing) => outgoing.head.class === "mail").sort((a, b) => b.head.sentAtMs - a.head.sentAtMs).slice(0, limit).map(view),
    mails,
    async mailsAfter(box, afterArrival, limit, signal) {
      for (; ; ) {
        const listed = await mails(box, afterArrival, limit);
        if (listed.length > 0) return listed;
        await mailBell.wait(LISTED, signal);
      }
    },
    mail: async (key) => viewOf2(claims.find(key)),
    async readPart(key, part2) {
      const kept = claims.find(key).have.get(part2);
      if (kept === void 0) throw new PerdureError("bad-argument", `message ${key.id} has no part ${part2}`);
      return await theStore().read(kept.at);
    },
    claim: (client, signal) => claims.claim(client, within(signal)),
    answer: (client, to, signal) => claims.answer(client, to, within(signal)),
    adopt: async (client, claim) => claims.adopt(client, claim),
    async complete(completion) {
      const cause = inbox.find(`${hex(agentIdBytes(completion.from))}/${completion.id}`);
      const drafts = cause === void 0 || completion.drafts.length === 0 ? () => NO_DRAFTS : await submissions.prepare(cause, completion.drafts);
      await claims.complete(completion, drafts);
    },
    release: claims.release,
    finish: claims.finish,
    retry: claims.retry,
    ...contactCalls,
    ...identityCalls,
    acceptChange: async (name) => (await lookups.acceptChange(parseRecipient(name))).id,
    leave: async (client) => claims.leave(client),
    status: async () => ({
      id: own.id,
      name: own.name,
      folder,
      relay: link3.status,
      custody: own.custody,
      waiting: inbox.waiting,
      requests: inbox.requests,
      failed: inbox.failed,
      failedDropped: endings.failedDropped,
      outgoing: outbox.openMessages,
      strangers: book.policy.strangers,
      paused: [...guard.pauses()].length,
      conflicts: outbox.evidence.conflicts.length,
      alerts: [...publication.alerts, ...[link3?.alert].filter((alert) => alert !== void 0)]
    }),
    settings: async () => listSettings(settings, {}, link3?.status.negotiated),
    [Symbol.asyncDispose]: () => disposed ??= dispose()
  };
};

// packages/perdure/src/agent/own-folder.ts
async function hasIdentity(host, folder) {
  try {
    const file = await host.files.open(identityPath(folder), "read");
    await file.close();
    return true;
  } catch (error) {
    if (isPerdureError(error) && error.code === "not-found") return false;
    throw error;
  }
}
async function openOrCreate(options) {
  const { host, folder, settings, join, name, recoveryFile, passphrase } = options;
  if (join === void 0 || await hasIdentity(host, folder)) return await openExisting(options);
  await knock(options, join);
  const custody = recoveryFile === void 0 ? { custody: "together" } : { custody: "split", recoveryPath: recoveryFile };
  const own = await createIdentity({
    host,
    folder,
    role: "mail",
    ...custody,
    ...name === void 0 ? {} : { name },
    ...sealing(passphrase),
    settings
  });
  try {
    return { own, home: await joinRelay(options, own, join) };
  } catch (error) {
    if (isPerdureError(error) && REFUSED.has(error.code)) {
      await host.files.remove(identityPath(folder));
      if (recoveryFile !== void 0) await host.files.remove(recoveryFile);
    }
    throw error;
  }
}
var REFUSED = /* @__PURE__ */ new Set([
  "relay-unreachable",
  "wrong-relay",
  "name-taken",
  "bad-handshake",
  "bad-signature",
  "needs-older-version",
  "needs-newer-version",
  "too-busy",
  "relay-draining"
]);
async function openExisting(options) {
  const { host, folder, settings, join } = options;
  const own = await openIdentity({ host, folder, ...sealing(options.passphrase), settings });
  const [home2] = own.homes();
  if (home2 === void 0) {
    if (join !== void 0) return { own, home: await joinRelay(options, own, join) };
    throw new PerdureError("no-agent-here", `the agent in ${folder} has not joined a relay yet`, {
      hint: "Open it with `join`, or run `perdure init` with --relay."
    });
  }
  if (join === void 0) return { own, home: home2 };
  const { url, relayIdRaw } = parseRelayAddress(join);
  if (relayIdRaw !== void 0 && !equalBytes(relayIdRaw, home2.relayId)) {
    throw new PerdureError(
      "wrong-relay",
      `the agent in ${folder} lives at relay ${agentIdText(home2.relayId)}, not at ${agentIdText(relayIdRaw)}`,
      {
        hint: "An agent has one relay in this version. Leave `join` out, or use another folder."
      }
    );
  }
  if (url === home2.url) return { own, home: home2 };
  const moved = { ...home2, url };
  await own.setHome(moved, host.clock.wallMs());
  return { own, home: moved };
}
function sealing(passphrase) {
  return passphrase === void 0 ? {} : { passphrase };
}
async function knock({ host, settings, signal }, join) {
  const { url } = parseRelayAddress(join);
  const connection = await host.net.dial(url, { timeoutMs: settings.dialTimeoutMs, maxMessageBytes: MAX_TRANSPORT_BYTES, signal });
  connection.start({ message: () => {
  }, drained: () => {
  }, closed: () => {
  } });
  connection.close();
}
async function joinRelay(options, own, join) {
  const { host } = options;
  const { url, relayIdRaw } = parseRelayAddress(join);
  const relay = await register(options, own, url, relayIdRaw);
  const home2 = { relayId: relay.idRaw, url, preference: 0 };
  const published2 = relay.homes.find(({ relayId: relayId2 }) => equalBytes(relayId2, relay.idRaw))?.url;
  if (published2 !== void 0 && published2 !== url)
    host.log.write("warn", "agent.joined-by-another-address", {
      joined: url,
      published: published2,
      hint: "agents elsewhere reach this one only by the published address"
    });
  await own.setHome(home2, host.clock.wallMs());
  await register(options, own, url, relay.idRaw).catch(
    (error) => (
      // The agent's own session says it again.
      host.log.write("info", "agent.home-not-published", { code: isPerdureError(error) ? error.code : "internal" })
    )
  );
  return home2;
}
async function register({ host, settings, signal, join, ticket: given }, own, url, relayIdRaw) {
  const ticket = (join === void 0 ? void 0 : parseRelayAddress(join).ticket) ?? given;
  const link3 = host.random.bytes(LINK_BYTES);
  const have = { generation: new Uint8Array(GENERATION_BYTES), position: 0 };
  const { session, relay } = await connectSession({ host, settings, url, relayIdRaw, own, link: link3, consume: false, ticket, have, signal });
  session.start({ frame: () => {
  }, drained: () => {
  }, closed: () => {
  } });
  session.close(goodbyeFor("connection-closed", "registered"));
  return relay;
}

// packages/perdure/src/wire/local.ts
var LOCAL_VERSION = 1;
var LOCAL_HEADER_BYTES = 8;
var LOCAL_PIECE_BYTES = 256 * 1024;
var MAX_LOCAL_BYTES = 48 * 1024 * 1024;
var LOCAL_KINDS = { hello: 1, call: 2, result: 3, failure: 4, cancel: 5, ping: 6, pong: 7 };
var KIND_OF2 = new Map(Object.entries(LOCAL_KINDS).map(([name, kind]) => [kind, name]));
function encodeLocalPiece(part2) {
  const message = new Uint8Array(LOCAL_HEADER_BYTES + part2.piece.length);
  message[0] = LOCAL_VERSION;
  message[1] = LOCAL_KINDS[part2.kind];
  message[2] = part2.more ? 1 : 0;
  viewOf(message).setUint32(4, part2.number);
  message.set(part2.piece, LOCAL_HEADER_BYTES);
  return message;
}
var SAME_VERSION = "Stop the other process, or run both with the same version of perdure.";
function decodeLocalPiece(message) {
  if (message.length < LOCAL_HEADER_BYTES) malformed7("shorter than its header");
  if (message[0] !== LOCAL_VERSION) {
    throw otherVersion({
      what: "another process that uses this folder",
      found: message[0],
      own: LOCAL_VERSION,
      older: SAME_VERSION,
      newer: SAME_VERSION
    });
  }
  const kind = KIND_OF2.get(message[1]);
  if (kind === void 0) malformed7(`kind ${message[1]} is unknown`);
  if (message[2] > 1 || message[3] !== 0) malformed7("reserved bytes are not zero");
  return { kind, number: viewOf(message).getUint32(4), more: message[2] === 1, piece: message.subarray(LOCAL_HEADER_BYTES) };
}
function encodeLocalValue(value) {
  return encode2(value);
}
function decodeLocalValue(content) {
  try {
    return decode(content, { rejectDuplicateMapKeys: true });
  } catch (cause) {
    throw new PerdureError("malformed", "local message: the content is not CBOR", { cause });
  }
}
function encodeLocalFailure(error) {
  const known = isPerdureError(error) ? error : new PerdureError("internal", error instanceof Error ? error.message : String(error));
  return encodeLocalValue([known.code, known.message, known.retry, known.hint, known.afterMs, known.limit]);
}
function decodeLocalFailure(content) {
  const [code, message, retry, hint, afterMs, said] = listOf(decodeLocalValue(content));
  const limit = readLimit(said);
  const known = typeof code === "string" && isErrorCode(code) ? code : "internal";
  return new PerdureError(known, String(message), {
    retry: retry === "now" || retry === "after" ? retry : "never",
    ...typeof hint === "string" ? { hint } : {},
    ...typeof afterMs === "number" ? { afterMs } : {},
    ...limit === void 0 ? {} : { limit }
  });
}
function encodeLocalHello(said) {
  return encodeLocalValue([said.client, said.agent]);
}
function decodeLocalHello(content) {
  const [client, agent] = listOf(decodeLocalValue(content));
  if (typeof client !== "string" || typeof agent !== "string") malformed7("a hello is two texts");
  return { client, agent };
}
function encodeLocalCall(call) {
  return encodeLocalValue([call.method, call.values]);
}
function decodeLocalCall(content) {
  const [method, values] = listOf(decodeLocalValue(content));
  if (typeof method !== "string") malformed7("a call names its method");
  return { method, values: listOf(values) };
}
function listOf(value) {
  return Array.isArray(value) ? value : malformed7("not a list");
}
function malformed7(why) {
  throw new PerdureError("malformed", `local message: ${why}`);
}

// packages/perdure/src/agent/local-calls.ts
var WAITS = {
  submit: false,
  outgoing: false,
  outgoingAfter: true,
  evidence: false,
  outgoings: false,
  mails: false,
  mailsAfter: true,
  mail: false,
  readPart: false,
  claim: true,
  answer: true,
  adopt: false,
  complete: false,
  release: false,
  finish: false,
  retry: false,
  contacts: false,
  acceptChange: false,
  contactRequests: false,
  decide: false,
  strangers: false,
  paused: false,
  resume: false,
  invite: false,
  acceptInvite: false,
  identity: false,
  changeIdentity: false,
  exportIdentity: false,
  setPassphrase: false,
  leave: false,
  status: false,
  settings: false
};
var CALLS_IN_FLIGHT = 1024;
function isCallName(text2) {
  return Object.hasOwn(WAITS, text2);
}
function callWaits(name) {
  return WAITS[name];
}
var NAMES_CLIENT = /* @__PURE__ */ new Set(["claim", "answer", "adopt", "leave"]);
function isOwnCall(name, values, client) {
  return !NAMES_CLIENT.has(name) || values[0] === client;
}
async function makeCall(core, name, values, signal) {
  const call = core[name];
  return await call.apply(core, WAITS[name] ? [...values, signal] : [...values]);
}

// packages/perdure/src/agent/local-channel.ts
var SOCKET_QUEUE_BYTES = 1024 * 1024;
var MAX_WAITING_BYTES = 2 * MAX_LOCAL_BYTES;
function openLocalChannel(connection, receiver) {
  const waiting = [];
  const partial = /* @__PURE__ */ new Map();
  let partialBytes = 0;
  let waitingBytes = 0;
  let open = true;
  const pump = () => {
    while (open && connection.queuedBytes < SOCKET_QUEUE_BYTES) {
      const next = waiting[0];
      if (next === void 0) return;
      const piece = next.content.subarray(next.at, next.at + LOCAL_PIECE_BYTES);
      next.at += piece.length;
      const more = next.at < next.content.length;
      if (!more) {
        waiting.shift();
        waitingBytes -= sizeOf(next.content);
      }
      connection.send(encodeLocalPiece({ kind: next.kind, number: next.number, more, piece }));
    }
  };
  const end = (why) => {
    if (!open) return;
    open = false;
    waiting.length = 0;
    partial.clear();
    receiver.closed(why);
  };
  const take = (message) => {
    const part2 = decodeLocalPiece(message);
    const key = `${part2.kind} ${part2.number}`;
    const before = partial.get(key);
    if (!part2.more && before === void 0) return receiver.content(part2.kind, part2.number, part2.piece);
    const pieces = before ?? [];
    pieces.push(part2.piece);
    if (part2.more && part2.piece.length !== LOCAL_PIECE_BYTES)
      throw new PerdureError("malformed", "local message: a piece before the last is not full");
    partialBytes += part2.piece.length;
    if (partialBytes > MAX_LOCAL_BYTES) throw new PerdureError("too-large", `local message: more than ${MAX_LOCAL_BYTES} bytes`);
    if (part2.more) {
      partial.set(key, pieces);
      return;
    }
    partial.delete(key);
    const whole = concat2(...pieces);
    partialBytes -= whole.length;
    receiver.content(part2.kind, part2.number, whole);
  };
  connection.start({
    message: (message) => {
      if (!open) return;
      try {
        take(message);
      } catch (error) {
        const why = error instanceof PerdureError ? error : new PerdureError("internal", "a local message could not be handled", { cause: error });
        connection.close(true);
        end(why);
      }
    },
    drained: pump,
    closed: (why) => end(new PerdureError("connection-closed", `the process that shares this folder is gone: ${why}`, { retry: "now" }))
  });
  return {
    send(kind, number2, content = EMPTY) {
      if (!open) return;
      waiting.push({ kind, number: number2, content, at: 0 });
      waitingBytes += sizeOf(content);
      pump();
    },
    get waitingBytes() {
      return waitingBytes;
    },
    close() {
      connection.close();
      end(new PerdureError("connection-closed", "the local connection was closed on this side", { retry: "now" }));
    }
  };
}
function sizeOf(content) {
  return LOCAL_HEADER_BYTES + content.length;
}

// packages/perdure/src/agent/holder.ts
var SOCKET_NAME = "agent.sock";
function socketAddress(folder) {
  return `unix:${folder}/${SOCKET_NAME}`;
}
async function serveGuests({ host, folder, agent, core }) {
  const guests = /* @__PURE__ */ new Map();
  const channels = /* @__PURE__ */ new Set();
  let serving = true;
  const onConnection = (connection) => {
    const calls = /* @__PURE__ */ new Map();
    let client;
    const channel = openLocalChannel(connection, {
      content: (kind, number2, content) => {
        if (kind === "ping") return channel.send("pong", 0);
        if (kind === "hello" && client === void 0) {
          client = decodeLocalHello(content).client;
          guests.set(client, channel);
          return channel.send("hello", 0, encodeLocalHello({ client, agent }));
        }
        if (kind === "cancel") return calls.get(number2)?.abort();
        if (kind !== "call" || client === void 0 || calls.has(number2))
          throw new PerdureError("malformed", `local message: a ${kind} ${number2} is not expected here`);
        answer(number2, content);
      },
      closed: (why) => {
        channels.delete(channel);
        for (const call of calls.values()) call.abort();
        if (client === void 0 || guests.get(client) !== channel) return;
        guests.delete(client);
        if (!serving) return;
        host.log.write("debug", "agent.guest-left", { client, why: why.message });
        core.leave(client).catch((error) => host.log.write("error", "agent.guest-not-released", { client: client ?? "", why: String(error) }));
      }
    });
    channels.add(channel);
    const answer = (number2, content) => {
      if (channel.waitingBytes > MAX_WAITING_BYTES) return channel.close();
      const controller = new AbortController();
      const call = async () => {
        if (calls.size >= CALLS_IN_FLIGHT)
          throw new PerdureError("too-busy", `${CALLS_IN_FLIGHT} calls of one process are open`, { retry: "after" });
        calls.set(number2, controller);
        const { method, values } = decodeLocalCall(content);
        if (!isCallName(method))
          throw new PerdureError("needs-newer-version", `the process that holds this folder has no call "${method}"`, {
            hint: "Run both processes with the same version of perdure."
          });
        if (!isOwnCall(method, values, client)) throw new PerdureError("bad-argument", `${method} is called for another process`);
        return await makeCall(core, method, values, controller.signal);
      };
      call().then(
        (value) => channel.send("result", number2, encodeLocalValue(value)),
        (error) => channel.send("failure", number2, encodeLocalFailure(error))
      ).catch((error) => channel.send("failure", number2, encodeLocalFailure(error))).finally(() => {
        if (calls.get(number2) === controller) calls.delete(number2);
      }).catch((error) => host.log.write("error", "agent.call-not-answered", { why: String(error) }));
    };
  };
  const listener = await host.net.listen(socketAddress(folder), { maxMessageBytes: MAX_TRANSPORT_BYTES, onConnection });
  return {
    async close() {
      serving = false;
      for (const channel of channels) channel.close();
      await listener.close();
    }
  };
}

// packages/perdure/src/agent/guest.ts
async function joinHolder({ host, folder, settings, client, signal }) {
  const connection = await host.net.dial(socketAddress(folder), {
    timeoutMs: settings.dialTimeoutMs,
    maxMessageBytes: MAX_TRANSPORT_BYTES,
    signal
  });
  const calls = /* @__PURE__ */ new Map();
  const greeted = Promise.withResolvers();
  const gone = Promise.withResolvers();
  let closed;
  let lastNumber = 0;
  let heardAtMs = host.clock.monotonicMs();
  let stopPing = () => {
  };
  const channel = openLocalChannel(connection, {
    content: (kind, number2, content) => {
      heardAtMs = host.clock.monotonicMs();
      if (kind === "pong") return;
      if (kind === "hello") return greeted.resolve(decodeLocalHello(content).agent);
      const call2 = calls.get(number2);
      if (call2 === void 0) return;
      calls.delete(number2);
      if (kind === "result") call2.resolve(decodeLocalValue(content));
      else call2.reject(decodeLocalFailure(content));
    },
    closed: (why) => {
      closed = why;
      stopPing();
      for (const call2 of calls.values()) call2.reject(why);
      calls.clear();
      greeted.reject(why);
      gone.resolve(why);
    }
  });
  const ping2 = () => {
    if (closed !== void 0) return;
    if (host.clock.monotonicMs() - heardAtMs > settings.silenceTimeoutMs) return channel.close();
    channel.send("ping", 0);
    stopPing = host.clock.after(settings.pingEveryMs, ping2);
  };
  const call = async (name, values, callSignal) => {
    if (closed !== void 0) throw closed;
    if (calls.size >= CALLS_IN_FLIGHT)
      throw new PerdureError("too-busy", `${CALLS_IN_FLIGHT} calls of this process are open`, { retry: "after" });
    const content = encodeLocalCall({ method: name, values });
    if (channel.waitingBytes > 0 && channel.waitingBytes + content.length > MAX_WAITING_BYTES)
      throw new PerdureError("too-busy", "the process that holds this folder has not yet read what it was given", { retry: "after" });
    const number2 = nextNumber();
    const { promise, resolve, reject } = Promise.withResolvers();
    calls.set(number2, { resolve, reject });
    channel.send("call", number2, content);
    let stopTimer = () => {
    };
    const limit = (error) => {
      stopTimer = host.clock.after(settings.callTimeoutMs, () => {
        calls.delete(number2);
        reject(error());
      });
    };
    const cancel = () => {
      channel.send("cancel", number2);
      limit(() => new PerdureError("aborted", `stopped waiting for ${name}`, { cause: callSignal?.reason }));
    };
    if (!callWaits(name))
      limit(
        () => new PerdureError("timed-out", `the process that holds ${folder} has not answered ${name} for ${settings.callTimeoutMs} ms`, {
          retry: "after"
        })
      );
    else if (callSignal?.aborted) cancel();
    else callSignal?.addEventListener("abort", cancel, { once: true });
    try {
      return await promise;
    } finally {
      stopTimer();
      callSignal?.removeEventListener("abort", cancel);
    }
  };
  const nextNumber = () => {
    do
      lastNumber = lastNumber % 4294967295 + 1;
    while (calls.has(lastNumber));
    return lastNumber;
  };
  channel.send("hello", 0, encodeLocalHello({ client, agent: "" }));
  const stopGreeting = host.clock.after(settings.handshakeTimeoutMs, () => {
    greeted.reject(
      new PerdureError("timed-out", `the process that holds ${folder} has not greeted for ${settings.handshakeTimeoutMs} ms`, {
        retry: "after"
      })
    );
  });
  const leave2 = () => channel.close();
  signal.addEventListener("abort", leave2, { once: true });
  try {
    const agent = await greeted.promise;
    stopPing = host.clock.after(settings.pingEveryMs, ping2);
    return { agent, core: proxyOf(call), isGone: () => closed !== void 0, gone: gone.promise, close: () => channel.close() };
  } catch (error) {
    channel.close();
    throw error;
  } finally {
    stopGreeting();
    signal.removeEventListener("abort", leave2);
  }
}
function proxyOf(call) {
  const plain = (name) => ((...values) => call(name, values));
  const waiting = (name) => ((...values) => call(name, values.slice(0, -1), values.at(-1)));
  return {
    submit: plain("submit"),
    outgoing: plain("outgoing"),
    outgoingAfter: waiting("outgoingAfter"),
    evidence: plain("evidence"),
    outgoings: plain("outgoings"),
    mails: plain("mails"),
    mailsAfter: waiting("mailsAfter"),
    mail: plain("mail"),
    readPart: plain("readPart"),
    claim: waiting("claim"),
    answer: waiting("answer"),
    adopt: plain("adopt"),
    complete: plain("complete"),
    release: plain("release"),
    finish: plain("finish"),
    retry: plain("retry"),
    contacts: plain("contacts"),
    acceptChange: plain("acceptChange"),
    contactRequests: plain("contactRequests"),
    decide: plain("decide"),
    strangers: plain("strangers"),
    paused: plain("paused"),
    resume: plain("resume"),
    invite: plain("invite"),
    acceptInvite: plain("acceptInvite"),
    identity: plain("identity"),
    changeIdentity: plain("changeIdentity"),
    exportIdentity: plain("exportIdentity"),
    setPassphrase: plain("setPassphrase"),
    leave: plain("leave"),
    status: plain("status"),
    settings: plain("settings")
  };
}

// packages/perdure/src/agent/shared-core.ts
var RACE_PAUSE_MS = 50;
var TAKEOVER_PAUSE_MS = FIXED.takeoverPauseMs.value;
var PASSING2 = /* @__PURE__ */ new Set(["relay-unreachable", "connection-closed", "timed-out", "not-found"]);
async function openSharedCore(options) {
  const { host, folder, settings, client, openEngine } = options;
  const closing = new AbortController();
  const held = /* @__PURE__ */ new Map();
  let attached;
  let attaching;
  const hold = async (lock, takeover, signal) => {
    try {
      const { id, engine } = await openEngine(signal);
      try {
        throwIfAborted(signal, `the folder ${folder}`);
        const core = takeover ? pausedClaims(host, engine) : engine;
        const holder = await serveGuests({ host, folder, agent: id, core });
        host.log.write("debug", "agent.holder", { folder, takeover });
        return {
          id,
          role: "holder",
          core,
          isGone: () => false,
          async close() {
            await holder.close();
            try {
              await engine[Symbol.asyncDispose]();
            } finally {
              await lock.release();
            }
          }
        };
      } catch (error) {
        await engine[Symbol.asyncDispose]();
        throw error;
      }
    } catch (error) {
      await lock.release();
      throw error;
    }
  };
  const visit = async (signal) => {
    const guest = await joinHolder({ host, folder, settings, client, signal });
    host.log.write("debug", "agent.guest", { folder });
    guest.gone.then(async (why) => {
      if (closing.signal.aborted) return;
      host.log.write("debug", "agent.holder-gone", { folder, why: why.message });
      await current();
    }).catch((error) => host.log.write("warn", "agent.takeover-failed", { folder, why: String(error) }));
    return { id: guest.agent, role: "guest", core: guest.core, isGone: guest.isGone, close: async () => guest.close() };
  };
  const race = async (takeover, signal) => {
    for (; ; ) {
      throwIfAborted(signal, `the folder ${folder}`);
      const lock = await lockIfFree(host, folder);
      if (lock !== void 0) return await hold(lock, takeover, signal);
      try {
        return await visit(signal);
      } catch (error) {
        if (!isPerdureError(error) || !PASSING2.has(error.code)) throw error;
      }
      await sleep(host.clock, RACE_PAUSE_MS, signal);
    }
  };
  const attach = async (takeover, timeoutMs, outer) => {
    const signal = outer === void 0 ? closing.signal : AbortSignal.any([outer, closing.signal]);
    const what = `the folder ${folder}`;
    const next = await withDeadline(
      host.clock,
      { timeoutMs, what, hint: "Another process may hold it and be stuck; end that one, or wait.", signal },
      (within) => race(takeover, within)
    );
    try {
      for (const [key, { claim, fence }] of held) {
        if (await next.core.adopt(client, claim)) continue;
        held.delete(key);
        fence.abort(fencedError(claim));
      }
    } catch (error) {
      await next.close();
      throw error;
    }
    attached = next;
    return next;
  };
  const current = () => {
    if (closing.signal.aborted) return Promise.reject(closedError2());
    if (attached !== void 0 && !attached.isGone()) return Promise.resolve(attached);
    attaching ??= attach(true, settings.openTimeoutMs, void 0).finally(() => {
      attaching = void 0;
    });
    return attaching;
  };
  const through = async (call, signal) => {
    for (; ; ) {
      const attachment = await orAborted(current(), signal);
      try {
        return await call(attachment.core);
      } catch (error) {
        if (closing.signal.aborted) throw closedError2();
        if (!attachment.isGone() || !isPerdureError(error) || error.code !== "connection-closed") throw error;
      }
    }
  };
  const claimed = async (mail) => {
    const given = await mail;
    held.set(keyOf2(given.mail), {
      claim: { from: given.mail.from, id: given.mail.id, attempt: given.mail.attempt },
      fence: new AbortController()
    });
    return given;
  };
  const unclaimed = async (claim, call) => {
    try {
      await call;
    } catch (error) {
      if (isPerdureError(error) && error.code === "fenced") held.delete(keyOf2(claim));
      throw error;
    }
    held.delete(keyOf2(claim));
  };
  const first = await attach(false, options.timeoutMs, options.signal);
  return {
    id: first.id,
    get role() {
      return attached?.role ?? "guest";
    },
    fence: (claim) => held.get(keyOf2(claim))?.fence.signal ?? AbortSignal.abort(fencedError(claim)),
    submit: (submission) => through((core) => core.submit(submission)),
    outgoing: (id) => through((core) => core.outgoing(id)),
    outgoingAfter: (id, have, signal) => through((core) => core.outgoingAfter(id, have, signal), signal),
    evidence: (id) => through((core) => core.evidence(id)),
    outgoings: (limit) => through((core) => core.outgoings(limit)),
    mails: (box, afterArrival, limit) => through((core) => core.mails(box, afterArrival, limit)),
    mailsAfter: (box, afterArrival, limit, signal) => through((core) => core.mailsAfter(box, afterArrival, limit, signal), signal),
    mail: (key) => through((core) => core.mail(key)),
    readPart: (key, part2) => through((core) => core.readPart(key, part2)),
    claim: (by, signal) => claimed(through((core) => core.claim(by, signal), signal)),
    answer: (by, to, signal) => claimed(through((core) => core.answer(by, to, signal), signal)),
    adopt: (by, claim) => through((core) => core.adopt(by, claim)),
    complete: (completion) => unclaimed(
      completion,
      through((core) => core.complete(completion))
    ),
    release: (claim, failed, why) => unclaimed(
      claim,
      through((core) => core.release(claim, failed, why))
    ),
    finish: (key, outcome, why) => through((core) => core.finish(key, outcome, why)),
    retry: (key) => through((core) => core.retry(key)),
    acceptChange: (name) => through((core) => core.acceptChange(name)),
    contacts: () => through((core) => core.contacts()),
    contactRequests: () => through((core) => core.contactRequests()),
    decide: (who, decision) => through((core) => core.decide(who, decision)),
    strangers: (policy2) => through((core) => core.strangers(policy2)),
    paused: () => through((core) => core.paused()),
    resume: (threadOrPeer) => through((core) => core.resume(threadOrPeer)),
    invite: (wish) => through((core) => core.invite(wish)),
    acceptInvite: (requestId, written) => through((core) => core.acceptInvite(requestId, written)),
    identity: () => through((core) => core.identity()),
    changeIdentity: (change) => through((core) => core.changeIdentity(change)),
    exportIdentity: (passphrase) => through((core) => core.exportIdentity(passphrase)),
    setPassphrase: (passphrase) => through((core) => core.setPassphrase(passphrase)),
    leave: (by) => through((core) => core.leave(by)),
    status: () => through((core) => core.status()),
    settings: () => through((core) => core.settings()),
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return;
      closing.abort(closedError2());
      const under = await (attaching ?? Promise.resolve(attached)).catch(() => attached);
      await under?.close();
    }
  };
}
function pausedClaims(host, engine) {
  const openAtMs = host.clock.monotonicMs() + TAKEOVER_PAUSE_MS;
  const pause2 = async (signal) => {
    const leftMs = openAtMs - host.clock.monotonicMs();
    if (leftMs > 0) await sleep(host.clock, leftMs, signal);
  };
  return {
    ...engine,
    claim: async (client, signal) => {
      await pause2(signal);
      return await engine.claim(client, signal);
    }
  };
}
async function lockIfFree(host, folder) {
  try {
    return await host.files.lock(folder);
  } catch (error) {
    if (isPerdureError(error) && error.code === "folder-in-use") return void 0;
    throw error;
  }
}
function orAborted(work, signal) {
  if (signal === void 0) return work;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new PerdureError("aborted", "stopped waiting for the agent", { cause: signal.reason }));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
function keyOf2(claim) {
  return `${claim.from} ${claim.id}`;
}
function fencedError(claim) {
  return new PerdureError("fenced", `message ${claim.id} was given to another handler`, {
    hint: "Its effects here are not committed; the other handler goes on with it."
  });
}
function closedError2() {
  return new PerdureError("aborted", "this agent was closed here", { hint: "Open the folder again." });
}

// packages/perdure/src/agent/open-agent.ts
async function openAgentWith(machine, at, options = {}) {
  const host = options.defences?.hedge === false ? machine : hedgedHost(machine);
  const settings = createSettings(options.settings);
  if (options.join !== void 0) parseRelayAddress(options.join);
  else if (!await hasIdentity(host, at)) {
    throw new PerdureError("no-agent-here", `there is no agent in ${at}`, { hint: "Create one with `perdure init`, or open with `join`." });
  }
  const client = hex(host.random.bytes(16));
  const openEngine = async (signal) => {
    const { own, home: home2 } = await openOrCreate({
      host,
      folder: at,
      settings,
      join: options.join,
      ticket: options.ticket,
      name: options.name,
      recoveryFile: options.recoveryFile,
      passphrase: options.passphrase,
      signal
    });
    const relayAddress = formatRelayAddress(home2.url, home2.relayId);
    const engine = await createEngine({
      host,
      folder: at,
      own,
      settings,
      relayAddress,
      ...options.defences === void 0 ? {} : { defences: options.defences }
    });
    return { id: own.id, engine };
  };
  const core = await openSharedCore({
    host,
    folder: at,
    settings,
    client,
    timeoutMs: options.timeoutMs ?? settings.openTimeoutMs,
    signal: options.signal,
    openEngine
  });
  if (options.strangers !== void 0) {
    try {
      await core.strangers(options.strangers);
    } catch (error) {
      await core[Symbol.asyncDispose]();
      throw error;
    }
  }
  return createAgent({ core, host, settings, client });
}

// packages/perdure/src/agent/browser.ts
async function openAgent(at, { recoveryPages, ...options } = {}) {
  const host = createBrowserHost({ log: createPageLog("warn", console) });
  return await openAgentWith({ ...host, files: withRecoveryPages(host.files, at, recoveryPages) }, at, options);
}

// examples/browser/main.js
var FOLDER = "/example";
var OPTIONS = { strangers: "welcome" };
var byId = (id) => document.getElementById(id);
try {
  begin(await openAgent(FOLDER, OPTIONS));
} catch (error) {
  if (!isPerdureError(error) || error.code !== "no-agent-here") throw complain(error);
  byId("state").textContent = "There is no agent in this browser yet.";
  byId("join").hidden = false;
}
byId("join").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { relay, name } = Object.fromEntries(new FormData(event.target));
  byId("trouble").textContent = "";
  try {
    begin(await openAgent(FOLDER, { ...OPTIONS, join: relay.trim(), name }));
    byId("join").hidden = true;
  } catch (error) {
    complain(error);
  }
});
function begin(agent) {
  byId("desk").hidden = false;
  byId("send").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { to, text: text2 } = Object.fromEntries(new FormData(event.target));
    byId("trouble").textContent = "";
    try {
      follow(await agent.send(to.trim(), text2));
      event.target.elements.text.value = "";
    } catch (error) {
      complain(error);
    }
  });
  for (const watch of [watchStatus, watchInbox, showOutbox]) watch(agent).catch(complain);
}
async function showOutbox(agent) {
  for (const sent of (await agent.outbox()).toReversed()) follow(sent);
}
async function watchStatus(agent) {
  for (; ; ) {
    const { id, name, role, relay } = await agent.status();
    const line = relay.connected ? "connected" : `not connected: ${relay.lastError ?? "trying"}`;
    const tab = role === "holder" ? "this tab holds it" : "another tab holds it";
    byId("state").textContent = `${name === void 0 ? id : `@${name}`} at ${new URL(relay.url).host}, ${line}; ${tab}.`;
    await new Promise((resolve) => setTimeout(resolve, 1e3));
  }
}
async function watchInbox(agent) {
  for await (const mail of agent.inbox({ watch: true })) {
    const from = mail.fromAddress ?? (mail.fromName === void 0 ? mail.from : `${mail.fromName} (${mail.from.slice(0, 10)}\u2026)`);
    add2("inbox", await mail.text(), `${from}, ${new Date(mail.receivedAtMs).toLocaleString()}`);
  }
}
function follow(sent) {
  const state = add2("outbox", `To ${sent.toName === void 0 ? sent.to : `@${sent.toName}`}`, "");
  const tell2 = async () => {
    for await (const step2 of sent) state.textContent = step2.state;
  };
  tell2().catch(complain);
}
function add2(list2, text2, below) {
  const [row, small] = [document.createElement("li"), document.createElement("small")];
  small.textContent = below;
  row.append(text2, small);
  byId(list2).querySelector(".none")?.remove();
  byId(list2).prepend(row);
  return small;
}
function complain(error) {
  byId("trouble").textContent = isPerdureError(error) ? `${error.message}. ${error.hint ?? ""}` : String(error);
  return error;
}
/*! Bundled license information:

@noble/curves/utils.js:
@noble/curves/abstract/modular.js:
@noble/curves/abstract/curve.js:
@noble/curves/abstract/edwards.js:
@noble/curves/ed25519.js:
  (*! noble-curves - MIT License (c) 2022 Paul Miller (paulmillr.com) *)
*/
