/**
 * What a run must remember, beside weights and optimizer, to continue as if it had not stopped.
 * @module
 */
import { ConfigError, FormatError } from "../errors.ts";
import type { Checkpoint } from "../formats/checkpoint.ts";
import { isJsonObject } from "../formats/json.ts";
import type { TokenizedExample } from "../text/example.ts";
import type { TrainConfig } from "./config.ts";

/** One row of `log_history` in metrics.json. */
export interface LogEntry {
  readonly step: number;
  /** Mean over the logged steps of: summed cross-entropy (nats) / target tokens of the step. */
  readonly loss: number;
  /** Of the last logged step, as used in it. */
  readonly learning_rate: number;
  /** Of the last logged step, before clipping. */
  readonly grad_norm: number;
  /** Target tokens of the logged steps. */
  readonly num_target_tokens: number;
  /** All tokens of the logged steps, prompts included, per second. */
  readonly tokens_per_second: number;
}

/** An evaluation during the run. */
export interface EvalEntry {
  readonly step: number;
  readonly eval_loss: number;
}

/** Sums over the steps since the last log entry. */
export interface LogWindow {
  readonly steps: number;
  readonly loss: number;
  readonly targets: number;
  readonly tokens: number;
  readonly seconds: number;
}

/** The state after `step` optimizer steps. */
export interface TrainState {
  readonly step: number;
  readonly logHistory: readonly LogEntry[];
  readonly evalHistory: readonly EvalEntry[];
  readonly window: LogWindow;
  /** Sum of the losses of all steps. */
  readonly lossSum: number;
  /** All tokens so far, and the seconds spent training. */
  readonly tokens: number;
  readonly seconds: number;
  /** The step with the lowest eval loss. */
  readonly best: EvalEntry | null;
  /** Evaluations since then. */
  readonly evalsSinceBest: number;
}

export const EMPTY_WINDOW: LogWindow = { steps: 0, loss: 0, targets: 0, tokens: 0, seconds: 0 };

/** The state before the first step. */
export const INITIAL_STATE: TrainState = {
  step: 0,
  logHistory: [],
  evalHistory: [],
  window: EMPTY_WINDOW,
  lossSum: 0,
  tokens: 0,
  seconds: 0,
  best: null,
  evalsSinceBest: 0,
};

/** Options that a resumed run must share with the run it continues. */
const FIXED = [
  "method",
  "double_quant",
  "lora_r",
  "lora_alpha",
  "lora_dropout",
  "target_modules",
  "use_rslora",
  "prompt",
  "max_seq_length",
  "completion_only_loss",
  "packing",
  "prefix_sharing",
  "shuffle",
  "seed",
  "per_device_train_batch_size",
  "gradient_accumulation_steps",
  "neftune_noise_alpha",
  "precision",
  "gradient_checkpointing",
  "optim",
] as const satisfies readonly (keyof TrainConfig)[];

/** What runs did before there was the option. */
const BEFORE: Readonly<Record<string, unknown>> = {
  optim: "adamw_torch",
  prefix_sharing: false,
};

/** The run a checkpoint belongs to: its fixed options, and digests of its tokens and base model. */
export interface RunIdentity {
  readonly options: Readonly<Record<string, unknown>>;
  readonly data: string;
  readonly model: string;
}

/** Bytes of each tensor that tell base models of the same shapes apart. */
const SAMPLE_BYTES = 1024;

/** The identity of a run over `examples` from the weights in `checkpoint`. */
export async function runIdentity(
  config: TrainConfig,
  examples: readonly TokenizedExample[],
  checkpoint: Checkpoint,
): Promise<RunIdentity> {
  const words: number[] = [];
  for (const { ids, targetStart } of examples) words.push(ids.length, targetStart, ...ids);
  const samples: Uint8Array<ArrayBuffer>[] = [];
  for (const { name, dtype, shape } of checkpoint.tensors.values()) {
    samples.push(new TextEncoder().encode(`${name} ${dtype} ${shape}\n`));
    for await (const chunk of checkpoint.chunks(name, SAMPLE_BYTES)) {
      samples.push(chunk);
      break;
    }
  }
  return {
    options: Object.fromEntries(FIXED.map((name) => [name, config[name]])),
    data: await sha256(Uint32Array.from(words)),
    model: await sha256(await new Blob(samples).arrayBuffer()),
  };
}

async function sha256(content: BufferSource): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
}

/** Throws {@linkcode ConfigError} naming every difference between a checkpoint's run and this one. */
export function checkIdentity(saved: RunIdentity, present: RunIdentity, checkpoint: string): void {
  const before: Readonly<Record<string, unknown>> = { ...BEFORE, ...saved.options };
  const issues = FIXED
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(present.options[name]))
    .map((name) =>
      `${checkpoint} was made with --${name} ${JSON.stringify(before[name])}, ` +
      `not ${JSON.stringify(present.options[name])}; resume with the same, or start a new run`
    );
  if (saved.data !== present.data) {
    issues.push(
      `${checkpoint} was made from other training records; resume with the same --train_path and ` +
        "tokenizer, or start a new run",
    );
  }
  if (saved.model !== present.model) {
    issues.push(
      `${checkpoint} was made from another base model; resume with the same --base_model, or ` +
        "start a new run",
    );
  }
  if (issues.length > 0) throw new ConfigError(issues);
}

/** A checkpoint's trainer_state.json. */
export function formatState(state: TrainState, identity: RunIdentity): string {
  return JSON.stringify({ version: 1, identity, state }, null, 2) + "\n";
}

/** Reads trainer_state.json back. Throws {@linkcode FormatError}. */
export function parseState(
  text: string,
  file: string,
): { state: TrainState; identity: RunIdentity } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError(
      `Cannot resume: ${file} is no JSON; resume from another checkpoint`,
      { file },
      { cause },
    );
  }
  if (
    isJsonObject(json) && json.version === 1 && isState(json.state) && isIdentity(json.identity)
  ) {
    return { state: json.state, identity: json.identity };
  }
  throw new FormatError(
    `Cannot resume: ${file} is not the state of a run of this version; start a new run`,
    { file },
  );
}

function isState(value: unknown): value is TrainState {
  return isJsonObject(value) && isCount(value.step) && isCount(value.evalsSinceBest) &&
    isNumbers(value, ["lossSum", "tokens", "seconds"]) &&
    isRows(value.logHistory, ["step", "loss", "learning_rate", "grad_norm", "num_target_tokens"]) &&
    isRows(value.evalHistory, ["step", "eval_loss"]) &&
    (value.best === null || isNumbers(value.best, ["step", "eval_loss"])) &&
    isNumbers(value.window, ["steps", "loss", "targets", "tokens", "seconds"]);
}

function isIdentity(value: unknown): value is RunIdentity {
  return isJsonObject(value) && isJsonObject(value.options) &&
    typeof value.data === "string" && typeof value.model === "string";
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isNumbers(value: unknown, fields: readonly string[]): boolean {
  return isJsonObject(value) && fields.every((field) => typeof value[field] === "number");
}

function isRows(value: unknown, fields: readonly string[]): boolean {
  return Array.isArray(value) && value.every((row) => isNumbers(row, fields));
}
