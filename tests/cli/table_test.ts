import { assert, assertEquals } from "@std/assert";
import { formatTable, printable } from "../../src/cli/table.ts";
import type { SqlValue } from "../../src/sql/database.ts";

const table = (columns: string[], rows: SqlValue[][], width = 80) =>
  formatTable({ columns, rows }, width).split("\n");

Deno.test("rows stand under their columns, numbers to the right", () => {
  assertEquals(
    table(["name", "n", "mixed"], [["Ada", 5, 1], ["Li", 2n ** 60n, "x"], [null, null, null]]),
    [
      "name                    n  mixed",
      "────  ───────────────────  ─────",
      "Ada                     5  1",
      "Li    1152921504606846976  x",
      "NULL                 NULL  NULL",
    ],
  );
  assertEquals(table(["x"], []), ["x", "─"]);
  assertEquals(table([""], [[new Uint8Array([0, 255])], [1.5]]), ["", "───────", "x'00ff'", "1.5"]);
});

Deno.test("wide and joining characters take the columns that a terminal gives them", () => {
  assertEquals(table(["城市", "n"], [["北京", 1], ["e\u0301a", 22]]), [
    "城市   n",
    "────  ──",
    "北京   1",
    "e\u0301a    22",
  ]);
});

Deno.test("what is too wide is cut, the widest first, and never below a readable rest", () => {
  const long = "abcdefghijklmnopqrstuvwxyz";
  assertEquals(table(["a", "b"], [[long, "short"]], 20)[2], "abcdefghijkl…  short");
  for (const width of [1, 12, 17, 30, 43]) {
    const lines = table(["a", "b", "c"], [[long, long.slice(9), "x"]], width);
    const fits = lines.every((line) => line.length <= Math.max(width, 2 * 6 + 1 + 4));
    assert(fits, `${width}: ${lines.join("\n")}`);
  }
  assertEquals(table(["城"], [["北京上海广州"]], 8)[2], "北京上…");
});

Deno.test("a terminal gets nothing to obey from names or values", () => {
  const bad = "a\x1b[2Jb\nc\r\t\x9b\u202e\0";
  assertEquals(printable(bad), "a\\u001b[2Jb\\nc\\r\\t\\u009b\\u202e\\u0000");
  const lines = table([bad], [[bad]], 200);
  assertEquals(lines.length, 3);
  // deno-lint-ignore no-control-regex
  assert(lines.every((line) => !/[\0-\x1f\x7f-\x9f\u202e]/.test(line)));
});
