/**
 * Alpaca-style records (instruction, input, output), whatever they are about.
 * @module
 */
import type { Dataset, Place, Row } from "./example.ts";
import { badRow, contentId, optionalText, readRow, textField } from "./fields.ts";
import { COMMON_SPLITS, findSplits, partOf, requirePath } from "./source_files.ts";

const NAME = "alpaca";

/** As `schemaQuestion` writes them. */
const HEADINGS = ["### Schema:\n", "\n\n### Evidence:\n", "\n\n### Question:\n"] as const;

/** Rows with `instruction`, `input` and `output`; they keep their wording. */
export const alpaca: Dataset = {
  name: NAME,
  summary: "rows with instruction, input and output (the SQL), which keep their wording; " +
    "JSON Lines, JSON, Parquet or Arrow",
  hasFiles: true,
  async open(source) {
    const files = await findSplits(requirePath(source, NAME), COMMON_SPLITS);
    return files.map((file) =>
      partOf(file, ({ row, value }) => readAlpacaRow(value, { file: file.path, row }, NAME))
    );
  },
};

/** Reads one record. What of its schema and question can be told apart in it, is. */
export function readAlpacaRow(value: unknown, place: Place, dataset: string): Row {
  return readRow(value, place, (fields) => {
    const instruction = textField(fields, ["instruction"], "no_question");
    const input = optionalText(fields, "input") ?? "";
    const sql = textField(fields, ["output"], "no_sql");
    const given = fields.id ?? null;
    if (given !== null && typeof given !== "string" && typeof given !== "number") {
      badRow("bad_row", "id is neither a text nor a number");
    }
    const { schema, question } = splitInput(input);
    return {
      id: given === null || given === "" ? contentId(dataset, instruction, input, sql) : `${given}`,
      question: question ?? (input === "" ? instruction : input),
      schema,
      sql,
      // Without tables to go by, what is about the same text belongs together.
      groups: schema === null ? [contentId("input", input === "" ? instruction : input)] : null,
      prompt: { instruction, input },
      meta: metaOf(fields.meta),
      place,
    };
  });
}

/** The CREATE TABLE statements in an input, and its question where headings set it apart. */
function splitInput(input: string): { schema: string | null; question?: string } {
  const [schemaHead, evidenceHead, questionHead] = HEADINGS;
  const end = input.indexOf(questionHead);
  const question = end < 0 ? "" : input.slice(end + questionHead.length);
  if (input.startsWith(schemaHead) && question !== "") {
    const [schema] = input.slice(schemaHead.length, end).split(evidenceHead, 1);
    return { schema: hasTable(schema) ? schema : null, question };
  }
  const statements = input.match(/CREATE\s+TABLE\b[^;(]{0,300}\((?:[^;()]|\([^;()]*\))*\)/gi);
  return { schema: statements === null ? null : statements.join(";\n") };
}

function hasTable(text: string): boolean {
  return /\bCREATE\s+TABLE\b/i.test(text);
}

function metaOf(meta: unknown): Readonly<Record<string, unknown>> | undefined {
  if (meta === undefined || meta === null) return undefined;
  if (typeof meta === "object" && !Array.isArray(meta)) return { ...meta };
  return badRow("bad_row", "meta is no object");
}
