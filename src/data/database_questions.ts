/**
 * Questions about databases that lie beside them: `<name>/questions.jsonl` with `question`, `sql` and
 * `db_id`, as in data/demo/.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { type Example, isFault, type Place, type Row } from "./example.ts";
import { contentId, optionalText, readRow, textField } from "./fields.ts";
import { readRows } from "./rows.ts";
import { exists, isFolder } from "./source_files.ts";
import { levelOf } from "./synthetic/level.ts";

const NAME = "questions.jsonl";

/**
 * The files of questions at `path`: the file itself, that of the folder of a database, or those of all
 * folders in it, in the order of their names. Throws {@linkcode FormatError} where there are none.
 */
export async function questionFiles(path: string): Promise<readonly string[]> {
  if (!(await isFolder(path))) return [path];
  const own = join(path, NAME);
  if (await exists(own)) return [own];
  const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
  const files: string[] = [];
  for (const name of names) {
    const file = join(path, name, NAME);
    if (await exists(file)) files.push(file);
  }
  if (files.length > 0) return files;
  throw new FormatError(
    `Cannot read ${path}: neither it nor a folder in it has a ${NAME}; give the file of questions itself`,
    { file: path },
  );
}

/**
 * The first `count` questions of `files`, without their schemas, which their databases have; `meta` has
 * `db_id` and `level`. Throws {@linkcode FormatError} at the first row that is no question.
 */
export async function readDatabaseQuestions(
  files: readonly string[],
  count: number = Infinity,
): Promise<Example[]> {
  const examples: Example[] = [];
  for (const file of files) {
    for await (const { row, value } of readRows(file)) {
      if (examples.length >= count) return examples;
      const read = readQuestion(value, { file, row });
      if (!isFault(read)) examples.push(read);
      else {
        const message = `Cannot read ${file}: question ${row}: ${read.detail}; correct the file`;
        throw new FormatError(message, { file, line: row });
      }
    }
  }
  return examples;
}

function readQuestion(value: unknown, place: Place): Row {
  return readRow(value, place, (fields) => {
    const question = textField(fields, ["question"], "no_question");
    const sql = textField(fields, ["sql", "query"], "no_sql");
    const db_id = textField(fields, ["db_id"], "no_schema");
    return {
      id: optionalText(fields, "id") ?? contentId("question", db_id, question, sql),
      question,
      schema: null,
      sql,
      groups: [db_id],
      meta: { db_id, level: levelOf(sql) },
      place,
    };
  });
}
