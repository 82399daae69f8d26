import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import type { Question } from "../../src/eval/benchmark.ts";
import { readPredictions } from "../../src/eval/predictions.ts";
import { extractSql } from "../../src/eval/predictor.ts";
import { tempFolder } from "../train/support.ts";

const QUESTIONS: readonly Question[] = ["shop", "shop", "zoo"].map((dbId, index) => ({
  id: `spider-${index + 1}`,
  dbId,
  question: "?",
  gold: "SELECT 1",
  prompt: null,
}));

async function read(content: string | Uint8Array, partial = false, questions = QUESTIONS) {
  using folder = tempFolder();
  const path = folder("predictions");
  await Deno.writeFile(path, new TextEncoder().encode(""));
  if (typeof content === "string") await Deno.writeTextFile(path, content);
  else await Deno.writeFile(path, content);
  return await readPredictions(path, { questions }, { partial });
}

const sqlOf = async (content: string) => (await read(content)).map(({ sql }) => sql);

async function fault(content: string | Uint8Array): Promise<string> {
  return (await assertRejects(() => read(content), FormatError)).message;
}

Deno.test("one query a line, with or without its database, blank where there is none", async () => {
  assertEquals(await sqlOf("SELECT 1\nSELECT 2\nSELECT 3\n"), ["SELECT 1", "SELECT 2", "SELECT 3"]);
  assertEquals(await sqlOf("SELECT 1\tshop\r\n\r\nSELECT 3\tzoo"), ["SELECT 1", "", "SELECT 3"]);
  assertEquals(await sqlOf("a\n\n\n"), ["a", "", ""]);
  assertEquals(await sqlOf("a\nb\nc\n\n \n"), ["a", "b", "c"]);
  // Spider's own evaluator would cut a query at a tab in it.
  assertEquals(await sqlOf("SELECT a\tFROM b\nb\nc"), ["SELECT a\tFROM b", "b", "c"]);
  assertEquals(await sqlOf("SELECT\ta\tshop\nb\tshop\nc"), ["SELECT\ta", "b", "c"]);
  assertEquals(await sqlOf("SELECT\ta\tshop\nb\tshop\nc\tzoo"), ["SELECT\ta", "b", "c"]);
});

Deno.test("JSON Lines with pred, text or a null, in order or by id", async () => {
  const lines = (...values: unknown[]) => values.map((value) => JSON.stringify(value)).join("\n");
  assertEquals(
    await read(
      lines({ pred: "a", latency_ms: 5, tokens: 3 }, { text: "b" }, { pred: null, id: 9 })
        .replace("null", '""'),
    ),
    [
      { index: 0, sql: "a", latencyMs: 5, tokens: 3 },
      { index: 1, sql: "b", latencyMs: null, tokens: null },
      { index: 2, sql: "", latencyMs: null, tokens: null },
    ],
  );
  const refused = { pred: "", error: "too long", error_kind: "no_answer" };
  assertEquals((await read(lines(refused, { pred: "b" }, { pred: "c" })))[0].error, "too long");
  const byId = lines(
    { id: "spider-3", pred: "c" },
    { id: "spider-1", pred: "a" },
    { id: "spider-2", pred: "b" },
  );
  assertEquals(await sqlOf(byId), ["a", "b", "c"]);
  const otherIds = lines({ id: "line-1", pred: "a" }, { id: "x", pred: "b" }, { id: 3, pred: "c" });
  assertEquals(await sqlOf(otherIds), ["a", "b", "c"]);
});

Deno.test("BIRD's one object, with the database behind the query", async () => {
  const text = JSON.stringify({
    1: "b\t----- bird -----\tshop",
    0: "a\t----- bird -----\tshop",
    2: 0,
  });
  assertEquals(await sqlOf(text), ["a", "b", ""]);
  assertMatch(await fault(JSON.stringify({ 0: "a", 1: "b", 3: "c" })), /none with the key "2"/);
});

Deno.test("only where a part was asked for may a file have more", async () => {
  const content = "a\nb\nc\nd\n";
  assertMatch(await fault(content), /it has 4 predictions for 3 questions; give one for each/);
  assertEquals((await read(content, true)).map(({ sql }) => sql), ["a", "b", "c"]);
  assertMatch(await fault("a\nb\n"), /it has 2 predictions for 3 questions/);
  await assertRejects(() => read("a\nb\n", true), FormatError);
  assertMatch(await fault(""), /it has 0 predictions/);
});

Deno.test("what is wrong with a file is told, with its line", async () => {
  assertMatch(
    await fault("a\tshop\nb\tzoo\nc\tzoo"),
    /line 2 is about zoo, but question 2 about shop/,
  );
  assertMatch(await fault('{"pred":"a"}\n{"pred":\n{"pred":"c"}'), /line 2 is not valid JSON/);
  assertMatch(await fault('{"pred":"a"}\n[]\n{"pred":"c"}'), /line 2 is no object/);
  assertMatch(await fault('{"pred":"a"}\n{"sql":"b"}\n{"pred":"c"}'), /line 2 has no pred/);
  assertMatch(await fault('{"pred":"a"}\n{"pred":5}\n{"pred":"c"}'), /line 2: its pred is no text/);
  assertMatch(
    await fault(
      '{"pred":"a","id":"spider-1"}\n{"pred":"b","id":"spider-1"}\n{"pred":"c","id":"x"}',
    ),
    /line 2 has the id spider-1 again/,
  );
  assertMatch(
    await fault('{"pred":"a","id":"spider-1"}\n{"pred":"b","id":"y"}\n{"pred":"c","id":"x"}'),
    /no prediction with the id spider-2/,
  );
  assertMatch(
    await fault('{"pred":"a","tokens":"5"}\n{"pred":"b"}\n{"pred":"c"}'),
    /tokens that is/,
  );
  assertMatch(await fault(Uint8Array.of(0xff, 0x0a)), /not valid UTF-8/);
  await assertRejects(
    () => readPredictions("/nowhere", { questions: QUESTIONS }, { partial: false }),
    FormatError,
    "there is no such file",
  );
});

Deno.test("extractSql takes the query out of what models write around it", () => {
  const cases: [string, string][] = [
    ["SELECT 1", "SELECT 1"],
    ["  SELECT ';' ; SELECT 2", "SELECT ';'"],
    ["Here it is:\n```sql\nSELECT a\nFROM t;\n```\nIt works.", "SELECT a\nFROM t"],
    ["```\nSELECT 1\n```", "SELECT 1"],
    ["```sql\nSELECT 1", "SELECT 1"],
    ["SQL: SELECT 1", "SELECT 1"],
    ["SELECT 1\n\n### Question:\nAnd now?", "SELECT 1"],
    ["SELECT 1</s>", "SELECT 1"],
    ["SELECT 1\n \n\t### More", "SELECT 1"],
    // Takes minutes where each line end is the start of a search.
    [`SELECT 1${"\n".repeat(400_000)}x`, `SELECT 1${"\n".repeat(400_000)}x`],
    ["", ""],
  ];
  for (const [text, sql] of cases) assertEquals(extractSql(text), sql, text);
});
