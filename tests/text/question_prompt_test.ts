import { assert, assertEquals, assertRejects } from "@std/assert";
import { ShapeError } from "../../src/errors.ts";
import { schemaQuestion, textToSqlInstruction } from "../../src/data/question.ts";
import { schemaFromDdl } from "../../src/sql/build.ts";
import { formatDdl } from "../../src/sql/ddl.ts";
import { encodePrompt } from "../../src/text/prompt.ts";
import { type QuestionOptions, questionPrompt } from "../../src/text/question_prompt.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { TOKENIZER } from "../train/tiny.ts";

const tokenizer = await loadTokenizer(TOKENIZER);
const TABLES = ["birds", "trains", "clouds", "shoes", "rivers", "kettles"];
const DDL = TABLES.map((name) => `create table ${name} (id integer, label text);`).join("\n");
const question = "How many rivers are there?";
const ask = (options: Partial<QuestionOptions>) =>
  questionPrompt(tokenizer, { question, schema: DDL, ...options });

Deno.test("a schema that fits is shown as it is written, or as DDL where it is data", async () => {
  const expected = (ddl: string, style: "alpaca" | "mistral" = "alpaca") =>
    encodePrompt(
      {
        instruction: textToSqlInstruction(style, "postgres"),
        input: schemaQuestion(ddl, question),
      },
      tokenizer,
      { style },
    );
  const schema = await schemaFromDdl(DDL);
  const dialect = "postgres";
  assertEquals(await ask({ dialect }), { ids: expected(DDL), leftOut: [] });
  assertEquals((await ask({ dialect, schema })).ids, expected(formatDdl(schema)));
  assertEquals((await ask({ dialect, style: "mistral" })).ids, expected(DDL, "mistral"));
  const sampleValues = { rivers: { label: ["Nile"] } };
  const { ids } = await ask({ schema, ddl: { sampleValues } });
  assert(tokenizer.decode(ids).includes("label TEXT -- 'Nile'"));
  const compact = await ask({ schema, ddl: { style: "compact" } });
  assert(tokenizer.decode(compact.ids).includes("rivers (id INTEGER, label TEXT);"));
});

Deno.test("whatever the limit, the prompt keeps to it and the question's table stays", async () => {
  const whole = (await ask({})).ids.length;
  const lengths = new Set<number>();
  for (let maxTokens = whole; maxTokens > 0; maxTokens -= 7) {
    let prompt;
    try {
      prompt = await ask({ maxTokens });
    } catch (error) {
      assert(error instanceof ShapeError && lengths.size > 3, String(error));
      return;
    }
    const { ids, leftOut } = prompt;
    assert(ids.length <= maxTokens, `${ids.length} ids of ${maxTokens}`);
    const text = tokenizer.decode(ids);
    assert(!leftOut.includes("rivers"));
    for (const name of TABLES) assertEquals(text.includes(`${name} (`), !leftOut.includes(name));
    lengths.add(leftOut.length);
  }
  throw new Error("a prompt without any token was made");
});

Deno.test("what cannot be shortened is refused with its length", async () => {
  await assertRejects(() => ask({ maxTokens: 10 }), ShapeError, "and 10 are allowed");
  const schema = DDL.replace("text", "text auto_increment =");
  assertEquals((await ask({ schema })).leftOut, []);
  await assertRejects(() => ask({ schema, maxTokens: 120 }), ShapeError, "SQLite cannot read");
});
