/**
 * The project's own rows as a data set; see demo.ts.
 * @module
 */
import { demoRecords } from "./demo.ts";
import { readAlpacaRow } from "./alpaca.ts";
import type { Dataset, Row } from "./example.ts";

const COUNT = 1000;

/** Generated questions over six small schemas; `--seed` and `--max_rows` say which and how many. */
export const demo: Dataset = {
  name: "demo",
  summary: "generated questions over six small schemas; needs no files",
  hasFiles: false,
  // deno-lint-ignore require-await -- the others find files here
  async open({ seed, count = COUNT }) {
    return [{
      split: null,
      file: "demo",
      async *rows(): AsyncGenerator<Row> {
        for (const [i, record] of demoRecords({ count, seed, split: "train" }).entries()) {
          const row = readAlpacaRow(record, { file: "demo", row: i + 1 }, "demo");
          // Its schemas have several tables, of which a record shows one or two.
          yield { ...row, groups: [String(record.meta?.schema)] };
        }
      },
    }];
  },
};
