import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { judge } from "../../src/eval/judge.ts";
import { openBenchmark } from "../../src/eval/open.ts";
import { readPredictions } from "../../src/eval/predictions.ts";
import { parseSketch } from "../../src/eval/wikisql/parse.ts";
import {
  checkSketch,
  renderSketch,
  sameSketch,
  type Sketch,
  type SketchTable,
} from "../../src/eval/wikisql/sketch.ts";
import { sharedTest } from "../shared.ts";
import { tempFolder } from "../train/support.ts";
import { sourceOf, writeDatabase } from "./shop.ts";

for (const split of ["dev", "test"]) {
  sharedTest(`wikisql: all gold queries of ${split} agree with themselves`, async (path) => {
    const source = sourceOf({ data: path(`data/wikisql/${split}.jsonl`) });
    using benchmark = await openBenchmark("wikisql", source);
    const groups = new Map<string | null, number>();
    let right = 0;
    for (const [index, { gold }] of benchmark.questions.entries()) {
      const { parsed, exact, exec, hardness } = await benchmark.score(index, gold);
      right += Number(parsed && exact && exec);
      groups.set(hardness, (groups.get(hardness) ?? 0) + 1);
    }
    assertEquals(right, 1000);
    // Nearly all of WikiSQL has conditions.
    assertEquals([groups.get("aggregation")! > 100, groups.get("where")! > 500], [true, true]);
  });
}

const TABLE: SketchTable = {
  name: "table_1_10",
  header: ["Player", "Goals (2020)", "From", "No. of and"],
  columns: ["col0", "col1", "col2", "col3"],
  real: [false, true, false, false],
};

Deno.test("a query of WikiSQL's form is read, however its names are written", () => {
  const cases: [string, Sketch | null][] = [
    ["SELECT Player FROM table", { sel: 0, agg: 0, conds: [] }],
    ['select count("player") from "table_1_10";', { sel: 0, agg: 3, conds: [] }],
    ["SELECT col1 FROM table_1_10 WHERE col0 = 'x'", { sel: 1, agg: 0, conds: [[0, 0, "x"]] }],
    ["SELECT MAX(Goals (2020)) FROM table", { sel: 1, agg: 1, conds: [] }],
    [
      'SELECT Player FROM table WHERE "Goals (2020)" > 10 AND `No. of and` = "a and b"',
      { sel: 0, agg: 0, conds: [[1, 1, 10], [3, 0, "a and b"]] },
    ],
    ["SELECT Player FROM table WHERE [From] = 'it''s'", {
      sel: 0,
      agg: 0,
      conds: [[2, 0, "it's"]],
    }],
    ["SELECT Player FROM table WHERE Player = van der Sar", {
      sel: 0,
      agg: 0,
      conds: [[0, 0, "van der Sar"]],
    }],
    ["SELECT Player FROM table WHERE Goals (2020) < -1.5", {
      sel: 0,
      agg: 0,
      conds: [[1, 2, -1.5]],
    }],
    ["SELECT Nobody FROM table", null],
    ["SELECT Player FROM other", null],
    ["SELECT Player, col1 FROM table", null],
    ["SELECT DISTINCT Player FROM table", null],
    ["SELECT count(*) FROM table", null],
    ["SELECT Player FROM table WHERE Player LIKE 'x'", null],
    ["SELECT Player FROM table WHERE Player != 'x'", null],
    ["SELECT Player FROM table WHERE col1 >= 5", null],
    ["SELECT Player FROM table WHERE col0 = (SELECT col0 FROM table)", null],
    ["SELECT Player FROM table WHERE", null],
    ["", null],
  ];
  for (const [sql, sketch] of cases) assertEquals(parseSketch(sql, TABLE), sketch, sql);
});

Deno.test("the logical form: conditions as a set, values as text without case", () => {
  const a: Sketch = { sel: 0, agg: 0, conds: [[0, 0, "Ada"], [1, 1, "1,000"]] };
  const b: Sketch = { sel: 0, agg: 0, conds: [[1, 1, "1,000"], [0, 0, "ADA"], [0, 0, "ada"]] };
  assert(sameSketch(a, b));
  assert(!sameSketch(a, { ...a, sel: 1 }));
  assert(!sameSketch(a, { ...a, agg: 3 }));
  assert(!sameSketch(a, { ...a, conds: a.conds.slice(1) }));
  const plain: Sketch = { ...a, conds: [[0, 0, "ada"], [1, 1, 1000]] };
  assert(!sameSketch(a, plain));
  assert(sameSketch(a, plain, TABLE.real));
});

Deno.test("what is run: lower case, numbers for columns of numbers, the last value of a column", () => {
  const render = (conds: Sketch["conds"]) => renderSketch({ sel: 1, agg: 5, conds }, TABLE);
  const start = "SELECT AVG(col1) FROM table_1_10";
  assertEquals(render([]), start);
  assertEquals(render([[0, 0, "O'Neill"]]), `${start} WHERE col0 = 'o''neill'`);
  assertEquals(render([[1, 1, "1,000.50"]]), `${start} WHERE col1 > 1000.5`);
  assertEquals(render([[1, 1, "about 12 goals"]]), `${start} WHERE col1 > 12`);
  assertEquals(render([[0, 0, 7]]), `${start} WHERE col0 = 7`);
  assertEquals(render([[1, 1, 5], [1, 2, 9]]), `${start} WHERE col1 > 9 AND col1 < 9`);
  assertThrows(() => render([[1, 0, "none"]]), FormatError, "is a column of numbers");
});

Deno.test("a structure that does not fit its table is told", () => {
  const good = { sel: 0, agg: 0, conds: [] };
  assertEquals(checkSketch(good, TABLE), good);
  for (
    const [value, reason] of [
      [null, /sel is undefined/],
      [{ ...good, sel: 4 }, /sel is 4, of 4 columns/],
      [{ ...good, agg: 6 }, /agg is 6/],
      [{ ...good, conds: {} }, /conds is no list/],
      [{ ...good, conds: [[9, 0, "x"]] }, /column 9/],
      [{ ...good, conds: [[0, 3, "x"]] }, /operator 3/],
      [{ ...good, conds: [[0, 0, null]] }, /no value/],
    ] as const
  ) assertMatch(assertThrows(() => checkSketch(value, TABLE), FormatError).message, reason);
});

const ROWS =
  "INSERT INTO table_1_10 VALUES ('ada', 3.0, 'rome'), ('bob', 5.0, 'oslo'), ('cyd', 5.0, 'rome');";

async function writeWikisql(folder: string, columns: readonly string[]): Promise<string> {
  const declared = columns.map((name, i) => `"${name}" ${i === 1 ? "real" : "text"}`).join(", ");
  await writeDatabase(`${folder}/dev.db`, `CREATE TABLE table_1_10 (${declared}); ${ROWS}`);
  const table = {
    id: "1-10",
    header: ["Player", "Goals", "Home town"],
    types: ["text", "real", "text"],
  };
  await Deno.writeTextFile(
    `${folder}/dev.tables.jsonl`,
    JSON.stringify({ ...table, rows: [] }) + "\n",
  );
  const sketches: Sketch[] = [
    { sel: 0, agg: 0, conds: [[2, 0, "Rome"], [1, 1, 4]] },
    { sel: 1, agg: 4, conds: [] },
  ];
  const lines = sketches.map((sql) =>
    JSON.stringify({ table_id: "1-10", question: "?", sql }) + "\n"
  );
  await Deno.writeTextFile(`${folder}/dev.jsonl`, lines.join(""));
  return `${folder}/dev.jsonl`;
}

Deno.test("wikisql: with a database that has the header's names, or col0 and so on as the original", async () => {
  for (const columns of [["player", "goals", "home town"], ["col0", "col1", "col2"]]) {
    using folder = tempFolder();
    const data = await writeWikisql(folder.path, columns);
    using benchmark = await openBenchmark("wikisql", sourceOf({ data }));
    const verdict = async (index: number, pred: string) => {
      const { parsed, exact, exec, hardness } = await benchmark.score(index, pred);
      return [parsed, exact, exec, hardness];
    };
    assertEquals(
      await verdict(0, "SELECT Player FROM table WHERE Goals > 4 AND Home town = 'ROME'"),
      [true, true, true, "where"],
    );
    // Another form with the same rows.
    assertEquals(
      await verdict(0, "SELECT Player FROM table WHERE Player = 'Cyd'"),
      [true, false, true, "where"],
    );
    assertEquals(
      await verdict(1, 'SELECT SUM("goals") FROM table_1_10'),
      [true, true, true, "aggregation"],
    );
    assertEquals(
      await verdict(1, "SELECT 13.0"),
      [false, false, true, "aggregation"],
    );
    const given = benchmark.render!(1, { sel: 1, agg: 4, conds: [] });
    assertEquals(await verdict(1, given), [true, true, true, "aggregation"]);
    assertEquals((await benchmark.score(1, "I do not know")).fault!.kind, "syntax");
  }
});

Deno.test("wikisql: a structure that is no query of its table is wrong, and the others are scored", async () => {
  using folder = tempFolder();
  const data = await writeWikisql(folder.path, ["player", "goals", "home town"]);
  using benchmark = await openBenchmark("wikisql", sourceOf({ data }));
  const good = { sel: 1, agg: 4, conds: [] };
  const cases: [unknown, RegExp][] = [
    [{ sel: 0, agg: 0, conds: [[1, 0, "none"]] }, /Goals is a column of numbers/],
    [{ ...good, agg: 9 }, /agg is 9/],
    [{ ...good, sel: 3 }, /sel is 3/],
    [[], /sel is undefined/],
  ];
  for (const [query, reason] of cases) {
    const lines = [{ query }, { query: good }].map((line) => JSON.stringify(line)).join("\n");
    await Deno.writeTextFile(folder("predictions.jsonl"), lines);
    const answers = await readPredictions(folder("predictions.jsonl"), benchmark, {
      partial: false,
    });
    assertMatch(answers[0].error!, reason);
    const verdicts = await Promise.all(answers.map((answer) => judge(benchmark, answer)));
    assertEquals(verdicts.map(({ parsed, exact, exec }) => [parsed, exact, exec]), [
      [false, false, false],
      [true, true, true],
    ]);
  }
});

Deno.test("wikisql: a missing database, and a table that is another there, are told", async () => {
  using folder = tempFolder();
  const data = await writeWikisql(folder.path, ["a", "b", "c"]);
  await writeDatabase(folder("other.db"), "CREATE TABLE table_1_10 (a, b)");
  const open = (db: string | null) => openBenchmark("wikisql", sourceOf({ data, db }));
  await assertRejects(() => open(folder("other.db")), FormatError, "has other columns there");
  await assertRejects(() => open(folder("none.db")), FormatError, "name it with --db");
  await Deno.remove(folder("dev.db"));
  await assertRejects(() => open(null), FormatError, "its database dev.db is not in");
});
