/**
 * Whether a model in layers of Mistral-7B's shape has the same logits, bit for bit, when it is
 * quantised while it loads and when it was quantised before:
 *
 *     deno run -A tests/bench/nf4_logits.ts [layers, default 2]
 *
 * It needs 2 GB of disk in the folder for temporary files. The same at small sizes is a test in
 * `tests/model/save_nf4_test.ts`.
 * @module
 */
import { openDevice } from "../../src/device/open.ts";
import { buildModel, loadModel, openModelFiles } from "../../src/model/load.ts";
import { saveNf4 } from "../../src/model/save_nf4.ts";
import { syntheticConfig, writeSyntheticModel } from "../../src/model/synthetic.ts";
import { temporaryFolder } from "../formats/support.ts";
import { logitsOf, NF4 } from "../model/support.ts";

const layers = Number(Deno.args[0] ?? 2);
const IDS = Array.from({ length: 40 }, (_, i) => (i * 7919 + 1) % 32000);

using folder = temporaryFolder();
using device = await openDevice();
const dense = folder.join("dense"), nf4 = folder.join("nf4");
await writeSyntheticModel(syntheticConfig({ num_hidden_layers: layers }), dense, { seed: 1 });
const quantizedOnLoading = await (async () => {
  using files = await openModelFiles(dense);
  using model = await buildModel(device, files, NF4);
  await saveNf4(model, files, nf4);
  return await logitsOf(model, IDS);
})();
using model = await loadModel(device, nf4, NF4);
const quantizedBefore = await logitsOf(model, IDS);
const bits = (values: Float32Array) => new Uint32Array(values.buffer);
const [ours, theirs] = [bits(quantizedOnLoading), bits(quantizedBefore)];
const different = ours.filter((word, i) => word !== theirs[i]).length;
const spread = Math.max(...quantizedOnLoading.subarray(-32000));
console.log(
  `${different} of ${ours.length} logits differ; the largest of the last row is ${spread}`,
);
if (different > 0 || ours.length !== theirs.length || !(spread > 0)) Deno.exit(1);
