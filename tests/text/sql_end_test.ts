import { assertEquals } from "@std/assert";
import { sqlEnd } from "../../src/text/sql_end.ts";

const CASES: [text: string, statement: string | null][] = [
  ["SELECT 1;", "SELECT 1;"],
  ["SELECT 1; SELECT 2;", "SELECT 1;"],
  ["", null],
  ["SELECT 1", null],
  ["SELECT ';' ; x", "SELECT ';' ;"],
  ["SELECT 'it''s; so', \";\", `;`, [;]; x", "SELECT 'it''s; so', \";\", `;`, [;];"],
  ["SELECT 'open; ", null],
  ['SELECT "open; ', null],
  ["SELECT 1 -- one; two\n; x", "SELECT 1 -- one; two\n;"],
  ["SELECT 1 -- one;", null],
  ["SELECT 1 /* ; \n ; */ ; x", "SELECT 1 /* ; \n ; */ ;"],
  ["SELECT 1 /* ; ", null],
  ["SELECT 2 - 1 / 4;", "SELECT 2 - 1 / 4;"],
];

Deno.test("a statement ends at its first semicolon outside quotes and comments", () => {
  for (const [text, statement] of CASES) {
    const end = sqlEnd(text);
    assertEquals(end < 0 ? null : text.slice(0, end), statement, text);
  }
});
