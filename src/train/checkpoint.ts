/**
 * Checkpoints: folders `checkpoints/step-N` from which a run continues bit for bit.
 * @module
 */
import { join } from "node:path";
import { FormatError } from "../errors.ts";
import { contentsOf } from "../device/contents.ts";
import type { Device } from "../device/device.ts";
import { sizeOf, type Tensor } from "../device/tensor.ts";
import { recoverDirectory, writeDirectoryAtomic, writeFileAtomic } from "../formats/atomic.ts";
import { openFile } from "../formats/byte_source.ts";
import {
  openSafetensors,
  type SafetensorsEntry,
  writeSafetensors,
} from "../formats/safetensors.ts";
import type { Moments } from "../ops/adamw.ts";
import type { Parameter } from "../ops/tape.ts";
import { formatState, parseState, type RunIdentity, type TrainState } from "./state.ts";

const STATE_FILE = "trainer_state.json";
const OPTIMIZER_FILE = "optimizer.safetensors";
const CHECKPOINT_NAME = /^step-(\d+)$/;

/** What is trained. */
export interface Trainable {
  readonly device: Device;
  readonly parameters: readonly Parameter[];
  readonly moments: readonly Moments[];
  /** The file that {@linkcode Trainable.writeTo} writes the parameters to. */
  readonly weightsFile: string;
  /** Writes the weights into a folder, in f32: an adapter in PEFT's format, or a whole model. */
  writeTo(directory: string): Promise<void>;
}

/** The path of the checkpoint after `step` steps. */
export function checkpointPath(outputDir: string, step: number): string {
  return join(outputDir, "checkpoints", `step-${step}`);
}

/** Writes a checkpoint and returns its path. It appears whole or not at all. */
export async function saveCheckpoint(
  outputDir: string,
  trainable: Trainable,
  { state, identity }: { state: TrainState; identity: RunIdentity },
): Promise<string> {
  const path = checkpointPath(outputDir, state.step);
  const tensors = momentTensors(trainable);
  const contents = contentsOf(trainable.device, tensors.map(({ tensor }) => tensor));
  const entries = tensors.map(({ name, tensor: { shape, dtype } }, i): SafetensorsEntry => ({
    name,
    dtype: dtype === "u8" ? "U8" : "F32",
    shape,
    bytes: contents[i],
  }));
  await writeDirectoryAtomic(path, async (directory) => {
    await trainable.writeTo(directory);
    await writeSafetensors(join(directory, OPTIMIZER_FILE), entries);
    await writeFileAtomic(join(directory, STATE_FILE), formatState(state, identity));
  });
  return path;
}

/** All that the optimizer remembers, under its names in the file. */
function momentTensors({ parameters, moments }: Trainable): { name: string; tensor: Tensor }[] {
  return parameters.flatMap(({ name }, i) => {
    const state = moments[i];
    const both = [
      { name: `${name}.m`, tensor: state.m },
      { name: `${name}.v`, tensor: state.v },
    ];
    if (state.kind === "f32") return both;
    return [
      ...both,
      { name: `${name}.m.absmax`, tensor: state.mAbsmax },
      { name: `${name}.v.absmax`, tensor: state.vAbsmax },
    ];
  });
}

/** Steps of the checkpoints of a run, ascending. */
export async function listCheckpoints(outputDir: string): Promise<number[]> {
  const steps = new Set<number>();
  try {
    for await (const { name, isDirectory } of Deno.readDir(join(outputDir, "checkpoints"))) {
      const match = CHECKPOINT_NAME.exec(name.replace(/\.old\.tmp$/, ""));
      if (!match || !isDirectory) continue;
      const step = Number(match[1]);
      // A replacement that was cut off leaves its checkpoint under the .old.tmp name only.
      await recoverDirectory(checkpointPath(outputDir, step));
      steps.add(step);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return [...steps].sort((a, b) => a - b);
}

/** Reads the state of a checkpoint. Throws {@linkcode FormatError} where it is no checkpoint. */
export async function readCheckpointState(
  path: string,
): Promise<{ state: TrainState; identity: RunIdentity }> {
  await recoverDirectory(path);
  const file = join(path, STATE_FILE);
  using source = await openFile(file);
  return parseState(new TextDecoder().decode(await source.slice(0)), file);
}

/**
 * Restores weights and optimizer from a checkpoint, to the bit.
 * Throws {@linkcode FormatError} where its files are damaged or of another model.
 */
export async function restoreCheckpoint(path: string, trainable: Trainable): Promise<void> {
  const { device, parameters } = trainable;
  using weightsSource = await openFile(join(path, trainable.weightsFile));
  using optimizerSource = await openFile(join(path, OPTIMIZER_FILE));
  const weights = await openSafetensors(weightsSource);
  const optimizer = await openSafetensors(optimizerSource);
  for (const [name, parts] of Map.groupBy(parameters, wholeName)) {
    const values = await weights.readF32(name);
    let offset = 0;
    for (const { tensor } of parts) {
      const count = sizeOf(tensor.shape);
      write(device, tensor, values.subarray(offset, offset + count), name);
      offset += count;
    }
    if (offset !== values.length) throw wrongSize(path, name);
  }
  for (const { name, tensor } of momentTensors(trainable)) {
    const values = tensor.dtype === "u8"
      ? await optimizer.read(name)
      : await optimizer.readF32(name);
    write(device, tensor, values, name);
  }

  function write(
    device: Device,
    target: Tensor,
    values: Float32Array | Uint8Array,
    name: string,
  ): void {
    if (values.length !== sizeOf(target.shape)) throw wrongSize(path, name);
    device.write(target, values);
  }
}

/** The name of the tensor that a parameter is, or is a part of. */
function wholeName({ name }: Parameter): string {
  return name.split("#")[0];
}

function wrongSize(path: string, name: string): FormatError {
  return new FormatError(
    `Cannot resume from ${path}: ${name} has another size than in this model; ` +
      "use the base model and options that the run was started with",
    { file: path },
  );
}

/** Deletes the oldest checkpoints of a run, keeping `limit` (0: all) and the step `best`. */
export async function pruneCheckpoints(
  outputDir: string,
  { limit, best }: { limit: number; best: number | null },
): Promise<void> {
  if (limit === 0) return;
  const steps = (await listCheckpoints(outputDir)).filter((step) => step !== best);
  for (const step of steps.slice(0, -limit)) {
    await Deno.remove(checkpointPath(outputDir, step), { recursive: true });
  }
}

/**
 * Moves the checkpoints after `step` to `checkpoints.previous/`, in place of what an earlier call left
 * there: they belong to a run that the present one does not continue. Returns the folder, or null
 * where there are none.
 */
export async function setAsideCheckpoints(outputDir: string, step: number): Promise<string | null> {
  const later = (await listCheckpoints(outputDir)).filter((other) => other > step);
  if (later.length === 0) return null;
  const folder = join(outputDir, "checkpoints.previous");
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(folder);
  for (const other of later) {
    await Deno.rename(checkpointPath(outputDir, other), join(folder, `step-${other}`));
  }
  return folder;
}
