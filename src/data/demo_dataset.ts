/**
 * Synthetic pairs as a data set; see synthetic/pairs.ts. All of it is made by rules.
 * @module
 */
import type { Dataset, DatasetPart, Row } from "./example.ts";
import { type PairSplit, syntheticPairs } from "./synthetic/pairs.ts";
import { schemaOf } from "./synthetic/record.ts";

const COUNT = 1000;
/** Of so many rows, one more is made for testing, over schemas of other themes. */
const TESTED = 10;

/**
 * Questions over the demo databases and small ones. The build divides those for training by schema;
 * those for testing are over schemas and themes that no other row has.
 */
export const demo: Dataset = {
  name: "demo",
  summary: "synthetic questions over demo databases and many small schemas; needs no files",
  hasFiles: false,
  // deno-lint-ignore require-await -- the others find files here
  async open({ seed, count = COUNT }) {
    return [
      part("train", { seed, count }),
      part("test_unseen", { seed, count: Math.ceil(count / TESTED) }),
    ];
  },
};

function part(split: PairSplit, options: { seed: number; count: number }): DatasetPart {
  const file = `demo ${split}`;
  return {
    split: split === "train" ? null : "test",
    file,
    async *rows(): AsyncGenerator<Row> {
      let row = 0;
      for (const pair of syntheticPairs({ split, ...options })) {
        const { id, database, question, sql, level, shown } = pair;
        yield {
          id: `demo-${id}`,
          question,
          schema: schemaOf(database, shown),
          sql,
          groups: [database.name],
          meta: { db_id: database.name, level, theme: database.theme },
          place: { file, row: ++row },
        };
      }
    },
  };
}
