import { join } from "node:path";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { buildModel, loadModel, openModelFiles } from "../../src/model/load.ts";
import { saveNf4, type SaveNf4Options } from "../../src/model/save_nf4.ts";
import type { Device } from "../../src/device/device.ts";
import { namesIn, temporaryFolder } from "../formats/support.ts";
import { BASE, leavesNothing, logitsOf, NF4, readStored, TINY } from "./support.ts";

const IDS = Array.from({ length: 20 }, (_, i) => (i * 131 + 1) % 1024);
const GOLDEN = join(TINY, "base-bnb-4bit");

async function quantize(
  device: Device,
  source: string,
  directory: string,
  { doubleQuant = true, ...options }: SaveNf4Options & { doubleQuant?: boolean } = {},
): Promise<Float32Array> {
  using files = await openModelFiles(source);
  using model = await buildModel(device, files, { quantization: "nf4", doubleQuant });
  await saveNf4(model, files, directory, options);
  return await logitsOf(model, IDS);
}

Deno.test("the folder holds what bitsandbytes and transformers write, tensor by tensor", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    await quantize(device, BASE, folder.join("nf4"));
    const ours = new Map(
      (await readStored(folder.join("nf4", "model.safetensors"))).map((
        entry,
      ) => [entry.name, entry]),
    );
    const golden = await readStored(join(GOLDEN, "model.safetensors"));
    assertEquals([...ours.keys()].sort(), golden.map(({ name }) => name).sort());
    for (const expected of golden) assertEquals(ours.get(expected.name), expected);
    const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
    const config = await read(folder.join("nf4", "config.json"));
    const expected = await read(join(GOLDEN, "config.json"));
    assertEquals(config.quantization_config, expected.quantization_config);
    assertEquals(config.hidden_size, expected.hidden_size);
  }));

for (const doubleQuant of [true, false]) {
  Deno.test(`a quantised folder has the logits of quantising on loading, bit for bit (double: ${doubleQuant})`, () =>
    leavesNothing(async (device) => {
      using folder = temporaryFolder();
      const directory = folder.join("nf4");
      const written: number[] = [];
      const expected = await quantize(device, BASE, directory, {
        doubleQuant,
        maxShardBytes: 40_000,
        files: [{ name: "tokenizer.json", bytes: Uint8Array.of(123, 125) }],
        onProgress: (bytes) => written.push(bytes),
      });
      const names = namesIn(directory);
      const shards = names.filter((name) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name));
      assert(shards.length > 2, `one shard would show little: ${names}`);
      const others = ["config.json", "model.safetensors.index.json", "tokenizer.json"];
      assertEquals(names, [...shards, ...others].sort());
      assert(written.every((bytes, i) => i === 0 || bytes > written[i - 1]));
      using loaded = await loadModel(device, directory, NF4);
      assert(loaded.config.quantized);
      assertEquals(await logitsOf(loaded, IDS), expected);
    }));
}

Deno.test("what is quantised already is refused, and an abort leaves nothing", () =>
  leavesNothing(async (device) => {
    using folder = temporaryFolder();
    const again = () => quantize(device, GOLDEN, folder.join("nf4"));
    await assertRejects(again, FormatError, "quantised already");
    const reason = new Error("enough");
    const aborted = () =>
      quantize(device, BASE, folder.join("nf4"), { signal: AbortSignal.abort(reason) });
    assertEquals(await assertRejects(aborted, Error), reason);
    assertEquals(namesIn(folder.join(".")), []);
  }));
