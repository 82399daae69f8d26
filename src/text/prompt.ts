/**
 * The prompt, in one place for training, evaluation and serving: what a record looks like as text
 * and as token ids.
 * @module
 */
import { Template } from "@huggingface/jinja";
import { FormatError } from "../errors.ts";
import type { Segment, Tokenizer } from "./tokenizer.ts";

/** "alpaca" is plain text with headings; "mistral" is the tokenizer's own chat template. */
export type PromptStyle = "alpaca" | "mistral";

/** The part of a record that the model is given. */
export interface PromptParts {
  readonly instruction: string;
  /** May be empty. */
  readonly input: string;
}

/** One turn of a conversation. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** Token ids of a prompt and its answer. */
export interface AnsweredPrompt {
  /** BOS, prompt, answer, EOS. */
  readonly ids: readonly number[];
  /** Index of the first id that belongs to the answer. */
  readonly answerStart: number;
}

/**
 * The chat format of Mistral-7B-Instruct-v0.1, for a tokenizer without a template: `[INST] … [/INST]`
 * for the user's turns, the answers followed by EOS and a space.
 */
export const MISTRAL_INSTRUCT_TEMPLATE = `{{ bos_token }}
{%- for message in messages %}
  {%- if (message.role == "user") != (loop.index0 is even) or message.role == "system" %}
    {{- raise_exception("the roles must be user, assistant, user, assistant, ...") }}
  {%- endif %}
  {%- if message.role == "user" %}
    {{- "[INST] " + message.content + " [/INST]" }}
  {%- else %}
    {{- message.content + eos_token + " " }}
  {%- endif %}
{%- endfor %}`;

/**
 * The prompt of `record` as text, without BOS, up to where the answer starts. The "alpaca" form
 * leaves its Input section out where the input is empty. The "mistral" form uses the template of
 * `tokenizer`, or Mistral-7B-Instruct-v0.1's.
 *
 * To encode a prompt take {@linkcode encodePrompt}: text alone cannot tell the template's special
 * tokens from the user's words. Throws FormatError where the template cannot be rendered.
 */
export function formatPrompt(
  record: PromptParts,
  style: PromptStyle,
  options: { readonly tokenizer?: Tokenizer } = {},
): string {
  if (style === "mistral") {
    const tokenizer = options.tokenizer;
    const eosToken = tokenizer?.eosToken ?? "</s>";
    return render(
      { chatTemplate: tokenizer?.chatTemplate ?? null, bosToken: "", eosToken },
      [userMessage(record)],
      true,
    );
  }
  const input = record.input === "" ? "" : `### Input:\n${record.input}\n\n`;
  return `### Instruction:\n${record.instruction}\n\n${input}### Response:\n`;
}

/** The ids of the prompt of `record`, after BOS. Throws as {@linkcode formatPrompt} does. */
export function encodePrompt(
  record: PromptParts,
  tokenizer: Tokenizer,
  options: { readonly style?: PromptStyle } = {},
): number[] {
  if (options.style === "mistral") {
    return startWithBos(encodeChat(tokenizer, [userMessage(record)]), tokenizer);
  }
  return tokenizer.encode(formatPrompt(record, "alpaca"));
}

/**
 * The ids of the prompt of `record` and its `output`, encoded as one text, between BOS and EOS.
 *
 * The answer starts where these ids stop to agree with those of the prompt alone, which is all that
 * the model has seen when it answers. So a token that straddles the border counts as answer (no
 * character of `output` is ever outside of it), and so do tokens of the prompt's end that come out
 * differently because of it. Where no token crosses the border, `answerStart` is the prompt's length.
 */
export function encodeAnswered(
  record: PromptParts & { readonly output: string },
  tokenizer: Tokenizer,
  options: { readonly style?: PromptStyle } = {},
): AnsweredPrompt {
  const prompt = encodePrompt(record, tokenizer, options);
  let ids: number[];
  if (options.style === "mistral") {
    const answer: ChatMessage = { role: "assistant", content: record.output };
    ids = startWithBos(encodeChat(tokenizer, [userMessage(record), answer]), tokenizer);
  } else {
    ids = tokenizer.encode(formatPrompt(record, "alpaca") + record.output);
  }
  let answerStart = 0;
  while (answerStart < prompt.length && prompt[answerStart] === ids[answerStart]) answerStart++;
  // What a chat template writes after the answer's EOS belongs to the next turn.
  const end = ids.lastIndexOf(tokenizer.eosId);
  return {
    ids: [...ids.slice(0, end >= answerStart ? end : undefined), tokenizer.eosId],
    answerStart,
  };
}

/**
 * How many ids {@linkcode encodeAnswered} gives. In the alpaca form it takes half the time, for the
 * border of the answer is not looked for.
 */
export function countAnswered(
  record: PromptParts & { readonly output: string },
  tokenizer: Tokenizer,
  options: { readonly style?: PromptStyle } = {},
): number {
  if (options.style === "mistral") return encodeAnswered(record, tokenizer, options).ids.length;
  return tokenizer.encode(formatPrompt(record, "alpaca") + record.output).length + 1;
}

/**
 * The ids of a conversation in the tokenizer's chat template, or Mistral-7B-Instruct-v0.1's where it
 * has none. Only special tokens that the template writes become special ids; literals like `</s>` in
 * a message stay text. BOS is there if the template writes it.
 *
 * `addGenerationPrompt` (default: the last message is not the assistant's) is handed to the template.
 * Throws FormatError where the template cannot be rendered, such as for roles that do not alternate.
 */
export function encodeChat(
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  options: { readonly addGenerationPrompt?: boolean } = {},
): number[] {
  const addGenerationPrompt = options.addGenerationPrompt ?? messages.at(-1)?.role !== "assistant";
  const guard = guardLiterals(tokenizer, messages.map((message) => message.content));
  const guarded = messages.map(({ role, content }) => ({ role, content: guard.hide(content) }));
  const rendered = render(tokenizer, guarded, addGenerationPrompt);
  const segments = tokenizer.splitSpecialTokens(rendered);
  // An empty text between two special tokens must not take the place of the text's start.
  return tokenizer.encodeSegments(
    segments.filter((segment) => segment !== "").map((segment): Segment =>
      typeof segment === "string" ? guard.restore(segment) : segment
    ),
  );
}

/**
 * Hides the special tokens' literals in messages behind a character that no message uses, so that
 * the template's own can be told from them after rendering.
 */
function guardLiterals(tokenizer: Tokenizer, contents: readonly string[]) {
  const literals = [...tokenizer.specialTokens.keys()].sort((a, b) => b.length - a.length);
  let code = 0xe000; // private use area
  while (contents.some((content) => content.includes(String.fromCharCode(code)))) code++;
  const mark = String.fromCharCode(code);
  const hidden = new RegExp(`${mark}(\\d+)${mark}`, "g");
  return {
    hide: (content: string) =>
      literals.reduce(
        (text, literal, index) => text.replaceAll(literal, `${mark}${index}${mark}`),
        content,
      ),
    restore: (text: string) => text.replace(hidden, (_, index) => literals[Number(index)]),
  };
}

function render(
  tokenizer: Pick<Tokenizer, "chatTemplate" | "bosToken" | "eosToken">,
  messages: readonly ChatMessage[],
  addGenerationPrompt: boolean,
): string {
  const { bosToken, eosToken } = tokenizer;
  try {
    return new Template(tokenizer.chatTemplate ?? MISTRAL_INSTRUCT_TEMPLATE).render({
      messages,
      bos_token: bosToken,
      eos_token: eosToken,
      add_generation_prompt: addGenerationPrompt,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(
      `Cannot render the chat template: ${reason}; change the messages or use the alpaca prompt`,
      {},
      { cause },
    );
  }
}

/** The prompt as one turn of a conversation, for a template that is not this module's. */
export function userMessage({ instruction, input }: PromptParts): ChatMessage {
  return { role: "user", content: input === "" ? instruction : `${instruction}\n\n${input}` };
}

function startWithBos(ids: number[], tokenizer: Tokenizer): number[] {
  return ids[0] === tokenizer.bosId ? ids : [tokenizer.bosId, ...ids];
}
