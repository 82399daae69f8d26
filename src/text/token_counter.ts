/**
 * Counts tokens in a worker, beside whatever else is going on.
 * @module
 */
import { Worker } from "node:worker_threads";
import type { CountedRecord } from "../data/count_lengths.ts";
import { FormatError } from "../errors.ts";
import type { PromptStyle } from "./prompt.ts";

/** Counts the tokens of records; dispose of it to end its worker. */
export interface TokenCounter extends Disposable {
  /** The number of tokens of each record: BOS, prompt, SQL, EOS. Rejects once it is disposed of. */
  count(records: readonly CountedRecord[]): Promise<readonly number[]>;
}

/** What the worker is started with. */
export interface CounterSetup {
  /** The folder of the tokenizer. */
  readonly directory: string;
  readonly style: PromptStyle;
}

/** What the worker answers, in the order of the questions; the first answer says that it is ready. */
export type CounterAnswer =
  | { readonly counts: readonly number[] }
  /** `message` is whole where it is one of a FormatError. */
  | { readonly message: string; readonly isFormat: boolean };

/**
 * Starts a counter with the tokenizer in `directory`, which is held by the worker alone.
 * Rejects with FormatError where the tokenizer cannot be loaded.
 */
export async function openTokenCounter(setup: CounterSetup): Promise<TokenCounter> {
  const worker = new Worker(new URL("./token_counter_worker.ts", import.meta.url), {
    workerData: setup,
  });
  const waiting: PromiseWithResolvers<readonly number[]>[] = [];
  const fail = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on("message", (answer: CounterAnswer) => {
    if ("counts" in answer) return waiting.shift()?.resolve(answer.counts);
    const { message, isFormat } = answer;
    fail(isFormat ? new FormatError(message) : new Error(`Cannot count tokens: ${message}`));
  });
  let ended: Error | null = null;
  const end = (error: Error) => {
    ended ??= error;
    fail(error);
  };
  const expect = () => {
    if (ended) return Promise.reject(ended);
    const answer = Promise.withResolvers<readonly number[]>();
    waiting.push(answer);
    return answer.promise;
  };
  worker.on("error", end);
  worker.on("exit", () => end(new Error("Cannot count tokens: the worker has ended")));
  await expect();
  return {
    count(records) {
      const counts = expect();
      worker.postMessage(records);
      return counts;
    },
    [Symbol.dispose]() {
      end(new Error("Cannot count tokens: the counter is closed"));
      worker.terminate();
    },
  };
}
