import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import type { Device } from "../../src/device/device.ts";
import type { Scope } from "../../src/device/tensor.ts";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { createMoments } from "../../src/ops/adamw.ts";
import {
  checkpointPath,
  listCheckpoints,
  pruneCheckpoints,
  readCheckpointState,
  restoreCheckpoint,
  saveCheckpoint,
  setAsideCheckpoints,
  type Trainable,
} from "../../src/train/checkpoint.ts";
import { INITIAL_STATE } from "../../src/train/state.ts";
import { testDevice } from "../ops/harness.ts";
import { tempFolder } from "./support.ts";

const IDENTITY = { options: { lora_r: 4 }, data: "00", model: "base" };
const record = (step: number) => ({ state: { ...INITIAL_STATE, step }, identity: IDENTITY });

/** Values whose bits are easily lost: signed zero, subnormals, the ends of the range, a third. */
const AWKWARD = Float32Array.of(-0, 1e-45, -1.17549421e-38, 3.4028234e38, 1 / 3, -2.5e-20);

/** Parameters "u" and "w", the latter in two parts, as a weight too large for one binding is. */
function trainableOf(scope: Scope, values: readonly Float32Array[]): Trainable {
  const [u, w0, w1] = values;
  const parameter = (name: string, data: Float32Array, columns: number) => ({
    name,
    tensor: scope.upload(data, [data.length / columns, columns], { label: name }),
    gradient: scope.zeros([data.length], { label: `d ${name}` }),
    decay: true,
  });
  const parameters = [parameter("u", u, 3), parameter("w#0", w0, 2), parameter("w#1", w1, 2)];
  const moments = createMoments(scope, parameters);
  const { device } = scope;
  return {
    device,
    parameters,
    moments,
    weightsFile: "weights.safetensors",
    async writeTo(directory) {
      const read = async (i: number) =>
        new Uint8Array(await device.readBytes(parameters[i].tensor));
      const parts = [...await read(1), ...await read(2)];
      await writeSafetensors(join(directory, "weights.safetensors"), [
        { name: "u", dtype: "F32", shape: [u.length / 3, 3], bytes: await read(0) },
        {
          name: "w",
          dtype: "F32",
          shape: [(w0.length + w1.length) / 2, 2],
          bytes: Uint8Array.from(parts),
        },
      ]);
    },
  };
}

const VALUES = [AWKWARD, AWKWARD.map((value) => -value), Float32Array.of(7, 8)];

/** All weights and moments as words, so that -0 differs from 0. */
async function bitsOf({ device, parameters, moments }: Trainable): Promise<Uint32Array[]> {
  const tensors = parameters.flatMap(({ tensor }, i) => [tensor, moments[i].m, moments[i].v]);
  return await Promise.all(tensors.map((tensor) => device.readU32(tensor)));
}

function fillMoments({ device, parameters, moments }: Trainable): void {
  parameters.forEach(({ tensor }, i) => {
    const count = tensor.byteLength / 4;
    device.write(moments[i].m, AWKWARD.toReversed().subarray(0, count));
    device.write(moments[i].v, Float32Array.from({ length: count }, (_, k) => 1e-30 * (i + k)));
  });
}

/** Runs `test` with a filled trainable and a folder; nothing of it stays on the GPU. */
async function withTrainable(
  test: (trainable: Trainable, output: string, device: Device) => Promise<void>,
): Promise<void> {
  const device = await testDevice();
  const before = device.liveBytes;
  {
    using scope = device.scope("test");
    using folder = tempFolder();
    const trainable = trainableOf(scope, VALUES);
    fillMoments(trainable);
    await test(trainable, folder.path, device);
  }
  assertEquals(device.liveBytes, before);
}

Deno.test("a checkpoint brings back weights and moments to the bit", () =>
  withTrainable(async (trainable, output, device) => {
    const saved = await bitsOf(trainable);
    const path = await saveCheckpoint(output, trainable, record(3));
    assertEquals(path, join(output, "checkpoints", "step-3"));
    for (const [i, { tensor }] of trainable.parameters.entries()) {
      for (const target of [tensor, trainable.moments[i].m, trainable.moments[i].v]) {
        device.write(target, new Float32Array(target.byteLength / 4).fill(9));
      }
    }
    assert((await bitsOf(trainable)).join() !== saved.join());
    await restoreCheckpoint(path, trainable);
    assertEquals(await bitsOf(trainable), saved);
    assertEquals(await readCheckpointState(path), record(3));
  }));

Deno.test("the same state gives the same files, and a second save replaces the first", () =>
  withTrainable(async (trainable, output, device) => {
    const read = (name: string) => Deno.readFile(join(checkpointPath(output, 1), name));
    const names = ["weights.safetensors", "optimizer.safetensors", "trainer_state.json"];
    await saveCheckpoint(output, trainable, record(1));
    const first = await Promise.all(names.map(read));
    await saveCheckpoint(output, trainable, record(1));
    assertEquals(await Promise.all(names.map(read)), first);
    device.write(trainable.parameters[0].tensor, AWKWARD.toReversed());
    await saveCheckpoint(output, trainable, record(1));
    assert((await read(names[0])).join() !== first[0].join());
    assertEquals(Array.from(Deno.readDirSync(join(output, "checkpoints"))).length, 1);
  }));

Deno.test("a step's checkpoint is there whole or not at all", () =>
  withTrainable(async (trainable, output) => {
    await saveCheckpoint(output, trainable, record(1));
    const writeTo = () => Promise.reject(new Error("out of ink"));
    await assertRejects(
      () => saveCheckpoint(output, { ...trainable, writeTo }, record(2)),
      Error,
      "out of ink",
    );
    await assertRejects(
      () => saveCheckpoint(output, { ...trainable, writeTo }, record(1)),
      Error,
      "out of ink",
    );
    assertEquals(await listCheckpoints(output), [1]);
    await restoreCheckpoint(checkpointPath(output, 1), trainable);
  }));

function makeFolders(output: string, names: readonly string[]): void {
  for (const name of names) {
    Deno.mkdirSync(join(output, "checkpoints", name), { recursive: true });
    Deno.writeTextFileSync(join(output, "checkpoints", name, "origin"), name);
  }
}

Deno.test("checkpoints are listed by number; leftovers and strangers are not", async () => {
  using folder = tempFolder();
  assertEquals(await listCheckpoints(folder.path), []);
  makeFolders(folder.path, [
    "step-10",
    "step-9",
    "step-100",
    "step-11.tmp",
    "step-",
    "step-1x",
    "my step-3",
    "best",
  ]);
  Deno.writeTextFileSync(join(folder.path, "checkpoints", "step-12"), "a file");
  assertEquals(await listCheckpoints(folder.path), [9, 10, 100]);
});

Deno.test("a replacement that a crash cut off between its two renames is completed and listed", async () => {
  using folder = tempFolder();
  makeFolders(folder.path, ["step-2", "step-4.old.tmp", "step-4.tmp", "step-6.old.tmp"]);
  assertEquals(await listCheckpoints(folder.path), [2, 4, 6]);
  const origin = (step: number) =>
    Deno.readTextFileSync(join(checkpointPath(folder.path, step), "origin"));
  assertEquals([origin(4), origin(6)], ["step-4.tmp", "step-6.old.tmp"]);
  const names = Array.from(Deno.readDirSync(join(folder.path, "checkpoints")), ({ name }) => name);
  assertEquals(names.sort(), ["step-2", "step-4", "step-6"]);
});

Deno.test("pruning keeps the last ones and the best", async () => {
  const cases = [
    { limit: 2, best: null, kept: [4, 5] },
    { limit: 2, best: 2, kept: [2, 4, 5] },
    { limit: 2, best: 5, kept: [3, 4, 5] },
    { limit: 1, best: 1, kept: [1, 5] },
    { limit: 9, best: 1, kept: [1, 2, 3, 4, 5] },
    { limit: 0, best: null, kept: [1, 2, 3, 4, 5] },
  ];
  for (const { limit, best, kept } of cases) {
    using folder = tempFolder();
    makeFolders(folder.path, [1, 2, 3, 4, 5].map((step) => `step-${step}`));
    await pruneCheckpoints(folder.path, { limit, best });
    assertEquals(await listCheckpoints(folder.path), kept);
  }
});

Deno.test("a damaged checkpoint is refused with the file that is damaged", () =>
  withTrainable(async (trainable, output) => {
    const path = checkpointPath(output, 1);
    for (const name of ["weights.safetensors", "optimizer.safetensors"]) {
      await saveCheckpoint(output, trainable, record(1));
      const file = join(path, name);
      const bytes = await Deno.readFile(file);
      await Deno.writeFile(file, bytes.subarray(0, bytes.length - 4));
      const truncated = await assertRejects(() => restoreCheckpoint(path, trainable), FormatError);
      assertEquals(truncated.file, file);
      await Deno.remove(file);
      const missing = await assertRejects(() => restoreCheckpoint(path, trainable), FormatError);
      assertEquals(missing.file, file);
    }
    const state = join(path, "trainer_state.json");
    await Deno.writeTextFile(state, "{");
    assertEquals((await assertRejects(() => readCheckpointState(path), FormatError)).file, state);
    await Deno.remove(state);
    assertEquals((await assertRejects(() => readCheckpointState(path), FormatError)).file, state);
    const nowhere = checkpointPath(output, 99);
    const error = await assertRejects(() => readCheckpointState(nowhere), FormatError);
    assert(error.message.includes(nowhere), error.message);
  }));

Deno.test("a checkpoint of another model is refused", () =>
  withTrainable(async (trainable, output, device) => {
    const path = await saveCheckpoint(output, trainable, record(1));
    using scope = device.scope("other");
    const larger = trainableOf(scope, [Float32Array.of(...AWKWARD, 1, 2, 3), VALUES[1], VALUES[2]]);
    await assertRejects(
      () => restoreCheckpoint(path, larger),
      FormatError,
      `Cannot resume from ${path}: u has another size than in this model`,
    );
    const shorter = trainableOf(scope, [AWKWARD, VALUES[2], VALUES[2]]);
    await assertRejects(() => restoreCheckpoint(path, shorter), FormatError, "w has another size");
    const [u, ...rest] = trainable.parameters;
    const renamed = { ...trainable, parameters: [{ ...u, name: "v" }, ...rest] };
    await assertRejects(() => restoreCheckpoint(path, renamed), FormatError, '"v"');
  }));

Deno.test("checkpoints of a run that is not continued are set aside, one generation of them", async () => {
  using folder = tempFolder();
  const output = folder.path;
  const make = (...steps: number[]) => {
    for (const step of steps) Deno.mkdirSync(checkpointPath(output, step), { recursive: true });
  };
  assertEquals(await setAsideCheckpoints(output, 0), null);
  make(2, 4, 6);
  const aside = join(output, "checkpoints.previous");
  assertEquals(await setAsideCheckpoints(output, 2), aside);
  assertEquals(await listCheckpoints(output), [2]);
  assertEquals([...Deno.readDirSync(aside)].map(({ name }) => name).sort(), ["step-4", "step-6"]);
  assertEquals(await setAsideCheckpoints(output, 2), null);
  assertEquals(await setAsideCheckpoints(output, 0), aside);
  assertEquals([...Deno.readDirSync(aside)].map(({ name }) => name), ["step-2"]);
});
