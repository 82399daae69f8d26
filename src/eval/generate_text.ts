/**
 * Text from a model, for everything that asks one: the command line, evaluations, notebooks.
 * @module
 */
import { generate, type GenerateOptions, type Generation } from "../model/generate.ts";
import type { Model } from "../model/model.ts";
import { sqlEnd } from "../text/sql_end.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/** A model with the tokenizer that it was made with. */
export interface TextModel {
  readonly model: Model;
  readonly tokenizer: Tokenizer;
}

/** How to choose tokens and when to stop. */
export interface TextOptions extends Omit<GenerateOptions, "eosIds" | "isComplete" | "onToken"> {
  /** Whether a text also ends with the semicolon of its first SQL statement. Default true. */
  readonly oneStatement?: boolean;
  /** Called with each new piece of text as soon as what follows cannot change it. */
  readonly onText?: (sequence: number, text: string) => void;
}

/** A generated sequence and the text that its ids stand for. */
export interface GeneratedText extends Generation {
  readonly text: string;
}

/**
 * Continues prompts (see `encodePrompt`), all in one batch, until the EOS of the tokenizer or the
 * model, or the end of a statement. Throws as {@linkcode generate} does.
 */
export async function generateText(
  { model, tokenizer }: TextModel,
  prompts: readonly ArrayLike<number>[],
  { oneStatement = true, onText, ...options }: TextOptions,
): Promise<GeneratedText[]> {
  const streams = prompts.map(() => tokenizer.decodeStream());
  const texts = prompts.map(() => "");
  const add = (sequence: number, piece: string) => {
    texts[sequence] += piece;
    if (piece !== "") onText?.(sequence, piece);
  };
  const generations = await generate(model, prompts, {
    ...options,
    eosIds: [...new Set([tokenizer.eosId, ...model.config.eosIds])],
    isComplete: (ids, sequence) => {
      const piece = streams[sequence].push(ids[ids.length - 1]);
      add(sequence, piece);
      return oneStatement && piece.includes(";") && sqlEnd(texts[sequence]) >= 0;
    },
  });
  return generations.map((generation, sequence) => {
    add(sequence, streams[sequence].flush());
    return { ...generation, text: texts[sequence] };
  });
}
