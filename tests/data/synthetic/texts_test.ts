import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { syntheticPairs } from "../../../src/data/synthetic/pairs.ts";
import { pretrainingTexts } from "../../../src/data/synthetic/texts.ts";
import { UNSEEN_THEMES } from "../../../src/data/synthetic/themes_unseen.ts";

const all = [...pretrainingTexts({ seed: 1, count: 4000 })];
const texts = all.flatMap((made) => made.kind === "task" ? [] : [made]);
const tasks = all.flatMap((made) => made.kind === "task" ? [made.task] : []);

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
  for (const { input, output } of tasks) assert(!/\bSELECT\b/.test(input + output), output);
});

Deno.test("texts: no question and no query for testing is in them, and no table of a theme for testing", () => {
  const held = (["test_seen", "test_unseen"] as const).flatMap((split) => [
    ...syntheticPairs({ split, seed: 1, count: 400 }),
  ]);
  const lines = new Set([
    ...texts.flatMap(({ text }) => text.split("\n")),
    ...tasks.flatMap(({ input }) => input.split("\n")),
  ]);
  for (const { question, sql } of held) assert(!lines.has(question) && !lines.has(sql), sql);
  const nouns = UNSEEN_THEMES.flatMap(({ entities }) =>
    entities.flatMap(({ noun, plural }) => [noun, plural])
  );
  const unseen = new RegExp(`CREATE TABLE (${nouns.join("|")}) \\(`, "i");
  for (const { text } of texts) assert(!unseen.test(text), text);
  for (const { input } of tasks) assert(!unseen.test(input), input);
});

Deno.test("texts: a third are copies, and all kinds are there; a fifth of all are tasks", () => {
  assert(Math.abs(tasks.length / all.length - 0.2) < 0.03, `${tasks.length}`);
  const shares = Object.fromEntries(
    [...Map.groupBy(texts, ({ kind }) => kind)].map((
      [kind, some],
    ) => [kind, some.length / texts.length]),
  );
  assertEquals(Object.keys(shares).length, 7);
  assert(Math.abs(shares.copy - 0.33) < 0.03, `${shares.copy}`);
  for (const [kind, share] of Object.entries(shares)) assert(share > 0.04, `${kind}: ${share}`);
  const none = [...pretrainingTexts({ seed: 1, count: 200, copies: 0, tasks: 0 })];
  assert(none.every(({ kind }) => kind !== "copy" && kind !== "task"));
});

Deno.test("texts: a copy repeats what stands before it", () => {
  for (const { kind, text } of texts) {
    if (kind !== "copy") continue;
    const found = /^([\s\S]+?)(?:\n\n### Response:\n|\n->\n|\nAgain:\n|\n\nThe same: |\n\n|\n)\1$/
      .test(text);
    assert(found, text);
  }
});

Deno.test("texts: repeated words come in the same order each time", () => {
  const made = [...pretrainingTexts({ seed: 1, count: 300, repeats: 50 })];
  const repeats = made.flatMap((one) => one.kind === "repeat" ? [one.text] : []);
  assert(Math.abs(repeats.length / made.length - 0.5) < 0.1, `${repeats.length}`);
  for (const text of repeats) assert(/^(.+?)(?: \1){2,4}$/.test(text), text);
  assert(texts.every(({ kind }) => kind !== "repeat"));
});

Deno.test("texts: the same on every machine", () => {
  const digest = createHash("sha256").update(JSON.stringify(all.slice(0, 1000))).digest("hex");
  assertEquals(digest.slice(0, 16), "909b8d1e02ec3dc1");
  assertEquals([...pretrainingTexts({ seed: 1, count: 50 })], all.slice(0, 50));
});
