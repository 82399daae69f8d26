/**
 * The worker of token_counter.ts.
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import type { CountedRecord } from "../data/count_lengths.ts";
import { FormatError } from "../errors.ts";
import { countAnswered } from "./prompt.ts";
import type { CounterAnswer, CounterSetup } from "./token_counter.ts";
import { loadTokenizer } from "./tokenizer.ts";

const { directory, style }: CounterSetup = workerData;
const answer = (message: CounterAnswer) => parentPort!.postMessage(message);

async function serve(): Promise<void> {
  const tokenizer = await loadTokenizer(directory);
  parentPort!.on("message", (records: readonly CountedRecord[]) => {
    try {
      answer({ counts: records.map((record) => countAnswered(record, tokenizer, { style })) });
    } catch (error) {
      fail(error);
    }
  });
  answer({ counts: [] });
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  answer({ message, isFormat: error instanceof FormatError });
}

serve().catch(fail);
