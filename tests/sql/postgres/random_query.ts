/**
 * Random queries over a small database whose values are the troublesome ones.
 * @module
 */

/** The database: empty texts, numbers as texts, NULL, negative numbers, equal values, odd names. */
export const TROUBLE = `
  CREATE TABLE item (
    id INTEGER PRIMARY KEY, n INT, r REAL, amount DECIMAL(10,2), s TEXT, code VARCHAR(8),
    day DATE, seen DATETIME, flag BOOLEAN, free, "Odd Name" TEXT NOT NULL
  );
  CREATE TABLE sale (
    sale_id INTEGER PRIMARY KEY, item_id INT REFERENCES item (id), code TEXT, "order" INT,
    price FLOAT, s TEXT, d TEXT, PRICES TEXT
  );
  INSERT INTO item VALUES
    (1, 5, 1.5, 2.25, 'Ab', '10', '2020-01-31', '2020-01-31 10:00:00', 1, 'x', 'é'),
    (2, NULL, 2.0, 3, 'ab', '9', '2019-12-01', '2019-12-01 00:00:00', 0, NULL, 'Z'),
    (3, -7, NULL, 0.5, '', '10', NULL, NULL, NULL, 'X', 'a%'),
    (4, 0, -0.25, NULL, NULL, NULL, '2020-02-29', '2020-02-29 23:59:59', 1, '', 'a_b'),
    (5, 5, 10.0, 3, '12abc', '-3', '2020-01-31', '2020-01-31 10:00:01', 0, 'x', 'Z'),
    (6, 12, 1.5, -4, 'B', '0', '1999-05-05', '1999-05-05 05:05:05', 1, 'null', 'z');
  INSERT INTO sale VALUES
    (1, 1, '10', 3, 9.5, 'ab', '2020-01-31', '1.50'), (2, 1, '9', NULL, 0.0, 'B', '2019-12-01', '2'),
    (3, 2, '010', 1, NULL, 'ab', '2020-02-29', '-0.5'), (4, NULL, 'x', 3, 2.5, NULL, NULL, NULL),
    (5, 6, NULL, 2, 2.5, 'Ab', '1999-05-05', '10');
`;

const COLUMNS = {
  item: ["id", "n", "r", "amount", "s", "code", "day", "seen", "flag", "free", '"Odd Name"'],
  sale: ["sale_id", "item_id", "code", '"order"', "price", "s", "d", "PRICES"],
} as const;

const LITERALS = [
  ..."0 1 2 5 -7 10 1.5 0.5 2.0".split(" "),
  "'ab'",
  "'10'",
  "'9'",
  "''",
  '"Ab"',
  "'2020-01-31'",
  "'2020-01-31 10:00:00'",
  "'a%'",
  "'2020'",
  "NULL",
  "' 5'",
  "'1.50'",
];

const NUMBERS = "0 1 2 5 -7 1.5 0.5 2.0".split(" ");
const TEXTS = ["'ab'", "'10'", "''", "'B'", "'2020-01-31'"];

/** A generator of queries; `random` gives numbers from 0 to 1. */
export function randomQueries(random: () => number): () => string {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)];
  const chance = (probability: number) => random() < probability;
  const joinable = "item AS a JOIN sale AS b ON ";
  let columns: readonly string[] = [];

  const column = () => pick(columns);
  // Mostly of one class, so that not most queries are refused.
  const among = (names: RegExp) => {
    const some = columns.filter((name) => names.test(name));
    return some.length > 0 ? pick(some) : column();
  };
  const numeric = () =>
    chance(0.7) ? among(/\b(id|n|r|amount|flag|\w+_id|price)$|order|^c$/) : pick(NUMBERS);
  const textual = () => chance(0.7) ? among(/\b(s|code|free|d)$|Name|^q$/) : pick(TEXTS);
  const dated = () => among(/\b(day|seen|d)$/);
  const atom = () =>
    chance(0.1) ? column() : chance(0.1) ? pick(LITERALS) : pick([numeric, textual])();

  const number = (depth: number): string => {
    if (depth <= 0) return numeric();
    const x = () => number(depth - 1);
    return pick([
      numeric,
      () => `${x()} ${pick(["+", "-", "*", "/", "%"])} ${x()}`,
      () => `(${x()} ${pick(["+", "-", "*", "/"])} ${x()})`,
      () => `round(${x()}${pick(["", ", 1", ", 2"])})`,
      () => `${pick(["length", "-", "julianday", "abs"])}(${x()})`,
      () => `length(${textual()})`,
      () => `instr(${textual()}, ${textual()})`,
      () => `CAST(${pick([numeric, textual])()} AS ${pick(["INTEGER", "REAL"])})`,
      () => `${pick(["ifnull", "coalesce", "nullif"])}(${x()}, ${x()})`,
      () => `CASE WHEN ${test(depth - 1)} THEN ${x()}${pick(["", ` ELSE ${x()}`])} END`,
      () => `(SELECT ${pick(["max(n)", "avg(r)", "count(*)", "sum(amount)"])} FROM item)`,
      () =>
        `(SELECT ${
          pick(["count(*)", "sum(e.price)"])
        } FROM sale AS e WHERE e.item_id = ${numeric()})`,
    ])();
  };

  const scalar = (depth: number): string => {
    if (depth <= 0) return atom();
    if (chance(0.4)) return number(depth);
    const x = () => scalar(depth - 1);
    return pick([
      atom,
      atom,
      atom,
      () => `${x()} ${pick(["+", "-", "*", "/", "%", "||"])} ${x()}`,
      () => `(${x()} ${pick(["+", "-", "/"])} ${x()})`,
      () => `-${column()}`,
      () => `${pick(["abs", "length", "lower", "upper", "trim", "round"])}(${x()})`,
      () => `round(${x()}, ${pick([0, 1, 2])})`,
      () => `${pick(["ifnull", "coalesce", "nullif", "max", "min", "instr"])}(${x()}, ${x()})`,
      () => `substr(${x()}, ${pick([1, 2, -2])}${pick(["", ", 1", ", 3"])})`,
      () => `CAST(${x()} AS ${pick(["INTEGER", "REAL", "TEXT"])})`,
      () => `iif(${test(depth - 1)}, ${x()}, ${x()})`,
      () => `CASE ${x()} WHEN ${x()} THEN ${x()} ELSE ${x()} END`,
      () => `strftime(${pick(["'%Y'", "'%m'", "'%Y-%m'", "'%H'"])}, ${dated()})`,
      () => `${pick(["date", "datetime", "julianday"])}(${dated()})`,
      () => `(${test(depth - 1)})`,
      () => `(SELECT ${pick(["max(n)", "avg(r)", "count(*)", "min(s)", "min(code)"])} FROM item)`,
    ])();
  };

  const test = (depth: number): string => {
    const x = () => scalar(depth - 1);
    const operator = () => pick(["=", "<>", "<", "<=", ">", ">=", "!=", "==", "IS"]);
    const simple = () =>
      pick([
        () => `${x()} ${operator()} ${x()}`,
        () => `${number(depth - 1)} ${operator()} ${number(depth - 1)}`,
        () => `${textual()} ${operator()} ${textual()}`,
        () =>
          `${dated()} ${operator()} ${
            pick([dated, () => pick(TEXTS.concat("'2020-01-31 10:00:00'"))])()
          }`,
      ])();
    if (depth <= 0) return simple();
    return pick([
      simple,
      simple,
      () => `${test(depth - 1)} ${pick(["AND", "OR"])} ${test(depth - 1)}`,
      () => `NOT (${test(depth - 1)})`,
      () => `NOT ${simple()}`,
      () => `${x()} IS ${pick(["", "NOT "])}${pick(["NULL", x()])}`,
      () => `${x()} ${pick(["", "NOT "])}BETWEEN ${x()} AND ${x()}`,
      () =>
        `${x()} ${pick(["", "NOT "])}LIKE ${
          pick(["'a%'", "'%B'", "'%1%'", "'_b'", "'a\\%'", column()])
        }`,
      () => `${x()} ${pick(["", "NOT "])}IN (${x()}, ${x()})`,
      () =>
        `${x()} ${pick(["", "NOT "])}IN (SELECT ${
          pick(["code", "s", "item_id", "price"])
        } FROM sale)`,
      () => `EXISTS (SELECT 1 FROM sale AS e WHERE e.item_id = ${column()})`,
      () => column(),
    ])();
  };

  const aggregate = () =>
    pick([
      () => "count(*)",
      () => `${pick(["count", "sum", "avg", "min", "max", "total"])}(${scalar(1)})`,
      () => `count(DISTINCT ${scalar(1)})`,
      () => `sum(${column()}) / count(*)`,
      () => `sum(${test(1)})`,
      () => `CAST(sum(${column()}) AS REAL) / count(${column()})`,
    ])();

  const from = (): string => {
    if (chance(0.1)) {
      columns = ["n", "q", "c"];
      return "(SELECT n, s AS q, count(*) AS c FROM item GROUP BY n, s) AS grouped";
    }
    const single = pick(["item", "sale"] as const);
    if (chance(0.5)) {
      columns = COLUMNS[single];
      return single;
    }
    columns = [
      ...COLUMNS.item.map((name) => `a.${name}`),
      ...COLUMNS.sale.map((name) => `b.${name}`),
    ];
    return pick([
      () => `${joinable}a.id = b.item_id`,
      () => `${joinable}b.item_id = a.id AND a.n > 0`,
      () => `item AS a LEFT JOIN sale AS b ON a.id = b.item_id`,
      () => `sale AS b LEFT JOIN item AS a ON a.id = b.item_id`,
      () => `sale AS b FULL JOIN item AS a ON a.id = b.item_id`,
      () => `item AS a, sale AS b`,
      () => `item AS a JOIN sale AS b USING (code)`,
      () => `item AS a NATURAL JOIN sale AS b`,
      () => `${joinable}a.code = b.code`,
      () => `${joinable}a.n = b."order" OR a.id = b.sale_id`,
    ])();
  };

  const window = () =>
    `${
      pick([
        "rank()",

        "dense_rank()",
        "count(*)",
        `sum(${numeric()})`,
        `max(${column()})`,
      ])
    } ` +
    `OVER (${chance(0.6) ? `PARTITION BY ${column()} ` : ""}ORDER BY ${column()}${
      pick(["", " DESC"])
    })`;

  const select = (items?: number): string => {
    const source = from();
    const where = chance(0.5) ? ` WHERE ${test(2)}` : "";
    const count = items ?? pick([1, 1, 2, 3]);
    const list = (make: () => string) => Array.from({ length: count }, make).join(", ");
    if (chance(0.4)) {
      const keys = [column(), ...(chance(0.3) ? [column()] : [])];
      const grouped = chance(0.8);
      const known = grouped ? [...keys, ...columns.filter((name) => /^a\./.test(name))] : columns;
      const make = () => chance(0.5) ? aggregate() : chance(0.8) ? pick(keys) : pick(known);
      const having = grouped && chance(0.3) ? ` HAVING ${aggregate()} > ${pick(LITERALS)}` : "";
      const group = grouped ? ` GROUP BY ${keys.join(", ")}` : "";
      return `SELECT ${list(make)} FROM ${source}${where}${group}${having}`;
    }
    const distinct = chance(0.25) ? "DISTINCT " : "";
    if (chance(0.1)) return `SELECT ${distinct}* FROM ${source}${where}`;
    const windowed = distinct === "" && chance(0.1);
    return `SELECT ${distinct}${
      list(() => windowed ? window() : scalar(2))
    } FROM ${source}${where}`;
  };

  return () => {
    if (chance(0.15)) {
      const operator = pick(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]);
      return `${select(1)} ${operator} ${select(1)}${chance(0.3) ? " ORDER BY 1" : ""}`;
    }
    let body = select();
    if (chance(0.15)) body = body.replace(" FROM", " AS alias FROM");
    if (chance(0.1)) {
      return `WITH w AS (${
        body.replace(/^SELECT (DISTINCT )?/, "$&1 AS one, ")
      }) SELECT one FROM w`;
    }
    const order = chance(0.4)
      ? ` ORDER BY ${pick(["1", "1", "alias", aggregate(), scalar(1)])}${pick(["", " DESC"])}`
      : "";
    return body + order + (order && chance(0.4) ? ` LIMIT ${pick([1, 2, 3])}` : "");
  };
}
