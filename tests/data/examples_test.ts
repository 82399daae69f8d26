import { assert, assertEquals } from "@std/assert";
import { EXAMPLE_QUESTIONS, EXAMPLE_SCRIPT } from "../../src/data/examples.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";

Deno.test("the built-in questions have answers in the built-in database", async () => {
  using database = await openDatabase({ ddl: EXAMPLE_SCRIPT });
  const answers = await Promise.all(
    EXAMPLE_QUESTIONS.map(async ({ sql }) => (await database.query(sql)).rows),
  );
  assertEquals(answers[0], [[4]]);
  assert(answers.every((rows) => rows.length > 0));
});
