/**
 * The layout that Spider introduced and CSpider and BIRD share: a JSON list of questions that name
 * their database, a `tables.json` with the schemas, and a folder with an SQLite file a database.
 * @module
 */
import { dirname, join } from "node:path";
import { FormatError } from "../errors.ts";
import { isJsonObject } from "../formats/json.ts";
import { type DatabaseSchema, schemaFromTablesJson, type TablesJsonEntry } from "../sql/schema.ts";
import type { Dataset, DatasetPart, DatasetSource, Example, Row } from "./example.ts";
import { badRow, contentId, optionalText, readRow, textField } from "./fields.ts";
import { readRows, type SourceRow } from "./rows.ts";
import {
  exists,
  findBeside,
  findSplits,
  requirePath,
  type SplitFile,
  type SplitNames,
} from "./source_files.ts";

/** What one data set calls its things. Paths are relative to the file of questions. */
export interface SpiderLayout {
  readonly name: string;
  readonly summary: string;
  readonly files: SplitNames;
  /** Folders inside the data set's own that hold the files of one split (BIRD). */
  readonly folders?: readonly string[];
  readonly tables: (stem: string) => readonly string[];
  readonly databases: (stem: string) => readonly string[];
  /** The key of the SQL. */
  readonly sqlKeys: readonly string[];
  /** Keys to keep under `meta`. */
  readonly keep: readonly string[];
}

/** The data set of a layout. */
export function spiderLike(layout: SpiderLayout): Dataset {
  const { name, summary } = layout;
  return {
    name,
    summary,
    hasFiles: true,
    async open(source) {
      const files = await splitsOf(requirePath(source, name), layout);
      return await Promise.all(files.map((file) => openPart(file, source, layout)));
    },
  };
}

async function splitsOf(path: string, layout: SpiderLayout): Promise<SplitFile[]> {
  const found: SplitFile[] = [];
  for (const folder of layout.folders ?? []) {
    const inner = join(path, folder);
    if (await exists(inner)) found.push(...await findSplits(inner, layout.files));
  }
  return found.length > 0 ? found : await findSplits(path, layout.files);
}

async function openPart(
  file: SplitFile,
  source: DatasetSource,
  layout: SpiderLayout,
): Promise<DatasetPart> {
  const stem = file.path.replace(/^.*[/\\]/, "").split(/[._]/)[0];
  const tablesPath = source.tables ?? await findBeside(file.path, layout.tables(stem));
  const folder = source.dbDir ?? await findBeside(file.path, layout.databases(stem));
  if (tablesPath === null && folder === null) {
    throw new FormatError(
      `Cannot read ${file.path}: there is neither ${layout.tables(stem)[0]} nor a folder ` +
        `${layout.databases(stem)[0]} in ${
          dirname(file.path)
        }; put them there, or name them with ` +
        "--tables and --db_dir",
      { file: file.path },
    );
  }
  return {
    ...file,
    file: file.path,
    async *rows() {
      const schemas = tablesPath === null ? new Map() : await readTablesJson(tablesPath);
      for await (const row of partRows(file, layout, schemas, folder)) yield row;
    },
  };
}

async function* partRows(
  file: SplitFile,
  layout: SpiderLayout,
  schemas: ReadonlyMap<string, SchemaEntry>,
  folder: string | null,
): AsyncGenerator<Row> {
  // Databases come in runs, so that few look-ups are needed.
  const databases = new Map<string, string | null>();
  for await (const row of readRows(file.path)) {
    const name = isJsonObject(row.value) ? row.value.db_id : undefined;
    if (folder !== null && isFileName(name) && !databases.has(name)) {
      databases.set(name, await findDatabase(folder, name));
    }
    yield readQuestion(row, file, layout, (name) => ({
      entry: schemas.get(name),
      database: databases.get(name) ?? null,
    }));
  }
}

/** A schema, or why it cannot be read. */
type SchemaEntry = { readonly schema: DatabaseSchema } | { readonly fault: string };

/** The schemas of a `tables.json` by `db_id`; one that is broken is a fault of its questions only. */
async function readTablesJson(path: string): Promise<Map<string, SchemaEntry>> {
  const schemas = new Map<string, SchemaEntry>();
  for await (const { row, value } of readRows(path)) {
    if (!isJsonObject(value) || typeof value.db_id !== "string") {
      throw new FormatError(
        `Cannot read ${path}: entry ${row} has no db_id; take the data set's own tables.json`,
        { file: path, line: row },
      );
    }
    schemas.set(value.db_id, readEntry(value));
  }
  return schemas;
}

function readEntry(value: object): SchemaEntry {
  try {
    return { schema: schemaFromTablesJson(value as TablesJsonEntry) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { fault: error.message };
  }
}

/** `<folder>/<name>/<name>.sqlite`, as all the sets have it, or without the inner folder. */
async function findDatabase(folder: string, name: string): Promise<string | null> {
  for (const ending of ["sqlite", "db"]) {
    for (
      const path of [join(folder, name, `${name}.${ending}`), join(folder, `${name}.${ending}`)]
    ) {
      if (await exists(path)) return path;
    }
  }
  return null;
}

/** Whether `name` is a plain name of a file, which leads to no other folder. */
function isFileName(name: unknown): name is string {
  return typeof name === "string" && name !== "" && !/^\.|[/\\\0]/.test(name) && name.length < 200;
}

function readQuestion(
  { row, value }: SourceRow,
  file: SplitFile,
  layout: SpiderLayout,
  look: (name: string) => { entry: SchemaEntry | undefined; database: string | null },
): Row {
  const place = { file: file.path, row };
  return readRow(value, place, (fields): Example => {
    const question = textField(fields, ["question"], "no_question");
    const sql = textField(fields, layout.sqlKeys, "no_sql");
    const name = textField(fields, ["db_id"], "no_schema");
    if (!isFileName(name)) return badRow("no_schema", `db_id ${name} is no name of a database`);
    const { entry, database } = look(name);
    if (entry === undefined && database === null) {
      return badRow("no_schema", `there is no database ${name}`);
    }
    if (entry && "fault" in entry) return badRow("no_schema", entry.fault);
    const evidence = optionalText(fields, "evidence");
    const kept = Object.fromEntries(
      layout.keep.filter((key) => fields[key] !== undefined).map((key) => [key, fields[key]]),
    );
    const own = fields.question_id;
    return {
      id: typeof own === "number" || typeof own === "string"
        ? `${layout.name}-${own}`
        : contentId(layout.name, name, question, sql),
      question,
      // Where it is null, the database says it.
      schema: entry ? entry.schema : null,
      sql,
      groups: [name],
      ...(evidence === undefined ? {} : { evidence }),
      ...(database === null ? {} : { database: { path: database } }),
      meta: { db_id: name, ...kept },
      place,
    };
  });
}
