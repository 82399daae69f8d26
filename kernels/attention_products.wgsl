// Causal attention, the part between its matrix products, for a tile of R query rows of one sequence and all heads.
//   softmax: P[h, r, j] = exp(S[h, r, j]) / Σ over visible i of exp(S[h, r, i])
//   softmax_backward: dS[h, r, j] = P[h, r, j] · (dP[h, r, j] - Σ over i of P[h, r, i] · dP[h, r, i])
// Row r sees the keys lo .. hi-1 of the tile, hi = diagonal + r + 1, lo = max(0, hi - window); all others get 0.
// Shapes: S, P, dP, dS [H, R, stride], a row of keys padded to a multiple of 4; P takes the place of S, dS that of dP.
// Geometry: LANES invocations per row and head.
// Numerics: f32; the row's maximum is subtracted before exp.
// Source: Dao et al. 2022, arXiv:2205.14135 (the scores are made again in the backward pass).

const WG: u32 = 64;
override LANES: u32 = 64;

struct Params {
  rows: u32, // R
  heads: u32,
  stride: u32,
  diagonal: u32,
  window: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> scores: array<vec4f>;
@group(0) @binding(2) var<storage, read> weights: array<vec4f>; // P
@group(0) @binding(3) var<storage, read_write> d_weights: array<vec4f>; // dP, then dS

const LOWEST: f32 = -3.4028234e38;

var<workgroup> partial: array<f32, WG>;

// The largest value and the sum over the invocations that share a row.
fn row_max(value: f32, index: u32) -> f32 {
  if LANES == 1u { return value; }
  partial[index] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if index % LANES < half { partial[index] = max(partial[index], partial[index + half]); }
    workgroupBarrier();
  }
  let result = partial[index - index % LANES];
  workgroupBarrier();
  return result;
}

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

// Which of the four keys from 4·quad on row r sees.
fn visible(r: u32, quad: u32) -> vec4<bool> {
  let hi = params.diagonal + r + 1u;
  let lo = hi - min(hi, params.window);
  let j = 4u * quad + vec4u(0u, 1u, 2u, 3u);
  return (j >= vec4u(lo)) & (j < vec4u(hi));
}

// The row of an invocation; those past the end repeat the last one and store nothing.
fn row_number(group: vec3u, groups: vec3u, index: u32) -> u32 {
  return (group.x + group.y * groups.x) * (WG / LANES) + index / LANES;
}

@compute @workgroup_size(WG)
fn softmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let number = row_number(group, groups, index);
  let count = params.rows * params.heads;
  let row = min(number, count - 1u);
  let lane = index % LANES;
  let r = row % params.rows;
  let quads = params.stride / 4u;
  let base = row * quads;
  let hi = params.diagonal + r + 1u;
  let first = (hi - min(hi, params.window)) / 4u + lane;
  let end = (hi + 3u) / 4u;
  var highest = vec4f(LOWEST);
  for (var quad = first; quad < end; quad += LANES) {
    highest = max(highest, select(vec4f(LOWEST), scores[base + quad], visible(r, quad)));
  }
  let top = row_max(max(max(highest.x, highest.y), max(highest.z, highest.w)), index);
  var sums = vec4f();
  for (var quad = first; quad < end; quad += LANES) {
    sums += select(vec4f(), exp(scores[base + quad] - top), visible(r, quad));
  }
  let total = row_sum(sums.x + sums.y + sums.z + sums.w, index);
  if number >= count { return; }
  for (var quad = lane; quad < quads; quad += LANES) {
    scores[base + quad] = select(vec4f(), exp(scores[base + quad] - top) / total, visible(r, quad));
  }
}

@compute @workgroup_size(WG)
fn softmax_backward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let number = row_number(group, groups, index);
  let count = params.rows * params.heads;
  let row = min(number, count - 1u);
  let lane = index % LANES;
  let r = row % params.rows;
  let quads = params.stride / 4u;
  let base = row * quads;
  let hi = params.diagonal + r + 1u;
  let first = (hi - min(hi, params.window)) / 4u + lane;
  let end = (hi + 3u) / 4u;
  var sums = vec4f();
  for (var quad = first; quad < end; quad += LANES) {
    sums += select(vec4f(), weights[base + quad] * d_weights[base + quad], visible(r, quad));
  }
  let mean = row_sum(sums.x + sums.y + sums.z + sums.w, index);
  if number >= count { return; }
  for (var quad = lane; quad < quads; quad += LANES) {
    let gradient = weights[base + quad] * (d_weights[base + quad] - mean);
    d_weights[base + quad] = select(vec4f(), gradient, visible(r, quad));
  }
}
