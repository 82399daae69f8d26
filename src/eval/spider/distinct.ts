/**
 * What Spider's evaluator runs instead of the query that it is given.
 * @module
 */

/**
 * The pieces of SQL text that are looked at as a whole, as the sqlparse package cuts it: comments,
 * quoted texts (in which a backslash keeps a quotation mark), names in brackets, words; else characters.
 */
const PIECES = new RegExp(
  [
    "(?:--|# )[^\\r\\n]*",
    "/\\*[^]*?\\*/",
    "`(?:``|[^`])*`",
    "'(?:''|\\\\'|[^'])*'",
    '"(?:""|\\\\"|[^"])*"',
    "(?<![\\p{L}\\p{N}_\\])])\\[[^\\][]+\\]",
    "[$:?@#\\\\]?[\\p{L}\\p{N}_][\\p{L}\\p{N}_$#]*",
    "[^]",
  ].join("|"),
  "gu",
);

const CURRENT_YEAR = /YEAR\s*\(\s*CURDATE\s*\(\s*\)\s*\)\s*/gi;

/**
 * The statement that is run for `sql`: the first one, without the word DISTINCT, with `> =`, `< =` and
 * `! =` joined, and with 2020 for `YEAR(CURDATE())`. Results are compared without DISTINCT, because
 * the match of clauses leaves it out too. Source of the rules: `exec_eval.py` and `parse.py` of
 * https://github.com/taoyds/test-suite-sql-eval, with its option `keep_distinct` off.
 */
export function executedForm(sql: string): string {
  const joined = sql.replaceAll("> =", ">=").replaceAll("< =", "<=").replaceAll("! =", "!=");
  let kept = "";
  for (const [piece] of joined.matchAll(PIECES)) {
    if (piece.toLowerCase() !== "distinct") kept += piece;
    if (piece === ";") break;
  }
  return kept.replace(CURRENT_YEAR, "2020");
}
