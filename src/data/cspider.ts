/**
 * CSpider (https://taolusi.github.io/CSpider-explorer, CC BY-SA 4.0): Spider's questions in Chinese.
 * @module
 */
import { spiderLike } from "./spider_format.ts";

/** Spider's layout, with one file a split. */
export const cspider = spiderLike({
  name: "cspider",
  summary: "train.json and dev.json with tables.json and database/",
  files: [[/^train\.json$/, "train"], [/^dev\.json$/, "val"], [/^test\.json$/, "test"]],
  tables: () => ["tables.json"],
  databases: () => ["database"],
  sqlKeys: ["query"],
  keep: [],
});
