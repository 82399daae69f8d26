// Rows: copies chosen rows of a matrix.
//   gather: y[i, c] = x[rows[i], c];   move_rows: y[rows[i], c] = x[places[i], c]
//   scatter_add: y[rows[i], c] += x[i, c]
//   sum_uses: y[i, c] (+)= Σ over u from starts[i] to starts[i + 1] - 1 of x[places[u], c]
// Shapes: `count` chosen rows of C columns, distinct where they are written; sum_uses writes all `count` rows of y.
// Geometry: one invocation per element of the chosen rows, in sum_uses of y.
// Numerics: f32, sums in the order of the places.

const WG: u32 = 64;

struct Params {
  count: u32,
  width: u32,
  accumulate: u32, // read by sum_uses
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> places: array<u32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn gather(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  y[i] = x[rows[i / params.width] * params.width + i % params.width];
}

@compute @workgroup_size(WG)
fn move_rows(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  let column = i % params.width;
  let start = places[i / params.width] * params.width;
  y[rows[i / params.width] * params.width + column] = x[start + column];
}

@compute @workgroup_size(WG)
fn scatter_add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  y[rows[i / params.width] * params.width + i % params.width] += x[i];
}

@compute @workgroup_size(WG)
fn sum_uses(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count * params.width { return; }
  let row = i / params.width;
  var sum = 0.0;
  for (var u = starts[row]; u < starts[row + 1u]; u++) {
    sum += x[places[u] * params.width + i % params.width];
  }
  if params.accumulate == 1u { y[i] += sum; } else { y[i] = sum; }
}
