import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/errors.ts";
import { configWarnings } from "../../src/train/config_checks.ts";
import { describeOptions, resolveTrainConfig } from "../../src/train/config.ts";

const minimal = { base_model: "model/", train_path: "train.jsonl" };
const resolve = (values: Record<string, unknown>) =>
  resolveTrainConfig([{ source: "flags", values }]);
const issues = (values: Record<string, unknown>) =>
  assertThrows(() => resolve(values), ConfigError).issues;

Deno.test("the defaults of the train task", () => {
  assertEquals(resolve(minimal), {
    train_path: "train.jsonl",
    val_path: null,
    max_train_samples: null,
    max_val_samples: null,
    prompt: "alpaca",
    max_seq_length: 1024,
    completion_only_loss: true,
    packing: false,
    prefix_sharing: false,
    shuffle: true,
    base_model: "model/",
    method: "qlora",
    double_quant: true,
    precision: "auto",
    gpu_memory_limit: null,
    gradient_checkpointing: true,
    lora_r: 16,
    lora_alpha: 32,
    lora_dropout: 0,
    target_modules: "all-linear",
    use_rslora: false,
    init_adapter: null,
    num_train_epochs: 1,
    max_steps: -1,
    per_device_train_batch_size: 2,
    gradient_accumulation_steps: 4,
    early_stopping_patience: 0,
    learning_rate: 2e-4,
    optim: "adamw_torch",
    lr_scheduler_type: "linear",
    warmup_steps: 0,
    weight_decay: 0,
    max_grad_norm: 1,
    neftune_noise_alpha: 0,
    logging_steps: 1,
    eval_steps: 0,
    save_steps: 100,
    save_total_limit: 2,
    resume_from_checkpoint: null,
    report_to: "none",
    dry_run: false,
    smoke: false,
    config: null,
    output_dir: "outputs/",
    seed: 42,
    quiet: false,
    json: false,
  });
});

Deno.test("every option has a group and a description that is one line of help or two", () => {
  for (const { name, group, description } of describeOptions()) {
    assert(group !== "Options", `${name} has no group`);
    assert(description.length > 5 && description.length <= 110, `${name}: ${description}`);
  }
});

Deno.test("the smoke run needs no files, any other run does", () => {
  assertEquals(resolve({ smoke: "true" }).base_model, null);
  assertEquals(issues({}).map((issue) => issue.split(":")[0]), [
    "base_model is missing",
    "train_path is missing",
  ]);
});

Deno.test("all faults are told together, each with its place", () => {
  const error = assertThrows(() =>
    resolveTrainConfig([
      { source: "file", name: "run.yaml", values: { ...minimal, lora_r: 0, lora_dropout: 1 } },
      { source: "flags", values: { lerning_rate: "1", max_grad_norm: "-1", precision: "f8" } },
    ]), ConfigError);
  assertEquals(error.issues, [
    "Cannot use lora_r: 0 (run.yaml): give a whole number, 1 or more",
    "Cannot use lora_dropout: 1 (run.yaml): give a number, 0 or more and below 1",
    "unknown option --lerning_rate; did you mean --learning_rate?",
    "Cannot use --max_grad_norm -1 (flags): give a number, 0 or more",
    "Cannot use --precision f8 (flags): give one of auto, f32, f16",
  ]);
});

Deno.test("names that TRL users bring are understood well enough to help", () => {
  const expected = {
    model_name_or_path: "base_model",
    dataset_name: "train_path",
    max_length: "max_seq_length",
    lora_target_modules: "target_modules",
    lr: "learning_rate",
    epochs: "num_train_epochs",
    batch_size: "per_device_train_batch_size",
  };
  for (const [name, option] of Object.entries(expected)) {
    assertEquals(issues({ ...minimal, [name]: "1" }), [
      `unknown option --${name}; did you mean --${option}?`,
    ]);
  }
});

Deno.test("target_modules: all-linear, a list, or a regex that compiles", () => {
  const target = (value: unknown) => resolve({ ...minimal, target_modules: value }).target_modules;
  assertEquals(target("all-linear"), "all-linear");
  assertEquals(target("q_proj,v_proj"), ["q_proj", "v_proj"]);
  assertEquals(target('["q_proj", "v_proj"]'), ["q_proj", "v_proj"]);
  assertEquals(target(["q_proj"]), ["q_proj"]);
  assertEquals(target("q_proj"), ["q_proj"]);
  assertEquals(target(".*layers\\.\\d{1,2}.*[qv]_proj"), ".*layers\\.\\d{1,2}.*[qv]_proj");
  assertStringIncludes(issues({ ...minimal, target_modules: "(q_proj" })[0], "a valid regex");
  assertStringIncludes(issues({ ...minimal, target_modules: [] })[0], "a list of names");
  assertStringIncludes(issues({ ...minimal, target_modules: [""] })[0], "a list of names");
});

Deno.test("cross-checks: steps, evaluation, early stopping, full training", () => {
  const one = (values: Record<string, unknown>, includes: string) => {
    const found = issues({ ...minimal, ...values });
    assertEquals(found.length, 1, found.join("\n"));
    assertStringIncludes(found[0], includes);
  };
  one({ max_steps: "0", num_train_epochs: "0" }, "num_train_epochs is 0");
  one({ eval_steps: "5" }, "eval_steps needs val_path");
  one({ early_stopping_patience: "2" }, "needs val_path and eval_steps above 0");
  one({ early_stopping_patience: "2", val_path: "v.jsonl" }, "needs eval_steps above 0");
  one({ method: "full", init_adapter: "a/" }, "init_adapter");
  one({ prefix_sharing: "true", packing: "true" }, "set prefix_sharing or packing to false");
  one({ prefix_sharing: "true", completion_only_loss: "false" }, "set prefix_sharing to false");
  const good = { early_stopping_patience: "2", val_path: "v.jsonl", eval_steps: "5" };
  assertEquals(resolve({ ...minimal, ...good }).eval_steps, 5);
  assertEquals(resolve({ smoke: true, early_stopping_patience: 2, eval_steps: 5 }).smoke, true);
  assertEquals(resolve({ ...minimal, num_train_epochs: "0", max_steps: "3" }).max_steps, 3);
  assertEquals(resolve({ ...minimal, num_train_epochs: "0.5" }).num_train_epochs, 0.5);
});

Deno.test("configWarnings: a warm-up that never ends, evaluations that never come", () => {
  const config = resolve({ ...minimal, warmup_steps: 10, val_path: "v", eval_steps: 11 });
  assertEquals(configWarnings(config, 11), []);
  assertEquals(configWarnings(config, 10).map((warning) => warning.split(" ")[0]), [
    "warmup_steps",
    "eval_steps",
  ]);
  assertEquals(configWarnings(resolve({ ...minimal, learning_rate: "0" }), 1).length, 1);
});
