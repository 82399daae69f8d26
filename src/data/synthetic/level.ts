/**
 * How difficult a query is.
 * @module
 */

/** From simple to complex, as Spider names them. */
export type Level = "easy" | "medium" | "hard" | "extra";

/** The levels in their order. */
export const LEVELS: readonly Level[] = ["easy", "medium", "hard", "extra"];

/**
 * The level of a query of this generator or written in its style, in the spirit of Spider's criteria
 * (https://github.com/taoyds/spider/tree/master/evaluation_examples): clauses, joins, alternatives and
 * LIKE count once each; several columns, conditions or aggregates are further traits; subqueries and
 * set operations weigh most. It looks at the text and does not parse it: a label, not a score.
 */
export function levelOf(sql: string): Level {
  const bare = sql.replace(/'(?:''|[^'])*'|"(?:""|[^"])*"/g, "x");
  const selects = count(bare, /\bSELECT\b/g);
  const [outer] = withoutSubqueries(bare).split(/\b(?:UNION|INTERSECT|EXCEPT)\b/);
  const clauses = ["WHERE", "GROUP BY", "ORDER BY", "LIMIT"]
    .filter((word) => outer.includes(` ${word} `)).length +
    count(outer, /\b(?:JOIN|OR|LIKE)\b/g);
  const columns = /^\s*SELECT\s(.*?)\sFROM\s/s.exec(outer)?.[1] ?? "";
  const where = /\sWHERE\s(.*?)(?:\s(?:GROUP|ORDER|LIMIT)\b|$)/s.exec(outer)?.[1] ?? "";
  const conditions = where === ""
    ? 0
    : 1 + count(where.replace(/\bBETWEEN\s\S+\sAND\b/g, ""), /\b(?:AND|OR)\b/g);
  const aggregates = count(
    outer.replace(/\sHAVING\s.*?(?=\s(?:ORDER|LIMIT)\b|$)/s, ""),
    /\b(?:COUNT|SUM|AVG|MIN|MAX)\s*\(/g,
  );
  const groups =
    (/\sGROUP BY\s(.*?)(?:\s(?:HAVING|ORDER|LIMIT)\b|$)/s.exec(outer)?.[1] ?? "").split(",").length;
  const others = [aggregates > 1, topLevelCommas(columns) > 0, conditions > 1, groups > 1]
    .filter(Boolean).length;
  const nested = selects - 1;
  if (nested === 0) {
    if (clauses <= 1 && others === 0) return "easy";
    if ((clauses <= 1 && others <= 2) || (clauses === 2 && others < 2)) return "medium";
    if ((clauses <= 2 && others > 2) || (clauses === 3 && others <= 2)) return "hard";
    return "extra";
  }
  return nested === 1 && clauses <= 1 && others === 0 ? "hard" : "extra";
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** The query with `(?)` in place of each subquery. */
function withoutSubqueries(sql: string): string {
  let text = "";
  let depth = 0;
  let inside = 0; // the depth at which the subquery began
  for (let i = 0; i < sql.length; i++) {
    const opens = sql[i] === "(";
    if (opens) depth++;
    if (inside === 0 && opens && /^\(\s*SELECT\b/.test(sql.slice(i, i + 30))) {
      inside = depth;
      text += "(?";
    } else if (inside === 0) text += sql[i];
    if (sql[i] === ")") {
      if (inside === depth) {
        inside = 0;
        text += ")";
      }
      depth--;
    }
  }
  return text;
}

function topLevelCommas(columns: string): number {
  let depth = 0;
  let commas = 0;
  for (const letter of columns) {
    if (letter === "(") depth++;
    if (letter === ")") depth--;
    if (letter === "," && depth === 0) commas++;
  }
  return commas;
}
