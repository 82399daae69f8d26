/**
 * Statements that only read, but would take for ever, or all memory, or break what is not built with
 * care: each with what may become of it.
 * @module
 */
import type { HostileGroup } from "./hostile.ts";

const nest = (depth: number, open: string, inner: string, close: string) =>
  `SELECT ${open.repeat(depth)}${inner}${close.repeat(depth)}`;
const list = (count: number, item: (index: number) => string, separator = ", ") =>
  Array.from({ length: count }, (_, index) => item(index)).join(separator);
const forever = (column: string, rest = "count(*)") =>
  `WITH RECURSIVE r(x) AS (SELECT ${column}) SELECT ${rest} FROM r`;
const compounds = (depth: number, operator: string): string => {
  const from = depth === 1 ? "numbers" : `(${compounds(depth - 1, operator)})`;
  return `SELECT n FROM ${from}` + ` ${operator} SELECT n FROM numbers`.repeat(490);
};
const longText = (length: number) => `replace(hex(zeroblob(${length / 2})), '0', 'a')`;

/** They only read, but would take for ever, or all memory. */
export const BOMBS: readonly HostileGroup[] = [
  {
    name: "recursion",
    outcomes: ["timeout", "too_large"],
    statements: [
      forever("1 UNION ALL SELECT x + 1 FROM r"),
      forever("1 UNION ALL SELECT x FROM r"),
      forever("1 UNION SELECT x + 1 FROM r"),
      forever("1 UNION ALL SELECT x + 1 FROM r", "sum(x) OVER (ORDER BY x)"),
      forever("1 UNION ALL SELECT x + 1 FROM r ORDER BY 1"),
      forever("'a' UNION ALL SELECT x || x FROM r", "max(length(x))"),
      forever("x'00' UNION ALL SELECT zeroblob(1000000) FROM r", "group_concat(x)"),
      forever("'a' UNION ALL SELECT printf('%s%s', x, x) FROM r", "length(group_concat(x))"),
      forever("1 UNION ALL SELECT x + 1 FROM r, numbers"),
      forever("1 UNION ALL SELECT x + 1 FROM r WHERE x NOT IN (SELECT -n FROM numbers)", "max(x)"),
      forever("randomblob(100000) UNION SELECT randomblob(100000) FROM r"),
      forever("'[' UNION ALL SELECT x || '[' FROM r", "json_valid(x)"),
      "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM a), b(y) AS (SELECT x FROM a UNION ALL SELECT y FROM b) SELECT max(y) FROM b",
    ],
  },
  {
    name: "joins",
    outcomes: ["timeout"],
    statements: [
      "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d",
      "SELECT max(a.n * b.n * c.n) FROM numbers a CROSS JOIN numbers b CROSS JOIN numbers c",
      "SELECT DISTINCT a.text || b.text FROM numbers a, numbers b, numbers c LIMIT 5 OFFSET 900000000",
      "SELECT * FROM numbers a, numbers b, numbers c ORDER BY a.text || b.text || c.text LIMIT 1",
      "SELECT count(*) FROM numbers a JOIN numbers b ON a.text LIKE '%' || b.text || '%' JOIN numbers c",
      "SELECT a.n FROM numbers a, numbers b, numbers c WHERE a.n + b.n + c.n = -1",
      "SELECT a.text FROM numbers a, numbers b, numbers c GROUP BY a.text || b.text || c.text",
      "SELECT count(*) FROM numbers a WHERE EXISTS (SELECT 1 FROM numbers b, numbers c WHERE a.n + b.n + c.n < 0)",
      "SELECT (SELECT count(*) FROM numbers b, numbers c WHERE b.n <> a.n) FROM numbers a",
      "SELECT sum(a.n) OVER (ORDER BY b.text ROWS BETWEEN 1000 PRECEDING AND 1000 FOLLOWING) FROM numbers a, numbers b",
      "SELECT count(*) FROM singer NATURAL JOIN concert, numbers a, numbers b, numbers c",
      "SELECT * FROM numbers a, numbers b, numbers c EXCEPT SELECT * FROM numbers a, numbers b, numbers c",
      "SELECT count(*) FROM json_each('[1,2,3,4,5,6,7,8,9]') a, json_each('[1,2,3,4,5,6,7,8,9]') b, numbers c, numbers d, numbers e",
      "SELECT count(*) FROM notes a, notes b, numbers c, numbers d, numbers e WHERE a.notes MATCH 'note'",
    ],
  },
  {
    name: "one function that takes long",
    outcomes: ["timeout", "too_large", "rows", "runtime"],
    statements: [
      `SELECT ${longText(4_000_000)} LIKE '%${"a%".repeat(1000)}b'`,
      `SELECT ${longText(2_000_000)} GLOB '*${"a*".repeat(1000)}b'`,
      `SELECT ${longText(40_000)} GLOB '${"*a".repeat(10_000)}*b'`,
      `SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' LIKE '${"%a".repeat(200)}%b'`,
      `SELECT instr(${longText(4_000_000)}, ${longText(2_000_000)} || 'b')`,
      `SELECT replace(${longText(2_000_000)}, 'a', ${longText(2_000_000)})`,
      `SELECT replace(${longText(4_000_000)}, ${longText(400_000)} || 'b', 'c')`,
      `SELECT trim(${longText(4_000_000)}, ${longText(4_000_000)})`,
      `SELECT ltrim(${longText(4_000_000)}, ${longText(400_000)} || 'b')`,
      `SELECT unicode(upper(lower(rtrim(${longText(4_000_000)}, 'b'))))`,
      `SELECT length(hex(hex(hex(zeroblob(400000)))))`,
      "SELECT hex(zeroblob(1000000000))",
      "SELECT zeroblob(2000000000)",
      "SELECT randomblob(1000000000)",
      "SELECT length(randomblob(4000000)) FROM numbers a, numbers b",
      "SELECT hex(randomblob(2000000)) FROM numbers a, numbers b",
      "SELECT printf('%1000000000d', 1)",
      "SELECT printf('%.1000000000f', 1.0)",
      "SELECT format('%*d', 2147483647, 1)",
      "SELECT printf('%.*c', 999999999, 'x')",
      `SELECT printf('${"%1000000s".repeat(1000)}')`,
      "SELECT group_concat(text, (SELECT group_concat(text) FROM numbers)) FROM numbers",
      "SELECT group_concat(a.text || b.text || c.text) FROM numbers a, numbers b, numbers c",
      "SELECT string_agg(zeroblob(100000), x'00') FROM numbers",
      "SELECT unhex(hex(zeroblob(2000000))), quote(zeroblob(2000000))",
      `SELECT char(${list(1000, () => "1114111")})`,
      "SELECT strftime('" + "%J".repeat(100_000) + "', 'now')",
      "SELECT date('now', '+999999999999 years'), date(-1e300), julianday(1e308)",
      "SELECT -9223372036854775808 / -1, 1 / 0, 5 % 0, abs(-9223372036854775807 - 1)",
      "SELECT sum(n * 9223372036854775807) FROM numbers",
      "SELECT median(a.n + b.n) FROM numbers a, numbers b, numbers c",
      "SELECT round(1e308, 2147483647), substr('a', -9223372036854775807, 9223372036854775807)",
    ],
  },
  {
    name: "JSON",
    outcomes: ["timeout", "too_large", "rows", "runtime"],
    statements: [
      "SELECT json(replace(hex(zeroblob(500000)), '0', '['))",
      "SELECT json_array(" + list(900, () => "zeroblob(0) || 'x'") + ")",
      "SELECT json_group_array(a.text || b.text) FROM numbers a, numbers b, numbers c",
      "SELECT json_group_object(a.text, (SELECT json_group_array(b.n) FROM numbers b)) FROM numbers a",
      "SELECT json_patch((SELECT json_group_object(text, n) FROM numbers), (SELECT json_group_object('x' || text, n) FROM numbers)) FROM numbers, numbers b",
      "SELECT count(*) FROM json_tree((SELECT json_group_array(json_array(n, text, n)) FROM numbers)) a, numbers, numbers b",
      `SELECT json_extract('${"[".repeat(990)}${"]".repeat(990)}', '$${"[0]".repeat(900)}')`,
      "SELECT json_set('[]', '$[#]', json(replace(hex(zeroblob(200000)), '0', '1'))) FROM numbers, numbers b",
      "SELECT jsonb(replace(hex(zeroblob(1000000)), '00', '1,')), json_error_position(replace(hex(zeroblob(1000000)), '00', '1,'))",
      "SELECT json_pretty(json(replace(hex(zeroblob(450)), '0', '[') || replace(hex(zeroblob(450)), '0', ']')), printf('%10000s', ''))",
      "SELECT * FROM json_each(x'ffffffffffffffff')",
      "SELECT json_insert(json_group_array(n), '$[' || 99999999999999999999 || ']', 1) FROM numbers",
    ],
  },
  {
    name: "deep nesting, long lists and many terms",
    outcomes: ["timeout", "too_large", "rows", "syntax", "unknown_column"],
    statements: [
      compounds(2, "INTERSECT"),
      compounds(3, "INTERSECT"),
      compounds(20, "UNION"),
      compounds(4, "UNION ALL"),
      nest(10, `(SELECT ${"1 EXCEPT SELECT ".repeat(400)}`, "1", ")"),
      nest(100, "(", "1", ")"),
      nest(5_000, "(", "1", ")"),
      nest(200_000, "(", "1", ")"),
      nest(900, "-", "1", ""),
      nest(100_000, "NOT ", "1", ""),
      nest(100_000, "- ", "1", ""),
      nest(900, "abs(", "1", ")"),
      nest(20_000, "abs(", "1", ")"),
      nest(10_000, "CASE WHEN 1 THEN ", "1", " END"),
      nest(1_000, "(SELECT ", "1", ")"),
      nest(20_000, "(SELECT ", "1", ")"),
      nest(300, "EXISTS (SELECT ", "1", ")"),
      nest(20_000, "1 IN (SELECT ", "1", ")"),
      `SELECT * FROM ${"(SELECT * FROM ".repeat(400)}singer${")".repeat(400)}`,
      `SELECT * FROM ${"(SELECT * FROM ".repeat(10_000)}singer${")".repeat(10_000)}`,
      `SELECT ${list(1_000, (i) => `${i}`, " + ")}`,
      `SELECT ${list(1_000, (i) => `age = ${i}`, " OR ")} FROM singer`,
      `SELECT ${list(100_000, (i) => `${i}`, " + ")}`,
      `SELECT ${list(20_000, () => "name", " || ")} FROM singer`,
      `SELECT * FROM singer WHERE id IN (${list(100_000, (i) => `${i}`)})`,
      `SELECT * FROM singer WHERE name IN (${list(20_000, (i) => `'${i}'`)})`,
      `SELECT * FROM singer WHERE id IN (${list(200, (i) => `(SELECT ${i})`)})`,
      `SELECT ${list(2_001, (i) => `${i}`)}`,
      `SELECT ${list(2_000, () => "a.text || b.text")} FROM numbers a, numbers b`,
      `SELECT ${list(500, () => "*")} FROM numbers`,
      `SELECT coalesce(${list(2_000, () => "NULL")})`,
      list(500, (i) => `SELECT ${i}`, " UNION "),
      list(5_000, (i) => `SELECT ${i}`, " UNION ALL "),
      list(400, () => "SELECT n FROM numbers", " INTERSECT "),
      `VALUES ${list(50_000, (i) => `(${i})`)}`,
      `SELECT count(*) FROM ${list(64, (i) => `numbers AS t${i}`)}`,
      `SELECT count(*) FROM ${list(65, (i) => `singer AS t${i}`)}`,
      `SELECT count(*) FROM ${list(30, (i) => `numbers AS t${i}`, " NATURAL LEFT JOIN ")}`,
      `SELECT count(*) FROM ${list(60, (i) => `singer AS t${i}`)} WHERE ${
        list(59, (i) => `t${i}.age = t${i + 1}.age`, " AND ")
      }`,
      `WITH ${
        list(
          300,
          (i) => `c${i} AS (SELECT ${i === 0 ? "1 x" : `a.x FROM c${i - 1} a, c${i - 1} b`})`,
        )
      } SELECT count(*) FROM c299`,
      `WITH ${
        list(25, (i) =>
          `c${i} AS (SELECT ${i === 0 ? "n FROM numbers" : `a.n FROM c${i - 1} a, c${i - 1} b`})`)
      } SELECT count(*) FROM c24`,
      `SELECT 1 ${"-- comment\n".repeat(50_000)}`,
      `SELECT ${"/* comment */ ".repeat(50_000)} 1`,
      `SELECT '${"x".repeat(2_000_000)}'`,
      `SELECT "${"x".repeat(500_000)}"`,
      `SELECT ${"a".repeat(500_000)} FROM singer`,
      `SELECT ${"9".repeat(500_000)}`,
      `SELECT 0x${"f".repeat(500_000)}`,
      `SELECT 1e${"9".repeat(100_000)}`,
      `${"EXPLAIN ".repeat(1_000)}SELECT 1`,
      `SELECT name COLLATE ${"nocase COLLATE ".repeat(5_000)}binary FROM singer`,
      `SELECT ${"singer.".repeat(1_000)}name FROM singer`,
    ],
  },
  {
    name: "windows, sorting and temporary tables",
    outcomes: ["timeout", "too_large", "rows"],
    statements: [
      "SELECT sum(a.n) OVER (ORDER BY a.n RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING), max(b.n) OVER (PARTITION BY a.n ORDER BY b.n ROWS 1999 PRECEDING) FROM numbers a, numbers b",
      "SELECT group_concat(a.text) OVER (ORDER BY a.n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM numbers a, numbers b",
      "SELECT nth_value(a.text, 1000) OVER (ORDER BY random()) FROM numbers a, numbers b",
      "SELECT ntile(7) OVER (ORDER BY a.text || b.text) FROM numbers a, numbers b",
      "SELECT DISTINCT zeroblob(a.n * 2000) || b.n FROM numbers a, numbers b",
      "SELECT zeroblob(100000) || a.n x FROM numbers a, numbers b ORDER BY x",
      "SELECT count(DISTINCT a.text || b.text || c.text) FROM numbers a, numbers b, numbers c",
      "SELECT * FROM (SELECT randomblob(1000) x FROM numbers a, numbers b) ORDER BY x",
      "WITH m AS MATERIALIZED (SELECT a.text || b.text t FROM numbers a, numbers b) SELECT count(*) FROM m x, m y WHERE x.t = y.t || 'z'",
      "SELECT min(x) FROM (SELECT a.n x FROM numbers a, numbers b UNION SELECT b.n + a.n * 10000 FROM numbers a, numbers b)",
    ],
  },
  {
    name: "large results",
    outcomes: ["rows", "timeout", "too_large"],
    statements: [
      "SELECT * FROM numbers a, numbers b",
      "SELECT a.text || b.text || c.text FROM numbers a, numbers b, numbers c",
      "SELECT zeroblob(4000000) FROM numbers",
      "SELECT hex(randomblob(1000000)) FROM numbers",
      `SELECT ${list(2_000, () => "zeroblob(4000000)")}`,
      `SELECT ${list(1_000, () => "n")} FROM numbers`,
      "SELECT printf('%4000000s', n) FROM numbers",
    ],
  },
];
