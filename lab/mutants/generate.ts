/**
 * Every mutant of a source file: the file with one place written differently. The same source gives the same mutants, with the same names.
 *
 * Left alone are types, imports, what an error says (arguments of `new …Error`) and what a log says (`log.write`, with the whole call):
 * words for people, which no invariant is about.
 */
import { stripTypeScriptTypes } from "node:module";
import { type AnyNode, type Comment, parse } from "acorn";
import type { Cut } from "../planting.ts";
import { type Change, changesAt, type Operator, type Text } from "./operators.ts";

export interface Mutant extends Cut {
  /** File, line, column, operator and, where one place has several, a number. */
  readonly id: string;
  readonly operator: Operator;
  /** From 1. */
  readonly line: number;
  /** What stood there. */
  readonly was: string;
}

/** In the order of the source. `file` is its name below `packages/perdure/src/`. Throws when the source cannot be read. */
export function mutantsOf(file: string, source: string): readonly Mutant[] {
  const text = textOf(file, source);
  const program = parse(text.bare, { ecmaVersion: "latest", sourceType: "module" });
  const changes: Change[] = [];
  collect(program, undefined, text, changes);
  changes.sort((a, b) => a.start - b.start || a.end - b.end);
  const seen = new Map<string, number>();
  return changes.map(({ operator, start, end, put }) => {
    const before = source.slice(0, start);
    const line = before.split("\n").length;
    const place = `${file}:${line}:${start - before.lastIndexOf("\n")}:${operator}`;
    const nth = (seen.get(place) ?? 0) + 1;
    seen.set(place, nth);
    return { id: nth === 1 ? place : `${place}-${nth}`, file, start, end, put, operator, line, was: source.slice(start, end) };
  });
}

function textOf(file: string, source: string): Text {
  const stripped = stripTypeScriptTypes(source, { mode: "strip" });
  if (stripped.length !== source.length) throw new Error(`${file}: places move when its types are taken out`);
  const comments: Comment[] = [];
  parse(stripped, { ecmaVersion: "latest", sourceType: "module", onComment: comments });
  let bare = stripped;
  for (const { start, end } of comments) bare = bare.slice(0, start) + " ".repeat(end - start) + bare.slice(end);
  return { source, bare };
}

function collect(node: AnyNode, parent: AnyNode | undefined, text: Text, changes: Change[]): void {
  if (isForPeople(node)) return;
  changes.push(...changesAt(node, parent, text));
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) collect(child, node, text, changes);
    }
  }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === "object" && value !== null && typeof (value as { readonly type?: unknown }).type === "string";
}

function isForPeople(node: AnyNode): boolean {
  if (node.type === "ImportDeclaration" || node.type === "ExportAllDeclaration") return true;
  if (node.type === "NewExpression") return node.callee.type === "Identifier" && node.callee.name.endsWith("Error");
  const call = node.type === "ExpressionStatement" ? node.expression : node;
  if (call.type !== "CallExpression" || call.callee.type !== "MemberExpression") return false;
  const { object, property } = call.callee;
  const owner = object.type === "MemberExpression" ? object.property : object;
  return property.type === "Identifier" && property.name === "write" && owner.type === "Identifier" && owner.name === "log";
}
