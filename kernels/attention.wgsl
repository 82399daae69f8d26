// Causal attention with grouped-query heads, in memory linear in the tokens.
//   score[i, h, j] = scale · q[i, h] · k[j, g],   g = h / (H / G)
//   o[i, h] = Σ over j of softmax_j(score[i, h, j]) · v[j, g],   j in key_begin[i] .. key_end[i]
//   backward: p = exp(score - log_sum),  ds = p · (do·v - delta) · scale,  delta = do·o
//             dq[i] = Σ_j ds·k[j],  dk[j] = Σ_i ds·q[i],  dv[j] = Σ_i p·do[i]
// Shapes: q, o, do, dq [N, H, D]; k, v, dk, dv [K, G, D]; log_sums, delta [N, H];
//   key_begin, key_end [N] bound the keys of a query row (sequence start, sliding window, causality);
//   query_end [N] bounds the queries of a key row j, which are rows j .. query_end[j] (training only).
// Geometry: one invocation per (row, head); rows run fastest, so neighbours read the same keys.
// Numerics: online softmax in f32; sums over keys run in order, so they are repeatable.
// Source: Dao et al. 2022, arXiv:2205.14135 (recompute scores); Ainslie et al. 2023, arXiv:2305.13245.

const WG: u32 = 64;
const MAX_QUARTERS: u32 = 64; // D at most 256
override QUARTERS: u32 = 32; // D / 4

struct Params {
  rows: u32, // N, or K for backward_kv
  heads: u32, // H
  kv_heads: u32, // G
  scale: f32,
  accumulate_q: u32,
  accumulate_k: u32,
  accumulate_v: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> key_begin: array<u32>;
@group(0) @binding(5) var<storage, read> key_end: array<u32>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> log_sums: array<f32>;
@group(0) @binding(8) var<storage, read> log_sum: array<f32>;
@group(0) @binding(9) var<storage, read> output: array<vec4f>;
@group(0) @binding(10) var<storage, read> d_output: array<vec4f>;
@group(0) @binding(11) var<storage, read_write> deltas: array<f32>;
@group(0) @binding(12) var<storage, read> delta: array<f32>;
@group(0) @binding(13) var<storage, read> query_end: array<u32>;
@group(0) @binding(14) var<storage, read_write> dq: array<vec4f>;
@group(0) @binding(15) var<storage, read_write> dk: array<vec4f>;
@group(0) @binding(16) var<storage, read_write> dv: array<vec4f>;

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WG;
  if index >= params.rows * params.heads { return; }
  let row = index % params.rows;
  let head = index / params.rows;
  let group = head / (params.heads / params.kv_heads);
  let at = (row * params.heads + head) * QUARTERS;
  var query: array<vec4f, MAX_QUARTERS>;
  var sum: array<vec4f, MAX_QUARTERS>;
  for (var d = 0u; d < QUARTERS; d++) {
    query[d] = q[at + d] * params.scale;
    sum[d] = vec4f(0.0);
  }
  var highest = -3.4028234e38;
  var total = 0.0;
  for (var j = key_begin[row]; j < key_end[row]; j++) {
    let key = (j * params.kv_heads + group) * QUARTERS;
    var parts = vec4f(0.0);
    for (var d = 0u; d < QUARTERS; d++) { parts += query[d] * k[key + d]; }
    let score = parts.x + parts.y + parts.z + parts.w;
    if score > highest {
      let shrink = exp(highest - score);
      highest = score;
      total *= shrink;
      for (var d = 0u; d < QUARTERS; d++) { sum[d] *= shrink; }
    }
    let weight = exp(score - highest);
    total += weight;
    for (var d = 0u; d < QUARTERS; d++) { sum[d] += weight * v[key + d]; }
  }
  for (var d = 0u; d < QUARTERS; d++) { o[at + d] = sum[d] / total; }
  log_sums[row * params.heads + head] = highest + log(total);
}

@compute @workgroup_size(WG)
fn backward_delta(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WG;
  if index >= params.rows * params.heads { return; }
  var parts = vec4f(0.0);
  for (var d = 0u; d < QUARTERS; d++) {
    parts += output[index * QUARTERS + d] * d_output[index * QUARTERS + d];
  }
  deltas[index] = parts.x + parts.y + parts.z + parts.w;
}

@compute @workgroup_size(WG)
fn backward_q(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WG;
  if index >= params.rows * params.heads { return; }
  let row = index % params.rows;
  let head = index / params.rows;
  let group = head / (params.heads / params.kv_heads);
  let at = (row * params.heads + head) * QUARTERS;
  var query: array<vec4f, MAX_QUARTERS>;
  var d_out: array<vec4f, MAX_QUARTERS>;
  var sum: array<vec4f, MAX_QUARTERS>;
  for (var d = 0u; d < QUARTERS; d++) {
    query[d] = q[at + d] * params.scale;
    d_out[d] = d_output[at + d];
    sum[d] = vec4f(0.0);
  }
  let row_log_sum = log_sum[row * params.heads + head];
  let row_delta = delta[row * params.heads + head];
  for (var j = key_begin[row]; j < key_end[row]; j++) {
    let key = (j * params.kv_heads + group) * QUARTERS;
    var score = vec4f(0.0);
    var d_weight = vec4f(0.0);
    for (var d = 0u; d < QUARTERS; d++) {
      score += query[d] * k[key + d];
      d_weight += d_out[d] * v[key + d];
    }
    let weight = exp(score.x + score.y + score.z + score.w - row_log_sum);
    let d_score = weight * (d_weight.x + d_weight.y + d_weight.z + d_weight.w - row_delta);
    for (var d = 0u; d < QUARTERS; d++) { sum[d] += d_score * k[key + d]; }
  }
  for (var d = 0u; d < QUARTERS; d++) {
    let value = sum[d] * params.scale;
    if params.accumulate_q == 1u { dq[at + d] += value; } else { dq[at + d] = value; }
  }
}

@compute @workgroup_size(WG)
fn backward_kv(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * WG;
  if index >= params.rows * params.kv_heads { return; }
  let row = index % params.rows;
  let group = index / params.rows;
  let at = (row * params.kv_heads + group) * QUARTERS;
  var key: array<vec4f, MAX_QUARTERS>;
  var value: array<vec4f, MAX_QUARTERS>;
  var key_sum: array<vec4f, MAX_QUARTERS>;
  var value_sum: array<vec4f, MAX_QUARTERS>;
  for (var d = 0u; d < QUARTERS; d++) {
    key[d] = k[at + d] * params.scale;
    value[d] = v[at + d];
    key_sum[d] = vec4f(0.0);
    value_sum[d] = vec4f(0.0);
  }
  let heads_per_group = params.heads / params.kv_heads;
  for (var i = row; i < query_end[row]; i++) {
    for (var h = group * heads_per_group; h < (group + 1u) * heads_per_group; h++) {
      let query = i * params.heads + h;
      var score = vec4f(0.0);
      var d_weight = vec4f(0.0);
      for (var d = 0u; d < QUARTERS; d++) {
        score += key[d] * q[query * QUARTERS + d];
        d_weight += value[d] * d_output[query * QUARTERS + d];
      }
      let weight = exp(score.x + score.y + score.z + score.w - log_sum[query]);
      let d_score = weight * (d_weight.x + d_weight.y + d_weight.z + d_weight.w - delta[query]);
      for (var d = 0u; d < QUARTERS; d++) {
        key_sum[d] += d_score * q[query * QUARTERS + d];
        value_sum[d] += weight * d_output[query * QUARTERS + d];
      }
    }
  }
  for (var d = 0u; d < QUARTERS; d++) {
    let to_key = key_sum[d] * params.scale;
    if params.accumulate_k == 1u { dk[at + d] += to_key; } else { dk[at + d] = to_key; }
    if params.accumulate_v == 1u { dv[at + d] += value_sum[d]; } else { dv[at + d] = value_sum[d]; }
  }
}
