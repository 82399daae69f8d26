/**
 * The tokens of a query as Spider's evaluator sees them.
 * @module
 */
import { FormatError } from "../../errors.ts";
import { splitWords } from "./words.ts";

/** A quoted text. The evaluator takes `'` and `"` for the same mark. */
const QUOTED = /"[^"]*"/g;

/**
 * The tokens of `sql`: words in lower case; quoted texts as they are, between double quotes; and
 * `!=`, `>=` and `<=` as one token, also where spaces part their characters. A quoted text is a token
 * only where it stands apart: `= 'x'`, not `='x'`.
 *
 * Throws {@linkcode FormatError} where a quotation mark has no partner. Source of the rules:
 * `process_sql.py` of https://github.com/taoyds/spider and taoyds/test-suite-sql-eval.
 */
export function tokenize(sql: string): string[] {
  const oneMark = sql.replaceAll("'", '"');
  const texts: string[] = [];
  const unquoted = oneMark.replace(QUOTED, (text) => placeholder(texts.push(text) - 1));
  if (unquoted.includes('"')) {
    throw new FormatError("Cannot read the query: a quotation mark has no partner; close it");
  }
  const byPlaceholder = new Map(texts.map((text, index) => [placeholder(index), text]));
  const words = splitWords(unquoted).map((word) => {
    const lower = word.toLowerCase();
    return byPlaceholder.get(lower) ?? lower;
  });
  const tokens: string[] = [];
  for (const word of words) {
    const before = tokens[tokens.length - 1];
    if (word === "=" && (before === "!" || before === ">" || before === "<")) {
      tokens[tokens.length - 1] = `${before}=`;
    } else {
      tokens.push(word);
    }
  }
  return tokens;
}

/** A word that holds the place of a quoted text while the rest is split. */
function placeholder(index: number): string {
  return `__val_${index}__`;
}
