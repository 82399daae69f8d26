/**
 * Looks at what the columns of a SQLite database really hold, since their declared types do not say.
 * @module
 */
import type { Database, SqlValue } from "../database.ts";
import { quoteIdentifier } from "../ddl.ts";
import type { Column } from "../schema.ts";

/** How many values of a column are what. Texts are counted by what they look like, too. */
export interface ColumnContents {
  readonly nulls: number;
  readonly integers: number;
  readonly reals: number;
  readonly texts: number;
  readonly blobs: number;
  /** Texts that are an integer as SQLite writes it: without zeros before it, and of 64 bits. */
  readonly integerTexts: number;
  /** Texts that are a decimal number, integers included. */
  readonly numberTexts: number;
  /** Texts that show that SQLite compares the column without regard to case or to blanks at the end. */
  readonly collated: number;
  /** Texts with a character beyond ASCII, whose case SQLite leaves alone and PostgreSQL does not. */
  readonly nonAscii: number;
  /** Texts of the form `2024-02-29` that are a date. */
  readonly dates: number;
  /** Texts of the form `2024-02-29 23:59:59` that are a time. */
  readonly timestamps: number;
}

/** By table, then by column, as the schema writes their names. */
export type Contents = ReadonlyMap<string, ReadonlyMap<string, ColumnContents>>;

/** Conditions on the column `c`; each is 0 or 1. */
const COUNTS: readonly (readonly [keyof ColumnContents, string])[] = [
  ["nulls", "c IS NULL"],
  ["integers", "typeof(c) = 'integer'"],
  ["reals", "typeof(c) = 'real'"],
  ["texts", "typeof(c) = 'text'"],
  ["blobs", "typeof(c) = 'blob'"],
  ["integerTexts", "c = CAST(CAST(c AS INTEGER) AS TEXT)"],
  [
    "numberTexts",
    `${unsigned("c")} GLOB '*[0-9]*' AND ${unsigned("c")} NOT GLOB '*[^0-9.]*'
    AND c NOT GLOB '*.*.*'`,
  ],
  [
    "collated",
    `((c = upper(c)) <> (c = upper(c) COLLATE BINARY) OR (c = lower(c)) <> (c = lower(c) COLLATE BINARY)
    OR c = c || ' ')`,
  ],
  ["nonAscii", "length(c) <> length(CAST(c AS BLOB))"],
  // SQLite's own functions give a text back only if it is a date that exists.
  ["dates", "length(c) = 10 AND date(c) = c AND c > '0001'"],
  ["timestamps", "length(c) = 19 AND datetime(c) = c AND c > '0001'"],
];
/** So many columns are looked at by one query. */
const COLUMNS_AT_ONCE = 20;
const TIMEOUT_MS = 600_000;

/** Reads each table once or, if it is wide, a few times. Rejects with a SqlError. */
export async function readContents(database: Database): Promise<Contents> {
  const { tables } = await database.schema();
  const contents = new Map<string, Map<string, ColumnContents>>();
  for (const { name, columns } of tables) {
    const counted = new Map<string, ColumnContents>();
    for (let from = 0; from < columns.length; from += COLUMNS_AT_ONCE) {
      const some = columns.slice(from, from + COLUMNS_AT_ONCE);
      const { rows } = await database.query(countingQuery(name, some), { timeoutMs: TIMEOUT_MS });
      for (const [index, column] of some.entries()) {
        counted.set(column.name, countsAt(rows[0], index * COUNTS.length));
      }
    }
    contents.set(name, counted);
  }
  return contents;
}

function countingQuery(table: string, columns: readonly Column[]): string {
  const sums = columns.flatMap(({ name }) =>
    COUNTS.map(([what, condition]) => {
      const column = quoteIdentifier(name);
      // Only a text looks like something; a number would be turned into one.
      const guard = /^(nulls|integers|reals|texts|blobs)$/.test(what)
        ? ""
        : `typeof(c) = 'text' AND `;
      return `total(${(guard + condition).replace(/\bc\b/g, () => column)})`;
    })
  );
  return `SELECT ${sums.join(", ")} FROM ${quoteIdentifier(table)}`;
}

function countsAt(row: readonly SqlValue[], start: number): ColumnContents {
  const counts = COUNTS.map(([what], index) => [what, Number(row[start + index])]);
  return Object.fromEntries(counts) as unknown as ColumnContents;
}

// A text without its sign.
function unsigned(column: string): string {
  return `(CASE WHEN substr(${column}, 1, 1) IN ('-', '+') THEN substr(${column}, 2) ELSE ${column} END)`;
}
