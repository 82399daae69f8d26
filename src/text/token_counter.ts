/**
 * Counts tokens in a worker, beside whatever else is going on.
 * @module
 */
import { Worker } from "node:worker_threads";
import type { CountedRecord } from "../data/count_lengths.ts";
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
export type CounterAnswer = { readonly counts: readonly number[] } | { readonly fault: string };

/**
 * Starts a counter with the tokenizer in `directory`.
 * Rejects where the tokenizer cannot be loaded; load it beforehand for an error that says why.
 */
export async function openTokenCounter(setup: CounterSetup): Promise<TokenCounter> {
  const worker = new Worker(new URL("./token_counter_worker.ts", import.meta.url), {
    workerData: setup,
  });
  const waiting: PromiseWithResolvers<readonly number[]>[] = [];
  const fail = (reason: string) => {
    const error = new Error(`Cannot count tokens: ${reason}`);
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on("message", (answer: CounterAnswer) => {
    if ("fault" in answer) fail(answer.fault);
    else waiting.shift()?.resolve(answer.counts);
  });
  worker.on("error", (error) => fail(String(error)));
  worker.on("exit", () => fail("its worker has ended"));
  const expect = () => {
    const answer = Promise.withResolvers<readonly number[]>();
    waiting.push(answer);
    return answer.promise;
  };
  await expect();
  return {
    count(records) {
      const counts = expect();
      worker.postMessage(records);
      return counts;
    },
    [Symbol.dispose]() {
      fail("the counter is closed");
      worker.terminate();
    },
  };
}
