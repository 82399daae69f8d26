/**
 * Arrow files, as the `datasets` library keeps them in its cache: records of question, DDL and SQL, or
 * of instruction, input and output, as their columns say.
 * @module
 */
import { FormatError } from "../errors.ts";
import { isJsonObject } from "../formats/json.ts";
import { readAlpacaRow } from "./alpaca.ts";
import type { Dataset } from "./example.ts";
import { detectFormat } from "./rows.ts";
import { findSplits, partOf, requirePath, type SplitNames } from "./source_files.ts";
import { readContextRow } from "./sql_create_context.ts";

const NAME = "arrow";
const FILES: SplitNames = [
  [/(^|-)train.*\.arrow$/, "train"],
  [/(^|-)(dev|val|valid|validation)\b.*\.arrow$/, "val"],
  [/(^|-)test.*\.arrow$/, "test"],
  [/\.arrow$/, null],
];

/** Arrow IPC files or streams with the columns of sql-create-context or of Alpaca records. */
export const arrow: Dataset = {
  name: NAME,
  summary: "Arrow files with the columns question, context|schema and answer|sql|query, " +
    "or instruction, input and output",
  hasFiles: true,
  async open(source) {
    const files = await findSplits(requirePath(source, NAME), FILES);
    for (const { path } of files) {
      if (await detectFormat(path) === "arrow") continue;
      throw new FormatError(
        `Cannot read ${path}: it is no Arrow file; name its data set with --dataset`,
        { file: path },
      );
    }
    return files.map((file) =>
      partOf(file, ({ row, value }) => {
        const place = { file: file.path, row };
        return isJsonObject(value) && "instruction" in value
          ? readAlpacaRow(value, place, NAME)
          : readContextRow(value, place, NAME);
      })
    );
  },
};
