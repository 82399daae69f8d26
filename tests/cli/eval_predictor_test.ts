import { assertEquals } from "@std/assert";
import { resolveEvalConfig } from "../../src/cli/eval_options.ts";
import { openPredictor } from "../../src/cli/eval_predictor.ts";

Deno.test("answers belong to what was asked: the questions, schemas, databases and the model", async () => {
  const keyFor = async (values: Readonly<Record<string, unknown>>) => {
    const common = { benchmark: "bird", data: "dev.json", backend: "ollama", base_model: "tiny" };
    const config = resolveEvalConfig([{ source: "options", values: { ...common, ...values } }]);
    using opened = await openPredictor(config, new AbortController().signal);
    return opened.key;
  };
  const different = [
    {},
    { data: "train.json" },
    { tables: "tables.json" },
    { db_dir: "databases" },
    { db: "shop.sqlite" },
    { base_model: "large" },
    { top_k: 5 },
    { schema_style: "compact" },
    { benchmark: "demo", data: undefined },
    { benchmark: "demo", data: "data/demo/retail" },
  ];
  const keys = new Set(await Promise.all(different.map(keyFor)));
  assertEquals(keys.size, different.length);
  // How many questions, and how they are scored, changes no answer.
  assertEquals(await keyFor({ max_samples: 5, timeout_ms: 9 }), await keyFor({}));
});
