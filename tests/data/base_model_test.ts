import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { baseTokenizer, recordsOf, STAGES } from "../../data/base/make.ts";
import { isTextRecord } from "../../src/data/record.ts";
import { openModelFiles } from "../../src/model/load.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";

const FOLDER = fileURLToPath(new URL("../../data/base/", import.meta.url));

Deno.test("base model: its tokenizer is what data/base/make.ts makes, and its texts have no pairs", async () => {
  const records = recordsOf(STAGES[0].texts);
  const { tokenizer } = baseTokenizer(records);
  const shipped = JSON.parse(await Deno.readTextFile(`${FOLDER}tokenizer.json`));
  assertEquals(shipped, tokenizer);
  for (const record of records) {
    const text = isTextRecord(record) ? record.text : record.input + record.output;
    assert(!/### Question:[\s\S]*\bSELECT\b/.test(text), text);
  }
});

Deno.test("base model: small, of Mistral's architecture, with the tokenizer's vocabulary", async () => {
  using files = await openModelFiles(FOLDER);
  const { config, checkpoint } = files;
  assertEquals([config.modelType, config.layers, config.tieWordEmbeddings], ["mistral", 5, true]);
  assertEquals((await loadTokenizer(FOLDER)).vocabSize, config.vocabularySize);
  assert([...checkpoint.tensors.values()].every(({ dtype }) => dtype === "BF16"));
  let bytes = 0;
  for await (const { name } of Deno.readDir(FOLDER)) bytes += (await Deno.stat(FOLDER + name)).size;
  assert(bytes < 12e6, `${bytes} bytes`);
});
