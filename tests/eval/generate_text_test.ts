import { assert, assertEquals } from "@std/assert";
import { generateText, type TextOptions } from "../../src/eval/generate_text.ts";
import { webgpuPredictor } from "../../src/eval/backends/webgpu.ts";
import { loadModel } from "../../src/model/load.ts";
import { loadTokenizer } from "../../src/text/tokenizer.ts";
import { writeParrot } from "../model/parrot.ts";
import { BASE, DENSE, leavesNothing } from "../model/support.ts";
import { tempFolder } from "../train/support.ts";
import { TOKENIZER } from "../train/tiny.ts";

const PROMPTS = [[1, 349, 378, 954, 13], [1, 7], [1, 500, 13]];

Deno.test("texts are what their ids decode to, whole and piece by piece", () =>
  leavesNothing(async (device) => {
    const tokenizer = await loadTokenizer(TOKENIZER);
    using model = await loadModel(device, BASE, DENSE);
    for (const temperature of [0, 3]) {
      const pieces = PROMPTS.map(() => "");
      const texts = await generateText({ model, tokenizer }, PROMPTS, {
        maxNewTokens: 24,
        temperature,
        onText: (sequence, text) => pieces[sequence] += text,
      });
      for (const [i, { text, ids }] of texts.entries()) {
        assertEquals(text, tokenizer.decode(ids));
        assertEquals(pieces[i], text);
        assert(ids.length > 0);
      }
    }
  }));

Deno.test("a text ends with its first statement, or at EOS alone", () =>
  leavesNothing(async (device) => {
    using folder = tempFolder();
    const answer = "SELECT title FROM books; DROP all";
    const directory = await writeParrot(folder("parrot"), answer);
    const tokenizer = await loadTokenizer(directory);
    using model = await loadModel(device, directory, DENSE);
    const ask = async (options: TextOptions) => {
      const prompt = tokenizer.encode("### Response:\n");
      const [{ text, finishReason }] = await generateText({ model, tokenizer }, [prompt], options);
      return [text, finishReason];
    };
    assertEquals(await ask({ maxNewTokens: 40 }), ["SELECT title FROM books;", "stop"]);
    assertEquals(await ask({ maxNewTokens: 40, oneStatement: false }), [answer, "stop"]);
    assertEquals((await ask({ maxNewTokens: 3 }))[1], "length");

    const predictor = webgpuPredictor(model, tokenizer, {
      name: "parrot",
      promptStyle: "alpaca",
      batchSize: 2,
      maxNewTokens: 40,
    });
    const prompts = [0, 1, 2].map((index) => ({ index, parts: { instruction: "Ask", input: "" } }));
    const answers = await Array.fromAsync(
      predictor.answer(prompts, new AbortController().signal),
      ({ index, sql }) => [index, sql],
    );
    assertEquals(answers, [0, 1, 2].map((index) => [index, "SELECT title FROM books"]));
  }));
