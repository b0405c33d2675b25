/**
 * Where a message can stand, as a lattice: what is known may arrive in any order, and a handle only ever rises.
 *
 *   queued < accepted < stored < fetched < working < unconfirmed < lost < expired < failed < refused < done
 *
 * The last six are terminal: they end the waiting of whoever holds the handle. A higher terminal state that is proven
 * later still replaces a lower one: a receipt that was on its way when the sender gave its own verdict says more.
 */
import { DELIVERY_STATES, type DeliveryState } from "../../wire/kept-agent.ts";

const FIRST_TERMINAL = DELIVERY_STATES.indexOf("unconfirmed");

export function rank(state: DeliveryState): number {
  return DELIVERY_STATES.indexOf(state);
}

/** True when `next` says more than `current`. */
export function rises(current: DeliveryState, next: DeliveryState): boolean {
  return rank(next) > rank(current);
}

export function isTerminal(state: DeliveryState): boolean {
  return rank(state) >= FIRST_TERMINAL;
}
