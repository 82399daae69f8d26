// RMSNorm: scales each row to unit root mean square, then by a learnt weight per column.
//   s[n] = 1 / sqrt(mean over c of x[n, c]² + epsilon),   y[n, c] = weight[c] · x[n, c] · s[n]
//   dx[n, c] = s·(g - x·s² · mean(g·x))  with g = dy·weight;   d_weight[c] += Σ over n of dy·x·s
// Shapes: x, y, dy, dx [N, C]; weight, d_weight [C]; s [N].
// Geometry: forward and backward LANES invocations per row; backward_weight one invocation per column.
// Source: Zhang and Sennrich 2019, arXiv:1910.07467.

const WG: u32 = 64;
override LANES: u32 = 64;

struct Params {
  rows: u32,
  width: u32,
  epsilon: f32,
  accumulate: u32, // 1: add to dx, 0: write it
  first_row: u32, // backward_weight sums rows from here on
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;
@group(0) @binding(5) var<storage, read> s: array<f32>;
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> dx: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_weight: array<f32>;

var<workgroup> partial: array<f32, WG>;

// The sum over the invocations that share a row.
fn row_sum(value: f32, index: u32) -> f32 {
  if LANES == 1u { return value; }
  partial[index] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if index % LANES < half { partial[index] += partial[index + half]; }
    workgroupBarrier();
  }
  let result = partial[index - index % LANES];
  workgroupBarrier();
  return result;
}

// The row of an invocation; rows past the end repeat the last one, whose values are the same again.
fn row_of(group: vec3u, groups: vec3u, index: u32) -> u32 {
  let row = (group.x + group.y * groups.x) * (WG / LANES) + index / LANES;
  return min(row, params.rows - 1u);
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let row = row_of(group, groups, index);
  let base = row * params.width;
  var sum = 0.0;
  for (var c = index % LANES; c < params.width; c += LANES) { sum += x[base + c] * x[base + c]; }
  let mean = row_sum(sum, index) / f32(params.width);
  let scale = 1.0 / sqrt(mean + params.epsilon);
  for (var c = index % LANES; c < params.width; c += LANES) {
    y[base + c] = weight[c] * (x[base + c] * scale);
  }
  scales[row] = scale;
}

@compute @workgroup_size(WG)
fn backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let number = (group.x + group.y * groups.x) * (WG / LANES) + index / LANES;
  let row = row_of(group, groups, index);
  let base = row * params.width;
  let scale = s[row];
  var sum = 0.0;
  for (var c = index % LANES; c < params.width; c += LANES) {
    sum += dy[base + c] * weight[c] * x[base + c];
  }
  let mean = row_sum(sum, index) / f32(params.width);
  if number >= params.rows { return; }
  for (var c = index % LANES; c < params.width; c += LANES) {
    let i = base + c;
    let value = scale * (dy[i] * weight[c] - x[i] * (scale * scale * mean));
    if params.accumulate == 1u { dx[i] += value; } else { dx[i] = value; }
  }
}

@compute @workgroup_size(WG)
fn backward_weight(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  if c >= params.width { return; }
  var sum = 0.0;
  for (var row = params.first_row; row < params.first_row + params.rows; row++) {
    let i = row * params.width + c;
    sum += dy[i] * x[i] * s[row];
  }
  d_weight[c] += sum;
}
