// SwiGLU: the gated activation of the feed-forward block.
//   y = silu(gate) · up,   silu(g) = g · σ(g)
//   d_gate = dy · up · σ(g) · (1 + g · (1 - σ(g))),   d_up = dy · silu(gate)
// Shapes: all [N, F], flattened to `count` elements. Geometry: one invocation per element.
// Source: Shazeer 2020, arXiv:2002.05202.

const WG: u32 = 64;

struct Params {
  count: u32,
  accumulate_gate: u32,
  accumulate_up: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gate: array<f32>;
@group(0) @binding(2) var<storage, read> up: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_gate: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_up: array<f32>;

fn sigmoid(g: f32) -> f32 {
  return 1.0 / (1.0 + exp(-g));
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count { return; }
  y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count { return; }
  let g = gate[i];
  let sigma = sigmoid(g);
  let to_gate = dy[i] * up[i] * sigma * (1.0 + g * (1.0 - sigma));
  let to_up = dy[i] * g * sigma;
  if params.accumulate_gate == 1u { d_gate[i] += to_gate; } else { d_gate[i] = to_gate; }
  if params.accumulate_up == 1u { d_up[i] += to_up; } else { d_up[i] = to_up; }
}
