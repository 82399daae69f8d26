/**
 * Reads the questions of a benchmark, and gold queries without questions.
 * @module
 */
import { ConfigError, FormatError } from "../errors.ts";
import { type Dataset, type Example, isFault } from "../data/example.ts";
import { schemaQuestion, textToSqlInstruction } from "../data/question.ts";
import { formatDdl } from "../sql/ddl.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import type { PromptParts } from "../text/prompt.ts";
import { readText } from "./text_file.ts";
import type { BenchmarkSource, PromptForm, Question } from "./benchmark.ts";

/** A question with what its own benchmark wants to know of it besides. */
export interface LoadedQuestion extends Question {
  /** Null where only gold queries were given. */
  readonly example: Example | null;
}

/**
 * The questions of `source.data`, those of `source.gold`, or the questions of the one with the queries
 * of the other. Throws {@linkcode FormatError} at the first row that is no question, since leaving it
 * out would change the score.
 */
export async function loadQuestions(
  dataset: Dataset,
  source: BenchmarkSource,
): Promise<LoadedQuestion[]> {
  const gold = source.gold === null ? null : await readGold(source.gold);
  const examples = source.data === null ? null : await readExamples(dataset, source);
  if (examples !== null && gold !== null && gold.length < examples.length) {
    throw new FormatError(
      `Cannot score ${source.data}: ${source.gold} has ${gold.length} queries for ` +
        `${examples.length} questions; take the file that belongs to them`,
      { file: source.gold! },
    );
  }
  const count = examples?.length ?? gold?.length;
  if (count === undefined) {
    throw new ConfigError([
      `Cannot score ${dataset.name}: there are no questions; give --data FILE`,
    ]);
  }
  return Array.from({ length: Math.min(count, source.maxSamples ?? count) }, (_, index) => {
    const example = examples?.[index] ?? null;
    const dbId = example ? nameOf(example) : gold![index].dbId;
    if (gold !== null && gold[index].dbId !== dbId) {
      throw new FormatError(
        `Cannot score ${source.data}: question ${index + 1} is about ${dbId}, but line ` +
          `${index + 1} of ${source.gold} about ${gold[index].dbId}; take the file in their order`,
        { file: source.gold!, line: index + 1 },
      );
    }
    return {
      id: `${dataset.name}-${index + 1}`,
      dbId,
      question: example?.question ?? null,
      gold: gold?.[index].sql ?? example!.sql,
      prompt: example && promptOf(example, source),
      example,
    };
  });
}

async function readExamples(dataset: Dataset, source: BenchmarkSource): Promise<Example[]> {
  const { data: path, tables, dbDir, maxSamples } = source;
  const parts = await dataset.open({ path, tables, dbDir, seed: 0 });
  if (parts.length !== 1) {
    const names = parts.map(({ file }) => file).join(", ");
    throw new ConfigError([`Cannot score the folder ${path}: give one file to --data: ${names}`]);
  }
  const examples: Example[] = [];
  for await (const row of parts[0].rows()) {
    if (isFault(row)) {
      throw new FormatError(
        `Cannot score ${row.place.file}: question ${row.place.row}: ${row.detail}; correct the ` +
          "file, or name its own schemas and databases with --tables and --db_dir",
        { file: row.place.file, line: row.place.row },
      );
    }
    examples.push(row);
    if (examples.length === maxSamples) break;
  }
  if (examples.length === 0) {
    throw new FormatError(`Cannot score ${path}: it has no questions; give another file`, {
      file: path!,
    });
  }
  return examples;
}

function nameOf({ meta, groups }: Example): string | null {
  const name = meta?.db_id ?? meta?.table_id ?? groups?.[0];
  return typeof name === "string" ? name : null;
}

/**
 * The prompt of an example, worded and laid out as `deno task data` does it for training. `schema`
 * stands in where the example has none; null without any.
 */
export function promptOf(
  { prompt, question, evidence, ...example }: Example,
  { wording, schemaStyle }: PromptForm,
  schema: DatabaseSchema | string | null = example.schema,
): PromptParts | null {
  if (prompt !== undefined) return prompt;
  if (schema === null) return null;
  const ddl = typeof schema === "string"
    ? schema.trim()
    : formatDdl(schema, { style: schemaStyle });
  return {
    instruction: textToSqlInstruction(wording),
    input: schemaQuestion(ddl, question, evidence),
  };
}

async function readGold(path: string): Promise<{ sql: string; dbId: string }[]> {
  const lines = (await readText(path)).trimEnd().split(/\r\n|\r|\n/);
  return lines.map((line, index) => {
    const [sql, dbId] = line.trim().split("\t");
    if (sql && dbId) return { sql, dbId: dbId.trim() };
    throw new FormatError(
      `Cannot read ${path}: line ${index + 1} is not a query, a tab and its db_id; give the ` +
        "benchmark's own file of gold queries",
      { file: path, line: index + 1 },
    );
  });
}
