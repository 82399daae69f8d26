/**
 * `deno task eval` as users run it, in processes of their own.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { readScored } from "../../src/eval/scored.ts";
import { SHOP_QUESTIONS, writeShop } from "../eval/shop.ts";
import { sharedTest } from "../shared.ts";
import { tempFolder } from "../train/support.ts";
import { goldenBase } from "../train/tiny.ts";
import { type CliOptions, followCli, parseEvents, runCli, spawnCli } from "./support.ts";

const GOLD = SHOP_QUESTIONS.map(({ query }) => query);

async function shop() {
  const folder = tempFolder();
  const data = await writeShop(folder("shop"));
  const predict = async (name: string, lines: readonly string[]) => {
    await Deno.writeTextFile(folder(name), lines.join("\n") + "\n");
    return folder(name);
  };
  return { folder, data, predict, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

async function evalOk(options: CliOptions, ...switches: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli("eval", options, ...switches);
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

const reportIn = async (folder: string) =>
  JSON.parse(await Deno.readTextFile(join(folder, "report.json")));

Deno.test("eval --predictions: all files, the summary, and a baseline to compare with", async () => {
  using files = await shop();
  const { folder, data, predict } = files;
  const base = await predict("base.sql", [GOLD[0], "SELECT nme FROM customer", GOLD[2], "SELEC"]);
  const tuned = await predict("tuned.sql", [...GOLD.slice(0, 3), "SELECT name FROM customer"]);
  const common = { benchmark: "spider", data };
  await evalOk({ ...common, predictions: base, output_dir: folder("base") });
  const stdout = await evalOk({
    ...common,
    predictions: tuned,
    output_dir: folder("tuned"),
    compare: folder("base"),
  });
  assertMatch(stdout, /Exact set match +75\.0 % .* 3 of 4/);
  assertMatch(stdout, /Execution +50\.0 % → 75\.0 % +\+25\.0/);
  assertMatch(stdout, /Flipped +1 to right, 0 to wrong/);
  assertEquals(Array.from(Deno.readDirSync(folder("tuned")), ({ name }) => name).sort(), [
    "predictions.jsonl",
    "report.html",
    "report.json",
    "report.md",
  ]);
  const [first] = await readScored(folder("tuned/predictions.jsonl"));
  const specified = ["id", "db_id", "question", "gold", "pred", "parsed", "exact", "exec"];
  const keys = [...specified, "hardness", "partial", "latency_ms", "error"];
  assertEquals(Object.keys(first).slice(0, keys.length), keys);
  assertEquals([first.parsed, first.exact, first.exec, first.hardness], [true, true, true, "easy"]);
  const report = await reportIn(folder("tuned"));
  assertEquals([report.benchmark, report.count], ["spider", 4]);
  assertEquals(report.comparison.gained.map(({ id }: { id: string }) => id), ["spider-2"]);
  const broken = await readScored(folder("base/predictions.jsonl"));
  assertEquals(broken.map(({ error_kind }) => error_kind), [
    null,
    "unknown_column",
    null,
    "syntax",
  ]);
  // A run scores its own predictions again, to the same end.
  const again = { predictions: folder("tuned/predictions.jsonl"), output_dir: folder("again") };
  await evalOk({ ...common, ...again }, "--quiet");
  assertEquals(
    await readScored(folder("again/predictions.jsonl")),
    await readScored(again.predictions),
  );
});

Deno.test("eval --json: one event a line; --quiet: nothing; --max_samples: the first ones", async () => {
  using files = await shop();
  const { folder, data, predict } = files;
  const options = {
    benchmark: "spider",
    data,
    predictions: await predict("gold.sql", GOLD),
    output_dir: folder("run"),
    max_samples: 2,
  };
  const events = parseEvents(await evalOk(options, "--json"));
  assertEquals(events.map(({ type }) => type), ["start", "score", "score", "end"]);
  assertEquals([events[0].total, events[3].count, events[3].benchmark], [2, 2, "spider"]);
  assertEquals(await evalOk(options, "--quiet"), "");
  const { code, stderr } = await runCli("eval", {
    ...options,
    max_samples: undefined,
    predictions: await predict("few.sql", GOLD.slice(1)),
  });
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot score .*few\.sql: it has 3 predictions for 4 questions[^\n]*\n$/);
});

Deno.test("eval with wrong options exits 2, each with what is missing", async () => {
  const spider = { benchmark: "spider", data: "dev.json" };
  const cases: [CliOptions, RegExp][] = [
    [{ data: "dev.json", predictions: "a" }, /give --benchmark spider\|cspider\|bird/],
    [{ benchmark: "spider", predictions: "a" }, /give --data FILE, or --gold FILE/],
    [{ benchmark: "wikisql", gold: "g", predictions: "a" }, /without its questions: give --data/],
    [{ benchmark: "internal", data: "d", gold: "g", predictions: "a" }, /Cannot use --gold with/],
    [{ benchmark: "demo", gold: "g", predictions: "a" }, /Cannot use --gold with demo/],
    [{ benchmark: "demo" }, /^Cannot get answers: give --predictions FILE, --base_model or/],
    [spider, /give --predictions FILE, --base_model or --adapter_path/],
    [{ ...spider, predictions: "a", base_model: "b" }, /give --predictions, or a model/],
    [{ ...spider, backend: "ollama" }, /give the model's name on the server with --base_model/],
    [{ ...spider, backend: "openai", base_model: "m" }, /give the server with --base_url/],
    [
      { ...spider, backend: "ollama", base_model: "m", base_url: "localhost" },
      /http:\/\/HOST:PORT/,
    ],
    [
      { ...spider, backend: "ollama", base_model: "m", adapter_path: "a" },
      /serve the merged model/,
    ],
    [
      { ...spider, backend: "openai", base_model: "m", base_url: "http://h", top_k: 5 },
      /Cannot use --top_k with openai/,
    ],
    [{ benchmark: "spider", gold: "g", base_model: "m" }, /give --data FILE beside --gold/],
    [{ benchmark: "sprider", data: "d", predictions: "p" }, /one of spider, cspider, bird/],
  ];
  const results = await Promise.all(cases.map(([options]) => runCli("eval", options)));
  for (const [i, { code, stdout, stderr }] of results.entries()) {
    assertEquals([code, stdout], [2, ""], JSON.stringify(cases[i][0]));
    assertMatch(stderr, cases[i][1]);
  }
  const help = await runCli("eval", {}, "--help");
  assertEquals([help.code, help.stderr], [0, ""]);
  for (const name of ["benchmark", "predictions", "backend", "timeout_ms", "compare"]) {
    assertMatch(help.stdout, new RegExp(`^  --${name} `, "m"));
  }
});

Deno.test("eval without tables.json, or against a run that is none, fails with one line", async () => {
  using files = await shop();
  const { folder, data, predict } = files;
  const options = {
    benchmark: "spider",
    data,
    predictions: await predict("gold.sql", GOLD),
    output_dir: folder("run"),
  };
  const compared = await runCli("eval", { ...options, compare: folder("none") });
  assertEquals(compared.code, 1);
  assertMatch(compared.stderr, /^Cannot read .*none[^\n]*\n$/);
  await Deno.remove(folder("shop/tables.json"));
  const { code, stderr } = await runCli("eval", options);
  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot score .*tables\.json is not in [^\n]*name it with --tables\n$/);
});

/** Ollama's part of HTTP: answers with gold queries. */
function serveGold({ delayMs = 0 } = {}) {
  let asked = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { prompt } = await request.json();
    asked++;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const found = SHOP_QUESTIONS.find(({ question }) => prompt.includes(question));
    return Response.json({ response: `${found!.query};`, eval_count: 9 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    asked: () => asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("eval --backend ollama: killed half-way, it goes on without asking again", async () => {
  using files = await shop();
  const { folder, data, predict } = files;
  await using server = serveGold({ delayMs: 150 });
  const options = {
    benchmark: "spider",
    data,
    backend: "ollama",
    base_model: "tiny",
    base_url: server.url,
    batch_size: 1,
    output_dir: folder("run"),
  };
  const killed = await followCli("eval", options, ({ type, index }, kill) => {
    if (type === "score" && index === 1) kill("SIGKILL");
  });
  assertEquals(killed.signal, "SIGKILL");
  const before = server.asked();
  assert(before >= 2 && before < 4);
  // A shorter run uses the answers that it needs and leaves the others.
  await evalOk({ ...options, max_samples: 1 });
  assertEquals(server.asked(), before);
  // What cannot be compared is told before anything is asked.
  const other = { ...SHOP_QUESTIONS[0], query: "SELECT 1" };
  const elsewhere = await writeShop(folder("other"), [other]);
  const compare = folder("baseline");
  const predictions = await predict("other.sql", ["SELECT 1"]);
  await evalOk({ benchmark: "bird", data: elsewhere, predictions, output_dir: compare }, "--quiet");
  const unlike = await runCli("eval", { ...options, compare });
  assertEquals([unlike.code, server.asked()], [1, before]);
  assertMatch(unlike.stderr, /^Cannot compare with [^\n]*\n$/);
  const stdout = await evalOk(options);
  assertMatch(stdout, /2 of 4 are answered already/);
  assertEquals(server.asked(), before + 2);
  const scored = await readScored(folder("run/predictions.jsonl"));
  assertEquals(scored.map(({ exec, tokens }) => [exec, tokens]), GOLD.map(() => [true, 9]));
  assert(scored.every(({ latency_ms }) => latency_ms! >= 150));
  const report = await reportIn(folder("run"));
  assert(report.latency_ms.p50 >= 150 && report.tokens_per_second > 0);
  assertEquals(report.predictor, "ollama tiny");
  assert(!Array.from(Deno.readDirSync(folder("run"))).some(({ name }) => name === "answers.jsonl"));
});

Deno.test("Ctrl-C ends an evaluation with 130 and keeps its answers; a server that is away, with 1", async () => {
  using files = await shop();
  const { folder, data } = files;
  const options = {
    benchmark: "spider",
    data,
    backend: "ollama",
    base_model: "tiny",
    batch_size: 1,
  };
  {
    await using server = serveGold({ delayMs: 100 });
    const run = { ...options, base_url: server.url, output_dir: folder("run") };
    const stopped = await followCli("eval", run, ({ type, index }, kill) => {
      if (type === "score" && index === 0) kill("SIGINT");
    });
    assertEquals(stopped.code, 130);
    assertMatch(await Deno.readTextFile(folder("run/answers.jsonl")), /"index":0/);
    assert(!Array.from(Deno.readDirSync(folder("run"))).some(({ name }) => name === "report.json"));
  }
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const base_url = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const process = spawnCli("eval", { ...options, base_url, output_dir: folder("away") });
  const { code, stderr } = await process.output();
  assertEquals(code, 1);
  assertMatch(
    new TextDecoder().decode(stderr),
    /^Cannot get an answer from ollama at [^\n]*away[^\n]*\n$/,
  );
});

Deno.test("eval --base_model: a model on the GPU answers, batches or one by one alike", async () => {
  using files = await shop();
  const { folder, data } = files;
  const options = {
    benchmark: "spider",
    data,
    base_model: await goldenBase(folder("base")),
    quantization: "none",
    max_new_tokens: 6,
  };
  const answers = async (batch_size: number) => {
    const output_dir = folder(`run-${batch_size}`);
    await evalOk({ ...options, batch_size, output_dir }, "--quiet");
    return await readScored(join(output_dir, "predictions.jsonl"));
  };
  const single = await answers(1);
  const batched = await answers(3);
  assertEquals(batched.map(({ pred }) => pred), single.map(({ pred }) => pred));
  assert(single.every(({ tokens, latency_ms }) => tokens! <= 6 && latency_ms! > 0));
  const { predictor, metrics } = await reportIn(folder("run-3"));
  assertEquals([predictor, metrics.exec.total], [folder("base"), 4]);
});

sharedTest("eval scores Spider's 1,034 questions with the published totals", async (path) => {
  using folder = tempFolder();
  const stdout = await evalOk({
    benchmark: "spider",
    data: path("data/spider/dev.json"),
    predictions: path("data/spider/oracle/codes-7b.pred.sql"),
    output_dir: folder.path,
  }, "--json");
  const end = parseEvents(stdout).at(-1)!;
  const { exact, exec } = end.metrics as Record<string, { right: number }>;
  assertEquals([end.count, exact.right, exec.right], [1034, 821, 894]);
});
