import { assert, assertEquals } from "@std/assert";
import { Tokenizer } from "@huggingface/tokenizers";
import { goldenRows } from "./golden/rows.ts";

function readText(path: string): string {
  return Deno.readTextFileSync(new URL(`golden/${path}`, import.meta.url));
}

const model = JSON.parse(readText("tokenizer/tokenizer.json"));
const tokenizer = new Tokenizer(model, JSON.parse(readText("tokenizer/tokenizer_config.json")));

Deno.test("the goldens' rows are those that rows.ts generates", () => {
  for (const [split, count] of [["train", 24], ["val", 8]] as const) {
    const rows = goldenRows({ count, seed: 7, split });
    const lines = rows.map((row) => JSON.stringify(row) + "\n").join("");
    assertEquals(lines, readText(`tiny/${split}.jsonl`));
  }
});

Deno.test("the goldens' tokenizer gives the ids and texts of Python's tokenizers", () => {
  const cases: { text: string; ids: number[]; decoded: string }[] = JSON.parse(
    readText("tiny/tokens.json"),
  );
  assert(cases.length >= 30);
  for (const { text, ids, decoded } of cases) {
    assertEquals(tokenizer.encode(text).ids, ids, JSON.stringify(text));
    // The package's byte decoder drops a byte order mark; Python's keeps it.
    if (text.includes("\uFEFF")) continue;
    assertEquals(tokenizer.decode(ids, { skip_special_tokens: true }), decoded);
  }
});

Deno.test("the goldens' tokenizer is laid out as Llama's", () => {
  const { vocab, merges } = model.model;
  const pieces: string[] = [];
  for (const [piece, id] of Object.entries<number>(vocab)) pieces[id] = piece;
  assertEquals(pieces.filter((piece) => piece.length > 0).length, 1024);
  assertEquals(pieces.slice(0, 4), ["<unk>", "<s>", "</s>", "<0x00>"]);
  assertEquals(pieces[3 + 255], "<0xFF>");
  assertEquals(pieces.at(-1), "\u2581");
  // Ids in the order of the merges, so that SentencePiece scores can be rebuilt as -(id - 259).
  const merged = new Set(merges.map((merge: string) => merge.replace(" ", "")));
  assertEquals(pieces.slice(259, 259 + merged.size), [...merged]);
});
