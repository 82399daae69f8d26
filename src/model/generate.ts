/**
 * Text generation with a key-value cache.
 * @module
 */
import { GenerationError, ShapeError } from "../errors.ts";
import { random } from "../data/random.ts";
import type { Tensor } from "../device/tensor.ts";
import { argmax, NO_INDEX } from "../ops/argmax.ts";
import { linear } from "../ops/linear.ts";
import { gatherRows } from "../ops/rows.ts";
import { Tape } from "../ops/tape.ts";
import { KeyValueCache, type SequenceStep } from "./kv_cache.ts";
import type { Model } from "./model.ts";
import { sampleToken } from "./sample.ts";

/** How to choose tokens and when to stop. */
export interface GenerateOptions {
  readonly maxNewTokens: number;
  /** Tokens that end a sequence; by default the model's own. */
  readonly eosIds?: readonly number[];
  /** 0 (default) takes the likeliest token; above, the logits are divided by it and sampled from. */
  readonly temperature?: number;
  /** Samples from the likeliest tokens that together have this probability. Default 1: all. */
  readonly topP?: number;
  /** Samples from this many likeliest tokens. Default 0: all. */
  readonly topK?: number;
  /** Default 42. The same seed and prompt give the same tokens, whatever else is in the batch. */
  readonly seed?: number;
  /** Ends a sequence, when it returns true for the ids generated so far. Called with each new one. */
  readonly isComplete?: (ids: readonly number[], sequence: number) => boolean;
  readonly signal?: AbortSignal;
  /** Called with each new token. EOS is not reported. */
  readonly onToken?: (sequence: number, id: number) => void;
}

/** A generated sequence, without its prompt and without EOS. */
export interface Generation {
  readonly ids: readonly number[];
  /** "stop" at EOS or where `isComplete` said so, "length" at `maxNewTokens`. */
  readonly finishReason: "stop" | "length";
}

/**
 * Continues each prompt (ids, BOS included, at least one), all in one batch.
 * Throws {@linkcode ShapeError} for an empty prompt, {@linkcode GenerationError} where the logits of a
 * next token hold NaN or infinity, and what `signal` was aborted with.
 */
export async function generate(
  model: Model,
  prompts: readonly ArrayLike<number>[],
  options: GenerateOptions,
): Promise<Generation[]> {
  const { maxNewTokens, eosIds = model.config.eosIds, isComplete, signal, onToken } = options;
  if (prompts.length === 0 || prompts.some((prompt) => prompt.length === 0)) {
    throw new ShapeError("Cannot generate: a prompt is empty; start it with BOS at least");
  }
  const { device } = model.scope;
  using scope = device.scope("generation");
  const cache = new KeyValueCache(
    scope,
    model.config,
    prompts.map((prompt) => prompt.length + maxNewTokens),
  );
  const chooser = tokenChooser(options, sampleKeys(prompts));
  const outputs = prompts.map((): number[] => []);
  const stopped = prompts.map(() => false);
  let steps: SequenceStep[] = prompts.map((ids, sequence) => ({ sequence, ids }));
  for (let count = 0; count < maxNewTokens && steps.length > 0; count++) {
    signal?.throwIfAborted();
    using pass = device.scope("decoding");
    const tape = new Tape(pass);
    const { input, lastRows } = cache.step(pass, steps);
    const hidden = model.network.forward(tape, input);
    const last = gatherRows(tape, hidden, pass.upload(lastRows));
    const logits = linear(tape, last, model.network.output);
    const chosen = await chooser(tape, logits, steps.map(({ sequence }) => sequence), count);
    steps = steps.flatMap(({ sequence }, i) => {
      const id = chosen[i];
      if (id === NO_INDEX) throw notFinite(sequence, count);
      if (eosIds.includes(id)) {
        stopped[sequence] = true;
        return [];
      }
      outputs[sequence].push(id);
      onToken?.(sequence, id);
      stopped[sequence] = isComplete?.(outputs[sequence], sequence) ?? false;
      return stopped[sequence] ? [] : [{ sequence, ids: [id] }];
    });
  }
  return outputs.map((ids, sequence) => ({
    ids,
    finishReason: stopped[sequence] ? "stop" : "length",
  }));
}

function notFinite(sequence: number, generated: number): GenerationError {
  return new GenerationError(
    `Cannot generate: the model's logits are not finite after ${generated} tokens of answer ` +
      `${sequence}; its weights or its adapter are damaged or diverged, use others`,
    { sequence, generated },
  );
}

/** Gives a token for each row of the logits, NO_INDEX where they are not finite. */
type TokenChooser = (
  tape: Tape,
  logits: Tensor,
  sequences: readonly number[],
  count: number,
) => Promise<ArrayLike<number>>;

/**
 * A key for each prompt's random numbers: its ids, and how often the same prompt came before it, so
 * that asking twice in one batch gives two samples.
 */
function sampleKeys(prompts: readonly ArrayLike<number>[]): string[] {
  const asked = new Map<string, number>();
  return prompts.map((prompt) => {
    const ids = Array.from(prompt).join();
    const before = asked.get(ids) ?? 0;
    asked.set(ids, before + 1);
    return `${ids}#${before}`;
  });
}

function tokenChooser(options: GenerateOptions, keys: readonly string[]): TokenChooser {
  const { temperature = 0, topP = 1, topK = 0, seed = 42 } = options;
  if (temperature === 0) {
    // sync: the next step needs the tokens, so one word per sequence comes back
    return (tape, logits) => tape.device.readU32(argmax(tape.scope, logits));
  }
  return async (tape, logits, sequences, count) => {
    const [rows, vocabulary] = logits.shape;
    // sync: sampling is done on the host
    const values = await tape.device.readF32(logits);
    return Array.from(
      { length: rows },
      (_, i) =>
        sampleToken(values.subarray(i * vocabulary, (i + 1) * vocabulary), {
          temperature,
          topP,
          topK,
          uniform: random(seed, "sample", keys[sequences[i]], count).float(),
        }) ?? NO_INDEX,
    );
  };
}
