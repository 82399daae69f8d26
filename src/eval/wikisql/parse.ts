/**
 * Reads SQL text as a query of WikiSQL.
 * @module
 */
import { AGGREGATES, OPERATORS, type Sketch, type SketchTable } from "./sketch.ts";

interface Token {
  readonly kind: "name" | "text" | "word" | "sign";
  /** Without quotation marks. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const TOKEN = new RegExp(
  [
    '"((?:""|[^"])*)"|`((?:``|[^`])*)`|\\[([^\\]]*)\\]', // names; "…" may be a text too
    "'((?:''|[^'])*)'",
    "([\\p{L}\\p{N}_.$#%]+)",
    "([^\\s])",
  ].join("|"),
  "gu",
);

/**
 * The query that `sql` is in WikiSQL's format; null where it has none, because it does more, names
 * another table, or a column that is not there. Names need quotation marks only where they have words
 * of SQL in them. As WikiSQL's own SQL calls every table `table`, that name is taken too.
 */
export function parseSketch(sql: string, table: SketchTable): Sketch | null {
  const tokens = tokenize(sql);
  while (isSign(tokens.at(-1), ";")) tokens.pop();
  const from = tokens.findIndex((token) => isWord(token, "from"));
  if (!isWord(tokens[0], "select") || from < 0) return null;
  const selected = readSelected(tokens.slice(1, from), { sql, table });
  const where = tokens.findIndex((token, index) => index > from && isWord(token, "where"));
  const named = tokens.slice(from + 1, where < 0 ? undefined : where);
  if (selected === null || !isTable(named, table)) return null;
  if (where < 0) return { ...selected, conds: [] };
  const conds: Sketch["conds"][number][] = [];
  for (const part of splitAt(tokens.slice(where + 1), "and")) {
    const condition = readCondition(part, { sql, table });
    if (condition === null) return null;
    conds.push(condition);
  }
  return { ...selected, conds };
}

interface Source {
  readonly sql: string;
  readonly table: SketchTable;
}

function tokenize(sql: string): Token[] {
  return [...sql.matchAll(TOKEN)].map((match): Token => {
    const [all, double, back, bracket, text, word] = match;
    const place = { start: match.index, end: match.index + all.length };
    if (double !== undefined) {
      return { kind: "name", value: double.replaceAll('""', '"'), ...place };
    }
    const name = back ?? bracket;
    if (name !== undefined) return { kind: "name", value: name, ...place };
    if (text !== undefined) return { kind: "text", value: text.replaceAll("''", "'"), ...place };
    return { kind: word !== undefined ? "word" : "sign", value: all, ...place };
  });
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === "word" && token.value.toLowerCase() === word;
}

function isSign(token: Token | undefined, sign: string): boolean {
  return token?.kind === "sign" && token.value === sign;
}

function readSelected(
  tokens: readonly Token[],
  source: Source,
): { sel: number; agg: number } | null {
  const agg = AGGREGATES.findIndex((name) => name !== "" && isWord(tokens[0], name.toLowerCase()));
  const closed = agg > 0 && isSign(tokens[1], "(") && isSign(tokens.at(-1), ")");
  const column = findColumn(closed ? tokens.slice(2, -1) : tokens, source);
  return column === null ? null : { sel: column, agg: closed ? agg : 0 };
}

function isTable(tokens: readonly Token[], { name }: SketchTable): boolean {
  const [token] = tokens;
  if (tokens.length !== 1 || (token.kind !== "name" && token.kind !== "word")) return false;
  return [name.toLowerCase(), "table"].includes(token.value.toLowerCase());
}

function readCondition(
  tokens: readonly Token[],
  source: Source,
): Sketch["conds"][number] | null {
  const at = tokens.findIndex(({ kind, value }) =>
    kind === "sign" && (OPERATORS as readonly string[]).includes(value)
  );
  if (at < 1) return null;
  const column = findColumn(tokens.slice(0, at), source);
  const value = readValue(tokens.slice(at + 1), source);
  const operator = (OPERATORS as readonly string[]).indexOf(tokens[at].value);
  return column === null || value === null ? null : [column, operator, value];
}

function readValue(tokens: readonly Token[], { sql }: Source): string | number | null {
  if (
    tokens.length === 0 ||
    tokens.some(({ value, kind }) => kind === "sign" && "<>=(".includes(value))
  ) {
    return null;
  }
  if (tokens.length === 1 && tokens[0].kind !== "word") return tokens[0].value;
  const text = sql.slice(tokens[0].start, tokens.at(-1)!.end);
  if (/^[-+]?\d+(\.\d+)?$/.test(text)) return Number(text);
  return tokens.some(({ kind }) => kind === "text" || kind === "name") ? null : text;
}

/** The index of the column that the text of `tokens` is, with or without quotation marks. */
function findColumn(tokens: readonly Token[], { sql, table }: Source): number | null {
  if (tokens.length === 0) return null;
  const text = tokens.length === 1 && tokens[0].kind === "name"
    ? tokens[0].value
    : sql.slice(tokens[0].start, tokens.at(-1)!.end);
  const wanted = fold(text);
  for (const names of [table.header, table.columns]) {
    const index = names.findIndex((name) => fold(name) === wanted);
    if (index >= 0) return index;
  }
  return null;
}

function fold(name: string): string {
  return name.toLowerCase().replace(/\s+/g, " ").trim();
}

function splitAt(tokens: readonly Token[], word: string): Token[][] {
  const parts: Token[][] = [[]];
  for (const token of tokens) {
    if (isWord(token, word)) parts.push([]);
    else parts.at(-1)!.push(token);
  }
  return parts;
}
