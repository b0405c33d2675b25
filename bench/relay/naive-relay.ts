/**
 * The relay one writes first, to have something to compare with: WebSocket, JSON, bodies in base64, and one INSERT into SQLite per message,
 * synced; a DELETE per acknowledgement. It checks nothing and knows nobody. `node naive-relay.ts FOLDER`, as a child process.
 */
import { mkdirSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { type WebSocket, WebSocketServer } from "ws";

/** What it says. */
export type Said =
  | { readonly t: "ack"; readonly seq: number }
  | { readonly t: "attached" }
  | { readonly t: "settled" }
  | { readonly t: "mail"; readonly id: number; readonly from: number; readonly seq: number; readonly body: string };

/** What it is told. */
type Heard =
  | { readonly t: "attach"; readonly agent: number }
  | { readonly t: "send"; readonly from: number; readonly to: number; readonly seq: number; readonly body: string }
  | { readonly t: "done"; readonly id: number }
  | { readonly t: "settled?" };

interface Row {
  readonly id: number;
  readonly sender: number;
  readonly seq: number;
  readonly body: string;
}

function serve(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const database = new DatabaseSync(join(folder, "mail.sqlite"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE mail (id INTEGER PRIMARY KEY, reader INTEGER, sender INTEGER, seq INTEGER, body TEXT)");
  database.exec("CREATE INDEX by_reader ON mail (reader, id)");
  const insert = database.prepare("INSERT INTO mail (reader, sender, seq, body) VALUES (?, ?, ?, ?)");
  const remove = database.prepare("DELETE FROM mail WHERE id = ?");
  const waiting = database.prepare("SELECT id, sender, seq, body FROM mail WHERE reader = ? ORDER BY id");
  const readers = new Map<number, WebSocket>();

  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
  server.on("connection", (socket) => {
    const say = (said: Said): void => socket.send(JSON.stringify(said));
    socket.on("message", (data) => {
      const heard = JSON.parse(String(data)) as Heard;
      switch (heard.t) {
        case "attach":
          readers.set(heard.agent, socket);
          socket.once("close", () => {
            if (readers.get(heard.agent) === socket) readers.delete(heard.agent);
          });
          say({ t: "attached" });
          for (const { id, sender, seq, body } of waiting.all(heard.agent) as unknown as Row[])
            say({ t: "mail", id, from: sender, seq, body });
          return;
        case "send": {
          const { from, to, seq, body } = heard;
          const { lastInsertRowid } = insert.run(to, from, seq, body);
          say({ t: "ack", seq });
          readers.get(to)?.send(JSON.stringify({ t: "mail", id: Number(lastInsertRowid), from, seq, body } satisfies Said));
          return;
        }
        case "done":
          remove.run(heard.id);
          return;
        case "settled?":
          return say({ t: "settled" });
      }
    });
  });
  server.once("listening", () => process.send?.((server.address() as AddressInfo).port));
  process.on("message", () => process.exit());
  process.once("disconnect", () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) serve(process.argv[2] ?? "");
