/**
 * Records, the training format: Alpaca-style JSONL with `instruction`, `input` and `output` (the
 * SQL), or plain `text`, the language-modelling format of TRL.
 * @module
 */
import { dirname } from "node:path";
import { FormatError, type FormatLocation } from "../errors.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { readJsonl } from "./jsonl.ts";

/** One training example as it stands in the data file. */
export interface InstructionRecord {
  readonly id: string;
  /** What to do. */
  readonly instruction: string;
  /** What to do it with, usually a schema and a question; may be empty. */
  readonly input: string;
  /** The answer to learn: SQL. */
  readonly output: string;
  /** Where the record comes from, e.g. a data set's name. */
  readonly source?: string;
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** A text to learn as it stands, without prompt or answer. */
export interface TextRecord {
  readonly id: string;
  readonly text: string;
}

/** What a training file may hold. */
export type TrainingRecord = InstructionRecord | TextRecord;

/** Whether a record is a text without prompt and answer. */
export function isTextRecord(record: TrainingRecord): record is TextRecord {
  return "text" in record;
}

/**
 * Checks one parsed JSON value: a {@linkcode TextRecord} where it has a `text`, else an
 * {@linkcode InstructionRecord}. Throws as {@linkcode parseRecord} does.
 */
export function parseTrainingRecord(value: unknown, location: FormatLocation): TrainingRecord {
  if (!isObject(value) || !("text" in value)) return parseRecord(value, location);
  const { id, text } = value;
  if (!isString(text) || text.trim() === "") {
    const what = isString(text) ? "is empty" : "is not a string";
    throw fault(location, `"text" ${what}`, "fill it in or leave the record out");
  }
  if ("instruction" in value || "output" in value) {
    const what = `it has a "text" and an instruction`;
    throw fault(location, what, "give a record one or the other");
  }
  return { id: isStringOrNumber(id) ? String(id) : `line-${location.line ?? 0}`, text };
}

/**
 * Checks one parsed JSON value. An absent `id` becomes `line-N`, an absent or null `input` becomes
 * "", and unknown keys are ignored.
 *
 * Throws FormatError with `location` for a missing or empty `instruction` or `output` and for a
 * wrong type.
 */
export function parseRecord(value: unknown, location: FormatLocation): InstructionRecord {
  if (!isObject(value)) {
    const found = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
    throw fault(location, `the line holds ${found}`, "write one JSON object a line");
  }
  const text = (key: string): string => {
    const field = value[key];
    if (typeof field !== "string") {
      const found = field === undefined || field === null ? "is missing" : "is not a string";
      throw fault(location, `"${key}" ${found}`, `give every record a "${key}" string`);
    }
    if (field.trim() === "") {
      throw fault(location, `"${key}" is empty`, "fill it in or leave the record out");
    }
    return field;
  };
  const optional = <T>(key: string, what: string, test: (field: unknown) => field is T) => {
    const field = value[key] ?? undefined;
    if (field === undefined) return undefined;
    if (!test(field)) {
      throw fault(location, `"${key}" is not ${what}`, "correct it or leave it out");
    }
    return field;
  };
  const id = optional("id", "a string or a number", isStringOrNumber);
  const source = optional("source", "a string", isString);
  const meta = optional("meta", "an object", isObject);
  return {
    id: id === undefined ? `line-${location.line ?? 0}` : String(id),
    instruction: text("instruction"),
    input: optional("input", "a string", isString) ?? "",
    output: text("output"),
    ...(source === undefined ? {} : { source }),
    ...(meta === undefined ? {} : { meta }),
  };
}

/** How much of a file to read. */
export interface ReadOptions {
  /** Default: all. */
  readonly maxRecords?: number;
}

/**
 * Reads the instruction records of a JSONL file, the first `maxRecords` of them.
 *
 * Throws FormatError as {@linkcode readJsonl} and {@linkcode parseRecord} do, and for a file without
 * records.
 */
export async function readRecords(
  path: string,
  options: ReadOptions = {},
): Promise<InstructionRecord[]> {
  return await readAs(parseRecord, path, options);
}

/** Reads the records of a JSONL file as {@linkcode readRecords} does; they may be texts, too. */
export async function readTrainingRecords(
  path: string,
  options: ReadOptions = {},
): Promise<TrainingRecord[]> {
  return await readAs(parseTrainingRecord, path, options);
}

async function readAs<T>(
  parse: (value: unknown, location: FormatLocation) => T,
  path: string,
  options: ReadOptions,
): Promise<T[]> {
  const maxRecords = options.maxRecords ?? Infinity;
  if (!(maxRecords >= 1)) {
    throw new RangeError(
      `Cannot read ${maxRecords} records of ${path}: at least one is needed; ask for 1 or more`,
    );
  }
  const records: T[] = [];
  for await (const { line, value } of readJsonl(path)) {
    records.push(parse(value, { file: path, line }));
    if (records.length >= maxRecords) break;
  }
  if (records.length === 0) {
    throw new FormatError(
      `Cannot read ${path}: it has no records; write one JSON object a line`,
      { file: path },
    );
  }
  return records;
}

/** Writes records as JSONL; the folder is made where it is not there. */
export async function writeRecords(
  path: string,
  records: readonly TrainingRecord[],
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, records.map((record) => JSON.stringify(record) + "\n").join(""));
}

function fault(location: FormatLocation, what: string, remedy: string): FormatError {
  const line = location.line === undefined ? "" : ` at line ${location.line}`;
  const file = location.file ?? "the records";
  return new FormatError(`Cannot read ${file}: ${what}${line}; ${remedy}`, location);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

function isStringOrNumber(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}
