import { assertEquals, assertThrows } from "@std/assert";
import { ParseFault, tokenize } from "../../src/sql/select_lex.ts";
import { parseSelect } from "../../src/sql/select_parse.ts";
import type { Expression } from "../../src/sql/select_tree.ts";

function expression(sql: string): Expression {
  const [item] = parseSelect(`SELECT ${sql}`).first.items;
  if (item.kind !== "expression") throw new Error(`${sql} is *`);
  return item.expression;
}

/** An expression with all its parentheses. */
function text(tree: Expression): string {
  switch (tree.kind) {
    case "number":
      return tree.text;
    case "column":
      return tree.name;
    case "unary":
      return `(${tree.operator} ${text(tree.operand)})`;
    case "binary":
      return `(${text(tree.left)} ${tree.operator} ${text(tree.right)})`;
    case "isNull":
      return `(${text(tree.operand)} ${tree.not ? "notnull" : "isnull"})`;
    case "between":
      return `(${text(tree.operand)} between ${text(tree.low)}, ${text(tree.high)})`;
    case "like":
      return `(${text(tree.operand)} ${tree.not ? "not " : ""}like ${text(tree.pattern)})`;
    default:
      return tree.kind;
  }
}

Deno.test("parseSelect: operators bind as in SQLite", () => {
  const cases = {
    "a OR b AND NOT c = d": "(a or (b and (not (c = d))))",
    "a = b < c": "(a = (b < c))",
    "a < b = c": "((a < b) = c)",
    "a + b * c || d": "(a + (b * (c || d)))",
    "a & b + c < d": "((a & (b + c)) < d)",
    "- a || b": "((- a) || b)",
    "a - b - c": "((a - b) - c)",
    "a == b <> c": "((a = b) <> c)",
    "a IS NOT NULL = b": "((a notnull) = b)",
    "a IS NOT b": "(a is not b)",
    "a IS NOT DISTINCT FROM b": "(a is b)",
    "a NOTNULL AND b ISNULL AND c NOT NULL": "(((a notnull) and (b isnull)) and (c notnull))",
    "a BETWEEN b AND c AND d": "((a between b, c) and d)",
    "a BETWEEN b + 1 AND c OR d": "((a between (b + 1), c) or d)",
    "NOT a LIKE b": "(not (a like b))",
    "a NOT LIKE b = c": "((a not like b) = c)",
    "~a << 1": "((~ a) << 1)",
  };
  for (const [sql, expected] of Object.entries(cases)) {
    assertEquals(text(expression(sql)), expected, sql);
  }
});

Deno.test("parseSelect: the four kinds of quotes", () => {
  const column: Expression = { kind: "column", name: "a b", doubtful: false };
  assertEquals(expression('"a b"'), { ...column, doubtful: true });
  assertEquals(expression("`a b`"), column);
  assertEquals(expression("[a b]"), column);
  assertEquals(expression("'a b'"), { kind: "string", text: "a b" });
  assertEquals(expression('t."a"'), { kind: "column", table: "t", name: "a", doubtful: false });
  assertEquals(expression("'it''s'"), { kind: "string", text: "it's" });
  assertEquals(expression('"a""b"'), { kind: "column", name: 'a"b', doubtful: true });
});

Deno.test("parseSelect: aliases with and without AS, LIMIT both ways, comments, and a semicolon", () => {
  const query = parseSelect(
    "SELECT a x, b AS 'y' -- why\n, c \"z\" FROM t u JOIN v /* and */ w ON u.a=w.a LIMIT 2, 3;;",
  );
  assertEquals(
    query.first.items.map((item) => item.kind === "expression" && item.alias),
    ["x", "y", "z"],
  );
  assertEquals(query.first.sources.map(({ from, alias }) => [from, alias]), [["t", "u"], [
    "v",
    "w",
  ]]);
  assertEquals([query.limit, query.offset], [
    { kind: "number", text: "3" },
    { kind: "number", text: "2" },
  ]);
  const swapped = parseSelect("SELECT a FROM t LIMIT 3 OFFSET 2");
  assertEquals([swapped.limit, swapped.offset], [query.limit, query.offset]);
});

Deno.test("parseSelect: faults name their place", () => {
  const fault = (sql: string) =>
    assertThrows(() => parseSelect(sql), ParseFault) as unknown as ParseFault;
  const cases: readonly (readonly [sql: string, message: string, offset: number])[] = [
    ["", "SELECT is missing, at its end", 0],
    ["SELECT", "an expression is missing, at its end", 6],
    ["SELECT a FROM", "a table is missing, at its end", 13],
    ["SELECT 'a", `a quote is not closed at "'a"`, 7],
    ["SELECT a # b", 'no token begins at "# b"', 9],
    ["SELECT a FROM t GROUP a", 'it does not end where it could, at "GROUP"', 16],
    ["SELECT a; SELECT b", 'it does not end where it could, at "SELECT"', 10],
    ["SELECT CASE END", "WHEN is missing, at its end", 15],
    ["SELECT CASE a ELSE b END", 'WHEN is missing, at "ELSE"', 14],
    ["SELECT a FROM (b JOIN c)", 'joins in parentheses are not converted, at "b"', 15],
  ];
  for (const [sql, message, offset] of cases) {
    const { message: found, offset: at } = fault(sql);
    assertEquals([found, at], [message, offset], sql);
  }
});

Deno.test("tokenize: every character belongs to a token or to what is between them", () => {
  const sql = "SELECT a.b,'x y',1.5e-3, .5, 0x1F>=b<>c FROM [t t] -- end";
  const tokens = tokenize(sql);
  assertEquals(tokens.map(({ kind, text }) => `${kind} ${text}`), [
    "word SELECT",
    "word a",
    "symbol .",
    "word b",
    "symbol ,",
    "string x y",
    "symbol ,",
    "number 1.5e-3",
    "symbol ,",
    "number .5",
    "symbol ,",
    "number 0x1F",
    "symbol >=",
    "word b",
    "symbol <>",
    "word c",
    "word FROM",
    "name t t",
    "end ",
  ]);
  assertEquals(sql.slice(tokens[5].offset, tokens[6].offset), "'x y'");
});
