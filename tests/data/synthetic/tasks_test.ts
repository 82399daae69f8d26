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
