/**
 * sql-create-context (https://huggingface.co/datasets/b-mc2/sql-create-context, CC BY 4.0): questions
 * of WikiSQL and Spider with CREATE TABLE statements of the columns that the answer uses.
 * @module
 */
import type { Dataset, Place, Row } from "./example.ts";
import { contentId, readRow, textField } from "./fields.ts";
import { COMMON_SPLITS, findSplits, partOf, requirePath, type SplitNames } from "./source_files.ts";

const NAME = "sql-create-context";
const FILES: SplitNames = [...COMMON_SPLITS, [/^sql_create_context.*\.(json|jsonl)$/, null]];

/** Rows with `question`, `context` (the DDL) and `answer` (the SQL), in any of the file formats. */
export const sqlCreateContext: Dataset = {
  name: NAME,
  summary: "rows with question, context (CREATE TABLE statements) and answer; " +
    "JSON, JSON Lines, Parquet or Arrow",
  hasFiles: true,
  async open(source) {
    const files = await findSplits(requirePath(source, NAME), FILES);
    // The Hub's one file is called train, which says nothing where it is alone.
    const single = files.every(({ split }) => split === "train");
    return files.map(({ path, split }) =>
      partOf(
        { path, split: single ? null : split },
        ({ row, value }) => readContextRow(value, { file: path, row }, NAME),
      )
    );
  },
};

/** Reads a row of a question, DDL and SQL, under the names that are usual for them. */
export function readContextRow(value: unknown, place: Place, dataset: string): Row {
  return readRow(value, place, (fields) => {
    const question = textField(fields, ["question"], "no_question");
    const sql = textField(fields, ["answer", "sql", "query"], "no_sql");
    const schema = textField(fields, ["context", "schema"], "no_schema");
    return {
      id: contentId(dataset, schema, question, sql),
      question,
      schema,
      sql,
      groups: null,
      place,
    };
  });
}
