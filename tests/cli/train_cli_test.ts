import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { random } from "../../src/data/random.ts";
import { listCheckpoints } from "../../src/train/checkpoint.ts";
import { adapterOf, type TempFolder, tempFolder, tinyOptions } from "../train/support.ts";
import { shortRecords, writeJsonl, writeTinyModel } from "../train/tiny.ts";
import { type CliOptions, followCli, type JsonEvent, parseEvents, runCli } from "./support.ts";

const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));
const namesIn = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test("train --help lists every option and exits 0", async () => {
  const { code, stdout, stderr } = await runCli("train", {}, "--help");
  assertEquals([code, stderr], [0, ""]);
  for (const name of ["train_path", "gradient_accumulation_steps", "init_adapter", "dry_run"]) {
    assertMatch(stdout, new RegExp(`^  --${name}\\b`, "m"));
  }
  assert(stdout.split("\n").every((line) => line.length <= 100));
});

Deno.test("train with wrong options exits 2 and tells all faults at once", async () => {
  const options = { max_steps: "many", lora_rank: 3, learning_rate: -1, precision: "f8" };
  const { code, stdout, stderr } = await runCli("train", options, "stray");
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, "7 options are wrong:");
  assertMatch(stderr, /argument "stray"/);
  assertMatch(stderr, /--max_steps many .*give a whole number, -1 or more/);
  assertMatch(stderr, /unknown option --lora_rank; did you mean --lora_r\?/);
  assertMatch(stderr, /--learning_rate -1 .*give a number, 0 or more/);
  assertMatch(stderr, /base_model is missing/);
  assertMatch(stderr, /train_path is missing/);
  assertMatch(stderr, /--precision f8 .*give one of auto, f32, f16/);
  assert(!stderr.includes("    at "), stderr);
});

Deno.test("train --dry_run checks and plans, and writes both JSON files and nothing else", async () => {
  using folder = tempFolder();
  const options = await tinyOptions(folder, { max_seq_length: 60, val_path: null });
  const long = { instruction: "Count ".repeat(40), output: "SELECT 1" };
  const hopeless = { id: "novel", instruction: "Count", output: "SELECT 1, ".repeat(40) + "2" };
  const train_path = await writeJsonl(folder("train.jsonl"), [
    ...shortRecords(2, 4),
    long,
    hopeless,
  ]);
  const { code, stdout, stderr } = await runCli("train", { ...options, train_path }, "--dry_run");
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /3 training and 0 validation examples/);
  assertMatch(stdout, /1 shortened to --max_seq_length 60/);
  assertMatch(stdout, /1 dropped, the first: novel: its SQL/);
  assertMatch(stdout, /Dry run: all is well/);
  const run = options.output_dir!;
  assertEquals(namesIn(run), ["metrics.json", "run_meta.json"]);
  const meta = await readJson(join(run, "run_meta.json"));
  assertEquals(meta.mode, "dry_run");
  assertEquals([meta.data.train_records, meta.data.train_examples], [4, 3]);
  assertEquals(meta.data.truncated, 1);
  assertEquals(meta.data.dropped.map(({ id }: { id: string }) => id), ["novel"]);
  const metrics = await readJson(join(run, "metrics.json"));
  assert(metrics.planned_gpu_bytes > 0);
  assertEquals({ ...metrics, planned_gpu_bytes: 0 }, {
    train_loss: null,
    eval_loss: null,
    train_runtime: 0,
    tokens_per_second: 0,
    peak_gpu_bytes: 0,
    planned_gpu_bytes: 0,
    log_history: [],
  });
});

Deno.test("a YAML file gives options, and flags win over it", async () => {
  using folder = tempFolder();
  const { lora_r: _, ...options } = await tinyOptions(folder);
  await Deno.writeTextFile(folder("run.yaml"), "lora_r: 3\nmax-steps: 7\nseed: 5\n");
  const flags = { ...options, config: folder("run.yaml"), max_steps: 2 };
  assertEquals((await runCli("train", flags, "--dry_run", "--quiet")).code, 0);
  const { config } = await readJson(join(options.output_dir!, "run_meta.json"));
  assertEquals([config.lora_r, config.max_steps, config.seed], [3, 2, 5]);
});

/** Runs what must fail and returns its one sentence. */
async function failure(options: CliOptions): Promise<string> {
  const { code, stderr } = await runCli("train", options, "--quiet");
  assertEquals(code, 1, stderr);
  assertMatch(stderr, /^Cannot [^\n]+\n$/, "not one sentence");
  return stderr;
}

/** Faults of the input: what is changed, and what the message must name. */
const FAULTS: Record<string, (folder: TempFolder) => Promise<[CliOptions, RegExp]>> = {
  "a missing data file": (folder) =>
    Promise.resolve([{ train_path: folder("no.jsonl") }, /no\.jsonl: there is no such file/]),
  "a missing validation file": (folder) =>
    Promise.resolve([{ val_path: folder("no.jsonl") }, /no\.jsonl: there is no such file/]),
  "a missing model folder": (folder) =>
    Promise.resolve([{ base_model: folder("nowhere") }, /nowhere/]),
  "a missing adapter": (folder) =>
    Promise.resolve([{ init_adapter: folder("nowhere") }, /nowhere/]),
  "a malformed line": async (folder) => {
    const train_path = folder("bad.jsonl");
    const lines = shortRecords(4).map((record) => JSON.stringify(record));
    await Deno.writeTextFile(train_path, [...lines.slice(0, 2), "", '{"id": 3,'].join("\n"));
    return [{ train_path }, /bad\.jsonl: line 4 is not valid JSON/];
  },
  "a record without SQL": async (folder) => {
    const records = [...shortRecords(1), { instruction: "Count", input: "" }];
    const train_path = await writeJsonl(folder("bad.jsonl"), records);
    return [{ train_path }, /bad\.jsonl: "output" is missing at line 2/];
  },
  "an empty data file": async (folder) => {
    const train_path = await writeJsonl(folder("empty.jsonl"), []);
    return [{ train_path }, /empty\.jsonl: it has no records/];
  },
  "records that are all too long": () =>
    Promise.resolve([
      { max_seq_length: 6 },
      /none of its 12 records fits .*raise --max_seq_length/,
    ]),
  "truncated weights": async (folder) => {
    const base_model = await writeTinyModel(folder("bad"));
    const file = join(base_model, "model.safetensors");
    await Deno.truncate(file, (await Deno.stat(file)).size - 100);
    return [{ base_model }, /bad\/model\.safetensors/];
  },
  "an unknown architecture": async (folder) => {
    const base_model = await writeTinyModel(folder("bad"), { config: { model_type: "parrot" } });
    return [{ base_model }, /parrot/];
  },
  "weights of another shape than config.json says": async (folder) => {
    const base_model = await writeTinyModel(folder("bad"), { config: { intermediate_size: 32 } });
    return [{ base_model }, /gate_proj.*\[24, 16\].*\[32, 16\]/];
  },
  "a tokenizer of another model": async (folder) => {
    const base_model = await writeTinyModel(folder("bad"), { config: { vocab_size: 900 } });
    return [{ base_model }, /1024 tokens, the model's vocabulary 900/];
  },
};

for (const [name, makeFault] of Object.entries(FAULTS)) {
  Deno.test(`train refuses ${name} with exit code 1 and one sentence`, async () => {
    using folder = tempFolder();
    const options = await tinyOptions(folder);
    const [changes, expected] = await makeFault(folder);
    assertMatch(await failure({ ...options, ...changes }), expected);
    // Nothing was trained.
    const written = Array.from(Deno.readDirSync(folder.path), (entry) => entry.name);
    if (written.includes("run")) assert(!namesIn(folder("run")).includes("adapters"));
  });
}

Deno.test("train --json prints JSON lines and nothing else; --report_to writes an event file", async () => {
  using folder = tempFolder();
  const options = await tinyOptions(folder, {
    max_steps: 2,
    eval_steps: 2,
    report_to: "tensorboard",
    resume_from_checkpoint: "latest",
  });
  const { code, stdout, stderr } = await runCli("train", options, "--json");
  assertEquals([code, stderr], [0, ""]);
  const events = parseEvents(stdout);
  assertEquals(events.map(({ type }) => type), [
    "start",
    ...["step", "log", "step", "log", "eval", "checkpoint"],
    ...["sample", "sample", "sample", "end"],
  ]);
  assertEquals(events[0], {
    type: "start",
    step: 0,
    totalSteps: 2,
    resumedFrom: null,
    setAside: null,
  });
  const run = options.output_dir!;
  assertEquals(events.at(-1)!.metrics, await readJson(join(run, "metrics.json")));
  const boards = namesIn(run).filter((name) => name.startsWith("events.out.tfevents."));
  assertEquals(boards.length, 1);
  const board = new TextDecoder("latin1").decode(await Deno.readFile(join(run, boards[0])));
  for (const tag of ["train/loss", "train/learning_rate", "train/grad_norm", "eval/loss"]) {
    assertStringIncludes(board, tag);
  }
});

Deno.test("train tells people what it does: plan, notes, progress, checkpoints, samples, result", async () => {
  using folder = tempFolder();
  const options = await tinyOptions(folder, {
    max_steps: 2,
    warmup_steps: 5,
    resume_from_checkpoint: "latest",
  });
  const { code, stdout, stderr } = await runCli("train", options);
  assertEquals([code, stderr], [0, ""]);
  const run = options.output_dir!;
  const lines = [
    "Method     qlora, r 4, alpha 8, on q_proj,down_proj",
    "Data       12 training and 4 validation examples",
    "Steps      2, of 2 × 1 sequences",
    "Note: warmup_steps 5 is not below the 2 steps",
    `No checkpoint in ${run} yet: starting from the first step`,
    "step 2/2  loss ",
    "Eval loss ",
    `Checkpoint ${join(run, "checkpoints/step-2")}`,
    `  expected   ${shortRecords(1, 100)[0].output}`,
    "  generated  ",
    `Saved in ${join(run, "adapters")}`,
  ];
  let from = 0;
  for (const line of lines) {
    const at = stdout.indexOf(line, from);
    assert(at >= 0, `${JSON.stringify(line)} is missing or out of place in\n${stdout}`);
    from = at;
  }
});

/** Options that make every kind of state count, and a checkpoint after each step. */
const RESUMABLE = {
  max_steps: 14,
  gradient_accumulation_steps: 2,
  logging_steps: 3,
  eval_steps: 4,
  lora_dropout: 0.1,
  save_steps: 1,
};

/** The log without what depends on the clock. */
function logOf(events: readonly JsonEvent[]): unknown[] {
  const { metrics } = events.at(-1)! as unknown as {
    metrics: { log_history: { tokens_per_second: number }[] };
  };
  return metrics.log_history.map(({ tokens_per_second: _, ...entry }) => entry);
}

Deno.test("train that is killed at any moment and resumed ends with the same bytes", async () => {
  using folder = tempFolder();
  const whole = await tinyOptions(folder, RESUMABLE);
  const expected = await runCli("train", whole, "--json");
  assertEquals(expected.code, 0, expected.stderr);

  const parts = { ...whole, output_dir: folder("parts"), resume_from_checkpoint: "latest" };
  const moments = random(11, "moments of death");
  let last: Awaited<ReturnType<typeof followCli>>;
  for (let deaths = 0;; deaths++) {
    // Two steps or more, so that a checkpoint was written, then some part of a third: as long as the
    // last step and its checkpoint took, any point of both may be hit.
    const steps = 2 + moments.below(2), fraction = moments.float();
    let seen = 0, at = 0;
    last = await followCli("train", parts, (event, kill) => {
      if (event.type !== "step" || deaths === 3) return;
      const lasted = performance.now() - at;
      at += lasted;
      if (++seen === steps) setTimeout(() => kill("SIGKILL"), lasted * fraction);
    });
    if (deaths === 3) break;
    assertEquals(last.signal, "SIGKILL", "it was done before it was killed");
  }
  assertEquals(last.code, 0, last.stderr);
  const events = parseEvents(last.stdout);
  assert(events[0].step >= 3, "it did not resume");
  assertEquals(
    await adapterOf(join(parts.output_dir, "adapters")),
    await adapterOf(join(whole.output_dir!, "adapters")),
  );
  assertEquals(logOf(events), logOf(parseEvents(expected.stdout)));
});

Deno.test("train that gets Ctrl-C writes a checkpoint, exits 130 and can be resumed", async () => {
  using folder = tempFolder();
  const options = await tinyOptions(folder, { max_steps: 300, save_steps: 0 });
  const stopped = await followCli("train", options, (event, kill) => {
    if (event.type === "step" && event.step === 2) kill("SIGINT");
  });
  assertEquals(stopped.code, 130);
  assertMatch(
    stopped.stderr,
    /^\nStopping; press Ctrl-C again to exit at once\.\nInterrupted\.\n$/,
  );
  const last = parseEvents(stopped.stdout).at(-1)!;
  assertEquals(last.type, "checkpoint");
  const run = options.output_dir!;
  assertEquals(await listCheckpoints(run), [last.step]);
  assert(!namesIn(run).includes("adapters"));

  const rest = { ...options, max_steps: last.step + 1, resume_from_checkpoint: "latest" };
  const resumed = await runCli("train", rest, "--json");
  assertEquals(resumed.code, 0, resumed.stderr);
  const steps = parseEvents(resumed.stdout).filter(({ type }) => type === "step");
  assertEquals(steps.map(({ step }) => step), [last.step + 1]);
});
