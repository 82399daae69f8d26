/**
 * Compares queries as text, and tells their kind.
 * @module
 */

const PIECES = new RegExp(
  [
    "--[^\\n]*|/\\*[^]*?\\*/", // comments
    "'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\"",
    "`[^`]*`|\\[[^\\]]*\\]",
    "[\\p{L}\\p{N}_.$]+",
    "<=|>=|<>|!=|\\|\\||==",
    "[^\\s]",
  ].join("|"),
  "gu",
);

const SAME: Readonly<Record<string, string>> = { "<>": "!=", "==": "=" };

/**
 * The query without what does not change it: case outside of quotation marks, blanks, comments, a
 * semicolon at the end, and which of the ways to quote was chosen.
 */
export function normaliseSql(sql: string): string {
  const pieces: string[] = [];
  for (const [piece] of sql.matchAll(PIECES)) {
    if (/^(--|\/\*)/.test(piece)) continue;
    const quoted = /^['"]/.test(piece) ? `'${piece.slice(1, -1)}'` : null;
    const name = /^[`[]./.test(piece) ? piece.slice(1, -1) : piece;
    pieces.push(quoted ?? SAME[name] ?? name.toLowerCase());
  }
  while (pieces.at(-1) === ";") pieces.pop();
  return pieces.join(" ");
}

/** The kinds of queries, each of which has what the others before it lack. */
export const KINDS = ["simple select", "where", "aggregation"] as const;

/** Whether a query aggregates, else whether it filters rows. */
export function kindOf(sql: string): typeof KINDS[number] {
  const text = normaliseSql(sql).replace(/'[^']*'/g, "''");
  if (/\b(count|sum|avg|min|max) \(/.test(text)) return "aggregation";
  return /\bwhere\b/.test(text) ? "where" : "simple select";
}
