/**
 * Turns an example into a record: schema, duplicates, check of the SQL, conversion, wording.
 * @module
 */
import { FormatError } from "../errors.ts";
import type { Example, ExampleDatabase } from "./example.ts";
import { contentId } from "./fields.ts";
import {
  type PromptWording,
  schemaQuestion,
  type SqlDialect,
  textToSqlInstruction,
} from "./question.ts";
import type { InstructionRecord } from "./record.ts";
import type { DropReason } from "./report.ts";
import { createdTables, type SchemaWriter, type WrittenSchema } from "./serialise.ts";
import type { Validator, Verdict } from "./validate.ts";

/** What is converted to another dialect. */
export interface Convertible {
  readonly written: WrittenSchema;
  readonly sql: string;
  readonly database?: ExampleDatabase;
}

/** Schema and SQL in another dialect, or why they cannot be converted. */
export type Convert = (
  row: Convertible,
) => Promise<{ readonly ddl: string; readonly sql: string } | { readonly fault: string }>;

/** What became of an example: a record without its id, or why it is dropped. */
export type MadeRecord =
  | {
    readonly record: Omit<InstructionRecord, "id">;
    /** Databases or tables that it is about; at least one. */
    readonly groups: readonly string[];
    /** Tables left out of its schema. */
    readonly leftOut: number;
    readonly verdict: Verdict;
  }
  | {
    readonly record: null;
    readonly drop: { readonly reason: DropReason; readonly detail: string };
    readonly verdict: Verdict | null;
  };

/** A function that makes records of the examples of one data set, and knows those it made. */
export function createRecordMaker(
  { source, writeSchema, validator, convert, wording, dialect }: {
    /** The name of the data set. */
    readonly source: string;
    readonly writeSchema: SchemaWriter;
    readonly validator: Validator;
    readonly convert?: Convert;
    readonly wording?: PromptWording;
    readonly dialect?: SqlDialect;
  },
): (example: Example) => Promise<MadeRecord> {
  const instruction = textToSqlInstruction(wording, dialect);
  const seen = new Set<string>();
  const drop = (reason: DropReason, detail: string, verdict: Verdict | null = null) =>
    ({ record: null, drop: { reason, detail }, verdict }) as const;

  return async (example) => {
    const { question, evidence, prompt, database } = example;
    const written = await writeSchema(example);
    if (written instanceof FormatError) return drop("bad_database", written.message);
    if (written === null && !prompt) return drop("no_schema", "the row has no schema");
    const before = { ddl: written?.ddl.trim() ?? null, sql: example.sql.trim() };
    // The question is worded in one way, so it stands for instruction and input.
    const key = prompt
      ? contentId("", prompt.instruction, prompt.input, before.sql)
      : contentId("", before.ddl!, question, evidence ?? "", before.sql);
    if (seen.has(key)) return drop("duplicate", "an earlier row says the same");
    seen.add(key);
    const verdict = await validator.check({ ...before, database });
    const own = prompt ? null : written;
    const after = convert
      ? await converted(convert, { ...before, written: own, database })
      : before;
    if ("fault" in after) return drop("not_converted", after.fault, verdict);
    const input = prompt?.input ?? schemaQuestion(after.ddl!, question, evidence);
    const meta = verdict.invalid
      ? { ...example.meta, invalid: verdict.invalid.kind }
      : example.meta;
    return {
      record: {
        instruction: prompt?.instruction ?? instruction,
        input,
        output: after.sql,
        source,
        ...(meta && Object.keys(meta).length > 0 ? { meta } : {}),
      },
      groups: groupsOf(example, written),
      leftOut: written?.leftOut ?? 0,
      verdict,
    };
  };
}

async function converted(
  convert: Convert,
  row: Omit<Convertible, "written"> & { readonly written: WrittenSchema | null },
): ReturnType<Convert> {
  const { written, sql, database } = row;
  return written
    ? await convert({ written, sql, database })
    : { fault: "unsupported: its prompt is a text of its own, which is not converted" };
}

function groupsOf(example: Example, written: WrittenSchema | null): readonly string[] {
  if (example.groups !== null) return example.groups.map((name) => `group ${name}`);
  const tables = createdTables(written?.ddl ?? "").map((name) => `table ${name}`);
  // Statements that name no table are a schema of their own.
  return tables.length > 0 ? tables : [contentId("schema", written?.ddl ?? example.id)];
}
