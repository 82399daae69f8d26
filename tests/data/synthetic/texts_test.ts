import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { syntheticPairs } from "../../../src/data/synthetic/pairs.ts";
import { pretrainingTexts } from "../../../src/data/synthetic/texts.ts";
import { UNSEEN_THEMES } from "../../../src/data/synthetic/themes_unseen.ts";

const texts = [...pretrainingTexts({ seed: 1, count: 4000 })];

/** Questions, as they end in one of the texts. */
const ASKS =
  /(^|\n)(What|Which|How many|List|Show|Find|Give|Count|Return|Display)\b[^\n]*[.?](\n|$)/;

Deno.test("texts: none has a question beside a query", () => {
  let questions = 0;
  for (const { text } of texts) {
    const asks = ASKS.test(text);
    if (asks) questions++;
    assert(!(asks && /\bSELECT\b/.test(text)), text);
  }
  assert(questions > 200);
});

Deno.test("texts: no question and no query for testing is in them, and no table of a theme for testing", () => {
  const held = (["test_seen", "test_unseen"] as const).flatMap((split) => [
    ...syntheticPairs({ split, seed: 1, count: 400 }),
  ]);
  const lines = new Set(texts.flatMap(({ text }) => text.split("\n")));
  for (const { question, sql } of held) assert(!lines.has(question) && !lines.has(sql), sql);
  const nouns = UNSEEN_THEMES.flatMap(({ entities }) =>
    entities.flatMap(({ noun, plural }) => [noun, plural])
  );
  const unseen = new RegExp(`CREATE TABLE (${nouns.join("|")}) \\(`, "i");
  for (const { text } of texts) assert(!unseen.test(text), text);
});

Deno.test("texts: a third are copies, and all kinds are there", () => {
  const shares = Object.fromEntries(
    [...Map.groupBy(texts, ({ kind }) => kind)].map((
      [kind, some],
    ) => [kind, some.length / texts.length]),
  );
  assertEquals(Object.keys(shares).length, 7);
  assert(Math.abs(shares.copy - 0.33) < 0.03, `${shares.copy}`);
  for (const [kind, share] of Object.entries(shares)) assert(share > 0.04, `${kind}: ${share}`);
  const none = [...pretrainingTexts({ seed: 1, count: 200, copies: 0 })];
  assert(none.every(({ kind }) => kind !== "copy"));
});

Deno.test("texts: a copy repeats what stands before it", () => {
  for (const { kind, text } of texts) {
    if (kind !== "copy") continue;
    const found = /^([\s\S]+?)(?:\n\n### Response:\n|\n->\n|\nAgain:\n|\n\nThe same: |\n\n|\n)\1$/
      .test(text);
    assert(found, text);
  }
});

Deno.test("texts: the same on every machine", () => {
  const digest = createHash("sha256").update(JSON.stringify(texts.slice(0, 1000))).digest("hex");
  assertEquals(digest.slice(0, 16), "c23dccf1a65461d6");
  assertEquals([...pretrainingTexts({ seed: 1, count: 50 })], texts.slice(0, 50));
});
