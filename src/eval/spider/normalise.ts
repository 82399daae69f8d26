/**
 * What Spider's evaluator leaves out before it compares two queries: values, DISTINCT, and the
 * difference between columns that foreign keys join.
 * @module
 */
import type {
  ColumnUnit,
  Condition,
  Conditions,
  Operand,
  Query,
  TableUnit,
  ValueUnit,
} from "./query.ts";

/**
 * `query` without values and DISTINCT, with each column of its tables replaced by the first of those
 * that foreign keys join it to.
 *
 * Values go everywhere except in queries in FROM. DISTINCT and foreign keys go in the query itself and
 * in those joined to it, with the tables of the first query alone, and not in nested ones. Source of
 * the rules: `evaluation.py` of https://github.com/taoyds/test-suite-sql-eval.
 */
export function normalise(query: Query, keys: ReadonlyMap<string, string>): Query {
  const tables = new Set(query.from.tables.flatMap((unit) => tableName(unit) ?? []));
  const columnOf = (column: string) =>
    tables.has(column.slice(0, column.indexOf("."))) ? keys.get(column) ?? column : column;
  return mapColumns(withoutValues(query), columnOf);
}

function tableName(unit: TableUnit): string | null {
  return unit.kind === "table" ? unit.table : null;
}

function withoutValues(query: Query): Query {
  return {
    ...query,
    from: { ...query.from, conditions: mapConditions(query.from.conditions, withoutValue) },
    where: mapConditions(query.where, withoutValue),
    having: mapConditions(query.having, withoutValue),
    intersect: query.intersect && withoutValues(query.intersect),
    union: query.union && withoutValues(query.union),
    except: query.except && withoutValues(query.except),
  };
}

function withoutValue(condition: Condition): Condition {
  const nested = (operand: Operand | null): Operand | null =>
    operand?.kind === "query" ? { kind: "query", query: withoutValues(operand.query) } : null;
  return { ...condition, operand: nested(condition.operand), upper: nested(condition.upper) };
}

function mapConditions(
  conditions: Conditions,
  change: (condition: Condition) => Condition,
): Conditions {
  return conditions.map((item, index) =>
    index % 2 === 0 && typeof item !== "string" ? change(item) : item
  );
}

function mapColumns(query: Query, columnOf: (column: string) => string): Query {
  const column = (unit: ColumnUnit): ColumnUnit => ({
    ...unit,
    column: columnOf(unit.column),
    distinct: null,
  });
  const value = ({ operator, left, right }: ValueUnit): ValueUnit => ({
    operator,
    left: column(left),
    right: right && column(right),
  });
  const condition = (unit: Condition): Condition => ({ ...unit, value: value(unit.value) });
  const joined = (other: Query | null) => other && mapColumns(other, columnOf);
  return {
    select: {
      distinct: null,
      units: query.select.units.map((unit) => ({ ...unit, value: value(unit.value) })),
    },
    from: { ...query.from, conditions: mapConditions(query.from.conditions, condition) },
    where: mapConditions(query.where, condition),
    groupBy: query.groupBy.map(column),
    having: mapConditions(query.having, condition),
    orderBy: query.orderBy && { ...query.orderBy, values: query.orderBy.values.map(value) },
    limit: query.limit,
    intersect: joined(query.intersect),
    union: joined(query.union),
    except: joined(query.except),
  };
}
