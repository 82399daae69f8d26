/**
 * Scores the parts of queries as Spider's evaluator does, wherever its grammar can read the gold query.
 * @module
 */
import { FormatError } from "../../errors.ts";
import type { DatabaseSchema } from "../../sql/schema.ts";
import { matchQueries, type PartialScores } from "../spider/match.ts";
import { normalise } from "../spider/normalise.ts";
import { parseQuery } from "../spider/parse.ts";
import { EMPTY_QUERY, type Query } from "../spider/query.ts";
import { joinedGroups, spiderSchema } from "../spider/schema.ts";

/**
 * The scores of the parts of `prediction`, which has none where the grammar cannot read it; null where
 * it cannot read `gold`, such as one with a function of dates.
 */
export function partialScores(
  prediction: string,
  gold: string,
  schema: DatabaseSchema,
): PartialScores | null {
  const names = spiderSchema(schema);
  const read = (sql: string): Query | null => {
    try {
      return parseQuery(sql, names);
    } catch (error) {
      if (error instanceof FormatError) return null;
      throw error;
    }
  };
  const wanted = read(gold);
  if (wanted === null) return null;
  const keys = joinedColumns(schema);
  const given = read(prediction) ?? EMPTY_QUERY;
  return matchQueries(normalise(given, keys), normalise(wanted, keys)).partial;
}

/** Maps the columns of foreign keys, and those that they refer to, so that what they join is equal. */
function joinedColumns({ tables }: DatabaseSchema): ReadonlyMap<string, string> {
  const pairs = tables.flatMap(({ name, foreignKeys }) =>
    foreignKeys.flatMap(({ columns, table, references }) =>
      references.map((reference, i) =>
        [`${name}.${columns[i]}`.toLowerCase(), `${table}.${reference}`.toLowerCase()] as const
      )
    )
  );
  return new Map(
    joinedGroups(pairs).flatMap((group) => {
      const [first] = group;
      return Array.from(group, (column) => [column, first]);
    }),
  );
}
