/**
 * Writes questions about databases whose themes no training pair has, each database with its script,
 * in the layout that `deno task eval --benchmark demo --data FOLDER` reads:
 *
 *     deno run --allow-read --allow-write data/demo/make_unseen.ts FOLDER [COUNT]
 * @module
 */
import { join } from "node:path";
import { writeFileAtomic } from "../../src/formats/atomic.ts";
import { databaseScript } from "../../src/data/synthetic/database.ts";
import { type Pair, syntheticPairs } from "../../src/data/synthetic/pairs.ts";

const SEED = 42;
const COUNT = 300;

if (import.meta.main) {
  const [folder, count = String(COUNT)] = Deno.args;
  if (folder === undefined || !/^[1-9]\d*$/.test(count)) {
    console.error("Cannot write questions: give a folder and, if wanted, a number of questions");
    Deno.exit(2);
  }
  const databases = await writeUnseen(folder, Number(count));
  console.log(`${count} questions about ${databases} databases are in ${folder}`);
}

/** Writes `count` questions and their databases into `folder`; gives the number of databases. */
export async function writeUnseen(folder: string, count: number): Promise<number> {
  const about = Map.groupBy(
    syntheticPairs({ split: "test_unseen", seed: SEED, count }),
    ({ database }) => database,
  );
  for (const [database, pairs] of about) {
    const own = join(folder, database.name);
    await Deno.mkdir(own, { recursive: true });
    await writeFileAtomic(join(own, `${database.name}.sql`), databaseScript(database));
    await writeFileAtomic(join(own, "questions.jsonl"), pairs.map(questionLine).join(""));
  }
  return about.size;
}

function questionLine({ id, database, question, sql }: Pair): string {
  return JSON.stringify({ id, db_id: database.name, question, sql }) + "\n";
}
