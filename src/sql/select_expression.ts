/**
 * Reads the expressions of a SQLite SELECT: https://www.sqlite.org/lang_expr.html.
 * @module
 */
import { TokenReader } from "./select_reader.ts";
import type { BinaryOperator, Expression, OrderTerm, Query, Window } from "./select_tree.ts";

/** Operators that bind alike, from loose to tight; above them NOT, AND and OR, below them signs. */
const LEVELS: readonly (readonly string[])[] = [
  ["<", "<=", ">", ">="],
  ["&", "|", "<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
  ["||"],
];

/** Reads expressions; queries in them are read by a class that extends this one. */
export abstract class ExpressionParser extends TokenReader {
  abstract query(): Query;
  abstract orderTerms(): OrderTerm[];

  expression(): Expression {
    return this.nested(() => this.#or());
  }

  #or(): Expression {
    let left = this.#and();
    while (this.takeWord("or")) left = binary("or", left, this.#and());
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.takeWord("and")) left = binary("and", left, this.#not());
    return left;
  }

  #not(): Expression {
    let negations = 0;
    while (this.isWord("not")) negations += Number(this.advance());
    let result = this.#equality();
    while (negations-- > 0) result = { kind: "unary", operator: "not", operand: result };
    return result;
  }

  #equality(): Expression {
    let left = this.#level(0);
    while (true) {
      const next = this.#equalityOperator(left);
      if (!next) return left;
      left = next;
    }
  }

  #equalityOperator(left: Expression): Expression | undefined {
    if (this.takeSymbol("=") || this.takeSymbol("==")) return binary("=", left, this.#level(0));
    if (this.takeSymbol("<>") || this.takeSymbol("!=")) return binary("<>", left, this.#level(0));
    if (this.takeWord("isnull")) return { kind: "isNull", not: false, operand: left };
    if (this.takeWord("notnull")) return { kind: "isNull", not: true, operand: left };
    if (this.takeWord("is")) return this.#is(left);
    const not = this.takeWord("not");
    if (not && this.takeWord("null")) return { kind: "isNull", not: true, operand: left };
    if (this.takeWord("between")) {
      const low = this.#level(0);
      this.expectWord("and");
      return { kind: "between", not, operand: left, low, high: this.#level(0) };
    }
    if (this.takeWord("in")) return { kind: "in", not, operand: left, among: this.#among() };
    for (const operator of ["like", "glob", "regexp", "match"] as const) {
      if (!this.takeWord(operator)) continue;
      const pattern = this.#level(0);
      const escape = this.takeWord("escape") ? this.#level(0) : undefined;
      return { kind: "like", operator, not, operand: left, pattern, escape };
    }
    if (not) throw this.fault("an operator is missing after NOT");
    return undefined;
  }

  #is(left: Expression): Expression {
    const not = this.takeWord("not");
    let differs = not;
    if (this.takeWord("distinct")) {
      this.expectWord("from");
      differs = !not;
    }
    const right = this.#level(0);
    return right.kind === "null"
      ? { kind: "isNull", not: differs, operand: left }
      : binary(differs ? "is not" : "is", left, right);
  }

  #among(): readonly Expression[] | Query {
    if (!this.takeSymbol("(")) throw this.fault("only IN (…) is converted");
    if (this.takeSymbol(")")) return [];
    const among = this.#isQuery() ? this.query() : this.list(() => this.expression());
    this.expectSymbol(")");
    return among;
  }

  #isQuery(): boolean {
    return this.isWord("select") || this.isWord("with");
  }

  #level(index: number): Expression {
    if (index === LEVELS.length) return this.#signed();
    let left = this.#level(index + 1);
    while (this.token.kind === "symbol" && LEVELS[index].includes(this.token.text)) {
      const operator = this.token.text as BinaryOperator;
      this.advance();
      left = binary(operator, left, this.#level(index + 1));
    }
    return left;
  }

  #signed(): Expression {
    for (const operator of ["-", "+", "~"] as const) {
      if (this.takeSymbol(operator)) return { kind: "unary", operator, operand: this.#signed() };
    }
    let operand = this.#primary();
    while (this.takeWord("collate")) {
      operand = { kind: "collate", operand, collation: this.name("a collation") };
    }
    return operand;
  }

  #primary(): Expression {
    const { kind, text } = this.token;
    if (kind === "number" || kind === "string") {
      this.advance();
      return { kind, text };
    }
    if (this.takeSymbol("(")) {
      const inner: Expression = this.#isQuery()
        ? { kind: "scalar", query: this.query() }
        : this.expression();
      this.expectSymbol(")");
      return inner;
    }
    if (this.takeWord("null")) return { kind: "null" };
    if (this.takeWord("case")) return this.#case();
    if (this.takeWord("exists")) {
      this.expectSymbol("(");
      const query = this.query();
      this.expectSymbol(")");
      return { kind: "exists", query };
    }
    if (this.isWord("cast") && this.isSymbol("(", 1)) return this.#cast();
    if (kind === "word" && this.isSymbol("(", 1)) return this.#call();
    const doubtful = kind === "doubtful";
    const name = this.name("an expression");
    if (!this.takeSymbol(".")) return { kind: "column", name, doubtful };
    return { kind: "column", table: name, name: this.name("a column"), doubtful: false };
  }

  #case(): Expression {
    const operand = this.isWord("when") ? undefined : this.expression();
    const branches: { when: Expression; then: Expression }[] = [];
    while (this.takeWord("when")) {
      const when = this.expression();
      this.expectWord("then");
      branches.push({ when, then: this.expression() });
    }
    if (branches.length === 0) throw this.fault("WHEN is missing");
    const otherwise = this.takeWord("else") ? this.expression() : undefined;
    this.expectWord("end");
    return { kind: "case", operand, branches, otherwise };
  }

  #cast(): Expression {
    this.advance(2);
    const operand = this.expression();
    this.expectWord("as");
    let type = "";
    while (!this.isSymbol(")") && this.token.kind !== "end") {
      type += `${this.token.text} `;
      this.advance();
    }
    this.expectSymbol(")");
    return { kind: "cast", operand, type: type.trim() };
  }

  #call(): Expression {
    const name = this.token.text.toLowerCase();
    this.advance(2);
    const distinct = this.takeWord("distinct");
    const operands = this.takeSymbol("*")
      ? "*"
      : this.isSymbol(")")
      ? []
      : this.list(() => this.expression());
    if (this.isWord("order")) throw this.fault("ORDER BY in a function is not converted");
    this.expectSymbol(")");
    if (this.isWord("filter") && this.isSymbol("(", 1)) {
      throw this.fault("FILTER is not converted");
    }
    const over = this.takeWord("over") ? this.#window() : undefined;
    return { kind: "call", name, distinct, operands, over };
  }

  #window(): Window {
    this.expectSymbol("(");
    const partitionBy = this.takeWords("partition", "by") ? this.list(() => this.expression()) : [];
    const orderBy = this.takeWords("order", "by") ? this.orderTerms() : [];
    if (!this.isSymbol(")")) throw this.fault("frames of windows are not converted");
    this.expectSymbol(")");
    return { partitionBy, orderBy };
  }
}

function binary(operator: BinaryOperator, left: Expression, right: Expression): Expression {
  return { kind: "binary", operator, left, right };
}
