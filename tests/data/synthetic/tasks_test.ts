import { assert, assertEquals } from "@std/assert";
import { random } from "../../../src/data/random.ts";
import { syntheticPairs } from "../../../src/data/synthetic/pairs.ts";
import { schemaTask } from "../../../src/data/synthetic/tasks.ts";

const rng = random(1, "tasks");
const tasks = [...syntheticPairs({ split: "train", seed: 1, count: 1500 })]
  .map((pair) => ({ pair, ...schemaTask(rng, pair) }));
const about = (words: RegExp) => tasks.filter(({ instruction }) => words.test(instruction));

Deno.test("tasks: the input is the schema that is shown and the question", () => {
  for (const { pair, input } of tasks) {
    assert(input.endsWith(`### Question:\n${pair.question}`), input);
    for (const { sql } of pair.shown) assert(input.includes(`CREATE TABLE ${sql} (`), input);
  }
});

Deno.test("tasks: each kind gives what can be read in the input", () => {
  const repeated = about(/question( again)?\.$/).filter(({ instruction }) =>
    /^(Repeat|Copy|Write)/.test(instruction)
  );
  for (const { pair, output } of repeated) assertEquals(output, pair.question);
  const listed = about(/^(List|Name|Write) the tables (of|in) the schema/);
  for (const { pair, output } of listed) {
    assertEquals(output, pair.shown.map(({ sql }) => sql).join(", "));
  }
  const tables = about(/tables does|tables of the question/);
  for (const { pair, output } of tables) {
    for (const table of output.split(", ")) assert(pair.sql.includes(table), pair.sql);
  }
  const columns = about(/columns does|columns of the question/);
  for (const { pair, output } of columns) {
    if (output === "none") continue;
    for (const column of output.split(", ")) {
      assert(pair.sql.includes(column.slice(column.indexOf(".") + 1)), `${column}: ${pair.sql}`);
    }
  }
  const values = about(/^(Which|Name the) values/);
  for (const { pair, output } of values) {
    if (output !== "none") assert(pair.question.includes(output.split(", ")[0]), output);
  }
  for (const some of [repeated, listed, tables, columns, values]) assert(some.length > 50);
});

Deno.test("tasks: the tables of a question are exactly those of its query", () => {
  for (const { pair, output } of about(/tables does|tables of the question/)) {
    const named = new Set(pair.sql.replaceAll(/'[^']*'/g, "").match(/"[^"]*"|\w+/g));
    const expected = pair.database.tables.filter(({ sql }) => named.has(sql));
    assertEquals(output, expected.map(({ sql }) => sql).join(", "));
  }
});

Deno.test("tasks: what a question means is said in words, with the values of its query", () => {
  const pairs = [...syntheticPairs({ split: "train", seed: 2, count: 3000 })];
  const meanings = pairs.map((pair) => ({ pair, ...schemaTask(rng, pair, "meaning") }));
  let [conditions, results] = [0, 0];
  for (const { pair, instruction, output } of meanings) {
    assert(!/undefined|SELECT|WHERE|strftime|LIKE|[<>=%()]/.test(output), `${pair.sql}: ${output}`);
    if (/asked for|ask for/.test(instruction)) results++;
    else conditions++;
    const values = output.matchAll(/ (?:above|below|at most|at least|contains|begins) ([\w.-]+)/g);
    for (const [, value] of values) assert(pair.sql.includes(value), `${pair.sql}: ${output}`);
  }
  assert(conditions > 1000 && results > 1000);
});

Deno.test("tasks: conditions and results of a query in words", () => {
  const [pair] = syntheticPairs({ split: "train", seed: 1, count: 1 });
  const meaning = (wanted: RegExp, sql: string) => {
    for (;;) {
      const task = schemaTask(rng, { ...pair, sql }, "meaning");
      if (wanted.test(task.instruction)) return task.output;
    }
  };
  const query = (condition: string) => `SELECT name FROM t WHERE ${condition}`;
  for (
    const [condition, words] of [
      ["price >= 5", "price at least 5"],
      ["t.name LIKE 'B%' AND price <> 2.5", "t.name begins B, price is not 2.5"],
      ["name LIKE '%of%' OR city IN ('Oslo', 'Rome')", "name contains of, city is Oslo or Rome"],
      ["strftime('%Y-%m', day) = '2024-05'", "day is 2024-05"],
      ["day BETWEEN '2024-01-01' AND '2024-02-01'", "day from 2024-01-01 to 2024-02-01"],
      ["end IS NULL AND name = 'O''Neil'", "end is missing, name is O'Neil"],
      ["t.a_id = u.id AND size < 3", "size below 3"],
      ["size > (SELECT AVG(size) FROM t WHERE kind = 'x')", "kind is x"],
    ]
  ) assertEquals(meaning(/condition/, query(condition)), words);
  const [asked, list] = [/ask/, "SELECT city, COUNT(*), AVG(t.age), COUNT(DISTINCT name)"];
  assertEquals(
    meaning(asked, `${list} FROM t`),
    "city, number, average t.age, number of different name",
  );
  assertEquals(meaning(asked, "SELECT strftime('%Y', day) FROM t"), "year of day");
});
