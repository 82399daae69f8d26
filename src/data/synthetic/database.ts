/**
 * Makes a database of entities: names, types, keys, rows; and writes it as a script.
 * @module
 */
import type { Random } from "../random.ts";
import { formatDdl, formatValue, quoteIdentifier } from "../../sql/ddl.ts";
import type { DatabaseSchema } from "../../sql/schema.ts";
import { pick } from "./english.ts";
import type { Naming } from "./naming.ts";
import { fillRows } from "./rows.ts";
import type { Attribute, Column, Entity, Row, SyntheticDatabase, Table } from "./types.ts";

/**
 * The database of these entities; one comes after those that it refers to. `rows` tells how many rows
 * an entity gets, `words` which of the nouns an attribute has here (default: the first).
 */
export function createDatabase(
  rng: Random,
  { name, theme, entities, naming, rows, words = ({ words }) => words[0] }: {
    readonly name: string;
    readonly theme: string;
    readonly entities: readonly Entity[];
    readonly naming: Naming;
    readonly rows: (entity: Entity) => number;
    readonly words?: (attribute: Attribute) => string;
  },
): SyntheticDatabase {
  const tables: Table[] = [];
  const indexOf = (target: string) => entities.findIndex(({ noun }) => noun === target);
  for (const entity of entities) {
    const filled = fillRows(rng, entity.attributes, {
      count: rows(entity),
      keysOf: (target) => tables[indexOf(target)].rows.map(([key]) => key),
    });
    const tableName = naming.table(entity);
    const sql = quoteIdentifier(tableName);
    const column = (
      name: string,
      index: number,
      rest: Pick<Column, "kind" | "words" | "type" | "target" | "nullable">,
    ): Column => ({
      name,
      sql: quoteIdentifier(name),
      qualified: `${sql}.${quoteIdentifier(name)}`,
      index,
      sorted: rest.kind === "key" ? [] : distinct(filled, index),
      ...rest,
    });
    const key = column(naming.key(entity), 0, {
      kind: "key",
      words: "id",
      type: naming.type({ kind: "reference" } as Attribute),
      target: -1,
      nullable: false,
    });
    const others = entity.attributes.map((attribute, i): Column => {
      const noun = words(attribute);
      const target = indexOf(attribute.target);
      const columnName = attribute.kind === "reference"
        ? naming.reference(entities[target])
        : naming.column(entity, attribute, noun);
      const { is, adjective, more, less, most, least, unit, total, happened } = attribute;
      const { yes, no, by, did, done } = attribute;
      return {
        ...{
          is,
          adjective,
          more,
          less,
          most,
          least,
          unit,
          total,
          happened,
          yes,
          no,
          by,
          did,
          done,
        },
        ...column(columnName, i + 1, {
          kind: attribute.kind,
          words: noun,
          type: naming.type(attribute),
          target,
          nullable: attribute.missing > 0,
        }),
      };
    });
    tables.push({
      name: tableName,
      sql,
      noun: entity.noun,
      plural: entity.plural,
      person: entity.person,
      columns: [key, ...others],
      key,
      label: others.find(({ kind }) => kind === "label") ?? null,
      rows: filled,
      byKey: new Map(filled.map((row) => [row[0], row])),
    });
  }
  return { name, theme, tables, schema: schemaOf(name, tables) };
}

/**
 * Some of a theme's entities, those that they refer to mostly with them, and some of their attributes.
 */
export function drawEntities(rng: Random, entities: readonly Entity[]): Entity[] {
  const chosen = new Set<string>();
  const choose = (noun: string) => {
    const found = entities.find((entity) => entity.noun === noun)!;
    chosen.add(noun);
    for (const { kind, target } of found.attributes) {
      if (kind === "reference" && !chosen.has(target) && rng.below(5) > 0) choose(target);
    }
  };
  choose(pick(rng, entities).noun);
  return entities.filter(({ noun }) => chosen.has(noun)).map((entity) => {
    const kept = entity.attributes.filter(({ kind, target }) => {
      if (kind === "reference") return chosen.has(target);
      return rng.below(10) < (kind === "label" ? 9 : 7);
    });
    // A table has to have something to ask about.
    const own = ({ kind }: Attribute) => kind !== "reference";
    const attributes = kept.filter(own).length >= 2
      ? kept
      : entity.attributes.filter((one) => own(one) || kept.includes(one));
    return { ...entity, attributes };
  });
}

/** Statements that create the tables and insert their rows, a line for each row. */
export function databaseScript({ schema, tables }: SyntheticDatabase): string {
  const inserts = tables.map(({ sql, columns, rows }) => {
    const names = columns.map((column) => column.sql).join(", ");
    const lines = rows.map((row) => `  (${row.map(formatValue).join(", ")})`);
    return `INSERT INTO ${sql} (${names}) VALUES\n${lines.join(",\n")};\n`;
  });
  return `${formatDdl(schema)}\n\n${inserts.join("\n")}`;
}

function distinct(rows: readonly Row[], index: number): (string | number)[] {
  const values = new Set<string | number>();
  for (const row of rows) {
    const value = row[index];
    if (value !== null) values.add(value);
  }
  return [...values].sort((a, b) => a < b ? -1 : 1);
}

function schemaOf(name: string, tables: readonly Table[]): DatabaseSchema {
  return {
    name,
    tables: tables.map(({ name, columns, key }) => ({
      name,
      columns: columns.map(({ name, type, nullable }) => ({
        name,
        type,
        notNull: !nullable && name !== key.name,
      })),
      primaryKey: [key.name],
      foreignKeys: columns.filter(({ kind }) => kind === "reference").map((column) => ({
        columns: [column.name],
        table: tables[column.target].name,
        references: [tables[column.target].key.name],
      })),
    })),
  };
}
