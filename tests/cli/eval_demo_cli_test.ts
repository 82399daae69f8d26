/**
 * `deno task eval --benchmark demo` as users run it.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { readScored } from "../../src/eval/scored.ts";
import { writeShop } from "../eval/shop.ts";
import { writeParrot } from "../model/parrot.ts";
import { tempFolder } from "../train/support.ts";
import { type CliOptions, runCli } from "./support.ts";

async function evalOk(options: CliOptions): Promise<string> {
  const { code, stdout, stderr } = await runCli("eval", options);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

Deno.test("eval --benchmark demo needs no path but the model's", async () => {
  using folder = tempFolder();
  const base_model = await writeParrot(folder("base"), "SELECT MAX(price) FROM products;");
  const options = { benchmark: "demo", base_model, max_new_tokens: 16, batch_size: 25 };
  const stdout = await evalOk({ ...options, output_dir: folder("all") });
  assertMatch(stdout, /Execution +0\.0 % .* 0 of 50/);
  const scored = await readScored(folder("all/predictions.jsonl"));
  assertEquals(
    new Set(scored.map(({ pred }) => pred)),
    new Set(["SELECT MAX(price) FROM products"]),
  );
  assertEquals(scored[0].id, "ecommerce-1");
  const report = JSON.parse(await Deno.readTextFile(join(folder("all"), "report.json")));
  assertEquals([report.benchmark, report.count, report.groups.length], ["demo", 50, 4]);
  assertEquals(report.errors.map(({ kind }: { kind: string }) => kind), [
    "unknown_table",
    "wrong_result",
  ]);
  // A question of one's own about a database of the project: the parrot is right about it.
  const question = {
    db_id: "retail",
    question: "The highest price?",
    sql: "SELECT MAX(price) FROM products",
  };
  await Deno.writeTextFile(folder("own.jsonl"), JSON.stringify(question) + "\n");
  const own = { ...options, data: folder("own.jsonl"), db_dir: "data/demo" };
  const right = await evalOk({ ...own, output_dir: folder("own") });
  assertMatch(right, /Execution +100\.0 % .* 1 of 1/);
});

Deno.test("eval --schema_style: compact by default for the demo, full for others, or as it is said", async () => {
  using folder = tempFolder();
  const shown: string[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      shown.push(await request.text());
      return Response.json({ response: "SELECT 1", eval_count: 1 });
    },
  );
  const { port } = server.addr;
  const asked = async (options: CliOptions) => {
    const model = { backend: "ollama", base_model: "m", base_url: `http://127.0.0.1:${port}` };
    await evalOk({
      ...model,
      max_samples: 1,
      output_dir: folder(`run-${shown.length}`),
      ...options,
    });
    return shown.at(-1)!;
  };
  const spider = { benchmark: "spider", data: await writeShop(folder("shop")) };
  const line = /CREATE TABLE \w+ \(id \w+ PRIMARY KEY, /;
  const lines = /CREATE TABLE \w+ \(\\n {2}id \w+ PRIMARY KEY,\\n/;
  assertMatch(await asked({ benchmark: "demo" }), line);
  assertMatch(await asked({ benchmark: "demo", schema_style: "full" }), lines);
  assertMatch(await asked(spider), lines);
  assertMatch(await asked({ ...spider, schema_style: "compact" }), line);
});
