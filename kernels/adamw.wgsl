// AdamW: one optimizer step for one parameter, in place.
//   g = clip · gradient;  m = β₁m + (1-β₁)g;  v = β₂v + (1-β₂)g²
//   w = w·(1 - lr·decay) - (lr / (1-β₁ᵗ)) · m / (sqrt(v) / sqrt(1-β₂ᵗ) + ε)
// Shapes: all flattened to `count` elements; clipping = [norm, factor] from grad_norm.wgsl.
// Geometry: one invocation per element.
// Numerics: a factor of 0 marks a norm that is not finite: nothing is changed then. 1-β comes from the
//   host, because 1-0.999 taken in f32 is wrong in the fifth digit.
// Source: Loshchilov and Hutter 2019, arXiv:1711.05101, in the order of operations of PyTorch.

const WG: u32 = 64;

struct Params {
  count: u32,
  decay: f32, // 1 - lr · weight decay
  rate1: f32, // 1 - β₁
  beta2: f32,
  rate2: f32, // 1 - β₂
  epsilon: f32,
  step_size: f32, // lr / (1 - β₁ᵗ)
  correction2: f32, // sqrt(1 - β₂ᵗ)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> clipping: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> m: array<f32>;
@group(0) @binding(5) var<storage, read_write> v: array<f32>;

@compute @workgroup_size(WG)
fn step(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  let factor = clipping[1];
  if i >= params.count || factor == 0.0 { return; }
  let g = gradient[i] * factor;
  let first = m[i] + (g - m[i]) * params.rate1;
  let second = v[i] * params.beta2 + params.rate2 * g * g;
  m[i] = first;
  v[i] = second;
  let denominator = sqrt(second) / params.correction2 + params.epsilon;
  weight[i] = weight[i] * params.decay - params.step_size * (first / denominator);
}
