/**
 * Writes a SELECT statement.
 * @module
 */

/** The parts of a SELECT statement, each as SQL. */
export interface Select {
  readonly distinct?: boolean;
  readonly columns: readonly string[];
  readonly from: string;
  /** Joined by AND. */
  readonly where?: readonly string[];
  readonly group?: readonly string[];
  readonly having?: string;
  readonly order?: string;
  readonly limit?: number;
}

/** The statement on one line, without a semicolon. */
export function select(
  { distinct, columns, from, where = [], group = [], having, order, limit }: Select,
): string {
  // What has alternatives is put into parentheses where more conditions stand beside it.
  const conditions = where.length < 2
    ? where
    : where.map((one) => / OR /.test(one) ? `(${one})` : one);
  return `SELECT ${distinct ? "DISTINCT " : ""}${columns.join(", ")} FROM ${from}` +
    (where.length > 0 ? ` WHERE ${conditions.join(" AND ")}` : "") +
    (group.length > 0 ? ` GROUP BY ${group.join(", ")}` : "") +
    (having === undefined ? "" : ` HAVING ${having}`) +
    (order === undefined ? "" : ` ORDER BY ${order}`) +
    (limit === undefined ? "" : ` LIMIT ${limit}`);
}
