import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ConfigError } from "../../src/errors.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { trainBpe } from "../../src/text/train_bpe.ts";

/** Special tokens, bytes and characters. */
const FIXED = 3 + 256 + 95;

function mergesOf(texts: readonly string[], count: number): string[] {
  const { tokenizer } = trainBpe(texts, FIXED + count);
  return (tokenizer as { model: { merges: string[] } }).model.merges;
}

Deno.test("trainBpe: the most frequent pair first, of equal ones the first by its characters", () => {
  // Pairs: "a b" 4 times, "▁ a" 3, "b c" 2.
  assertEquals(mergesOf(["abc ab", "ab abc"], 3), ["a b", "\u2581 ab", "\u2581ab c"]);
  assertEquals(mergesOf(["xy", "uv"], 2), ["u v", "x y"]);
});

Deno.test("trainBpe: merges stay inside words, digits and runs of signs", () => {
  const merges = mergesOf(["aaaa 12 ((x)) (("], 5);
  for (const pair of merges) assert(!/[a-z].*[(0-9]|[0-9].*[0-9]/.test(pair), pair);
  assertEquals(merges.slice(0, 2), ["a a", "( ("]);
});

Deno.test("trainBpe: the tokenizer encodes and decodes any text", async () => {
  const texts = ["SELECT name FROM users WHERE age > 30", "How many users are there?"];
  const files = trainBpe([...texts, ...texts], FIXED + 40);
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "tokenizer.json"), JSON.stringify(files.tokenizer));
    await Deno.writeTextFile(join(folder, "tokenizer_config.json"), JSON.stringify(files.config));
    const tokenizer = await loadTokenizer(folder);
    assertEquals(tokenizer.vocabSize, FIXED + 40);
    for (const text of [...texts, "a  b\n\tc", "Łódź 🙂 </s>", ""]) {
      assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    }
    assert(tokenizer.encode(texts[0]).length < texts[0].length / 2);
    assertEquals(tokenizer.encode("x")[0], tokenizer.bosId);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("trainBpe: the same texts give the same files; sizes that cannot be are refused", () => {
  const texts = ["one two three", "two three", "three"];
  assertEquals(trainBpe(texts, FIXED + 5), trainBpe(texts, FIXED + 5));
  assertThrows(() => trainBpe(texts, FIXED), ConfigError, "ask for more");
  assertThrows(() => trainBpe(texts, FIXED + 500), ConfigError, "give more texts");
});
