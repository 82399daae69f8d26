/**
 * BIRD (https://bird-bench.github.io, CC BY-SA 4.0): questions over large databases, with evidence,
 * which is what one has to know beside the schema.
 * @module
 */
import { spiderLike } from "./spider_format.ts";

/** Questions with `SQL`, `evidence` and `difficulty`, in one folder or one for each split. */
export const bird = spiderLike({
  name: "bird",
  summary: "train.json and dev.json with <split>_tables.json and <split>_databases/, " +
    "in folders train/ and dev/ or in one",
  files: [[/^train\.json$/, "train"], [/^dev\.json$/, "val"], [/^test\.json$/, "test"]],
  folders: ["train", "dev", "test"],
  // The name of the split in front; mini_dev goes with the tables of dev.
  tables: (stem) => [`${splitOf(stem)}_tables.json`, "tables.json"],
  databases: (stem) => [`${splitOf(stem)}_databases`, "database"],
  sqlKeys: ["SQL", "query"],
  keep: ["difficulty"],
});

function splitOf(stem: string): string {
  return stem === "mini" ? "dev" : stem;
}
