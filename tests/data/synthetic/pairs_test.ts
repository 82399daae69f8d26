import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { createHash } from "node:crypto";
import { databaseScript } from "../../../src/data/synthetic/database.ts";
import { UNSEEN_THEMES } from "../../../src/data/synthetic/themes_unseen.ts";
import { LEVELS } from "../../../src/data/synthetic/level.ts";
import { type Pair, type PairOptions, syntheticPairs } from "../../../src/data/synthetic/pairs.ts";
import { pairRecord, schemaOf } from "../../../src/data/synthetic/record.ts";
import { ConfigError } from "../../../src/errors.ts";
import { loadBuilder } from "../../../src/sql/build.ts";
import { formatDdl } from "../../../src/sql/ddl.ts";
import { INPUT_PARTS } from "./input.ts";

function make(options: Partial<PairOptions>): Pair[] {
  return [...syntheticPairs({ split: "train", seed: 1, count: 1000, ...options })];
}

const train = make({ count: 6000 });
const seen = make({ split: "test_seen", count: 600 });
const unseen = make({ split: "test_unseen", count: 1000 });
const all = [...train, ...seen, ...unseen];

function digest(pairs: readonly Pair[]): string {
  const texts = pairs.map((pair) => JSON.stringify(pairRecord(pair)) + "\n");
  return createHash("sha256").update(texts.join("")).digest("hex");
}

Deno.test("pairs: every query runs, and 99 of 100 return a row that says something", async () => {
  const build = await loadBuilder();
  let empty = 0;
  for (const [database, pairs] of Map.groupBy(all, (pair) => pair.database)) {
    using connection = build(databaseScript(database));
    for (const { sql } of pairs) {
      const { rows } = connection.query(sql);
      if (rows.every((row) => row.every((value) => value === null || value === 0))) empty++;
    }
  }
  assert(empty <= all.length / 100, `${empty} of ${all.length}`);
});

Deno.test("pairs: every query can be prepared over the tables that are shown", async () => {
  const build = await loadBuilder();
  let others = 0;
  for (const { sql, database, shown } of all.slice(0, 2000)) {
    using connection = build(formatDdl(schemaOf(database, shown), { style: "compact" }));
    assertEquals(connection.check(sql), null, sql);
    if (shown.length > 1 && !/JOIN|SELECT.*SELECT/.test(sql)) others++;
  }
  assert(others > 200, "no tables are shown that a query does not need");
});

Deno.test("pairs: no question comes twice over a database", () => {
  for (const pairs of [train, seen, unseen]) {
    const keys = pairs.map(({ database, question }) =>
      `${database.name}: ${question.toLowerCase()}`
    );
    assertEquals(new Set(keys).size, keys.length);
    assertEquals(new Set(pairs.map(({ id }) => id)).size, pairs.length);
  }
});

Deno.test("pairs: splits of whatever seed share no question; those over seen schemas no query", () => {
  const more = [train, seen, unseen].map((pairs, i) => [
    ...pairs,
    ...make({ split: (["train", "test_seen", "test_unseen"] as const)[i], seed: 2, count: 400 }),
  ]);
  const questions = more.map((pairs) =>
    new Set(pairs.map(({ question }) => question.toLowerCase()))
  );
  assert(questions[0].isDisjointFrom(questions[1]));
  assert(questions[0].isDisjointFrom(questions[2]));
  assert(questions[1].isDisjointFrom(questions[2]));
  const [a, b] = more.map((pairs) => new Set(pairs.map(({ sql }) => sql)));
  assert(a.isDisjointFrom(b));
});

Deno.test("pairs: test_seen asks about schemas of training, test_unseen about other themes", () => {
  const schemas = new Set(train.map(({ database }) => database.name));
  assertEquals(schemas.size, 205);
  assert(seen.every(({ database }) => schemas.has(database.name)));
  assert(unseen.every(({ database }) => !schemas.has(database.name)));
  const themes = new Set(UNSEEN_THEMES.map(({ name }) => name));
  assert(unseen.every(({ database }) => themes.has(database.theme)));
  assert(train.every(({ database }) => !themes.has(database.theme)));
  const tables = (pairs: readonly Pair[]) =>
    new Set(pairs.flatMap(({ database }) => database.tables.map(({ noun }) => noun)));
  assert(tables([...train, ...seen]).isDisjointFrom(tables(unseen)));
});

Deno.test("pairs: the same on every machine", () => {
  assertEquals(digest(train.slice(0, 500)), digest(make({ count: 500 })));
  assert(digest(make({ seed: 2, count: 500 })) !== digest(train.slice(0, 500)));
  assertEquals([train, seen, unseen].map((pairs) => digest(pairs.slice(0, 500)).slice(0, 16)), [
    "d5bd7028d31973ca",
    "985aa4573b2917eb",
    "f58e4ef2d555f1c9",
  ]);
});

Deno.test("pairs: all levels are there, the middle ones most", () => {
  for (const pairs of [train, seen, unseen]) {
    for (const level of LEVELS) {
      const share = pairs.filter((pair) => pair.level === level).length / pairs.length;
      assert(share > 0.06 && share < 0.5, `${level}: ${share}`);
    }
  }
});

Deno.test("pairs: the grammar brings every construct", () => {
  const shares: readonly (readonly [RegExp, least: number])[] = [
    [/ JOIN /, 0.1],
    [/ LEFT JOIN /, 0.002],
    [/ GROUP BY /, 0.2],
    [/ HAVING /, 0.04],
    [/ ORDER BY /, 0.1],
    [/ LIMIT \d/, 0.08],
    [/ IN \(SELECT /, 0.04],
    [/ NOT IN \(SELECT /, 0.015],
    [/ [<>] \(SELECT /, 0.03],
    [/ INTERSECT /, 0.006],
    [/ EXCEPT /, 0.006],
    [/ UNION /, 0.004],
    [/strftime/, 0.05],
    [/ BETWEEN /, 0.03],
    [/ LIKE /, 0.02],
    [/ OR /, 0.02],
    [/ IN \('/, 0.02],
    [/ DISTINCT |\(DISTINCT /, 0.03],
    [/ IS NULL/, 0.0005],
  ];
  for (const [pattern, least] of shares) {
    const share = train.filter(({ sql }) => pattern.test(sql)).length / train.length;
    assert(share >= least, `${pattern}: ${share}`);
  }
});

Deno.test("pairs: questions are sentences without a trace of their patterns", () => {
  for (const { question } of all) {
    assertMatch(question, /^[A-Z"'][ -~]*[.?]$/);
    assert(!/[<>|{}()]|undefined|null|NaN| {2}| [,.?]|\.\./.test(question), question);
    assert(question.split(" ").length <= 60, question);
  }
});

Deno.test("pairs: texts and numbers of a query stand in its question", () => {
  const months =
    "January February March April May June July August September October November December"
      .split(" ");
  for (const { question, sql } of all) {
    const bare = sql.replace(/strftime\('%Y(-%m)?', /g, "(");
    for (const [, literal] of bare.matchAll(/'((?:''|[^'])*)'/g)) {
      const text = literal.replaceAll("''", "'").replaceAll("%", "");
      const month = /^\d{4}-\d{2}$/.test(text)
        ? `${months[Number(text.slice(5)) - 1]} ${text.slice(0, 4)}`
        : text;
      // A value before the noun may begin the sentence.
      const found = question.includes(text) || question.includes(month);
      assert(
        found || question.toLowerCase().startsWith(text.toLowerCase()),
        `${question} | ${sql}`,
      );
    }
    for (
      const [, bound] of bare.replace(/'[^']*'/g, "").matchAll(/(?:>|<|BETWEEN|AND) (\d[\d.]*)/g)
    ) {
      assert(question.includes(bound), `${question} | ${sql}`);
    }
  }
});

Deno.test("pairs: too many are refused, with what to do", () => {
  const few = syntheticPairs({
    split: "test_seen",
    seed: 1,
    schemas: "small",
    schemaCount: 1,
    schemaSeed: 38,
    count: 100_000,
  });
  const error = assertThrows(() => {
    for (const _ of few);
  }, ConfigError);
  assertMatch(error.message, /after \d+ no new question was found; ask for fewer/);
});

Deno.test("pairs: a record has the schema that is shown, the question and the answer", () => {
  for (const pair of seen.slice(0, 100)) {
    const { input, output, meta, source } = pairRecord(pair);
    const [, ddl, question] = INPUT_PARTS.exec(input)!;
    assertEquals([question, output, source], [pair.question, pair.sql, "synthetic"]);
    assertEquals(ddl.match(/CREATE TABLE/g)?.length, pair.shown.length);
    assertEquals(meta?.level, pair.level);
  }
});
