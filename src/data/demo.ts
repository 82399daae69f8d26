/**
 * Rows that the project generates for itself: questions over six small schemas with the SQL that
 * answers them, so that the smoke run and the goldens need neither a file nor a network.
 * @module
 */
import { ConfigError } from "../errors.ts";
import { schemaQuestion, TEXT_TO_SQL_INSTRUCTION } from "./question.ts";
import { type Random, random } from "./random.ts";
import type { InstructionRecord } from "./record.ts";

/** What a column holds: text values, a range of whole numbers, or the `id` of another table. */
export type Column = readonly string[] | readonly [low: number, high: number] | string;
/** Columns by table. */
export type Schema = Readonly<Record<string, Readonly<Record<string, Column>>>>;

/** The schemas that questions are about. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  shop: {
    products: {
      name: ["kettle", "desk lamp", "office chair", "notebook", "backpack"],
      category: ["kitchen", "furniture", "stationery", "travel"],
      price: [4, 250],
      stock: [0, 120],
    },
    orders: {
      product_id: "products",
      customer: ["Ada Brown", "Li Wei", "Sam O'Neil", "Noor Khan"],
      city: ["Oslo", "Lima", "Cairo", "Osaka"],
      quantity: [1, 30],
    },
  },
  clinic: {
    doctors: {
      surname: ["Fischer", "Okafor", "Silva", "Tanaka", "D'Angelo"],
      specialty: ["cardiology", "dermatology", "neurology"],
      experience_years: [1, 40],
    },
    visits: {
      doctor_id: "doctors",
      patient: ["Mia Jones", "Omar Haddad", "Eva Novak", "Ben Adams"],
      diagnosis: ["flu", "asthma", "migraine", "allergy"],
      fee: [20, 400],
    },
  },
  library: {
    books: {
      title: ["The Long Winter", "Silent Rivers", "A Map of Stars", "Glass Houses"],
      author: ["R. Moreno", "K. Lindgren", "T. Achebe"],
      published_year: [1950, 2024],
      pages: [60, 900],
    },
    loans: {
      book_id: "books",
      member: ["Grace", "Hugo", "Ivan", "Julia"],
      branch: ["north", "harbour", "central"],
      days_kept: [1, 60],
    },
  },
  school: {
    teachers: {
      full_name: ["Anna Weber", "Paul Dubois", "Ruth Cohen", "Ali Reza"],
      subject: ["history", "physics", "music", "geography"],
      salary: [2000, 6000],
    },
    classes: {
      teacher_id: "teachers",
      room: ["A1", "B2", "C3"],
      level: ["beginner", "intermediate", "advanced"],
      seats: [10, 40],
    },
  },
  airline: {
    planes: {
      model: ["Falcon 20", "Skyliner", "Aero 7", "Comet"],
      maker: ["Boreal", "Zephyr Works", "Altair"],
      capacity: [20, 420],
    },
    flights: {
      plane_id: "planes",
      origin: ["Rome", "Delhi", "Quito", "Seoul"],
      destination: ["Paris", "Tunis", "Boston", "Perth"],
      distance_km: [200, 9000],
      delay_minutes: [0, 180],
    },
  },
  cinema: {
    films: {
      title: ["Night Train", "The Baker", "Orbit", "Paper Moon"],
      genre: ["drama", "comedy", "thriller", "animation"],
      running_time: [70, 210],
    },
    screenings: {
      film_id: "films",
      hall: ["red", "blue", "garden"],
      weekday: ["Monday", "Friday", "Saturday", "Sunday"],
      tickets_sold: [0, 300],
    },
  },
};

/**
 * Question and SQL with the same blanks: t a table, a and b two of its text columns, v a value of b,
 * n a number column, k a number from its range, m a small number, f a reference to the table u, c a
 * text column of u, w a value of c. In a question `_` becomes a space; in SQL a quote is doubled.
 */
const TEMPLATES: readonly (readonly [question: string, sql: string])[] = [
  ["List the {a} of all {t}.", "SELECT {a} FROM {t}"],
  ["What are the different {b} values of the {t}?", "SELECT DISTINCT {b} FROM {t}"],
  ["Show the {a} of {t} whose {b} is '{v}'.", "SELECT {a} FROM {t} WHERE {b} = '{v}'"],
  ["Which {t} have {n} above {k}? Give the {a}.", "SELECT {a} FROM {t} WHERE {n} > {k}"],
  [
    "Find the {a} of {t} with {b} '{v}' and {n} of at most {k}.",
    "SELECT {a} FROM {t} WHERE {b} = '{v}' AND {n} <= {k}",
  ],
  ["How many {t} have '{v}' as {b}?", "SELECT COUNT(*) FROM {t} WHERE {b} = '{v}'"],
  ["How many {t} have {n} below {k}?", "SELECT COUNT(*) FROM {t} WHERE {n} < {k}"],
  ["What is the average {n} of all {t}?", "SELECT AVG({n}) FROM {t}"],
  [
    "What is the highest {n} among {t} whose {b} is '{v}'?",
    "SELECT MAX({n}) FROM {t} WHERE {b} = '{v}'",
  ],
  [
    "Which of the {t} has the lowest {n}? Show its {a}.",
    "SELECT {a} FROM {t} ORDER BY {n} LIMIT 1",
  ],
  [
    "Show the {a} of the {m} {t} with the largest {n}.",
    "SELECT {a} FROM {t} ORDER BY {n} DESC LIMIT {m}",
  ],
  ["Count the {t} for each {b}.", "SELECT {b}, COUNT(*) FROM {t} GROUP BY {b}"],
  ["What is the total {n} of the {t} per {b}?", "SELECT {b}, SUM({n}) FROM {t} GROUP BY {b}"],
  [
    "Which {b} values appear in more than {m} {t}?",
    "SELECT {b} FROM {t} GROUP BY {b} HAVING COUNT(*) > {m}",
  ],
  [
    "Show the {a} of all {t} together with the {c} of their {u}.",
    "SELECT T1.{a}, T2.{c} FROM {t} AS T1 JOIN {u} AS T2 ON T1.{f} = T2.id",
  ],
  [
    "How many {t} refer to {u} with '{w}' as {c}?",
    "SELECT COUNT(*) FROM {t} AS T1 JOIN {u} AS T2 ON T1.{f} = T2.id WHERE T2.{c} = '{w}'",
  ],
  [
    "What is the average {n} of {t} whose {u} have '{w}' as {c}?",
    "SELECT AVG(T1.{n}) FROM {t} AS T1 JOIN {u} AS T2 ON T1.{f} = T2.id WHERE T2.{c} = '{w}'",
  ],
];

function pick<T>(rng: Random, list: readonly T[]): T {
  return list[rng.below(list.length)];
}

function isRange(column: Column): column is readonly [number, number] {
  return typeof column !== "string" && typeof column[0] === "number";
}

function isText(column: Column): column is readonly string[] {
  return typeof column !== "string" && typeof column[0] === "string";
}

/** The table with the columns that `used` names and, by chance, others, in any order. */
function createTable(rng: Random, schema: Schema, table: string, used: readonly string[]): string {
  const columns = [["id", "INTEGER"]];
  for (const [name, column] of Object.entries(schema[table])) {
    columns.push([name, isText(column) ? "VARCHAR" : "INTEGER"]);
  }
  const kept = columns.filter(([name]) => used.includes(name) || rng.below(2) === 0);
  return `CREATE TABLE ${table} (${rng.shuffle(kept).map((pair) => pair.join(" ")).join(", ")})`;
}

/** Fills every blank of {@linkcode TEMPLATES} that the table can fill. */
function fillBlanks(rng: Random, schema: Schema, table: string): Record<string, string> {
  const names = (from: string, test: (column: Column) => boolean) =>
    Object.keys(schema[from]).filter((name) => test(schema[from][name]));
  const [a, b] = rng.shuffle(names(table, isText));
  const n = pick(rng, names(table, isRange));
  const [low, high] = schema[table][n] as readonly [number, number];
  const blanks: Record<string, string> = {
    t: table,
    a,
    b,
    v: pick(rng, schema[table][b] as readonly string[]),
    n,
    k: `${low + rng.below(high - low + 1)}`,
    m: `${2 + rng.below(4)}`,
  };
  const f = names(table, (column) => typeof column === "string").at(0);
  if (f === undefined) return blanks;
  const u = schema[table][f] as string;
  const c = pick(rng, names(u, isText));
  return { ...blanks, f, u, c, w: pick(rng, schema[u][c] as readonly string[]) };
}

function write(template: string, blanks: Record<string, string>, word: (text: string) => string) {
  return template.replace(/\{(\w)\}/g, (_, blank) => word(blanks[blank]));
}

/**
 * `count` instruction rows with distinct questions, the same for the same seed. Whether a question
 * belongs to "train" or "val" (about one in eight) follows from its text alone, so no seed makes the
 * two splits share one. Throws {@linkcode ConfigError} when the schemas cannot give that many.
 */
export function demoRecords(
  { count, seed, split }: { count: number; seed: number; split: "train" | "val" },
): InstructionRecord[] {
  const rng = random(seed, "demo", split);
  const records = new Map<string, InstructionRecord>();
  let misses = 0;
  while (records.size < count) {
    if (misses++ > 1000) {
      throw new ConfigError([
        `Cannot make ${count} ${split} demo records: after ${records.size} no new question was ` +
        `found; ask for fewer`,
      ]);
    }
    const name = pick(rng, Object.keys(SCHEMAS));
    const schema = SCHEMAS[name];
    const table = pick(rng, Object.keys(schema));
    const blanks = fillBlanks(rng, schema, table);
    const [question, sql] = pick(
      rng,
      TEMPLATES.filter(([question]) => blanks.u !== undefined || !question.includes("{u}")),
    );
    const text = write(question, blanks, (word) => word.replaceAll("_", " "));
    const home = random(0, "demo split", text).below(8) === 0 ? "val" : "train";
    if (home !== split || records.has(text)) continue;
    const joined = question.includes("{u}");
    const used = Object.keys(blanks).filter((blank) => sql.includes(`{${blank}}`))
      .map((blank) => blanks[blank]);
    const ddl = (joined ? [table, blanks.u] : [table])
      .map((each) => createTable(rng, schema, each, joined ? [...used, "id"] : used)).join("; ");
    records.set(text, {
      id: `demo-${split}-${records.size}`,
      instruction: TEXT_TO_SQL_INSTRUCTION,
      input: schemaQuestion(ddl, text),
      output: write(sql, blanks, (word) => word.replaceAll("'", "''")),
      source: "demo",
      meta: { schema: name },
    });
    misses = 0;
  }
  return [...records.values()];
}
