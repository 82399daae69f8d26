// interim
const WG: u32 = 64;
override PANEL: u32 = 32;
struct Params {
  m: u32,
  n: u32,
  k: u32,
  a_stride: u32,
  a_offset: u32,
  c_stride: u32,
  c_offset: u32,
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
  let base = (column / PANEL) * params.k * PANEL + column % PANEL;
  var sum = 0.0;
  for (var k = 0u; k < params.k; k++) {
    sum += a[params.a_offset + row * params.a_stride + k] * b[base + k * PANEL];
  }
  let at = params.c_offset + row * params.c_stride + column;
  if params.accumulate == 1u { c[at] += params.alpha * sum; } else { c[at] = params.alpha * sum; }
}
