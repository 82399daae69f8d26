/**
 * The five demo databases, and records about them to train on and to test with, all generated: what a
 * first run needs, without a file or a network. What they are: data/demo/README.md.
 * @module
 */
import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors.ts";
import { random } from "./random.ts";
import type { InstructionRecord } from "./record.ts";
import { databaseScript } from "./synthetic/database.ts";
import { demoDatabases } from "./synthetic/databases.ts";
import { DEMO_THEMES } from "./synthetic/demo_themes.ts";
import { type Pair, type PairSplit, syntheticPairs } from "./synthetic/pairs.ts";
import { pairRecord } from "./synthetic/record.ts";

/** The names of the databases. */
export const DEMO_DATABASES: readonly string[] = DEMO_THEMES.map(({ name }) => name);

/**
 * The script that builds a demo database: its tables and their rows, the bytes of
 * `data/demo/<name>/<name>.sql`. Give it to `openDatabase` as `{ ddl }`. Throws
 * {@linkcode ConfigError} for a name that is not one of {@linkcode DEMO_DATABASES}.
 */
export function demoDatabase(name: string): string {
  const database = demoDatabases().find((each) => each.name === name);
  if (database !== undefined) return databaseScript(database);
  throw new ConfigError([
    `Cannot make the demo database ${name}: there is none; take one of ${
      DEMO_DATABASES.join(", ")
    }`,
  ]);
}

/** The folder of the project that has the databases as scripts, each with its ten questions. */
export function demoFolder(): string {
  return fileURLToPath(new URL("../../data/demo/", import.meta.url));
}

/** How many records of each kind to make, and from which seed. */
export interface DemoSplitOptions {
  readonly seed: number;
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** Records about the demo databases; `meta.db_id` names the database of each. */
export interface DemoSplits {
  readonly train: readonly InstructionRecord[];
  readonly validation: readonly InstructionRecord[];
  readonly test: readonly InstructionRecord[];
}

/** Of so many queries, one is for validation. */
const HELD_BACK = 8;

/**
 * Records about the demo databases, the same for the same options on every machine. No two of the
 * three share a question or a query, whatever seeds they are made from: those for testing are of a
 * split of their own, and which queries are held back for validation follows from their text. Throws
 * {@linkcode ConfigError} where there are not as many.
 */
export function demoSplits({ seed, train, validation, test }: DemoSplitOptions): DemoSplits {
  const [training, held] = [new Map<string, Pair>(), new Map<string, Pair>()];
  for (const pair of pairs("train", seed)) {
    if (training.size >= train && held.size >= validation) break;
    const isHeld = random(0, "held back", pair.sql).below(HELD_BACK) === 0;
    const [own, wanted] = isHeld ? [held, validation] : [training, train];
    // The same words can ask two databases; one of them is enough.
    const question = pair.question.toLowerCase();
    if (own.size < wanted && !own.has(question)) own.set(question, pair);
  }
  return {
    train: recordsOf("train", training.values()),
    validation: recordsOf("validation", held.values()),
    test: recordsOf("test", pairs("test_seen", seed, test)),
  };
}

function pairs(split: PairSplit, seed: number, count?: number): Generator<Pair> {
  return syntheticPairs({ split, seed, count, schemas: "demo" });
}

/** Each shows the whole database, not only the tables that its query needs. */
function recordsOf(split: keyof DemoSplits, pairs: Iterable<Pair>): InstructionRecord[] {
  return Array.from(pairs, (pair, i) => {
    const shown = pair.database.tables;
    return { ...pairRecord({ ...pair, shown }), id: `demo-${split}-${i + 1}` };
  });
}
