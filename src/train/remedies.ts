/**
 * What helps where a run takes more GPU memory than there is: options that take less, and how much
 * less, each found by planning the run again with them.
 * @module
 */
import { DeviceError, TrainingError } from "../errors.ts";
import type { Device } from "../device/device.ts";
import { formatBytes } from "../formats/bytes.ts";
import type { TrainConfig } from "./config.ts";
import { type PlannedRun, planPasses, tokenizeRun } from "./plan.ts";

/** Options to use instead, and the memory that the run then takes. */
export interface Remedy {
  readonly options: Partial<TrainConfig>;
  readonly totalBytes: number;
  /** Whether that is within the limit; null where no limit is known. */
  readonly fits: boolean | null;
}

/** Sequences are not shortened below this: little would be left of a prompt. */
const SHORTEST = 64;
/** A remedy that saves less than this share of the plan is not worth its price. */
const WORTH_IT = 0.01;

/** Each returns the options it has to offer, the mildest first; from the remedy of the least price on. */
const OFFERS: readonly ((config: TrainConfig, longest: number) => Partial<TrainConfig>[])[] = [
  ({ gradient_checkpointing }) => gradient_checkpointing ? [] : [{ gradient_checkpointing: true }],
  ({ method, double_quant }) => method === "qlora" && !double_quant ? [{ double_quant: true }] : [],
  ({ optim }) => optim === "adamw_torch" ? [{ optim: "adamw_8bit" }] : [],
  ({ precision }) => precision === "f16" ? [] : [{ precision: "f16" }],
  smallerBatches,
  ({ method }) => method === "qlora" ? [] : [{ method: "qlora" }],
  shorterSequences,
];

/** As many examples a step, in more passes. */
function smallerBatches(config: TrainConfig): Partial<TrainConfig>[] {
  const { per_device_train_batch_size: size, gradient_accumulation_steps: passes } = config;
  const divisors = Array.from({ length: size }, (_, i) => size - i)
    .filter((divisor) => divisor < size && size % divisor === 0);
  return divisors.map((divisor) => ({
    per_device_train_batch_size: divisor,
    gradient_accumulation_steps: passes * size / divisor,
  }));
}

/** Half of the longest sequence, a quarter, …; of what is packed into one, where examples are. */
function shorterSequences(
  { packing, max_seq_length }: TrainConfig,
  longest: number,
): Partial<TrainConfig>[] {
  const lengths: number[] = [];
  const present = packing ? max_seq_length : longest;
  for (let length = present / 2; length >= SHORTEST; length /= 2) lengths.push(Math.floor(length));
  return lengths.map((max_seq_length) => ({ max_seq_length }));
}

/** What a run is planned again from. */
interface Shortage {
  readonly device: Device;
  readonly planned: PlannedRun;
  readonly signal?: AbortSignal;
}

/**
 * What helps a run to stay within `limit` bytes (null: unknown), each remedy alone. Where none alone
 * is enough, the last one is several together. Empty where nothing helps.
 */
export async function findRemedies(shortage: Shortage, limit: number | null): Promise<Remedy[]> {
  const { config, plan } = shortage.planned;
  const alone: Remedy[] = [];
  for (const offer of OFFERS) {
    const remedy = await mildest(shortage, { offer, config, before: plan.totalBytes, limit });
    if (remedy) alone.push(remedy);
  }
  if (alone.length < 2 || alone.some(({ fits }) => fits)) return alone;
  let together: Remedy = { options: {}, totalBytes: plan.totalBytes, fits: false };
  for (const offer of OFFERS) {
    const remedy = await mildest(shortage, {
      offer,
      config: { ...config, ...together.options },
      before: together.totalBytes,
      limit,
    });
    if (!remedy) continue;
    together = { ...remedy, options: { ...together.options, ...remedy.options } };
    if (remedy.fits) break;
  }
  return [...alone, together];
}

/** The first offer that fits, else the last one; where no limit is known the first that helps. */
async function mildest(
  shortage: Shortage,
  { offer, config, before, limit }: {
    offer: typeof OFFERS[number];
    config: TrainConfig;
    before: number;
    limit: number | null;
  },
): Promise<Remedy | null> {
  const { trainExamples, evalExamples } = shortage.planned;
  let longest = 0;
  for (const { ids } of trainExamples) longest = Math.max(longest, ids.length);
  for (const { ids } of evalExamples) longest = Math.max(longest, ids.length);
  let best: Remedy | null = null;
  for (const options of offer(config, longest)) {
    const totalBytes = await plannedBytes(shortage, { ...config, ...options });
    if (totalBytes === null) break;
    if (before - totalBytes < WORTH_IT * before) continue;
    best = { options, totalBytes, fits: limit === null ? null : totalBytes <= limit };
    if (best.fits !== false) break;
  }
  return best;
}

/** The plan with another config; null where nothing of the data is left. */
async function plannedBytes(shortage: Shortage, config: TrainConfig): Promise<number | null> {
  const { device, planned, signal } = shortage;
  signal?.throwIfAborted();
  try {
    const sameTokens = config.max_seq_length === planned.config.max_seq_length;
    const examples = sameTokens ? planned : tokenizeRun(config, planned);
    const passes = { files: planned.files, ...examples, signal };
    return (await planPasses(device, config, passes)).plan.totalBytes;
  } catch (error) {
    if (error instanceof TrainingError) return null;
    throw error;
  }
}

/** Throws {@linkcode DeviceError} with remedies where a plan is above its limit. */
export async function refuseShortage(
  device: Device,
  planned: PlannedRun,
  signal?: AbortSignal,
): Promise<void> {
  const { plan: { totalBytes }, limit } = planned;
  if (limit === null || totalBytes <= limit.bytes) return;
  const remedies = await findRemedies({ device, planned, signal }, limit.bytes);
  throw new DeviceError(
    `Cannot train with these options: ${formatBytes(totalBytes)} of GPU memory are planned, but ` +
      `there are ${formatBytes(limit.bytes)} (${limit.source}); ${
        remedyText(remedies, totalBytes)
      }`,
    { needed: totalBytes, available: limit.bytes, outOfMemory: true },
  );
}

/**
 * What to throw for `error`: where the GPU's memory ran out during a run, a {@linkcode DeviceError}
 * with remedies, else the error itself.
 */
export async function explainShortage(error: unknown, shortage: Shortage): Promise<unknown> {
  if (!(error instanceof DeviceError) || !error.outOfMemory) return error;
  const { device, planned: { plan: { totalBytes } } } = shortage;
  const held = device.heldBytes;
  const remedies = await findRemedies(shortage, null);
  return new DeviceError(
    `Cannot train with these options: GPU memory ran out at ${formatBytes(held)} of the ` +
      `${formatBytes(totalBytes)} planned; ${remedyText(remedies, totalBytes)}`,
    { needed: totalBytes, available: held, outOfMemory: true },
    { cause: error },
  );
}

function remedyText(remedies: readonly Remedy[], before: number): string {
  if (remedies.length === 0) return "no option takes less, use a GPU with more memory";
  const rows = remedies.map(({ options, totalBytes, fits }) => {
    const flags = Object.entries(options).map(([name, value]) => `--${name} ${value}`).join(" ");
    const verdict = fits === null ? "" : fits ? ": fits" : ": still too much";
    return `  ${flags}\n      takes ${formatBytes(totalBytes)}, ` +
      `${formatBytes(before - totalBytes)} less${verdict}`;
  });
  return ["use less memory with", ...rows].join("\n");
}
