/**
 * Reads a SQLite SELECT: https://www.sqlite.org/lang_select.html.
 * @module
 */
import { ExpressionParser } from "./select_expression.ts";
import type {
  CommonTable,
  Expression,
  Item,
  JoinKind,
  OrderTerm,
  Query,
  Select,
  SetOperator,
  Source,
} from "./select_tree.ts";

/** Words that end a source of FROM and so are no alias of it. */
const AFTER_SOURCE = new Set(
  ("where group having order limit union intersect except on using join inner left right full " +
    "cross natural outer window indexed not").split(" "),
);
/** Words that end an item of SELECT. */
const AFTER_ITEM = new Set("from where group having order limit union intersect except".split(" "));

/** The tree of one SELECT. Throws a {@linkcode ParseFault} where it is none that is known here. */
export function parseSelect(sql: string): Query {
  const parser = new SelectParser(sql);
  const query = parser.query();
  while (parser.takeSymbol(";"));
  parser.expectEnd();
  return query;
}

class SelectParser extends ExpressionParser {
  query(): Query {
    return this.nested(() => this.#query());
  }

  #query(): Query {
    const commonTables = this.takeWord("with") ? this.#commonTables() : [];
    const first = this.#select();
    const rest: { operator: SetOperator; select: Select }[] = [];
    for (let operator = this.#setOperator(); operator; operator = this.#setOperator()) {
      rest.push({ operator, select: this.#select() });
    }
    const orderBy = this.takeWords("order", "by") ? this.orderTerms() : [];
    return { kind: "query", with: commonTables, first, rest, orderBy, ...this.#limit() };
  }

  #commonTables(): CommonTable[] {
    if (this.takeWord("recursive")) throw this.fault("WITH RECURSIVE is not converted");
    return this.list(() => {
      const name = this.name("a name of a common table");
      const columns = this.takeSymbol("(") ? this.#names() : [];
      this.expectWord("as");
      this.expectSymbol("(");
      const query = this.query();
      this.expectSymbol(")");
      return { name, columns, query };
    });
  }

  // The names of a list whose opening parenthesis is read.
  #names(): string[] {
    const names = this.list(() => this.name("a column"));
    this.expectSymbol(")");
    return names;
  }

  #setOperator(): SetOperator | undefined {
    if (this.takeWord("union")) return this.takeWord("all") ? "union all" : "union";
    if (this.takeWord("intersect")) return "intersect";
    return this.takeWord("except") ? "except" : undefined;
  }

  #limit(): { limit?: Expression; offset?: Expression } {
    if (!this.takeWord("limit")) return {};
    const first = this.expression();
    if (this.takeWord("offset")) return { limit: first, offset: this.expression() };
    if (this.takeSymbol(",")) return { limit: this.expression(), offset: first };
    return { limit: first };
  }

  #select(): Select {
    this.expectWord("select");
    const distinct = this.takeWord("distinct");
    if (!distinct) this.takeWord("all");
    const items = this.list(() => this.#item());
    const sources = this.takeWord("from") ? this.#sources() : [];
    const where = this.takeWord("where") ? this.expression() : undefined;
    const groupBy = this.takeWords("group", "by") ? this.list(() => this.expression()) : [];
    const having = this.takeWord("having") ? this.expression() : undefined;
    return { distinct, items, sources, where, groupBy, having };
  }

  #item(): Item {
    if (this.takeSymbol("*")) return { kind: "star" };
    if (this.isSymbol(".", 1) && this.isSymbol("*", 2)) {
      const table = this.name("a table");
      this.takeSymbol(".");
      this.takeSymbol("*");
      return { kind: "star", table };
    }
    const expression = this.expression();
    return { kind: "expression", expression, alias: this.#alias(AFTER_ITEM) };
  }

  #alias(after: ReadonlySet<string>): string | undefined {
    if (this.takeWord("as")) return this.name("an alias", { strings: true });
    const { kind, text } = this.token;
    if (
      kind === "word"
        ? after.has(text.toLowerCase())
        : !["name", "doubtful", "string"].includes(kind)
    ) {
      return undefined;
    }
    return this.name("an alias", { strings: true });
  }

  #sources(): Source[] {
    const sources = [this.#source({ join: ",", natural: false })];
    for (let join = this.#join(); join; join = this.#join()) sources.push(this.#source(join));
    return sources;
  }

  #join(): { join: JoinKind; natural: boolean } | undefined {
    if (this.takeSymbol(",")) return { join: ",", natural: false };
    const natural = this.takeWord("natural");
    for (const join of ["left", "right", "full"] as const) {
      if (!this.takeWord(join)) continue;
      this.takeWord("outer");
      this.expectWord("join");
      return { join, natural };
    }
    for (const join of ["inner", "cross"] as const) {
      if (!this.takeWord(join)) continue;
      this.expectWord("join");
      return { join, natural };
    }
    if (this.takeWord("join")) return { join: "inner", natural };
    if (natural) throw this.fault("JOIN is missing");
    return undefined;
  }

  #source({ join, natural }: { join: JoinKind; natural: boolean }): Source {
    let from: string | Query;
    if (this.takeSymbol("(")) {
      if (!this.isWord("select") && !this.isWord("with")) {
        throw this.fault("joins in parentheses are not converted");
      }
      from = this.query();
      this.expectSymbol(")");
    } else {
      from = this.name("a table");
      if (this.isSymbol(".") || this.isSymbol("(")) {
        throw this.fault("only tables of the one schema are converted");
      }
    }
    const alias = this.#alias(AFTER_SOURCE);
    if (this.takeWord("on")) return { from, alias, join, natural, on: this.expression() };
    if (this.takeWord("using")) {
      this.expectSymbol("(");
      return { from, alias, join, natural, using: this.#names() };
    }
    return { from, alias, join, natural };
  }

  orderTerms(): OrderTerm[] {
    return this.list(() => {
      const expression = this.expression();
      const descending = this.takeWord("desc");
      if (!descending) this.takeWord("asc");
      if (!this.takeWord("nulls")) return { expression, descending };
      if (this.takeWord("first")) return { expression, descending, nulls: "first" };
      this.expectWord("last");
      return { expression, descending, nulls: "last" };
    });
  }
}
