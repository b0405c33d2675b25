/**
 * A listener that a page commands: pages cannot listen, so Node does it for them, and tells them of its connections over one more
 * connection. Both sides are here: {@link serveRemoteListeners} in Node, {@link listenRemotely} in the page.
 */
import type { Connection, Listener, ListenOptions, Net, Receiver } from "../../src/host/net.ts";
import { base64url, fromBase64url, fromUtf8, utf8 } from "../../src/wire/bytes.ts";
import { type ErrorCode, isPerdureError, PerdureError } from "../../src/wire/error.ts";

/** Text of messages is base64url; `link` numbers the connections of one listener. */
type Order =
  | { readonly kind: "listen"; readonly address: string; readonly maxMessageBytes: number }
  | { readonly kind: "send"; readonly link: number; readonly text: string }
  | { readonly kind: "close"; readonly link: number; readonly now: boolean }
  | { readonly kind: "start"; readonly link: number }
  | { readonly kind: "end" };

type Event =
  | { readonly kind: "listening"; readonly address: string }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly why: string }
  | { readonly kind: "connection"; readonly link: number; readonly remote: string }
  | { readonly kind: "message"; readonly link: number; readonly text: string }
  | { readonly kind: "drained"; readonly link: number }
  | { readonly kind: "closed"; readonly link: number; readonly why: string }
  | { readonly kind: "ended" };

const MAX_ORDER_BYTES = 1024 * 1024;

const encode = (what: Order | Event): Uint8Array => utf8(JSON.stringify(what));
const bytesOf = (text: string): Uint8Array => fromBase64url(text) ?? new Uint8Array(0);

/** In Node: where pages find it. */
export function serveRemoteListeners(net: Net): Promise<Listener> {
  return net.listen("ws://127.0.0.1:0", {
    maxMessageBytes: MAX_ORDER_BYTES,
    onConnection: (control) => {
      const links: Connection[] = [];
      let listening: Promise<Listener> | undefined;
      const tell = (event: Event): void => control.send(encode(event));
      const failed = (error: unknown): void =>
        tell({ kind: "failed", code: isPerdureError(error) ? error.code : "internal", why: String(error) });
      const open = ({ address, maxMessageBytes }: Extract<Order, { kind: "listen" }>): void => {
        const onConnection = (connection: Connection): void =>
          tell({ kind: "connection", link: links.push(connection) - 1, remote: connection.remote });
        listening = net.listen(address, { maxMessageBytes, onConnection });
        listening.then(({ address: bound }) => tell({ kind: "listening", address: bound }), failed);
      };
      const take = (order: Order): void => {
        if (order.kind === "listen") return open(order);
        if (order.kind === "end") return void listening?.then((listener) => listener.close()).then(() => tell({ kind: "ended" }), failed);
        const { link } = order;
        const connection = links[link];
        if (order.kind === "send") connection?.send(bytesOf(order.text));
        else if (order.kind === "close") connection?.close(order.now);
        else
          connection?.start({
            message: (message) => tell({ kind: "message", link, text: base64url(message) }),
            drained: () => tell({ kind: "drained", link }),
            closed: (why) => tell({ kind: "closed", link, why }),
          });
      };
      control.start({
        message: (message) => take(JSON.parse(fromUtf8(message)) as Order),
        drained: () => {},
        closed: () => void listening?.then((listener) => listener.close()).catch(() => undefined),
      });
    },
  });
}

/** In the page: as `Net.listen` of a host that can. */
export async function listenRemotely(net: Net, control: string, address: string, options: ListenOptions): Promise<Listener> {
  const orders = await net.dial(control, { timeoutMs: 15_000, maxMessageBytes: MAX_ORDER_BYTES });
  const receivers = new Map<number, Receiver>();
  const bound = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<void>();
  const tell = (order: Order): void => orders.send(encode(order));

  const connectionOf = (link: number, remote: string): Connection => ({
    remote,
    local: true,
    queuedBytes: 0,
    send: (message) => tell({ kind: "send", link, text: base64url(message) }),
    close: (now = false) => tell({ kind: "close", link, now }),
    start: (receiver) => {
      receivers.set(link, receiver);
      tell({ kind: "start", link });
    },
  });
  const take = (event: Event): void => {
    switch (event.kind) {
      case "listening":
        return bound.resolve(event.address);
      case "failed":
        return bound.reject(new PerdureError(event.code, event.why));
      case "connection":
        return options.onConnection(connectionOf(event.link, event.remote));
      case "message":
        return receivers.get(event.link)?.message(bytesOf(event.text));
      case "drained":
        return receivers.get(event.link)?.drained();
      case "closed":
        return receivers.get(event.link)?.closed(event.why);
      case "ended":
        return ended.resolve();
    }
  };
  orders.start({ message: (message) => take(JSON.parse(fromUtf8(message)) as Event), drained: () => {}, closed: () => ended.resolve() });
  tell({ kind: "listen", address, maxMessageBytes: options.maxMessageBytes });
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    tell({ kind: "end" });
    // The orders stay open: that its connections have closed may be told after this.
    await ended.promise;
  };
  return {
    address: await bound.promise,
    renewTls: () => {
      throw new PerdureError("bad-argument", "there is no certificate to renew");
    },
    close: () => (closing ??= close()),
  };
}
