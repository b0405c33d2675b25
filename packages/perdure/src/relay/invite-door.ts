import { Hono } from "hono";
export function createInviteDoor(): Hono {
  return new Hono();
}
