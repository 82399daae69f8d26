import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/load.ts";
import { saveModel } from "../../src/model/save.ts";
import { trainStep } from "../../src/train/step.ts";
import { namesIn, temporaryFolder } from "../formats/support.ts";
import { readGolden } from "../golden.ts";
import {
  BASE,
  DENSE,
  labelledBatch,
  leavesNothing,
  logitsOf,
  NF4,
  PLAIN_STEP,
  readStored,
  restored,
  TINY,
  TRAINABLE,
  trainableOf,
} from "./support.ts";

const WEIGHTS_FILE = "model.safetensors";

Deno.test("a trained model saved and loaded again gives the same logits, bit for bit", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const directory = folder.join("model");
    const golden = await readGolden(join(TINY, "forward.safetensors"));
    const ids = golden.i32("input_ids");
    using model = await loadModel(device, BASE, TRAINABLE);
    const before = await logitsOf(model, ids);
    {
      using scope = device.scope("test");
      const trainable = trainableOf(scope, model.parameters(scope));
      const batches = [labelledBatch(ids, golden.i32("labels"), 40)];
      const step = { ...PLAIN_STEP, learningRate: 1e-3, model, adapter: null, trainable, batches };
      await trainStep(step);
    }
    const trained = await logitsOf(model, ids);
    assert(trained.some((value, i) => Math.abs(value - before[i]) > 1e-3), "nothing was trained");
    await saveModel(model, directory, [{ name: "tokenizer.json", bytes: Uint8Array.of(123, 125) }]);
    assertEquals(namesIn(directory), ["config.json", WEIGHTS_FILE, "tokenizer.json"]);
    for (const options of [TRAINABLE, DENSE]) {
      using loaded = await loadModel(device, directory, options);
      assertEquals(await logitsOf(loaded, ids), trained);
      assertEquals({ ...loaded.config, json: {} }, { ...model.config, json: {} });
    }
  }));

Deno.test("a saved model has the tensors and settings of its base, in f32", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    using model = await loadModel(device, BASE, TRAINABLE);
    await saveModel(model, folder.join("model"));
    const byName = (tensors: Awaited<ReturnType<typeof readStored>>) =>
      new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const saved = byName(await readStored(folder.join("model", WEIGHTS_FILE)));
    const base = await readStored(join(BASE, WEIGHTS_FILE));
    assertEquals(saved.size, base.length);
    for (const tensor of base) {
      assertEquals(saved.get(tensor.name), restored(tensor, "F32"), tensor.name);
    }
    const json = JSON.parse(await Deno.readTextFile(folder.join("model/config.json")));
    const baseJson = JSON.parse(await Deno.readTextFile(join(BASE, "config.json")));
    assertEquals(json, { ...baseJson, dtype: "float32" });
    const bytes = await Deno.readFile(folder.join("model", WEIGHTS_FILE));
    await saveModel(model, folder.join("model"));
    assertEquals(await Deno.readFile(folder.join("model", WEIGHTS_FILE)), bytes, "again");
  }));

Deno.test("a config.json of transformers 4 gets one dtype, the new one", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    await Deno.mkdir(folder.join("old"));
    await Deno.copyFile(join(BASE, WEIGHTS_FILE), folder.join("old", WEIGHTS_FILE));
    const { dtype: _, ...json } = JSON.parse(await Deno.readTextFile(join(BASE, "config.json")));
    const old = JSON.stringify({ ...json, torch_dtype: "bfloat16" });
    await Deno.writeTextFile(folder.join("old/config.json"), old);
    using model = await loadModel(device, folder.join("old"), TRAINABLE);
    await saveModel(model, folder.join("new"));
    const saved = JSON.parse(await Deno.readTextFile(folder.join("new/config.json")));
    assertEquals(saved, { ...json, dtype: "float32" });
  }));

Deno.test("a model that is quantised or 16-bit is not saved, and no folder appears", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    for (const options of [NF4, DENSE]) {
      using model = await loadModel(device, BASE, options);
      await assertRejects(() => saveModel(model, folder.join("model")), TypeError, "not dense f32");
      assertEquals(namesIn(folder.join()), []);
    }
  }));
