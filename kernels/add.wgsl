// Addition: the residual connection, and sums of gradients.
//   sum: y = a + b;   accumulate: y += a;   fill: y = value
// Shapes: all alike, flattened to `count` elements. Geometry: one invocation per element.

const WG: u32 = 64;

struct Params {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] = a[i] + b[i]; }
}

@compute @workgroup_size(WG)
fn accumulate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] += a[i]; }
}

@compute @workgroup_size(WG)
fn fill(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] = params.value; }
}
