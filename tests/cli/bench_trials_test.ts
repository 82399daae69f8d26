/**
 * Each kernel that the bench times is checked before. These tests see to it that the checks pass where
 * results are right, on CPU adapters and on GPUs, and that they do not where results are wrong.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { KERNEL_TRIALS } from "../../src/cli/bench_kernels.ts";
import type { KernelTrial } from "../../src/cli/bench_trials.ts";
import { Device } from "../../src/device/device.ts";
import { openDevice } from "../../src/device/open.ts";
import type { Tensor } from "../../src/device/tensor.ts";
import { KernelError } from "../../src/errors.ts";
import { testDevice, testDeviceAsGpu } from "../ops/harness.ts";

const SIZES = { rows: 9, width: 192, seed: 1 };

/** Reads something else than kernels have computed, of tensors that `isWrong` chooses. */
class WrongDevice extends Device {
  isWrong: (tensor: Tensor) => boolean = () => true;

  override async readF32(tensor: Tensor): Promise<Float32Array> {
    const values = await super.readF32(tensor);
    return this.isWrong(tensor) ? values.map((x, i) => x + 0.01 * (i % 7 - 3)) : values;
  }

  override async readU32(tensor: Tensor): Promise<Uint32Array> {
    return (await super.readU32(tensor)).map((x) => x + 1);
  }
}

async function forEachTrial(
  device: Device,
  test: (trial: KernelTrial) => Promise<unknown>,
): Promise<void> {
  const before = device.liveBytes;
  for (const makeTrials of KERNEL_TRIALS) {
    using scope = device.scope("test");
    for (const trial of await makeTrials(scope, SIZES)) await test(trial);
  }
  assertEquals(device.liveBytes, before);
}

for (const [where, open] of [["this adapter", testDevice], ["a GPU", testDeviceAsGpu]] as const) {
  Deno.test(`bench: every kernel passes its check, also after it was timed, as on ${where}`, async () => {
    await forEachTrial(await open(), async (trial) => {
      await trial.check();
      trial.run();
      trial.run();
      await trial.check();
    });
  });
}

Deno.test("bench: a kernel that computes something else is not timed", async () => {
  const { gpu, info } = await openDevice();
  using device = new WrongDevice(gpu, info);
  await forEachTrial(
    device,
    (trial) => assertRejects(() => trial.check(), KernelError, " is wrong: "),
  );
});

for (const [input, what] of [["d input 1", "dk · k"], ["d input 2", "dv · v"]]) {
  Deno.test(`bench: attention is checked by ${what} too`, async () => {
    const { gpu, info } = await openDevice();
    using device = new WrongDevice(gpu, info);
    device.isWrong = ({ label }) => label === input;
    await forEachTrial(device, async (trial) => {
      if (!/^attention.*backward/.test(trial.name)) return;
      await assertRejects(() => trial.check(), KernelError, `is wrong: ${what} of key head 0`);
    });
  });
}
