import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeSafetensors } from "../../src/formats/safetensors.ts";
import { loadAdapter } from "../../src/model/adapter.ts";
import { loadModel } from "../../src/model/load.ts";
import { temporaryFolder } from "../formats/support.ts";
import {
  BASE,
  contentOf,
  DENSE,
  leavesNothing,
  LINEARS,
  readStored,
  restored,
  type StoredTensor,
  TINY,
} from "./support.ts";

const GOLDEN = join(TINY, "lora");
const WEIGHTS_FILE = "adapter_model.safetensors";

/** An adapter folder with the tiny golden's config, changed, and other tensors. */
async function writeAdapterFolder(
  folder: string,
  tensors: readonly StoredTensor[],
  config: Record<string, unknown> = {},
): Promise<string> {
  await writeSafetensors(join(folder, WEIGHTS_FILE), tensors);
  const json = JSON.parse(await Deno.readTextFile(join(GOLDEN, "adapter_config.json")));
  await Deno.writeTextFile(
    join(folder, "adapter_config.json"),
    JSON.stringify({ ...json, ...config }),
  );
  return folder;
}

for (const dtype of ["F16", "BF16"] as const) {
  Deno.test(`an adapter in ${dtype} is widened`, () =>
    leavesNothing(async (device) => {
      using folder = temporaryFolder();
      const tensors = (await readStored(join(GOLDEN, WEIGHTS_FILE)))
        .map((tensor) => restored(tensor, dtype));
      using model = await loadModel(device, BASE, DENSE);
      using adapter = await loadAdapter(model, await writeAdapterFolder(folder.join("a"), tensors));
      const content = await contentOf(device, adapter);
      for (const tensor of tensors) {
        const { bytes } = restored(tensor, "F32");
        assertEquals(content.get(tensor.name), new Float32Array(bytes.buffer), tensor.name);
      }
    }));
}

const Q_A = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight";

const changed =
  (change: (values: Float32Array<ArrayBuffer>) => Float32Array<ArrayBuffer>) =>
  (tensors: StoredTensor[]) =>
    tensors.map((tensor) => tensor.name === Q_A ? restored(tensor, "F32", change) : tensor);

const also = (name: string, shape: number[]) => (tensors: StoredTensor[]): StoredTensor[] => [
  ...tensors,
  { name, shape, dtype: "F32", bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)) },
];

interface Refusal {
  readonly what: string;
  readonly change: (tensors: StoredTensor[]) => StoredTensor[];
  readonly config?: Record<string, unknown>;
  readonly error: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    what: "a NaN",
    change: changed((values) => values.fill(NaN, 5, 6)),
    error:
      /element 5 of base_model\.\S*layers\.1\.self_attn\.q_proj\.lora_A\.weight is NaN; .*diverged/,
  },
  {
    what: "an infinite value",
    change: changed((values) => values.fill(-Infinity, 0, 1)),
    error: /element 0 of \S*q_proj\.lora_A\.weight is -Infinity/,
  },
  {
    what: "a missing tensor",
    change: (tensors) => tensors.filter(({ name }) => name !== Q_A),
    error: /layers\.1\.self_attn\.q_proj\.lora_A\.weight is missing/,
  },
  {
    what: "another rank than the config's",
    change: (tensors) => tensors,
    config: { r: 5 },
    error: /lora_A\.weight is \[4, 32\]; .* ask for \[5, 32\]/,
  },
  {
    what: "a layer that the config does not choose",
    change: (tensors) => tensors,
    config: { target_modules: LINEARS.filter((name) => name !== "up_proj") },
    error: /it has base_model\.\S*up_proj\.lora_A\.weight, which is not a LoRA weight/,
  },
  {
    what: "a layer that the model does not have",
    change: also("base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight", [8, 32]),
    error: /it has base_model\.\S*layers\.2\.self_attn\.q_proj\.lora_A\.weight/,
  },
  {
    what: "names that match nothing",
    change: (tensors) => tensors,
    config: { target_modules: ["query_key_value"] },
    error: /"query_key_value" matches no layer; the layers are q_proj, k_proj/,
  },
  {
    what: "DoRA by its config",
    change: (tensors) => tensors,
    config: { use_dora: true },
    error: /use_dora is true; this is not supported/,
  },
  {
    what: "DoRA by its tensors",
    change: also("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", [32]),
    error: /lora_magnitude_vector, which is not a LoRA weight/,
  },
  {
    what: "modules_to_save by its tensors",
    change: also("base_model.model.lm_head.weight", [4, 4]),
    error: /it has base_model\.model\.lm_head\.weight, which is not a LoRA weight/,
  },
  {
    what: "an embedding's LoRA",
    change: also("base_model.model.model.embed_tokens.lora_embedding_A", [4, 4]),
    error: /lora_embedding_A, which is not a LoRA weight/,
  },
  {
    what: "a dtype that is no weight's",
    change: (tensors) =>
      tensors.map((tensor) =>
        tensor.name === Q_A
          ? { ...tensor, dtype: "F64", bytes: new Uint8Array(2 * tensor.bytes.length) }
          : tensor
      ),
    error: /its dtype is F64/,
  },
];

for (const { what, change, config, error } of REFUSALS) {
  Deno.test(`an adapter is refused, leaving nothing: ${what}`, () =>
    leavesNothing(async (device) => {
      using folder = temporaryFolder();
      const tensors = change(await readStored(join(GOLDEN, WEIGHTS_FILE)));
      const directory = await writeAdapterFolder(folder.join("a"), tensors, config);
      using model = await loadModel(device, BASE, DENSE);
      const live = device.liveBytes;
      const thrown = await assertRejects(() => loadAdapter(model, directory), Error);
      assertEquals(thrown.name, "FormatError");
      assert(error.test(thrown.message), thrown.message);
      assertEquals(device.liveBytes, live);
      assert([...model.linears.values()].every(({ lora }) => lora === null));
    }));
}

Deno.test("an adapter is refused, leaving nothing: missing and truncated files", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    using model = await loadModel(device, BASE, DENSE);
    const refused = async (error: RegExp) => {
      const thrown = await assertRejects(() => loadAdapter(model, folder.join("a")), Error);
      assertEquals(thrown.name, "FormatError");
      assert(error.test(thrown.message), thrown.message);
    };
    await refused(/adapter_config\.json/);
    await writeAdapterFolder(folder.join("a"), await readStored(join(GOLDEN, WEIGHTS_FILE)));
    await Deno.truncate(folder.join("a", WEIGHTS_FILE), 5000);
    await refused(/adapter_model\.safetensors: truncated/);
    await Deno.remove(folder.join("a", WEIGHTS_FILE));
    await refused(/adapter_model\.safetensors: there is no such file/);
  }));
