/** sqlite-vec in the SQLite that Node brings: every search goes through all vectors, as floats, bytes or bits. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { loadPeer } from "../../peer.ts";
import { K, type OpenSystem, type Way } from "../system.ts";
import { byteScale, toBytes } from "./int8.ts";

interface SqliteVec {
  getLoadablePath(): string;
}

interface Row {
  readonly id: number;
}

type Form = Way<Uint8Array, readonly Row[]>;

interface Shape {
  readonly told: string;
  tables(dim: number): string;
  readonly insert: readonly string[];
  /** Of the search, and how many are taken by the first look where there are two. */
  readonly ways: readonly { readonly name: string; readonly sql: string; readonly looks: readonly number[] }[];
  readonly isBytes?: boolean;
}

/** Many to a bit's look, as its documents advise: ranked by floats afterwards. */
const FIRST_LOOKS = [K, 40, 160, 640];

const SHAPES: Readonly<Record<"f32" | "i8" | "bit", Shape>> = {
  f32: {
    told: "vec0, float, distance L2",
    tables: (dim) => `create virtual table vectors using vec0(id integer primary key, vector float[${dim}])`,
    insert: ["insert into vectors(id, vector) values (?, ?)"],
    ways: [{ name: "all of them", sql: `select id from vectors where vector match ? and k = ?`, looks: [K] }],
  },
  i8: {
    told: "vec0, int8 by one scale for all (ours: its own for numbers up to 1 leaves vectors of many coordinates three values), distance L2",
    tables: (dim) => `create virtual table vectors using vec0(id integer primary key, vector int8[${dim}])`,
    insert: ["insert into vectors(id, vector) values (?, vec_int8(?))"],
    ways: [{ name: "all of them", sql: `select id from vectors where vector match vec_int8(?) and k = ?`, looks: [K] }],
    isBytes: true,
  },
  bit: {
    told: "vec0, bit; more than are wanted are looked up by bits and ranked by the floats of an ordinary table",
    tables: (dim) =>
      `create virtual table bits using vec0(id integer primary key, vector bit[${dim}]); create table floats(id integer primary key, vector blob)`,
    insert: ["insert into bits(id, vector) values (?, vec_quantize_binary(?))", "insert into floats(id, vector) values (?, ?)"],
    ways: [
      { name: "bits alone", sql: `select id from bits where vector match vec_quantize_binary(?) and k = ?`, looks: [K] },
      ...FIRST_LOOKS.slice(1).map((look) => ({
        name: `${look} by bits`,
        sql: `select floats.id as id from (select id from bits where vector match vec_quantize_binary(?1) and k = ?2) near
              join floats on floats.id = near.id order by vec_distance_l2(floats.vector, ?1) limit ${K}`,
        looks: [look],
      })),
    ],
  },
};

export const openSqliteVec =
  (shape: keyof typeof SHAPES): OpenSystem =>
  async ({ dim }, folder) => {
    const { told, tables, insert, ways, isBytes } = SHAPES[shape];
    const path = join(folder, "vectors.sqlite");
    const database = new DatabaseSync(path, { allowExtension: true });
    database.loadExtension((await loadPeer<SqliteVec>("sqlite-vec")).getLoadablePath());
    database.exec(tables(dim));
    const inserts = insert.map((sql) => database.prepare(sql));
    let scale = 1;
    const formed = (vector: Float32Array): Uint8Array => bytesOf(isBytes === true ? toBytes(vector, scale) : vector);
    const insertOne = (id: number, vector: Float32Array): void => {
      const blob = formed(vector);
      // A number would be stored as a float, and an id is none.
      for (const statement of inserts) statement.run(BigInt(id), blob);
    };
    return {
      told: `${told}; node:sqlite, a file`,
      insert: (first, rows) => {
        if (first === 0 && isBytes === true) scale = byteScale(rows);
        database.exec("begin");
        for (let at = 0; at < rows.length; at += dim) insertOne(first + at / dim, rows.subarray(at, at + dim));
        database.exec("commit");
      },
      finish: async () => ways.flatMap(({ name, sql, looks }) => looks.map((look) => wayOf(name, database.prepare(sql), look, formed))),
      add: insertOne,
      diskBytes: () => statSync(path).size,
      close: () => database.close(),
    };
  };

function wayOf(name: string, statement: StatementSync, look: number, prepare: (query: Float32Array) => Uint8Array): Form {
  return {
    name,
    prepare,
    search: (query) => statement.all(query, look) as unknown as readonly Row[],
    ids: (rows) => rows.map(({ id }) => id),
  };
}

function bytesOf(values: Float32Array | Int8Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
