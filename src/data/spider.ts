/**
 * Spider 1.0 (https://yale-lily.github.io/spider, CC BY-SA 4.0): questions over 200 databases.
 * @module
 */
import { spiderLike } from "./spider_format.ts";

/** Questions with `question`, `query` and `db_id`; train, dev and, in the full download, test. */
export const spider = spiderLike({
  name: "spider",
  summary: "train_spider.json, train_others.json and dev.json with tables.json and database/",
  files: [
    [/^train(_spider|_others)?(\.\w+)?\.json$/, "train"],
    [/^dev\.json$/, "val"],
    [/^test\.json$/, "test"],
  ],
  tables: (stem) => stem === "test" ? ["test_tables.json", "tables.json"] : ["tables.json"],
  databases: (stem) => stem === "test" ? ["test_database", "database"] : ["database"],
  sqlKeys: ["query"],
  keep: [],
});
