import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { loadAdapter } from "../../src/model/adapter.ts";
import { generate } from "../../src/model/generate.ts";
import { loadModel } from "../../src/model/load.ts";
import { trainStep } from "../../src/train/step.ts";
import { temporaryFolder } from "../formats/support.ts";
import { readGolden } from "../golden.ts";
import { assertWithin } from "../ops/harness.ts";
import { sharedTest } from "../shared.ts";
import {
  assertRelative,
  DENSE,
  labelledBatch,
  leavesNothing,
  logitsOf,
  PLAIN_STEP,
  trainableOf,
} from "./support.ts";

sharedTest(
  "peft-lora: gradients, losses and weights of five AdamW steps",
  (path) =>
    leavesNothing(async (device) => {
      const golden = path("golden/peft-lora");
      using folder = temporaryFolder();
      await Deno.copyFile(join(golden, "adapter_config.json"), folder.join("adapter_config.json"));
      await Deno.copyFile(
        join(golden, "init_adapter.safetensors"),
        folder.join("adapter_model.safetensors"),
      );
      using model = await loadModel(device, path("golden/stories260k"), DENSE);
      using adapter = await loadAdapter(model, folder.join());
      adapter.attach(model);
      const { losses_before_each_step_then_final: losses, grad_norm_step0: norm } = JSON.parse(
        await Deno.readTextFile(join(golden, "training.json")),
      );
      const expected = await readGolden(join(golden, "expected.safetensors"));
      const batch = labelledBatch(expected.i32("input_ids"), expected.i32("labels"), 64);

      using scope = device.scope("test");
      const trainable = trainableOf(scope, adapter.parameters(scope));
      const common = { model, adapter, trainable, batches: [batch], ...PLAIN_STEP };
      for (let step = 0; step < 5; step++) {
        const options = { step, learningRate: 1e-2, weightDecay: 0.01 };
        const { loss, gradNorm } = await trainStep({ ...common, ...options });
        assertWithin(`loss before step ${step}`, [loss], [losses[step]], 1e-4);
        if (step === 0) assertRelative("gradient norm", [gradNorm], [norm], 1e-3);
        if (step !== 0 && step !== 2) continue;
        const gradients = await readGolden(join(golden, `grads_step${step}.safetensors`));
        assertEquals(
          trainable.parameters.map(({ name }) => name).sort(),
          gradients.names.toSorted(),
        );
        for (const { name, gradient } of trainable.parameters) {
          const values = await device.readF32(gradient);
          assertRelative(`step ${step}: d ${name}`, values, gradients.f32(name), 1e-3);
        }
      }
      const { loss } = await trainStep({ ...common, step: 5 });
      assertWithin("loss after five steps", [loss], [losses[5]], 1e-4);
      const trained = await readGolden(join(golden, "adapter_model.safetensors"));
      for (const { name, tensor } of trainable.parameters) {
        assertRelative(name, await device.readF32(tensor), trained.f32(name), 1e-2);
      }
    }),
);

sharedTest(
  "peft-lora: logits of the trained adapter, apart and merged",
  (path) =>
    leavesNothing(async (device) => {
      using model = await loadModel(device, path("golden/stories260k"), DENSE);
      using adapter = await loadAdapter(model, path("golden/peft-lora"));
      adapter.attach(model);
      const expected = await readGolden(path("golden/peft-lora/expected.safetensors"));
      const ids = expected.i32("input_ids");
      const logits = [
        ...await logitsOf(model, ids.subarray(0, 64)),
        ...await logitsOf(model, ids.subarray(64)),
      ];
      assertWithin("logits", logits, expected.f32("logits_after"), 1e-4);
      assertWithin("merged logits", logits, expected.f32("logits_merged"), 1e-4);
    }),
);

sharedTest(
  "stories260k: all 201 greedy ids, with the cache",
  (path) =>
    leavesNothing(async (device) => {
      const golden = JSON.parse(await Deno.readTextFile(path("golden/stories260k/greedy.json")));
      const expected: number[] = golden.greedy_ids;
      assert(expected.length === 201);
      using model = await loadModel(device, path("golden/stories260k"), DENSE);
      const [{ ids }] = await generate(model, [expected.slice(0, 1)], {
        maxNewTokens: 200,
        eosIds: [],
      });
      assertEquals([expected[0], ...ids], expected);
    }),
);
