/**
 * What becomes of queries over {@linkcode TROUBLE}: one for each way in which SQLite and PostgreSQL
 * differ. A test runs them in both.
 * @module
 */
import type { RefusalKind } from "../../../src/sql/postgres/value.ts";

/** A query of SQLite, and the same in PostgreSQL. */
export const CONVERTED: readonly (readonly [sqlite: string, postgres: string])[] = [
  ['SELECT s FROM item WHERE s = "Ab"', "SELECT s FROM item WHERE s = 'Ab'"],
  [
    'SELECT "odd name" FROM item WHERE "Odd Name" = "Z"',
    'SELECT "Odd Name" FROM item WHERE "Odd Name" = \'Z\'',
  ],
  [
    "SELECT `n`, [Odd Name] FROM Item AS T1 WHERE T1.N == 5 AND t1.id != 2",
    'SELECT n, "Odd Name" FROM item AS T1 WHERE T1.n = 5 AND T1.id <> 2',
  ],
  ['SELECT "order" FROM sale', 'SELECT "order" FROM sale'],
  ["SELECT s FROM item WHERE s LIKE 'A%'", "SELECT s FROM item WHERE s ILIKE 'A%'"],
  ["SELECT s FROM item WHERE code LIKE '1_'", "SELECT s FROM item WHERE code LIKE '1_'"],
  [
    String.raw`SELECT s FROM item WHERE s LIKE 'a\%'`,
    String.raw`SELECT s FROM item WHERE s ILIKE 'a\%' ESCAPE ''`,
  ],
  [
    "SELECT s FROM item WHERE \"Odd Name\" LIKE 'a!%' ESCAPE '!'",
    "SELECT s FROM item WHERE \"Odd Name\" ILIKE 'a!%' ESCAPE '!'",
  ],
  [
    "SELECT s FROM item WHERE \"Odd Name\" LIKE 'É'",
    "SELECT s FROM item WHERE \"Odd Name\" LIKE 'É'",
  ],
  ["SELECT id FROM item WHERE n LIKE '1%'", "SELECT id FROM item WHERE CAST(n AS text) LIKE '1%'"],
  ["SELECT id FROM item WHERE code = 10", "SELECT id FROM item WHERE code = '10'"],
  ["SELECT id FROM item WHERE n = '5'", "SELECT id FROM item WHERE n = 5"],
  ["SELECT id FROM item WHERE s > 5", "SELECT id FROM item WHERE s > '5'"],
  [
    'SELECT a.id FROM item AS a JOIN sale AS b ON a.n = b."order" AND a.code = b.sale_id',
    'SELECT a.id FROM item AS a JOIN sale AS b ON a.n = b."order" AND CAST(a.code AS bigint) = b.sale_id',
  ],
  [
    "SELECT a.id FROM item AS a JOIN sale AS b ON a.n = b.code",
    String
      .raw`SELECT a.id FROM item AS a JOIN sale AS b ON a.n = CASE WHEN b.code ~ '^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?\s*$' THEN CAST(b.code AS numeric) WHEN b.code IS NOT NULL THEN 'NaN' END`,
  ],
  ["SELECT id FROM item WHERE day > '2020-01-01'", "SELECT id FROM item WHERE day > '2020-01-01'"],
  [
    "SELECT id FROM item WHERE day LIKE '2020%'",
    "SELECT id FROM item WHERE CAST(day AS text) LIKE '2020%'",
  ],
  [
    "SELECT id FROM item WHERE seen >= '2020-01-31'",
    "SELECT id FROM item WHERE CAST(seen AS text) >= '2020-01-31'",
  ],
  [
    "SELECT id FROM item WHERE day = '2020-02-30'",
    "SELECT id FROM item WHERE CAST(day AS text) = '2020-02-30'",
  ],
  [
    "SELECT id FROM item WHERE seen BETWEEN '2019-12-01 00:00:00' AND '2020-01-31 10:00:00'",
    "SELECT id FROM item WHERE seen BETWEEN '2019-12-01 00:00:00' AND '2020-01-31 10:00:00'",
  ],
  [
    "SELECT strftime('%Y', day), strftime('%m/%d', seen), date(seen), julianday(day) FROM item",
    "SELECT TO_CHAR(day, 'YYYY'), TO_CHAR(seen, 'MM/DD'), CAST(seen AS date), CAST(EXTRACT(JULIAN FROM day) - 0.5 AS double precision) FROM item",
  ],
  [
    "SELECT CAST(strftime('%Y', day) AS INTEGER) - 1 FROM item",
    "SELECT CAST(TO_CHAR(day, 'YYYY') AS bigint) - 1 FROM item",
  ],
  ["SELECT strftime('%Y', d) FROM sale", "SELECT TO_CHAR(CAST(d AS date), 'YYYY') FROM sale"],
  [
    "SELECT n / 2, n / 2.0, n / flag, n % 2, r / 2 FROM item",
    "SELECT n / 2, n / 2.0, n / NULLIF(flag, 0), n % 2, r / 2 FROM item",
  ],
  [
    "SELECT CAST(amount AS REAL) / 2 FROM item",
    "SELECT CAST(amount AS double precision) / 2 FROM item",
  ],
  [
    "SELECT sum(n) / count(*), avg(n), sum(n) * 1.0 / count(*) FROM item",
    "SELECT CAST(SUM(n) AS bigint) / NULLIF(COUNT(*), 0), AVG(n), SUM(n) * 1.0 / NULLIF(COUNT(*), 0) FROM item",
  ],
  ["SELECT n || s, s || code FROM item", "SELECT CAST(n AS text) || s, s || code FROM item"],
  [
    "SELECT sum(code), sum(s), avg(s), total(n) FROM item",
    String
      .raw`SELECT SUM(CAST(code AS bigint)), SUM(CASE WHEN s IS NOT NULL THEN CAST(COALESCE(SUBSTRING(s FROM '^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?'), '0') AS numeric) END), AVG(CASE WHEN s IS NOT NULL THEN CAST(COALESCE(SUBSTRING(s FROM '^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?'), '0') AS numeric) END), CAST(COALESCE(SUM(n), 0) AS double precision) FROM item`,
  ],
  [
    "SELECT CAST(s AS INTEGER), CAST(code AS INTEGER), CAST(PRICES AS REAL) FROM sale",
    String
      .raw`SELECT CASE WHEN s IS NOT NULL THEN CAST(COALESCE(SUBSTRING(s FROM '^\s*[+-]?\d{1,18}'), '0') AS bigint) END, CASE WHEN code IS NOT NULL THEN CAST(COALESCE(SUBSTRING(code FROM '^\s*[+-]?\d{1,18}'), '0') AS bigint) END, CAST(CAST(PRICES AS numeric) AS double precision) FROM sale`,
  ],
  [
    "SELECT CAST(r AS INTEGER), CAST(n AS TEXT), CAST(r AS REAL) FROM item",
    "SELECT CAST(TRUNC(r) AS bigint), CAST(n AS text), CAST(r AS double precision) FROM item",
  ],
  [
    "SELECT round(r), round(n, 1), round(amount, 1) FROM item",
    "SELECT ROUND(CAST(r AS numeric)), ROUND(CAST(n AS numeric), 1), ROUND(amount, 1) FROM item",
  ],
  [
    "SELECT ifnull(n, 0), coalesce(s, code, '-'), nullif(n, 5), iif(n > 1, 'a', 'b') FROM item",
    "SELECT COALESCE(n, 0), COALESCE(s, code, '-'), NULLIF(n, 5), CASE WHEN n > 1 THEN 'a' ELSE 'b' END FROM item",
  ],
  [
    "SELECT substr(s, 1, 2), substr(s, -2), length(s), upper(s), instr(s, 'b'), replace(s, 'b', 'c'), trim(s) FROM item",
    "SELECT SUBSTR(s, 1, 2), RIGHT(s, 2), LENGTH(s), UPPER(s), STRPOS(s, 'b'), REPLACE(s, 'b', 'c'), TRIM(s) FROM item",
  ],
  [
    "SELECT substr(day, 1, 4), substr(day, instr(day, '-') + 1) FROM item",
    "SELECT SUBSTR(CAST(day AS text), 1, 4), SUBSTR(CAST(day AS text), STRPOS(CAST(day AS text), '-') + 1) FROM item",
  ],
  ["SELECT max(id, 3) FROM item", "SELECT GREATEST(id, 3) FROM item"],
  [
    "SELECT n > 3, NOT n, n IS NULL, -n, +n FROM item",
    "SELECT CAST(n > 3 AS integer), CAST(NOT n <> 0 AS integer), CAST(n IS NULL AS integer), -n, n FROM item",
  ],
  ["SELECT sum(n > 3) FROM item", "SELECT SUM(CAST(n > 3 AS integer)) FROM item"],
  ["SELECT id FROM item WHERE n", "SELECT id FROM item WHERE n <> 0"],
  [
    "SELECT id FROM item WHERE n IN (5, '12') AND s IN ('Ab', \"B\")",
    "SELECT id FROM item WHERE n IN (5, 12) AND s IN ('Ab', 'B')",
  ],
  ["SELECT id FROM item WHERE n IN ()", "SELECT id FROM item WHERE FALSE"],
  [
    "SELECT id FROM item WHERE code IN (SELECT item_id FROM sale)",
    "SELECT id FROM item WHERE CAST(code AS bigint) IN (SELECT item_id FROM sale)",
  ],
  [
    "SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM sale WHERE item_id IS NOT NULL)",
    "SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM sale WHERE item_id IS NOT NULL)",
  ],
  ["SELECT id FROM item WHERE s IS NOT 'ab'", "SELECT id FROM item WHERE s IS DISTINCT FROM 'ab'"],
  ["SELECT n, s FROM item GROUP BY id", "SELECT n, s FROM item GROUP BY id"],
  [
    "SELECT a.s, count(*) FROM item AS a JOIN sale AS b ON a.id = b.item_id GROUP BY b.item_id",
    "SELECT a.s, COUNT(*) FROM item AS a JOIN sale AS b ON a.id = b.item_id GROUP BY b.item_id, a.s",
  ],
  [
    "SELECT b.item_id, count(*) FROM item AS a LEFT JOIN sale AS b ON a.id = b.item_id GROUP BY a.id",
    "SELECT b.item_id, COUNT(*) FROM item AS a LEFT JOIN sale AS b ON a.id = b.item_id GROUP BY a.id, b.item_id",
  ],
  [
    "SELECT a.s, count(*) FROM sale AS b LEFT JOIN item AS a ON a.id = b.item_id GROUP BY b.item_id",
    "SELECT a.s, COUNT(*) FROM sale AS b LEFT JOIN item AS a ON a.id = b.item_id GROUP BY b.item_id, a.s",
  ],
  [
    "SELECT s, count(*) FROM item WHERE s = 'ab' GROUP BY n",
    "SELECT s, COUNT(*) FROM item WHERE s = 'ab' GROUP BY n, s",
  ],
  ["SELECT s, max(n) FROM item WHERE s = 'ab'", "SELECT MAX(s), MAX(n) FROM item WHERE s = 'ab'"],
  [
    "SELECT * FROM item GROUP BY id HAVING count(*) > 0",
    "SELECT * FROM item GROUP BY id HAVING COUNT(*) > 0",
  ],
  [
    "SELECT upper(s), count(*) FROM item GROUP BY upper(s) ORDER BY upper(s)",
    "SELECT UPPER(s), COUNT(*) FROM item GROUP BY UPPER(s) ORDER BY UPPER(s) NULLS FIRST",
  ],
  [
    "SELECT count(*) AS c, s AS t FROM item GROUP BY t HAVING c > 1 ORDER BY c DESC, t",
    "SELECT COUNT(*) AS c, s AS t FROM item GROUP BY s HAVING COUNT(*) > 1 ORDER BY c DESC, t NULLS FIRST",
  ],
  [
    "SELECT n + 1 AS m FROM item WHERE m > 3 ORDER BY m",
    "SELECT n + 1 AS m FROM item WHERE n + 1 > 3 ORDER BY m NULLS FIRST",
  ],
  [
    "SELECT s, count(*) FROM item GROUP BY 1 ORDER BY 2 DESC, 1",
    "SELECT s, COUNT(*) FROM item GROUP BY s ORDER BY 2 DESC, 1 NULLS FIRST",
  ],
  [
    "SELECT count(*) FROM item HAVING count(*) > 3",
    "SELECT COUNT(*) FROM item HAVING COUNT(*) > 3",
  ],
  ["SELECT sum(n) FROM item ORDER BY r LIMIT 1", "SELECT SUM(n) FROM item LIMIT 1"],
  ["SELECT n FROM item ORDER BY n", "SELECT n FROM item ORDER BY n NULLS FIRST"],
  [
    "SELECT n FROM item ORDER BY n DESC LIMIT 2, 3",
    "SELECT n FROM item ORDER BY n DESC NULLS LAST LIMIT 3 OFFSET 2",
  ],
  ["SELECT id FROM item ORDER BY id DESC LIMIT -1", "SELECT id FROM item ORDER BY id DESC"],
  ["SELECT n FROM item ORDER BY n NULLS LAST", "SELECT n FROM item ORDER BY n NULLS LAST"],
  [
    "SELECT s AS n, n AS x FROM item ORDER BY item.n",
    "SELECT s AS n, n AS x FROM item ORDER BY item.n NULLS FIRST",
  ],
  [
    "SELECT CAST(n AS TEXT) FROM item ORDER BY n",
    "SELECT CAST(n AS text) FROM item ORDER BY item.n NULLS FIRST",
  ],
  [
    "SELECT n AS x, s AS x FROM item ORDER BY x",
    "SELECT n AS x, s AS x FROM item ORDER BY 1 NULLS FIRST",
  ],
  [
    "SELECT n FROM item ORDER BY 'a', n COLLATE BINARY",
    "SELECT n FROM item ORDER BY n NULLS FIRST",
  ],
  [
    "SELECT DISTINCT s FROM item ORDER BY s DESC",
    "SELECT DISTINCT s FROM item ORDER BY s DESC NULLS LAST",
  ],
  [
    "SELECT s FROM item UNION SELECT s FROM sale INTERSECT SELECT code FROM sale ORDER BY s",
    "(SELECT s FROM item UNION SELECT s FROM sale) INTERSECT SELECT code FROM sale ORDER BY s NULLS FIRST",
  ],
  [
    "SELECT n AS x FROM item UNION ALL SELECT sale_id FROM sale ORDER BY x DESC LIMIT 3",
    "SELECT n AS x FROM item UNION ALL SELECT sale_id FROM sale ORDER BY x DESC NULLS LAST LIMIT 3",
  ],
  [
    "SELECT day FROM item UNION SELECT d FROM sale",
    "SELECT CAST(day AS text) FROM item UNION SELECT d FROM sale",
  ],
  [
    "SELECT id FROM item EXCEPT SELECT NULL",
    "SELECT id FROM item EXCEPT SELECT CAST(NULL AS numeric)",
  ],
  [
    "SELECT a.id, b.sale_id FROM item AS a, sale AS b JOIN item AS c ON c.id = a.id",
    "SELECT a.id, b.sale_id FROM item AS a CROSS JOIN sale AS b JOIN item AS c ON c.id = a.id",
  ],
  ["SELECT id FROM item JOIN sale", "SELECT id FROM item CROSS JOIN sale"],
  [
    "SELECT id FROM item AS a JOIN sale AS b USING (code)",
    "SELECT id FROM item AS a JOIN sale AS b USING (code)",
  ],
  ["SELECT code FROM item NATURAL JOIN sale", "SELECT code FROM item JOIN sale USING (code, s)"],
  [
    "SELECT a.*, count(*) FROM item AS a JOIN sale AS b ON a.id = b.item_id GROUP BY a.id",
    "SELECT a.*, COUNT(*) FROM item AS a JOIN sale AS b ON a.id = b.item_id GROUP BY a.id",
  ],
  [
    "SELECT c FROM (SELECT n, count(*) AS c FROM item GROUP BY n) WHERE c > 1",
    "SELECT c FROM (SELECT n, COUNT(*) AS c FROM item GROUP BY n) AS subquery1 WHERE c > 1",
  ],
  [
    "WITH big AS (SELECT id, n FROM item WHERE n > 1), two (x) AS (SELECT n FROM big) SELECT x FROM two",
    "WITH big AS (SELECT id, n FROM item WHERE n > 1), two (x) AS (SELECT n FROM big) SELECT x FROM two",
  ],
  [
    "SELECT rank() OVER (PARTITION BY flag ORDER BY n DESC), count(*) OVER () FROM item",
    "SELECT RANK() OVER (PARTITION BY flag ORDER BY n DESC NULLS LAST), COUNT(*) OVER () FROM item",
  ],
  [
    "SELECT (SELECT count(*) FROM sale WHERE item_id = item.id) FROM item",
    "SELECT (SELECT COUNT(*) FROM sale WHERE item_id = item.id) FROM item",
  ],
  [
    "SELECT id FROM item WHERE EXISTS (SELECT * FROM sale WHERE sale.item_id = item.id)",
    "SELECT id FROM item WHERE EXISTS (SELECT * FROM sale WHERE sale.item_id = item.id)",
  ],
  [
    "SELECT CASE WHEN n > 3 THEN 'big' WHEN n IS NULL THEN NULL ELSE 'small' END FROM item",
    "SELECT CASE WHEN n > 3 THEN 'big' WHEN n IS NULL THEN NULL ELSE 'small' END FROM item",
  ],
  [
    "SELECT CASE n WHEN 5 THEN 1 WHEN 12 THEN 1.5 END FROM item",
    "SELECT CASE WHEN n = 5 THEN 1 WHEN n = 12 THEN 1.5 END FROM item",
  ],
  [
    "SELECT count(DISTINCT n), count(n), count(*) FROM item",
    "SELECT COUNT(DISTINCT n), COUNT(n), COUNT(*) FROM item",
  ],
  ["SELECT TRUE, FALSE, 7", "SELECT 1, 0, 7"],
  [
    "SELECT b.s, count(*) FROM item AS a LEFT JOIN sale AS b ON a.id = b.item_id GROUP BY b.sale_id",
    "SELECT b.s, COUNT(*) FROM item AS a LEFT JOIN sale AS b ON a.id = b.item_id GROUP BY b.sale_id",
  ],
  [
    "SELECT length(-0), 2 - -3, -(-3), NOT (1 = 2)",
    "SELECT LENGTH(CAST(-0 AS text)), 2 - -3, -(-3), CAST(NOT 1 = 2 AS integer)",
  ],
  [
    "SELECT n FROM item WHERE n NOT IN (SELECT count(*) FROM sale GROUP BY s) OR NOT (n > 3 AND n < 10)",
    "SELECT n FROM item WHERE n NOT IN (SELECT COUNT(*) FROM sale GROUP BY s) OR NOT (n > 3 AND n < 10)",
  ],
  [
    "SELECT a.n FROM item AS a WHERE a.n > (SELECT avg(b.n) FROM item AS b WHERE b.flag = a.flag)",
    "SELECT a.n FROM item AS a WHERE a.n > (SELECT AVG(b.n) FROM item AS b WHERE b.flag = a.flag)",
  ],
  [
    "SELECT id FROM item WHERE n BETWEEN 0 AND 5 AND code BETWEEN 1 AND 5",
    "SELECT id FROM item WHERE n BETWEEN 0 AND 5 AND code BETWEEN '1' AND '5'",
  ],
  [
    "SELECT min(day), max(seen), count(DISTINCT day) FROM item",
    "SELECT MIN(day), MAX(seen), COUNT(DISTINCT day) FROM item",
  ],
  [
    "SELECT sum(day) FROM item",
    String
      .raw`SELECT SUM(CASE WHEN CAST(day AS text) IS NOT NULL THEN CAST(COALESCE(SUBSTRING(CAST(day AS text) FROM '^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?'), '0') AS numeric) END) FROM item`,
  ],
  [
    "SELECT julianday(seen) - julianday(day) FROM item",
    "SELECT CAST(EXTRACT(JULIAN FROM seen) - 0.5 AS double precision) - CAST(EXTRACT(JULIAN FROM day) - 0.5 AS double precision) FROM item",
  ],
  ["SELECT s FROM item WHERE s = 'it''s'", "SELECT s FROM item WHERE s = 'it''s'"],
  [
    "SELECT ~n + 1, ~(n + 1), -(n + 1), ~(~n) FROM item",
    "SELECT (~n) + 1, ~(n + 1), -(n + 1), ~(~n) FROM item",
  ],
  [
    "SELECT n = 1 IS NULL, NOT n IS NULL, n & 1 + 2 FROM item",
    "SELECT CAST(n = 1 IS NULL AS integer), CAST(NOT n IS NULL AS integer), n & 1 + 2 FROM item",
  ],
];

/** A query that is not converted, and why. */
export const REFUSED: readonly (readonly [sqlite: string, kind: RefusalKind, message: string])[] = [
  ["SELECT id FROM item WHERE r LIKE '1%'", "types", "LIKE of r, whose text differs in PostgreSQL"],
  ["SELECT s FROM item WHERE s GLOB 'A*'", "function", "GLOB has no counterpart"],
  ["SELECT id FROM item WHERE n = 'five'", "types", "n (integer) is compared with 'five' (text)"],
  ["SELECT id FROM item WHERE day > 2019", "types", "2019 (integer) is compared with day (date)"],
  [
    "SELECT strftime('%Y', s) FROM sale",
    "dates",
    "a date function of s, which is not known to hold dates",
  ],
  ["SELECT date('now')", "dates", "a date function of 'now', which is not known to hold dates"],
  ["SELECT current_date", "dates", "current_date is another one each time"],
  ["SELECT amount / 2 FROM item", "types", "amount / 2, a division of integers or not by the row"],
  ["SELECT r || s FROM item", "types", "|| of r, whose text differs in PostgreSQL"],
  [
    "SELECT CAST(r AS TEXT) FROM item",
    "types",
    "a cast to text of r, whose text differs in PostgreSQL",
  ],
  ["SELECT ifnull(n, 'none') FROM item", "types", "coalesce() mixes numbers and texts"],
  [
    "SELECT substr(s, n) FROM item",
    "function",
    "substr() with a start or length that may be below 1",
  ],
  [
    "SELECT max(id, 3), min(n, 3) FROM item",
    "function",
    "min() or max() of several values, one of which may be NULL",
  ],
  [
    "SELECT group_concat(s) FROM item",
    "function",
    "group_concat() with 1 operands has no counterpart",
  ],
  ["SELECT id FROM item WHERE s", "types", "the text s is a condition"],
  ["SELECT s, max(n) FROM item", "bare_column", "item.s is of any row of its group"],
  ["SELECT s, n FROM item GROUP BY n", "bare_column", "item.s is of any row of its group"],
  ["SELECT * FROM item GROUP BY n", "bare_column", "item.id is of any row of its group"],
  ["SELECT s FROM item ORDER BY s COLLATE NOCASE", "unsupported", "COLLATE NOCASE"],
  [
    "SELECT DISTINCT s FROM item ORDER BY n",
    "unordered",
    "DISTINCT has removed n, by which it is ordered",
  ],
  ["SELECT n FROM item UNION SELECT s FROM item", "types", "a compound mixes numbers and texts"],
  [
    "SELECT * FROM item AS a JOIN sale AS b USING (code)",
    "unsupported",
    "* of a NATURAL or USING join",
  ],
  ["SELECT TRUE, FALSE, 0x1F", "unsupported", "the hexadecimal number 0x1F"],
  ["SELECT rowid FROM item", "unknown_name", "there is no column rowid"],
  ["SELECT nobody FROM item", "unknown_name", "there is no column nobody"],
  ["SELECT id FROM nowhere", "unknown_name", "there is no table nowhere"],
  ["SELECT s FROM item, sale", "unknown_name", "s is in two tables"],
  ["SELECT 1 ORDER BY 2", "syntax", "the result has no column 2 to order by"],
  ["DELETE FROM item", "syntax", 'SELECT is missing, at "DELETE"'],
  [
    "SELECT a.s, count(*) FROM item AS a LEFT JOIN sale AS b ON a.id = b.item_id AND b.price > 1 GROUP BY b.item_id",
    "bare_column",
    "a.s is of any row of its group",
  ],
  [
    "SELECT a.s FROM item AS a FULL JOIN sale AS b ON a.id = b.item_id GROUP BY b.item_id",
    "bare_column",
    "a.s is of any row of its group",
  ],
  [
    "SELECT id FROM item WHERE n BETWEEN 'a' AND 5",
    "types",
    "n (integer) is compared with 'a' (text)",
  ],
  ["SELECT s FROM item WHERE count(*) > 1", "unsupported", "count() where there are no groups"],
  ["SELECT sum(max(n)) FROM item", "unsupported", "max() where there are no groups"],
  ["SELECT n FROM item LIMIT n", "unsupported", "LIMIT that is no constant integer"],
  ["SELECT (SELECT id, n FROM item)", "syntax", "a query of several columns is a value"],
  [
    "SELECT id, n FROM item UNION SELECT id FROM item",
    "syntax",
    "the parts of a compound have different numbers of columns",
  ],
  [
    "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 3) SELECT x FROM c",
    "syntax",
    'WITH RECURSIVE is not converted, at "c"',
  ],
  [
    "SELECT count(*) FILTER (WHERE n > 1) FROM item",
    "syntax",
    'FILTER is not converted, at "FILTER"',
  ],
  [
    "SELECT sum(n) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM item",
    "syntax",
    'frames of windows are not converted, at "ROWS"',
  ],
  [
    "SELECT id FROM item WHERE s LIKE 'zür%'",
    "function",
    "LIKE of letters beyond ASCII, whose case SQLite leaves alone",
  ],
  [
    "SELECT lower('Ö')",
    "function",
    "LOWER of letters beyond ASCII, whose case SQLite leaves alone",
  ],
];
