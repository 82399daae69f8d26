/**
 * Synthetic pairs of a question and the SQL that answers it. They are made by rules, not written by
 * people: the English is plain, and there is less variety in it than in real questions.
 * @module
 */
import { ConfigError } from "../../errors.ts";
import { type Random, random } from "../random.ts";
import { demoDatabases, smallDatabase } from "./databases.ts";
import { chance, pick, sentence } from "./english.ts";
import type { DatabaseForm, Draft, ScopeForm } from "./form.ts";
import * as groups from "./forms_groups.ts";
import * as order from "./forms_order.ts";
import * as rows from "./forms_rows.ts";
import * as across from "./forms_tables.ts";
import { type Level, levelOf } from "./level.ts";
import { drawScope } from "./scope.ts";
import type { SyntheticDatabase, Table } from "./types.ts";

/**
 * What a pair is for. No two splits share a question or, over the same schema, a query;
 * `test_unseen` shares no schema and no theme with the others either.
 */
export type PairSplit = "train" | "test_seen" | "test_unseen";

/** A question with its answer. */
export interface Pair {
  /** Unique among the pairs of its split, seed and schemas. */
  readonly id: string;
  readonly database: SyntheticDatabase;
  readonly question: string;
  /** Runs on the database in SQLite; nearly always there is a row. */
  readonly sql: string;
  readonly level: Level;
  /** Tables to show: those of the query and, by chance, others; in the order of the database. */
  readonly shown: readonly Table[];
}

/** Which pairs to make. */
export interface PairOptions {
  readonly split: PairSplit;
  readonly seed: number;
  /** Default: as many as are asked for. */
  readonly count?: number;
  /**
   * Databases to ask about: the five demo databases, small ones, or the demo databases in three of ten
   * questions. Default `"all"`; for `test_unseen`, small ones of other themes whatever is said here.
   */
  readonly schemas?: "demo" | "small" | "all";
  /** Of a hundred tables that a query does not need, so many are shown. Default 35. */
  readonly others?: number;
  /** How many small databases there are. Default 200. */
  readonly schemaCount?: number;
  /** Decides what the small databases are. Default 0. */
  readonly schemaSeed?: number;
}

const SCOPE_FORMS: readonly (readonly [weight: number, form: ScopeForm])[] = [
  [16, rows.listRows],
  [10, rows.countRows],
  [3, rows.countDistinct],
  [9, rows.aggregateRows],
  [6, order.orderRows],
  [9, order.topRows],
  [4, order.beyondAverage],
  [2, order.atExtreme],
  [8, groups.countGroups],
  [6, groups.summariseGroups],
  [6, groups.manyInGroup],
  [3, groups.summaryBound],
  [5, groups.topGroup],
  [4, groups.perYear],
];

const DATABASE_FORMS: readonly (readonly [weight: number, form: DatabaseForm])[] = [
  [7, across.countReferring],
  [3, across.beyondRow],
  [12, across.combineConditions],
  [2, across.combineTables],
];

/** A list in which each form is as often as its weight says. */
function weighted<T>(forms: readonly (readonly [number, T])[]): readonly T[] {
  return forms.flatMap(([weight, form]) => Array.from({ length: weight }, () => form));
}

const FORMS: readonly ((rng: Random, database: SyntheticDatabase) => Draft | null)[] = [
  ...weighted(SCOPE_FORMS).map((form) => (rng: Random, database: SyntheticDatabase) =>
    form(rng, drawScope(rng, database))
  ),
  ...weighted(DATABASE_FORMS),
];

/** Of a hundred questions over all schemas, so many are about demo databases. */
const DEMO_SHARE = 30;
/** Tries in a row without a new pair after which there are no more. */
const MOST_MISSES = 300;
/** Wordings of one query that are tried until one belongs to the split. */
const WORDINGS = 8;

/**
 * Makes pairs one by one, the same for the same options on every machine. Throws
 * {@linkcode ConfigError} where the schemas do not give as many different questions as are asked for.
 */
export function* syntheticPairs(options: PairOptions): Generator<Pair, void, undefined> {
  const { split, seed, count = Infinity, others = 35 } = options;
  const rng = random(seed, "synthetic pairs", split);
  const draw = databaseDrawer(rng, options);
  const seen = new Set<number>();
  let misses = 0;
  for (let made = 0; made < count;) {
    if (misses++ > MOST_MISSES) {
      throw new ConfigError([
        `Cannot make ${
          count === Infinity ? "more" : count
        } ${split} pairs: after ${made} no new question was found; ` +
        "ask for fewer, or for more schemas",
      ]);
    }
    const database = draw();
    const draft = pick(rng, FORMS)(rng, database);
    if (draft === null || !fits(split, draft.sql)) continue;
    const question = wordingFor(rng, split, draft);
    if (question === null) continue;
    const key = contentKey(database.name, question);
    if (seen.has(key)) continue;
    seen.add(key);
    misses = 0;
    made++;
    const { sql, tables } = draft;
    const shown = database.tables.filter((table) => tables.includes(table) || chance(rng, others));
    yield { id: `${split}-${made}`, database, question, sql, level: levelOf(sql), shown };
  }
}

function databaseDrawer(
  rng: Random,
  { split, schemas = "all", schemaCount = 200, schemaSeed = 0 }: PairOptions,
): () => SyntheticDatabase {
  const unseen = split === "test_unseen";
  const demo = unseen || schemas === "small" ? [] : demoDatabases();
  const small = new Map<number, SyntheticDatabase>();
  const drawSmall = () => {
    const index = rng.below(schemaCount);
    const known = small.get(index) ?? smallDatabase(index, { seed: schemaSeed, unseen });
    small.set(index, known);
    return known;
  };
  if (unseen || schemas === "small") return drawSmall;
  if (schemas === "demo") return () => pick(rng, demo);
  return () => chance(rng, DEMO_SHARE) ? pick(rng, demo) : drawSmall();
}

/**
 * Which split a question belongs to follows from its text alone, so that no seed brings one to two
 * splits. Over schemas that were seen, a query in whatever wording belongs to one split, too.
 */
function fits(split: PairSplit, sql: string): boolean {
  return split === "test_unseen" ||
    (random(0, "query", sql).below(4) === 0) === (split === "test_seen");
}

function splitOf(question: string): PairSplit {
  const share = random(0, "question", question.toLowerCase()).below(8);
  return share === 0 ? "test_seen" : share === 1 ? "test_unseen" : "train";
}

function wordingFor(rng: Random, split: PairSplit, draft: Draft): string | null {
  for (let i = 0; i < WORDINGS; i++) {
    const question = sentence(draft.question(rng));
    if (splitOf(question) === split) return question;
  }
  return null;
}

function contentKey(database: string, question: string): number {
  const hash = random(0, database, question.toLowerCase());
  return hash.uint32() * 0x200000 + (hash.uint32() >>> 11);
}
