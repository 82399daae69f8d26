/**
 * Options that all tasks have which answer with a model.
 * @module
 */
import { z } from "zod";

const MODEL = "Model", GENERATION = "Generation";

/** How the model is held. */
export const modelFields = {
  adapter_path: z.string().min(1).nullable().default(null).meta({
    group: MODEL,
    description: "Adapter folder in PEFT's format.",
    value: "DIR",
  }),
  quantization: z.enum(["nf4", "none"]).default("nf4").meta({
    group: MODEL,
    description: "Hold the linear layers in NF4, as in training with qlora, or as they are.",
  }),
  double_quant: z.boolean().default(true).meta({
    group: MODEL,
    description: "Quantise the NF4 scales too.",
  }),
};

/** How tokens are chosen. */
export const generationFields = {
  max_new_tokens: z.int().min(1).default(256).meta({
    group: GENERATION,
    description: "Tokens to generate at most.",
  }),
  temperature: z.number().min(0).default(0).meta({
    group: GENERATION,
    description: "0: the likeliest token each time; above: sample.",
  }),
  top_p: z.number().gt(0).max(1).default(1).meta({
    group: GENERATION,
    description: "Sample from the likeliest tokens that together have this probability.",
  }),
  top_k: z.int().min(0).default(0).meta({
    group: GENERATION,
    description: "Sample from this many likeliest tokens; 0: all.",
  }),
};
