import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodeBf16 } from "../../src/formats/half.ts";
import { decodeF32 } from "../../src/formats/safetensors.ts";
import { loadModel, type LoadOptions } from "../../src/model/load.ts";
import { temporaryFolder } from "../formats/support.ts";
import {
  BASE,
  BNB_BASE,
  DENSE,
  leavesNothing,
  NF4,
  readStored,
  type StoredTensor,
  TRAINABLE,
  writeModelFolder,
} from "./support.ts";

const WEIGHTS = join(BASE, "model.safetensors");
const GATE = "model.layers.1.mlp.gate_proj.weight";

for (
  const [name, directory, options] of [
    ["dense", BASE, DENSE],
    ["quantised", BASE, NF4],
    ["trainable", BASE, TRAINABLE],
    ["bitsandbytes", BNB_BASE, NF4],
  ] as const
) {
  Deno.test(`progress grows to the total: ${name}`, () =>
    leavesNothing(async (device) => {
      const calls: [number, number][] = [];
      const onProgress = (bytes: number, total: number) => calls.push([bytes, total]);
      using _model = await loadModel(device, directory, { ...options, onProgress });
      const stored = await readStored(join(directory, "model.safetensors"));
      const total = stored.reduce((sum, { bytes }) => sum + bytes.length, 0);
      assertEquals(calls.length, 21, "a call for each weight");
      calls.forEach(([bytes, of], i) => {
        assertEquals(of, total);
        assert(bytes > (calls[i - 1]?.[0] ?? 0), `call ${i} says ${bytes}`);
      });
      assertEquals(calls.at(-1)![0], total);
    }));
}

Deno.test("progress ends at the total where the checkpoint has more than the model needs", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const tensors = await readStored(WEIGHTS);
    const extra: StoredTensor = {
      name: "model.layers.0.self_attn.rotary_emb.inv_freq",
      dtype: "F32",
      shape: [4],
      bytes: new Uint8Array(16),
    };
    const directory = await writeModelFolder(folder.join("model"), [...tensors, extra], {
      config: { tie_word_embeddings: true },
    });
    let last: number[] = [];
    const onProgress = (...call: number[]) => last = call;
    using model = await loadModel(device, directory, { ...DENSE, onProgress });
    assertEquals(model.weights.has("lm_head.weight"), false);
    assertEquals(last[0], last[1]);
  }));

Deno.test("loading ends at an abort with its reason", () =>
  leavesNothing(async (device) => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const { signal } = controller;
    let calls = 0;
    const onProgress = () => {
      if (++calls === 5) controller.abort(reason);
    };
    const load = () => loadModel(device, BASE, { ...NF4, signal, onProgress });
    assertEquals(await assertRejects(load, Error), reason);
    assertEquals(calls, 5);
    assertEquals(await assertRejects(load, Error), reason, "aborted before it starts");
    assertEquals(calls, 5);
  }));

interface Failure {
  readonly what: string;
  readonly change: (tensors: StoredTensor[]) => StoredTensor[];
  readonly config?: Record<string, unknown>;
  readonly options?: LoadOptions;
  readonly error: RegExp;
}

const only =
  (name: string, change: (tensor: StoredTensor) => StoredTensor) => (tensors: StoredTensor[]) =>
    tensors.map((tensor) => tensor.name === name ? change(tensor) : tensor);

const withNaN = (tensor: StoredTensor) => {
  const values = decodeF32(tensor.bytes, tensor, "test").slice();
  values[values.length - 1] = NaN;
  return { ...tensor, bytes: new Uint8Array(encodeBf16(values).buffer) };
};

const FAILURES: readonly Failure[] = [
  {
    what: "a tensor that is missing",
    change: (tensors) => tensors.filter(({ name }) => name !== GATE),
    error:
      /Cannot load model\.layers\.1\.mlp\.gate_proj\.weight: the checkpoint has no such tensor/,
  },
  {
    what: "a norm that is missing",
    change: (tensors) => tensors.filter(({ name }) => name !== "model.norm.weight"),
    error: /Cannot load model\.norm\.weight/,
  },
  {
    what: "a config.json of other sizes",
    change: (tensors) => tensors,
    config: { intermediate_size: 64 },
    error: /gate_proj\.weight: its shape is \[48, 32\], config\.json asks for \[64, 32\]/,
  },
  {
    what: "a config.json of more layers",
    change: (tensors) => tensors,
    config: { num_hidden_layers: 3 },
    error: /Cannot load model\.layers\.2\.input_layernorm\.weight/,
  },
  {
    what: "a dtype that is no weight's",
    change: only(GATE, (tensor) => ({
      ...tensor,
      dtype: "F64",
      bytes: new Uint8Array(4 * tensor.bytes.length),
    })),
    error: /gate_proj\.weight: its dtype F64 is not supported; use .* F32, F16, BF16/,
  },
  {
    what: "a NaN in a weight to be quantised",
    change: only(GATE, withNaN),
    options: NF4,
    error:
      /Cannot quantise model\.layers\.1\.mlp\.gate_proj\.weight: it has elements .* not finite/,
  },
];

for (const { what, change, config, options = DENSE, error } of FAILURES) {
  Deno.test(`refused by name, leaving nothing: ${what}`, () =>
    leavesNothing(async (device) => {
      using folder = temporaryFolder();
      const tensors = change(await readStored(WEIGHTS));
      const directory = await writeModelFolder(folder.join("model"), tensors, { config });
      const thrown = await assertRejects(() => loadModel(device, directory, options), Error);
      assertEquals(thrown.name, "FormatError");
      assert(error.test(thrown.message), thrown.message);
    }));
}

Deno.test("refused by name, leaving nothing: truncated, missing and damaged files", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const tensors = await readStored(WEIGHTS);
    const refused = async (directory: string, error: RegExp, options = NF4) => {
      const thrown = await assertRejects(() => loadModel(device, directory, options), Error);
      assertEquals(thrown.name, "FormatError");
      assert(error.test(thrown.message), thrown.message);
    };
    await refused(folder.join("none"), /there is no such folder/);

    const truncated = await writeModelFolder(folder.join("truncated"), tensors);
    const file = join(truncated, "model.safetensors");
    await Deno.truncate(file, (await Deno.stat(file)).size - 100);
    await refused(
      truncated,
      /model\.safetensors: truncated: expected 164280 bytes, file has 164180/,
    );

    const sharded = await writeModelFolder(folder.join("sharded"), tensors, { shards: 2 });
    await Deno.remove(join(sharded, "model-00002-of-00002.safetensors"));
    await refused(sharded, /model-00002-of-00002\.safetensors.*missing/);

    const bare = await writeModelFolder(folder.join("bare"), tensors);
    await Deno.remove(join(bare, "model.safetensors"));
    await refused(bare, /there is neither model\.safetensors nor/);

    await refused(BNB_BASE, /stored as NF4; use the original checkpoint/, TRAINABLE);
  }));

for (
  const [what, suffix, change, error] of [
    ["scales", ".absmax", (bytes: Uint8Array) => bytes.slice(1), /absmax: it has 23 bytes where/],
    ["map", ".quant_map", null, /quant_map/],
    [
      "quant_state",
      ".quant_state.bitsandbytes__nf4",
      (bytes: Uint8Array) =>
        new TextEncoder().encode(new TextDecoder().decode(bytes).replace("[48, 32]", "[32, 48]")),
      /gate_proj\.weight: its shape is \[32, 48\], config\.json asks for \[48, 32\]/,
    ],
  ] as const
) {
  Deno.test(`refused by name, leaving nothing: an NF4 checkpoint with a wrong ${what}`, () =>
    leavesNothing(async (device) => {
      using folder = temporaryFolder();
      const tensors = (await readStored(join(BNB_BASE, "model.safetensors"))).flatMap((tensor) => {
        if (tensor.name !== GATE + suffix) return [tensor];
        if (!change) return [];
        const bytes = change(tensor.bytes) as Uint8Array<ArrayBuffer>;
        return [{ ...tensor, shape: [bytes.length], bytes }];
      });
      const directory = await writeModelFolder(folder.join("model"), tensors, { base: BNB_BASE });
      const thrown = await assertRejects(() => loadModel(device, directory, NF4), Error);
      assertEquals(thrown.name, "FormatError");
      assert(error.test(thrown.message), thrown.message);
    }));
}

Deno.test("tensors that the model has no use for are named, those of NF4 weights are not", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const tensors = await readStored(WEIGHTS);
    const extra = { ...tensors[0], name: "rotary.inv_freq" };
    const directory = await writeModelFolder(folder.join("model"), [...tensors, extra]);
    using model = await loadModel(device, directory, DENSE);
    assertEquals(model.unused, ["rotary.inv_freq"]);
    using quantized = await loadModel(device, BNB_BASE, NF4);
    assertEquals(quantized.unused, []);
  }));
