import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { formatDdl } from "../../src/sql/ddl.ts";
import { schemaFromDdl } from "../../src/sql/build.ts";
import { openDatabase } from "../../src/sql/sandbox.ts";
import { schemaFromTablesJson, type Table, type TablesJsonEntry } from "../../src/sql/schema.ts";
import { sharedTest } from "../shared.ts";

const ENTRY: TablesJsonEntry = {
  db_id: "zoo",
  table_names_original: ["tier", "gehege", "belegung"],
  column_names_original: [
    [-1, "*"],
    [0, "id"],
    [0, "größe (cm)"],
    [1, "nr"],
    [1, "gebaut"],
    [2, "tier_id"],
    [2, "gehege_nr"],
  ],
  column_types: ["text", "number", "real", "number", "time", "number", "others"],
  primary_keys: [1, 3, [5, 6]],
  foreign_keys: [[5, 1], [6, 3]],
};

Deno.test("schemaFromTablesJson: types, keys of one and of several columns, foreign keys", () => {
  assertEquals(schemaFromTablesJson(ENTRY), {
    name: "zoo",
    tables: [
      {
        name: "tier",
        columns: [
          { name: "id", type: "NUMERIC", notNull: false },
          { name: "größe (cm)", type: "REAL", notNull: false },
        ],
        primaryKey: ["id"],
        foreignKeys: [],
      },
      {
        name: "gehege",
        columns: [
          { name: "nr", type: "NUMERIC", notNull: false },
          { name: "gebaut", type: "DATETIME", notNull: false },
        ],
        primaryKey: ["nr"],
        foreignKeys: [],
      },
      {
        name: "belegung",
        columns: [
          { name: "tier_id", type: "NUMERIC", notNull: false },
          { name: "gehege_nr", type: "", notNull: false },
        ],
        primaryKey: ["tier_id", "gehege_nr"],
        foreignKeys: [
          { columns: ["tier_id"], table: "tier", references: ["id"] },
          { columns: ["gehege_nr"], table: "gehege", references: ["nr"] },
        ],
      },
    ],
  });
});

Deno.test("schemaFromTablesJson: an entry that is wrong is named, and what is wrong with it", () => {
  const faults: readonly (readonly [object, string])[] = [
    [{ primary_keys: [99] }, "primary_keys has the index 99"],
    [{ primary_keys: [0] }, "primary_keys has the index 0"],
    [{ foreign_keys: [[5, "x"]] }, "foreign_keys has the index x"],
    [{ foreign_keys: [7] }, "foreign_keys has 7, which is no pair"],
    [{ foreign_keys: [[5]] }, "foreign_keys has the index undefined"],
    [{ column_names_original: [[4, "id"]] }, "column id is in table 4, of 3"],
    [{ column_names_original: ["id"] }, "pairs of a table index and a text"],
    [{ table_names_original: [1] }, "table_names_original has to hold texts"],
    [{ column_types: undefined }, "column_types is missing"],
  ];
  for (const [change, message] of faults) {
    const entry = { ...ENTRY, ...change } as TablesJsonEntry;
    const error = assertThrows(() => schemaFromTablesJson(entry), FormatError, message);
    assertStringIncludes(error.message, "Cannot read the schema of zoo: ");
  }
  for (const entry of [null, [], {}, "zoo", { ...ENTRY, db_id: 3 }]) {
    const wrong = entry as unknown as TablesJsonEntry;
    assertThrows(() => schemaFromTablesJson(wrong), FormatError, "an entry without db_id");
  }
});

const names = (tables: readonly Table[]) =>
  tables.map(({ name, columns }) => [name, columns.map((column) => column.name)].flat().join(" "));

sharedTest(
  "schemaFromTablesJson: each schema of Spider and BIRD, written as DDL, reads back the same",
  async (path) => {
    let count = 0;
    for (const file of ["data/spider/tables.json", "data/bird/dev_tables.json"]) {
      const entries: TablesJsonEntry[] = JSON.parse(await Deno.readTextFile(path(file)));
      for (const entry of entries) {
        const schema = schemaFromTablesJson(entry);
        assertEquals(await schemaFromDdl(formatDdl(schema), schema.name), schema);
        assertEquals(
          await schemaFromDdl(formatDdl(schema, { style: "compact" }), schema.name),
          schema,
        );
        count++;
      }
    }
    assertEquals(count, 166 + 11);
  },
);

sharedTest(
  "Database.schema: the names in Spider's database files are those of its tables.json",
  async (path) => {
    const entries: TablesJsonEntry[] = JSON.parse(
      await Deno.readTextFile(path("data/spider/tables.json")),
    );
    const byName = new Map(entries.map((entry) => [entry.db_id, entry]));
    const folder = path("data/spider/database");
    let count = 0;
    for await (const { name } of Deno.readDir(folder)) {
      using database = await openDatabase(`${folder}/${name}/${name}.sqlite`, { name });
      const schema = await database.schema();
      assertEquals(schema.name, name);
      const [actual, expected] = [schema, schemaFromTablesJson(byName.get(name)!)]
        .map(({ tables }) => names(tables).map((text) => text.toLowerCase()).sort());
      assertEquals(actual, expected, name);
      assert(schema.tables.some(({ primaryKey }) => primaryKey.length > 0), name);
      count++;
    }
    assertEquals(count, 20);
  },
);
