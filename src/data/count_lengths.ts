/**
 * Lengths of records, counted in batches beside the other work.
 * @module
 */
import type { InstructionRecord } from "./record.ts";

/** What is counted of a record. */
export type CountedRecord = Pick<InstructionRecord, "instruction" | "input" | "output">;

/** The number of tokens of each record as the model is trained on it, BOS and EOS included. */
export type CountTokens = (records: readonly CountedRecord[]) => Promise<readonly number[]>;

/** Counts lengths one record after another. */
export interface LengthCounter {
  add(record: CountedRecord): Promise<void>;
  /** The lengths in the order of `add`; tokens are null where nothing counts them. */
  finish(): Promise<{ tokens: readonly number[] | null; characters: readonly number[] }>;
}

const BATCH = 256;
/** Batches that may wait at once: enough to keep a worker busy, few enough not to need memory. */
const IN_FLIGHT = 4;

/** A counter. Waits where `countTokens` is slower than the rest. */
export function countLengths(countTokens?: CountTokens): LengthCounter {
  const tokens: number[] = [];
  const characters: number[] = [];
  const inFlight: Promise<readonly number[]>[] = [];
  let batch: CountedRecord[] = [];

  const send = () => {
    if (!countTokens || batch.length === 0) return;
    const counted = countTokens(batch);
    counted.catch(() => {}); // whoever waits for it hears of the fault
    inFlight.push(counted);
    batch = [];
  };
  const receive = async () => {
    for (const count of await inFlight.shift()!) tokens.push(count);
  };

  return {
    async add({ instruction, input, output }) {
      characters.push(instruction.length + input.length + output.length);
      if (!countTokens) return;
      batch.push({ instruction, input, output });
      if (batch.length < BATCH) return;
      send();
      while (inFlight.length > IN_FLIGHT) await receive();
    },
    async finish() {
      send();
      while (inFlight.length > 0) await receive();
      return { tokens: countTokens ? tokens : null, characters };
    },
  };
}
