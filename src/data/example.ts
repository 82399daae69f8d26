/**
 * What every data set is read into: a question about a schema, with the SQL that answers it.
 * @module
 */
import type { DatabaseSchema } from "../sql/schema.ts";

/** Where a row stands. */
export interface Place {
  readonly file: string;
  /** 1-based: the line in JSON Lines, else the index of the row. */
  readonly row: number;
}

/** Which file a row belongs to. */
export type Split = "train" | "val" | "test";

/** A database that the SQL can be run on. */
export interface ExampleDatabase {
  /** The SQLite file. */
  readonly path: string;
  /** The query in the words of that file, where they are not those of the schema. */
  readonly sql?: string;
}

/** One row of a data set. */
export interface Example {
  /** Stable across runs. */
  readonly id: string;
  readonly question: string;
  /** The schema, or the CREATE TABLE statements that it is given as; null where there is none. */
  readonly schema: DatabaseSchema | string | null;
  readonly sql: string;
  /** What one has to know beside the schema (BIRD). */
  readonly evidence?: string;
  readonly database?: ExampleDatabase;
  /**
   * The database or tables it is about. Examples that share one never come to different splits; null
   * where they follow from the schema's tables.
   */
  readonly groups: readonly string[] | null;
  /** Instruction and input where they are already written (Alpaca). */
  readonly prompt?: { readonly instruction: string; readonly input: string };
  /** What else is worth keeping, such as the name of the database. */
  readonly meta?: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

/** Why a row is no example. */
export type RowFaultKind =
  /** It is no object, or a field has the wrong type. */
  | "bad_row"
  | "no_question"
  | "no_sql"
  /** It names a database or table that is not there, or has no schema. */
  | "no_schema"
  /** A field is longer than {@linkcode MAX_TEXT_LENGTH}. */
  | "too_long";

/** A row that is no example. */
export interface RowFault {
  readonly fault: RowFaultKind;
  /** One sentence. */
  readonly detail: string;
  readonly place: Place;
}

/** What a reader yields. */
export type Row = Example | RowFault;

/** Whether `row` is no example. */
export function isFault(row: Row): row is RowFault {
  return "fault" in row;
}

/** One file of a data set. */
export interface DatasetPart {
  /** The split that the file is by the custom of the data set; null where it has none. */
  readonly split: Split | null;
  readonly file: string;
  /** Reads it as a stream. Throws FormatError where the file as such cannot be read. */
  rows(): AsyncIterable<Row>;
}

/** What a data set is read from. */
export interface DatasetSource {
  /** A file or a folder; null for a data set that needs none. */
  readonly path: string | null;
  /** The file with the schemas, where it is not beside the questions. */
  readonly tables?: string | null;
  /** The folder with the databases, where it is not beside the questions. */
  readonly dbDir?: string | null;
  readonly seed: number;
  /** Rows that a data set without files makes. */
  readonly count?: number;
}

/** A kind of data set. */
export interface Dataset {
  /** As `--dataset` names it. */
  readonly name: string;
  /** What it is and how it is laid out, in one sentence. */
  readonly summary: string;
  /** Whether it is read from files. */
  readonly hasFiles: boolean;
  /**
   * Finds the files and reads the schemas.
   * Throws FormatError where a file that is needed is missing or damaged.
   */
  open(source: DatasetSource): Promise<readonly DatasetPart[]>;
}
