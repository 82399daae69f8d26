/**
 * What an untrusted statement may do, asked by SQLite while it compiles the statement. What is not
 * named here is refused. Action codes: https://www.sqlite.org/c3ref/c_alter_table.html.
 * @module
 */

const OK = 0;
const DENY = 1;
const IGNORE = 2;

const PRAGMA = 19;
const READ = 20;
const SELECT = 21;
/** Deletions, insertions and updates. */
const CHANGES: readonly number[] = [9, 18, 23];
const ATTACH = 24;
const DETACH = 25;
const ALTER = 26;
const FUNCTION = 31;
const RECURSIVE = 33;

/** What the refused actions would do. */
const ACTIONS: Readonly<Record<number, string>> = {
  1: "create an index",
  2: "create a table",
  3: "create a temporary index",
  4: "create a temporary table",
  5: "create a temporary trigger",
  6: "create a temporary view",
  7: "create a trigger",
  8: "create a view",
  9: "delete rows",
  10: "drop an index",
  11: "drop a table",
  12: "drop a temporary index",
  13: "drop a temporary table",
  14: "drop a temporary trigger",
  15: "drop a temporary view",
  16: "drop a trigger",
  17: "drop a view",
  18: "insert rows",
  19: "use a PRAGMA",
  22: "begin or end a transaction",
  23: "update rows",
  24: "attach a database",
  25: "detach a database",
  26: "alter a table",
  27: "rebuild an index",
  28: "analyze tables",
  29: "create a virtual table",
  30: "drop a virtual table",
  32: "use a savepoint",
};

/** Tables that show the inside of SQLite or of the file rather than the data. */
const INTERNAL_TABLE =
  /^(pragma_.*|bytecode|dbstat|fts5vocab|sqlite_dbpage|sqlite_stmt|tables_used)$/i;

/** SQLite's functions that compute from their arguments, search text, or tell the time or chance. */
const FUNCTIONS = new Set(
  `
  -> ->> abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling changes char coalesce concat
  concat_ws cos cosh count cume_dist current_date current_time current_timestamp date datetime degrees
  dense_rank exp first_value floor format glob group_concat hex highlight if ifnull iif instr
  json json_array json_array_insert json_array_length json_each json_error_position json_extract
  json_group_array json_group_object json_insert json_object json_patch json_pretty json_quote
  json_remove json_replace json_set json_tree json_type json_valid
  jsonb jsonb_array jsonb_array_insert jsonb_each jsonb_extract jsonb_group_array jsonb_group_object
  jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set jsonb_tree
  julianday lag last_insert_rowid last_value lead length like likelihood likely ln log log10 log2 lower
  ltrim match max median min mod nth_value ntile nullif octet_length percent_rank percentile percentile_cont
  percentile_disc pi pow power printf quote radians random randomblob rank replace round row_number
  rtrim sign sin sinh snippet sqlite_source_id sqlite_version sqrt strftime string_agg substr substring
  subtype sum tan tanh time timediff total total_changes trim trunc typeof unhex unicode unistr
  unistr_quote unixepoch unlikely upper zeroblob
`.trim().split(/\s+/),
);

/** What indexes for text and space ask for inside. By themselves they are no SELECT. */
const INNER_PRAGMAS: readonly (string | null)[] = ["data_version", "page_size"];
const isInner = (name: string | null, value: string | null) =>
  INNER_PRAGMAS.includes(name) && value === null;

/** Decides for the statements of one connection, and remembers what the last of them was about. */
export interface Policy {
  authorize(action: number, first: string | null, second: string | null): number;
  /** What was refused first, such as "insert rows into singer"; null if nothing was. */
  readonly refused: string | null;
  /** Whether a SELECT is part of the statement. */
  readonly selects: boolean;
}

/** Reading statements only. */
export function readingPolicy(): Policy {
  let refused: string | null = null;
  let selects = false;
  const allowed = (action: number, first: string | null, second: string | null): boolean => {
    if (action === SELECT) selects = true;
    if (action === READ) return !INTERNAL_TABLE.test(first ?? "");
    if (action === FUNCTION) return FUNCTIONS.has((second ?? "").toLowerCase());
    if (action === PRAGMA) return isInner(first, second);
    return action === SELECT || action === RECURSIVE;
  };
  return {
    authorize(action, first, second) {
      if (allowed(action, first, second)) return OK;
      refused ??= describe(action, first, second);
      return DENY;
    },
    get refused() {
      return refused;
    },
    get selects() {
      return selects;
    },
  };
}

/** Scripts that build a database in memory: all but other databases; a PRAGMA does nothing. */
export function buildingPolicy(): Policy {
  let refused: string | null = null;
  return {
    authorize(action, first, second) {
      if (action === PRAGMA) return isInner(first, second) ? OK : IGNORE;
      if (action !== ATTACH && action !== DETACH) return OK;
      refused ??= describe(action, first, second);
      return DENY;
    },
    get refused() {
      return refused;
    },
    selects: false,
  };
}

/** Statements of this project's own. */
export const TRUSTING: Policy = { authorize: () => OK, refused: null, selects: true };

function describe(action: number, first: string | null, second: string | null): string {
  if (action === READ) return `read the internal table ${first}`;
  if (action === FUNCTION) return `call the function ${second}`;
  if (first?.startsWith("sqlite_") && CHANGES.includes(action)) return "change the schema";
  const subject = action === ALTER ? second : first;
  const name = subject ? ` (${subject})` : "";
  return (ACTIONS[action] ?? `do what SQLite calls action ${action}`) + name;
}
