/**
 * Walks over the tokens of a statement.
 * @module
 */
import { ParseFault, type Token, tokenize } from "./select_lex.ts";

/** Words that are never the name of a column unless they are quoted. */
const RESERVED = new Set(
  `
  and as between by case check create default delete distinct drop else except exists from group having in
  index insert intersect into is isnull join limit not notnull null on or order primary references
  select set table then to union unique update using values when where
`.trim().split(/\s+/),
);

/** Nothing that a person wrote nests deeper or is longer, and the stack lasts for more. */
const MAX_DEPTH = 100;
const MAX_TOKENS = 4000;

/** The tokens of a statement and how far they are read. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(sql: string) {
    this.#tokens = tokenize(sql);
    if (this.#tokens.length > MAX_TOKENS) throw new ParseFault("it is too long", 0);
  }

  get token(): Token {
    return this.#tokens[this.#at];
  }

  fault(message: string): ParseFault {
    const found = this.token.kind === "end" ? "its end" : JSON.stringify(this.token.text);
    return new ParseFault(`${message}, at ${found}`, this.token.offset);
  }

  isWord(word: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === "word" && token.text.toLowerCase() === word;
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const token = this.#tokens[this.#at + ahead];
    return token?.kind === "symbol" && token.text === symbol;
  }

  takeWord(word: string): boolean {
    return this.isWord(word) && this.advance();
  }

  takeWords(first: string, second: string): boolean {
    return this.isWord(first) && this.isWord(second, 1) && this.advance(2);
  }

  takeSymbol(symbol: string): boolean {
    return this.isSymbol(symbol) && this.advance();
  }

  expectWord(word: string): void {
    if (!this.takeWord(word)) throw this.fault(`${word.toUpperCase()} is missing`);
  }

  expectSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.fault(`${symbol} is missing`);
  }

  expectEnd(): void {
    if (this.token.kind !== "end") throw this.fault("it does not end where it could");
  }

  /** A name, quoted or not. `strings`: also one in single quotes, as SQLite lets an alias be. */
  name(what: string, { strings = false } = {}): string {
    const { kind, text } = this.token;
    const named = kind === "name" || kind === "doubtful" || (strings && kind === "string") ||
      (kind === "word" && !RESERVED.has(text.toLowerCase()));
    if (!named) throw this.fault(`${what} is missing`);
    this.advance();
    return text;
  }

  /** One or more, separated by commas. */
  list<T>(one: () => T): T[] {
    const all = [one()];
    while (this.takeSymbol(",")) all.push(one());
    return all;
  }

  /** Counts how deep `work` is. */
  nested<T>(work: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw this.fault("it nests too deep");
    const result = work();
    this.#depth--;
    return result;
  }

  advance(count = 1): true {
    this.#at += count;
    return true;
  }
}
