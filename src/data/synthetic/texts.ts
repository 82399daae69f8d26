/**
 * What a small base model is trained on before it is taught to answer: schemas, SQL, English, and
 * texts and tasks from which it learns to read a schema and to copy from what stands before. Nothing
 * has a question together with its query.
 * @module
 */
import { formatDdl, formatValue } from "../../sql/ddl.ts";
import { type Random, random } from "../random.ts";
import { demoDatabases, smallDatabase } from "./databases.ts";
import { chance, indefinite, listed, pick, plural, sample, say } from "./english.ts";
import { schemaTask, type Task } from "./tasks.ts";
import { inventWord } from "./invented.ts";
import { type Pair, syntheticPairs } from "./pairs.ts";
import { schemaOf } from "./record.ts";
import type { Column, SyntheticDatabase, Table } from "./types.ts";

/** What a text is. A `copy` is a text followed by itself. */
export type TextKind =
  | "schema"
  | "sql"
  | "english"
  | "reading"
  | "rows"
  | "recall"
  | "copy"
  | "repeat";

/** A text to train a base model on, or a task with its result. */
export type PretrainingText =
  | { readonly kind: TextKind; readonly text: string }
  | { readonly kind: "task"; readonly task: Task };

/** Which texts to make. */
export interface TextOptions {
  readonly seed: number;
  /** Default: as many as are asked for. */
  readonly count?: number;
  /** Of a hundred, so many are tasks. Default 20. */
  readonly tasks?: number;
  /** Of a hundred tasks, so many ask what a question means. Default 0. */
  readonly meanings?: number;
  /** Of a hundred texts, so many are followed by their own copy. Default 33. */
  readonly copies?: number;
  /** Of a hundred, so many are a few words in a row, again and again. Default 0. */
  readonly repeats?: number;
}

/** Small databases of pretraining have these numbers and up; those of pairs have lower ones. */
const FIRST_DATABASE = 100_000;
/** Texts that are made about a database before the next is. */
const TEXTS_ABOUT_ONE = 12;
const DEMO_SHARE = 15;

type Write = (rng: Random, database: SyntheticDatabase, pair: Pair) => string;

const WRITERS: readonly (readonly [weight: number, kind: TextKind, write: Write])[] = [
  [4, "schema", writeSchema],
  [6, "sql", writeSql],
  [5, "english", writeEnglish],
  [7, "reading", writeReading],
  [3, "rows", writeRows],
  [3, "recall", writeRecall],
];
const WRITER_LIST = WRITERS.flatMap(([weight, kind, write]) =>
  Array.from({ length: weight }, () => ({ kind, write }))
);

/** Makes texts one by one, the same for the same options on every machine. */
export function* pretrainingTexts(
  { seed, count = Infinity, tasks = 20, meanings = 0, copies = 33, repeats = 0 }: TextOptions,
): Generator<PretrainingText, void, undefined> {
  const words = repeats > 0 ? wordsOf({ seed, tasks, copies: 0 }) : [];
  const rng = random(seed, "pretraining texts");
  const demo = demoDatabases();
  // Questions and queries are those for training alone, from two streams that have nothing in common.
  const pairs = syntheticPairs({ split: "train", seed, schemaCount: 400, schemaSeed: 1 });
  let database = demo[0];
  for (let made = 0; made < count; made++) {
    if (made % TEXTS_ABOUT_ONE === 0) {
      const index = FIRST_DATABASE + made / TEXTS_ABOUT_ONE;
      database = chance(rng, DEMO_SHARE) ? pick(rng, demo) : smallDatabase(index, { seed });
    }
    if (repeats > 0 && chance(rng, repeats)) {
      yield { kind: "repeat", text: repeated(rng, words) };
      continue;
    }
    const { value: pair } = pairs.next();
    if (chance(rng, tasks)) {
      const kind = meanings > 0 && chance(rng, meanings) ? "meaning" : "reading";
      yield { kind: "task", task: schemaTask(rng, pair!, kind) };
      continue;
    }
    const { kind, write } = pick(rng, WRITER_LIST);
    const text = write(rng, database, pair!);
    yield chance(rng, copies) ? { kind: "copy", text: copied(rng, text) } : { kind, text };
  }
}

/** Texts whose words are repeated. */
const WORD_TEXTS = 2000;

/** The different words of some texts. */
function wordsOf(options: TextOptions): string[] {
  const words = new Set<string>();
  for (const made of pretrainingTexts({ ...options, count: WORD_TEXTS })) {
    const text = made.kind === "task" ? `${made.task.input} ${made.task.output}` : made.text;
    for (const [word] of text.matchAll(/[A-Za-z]+|[0-9]{1,4}/g)) words.add(word);
  }
  return [...words];
}

/**
 * Words that have nothing to do with one another, three to five times in the same order: what comes
 * next can only be known from what came before.
 */
function repeated(rng: Random, words: readonly string[]): string {
  const chosen = Array.from({ length: 3 + rng.below(12) }, () => pick(rng, words)).join(" ");
  return Array<string>(3 + rng.below(3)).fill(chosen).join(" ");
}

const SEPARATORS = ["\n\n", "\n", "\n\n### Response:\n", "\n->\n", "\nAgain:\n", "\n\nThe same: "];

// What is copied are whole texts, if they are short, or some of their lines or words.
function copied(rng: Random, text: string): string {
  const lines = text.split("\n");
  const from = rng.below(lines.length);
  const part = text.length < 300 ? text : lines.slice(from, from + 1 + rng.below(4)).join("\n");
  const words = (part.trim() || text).slice(0, 400).trim();
  return `${words}${pick(rng, SEPARATORS)}${words}`;
}

function someTables(rng: Random, { tables }: SyntheticDatabase): readonly Table[] {
  const chosen = sample(rng, tables, 1 + rng.below(3));
  return tables.filter((table) => chosen.includes(table));
}

function ddlOf(rng: Random, database: SyntheticDatabase, tables: readonly Table[]): string {
  return formatDdl(schemaOf(database, tables), { style: chance(rng, 80) ? "compact" : "full" });
}

function writeSchema(rng: Random, database: SyntheticDatabase): string {
  return ddlOf(rng, database, someTables(rng, database));
}

/** A query of the training split below its schema, without any question. */
function writeSql(rng: Random, _: SyntheticDatabase, { database, shown, sql }: Pair): string {
  if (chance(rng, 30)) return sql;
  return `### Schema:\n${ddlOf(rng, database, shown)}\n\n### Query:\n${sql}`;
}

/** A question alone, or facts about a row. */
function writeEnglish(rng: Random, { tables }: SyntheticDatabase, { question }: Pair): string {
  if (chance(rng, 60)) return question;
  const { rows, columns, noun } = pick(rng, tables);
  const known = columns.filter(({ kind }) =>
    ["category", "number", "date", "label"].includes(kind)
  );
  return sample(rng, rows, 2).map((row) => {
    const facts = sample(rng, known, 3).map(({ words, index }) =>
      `the ${words} ${row[index] ?? "unknown"}`
    );
    return `${say(rng, "(There is|One can find|We have)")} ${indefinite(noun)} with ${
      listed(facts)
    }.`;
  }).join(" ");
}

/** A schema, then what can be read in it. */
function writeReading(rng: Random, database: SyntheticDatabase): string {
  const tables = someTables(rng, database);
  const facts = Array.from({ length: 2 + rng.below(4) }, () => readingFact(rng, database, tables));
  return `### Schema:\n${ddlOf(rng, database, tables)}\n\n${facts.join("\n")}`;
}

function readingFact(
  rng: Random,
  { tables }: SyntheticDatabase,
  shown: readonly Table[],
): string {
  const table = pick(rng, shown);
  const { columns, key, plural: rows } = table;
  const column = pick(rng, columns);
  const names = (list: readonly Column[]) => list.map(({ sql }) => sql).join(", ");
  const slots = {
    t: table.sql,
    c: column.sql,
    type: column.type,
    rows,
    w: column.words,
    k: key.sql,
  };
  const link = columns.find(({ kind, target }) =>
    kind === "reference" && shown.includes(tables[target])
  );
  switch (rng.below(link ? 7 : 6)) {
    case 0:
      return say(rng, "(The tables are|There are the tables|Tables:) <all>.", {
        all: shown.map(({ sql }) => sql).join(", "),
      });
    case 1:
      return say(rng, "(The columns of <t> are|<t> has the columns|Columns of <t>:) <all>.", {
        ...slots,
        all: names(columns),
      });
    case 2:
      return say(
        rng,
        "(The column <c> is in <t>.|<c> is a column of <t>.|<t>.<c> is <type>.)",
        slots,
      );
    case 3:
      return say(
        rng,
        "(The <w> of <rows> is in <t>.<c>.|For the <w> of <rows>, see <c> in <t>.|The <w> is <c>.)",
        slots,
      );
    case 4:
      return say(
        rng,
        "(The rows of <t> are <rows>.|<rows> are in <t>.|There are <rows> in <t>; their key is <k>.)",
        slots,
      );
    case 5: {
      const kind = pick(rng, ["number", "date", "category", "label"] as const);
      const found = columns.filter((one) => one.kind === kind);
      const what = { number: "numbers", date: "dates", category: "kinds", label: "names" }[kind];
      return found.length === 0
        ? say(rng, "<t> has no <what>.", { ...slots, what })
        : say(rng, "(The <what> in <t> are|<what> in <t>:) <all>.", {
          ...slots,
          what,
          all: names(found),
        });
    }
    default: {
      const other = tables[link!.target];
      return say(
        rng,
        "(<a> = <b> joins <t> and <u>.|<t> refers to <u> by <a>.|<t> JOIN <u> ON <a> = <b>)",
        {
          t: table.sql,
          u: other.sql,
          a: link!.qualified,
          b: other.key.qualified,
        },
      );
    }
  }
}

/** Rows as SQL inserts them, then some of them in words. */
function writeRows(rng: Random, { tables }: SyntheticDatabase): string {
  const { sql, columns, rows, noun } = pick(rng, tables);
  const some = sample(rng, rows, 2 + rng.below(3));
  const names = columns.map((column) => column.sql).join(", ");
  const lines = some.map((row) => `(${row.map(formatValue).join(", ")})`);
  const facts = some.map((row) => {
    const column = pick(rng, columns.slice(1));
    return `${noun} ${row[0]}: ${column.words} ${row[column.index] ?? "unknown"}`;
  });
  return `INSERT INTO ${sql} (${names}) VALUES\n${lines.join(",\n")};\n${facts.join("\n")}`;
}

/** Pairs of words that do not exist, some of them once more in another order. */
function writeRecall(rng: Random): string {
  const separator = pick(rng, [" = ", ": ", " is ", " -> "]);
  const pairs = Array.from({ length: 3 + rng.below(5) }, () => {
    const value = chance(rng, 50) ? inventWord(rng) : `${rng.below(5000)}`;
    return `${chance(rng, 30) ? plural(inventWord(rng)) : inventWord(rng)}${separator}${value}`;
  });
  const joint = pick(rng, ["\n", "; ", ", "]);
  return `${pairs.join(joint)}\n${rng.shuffle([...pairs]).join(joint)}`;
}
