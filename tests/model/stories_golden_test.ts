import { assertEquals } from "@std/assert";
import { Tape } from "../../src/ops/tape.ts";
import { linear } from "../../src/ops/linear.ts";
import { sequenceInput } from "../../src/model/input.ts";
import { loadModel, type LoadOptions } from "../../src/model/load.ts";
import { targetLosses } from "../../src/model/loss.ts";
import type { Model } from "../../src/model/model.ts";
import { dequantizeNf4 } from "../../src/ops/nf4.ts";
import { sharedTest } from "../shared.ts";
import { readGolden } from "../golden.ts";
import { assertWithin, testDevice } from "../ops/harness.ts";
import { singleSequence } from "./support.ts";

const DENSE: LoadOptions = { quantization: "none" };

/** Logits of one sequence, f32 [N·V], with another sliding window if one is given. */
async function logitsOf(model: Model, ids: ArrayLike<number>, window?: number) {
  using scope = model.scope.device.scope("test");
  const tape = new Tape(scope);
  const slidingWindow = window ?? model.config.slidingWindow;
  const input = sequenceInput(scope, singleSequence(ids), slidingWindow);
  const hidden = model.network.forward(tape, input);
  return await scope.device.readF32(linear(tape, hidden, model.network.output));
}

sharedTest("stories260k: logits and last hidden state agree with transformers", async (path) => {
  const device = await testDevice();
  const before = device.liveBytes;
  {
    using model = await loadModel(device, path("golden/stories260k"), DENSE);
    const golden = await readGolden(path("golden/stories260k/expected.safetensors"));
    const ids = golden.i32("input_ids");
    assertWithin("logits", await logitsOf(model, ids), golden.f32("logits"), 1e-4);
    assertWithin(
      "windowed logits",
      await logitsOf(model, ids, 8),
      golden.f32("logits_sliding_window_8"),
      1e-4,
    );
    using scope = device.scope("test");
    const input = sequenceInput(scope, singleSequence(ids), null);
    const hidden = model.network.forward(new Tape(scope), input);
    assertWithin("hidden", await device.readF32(hidden), golden.f32("hidden.5"), 1e-4);
  }
  assertEquals(device.liveBytes, before);
});

sharedTest("stories260k: losses over all and over chosen targets", async (path) => {
  const device = await testDevice();
  using model = await loadModel(device, path("golden/stories260k"), DENSE);
  const golden = await readGolden(path("golden/stories260k/expected.safetensors"));
  const ids = golden.i32("input_ids");
  const labels = golden.i32("labels");
  using scope = device.scope("test");
  const tape = new Tape(scope);
  const hidden = model.network.forward(tape, sequenceInput(scope, singleSequence(ids), null));
  const mean = async (labels: Int32Array) => {
    const rows = [...labels.keys()].slice(1).filter((i) => labels[i] !== -100);
    const losses = await device.readF32(targetLosses(tape, hidden, model.network.output, {
      targetRows: Uint32Array.from(rows, (i) => i - 1),
      targetIds: Uint32Array.from(rows, (i) => labels[i]),
    }));
    return Float32Array.of(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
  };
  assertWithin("loss over all", await mean(ids), golden.f32("loss_all"), 1e-5);
  assertWithin("masked loss", await mean(labels), golden.f32("loss_masked"), 1e-5);
});

sharedTest(
  "stories260k as a bitsandbytes checkpoint: logits and a restored weight",
  async (path) => {
    const device = await testDevice();
    using model = await loadModel(device, path("golden/stories260k-bnb-4bit"), {
      quantization: "nf4",
    });
    const golden = await readGolden(path("golden/stories260k-bnb-4bit/expected.safetensors"));
    assertWithin(
      "logits",
      await logitsOf(model, golden.i32("input_ids")),
      golden.f32("logits_f32_with_dequantized_weights"),
      1e-4,
    );
    using scope = device.scope("test");
    const { weight } = model.linears.get("model.layers.0.self_attn.q_proj")!;
    if (weight.kind !== "nf4") throw new Error("not quantised");
    const restored = await device.readF32(dequantizeNf4(scope, weight));
    assertEquals(restored, golden.f32("dequant.layers.0.q_proj"));
  },
);
