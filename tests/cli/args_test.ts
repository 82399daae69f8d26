import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { z } from "zod";
import { readConfigFile, readFlags, readLayers } from "../../src/cli/args.ts";
import { helpText, wrap } from "../../src/cli/help.ts";
import { ConfigError } from "../../src/errors.ts";
import { describeOptions, resolveTrainConfig } from "../../src/train/config.ts";
import { commonFields, describeSchema, resolveOptions } from "../../src/train/options.ts";

const options = describeOptions();
const values = (...argv: string[]) => ({ ...readFlags(argv, options).layer.values });

Deno.test("flags: values, equals signs, hyphens, switches and their negation", () => {
  assertEquals(values("--max-steps", "3", "--lora_r=8", "--smoke", "--no-shuffle"), {
    max_steps: "3",
    lora_r: "8",
    smoke: "true",
    shuffle: "false",
  });
  assertEquals(values("--no_shuffle", "--packing", "yes", "--quiet=0"), {
    shuffle: "false",
    packing: "yes",
    quiet: "0",
  });
  assertEquals(values("--lora_r", "8", "--lora_r", "4"), { lora_r: "4" });
});

Deno.test("flags: a value may be negative, start with dashes, or have spaces and equals signs", () => {
  assertEquals(values("--max_steps", "-1"), { max_steps: "-1" });
  assertEquals(values("--train_path", "-- a comment", "--seed", "1"), {
    train_path: "-- a comment",
    seed: "1",
  });
  assertEquals(values("--train_path=a=b c"), { train_path: "a=b c" });
  assertEquals(values("--lerning_rate", "-1"), { lerning_rate: -1 });
});

Deno.test("flags: a list takes the words that follow it", () => {
  assertEquals(values("--target_modules", "q_proj", "v_proj", "--seed", "1"), {
    target_modules: "q_proj,v_proj",
    seed: "1",
  });
  assertEquals(values("--target_modules", "q_proj,v_proj"), { target_modules: "q_proj,v_proj" });
});

Deno.test("flags: a missing value is an empty one, which no option takes", () => {
  assertEquals(values("--lora_r", "--smoke"), { lora_r: "", smoke: "true" });
  const { layer } = readFlags(["--smoke", "--lora_r", "--base_model="], options);
  assertEquals(assertThrows(() => resolveTrainConfig([layer]), ConfigError).issues, [
    'Cannot use --lora_r "" (flags): give a whole number, 1 or more',
    'Cannot use --base_model "" (flags): give a path, or "none"',
  ]);
});

Deno.test("flags: arguments that belong to no option are faults", () => {
  const { layer } = readFlags(["train.jsonl", "--smoke", "x", "--", "--y"], options);
  assertEquals(layer.faults?.map((fault) => fault.split('"')[1]), ["train.jsonl", "x", "--y"]);
  assertThrows(() => resolveTrainConfig([layer]), ConfigError, "train.jsonl");
  assertEquals(readFlags(["-x", "--smoke"], options).layer.values.x, true);
});

Deno.test("flags: --help and -h, wherever they stand", () => {
  assertEquals(readFlags(["--help"], options).help, true);
  assertEquals(readFlags(["--lora_r", "-h"], options).help, true);
  assertEquals(readFlags(["--target_modules", "q", "-h"], options).help, true);
  assertEquals(readFlags(["--smoke"], options).help, false);
  assertEquals(readLayers(["-h", "--config", "missing.yaml"], options).help, true);
});

function withFile(text: string, use: (path: string) => void) {
  const path = Deno.makeTempFileSync({ suffix: ".yaml" });
  try {
    Deno.writeTextFileSync(path, text);
    use(path);
  } finally {
    Deno.removeSync(path);
  }
}

Deno.test("a YAML file is read before the flags, which win", () => {
  const text = "base_model: m/\ntrain_path: t.jsonl\nlearning_rate: 2e-5\npacking: yes\n" +
    "target_modules: [q_proj, v_proj]\nlora-r: 4\n";
  withFile(text, (path) => {
    const { layers } = readLayers(["--config", path, "--lora_r", "8"], options);
    const config = resolveTrainConfig(layers);
    assertEquals(config.config, path);
    assertEquals([config.learning_rate, config.packing, config.lora_r], [2e-5, true, 8]);
    assertEquals(config.target_modules, ["q_proj", "v_proj"]);
  });
  assertEquals(readLayers(["--config", "none"], options).layers.length, 1);
  withFile("# nothing yet\n", (path) => assertEquals(readConfigFile(path).values, {}));
});

Deno.test("faults of the file and of the flags come together and name their place", () => {
  withFile("lora_rr: 4\nseed: -1\n", (path) => {
    const { layers } = readLayers(["--smoke", "--config", path, "--max_steps", "x"], options);
    assertEquals(assertThrows(() => resolveTrainConfig(layers), ConfigError).issues, [
      `unknown option lora_rr (${path}); did you mean lora_r?`,
      `Cannot use seed: -1 (${path}): give a whole number, 0 or more and at most 4294967295`,
      "Cannot use --max_steps x (flags): give a whole number, -1 or more",
    ]);
  });
});

Deno.test("a file that is no YAML, no mapping or not there is a config error with its place", () => {
  const issue = (path: string) =>
    assertThrows(() => readConfigFile(path), ConfigError).issues.join("\n");
  withFile("seed: 1\nlora_r: [1, 2\nmax_steps: 3\n", (path) => {
    assertMatch(issue(path), /^Cannot read .*\.yaml, line 3: /);
  });
  withFile("seed: 1\nseed: 2\n", (path) => assertMatch(issue(path), /line 2: .*unique/));
  withFile("- seed\n- 1\n", (path) => assertStringIncludes(issue(path), "not a mapping"));
  withFile("just words\n", (path) => assertStringIncludes(issue(path), "not a mapping"));
  withFile("seed: *nowhere\n", (path) => assertStringIncludes(issue(path), "nowhere"));
  assertStringIncludes(issue("no/such.yaml"), "Cannot read no/such.yaml");
});

Deno.test("--help lists every option once, within 100 columns, in two aligned columns", () => {
  const usage = "deno task train --base_model DIR --train_path FILE [options]";
  const text = helpText({ usage, summary: "Fine-tunes.", options, examples: ["deno task train"] });
  for (const line of text.split("\n")) assertEquals(line.length <= 100, true, line);
  for (const { name, group } of options) {
    assertEquals(text.split(new RegExp(`^  --${name}\\b`, "m")).length, 2, name);
    assertEquals(text.split(`\n${group}:\n`).length, 2, group);
  }
  assertStringIncludes(text, "  --lora_r N                        Rank of the adapter. [16]\n");
  assertStringIncludes(text, `\n${" ".repeat(36)}After the warm-up`);
  assertStringIncludes(text, `Usage: ${usage}\n`);
});

Deno.test("the help shows a list's default as it is typed", () => {
  const only = z.array(z.string()).default(["a", "b"]).meta({ group: "G", description: "Which." });
  const options = describeSchema(z.object({ only }));
  const text = helpText({ usage: "x", summary: "X.", options });
  assertStringIncludes(text, "Which. [a,b]\n");
});

Deno.test("wrap breaks at spaces and keeps a word that is too long", () => {
  assertEquals(wrap("a bb ccc dddddddd e", 6), ["a bb", "ccc", "dddddddd", "e"]);
  assertEquals(wrap("", 6), [""]);
});

Deno.test("another task brings its own table", () => {
  const schema = z.object({
    question: z.string().min(1).default("?").meta({ group: "Ask", description: "A question." }),
    ...commonFields,
  });
  const { layers } = readLayers(["--question", "How many?", "--json"], describeSchema(schema));
  const { question, json, output_dir } = resolveOptions(schema, layers);
  assertEquals([question, json, output_dir], ["How many?", true, "outputs/"]);
});
