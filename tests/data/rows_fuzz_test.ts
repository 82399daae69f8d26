/**
 * Rows of any shape, well-formed as files: each is a record or a counted drop.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { join } from "node:path";
import { buildDataset } from "../../src/data/build.ts";
import { DATASETS } from "../../src/data/registry.ts";
import { FormatError } from "../../src/errors.ts";
import { LAYOUTS, withLayout } from "./sets.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom("häfen", "1-10015132-11", "CREATE TABLE t (a)", "SELECT a FROM t", "", "\0"),
);
const value = fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: fc.jsonValue() });
const indices = fc.record({
  sel: fc.integer({ min: -1, max: 5 }),
  agg: fc.integer({ min: -1, max: 6 }),
  conds: fc.array(fc.tuple(fc.integer({ min: -1, max: 5 }), fc.nat(4), value), { maxLength: 3 }),
});
const keys = ["question", "context", "answer", "db_id", "query", "SQL", "table_id", "evidence"];
const row = fc.oneof(
  fc.record({
    ...Object.fromEntries(keys.map((key) => [key, value])),
    ...{ instruction: value, input: value, output: value, id: value, meta: value },
    sql: fc.oneof(value, indices),
  }, { requiredKeys: [] }),
  fc.jsonValue(),
);

for (const { name, open, hasFiles } of DATASETS) {
  if (!hasFiles || name === "arrow") continue;
  Deno.test(`${name}: rows of any shape become records or counted drops`, async () => {
    const main = Object.keys(LAYOUTS[name]).find((path) => !/tables/.test(path))!;
    await withLayout(LAYOUTS[name], async (folder) => {
      await fc.assert(
        fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async (given) => {
          // A list on the first line of JSON Lines would make it a JSON array.
          const rows = [{}, ...given];
          const lines = rows.map((row) => JSON.stringify(row));
          const content = main.endsWith("jsonl") ? lines.join("\n") : `[${lines.join(",")}]`;
          await Deno.writeTextFile(join(folder, main), content);
          const parts = await open({ path: folder, seed: 1 });
          const one = { ...DATASETS[0], name, open: () => Promise.resolve(parts.slice(0, 1)) };
          try {
            const report = await buildDataset(one, { path: folder, seed: 1 }, {
              outDir: join(folder, "out"),
              seed: 1,
            });
            assertEquals(report.rows.read, rows.length);
            assertEquals(report.rows.kept + report.rows.dropped, rows.length);
          } catch (error) {
            assert(
              error instanceof FormatError && /no row is left/.test(error.message),
              `${error}`,
            );
          }
        }),
        { numRuns: 60, seed: 17 },
      );
    });
  });
}
