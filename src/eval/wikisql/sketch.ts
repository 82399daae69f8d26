/**
 * WikiSQL's queries: one column, perhaps aggregated, of one table, under conditions joined by AND.
 * @module
 */
import { FormatError } from "../../errors.ts";
import { isJsonObject } from "../../formats/json.ts";
import { quoteIdentifier } from "../../sql/ddl.ts";

/** By index, as the format has them. */
export const AGGREGATES = ["", "MAX", "MIN", "COUNT", "SUM", "AVG"] as const;
export const OPERATORS = ["=", ">", "<"] as const;

/** A query as indices into the header of its table, in WikiSQL's format. */
export interface Sketch {
  readonly sel: number;
  readonly agg: number;
  readonly conds: readonly (readonly [column: number, operator: number, value: string | number])[];
}

/** A table as queries see it. */
export interface SketchTable {
  /** The name in the database. */
  readonly name: string;
  /** The names of the columns in the header. */
  readonly header: readonly string[];
  /** The names of the columns in the database: those of the header, or `col0` and so on. */
  readonly columns: readonly string[];
  /** Which columns hold numbers. */
  readonly real: readonly boolean[];
}

/** Checks a query of a file. Throws {@linkcode FormatError} where it does not fit the table. */
export function checkSketch(value: unknown, { header }: SketchTable): Sketch {
  const fail = (what: string): never => {
    throw new FormatError(
      `Cannot read the query: ${what}; write { sel, agg, conds: [[column, operator, value]] }`,
    );
  };
  const { sel, agg, conds } = isJsonObject(value) ? value : {};
  const isColumn = (index: unknown) =>
    Number.isInteger(index) && header[index as number] !== undefined;
  if (!isColumn(sel)) fail(`sel is ${sel}, of ${header.length} columns`);
  if (AGGREGATES[agg as number] === undefined) fail(`agg is ${agg}`);
  if (!Array.isArray(conds)) return fail("conds is no list");
  for (const condition of conds) {
    const [column, operator, operand] = Array.isArray(condition) ? condition : [];
    if (!isColumn(column)) fail(`a condition is about column ${column}, of ${header.length}`);
    if (OPERATORS[operator] === undefined) fail(`a condition has the operator ${operator}`);
    if (typeof operand !== "string" && typeof operand !== "number") {
      fail("a condition has no value");
    }
  }
  return { sel, agg, conds } as Sketch;
}

/**
 * Whether two queries have the same logical form: the same column, aggregation and set of conditions,
 * whose values are compared as text without regard to case. With `real`, values of columns of numbers
 * are compared as numbers, since text of SQL cannot tell 1,000 from 1000.
 * Source of the rule: `lib/query.py` of https://github.com/salesforce/WikiSQL.
 */
export function sameSketch(a: Sketch, b: Sketch, real?: readonly boolean[]): boolean {
  const keys = ({ conds }: Sketch) =>
    new Set(conds.map(([column, operator, value]) => {
      const number = real?.[column] ? readNumber(String(value)) : null;
      return JSON.stringify([column, operator, String(number ?? value).toLowerCase()]);
    }));
  const [keysA, keysB] = [keys(a), keys(b)];
  return a.sel === b.sel && a.agg === b.agg && keysA.size === keysB.size &&
    keysA.isSubsetOf(keysB);
}

/**
 * The statement that WikiSQL's evaluator runs: values in lower case, as all cells are, and numbers for
 * columns of numbers. A column with several conditions has the value of the last in all of them,
 * because the evaluator binds values by column. Source: `lib/dbengine.py` of the same repository.
 * Throws {@linkcode FormatError} where a column of numbers is compared with a text that has none.
 */
export function renderSketch({ sel, agg, conds }: Sketch, table: SketchTable): string {
  const values = new Map(conds.map(([column, , value]) => [column, literal(value, column, table)]));
  const name = (column: number) => quoteIdentifier(table.columns[column]);
  const conditions = conds.map(([column, operator]) =>
    `${name(column)} ${OPERATORS[operator]} ${values.get(column)}`
  );
  const where = conditions.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "";
  const selected = agg === 0 ? name(sel) : `${AGGREGATES[agg]}(${name(sel)})`;
  return `SELECT ${selected} FROM ${quoteIdentifier(table.name)}${where}`;
}

function literal(value: string | number, column: number, table: SketchTable): string {
  if (typeof value === "number") return String(value);
  const lower = value.toLowerCase();
  if (!table.real[column]) return `'${lower.replaceAll("'", "''")}'`;
  const found = readNumber(lower) ?? /[-+]?\d*\.\d+|\d+/.exec(lower)?.[0];
  if (found !== undefined) return String(Number(found));
  throw new FormatError(
    `Cannot run the query: ${table.header[column]} is a column of numbers, and ${value} has none`,
  );
}

/** A number as people write it, with commas between thousands; null where the text is none. */
function readNumber(text: string): number | null {
  const digits = text.replaceAll(",", "").trim();
  return /^[-+]?(?:\d+\.?\d*|\.\d+)$/.test(digits) ? Number(digits) : null;
}
