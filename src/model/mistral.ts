/**
 * Mistral (arXiv:2310.06825): a decoder with grouped-query attention over a sliding window, rotary
 * positions, RMSNorm and SwiGLU. Forward only: gradients, NF4 and LoRA come from the operations.
 * @module
 */
import { reshape, type Tensor } from "../device/tensor.ts";
import { attention } from "../ops/attention.ts";
import { byRows, chain } from "../ops/blocks.ts";
import { embedding } from "../ops/embedding.ts";
import { type Linear, linear } from "../ops/linear.ts";
import { addUniformNoise } from "../ops/noise.ts";
import { rmsnorm } from "../ops/rmsnorm.ts";
import { growingRopeTable, rope, type RopeTable } from "../ops/rope.ts";
import { swiglu } from "../ops/swiglu.ts";
import type { Tape } from "../ops/tape.ts";
import type { ModelConfig } from "./config.ts";
import type { Architecture, ForwardInput, Network, WeightSource } from "./network.ts";

/** Rows of the feed-forward part at once: its values are the widest of all. */
export const FEED_FORWARD_ROWS = 512;

interface Layer {
  readonly index: number;
  readonly inputNorm: Tensor;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly postAttentionNorm: Tensor;
  readonly gate: Linear;
  readonly up: Linear;
  readonly down: Linear;
}

/** `model_type: "mistral"`. */
export const mistral: Architecture = { modelType: "mistral", build };

async function build(config: ModelConfig, weights: WeightSource): Promise<Network> {
  const { hiddenSize, vocabularySize, rmsEpsilon } = config;
  const tokens = await weights.embedding("model.embed_tokens", vocabularySize, hiddenSize);
  const layers: Layer[] = [];
  for (let index = 0; index < config.layers; index++) {
    layers.push(await loadLayer(config, weights, index));
  }
  const norm = await weights.vector("model.norm", hiddenSize);
  const output: Linear = config.tieWordEmbeddings
    ? { weight: tokens, lora: null }
    : await weights.outputLinear("lm_head", vocabularySize, hiddenSize);
  const ropeTableFor = growingRopeTable(weights.scope, {
    headSize: config.headSize,
    theta: config.ropeTheta,
  });

  const forward = (tape: Tape, input: ForwardInput): Tensor => {
    const table = ropeTableFor(input.length);
    let x = embedding(tape, tokens, input.tokens);
    if (input.noise) x = addUniformNoise(tape, x, input.noise.scales, input.noise.seed);
    const blocks = layers.map((layer) => (x: Tensor) =>
      block(tape, x, { layer, config, input, table })
    );
    return rmsnorm(tape, chain(tape, x, blocks), norm, rmsEpsilon);
  };
  return { forward, output };
}

interface BlockContext {
  readonly layer: Layer;
  readonly config: ModelConfig;
  readonly input: ForwardInput;
  readonly table: RopeTable;
}

function block(tape: Tape, x: Tensor, context: BlockContext): Tensor {
  const { layer, config: { rmsEpsilon } } = context;
  const attended = selfAttention(tape, rmsnorm(tape, x, layer.inputNorm, rmsEpsilon), context);
  const h = linear(tape, attended, layer.o, { residual: x });
  return byRows(tape, h, FEED_FORWARD_ROWS, (h) => {
    const normed = rmsnorm(tape, h, layer.postAttentionNorm, rmsEpsilon);
    const gated = swiglu(tape, linear(tape, normed, layer.gate), linear(tape, normed, layer.up));
    return linear(tape, gated, layer.down, { residual: h, isBlockResult: true });
  });
}

function selfAttention(tape: Tape, x: Tensor, context: BlockContext): Tensor {
  const { layer, config: { heads, kvHeads, headSize }, input, table } = context;
  const rows = x.shape[0];
  const split = (y: Tensor, heads: number) => reshape(y, [rows, heads, headSize]);
  const q = rope(tape, split(linear(tape, x, layer.q), heads), input.positions, table);
  let k = rope(tape, split(linear(tape, x, layer.k), kvHeads), input.positions, table);
  let v = split(linear(tape, x, layer.v), kvHeads);
  if (input.cache) ({ keys: k, values: v } = input.cache.append(layer.index, k, v));
  const attended = attention(tape, q, k, v, input.attention);
  return reshape(attended, [rows, heads * headSize]);
}

async function loadLayer(
  config: ModelConfig,
  weights: WeightSource,
  index: number,
): Promise<Layer> {
  const { hiddenSize, intermediateSize, heads, kvHeads, headSize } = config;
  const path = `model.layers.${index}`;
  const attention = `${path}.self_attn`, mlp = `${path}.mlp`;
  const querySize = heads * headSize, keySize = kvHeads * headSize;
  return {
    index,
    inputNorm: await weights.vector(`${path}.input_layernorm`, hiddenSize),
    q: await weights.linear(`${attention}.q_proj`, querySize, hiddenSize),
    k: await weights.linear(`${attention}.k_proj`, keySize, hiddenSize),
    v: await weights.linear(`${attention}.v_proj`, keySize, hiddenSize),
    o: await weights.linear(`${attention}.o_proj`, hiddenSize, querySize),
    postAttentionNorm: await weights.vector(`${path}.post_attention_layernorm`, hiddenSize),
    gate: await weights.linear(`${mlp}.gate_proj`, intermediateSize, hiddenSize),
    up: await weights.linear(`${mlp}.up_proj`, intermediateSize, hiddenSize),
    down: await weights.linear(`${mlp}.down_proj`, hiddenSize, intermediateSize),
  };
}
