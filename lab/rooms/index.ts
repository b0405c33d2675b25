/** The rooms of the product that have a reference. */

import { bundles } from "./bundles.ts";
import { claims } from "./claims.ts";
import { contacts } from "./contacts.ts";
import { cursor } from "./cursor.ts";
import { dials } from "./dials.ts";
import { evidenceRoom } from "./evidence.ts";
import { folders } from "./folders.ts";
import { forward } from "./forward.ts";
import { handshake } from "./handshake.ts";
import { held } from "./held.ts";
import { inbox } from "./inbox.ts";
import { incidents } from "./incidents.ts";
import { inputs } from "./inputs.ts";
import { intervals } from "./intervals.ts";
import { ledger } from "./ledger.ts";
import { lifetimes } from "./lifetimes.ts";
import { lines } from "./lines.ts";
import { log } from "./log.ts";
import { logs } from "./logs.ts";
import { loops } from "./loops.ts";
import { mailbox } from "./mailbox/mailbox.ts";
import { meter } from "./meter.ts";
import { meters } from "./meters.ts";
import { notes } from "./notes.ts";
import { outbox } from "./outbox.ts";
import { rates } from "./rates.ts";
import { relays } from "./relays.ts";
import type { Room } from "./room.ts";
import { sealed } from "./sealed.ts";
import { sending } from "./sending.ts";
import { session } from "./session.ts";
import { shares } from "./shares/shares.ts";
import { shelves } from "./shelves.ts";
import { statements } from "./statements.ts";
import { transport } from "./transport.ts";
import { trees } from "./trees.ts";
import { window } from "./window.ts";

export const ROOMS: readonly Room<unknown>[] = [
  trees,
  intervals,
  claims,
  contacts,
  cursor,
  bundles,
  folders,
  evidenceRoom,
  dials,
  forward,
  log,
  inbox,
  logs,
  loops,
  mailbox,
  meter,
  meters,
  notes,
  outbox,
  rates,
  relays,
  sealed,
  session,
  shares,
  statements,
  sending,
  shelves,
  transport,
  window,
  handshake,
  held,
  incidents,
  inputs,
  ledger,
  lifetimes,
  lines,
];
