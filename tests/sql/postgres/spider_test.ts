import { assert, assertEquals } from "@std/assert";
import { sharedTest } from "../../shared.ts";
import { type Outcome, prepare, verify } from "./verify.ts";

async function read(path: string) {
  return JSON.parse(await Deno.readTextFile(path));
}

async function counted(outcomes: AsyncIterable<Outcome>) {
  const counts: Record<string, number> = {};
  const errors: Outcome[] = [];
  for await (const outcome of outcomes) {
    counts[outcome.result] = (counts[outcome.result] ?? 0) + 1;
    if (outcome.result === "error" || outcome.result === "invalid") errors.push(outcome);
  }
  return { counts, errors };
}

sharedTest(
  "Spider dev: 95 % of the gold queries give the same rows in PostgreSQL",
  async (path) => {
    const questions = await read(path("data/spider/dev.json"));
    const { counts, errors } = await counted(verify(questions, path("data/spider/database")));
    assertEquals(errors, []);
    const { same, tie, differs, refused } = counts;
    assertEquals(same + tie + differs + refused, 1034);
    assert(same >= 0.95 * 1034 && same + tie >= 1017, JSON.stringify(counts));
    // One query, asked twice, picks one of three breeds that are level.
    assert(differs <= 2, JSON.stringify(counts));
  },
);

sharedTest(
  "BIRD dev: what is converted is prepared without an error in PostgreSQL",
  async (path) => {
    const questions = await read(path("data/bird/dev.json"));
    const tables = await read(path("data/bird/dev_tables.json"));
    const { counts, errors } = await counted(prepare(questions, tables));
    assertEquals(errors, []);
    assertEquals(counts.prepared + counts.refused, 1534);
    assert(counts.prepared >= 1476, JSON.stringify(counts));
  },
);

sharedTest("BIRD's superhero: every gold query gives the same rows in PostgreSQL", async (path) => {
  const all = await read(path("data/bird/dev.json")) as { db_id: string; SQL: string }[];
  const questions = all.filter(({ db_id }) => db_id === "superhero");
  const { counts } = await counted(verify(questions, path("data/bird/dev_databases")));
  assertEquals(counts, { same: 129 });
});
