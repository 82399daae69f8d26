import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { decodeBf16 } from "../../src/formats/half.ts";
import { openModelFiles } from "../../src/model/load.ts";
import {
  MISTRAL_7B,
  syntheticCheckpoint,
  syntheticConfig,
  writeSyntheticModel,
} from "../../src/model/synthetic.ts";
import type { Checkpoint } from "../../src/formats/checkpoint.ts";
import { namesIn, temporaryFolder } from "../formats/support.ts";

const SMALL = syntheticConfig({
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  num_key_value_heads: 1,
  head_dim: 7,
  vocab_size: 33,
});
const GATE = "model.layers.1.mlp.gate_proj.weight";

async function bytesOf(checkpoint: Checkpoint, name: string, step = 2 ** 20): Promise<Uint8Array> {
  const pieces = await Array.fromAsync(checkpoint.chunks(name, step));
  for (const { length } of pieces) assert(length <= step);
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

Deno.test("synthetic Mistral-7B: the tensors and bytes of the real checkpoint", () => {
  const { tensors, byteLength } = syntheticCheckpoint(MISTRAL_7B, 1);
  assertEquals([tensors.size, byteLength], [291, 14_483_464_192]);
  const shapeOf = (name: string) => tensors.get(`${name}.weight`)?.shape;
  assertEquals(shapeOf("model.layers.31.self_attn.k_proj"), [1024, 4096]);
  assertEquals(shapeOf("model.layers.0.mlp.down_proj"), [4096, 14336]);
  assertEquals(shapeOf("lm_head"), [32000, 4096]);
});

Deno.test("synthetic weights follow from seed and name, however they are read", async () => {
  const checkpoint = syntheticCheckpoint(SMALL, 1);
  const whole = await bytesOf(checkpoint, GATE);
  assertEquals(whole.length, 2 * 40 * 24);
  for (const step of [4, 6, 100, 1024]) assertEquals(await bytesOf(checkpoint, GATE, step), whole);
  assertEquals(await bytesOf(syntheticCheckpoint(SMALL, 1), GATE), whole);
  const other = await bytesOf(syntheticCheckpoint(SMALL, 2), GATE);
  const up = await bytesOf(checkpoint, GATE.replace("gate", "up"));
  for (const different of [other, up]) assert(different.join() !== whole.join());
});

Deno.test("synthetic weights have a mean of 0 and a spread of 0.02; norms are 1", async () => {
  const checkpoint = syntheticCheckpoint(syntheticConfig({ vocab_size: 64 }), 1);
  const bytes = await bytesOf(checkpoint, "lm_head.weight");
  const values = decodeBf16(new Uint16Array(bytes.buffer));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
  assert(Math.abs(mean) < 2e-4, `the mean is ${mean}`);
  assert(Math.abs(spread - 0.02) < 2e-4, `the spread is ${spread}`);
  const norm = await bytesOf(checkpoint, "model.norm.weight");
  assertEquals(decodeBf16(new Uint16Array(norm.buffer)), new Float32Array(4096).fill(1));
  assertEquals(await checkpoint.readF32("model.norm.weight"), new Float32Array(4096).fill(1));
});

Deno.test("a synthetic model is written in shards, and opened again it is the same", async () => {
  using folder = temporaryFolder();
  const directory = folder.join("model");
  const expected = syntheticCheckpoint(SMALL, 5);
  const written: number[] = [];
  await writeSyntheticModel(SMALL, directory, {
    seed: 5,
    maxShardBytes: 6000,
    files: [{ name: "tokenizer.json", bytes: Uint8Array.of(123, 125) }],
    onProgress: (bytes) => written.push(bytes),
  });
  const names = namesIn(directory);
  const shards = names.filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name));
  assert(shards.length > 2, names.join());
  const others = ["config.json", "model.safetensors.index.json", "tokenizer.json"];
  assertEquals(names, [...shards, ...others].sort());
  for (const name of shards) {
    const { size } = await Deno.stat(join(directory, name));
    assert(size < 6000 + 3000, `${name} with its header has ${size} bytes`);
  }
  assertEquals(written.at(-1), expected.byteLength);
  assert(written.every((bytes, i) => i === 0 || bytes > written[i - 1]));

  using files = await openModelFiles(directory);
  assertEquals(files.config, SMALL);
  assertEquals([...files.checkpoint.tensors.keys()].sort(), [...expected.tensors.keys()].sort());
  for (const name of expected.tensors.keys()) {
    assertEquals(await bytesOf(files.checkpoint, name), await bytesOf(expected, name), name);
  }
});

Deno.test("an abort while a synthetic model is written leaves nothing", async () => {
  using folder = temporaryFolder();
  const controller = new AbortController(), reason = new Error("enough");
  const write = () =>
    writeSyntheticModel(SMALL, folder.join("model"), {
      seed: 1,
      onProgress: () => controller.abort(reason),
      signal: controller.signal,
    });
  assertEquals(await assertRejects(write, Error), reason);
  assertEquals(namesIn(folder.join(".")), []);
});
