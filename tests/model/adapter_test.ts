import { join } from "node:path";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../src/errors.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { createAdapter, loadAdapter, saveAdapter } from "../../src/model/adapter.ts";
import { loadModel } from "../../src/model/load.ts";
import { type LoraConfig, readLoraConfig } from "../../src/model/lora_config.ts";
import { namesIn, temporaryFolder } from "../formats/support.ts";
import { BASE, contentOf, DENSE, leavesNothing, LINEARS, logitsOf, NF4, TINY } from "./support.ts";

const GOLDEN = join(TINY, "lora");
const WEIGHTS_FILE = "adapter_model.safetensors";
const IDS = [
  1,
  349,
  378,
  954,
  13,
  373,
  265,
  363,
  361,
  352,
  377,
  269,
  364,
  935,
  1011,
  360,
  365,
  369,
];

const CONFIG: LoraConfig = {
  r: 4,
  loraAlpha: 8,
  loraDropout: 0,
  targetModules: "all-linear",
  useRslora: false,
  rankPattern: {},
  alphaPattern: {},
  excludeModules: null,
  layersToTransform: null,
  baseModel: "base",
};

Deno.test("a new adapter changes nothing: B is zero", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, NF4);
    const before = await logitsOf(model, IDS);
    using adapter = createAdapter(model, CONFIG, 42);
    adapter.attach(model);
    assertEquals(adapter.pairs.size, 14);
    for (const [name, values] of await contentOf(device, adapter)) {
      if (name.endsWith("lora_B.weight")) assert(values.every((value) => value === 0), name);
    }
    assertEquals(await logitsOf(model, IDS), before);
    // Rank 4 on q, k, v, o, gate, up of width 32 and down of width 48, in two layers.
    assertEquals(adapter.parameterCount, 2 * 4 * (64 + 48 + 48 + 64 + 80 + 80 + 80));
  }));

Deno.test("a new adapter's A is uniform in ±1/√inputs, by seed and layer", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const make = async (seed: number, changes: Partial<LoraConfig> = {}) => {
      using adapter = createAdapter(model, { ...CONFIG, r: 64, ...changes }, seed);
      return await contentOf(device, adapter);
    };
    const content = await make(42);
    const seen = new Set<number>();
    for (const [name, values] of content) {
      if (!name.endsWith("lora_A.weight")) continue;
      const bound = 1 / Math.sqrt(name.includes("down_proj") ? 48 : 32);
      const largest = Math.max(...values.map(Math.abs));
      assert(largest <= bound && largest > 0.99 * bound, `${name}: ${largest} of ${bound}`);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const square = values.reduce((sum, value) => sum + value ** 2, 0) / values.length;
      // Five standard errors of 2,048 draws: of the mean, and of a variance of bound² / 3.
      assert(Math.abs(mean) < 5 * bound / Math.sqrt(3 * values.length), `${name}: mean ${mean}`);
      const spread = square / (bound ** 2 / 3);
      assert(Math.abs(spread - 1) < 5 * Math.sqrt(0.8 / values.length), `${name}: ${spread}`);
      seen.add(values[0]);
    }
    assertEquals(seen.size, 14, "each layer has its own values");
    assertEquals(await make(42), content);
    const other = await make(43);
    for (const [name, values] of content) {
      if (name.endsWith("lora_A.weight")) assert(values[0] !== other.get(name)![0], name);
    }
    const fewer = await make(42, { targetModules: ["v_proj"] });
    for (const [name, values] of fewer) assertEquals(values, content.get(name), name);
  }));

Deno.test("a PEFT adapter saved again is PEFT's file, byte for byte", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const directory = folder.join("adapter");
    using model = await loadModel(device, BASE, DENSE);
    {
      using adapter = await loadAdapter(model, GOLDEN);
      const tokenizer = { name: "tokenizer.json", bytes: Uint8Array.of(123, 125) };
      await saveAdapter(adapter, directory, [tokenizer]);
    }
    assertEquals(namesIn(directory), ["adapter_config.json", WEIGHTS_FILE, "tokenizer.json"]);
    assertEquals(await Deno.readTextFile(join(directory, "tokenizer.json")), "{}");
    assertEquals(
      await Deno.readFile(join(directory, WEIGHTS_FILE)),
      await Deno.readFile(join(GOLDEN, WEIGHTS_FILE)),
    );
    assertEquals(await readLoraConfig(directory), await readLoraConfig(GOLDEN));
  }));

Deno.test("a new adapter saved and loaded again has the same bits", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const directory = folder.join("adapter");
    using model = await loadModel(device, BASE, DENSE);
    const config = {
      ...CONFIG,
      rankPattern: { q_proj: 3 },
      targetModules: [...LINEARS, "lm_head"],
    };
    using adapter = createAdapter(model, config, 7);
    await saveAdapter(adapter, directory);
    using file = await openFile(join(directory, WEIGHTS_FILE));
    const { tensors, metadata } = await openSafetensors(file);
    assertEquals({ ...metadata }, { format: "pt" });
    const names = [...tensors.keys()];
    assertEquals(names, names.toSorted());
    assertEquals(names[0], "base_model.model.lm_head.lora_A.weight");
    const query = tensors.get("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight")!;
    assertEquals([query.dtype, query.shape], ["F32", [32, 3]]);
    assert([...tensors.values()].every(({ dtype }) => dtype === "F32"));
    using loaded = await loadAdapter(model, directory);
    assertEquals(loaded.config, config);
    assertEquals(await contentOf(device, loaded), await contentOf(device, adapter));
    for (const [path, { rank, scaling }] of loaded.pairs) {
      const expected = path.endsWith("q_proj") ? 3 : 4;
      assertEquals([rank, scaling], [expected, 8 / expected], path);
    }
  }));

Deno.test("adapters are switched and taken off without touching the base", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    using first = await loadAdapter(model, GOLDEN);
    using second = await loadAdapter(model, join(TINY, "qlora-curve/final_adapter"));
    const base = await logitsOf(model, IDS);
    const live = device.liveBytes;
    first.attach(model);
    const withFirst = await logitsOf(model, IDS);
    assert(withFirst.some((value, i) => value !== base[i]));
    second.attach(model);
    const withSecond = await logitsOf(model, IDS);
    assert(withSecond.some((value, i) => value !== withFirst[i] && value !== base[i]));
    first.detach();
    assertEquals(await logitsOf(model, IDS), withSecond, "the first was not on any more");
    first.attach(model);
    assertEquals(await logitsOf(model, IDS), withFirst);
    first.detach();
    first.detach();
    assertEquals(await logitsOf(model, IDS), base);
    {
      using third = createAdapter(model, CONFIG, 1);
      third.attach(model);
    }
    assert([...model.linears.values()].every(({ lora }) => lora === null), "disposed: taken off");
    assertEquals(device.liveBytes, live);
  }));

Deno.test("an adapter of few layers replaces one of many", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    using many = createAdapter(model, CONFIG, 1);
    using few = createAdapter(model, { ...CONFIG, targetModules: ["v_proj"] }, 2);
    many.attach(model);
    few.attach(model);
    const adapted = [...model.linears].flatMap(([path, { lora }]) => lora ? [path] : []);
    assertEquals(adapted, ["model.layers.0.self_attn.v_proj", "model.layers.1.self_attn.v_proj"]);
  }));

Deno.test("dropout: masks of their own for each layer and pass, repeated for the same seed", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    using adapter = await loadAdapter(model, GOLDEN, { loraDropout: 0.5 });
    adapter.attach(model);
    const without = await logitsOf(model, IDS);
    const pass = async (seed: number | null) => {
      adapter.setDropout(seed);
      const dropouts = [...adapter.pairs.values()].map(({ dropout }) => dropout);
      return { dropouts, logits: await logitsOf(model, IDS) };
    };
    const first = await pass(1), second = await pass(2);
    assertEquals(new Set(first.dropouts.map((dropout) => dropout!.seed)).size, 14);
    assert(first.dropouts.every((dropout) => dropout!.probability === 0.5));
    assert(first.dropouts.every((dropout, i) => dropout!.seed !== second.dropouts[i]!.seed));
    assert(first.logits.some((value, i) => value !== second.logits[i] && value !== without[i]));
    assertEquals(await pass(1), first);
    assertEquals((await pass(null)).logits, without);

    using plain = await loadAdapter(model, GOLDEN);
    plain.setDropout(1);
    assert([...plain.pairs.values()].every(({ dropout }) => dropout === null), "a rate of 0: none");
  }));

Deno.test("a new adapter for layers that are not there leaves nothing", () =>
  leavesNothing(async (device) => {
    using model = await loadModel(device, BASE, DENSE);
    const make = () => createAdapter(model, { ...CONFIG, targetModules: ["c_attn"] }, 1);
    assertThrows(make, ConfigError, '"c_attn" matches no layer');
  }));
