import { assertEquals, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { countAnswered } from "../../src/text/prompt.ts";
import { openTokenCounter } from "../../src/text/token_counter.ts";
import { tinyJson, tinyTokenizer } from "./tiny.ts";

async function withTokenizer(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/tokenizer.json`, JSON.stringify(tinyJson()));
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const records = Array.from({ length: 5 }, (_, n) => ({
  instruction: "Write SQL.",
  input: "x".repeat(n),
  output: `SELECT ${n}`,
}));

Deno.test("the counter counts as countAnswered does, and answers in order", async () => {
  await withTokenizer(async (directory) => {
    for (const style of ["alpaca", "mistral"] as const) {
      using counter = await openTokenCounter({ directory, style });
      const expected = records.map((record) => countAnswered(record, tinyTokenizer(), { style }));
      const batches = [records, records.slice(2), []];
      const counted = await Promise.all(batches.map((batch) => counter.count(batch)));
      assertEquals(counted, [expected, expected.slice(2), []]);
    }
  });
});

Deno.test("a folder without a tokenizer is a FormatError, a closed counter an Error", async () => {
  const opening = openTokenCounter({ directory: "/nowhere", style: "alpaca" });
  await assertRejects(() => opening, FormatError, "/nowhere/tokenizer.json");
  await withTokenizer(async (directory) => {
    const counter = await openTokenCounter({ directory, style: "alpaca" });
    const pending = counter.count(records);
    counter[Symbol.dispose]();
    await assertRejects(() => pending, Error, "closed");
    await assertRejects(() => counter.count(records), Error, "closed");
  });
});
