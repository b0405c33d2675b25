/** Moments of the log that are held for whoever copies them, each under a lease: a copier that dies holds nothing for long. */
import { withDeadline } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { FIXED } from "../settings/fixed.ts";
import type { LogHold, RecordLog } from "../store/log/record-log.ts";
import { hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { HeldMoment } from "../wire/owner-calls.ts";

export interface BackupHolds {
  /** `too-busy` when as many are held as may be, `timed-out` when the disk takes nothing. */
  begin(): Promise<HeldMoment>;
  /** `not-found` for one that has ended. */
  renew(id: string): void;
  end(id: string): void;
  stop(): void;
}

/** Copies at once. */
const MAX_HOLDS = 2;
const ID_BYTES = 8;

export function createBackupHolds({ clock, random }: Pick<Host, "clock" | "random">, log: Pick<RecordLog, "hold">): BackupHolds {
  // bound: MAX_HOLDS
  const held = new Map<string, { readonly hold: LogHold; cancel: () => void }>();
  let coming = 0;

  const end = (id: string): void => {
    const found = held.get(id);
    held.delete(id);
    found?.cancel();
    found?.hold.release();
  };
  const lease = (id: string): (() => void) => clock.after(FIXED.backupLeaseMs.value, () => end(id));

  return {
    begin: async () => {
      if (held.size + coming >= MAX_HOLDS)
        throw new PerdureError("too-busy", `${MAX_HOLDS} backups are being made`, { retry: "after", afterMs: FIXED.backupLeaseMs.value });
      coming++;
      // What comes too late is nobody's.
      let isLate = false;
      const taking = log.hold().then((hold) => {
        if (isLate) hold.release();
        return hold;
      });
      try {
        const hold = await withDeadline(clock, { timeoutMs: FIXED.backupHoldMs.value, what: "the relay's disk" }, () => taking);
        const id = hex(random.bytes(ID_BYTES));
        held.set(id, { hold, cancel: lease(id) });
        return { id, segments: hold.segments.map(({ segment, end: bytes }) => ({ segment, bytes })) };
      } catch (error) {
        isLate = true;
        throw error;
      } finally {
        coming--;
      }
    },
    renew: (id) => {
      const found = held.get(id);
      if (found === undefined)
        throw new PerdureError("not-found", "the relay does not hold that moment any more", {
          retry: "now",
          hint: "Make the backup once more.",
        });
      found.cancel();
      found.cancel = lease(id);
    },
    end,
    stop: () => {
      for (const id of [...held.keys()]) end(id);
    },
  };
}
