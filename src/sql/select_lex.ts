/**
 * Cuts a SQLite statement into tokens.
 * @module
 */

/** What a token is. Only a double-quoted name may also be a string (SQLite's old misfeature). */
export type TokenKind = "word" | "name" | "doubtful" | "string" | "number" | "symbol" | "end";

/** A piece of a statement. */
export interface Token {
  readonly kind: TokenKind;
  /** The content of a name or string without its quotes; a word as it is written. */
  readonly text: string;
  /** Index of its first character in the statement. */
  readonly offset: number;
}

/** A statement is not of the language that is read here. */
export class ParseFault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

// In the order of SQLite's own scanner: https://www.sqlite.org/src/file/src/tokenize.c.
const PATTERNS: readonly (readonly [TokenKind | "blank", RegExp])[] = [
  ["blank", /[ \t\n\f\r]+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y],
  ["string", /'((?:[^']|'')*)'/y],
  ["doubtful", /"((?:[^"]|"")*)"/y],
  ["name", /`((?:[^`]|``)*)`/y],
  ["name", /\[([^\]]*)\]/y],
  ["number", /0[xX][0-9a-fA-F]+|(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y],
  ["word", /[A-Za-z_\u0080-\uffff][A-Za-z_0-9$\u0080-\uffff]*/y],
  ["symbol", /->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[-+*/%&|<>=~(),.;]/y],
];

/** The tokens of a statement, the last of kind `end`. Throws a {@linkcode ParseFault}. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < sql.length;) {
    const token = next(sql, at);
    if (!token) {
      const what = "'\"`[".includes(sql[at]) ? "a quote is not closed" : "no token begins";
      throw new ParseFault(`${what} at ${JSON.stringify(sql.slice(at, at + 20))}`, at);
    }
    if (token.kind !== "blank") tokens.push({ kind: token.kind, text: token.text, offset: at });
    at += token.length;
  }
  return [...tokens, { kind: "end", text: "", offset: sql.length }];
}

function next(sql: string, at: number) {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(sql);
    if (!match) continue;
    const quote = sql[at];
    const text = match[1] === undefined ? match[0] : match[1].replaceAll(quote + quote, quote);
    return { kind, text, length: match[0].length };
  }
  return undefined;
}
