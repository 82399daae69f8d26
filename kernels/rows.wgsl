// Rows: copies chosen rows of a matrix.
//   gather: y[i, c] = x[rows[i], c];   scatter: y[rows[i], c] = x[i, c];   scatter_add: y[rows[i], c] += x[i, c]
// Shapes: `count` chosen rows of C columns; the chosen rows are distinct where they are written.
// Geometry: one invocation per copied element.

const WG: u32 = 64;

struct Params {
  count: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn gather(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  y[i] = x[rows[i / params.width] * params.width + i % params.width];
}

@compute @workgroup_size(WG)
fn scatter(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  y[rows[i / params.width] * params.width + i % params.width] = x[i];
}

@compute @workgroup_size(WG)
fn scatter_add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  y[rows[i / params.width] * params.width + i % params.width] += x[i];
}
