/** The owner's way into a running relay: a local socket in its folder, which only who can read the folder can reach. */
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import type { Connection, Listener } from "../host/net.ts";
import { FIXED } from "../settings/fixed.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import {
  decodeOwnerAnswer,
  decodeOwnerCall,
  encodeOwnerCall,
  encodeOwnerError,
  encodeOwnerResult,
  MAX_OWNER_CALL_BYTES,
  type OwnerCall,
} from "../wire/owner-calls.ts";

const SOCKET_NAME = "relay.sock";
/** Calls at once; more connections are cut. */
const MAX_CALLS = 16;

function addressIn(folder: string): string {
  return `unix:${folder}/${SOCKET_NAME}`;
}

/** Answers calls at the socket of `folder`, whose lock the caller holds. */
export async function serveOwner(
  { net, clock }: Pick<Host, "net" | "clock">,
  folder: string,
  answer: (call: OwnerCall) => Promise<unknown>,
): Promise<Listener> {
  let open = 0;
  const onConnection = (connection: Connection): void => {
    if (open >= MAX_CALLS) return connection.close(true);
    open++;
    let asked = false;
    const cancel = clock.after(FIXED.ownerCallMs.value, () => connection.close(true));
    connection.start({
      message: (message) => {
        if (asked) return connection.close(true);
        asked = true;
        const call = async (): Promise<Uint8Array> => encodeOwnerResult(await answer(decodeOwnerCall(message)));
        call()
          .catch(encodeOwnerError)
          .then((said) => {
            connection.send(said);
            connection.close();
          })
          .catch(() => connection.close(true));
      },
      drained: () => {},
      closed: () => {
        open--;
        cancel();
      },
    });
  };
  return await net.listen(addressIn(folder), { maxMessageBytes: MAX_OWNER_CALL_BYTES, onConnection });
}

/** Asks the relay that runs in `folder`; `relay-unreachable` when none does, or whatever it answers. */
export async function askRelay(
  { net, clock }: Pick<Host, "net" | "clock">,
  folder: string,
  call: OwnerCall,
  signal?: AbortSignal,
): Promise<unknown> {
  const dial = { timeoutMs: FIXED.ownerCallMs.value, maxMessageBytes: MAX_OWNER_CALL_BYTES, ...(signal === undefined ? {} : { signal }) };
  const connection = await net.dial(addressIn(folder), dial).catch((error: unknown) => {
    if (!isPerdureError(error) || error.code !== "relay-unreachable") throw error;
    throw new PerdureError("relay-unreachable", `no relay runs in ${folder}`, {
      retry: "after",
      hint: "Start it with perdure relay, or name its folder with --at.",
      cause: error,
    });
  });
  try {
    return await withDeadline(
      clock,
      { timeoutMs: FIXED.ownerCallMs.value, what: "the relay's answer", signal },
      () =>
        new Promise((resolve, reject) => {
          connection.start({
            message: (message) => {
              try {
                resolve(decodeOwnerAnswer(message));
              } catch (error) {
                reject(error);
              }
            },
            drained: () => {},
            closed: (why) => reject(new PerdureError("connection-closed", `the relay did not answer (${why})`, { retry: "now" })),
          });
          connection.send(encodeOwnerCall(call));
        }),
    );
  } finally {
    connection.close(true);
  }
}
