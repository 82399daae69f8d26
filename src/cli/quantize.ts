/**
 * `deno task quantize`: writes a model's linear layers as NF4 in bitsandbytes' layout, which loads
 * faster and takes a quarter of the disk.
 * @module
 */
import { z } from "zod";
import { openDevice } from "../device/open.ts";
import { buildModel, openModelFiles } from "../model/load.ts";
import { refuseQuantized, saveNf4 } from "../model/save_nf4.ts";
import { readTokenizerFiles } from "../text/tokenizer_files.ts";
import { commonFields, describeSchema, resolveOptions } from "../train/options.ts";
import { readLayers } from "./args.ts";
import { formatBytes } from "./format.ts";
import { helpText } from "./help.ts";
import { HostMemory } from "./host_memory.ts";
import { modelFolder } from "./base_model.ts";
import { refuseExisting } from "./new_folder.ts";
import { percentReporter } from "./percent.ts";
import { ensureAdapter } from "./setup.ts";
import { runTask } from "./task.ts";

const MODEL = "Model";
const quantizeSchema = z.object({
  base_model: z.string().min(1).nullable().default(null).meta({
    group: MODEL,
    description: "Model in f32, f16 or bf16: a folder, or the name of one on the Hub.",
    value: "DIR|NAME",
  }),
  out: z.string().min(1).nullable().default(null).meta({
    group: MODEL,
    description: "Folder to write; it must not exist yet.",
    value: "DIR",
  }),
  double_quant: z.boolean().default(true).meta({
    group: MODEL,
    description: "Quantise the scales too.",
  }),
  max_shard_gb: z.number().gt(0).default(5).meta({
    group: MODEL,
    description: "Gigabytes of a weights file at most.",
  }),
  config: commonFields.config,
  quiet: commonFields.quiet,
  json: commonFields.json,
});

const required = (field: "base_model" | "out", value: string) => ({
  fields: [field],
  fault: (options: Record<typeof field, string | null>) =>
    options[field] === null ? `${field} is missing: give --${field} ${value}` : null,
});

const HELP = {
  usage: "deno task quantize --base_model DIR --out DIR [options]",
  summary: "Writes a model's linear layers as NF4, in the layout of transformers and bitsandbytes.",
  examples: ["deno task quantize --base_model mistral-7b --out mistral-7b-nf4"],
};

await runTask(async (signal) => {
  const options = describeSchema(quantizeSchema);
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const checks = [required("base_model", "DIR"), required("out", "DIR")];
  const config = resolveOptions(quantizeSchema, layers, checks);
  const { double_quant, max_shard_gb, quiet, json } = config;
  const base_model = config.base_model!, out = config.out!;
  await refuseExisting("out", out);
  const directory = await modelFolder(base_model, { signal, quiet });
  const { files } = await readTokenizerFiles(directory);
  using source = await openModelFiles(directory);
  refuseQuantized(source); // before it is loaded, which takes long
  await ensureAdapter();
  using device = await openDevice();
  using host = new HostMemory(device);
  const report = percentReporter(config);
  const checkpoint = host.watch(source.checkpoint);
  using model = await buildModel(device, { ...source, checkpoint }, {
    quantization: "nf4",
    doubleQuant: double_quant,
    onProgress: (bytes, total) => report("quantising", bytes, total),
    signal,
  });
  const { bytes: total } = model.size;
  await saveNf4(model, { ...source, checkpoint }, out, {
    files,
    maxShardBytes: max_shard_gb * 1e9,
    onProgress: (bytes) => {
      host.sample();
      report("writing", bytes, total);
    },
    signal,
  });
  const { besideGpu } = host.takePeak();
  if (json) {
    const saved = { path: out, bytes: total, host_bytes_beside_gpu: besideGpu };
    console.log(JSON.stringify({ type: "saved", ...saved }));
  } else if (!quiet) {
    console.log(
      `\nSaved ${formatBytes(total)} of weights in ${out}\n` +
        `The process took at most ${formatBytes(besideGpu)} beside the GPU's buffers`,
    );
  }
});
