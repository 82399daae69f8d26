// Causal attention of heads of size 32, on adapters with subgroups of eight lanes (CPUs): all sequences in one launch.
//   forward:       o[i, h] = Σ_j P[i, j] · v[j, g],  P[i, j] = exp(s[i, j] - lse[i, h]),  s[i, j] = scale · q[i, h] · k[j, g]
//                  lse[i, h] = ln Σ_j exp(s[i, j])
//   backward_rows: dq[i, h] = scale · Σ_j dS[i, j] · k[j, g],  dS[i, j] = P[i, j] · (dO[i, h] · v[j, g] - mean[i, h])
//                  mean[i, h] = Σ_j P[i, j] · (dO[i, h] · v[j, g]);  stats[i, h] = (lse, mean)
//   backward_keys: dk[j, g] = scale · Σ_h Σ_i dS[i, j] · q[i, h],  dv[j, g] = Σ_h Σ_i P[i, j] · dO[i, h]
// Shapes: q, o, dO, dq [N, H, 32]; k, v, dk, dv [N', G, 32]; of these q, k, v, dO are texels, 1,024 a row; lse [N, H];
//   stats [N, H, 2]; g = h / (H/G).
//   tiles [T, 5]: eight positions of a sequence: its first query row, its first key row, its length (keys), how many of
//   its first positions have a key but no query, the tile's first position.
//   Position i of a sequence sees the positions max(0, i + 1 - window) .. i.
// Geometry: groups T × H of one subgroup (backward_keys: T × G, over tiles of keys); a lane keeps one row of its tile.
// Numerics: f32, sums in the order of the positions; rows past the end of a sequence repeat its last one.
// Idea: eight lanes load the 32 numbers of a row that all of them need at once, from a texture because a vec4 of a buffer
//   costs four times a texel here, and subgroupBroadcast, with a constant lane one permutation, spreads them.
// Source: Dao 2023, arXiv:2307.08691 (FlashAttention-2).

const WG: u32 = 8;
const QUADS: u32 = 8; // of a head

struct Params {
  heads: u32, // H
  kv_heads: u32, // G
  window: u32,
  scale: f32,
  accumulate_dq: u32,
  accumulate_dk: u32,
  accumulate_dv: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tiles: array<u32>;
@group(0) @binding(2) var q: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var k: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var v: texture_storage_2d<rgba32float, read>;
@group(0) @binding(5) var d_o: texture_storage_2d<rgba32float, read>;
@group(0) @binding(6) var<storage, read_write> o: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> lse: array<f32>;
@group(0) @binding(8) var<storage, read_write> stats: array<vec2f>;
@group(0) @binding(9) var<storage, read_write> dq: array<vec4f>;
@group(0) @binding(10) var<storage, read_write> dk: array<vec4f>;
@group(0) @binding(11) var<storage, read_write> dv: array<vec4f>;

const LOWEST: f32 = -3.4028234e38;

// The 32 numbers of a lane's row and head.
alias Head = array<vec4f, QUADS>;

// A tile of eight positions of a sequence.
struct Tile {
  query: u32, // the query row of the sequence's position 0, were there one; may wrap below 0
  key: u32, // its first key row
  count: u32, // its positions
  unasked: u32, // positions at its beginning that have no query
  first: u32, // the first position of the tile
  rows: u32, // positions of the tile
}

fn tile_of(group: vec3u) -> Tile {
  let at = 5u * group.x;
  let count = tiles[at + 2u];
  let unasked = tiles[at + 3u];
  let first = tiles[at + 4u];
  return Tile(tiles[at] - unasked, tiles[at + 1u], count, unasked, first, min(WG, count - first));
}

fn texel(at: u32) -> vec2u {
  return vec2u(at & 1023u, at >> 10u);
}

// The dot product of a lane's head and the one whose quads the lanes hold.
fn dot_head(head: ptr<function, Head>, quad: vec4f) -> f32 {
  var sums = (*head)[0] * subgroupBroadcast(quad, 0u);
  sums += (*head)[1] * subgroupBroadcast(quad, 1u);
  sums += (*head)[2] * subgroupBroadcast(quad, 2u);
  sums += (*head)[3] * subgroupBroadcast(quad, 3u);
  sums += (*head)[4] * subgroupBroadcast(quad, 4u);
  sums += (*head)[5] * subgroupBroadcast(quad, 5u);
  sums += (*head)[6] * subgroupBroadcast(quad, 6u);
  sums += (*head)[7] * subgroupBroadcast(quad, 7u);
  return sums.x + sums.y + sums.z + sums.w;
}

// head = keep · head + weight · the one whose quads the lanes hold
fn add_head(head: ptr<function, Head>, keep: f32, weight: f32, quad: vec4f) {
  (*head)[0] = keep * (*head)[0] + weight * subgroupBroadcast(quad, 0u);
  (*head)[1] = keep * (*head)[1] + weight * subgroupBroadcast(quad, 1u);
  (*head)[2] = keep * (*head)[2] + weight * subgroupBroadcast(quad, 2u);
  (*head)[3] = keep * (*head)[3] + weight * subgroupBroadcast(quad, 3u);
  (*head)[4] = keep * (*head)[4] + weight * subgroupBroadcast(quad, 4u);
  (*head)[5] = keep * (*head)[5] + weight * subgroupBroadcast(quad, 5u);
  (*head)[6] = keep * (*head)[6] + weight * subgroupBroadcast(quad, 6u);
  (*head)[7] = keep * (*head)[7] + weight * subgroupBroadcast(quad, 7u);
}

// Whether position i sees position j.
fn sees(i: u32, j: u32) -> bool {
  return j <= i && i - j < params.window;
}

// The first position that position i sees.
fn first_seen(i: u32) -> u32 {
  return i + 1u - min(i + 1u, params.window);
}

// Where the key of position j begins.
fn key_at(tile: Tile, j: u32, kv_head: u32) -> u32 {
  return ((tile.key + j) * params.kv_heads + kv_head) * QUADS;
}

@compute @workgroup_size(WG)
fn forward(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group);
  let i = tile.first + min(lane, tile.rows - 1u);
  let row = (tile.query + i) * params.heads + group.y;
  var query: Head;
  var sum: Head;
  for (var d = 0u; d < QUADS; d++) { query[d] = textureLoad(q, texel(row * QUADS + d)); }
  let kv_head = group.y / (params.heads / params.kv_heads);
  let end = tile.first + tile.rows;
  var top = LOWEST;
  var total = 0.0;
  for (var j = first_seen(tile.first); j < end; j++) {
    let at = key_at(tile, j, kv_head) + lane;
    let value = textureLoad(v, texel(at));
    let is_seen = sees(i, j);
    let score = select(LOWEST, params.scale * dot_head(&query, textureLoad(k, texel(at))), is_seen);
    let higher = max(top, score);
    let keep = exp(top - higher);
    let weight = select(0.0, exp(score - higher), is_seen);
    top = higher;
    total = keep * total + weight;
    add_head(&sum, keep, weight, value);
  }
  if lane >= tile.rows { return; }
  for (var d = 0u; d < QUADS; d++) { o[row * QUADS + d] = sum[d] / total; }
  lse[row] = top + log(total);
}

@compute @workgroup_size(WG)
fn backward_rows(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group);
  let i = tile.first + min(lane, tile.rows - 1u);
  let row = (tile.query + i) * params.heads + group.y;
  var query: Head;
  var gradient: Head;
  var sum: Head;
  for (var d = 0u; d < QUADS; d++) {
    query[d] = textureLoad(q, texel(row * QUADS + d));
    gradient[d] = textureLoad(d_o, texel(row * QUADS + d));
  }
  let kv_head = group.y / (params.heads / params.kv_heads);
  let log_sum = lse[row];
  let end = tile.first + tile.rows;
  var mean = 0.0;
  for (var j = first_seen(tile.first); j < end; j++) {
    let at = key_at(tile, j, kv_head) + lane;
    let weight = exp(params.scale * dot_head(&query, textureLoad(k, texel(at))) - log_sum);
    mean += select(0.0, weight * dot_head(&gradient, textureLoad(v, texel(at))), sees(i, j));
  }
  for (var j = first_seen(tile.first); j < end; j++) {
    let at = key_at(tile, j, kv_head) + lane;
    let key = textureLoad(k, texel(at));
    let weight = exp(params.scale * dot_head(&query, key) - log_sum);
    let d_score = params.scale * weight * (dot_head(&gradient, textureLoad(v, texel(at))) - mean);
    add_head(&sum, 1.0, select(0.0, d_score, sees(i, j)), key);
  }
  if lane >= tile.rows { return; }
  stats[row] = vec2f(log_sum, mean);
  for (var d = 0u; d < QUADS; d++) {
    let at = row * QUADS + d;
    if params.accumulate_dq == 1u { dq[at] += sum[d]; } else { dq[at] = sum[d]; }
  }
}

@compute @workgroup_size(WG)
fn backward_keys(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = tile_of(group);
  let j = tile.first + min(lane, tile.rows - 1u);
  let row = (tile.key + j) * params.kv_heads + group.y;
  var key: Head;
  var value: Head;
  var d_key: Head;
  var d_value: Head;
  for (var d = 0u; d < QUADS; d++) {
    key[d] = textureLoad(k, texel(row * QUADS + d));
    value[d] = textureLoad(v, texel(row * QUADS + d));
  }
  let share = params.heads / params.kv_heads;
  // The last that sees the tile's last position; a window may be as large as a u32.
  let last = tile.first + tile.rows - 1u;
  let end = last + min(params.window, tile.count - last);
  for (var head = group.y * share; head < (group.y + 1u) * share; head++) {
    for (var i = max(tile.first, tile.unasked); i < end; i++) {
      let query_row = (tile.query + i) * params.heads + head;
      let at = query_row * QUADS + lane;
      let query = textureLoad(q, texel(at));
      let gradient = textureLoad(d_o, texel(at));
      let stat = stats[query_row];
      let is_seen = sees(i, j);
      let weight = select(0.0, exp(params.scale * dot_head(&key, query) - stat.x), is_seen);
      let d_score = params.scale * weight * (dot_head(&value, gradient) - stat.y);
      add_head(&d_key, 1.0, d_score, query);
      add_head(&d_value, 1.0, weight, gradient);
    }
  }
  if lane >= tile.rows { return; }
  for (var d = 0u; d < QUADS; d++) {
    let at = row * QUADS + d;
    if params.accumulate_dk == 1u { dk[at] += d_key[d]; } else { dk[at] = d_key[d]; }
    if params.accumulate_dv == 1u { dv[at] += d_value[d]; } else { dv[at] = d_value[d]; }
  }
}
