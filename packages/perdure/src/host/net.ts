import type { Settings } from "../settings/register.ts";
import type { WEB_SERVER } from "../settings/web-server.ts";

/**
 * Connections that carry whole messages. Addresses: `ws://host:port/…`, `wss://…`, and `unix:/path` (on Windows a named pipe) between
 * processes of one machine.
 */
export interface Net {
  /** Opens a connection; `relay-unreachable` when nobody answers, `timed-out`, `aborted`. */
  dial(address: string, options: DialOptions): Promise<Connection>;
  /** Listens; `address-in-use` when the port or path is taken. Port 0 picks a free one. */
  listen(address: string, options: ListenOptions): Promise<Listener>;
  /**
   * One HTTP GET of an `http:` or `https:` address; redirects are answers, not followed. `relay-unreachable`, `timed-out`,
   * `aborted`, `too-large` for a body over `maxBytes`, `peer-forbidden`, `bad-argument`.
   */
  get(url: string, options: GetOptions): Promise<Answer>;
}

export interface GetOptions {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** As with `dial`. */
  readonly publicOnly?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
}

export interface DialOptions {
  readonly timeoutMs: number;
  readonly maxMessageBytes: number;
  readonly signal?: AbortSignal;
  /**
   * Connects only to addresses that anybody could reach: for whoever dials where others say. Every address a name stands for is
   * looked at, and the one looked at is the one connected to; `peer-forbidden` when one is of this machine or a private network.
   */
  readonly publicOnly?: boolean;
}

/** Who asks for a connection over `ws:` or `wss:`, in the words of the request; a browser says `origin`, a program does not. */
export interface Caller {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/** A certificate chain and its private key, as the text of PEM files. */
export interface TlsMaterial {
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
}

/** Settings of the same names. */
export type ServerLimits = Pick<Settings, keyof typeof WEB_SERVER>;

export interface ListenOptions {
  /** A larger message closes its connection. */
  readonly maxMessageBytes: number;
  /** Whether a caller over `ws:` or `wss:` may connect at all; one that may not is answered 403. Everybody may without it. */
  readonly mayConnect?: (caller: Caller) => boolean;
  /** With `wss:`, and only there; `bad-argument` when it cannot be used. */
  readonly tls?: TlsMaterial;
  /** What is cut that is no WebSocket yet; only with `ws:` and `wss:`. The defaults where nothing is said. */
  readonly limits?: ServerLimits;
  readonly onConnection: (connection: Connection) => void;
  /**
   * Answers plain HTTP on the same port; only with `ws:` and `wss:`. How much of a body is read is for it to bound. `remote` is
   * where the caller is, `address:port`.
   */
  readonly onRequest?: (request: Request, remote: string) => Promise<Response> | Response;
}

export interface Listener {
  /** The address as bound, with the real port. */
  readonly address: string;
  /** With `wss:`: connections from here on are made with these; open ones stay as they are. `bad-argument` when they cannot be used. */
  renewTls(tls: TlsMaterial): void;
  /** Stops listening and closes every connection that is still open; bounded also when a peer does not answer. */
  close(): Promise<void>;
}

export interface Connection {
  /** Where the other side is, for logs. */
  readonly remote: string;
  /** True when both ends are on this machine and nobody in between can listen or write. */
  readonly local: boolean;
  /** Bytes handed to `send` that have not left this process. */
  readonly queuedBytes: number;
  /** Queues one message; ignored after the close. The bytes must not change before they have left. */
  send(message: Uint8Array): void;
  /**
   * Closes after what is queued has left, or at once when `now`; a side that does not take it is cut after a while. No message
   * is given after it, only `closed`.
   */
  close(now?: boolean): void;
  /** Starts receiving; what came before is kept until then, the end too. Called once; the receiver is never called within it. */
  start(receiver: Receiver): void;
}

export interface Receiver {
  message(message: Uint8Array): void;
  /** `queuedBytes` fell to zero. */
  drained(): void;
  /** Called exactly once; `why` is a short reason for logs. Nothing comes after it. */
  closed(why: string): void;
}
