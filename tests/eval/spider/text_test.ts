/**
 * How Spider's evaluator cuts text into tokens, and what it runs.
 */
import { assertEquals, assertThrows } from "@std/assert";
import { FormatError } from "../../../src/errors.ts";
import { executedForm } from "../../../src/eval/spider/distinct.ts";
import { foreignKeyMap } from "../../../src/eval/spider/schema.ts";
import { tokenize } from "../../../src/eval/spider/tokens.ts";
import { splitWords } from "../../../src/eval/spider/words.ts";
import type { TablesJsonEntry } from "../../../src/sql/schema.ts";
import { shopEntry } from "../shop.ts";

Deno.test("words are cut as the Penn Treebank does it", () => {
  const cases: [string, string[]][] = [
    ["a,b", ["a", ",", "b"]],
    ["a,1 12:30", ["a,1", "12:30"]],
    ["count(*)", ["count", "(", "*", ")"]],
    ["T1.a=5", ["T1.a=5"]],
    ["a >= 5;", ["a", ">", "=", "5", ";"]],
    ["a != b", ["a", "!", "=", "b"]],
    ["x.", ["x", "."]],
    ["cannot", ["can", "not"]],
    ["a--b ..", ["a", "--", "b", ".."]],
    ["`a`", ["`", "a", "`"]],
  ];
  for (const [text, words] of cases) assertEquals(splitWords(text), words, text);
});

Deno.test("tokens: lower case but in quotation marks, and comparisons joined", () => {
  assertEquals(
    tokenize("SELECT A FROM T WHERE B >= 'It is' AND c ! = \"X\""),
    ["select", "a", "from", "t", "where", "b", ">=", '"It is"', "and", "c", "!=", '"X"'],
  );
  assertEquals(tokenize("a='x'"), ["a=__val_0__"]);
  assertThrows(() => tokenize("SELECT 'a"), FormatError, "has no partner");
});

Deno.test("what is run: the first statement without DISTINCT, comparisons joined, the year fixed", () => {
  const cases: [string, string][] = [
    ["SELECT DISTINCT a FROM t", "SELECT  a FROM t"],
    ["SELECT count(distinct a) FROM t; SELECT 2", "SELECT count( a) FROM t;"],
    ["SELECT 'distinct' , \"distinct\" FROM t", "SELECT 'distinct' , \"distinct\" FROM t"],
    ["SELECT a -- distinct\n, distinct_b", "SELECT a -- distinct\n, distinct_b"],
    ["a > = 1 and b < = 2 and c ! = 3", "a >= 1 and b <= 2 and c != 3"],
    ["SELECT year( curdate( ) ) - 1", "SELECT 2020- 1"],
    ["SELECT ';' ; x", "SELECT ';' ;"],
  ];
  for (const [sql, form] of cases) assertEquals(executedForm(sql), form);
});

Deno.test("columns that foreign keys join stand for the first of them", () => {
  const entry = shopEntry() as unknown as TablesJsonEntry;
  assertEquals(Object.fromEntries(foreignKeyMap(entry)), {
    "maker.id": "maker.id",
    "product.maker_id": "maker.id",
    "customer.id": "customer.id",
    "sale.customer_id": "customer.id",
    "product.id": "product.id",
    "sale.product_id": "product.id",
  });
  const broken = { ...entry, foreign_keys: [[99, 1]] } as unknown as TablesJsonEntry;
  assertThrows(() => foreignKeyMap(broken), FormatError, "has the index 99");
});
