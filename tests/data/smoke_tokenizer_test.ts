import { assert, assertEquals } from "@std/assert";
import { Tokenizer } from "@huggingface/tokenizers";
import { demoRecords } from "../../src/data/demo.ts";

function readJson(path: string) {
  return JSON.parse(Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url)));
}

const tokenizer = new Tokenizer(
  readJson("data/smoke/tokenizer.json"),
  readJson("data/smoke/tokenizer_config.json"),
);

Deno.test("the smoke tokenizer gives the ids and texts of Python's tokenizers", () => {
  const cases: { text: string; ids: number[]; decoded: string }[] = readJson(
    "tests/golden/tiny/tokens.json",
  );
  assert(cases.length >= 30);
  for (const { text, ids, decoded } of cases) {
    assertEquals(tokenizer.encode(text).ids, ids, JSON.stringify(text));
    // The package's byte decoder drops a byte order mark; Python's keeps it.
    if (text.includes("\uFEFF")) continue;
    assertEquals(tokenizer.decode(ids, { skip_special_tokens: true }), decoded);
  }
});

Deno.test("the smoke tokenizer is laid out as Llama's", () => {
  const { model } = readJson("data/smoke/tokenizer.json");
  const pieces: string[] = [];
  for (const [piece, id] of Object.entries<number>(model.vocab)) pieces[id] = piece;
  assertEquals(pieces.filter((piece) => piece.length > 0).length, 1024);
  assertEquals(pieces.slice(0, 4), ["<unk>", "<s>", "</s>", "<0x00>"]);
  assertEquals(pieces[3 + 255], "<0xFF>");
  assertEquals(pieces.at(-1), "\u2581");
  // Ids in the order of the merges, so that SentencePiece scores can be rebuilt as -(id - 259).
  const merged = new Set(model.merges.map((merge: string) => merge.replace(" ", "")));
  assertEquals(pieces.slice(259, 259 + merged.size), [...merged]);
});

Deno.test("a demo record takes at most 160 tokens", () => {
  for (const split of ["train", "val"] as const) {
    for (const record of demoRecords({ count: 300, seed: 9, split })) {
      const text = `### Instruction:\n${record.instruction}\n\n### Input:\n${record.input}\n\n` +
        `### Response:\n${record.output}`;
      const length = tokenizer.encode(text).ids.length + 1;
      assert(length <= 160, `${length} tokens: ${record.input}`);
    }
  }
});
