// Keep: f32 values as half floats, two a word, and back.
//   narrow: halves[i] = (x[2i], x[2i+1]);   widen: the reverse
// Shapes: x, y flattened to `count` elements; halves [⌈count / 2⌉].
// Geometry: one invocation per pair.
// Numerics: rounded to the nearest half float; beyond ±65,504 the result is not defined by WGSL, so
// values are clamped to that first.

const WG: u32 = 64;
const LARGEST: f32 = 65504.0;

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> halves: array<u32>;

fn clamped(i: u32) -> f32 {
  if i >= params.count { return 0.0; }
  return clamp(x[i], -LARGEST, LARGEST);
}

@compute @workgroup_size(WG)
fn narrow(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = id.x + id.y * groups.x * WG;
  if 2u * pair >= params.count { return; }
  halves[pair] = pack2x16float(vec2f(clamped(2u * pair), clamped(2u * pair + 1u)));
}

@compute @workgroup_size(WG)
fn widen(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pair = id.x + id.y * groups.x * WG;
  let i = 2u * pair;
  if i >= params.count { return; }
  let values = unpack2x16float(halves[pair]);
  y[i] = values.x;
  if i + 1u < params.count { y[i + 1u] = values.y; }
}
