/**
 * The prompt of a question about a schema, with as much of the schema as there is room for.
 * @module
 */
import { ShapeError, SqlError } from "../errors.ts";
import { schemaQuestion, type SqlDialect, textToSqlInstruction } from "../data/question.ts";
import { schemaFromDdl } from "../sql/build.ts";
import { type DdlOptions, formatDdl } from "../sql/ddl.ts";
import { fitSchema } from "../sql/fit.ts";
import type { DatabaseSchema } from "../sql/schema.ts";
import { encodePrompt, type PromptStyle } from "./prompt.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A question, what it is about, and how it is put. */
export interface QuestionOptions {
  readonly question: string;
  /** CREATE TABLE statements stay as they are written while there is room for them. */
  readonly schema: DatabaseSchema | string;
  /** How a schema that is not text is written. */
  readonly ddl?: DdlOptions;
  /** Prompt template and wording. Default "alpaca". */
  readonly style?: PromptStyle;
  /** Default "sqlite". */
  readonly dialect?: SqlDialect;
  /** Ids that the prompt may have. Default: any number. */
  readonly maxTokens?: number;
}

/** A prompt, BOS included, and the tables that were left out of it. */
export interface QuestionPrompt {
  readonly ids: readonly number[];
  readonly leftOut: readonly string[];
}

/**
 * Encodes the prompt of a question. Where it is longer than `maxTokens`, tables are left out, first
 * those that the question needs least (see `fitSchema`). Throws {@linkcode ShapeError} where the
 * question and one table are still too long, or the text of a schema that is cannot be read.
 */
export async function questionPrompt(
  tokenizer: Tokenizer,
  options: QuestionOptions,
): Promise<QuestionPrompt> {
  const { question, schema, ddl: ddlOptions, style = "alpaca", dialect } = options;
  const { maxTokens = Infinity } = options;
  const encode = (ddl: string) =>
    encodePrompt(
      {
        instruction: textToSqlInstruction(style, dialect),
        input: schemaQuestion(ddl.trim(), question),
      },
      tokenizer,
      { style },
    );
  const whole = encode(typeof schema === "string" ? schema : formatDdl(schema, ddlOptions));
  if (whole.length <= maxTokens) return { ids: whole, leftOut: [] };
  const tooLong = (what: string, length: number) =>
    new ShapeError(
      `Cannot ask "${question}": ${what} is ${length} tokens, and ${maxTokens} are allowed; give a ` +
        "smaller schema or allow more",
    );
  const tables = typeof schema === "string" ? await readDdl(schema) : schema;
  if (tables === null) {
    throw tooLong(
      "the prompt with its schema, which SQLite cannot read to shorten it,",
      whole.length,
    );
  }
  // The words around the schema may share a token with it, so that the first try can be a little long.
  for (let budget = maxTokens - encode("").length; budget > 0;) {
    const fitted = fitSchema(tables, {
      ...ddlOptions,
      question,
      budget,
      countTokens: (ddl) => tokenizer.encode(ddl, { bos: false }).length,
    });
    const ids = encode(formatDdl(fitted, ddlOptions));
    if (ids.length <= maxTokens) {
      const kept = new Set(fitted.tables.map(({ name }) => name));
      const leftOut = tables.tables.map(({ name }) => name).filter((name) => !kept.has(name));
      return { ids, leftOut };
    }
    if (fitted.tables.length === 1) throw tooLong("the prompt with one table", ids.length);
    budget -= ids.length - maxTokens;
  }
  throw tooLong("the prompt without any table", encode("").length);
}

async function readDdl(ddl: string): Promise<DatabaseSchema | null> {
  try {
    return await schemaFromDdl(ddl);
  } catch (error) {
    if (error instanceof SqlError) return null;
    throw error;
  }
}
