/**
 * The tensors that a checkpoint of a Mistral model holds.
 * @module
 */
import type { ModelConfig } from "./config.ts";

/** A tensor of a checkpoint; one of a single dimension is the weight of a norm. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** All tensors in the order of the network. */
export function tensorShapes(config: ModelConfig): TensorShape[] {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize, vocabularySize } = config;
  const tensor = (path: string, ...shape: number[]) => ({ name: `${path}.weight`, shape });
  const layers = Array.from({ length: config.layers }, (_, i) => {
    const path = `model.layers.${i}`;
    return [
      tensor(`${path}.input_layernorm`, hiddenSize),
      tensor(`${path}.self_attn.q_proj`, heads * headSize, hiddenSize),
      tensor(`${path}.self_attn.k_proj`, kvHeads * headSize, hiddenSize),
      tensor(`${path}.self_attn.v_proj`, kvHeads * headSize, hiddenSize),
      tensor(`${path}.self_attn.o_proj`, hiddenSize, heads * headSize),
      tensor(`${path}.post_attention_layernorm`, hiddenSize),
      tensor(`${path}.mlp.gate_proj`, intermediateSize, hiddenSize),
      tensor(`${path}.mlp.up_proj`, intermediateSize, hiddenSize),
      tensor(`${path}.mlp.down_proj`, hiddenSize, intermediateSize),
    ];
  });
  return [
    tensor("model.embed_tokens", vocabularySize, hiddenSize),
    ...layers.flat(),
    tensor("model.norm", hiddenSize),
    ...(config.tieWordEmbeddings ? [] : [tensor("lm_head", vocabularySize, hiddenSize)]),
  ];
}
