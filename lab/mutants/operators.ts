/**
 * The ways in which one place of the product is written differently, each of them something a person gets wrong: a comparison that is off
 * by one, a condition the wrong way round, a line that is missing.
 */
import type { AnyNode, Expression } from "acorn";

export type Operator =
  | "boundary"
  | "equality"
  | "condition"
  | "negation"
  | "logic"
  | "arithmetic"
  | "constant"
  | "boolean"
  | "statement"
  | "guard"
  | "default"
  | "extreme"
  | "quantifier"
  | "empty-list"
  | "optional";

/** Characters `start` up to `end` become `put`. */
export interface Change {
  readonly operator: Operator;
  readonly start: number;
  readonly end: number;
  readonly put: string;
}

/** One file: as it was written, and with blanks in place of types and comments, all at the same places. */
export interface Text {
  readonly source: string;
  readonly bare: string;
}

const SWAPS = new Map<string, readonly [Operator, string]>(
  Object.entries({
    "<": ["boundary", "<="],
    "<=": ["boundary", "<"],
    ">": ["boundary", ">="],
    ">=": ["boundary", ">"],
    "===": ["equality", "!=="],
    "!==": ["equality", "==="],
    "+": ["arithmetic", "-"],
    "-": ["arithmetic", "+"],
    "*": ["arithmetic", "/"],
    "/": ["arithmetic", "*"],
    "%": ["arithmetic", "*"],
    "<<": ["arithmetic", ">>"],
    ">>": ["arithmetic", "<<"],
    ">>>": ["arithmetic", "<<"],
    "&": ["arithmetic", "|"],
    "|": ["arithmetic", "&"],
    "^": ["arithmetic", "&"],
    "**": ["arithmetic", "*"],
    "&&": ["logic", "||"],
    "||": ["logic", "&&"],
    "+=": ["arithmetic", "-="],
    "-=": ["arithmetic", "+="],
    "*=": ["arithmetic", "/="],
    "&&=": ["logic", "||="],
    "||=": ["logic", "&&="],
    "++": ["arithmetic", "--"],
    "--": ["arithmetic", "++"],
  }),
);

/** Other methods that take and give the same. */
const METHODS = new Map<string, readonly [Operator, string]>(
  Object.entries({
    max: ["extreme", "min"],
    min: ["extreme", "max"],
    some: ["quantifier", "every"],
    every: ["quantifier", "some"],
  }),
);

/** Above this a number is a span of time or an amount, where one more or less is no mistake anybody could tell. */
const LARGEST_CONSTANT = 256;

/** What may be written differently at this very node. `parent` is `undefined` for the whole program. */
export function changesAt(node: AnyNode, parent: AnyNode | undefined, text: Text): readonly Change[] {
  switch (node.type) {
    case "BinaryExpression":
      if (node.operator === "+" && (isText(node.left as Expression) || isText(node.right))) return [];
      return swap(node.operator, node.left.end, node.right.start, text);
    case "LogicalExpression":
      if (node.operator !== "??") return swap(node.operator, node.left.end, node.right.start, text);
      return [
        { operator: "default", start: node.start, end: node.end, put: `(${text.source.slice(node.left.start, node.left.end)})` },
        { operator: "default", start: node.start, end: node.end, put: `(${text.source.slice(node.right.start, node.right.end)})` },
      ];
    case "AssignmentExpression":
      if (node.operator === "??=") {
        const at = text.bare.indexOf("??=", node.left.end);
        return [{ operator: "default", start: at, end: at + 3, put: "=" }];
      }
      return isText(node.right) ? [] : swap(node.operator, node.left.end, node.right.start, text);
    case "UpdateExpression":
      return node.prefix
        ? swap(node.operator, node.start, node.argument.start, text)
        : swap(node.operator, node.argument.end, node.end, text);
    case "UnaryExpression":
      return node.operator === "!" ? [{ operator: "negation", start: node.start, end: node.start + 1, put: "" }] : [];
    case "IfStatement":
      return [
        ...negated(node.test, text),
        ...(node.alternate == null && leaves(node.consequent)
          ? [{ operator: "guard" as const, start: node.test.start, end: node.test.end, put: "false" }]
          : []),
      ];
    case "ConditionalExpression":
      return negated(node.test, text);
    case "WhileStatement":
      return [{ operator: "condition", start: node.test.start, end: node.test.end, put: "false" }];
    case "Literal":
      return ofLiteral(node, parent);
    case "ArrayExpression":
      return node.elements.length === 0 ? [] : [{ operator: "empty-list", start: node.start, end: node.end, put: "[]" }];
    case "ExpressionStatement":
      return hasEffect(node.expression) ? [{ operator: "statement", start: node.start, end: node.end, put: ";" }] : [];
    case "MemberExpression":
      return [...otherMethod(node), ...required(node.object.end, node.optional, node.computed ? "" : ".", text)];
    case "CallExpression":
      return required(node.callee.end, node.optional, "", text);
    default:
      return [];
  }
}

function swap(written: string, from: number, to: number, { bare }: Text): readonly Change[] {
  const other = SWAPS.get(written);
  if (other === undefined) return [];
  const start = bare.indexOf(written, from);
  if (start < 0 || start + written.length > to) return [];
  return [{ operator: other[0], start, end: start + written.length, put: other[1] }];
}

/** A comparison has its own way to be turned round, and a negation loses its sign. */
function negated(test: Expression, { source }: Text): readonly Change[] {
  if (test.type === "UnaryExpression" && test.operator === "!") return [];
  if (test.type === "BinaryExpression" && (test.operator === "===" || test.operator === "!==")) return [];
  return [{ operator: "condition", start: test.start, end: test.end, put: `!(${source.slice(test.start, test.end)})` }];
}

/** Whether what follows is reached only when the condition does not hold. */
function leaves(node: AnyNode): boolean {
  if (node.type === "BlockStatement") {
    const last = node.body.at(-1);
    return last !== undefined && leaves(last);
  }
  return ["ReturnStatement", "ThrowStatement", "ContinueStatement", "BreakStatement"].includes(node.type);
}

function ofLiteral({ start, end, value, bigint }: Extract<AnyNode, { type: "Literal" }>, parent: AnyNode | undefined): readonly Change[] {
  if (parent?.type === "Property" && parent.key.start === start) return [];
  if (typeof value === "boolean") return [{ operator: "boolean", start, end, put: String(!value) }];
  const number = bigint != null ? Number(bigint) : value;
  if (typeof number !== "number" || number > LARGEST_CONSTANT) return [];
  const unit = bigint != null ? "n" : "";
  const isPlace = parent?.type === "MemberExpression";
  const steps = number >= 1 ? [1, -1] : isPlace || unit === "n" ? [1] : [1, -1];
  return steps.map((step) => ({ operator: "constant", start, end, put: written(number + step, unit) }));
}

/** In brackets where a sign would run into what stands before it. */
function written(number: number, unit: string): string {
  return number < 0 ? `(${number}${unit})` : `${number}${unit}`;
}

function hasEffect(expression: Expression): boolean {
  switch (expression.type) {
    case "AwaitExpression":
      return hasEffect(expression.argument);
    case "ChainExpression":
      return expression.expression.type === "CallExpression";
    case "CallExpression":
    case "AssignmentExpression":
    case "UpdateExpression":
      return true;
    default:
      return expression.type === "UnaryExpression" && (expression.operator === "void" || expression.operator === "delete");
  }
}

function otherMethod({ property, computed, object }: Extract<AnyNode, { type: "MemberExpression" }>): readonly Change[] {
  if (computed || property.type !== "Identifier") return [];
  const other = METHODS.get(property.name);
  if (other === undefined || (other[0] === "extreme" && !(object.type === "Identifier" && object.name === "Math"))) return [];
  return [{ operator: other[0], start: property.start, end: property.end, put: other[1] }];
}

function required(from: number, optional: boolean, put: string, { bare }: Text): readonly Change[] {
  if (!optional) return [];
  const start = bare.indexOf("?.", from);
  return [{ operator: "optional", start, end: start + 2, put }];
}

/** Whether it is put together from words: `+` is then no arithmetic. */
function isText(node: Expression): boolean {
  if (node.type === "TemplateLiteral") return true;
  if (node.type === "Literal") return typeof node.value === "string";
  return node.type === "BinaryExpression" && node.operator === "+" && (isText(node.left as Expression) || isText(node.right));
}
