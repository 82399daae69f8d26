// interim
const WG: u32 = 64;
struct Params {
  m: u32,
  n: u32,
  k: u32,
  a_stride: u32,
  a_offset: u32,
  alpha: f32,
  accumulate: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.m * params.n { return; }
  let row = i / params.n;
  let column = i % params.n;
  var sum = 0.0;
  for (var k = 0u; k < params.k; k++) { sum += a[params.a_offset + k * params.a_stride + row] * b[k * params.n + column]; }
  if params.accumulate == 1u { c[i] += params.alpha * sum; } else { c[i] = params.alpha * sum; }
}
