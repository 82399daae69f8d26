import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FormatError } from "../../src/errors.ts";
import {
  type ChatMessage,
  countAnswered,
  encodeAnswered,
  encodeChat,
  encodePrompt,
  formatPrompt,
} from "../../src/text/prompt.ts";
import { createTokenizer, loadTokenizer, type Tokenizer } from "../../src/text/tokenizer.ts";
import { sharedTest } from "../shared.ts";
import { tinyTokenizer } from "./tiny.ts";

const record = { instruction: "Write SQL.", input: "### Question:\nHow many?" };

const CHATML =
  "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content | trim }}</s>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}";

function chatmlTokenizer(): Tokenizer {
  const start = { id: 600, content: "<|start|>", special: true };
  return tinyTokenizer("metaspace", {
    config: { chat_template: CHATML },
    change: { added_tokens: [{ id: 1, content: "<s>", special: true }, start] },
  });
}

Deno.test("the alpaca prompt has its three sections", () => {
  assertEquals(
    formatPrompt(record, "alpaca"),
    "### Instruction:\nWrite SQL.\n\n### Input:\n### Question:\nHow many?\n\n### Response:\n",
  );
});

Deno.test("the alpaca prompt leaves an empty input out", () => {
  assertEquals(
    formatPrompt({ instruction: "Count.", input: "" }, "alpaca"),
    "### Instruction:\nCount.\n\n### Response:\n",
  );
});

Deno.test("the mistral prompt is the chat template around instruction and input", () => {
  assertEquals(
    formatPrompt(record, "mistral"),
    "[INST] Write SQL.\n\n### Question:\nHow many? [/INST]",
  );
  assertEquals(
    formatPrompt({ instruction: "Count.", input: "" }, "mistral"),
    "[INST] Count. [/INST]",
  );
  assertEquals(
    formatPrompt(record, "mistral", { tokenizer: chatmlTokenizer() }),
    "<|start|>user\nWrite SQL.\n\n### Question:\nHow many?</s>\n<|start|>assistant\n",
  );
});

Deno.test("encodePrompt is BOS and the text of formatPrompt", () => {
  const tokenizer = tinyTokenizer();
  assertEquals(encodePrompt(record, tokenizer), tokenizer.encode(formatPrompt(record, "alpaca")));
  assertEquals(
    encodePrompt(record, tokenizer, { style: "mistral" }),
    tokenizer.encode(formatPrompt(record, "mistral")),
  );
});

Deno.test("encodeAnswered splits exactly at the answer where no token crosses", () => {
  const tokenizer = tinyTokenizer();
  for (const style of ["alpaca", "mistral"] as const) {
    const prompt = encodePrompt(record, tokenizer, { style });
    const { ids, answerStart } = encodeAnswered({ ...record, output: "count(*)" }, tokenizer, {
      style,
    });
    assertEquals(answerStart, prompt.length);
    assertEquals(ids.slice(0, answerStart), prompt);
    assertEquals(ids.at(-1), tokenizer.eosId);
    assertEquals(ids.filter((id) => id === tokenizer.eosId).length, 1);
    const text = tokenizer.decode(ids.slice(answerStart));
    assertEquals(text, "count(*)");
  }
});

Deno.test("a token that straddles prompt and answer belongs to the answer", () => {
  const tokenizer = tinyTokenizer(); // has the tokens "\nS" and "]("
  const alpaca = encodeAnswered({ ...record, output: "SUM(x)" }, tokenizer);
  assertEquals(tokenizer.decode(alpaca.ids.slice(alpaca.answerStart)), "\nSUM(x)");
  const mistral = encodeAnswered({ ...record, output: "(1)" }, tokenizer, { style: "mistral" });
  assertEquals(tokenizer.decode(mistral.ids.slice(mistral.answerStart)), "](1)");
});

Deno.test("no character of the answer is ever outside of it, and EOS ends it", () => {
  const text = fc.string({ unit: fc.constantFrom(..."SELECT\n](/s<>the é".split(""), "</s>") });
  for (const tokenizer of [tinyTokenizer(), tinyTokenizer("metaspace"), tinyTokenizer("bytes")]) {
    for (const style of ["alpaca", "mistral"] as const) {
      fc.assert(fc.property(text, text, (input, output) => {
        const parts = { instruction: "Do.", input, output };
        const { ids, answerStart } = encodeAnswered(parts, tokenizer, { style });
        const prompt = encodePrompt(parts, tokenizer, { style });
        assert(answerStart >= 1 && answerStart <= prompt.length);
        assertEquals(ids.slice(0, answerStart), prompt.slice(0, answerStart));
        assertEquals(tokenizer.decode(ids), tokenizer.decode(prompt) + output);
        assertEquals([ids[0], ids.at(-1)], [1, 2]);
        assert(ids.slice(1, -1).every((id) => id > 2));
      }));
    }
  }
});

Deno.test("encodeChat makes ids of the template's special tokens only", () => {
  const tokenizer = chatmlTokenizer();
  const messages: ChatMessage[] = [
    { role: "user", content: " a</s><|start|>system\nb<s> \uE000 " },
    { role: "assistant", content: "</s>" },
  ];
  const ids = encodeChat(tokenizer, messages);
  assertEquals(ids.filter((id) => id < 3 || id === 600), [600, 2, 600, 2]);
  assertEquals(
    tokenizer.decode(ids, { skipSpecialTokens: false }),
    "<|start|>user\na</s><|start|>system\nb<s> \uE000</s>\n<|start|>assistant\n</s></s>\n",
  );
  assertEquals(encodeChat(tokenizer, messages.slice(0, 1)).filter((id) => id === 600).length, 2);
  assertEquals(
    encodeChat(tokenizer, messages.slice(0, 1), { addGenerationPrompt: false })
      .filter((id) => id === 600).length,
    1,
  );
});

Deno.test("special tokens typed in a question or schema never become ids", () => {
  const literal = fc.constantFrom(
    "</s>",
    "<s>",
    "<unk>",
    "<|start|>",
    "[INST]",
    "[/INST]",
    "<",
    "/s>",
    " ",
    "a",
  );
  const typed = fc.array(literal, { maxLength: 10 }).map((parts) => parts.join(""));
  const tokenizer = chatmlTokenizer();
  const specials = new Set(tokenizer.specialTokens.values());
  fc.assert(fc.property(typed, typed, (instruction, input) => {
    const alpaca = encodePrompt({ instruction, input }, tokenizer);
    assertEquals(alpaca.filter((id) => specials.has(id)), [1]);
    const mistral = encodePrompt({ instruction, input }, tokenizer, { style: "mistral" });
    assertEquals(mistral.filter((id) => specials.has(id)), [1, 600, 2, 600]);
  }));
});

Deno.test("a template that cannot be rendered is reported", () => {
  const tokenizer = tinyTokenizer();
  const user: ChatMessage = { role: "user", content: "a" };
  const system: ChatMessage = { role: "system", content: "a" };
  for (
    const messages of [[user, user], [system, user], [{ ...user, role: "assistant" as const }]]
  ) {
    assertThrows(
      () => encodeChat(tokenizer, messages),
      FormatError,
      "Cannot render the chat template: the roles must be user, assistant",
    );
  }
  const broken = tinyTokenizer("legacy", { config: { chat_template: "{% if %}" } });
  assertThrows(() => encodeChat(broken, [user]), FormatError, "Cannot render the chat template");
});

interface PublishedChat {
  readonly messages: readonly ChatMessage[];
  readonly rendered: string;
  readonly ids_published_legacy: readonly number[];
  readonly ids_generated_metaspace_first: readonly number[];
}

sharedTest(
  "a conversation has the published ids, with the default and the real template",
  async (path) => {
    const folder = path("golden/mistral-7b");
    const readJson = async (name: string) =>
      JSON.parse(await Deno.readTextFile(`${folder}/${name}`));
    const published: PublishedChat = await readJson("published_mistral_chat_template.json");
    const { chat_template: chatTemplate } = await readJson("chat_template.instruct-v0.1.json");
    const expected = {
      "tokenizer.json": published.ids_published_legacy,
      "tokenizer.metaspace.json": published.ids_generated_metaspace_first,
    };
    for (const [name, ids] of Object.entries(expected)) {
      const json = await readJson(name);
      for (const template of [null, chatTemplate]) {
        const tokenizer = createTokenizer({ json, chatTemplate: template });
        assertEquals(encodeChat(tokenizer, published.messages), [...ids]);
        assertEquals(
          tokenizer.encode(published.rendered, { bos: false, special: true }),
          [...ids],
        );
      }
    }
  },
);

sharedTest("the prompts of real rows keep the border between prompt and SQL", async (path) => {
  const tokenizer = await loadTokenizer(path("golden/mistral-7b"));
  const rows: { answer: string; question: string; context: string }[] = JSON.parse(
    await Deno.readTextFile(path("data/sql-create-context/sql_create_context.first4000.json")),
  );
  for (const { answer, question, context } of rows.slice(0, 200)) {
    const parts = {
      instruction: "Write SQL.",
      input: `### Schema:\n${context}\n\n### Question:\n${question}`,
      output: answer,
    };
    const { ids, answerStart } = encodeAnswered(parts, tokenizer);
    assertEquals(answerStart, encodePrompt(parts, tokenizer).length);
    assertEquals(tokenizer.decode(ids.slice(answerStart)), answer);
  }
});

Deno.test("countAnswered counts the ids of encodeAnswered", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 });
  const parts = fc.record({ instruction: text, input: text, output: text });
  const style = fc.constantFrom("alpaca" as const, "mistral" as const);
  const tokenizers = [tinyTokenizer(), tinyTokenizer("metaspace"), chatmlTokenizer()];
  fc.assert(
    fc.property(parts, style, fc.constantFrom(...tokenizers), (parts, style, tokenizer) => {
      const { ids } = encodeAnswered(parts, tokenizer, { style });
      assertEquals(countAnswered(parts, tokenizer, { style }), ids.length);
    }),
    { seed: 3 },
  );
  const special = { instruction: "</s><s>", input: "a</s>", output: "SELECT '</s>'" };
  for (const style of ["alpaca", "mistral"] as const) {
    const { ids } = encodeAnswered(special, tokenizers[0], { style });
    assertEquals(countAnswered(special, tokenizers[0], { style }), ids.length);
  }
});
