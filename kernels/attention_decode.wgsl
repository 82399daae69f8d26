// Attention of decoding: one new row of each of S sequences over the cached keys of its own sequence.
//   scores: scores[s, h, j] = scale · q[s, h] · k[begin_s + j, h / (H/G)],  j < count_s
//   mix:    o[s, h] = Σ_j exp(scores[s, h, j] - max) · v[begin_s + j, h / (H/G)] / Σ_j exp(scores[s, h, j] - max)
// Shapes: spans [S, 2] (begin, count: what the window lets the row see); q, o [S, H, D]; k, v [rows, G, D];
//   scores [S, H, stride], stride a multiple of 4; D a multiple of 4. What lies behind count_s is never read.
// Geometry: scores, one invocation per score; mix, one per four elements of o.
// Numerics: f32; every sum has one chain per component. mix makes 1.25 · count rounds of loops in all.
// Source: the split by keys of Flash-Decoding (Dao et al. 2023), without its last reduction.

const WG: u32 = 64;

struct Params {
  sequences: u32, // S
  heads: u32, // H
  kv_heads: u32, // G
  quads: u32, // D / 4
  stride: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> spans: array<vec2u>;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(3) var<storage, read> k: array<vec4f>;
@group(0) @binding(4) var<storage, read> v: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> scores: array<f32>;
@group(0) @binding(6) var<storage, read> finished: array<vec4f>; // scores
@group(0) @binding(7) var<storage, read_write> o: array<vec4f>;

const LOWEST: f32 = -3.4028234e38;

// Where the key head of `head` begins in cached row `row`.
fn cached(row: u32, head: u32) -> u32 {
  return (row * params.kv_heads + head / (params.heads / params.kv_heads)) * params.quads;
}

@compute @workgroup_size(WG)
fn score(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  let row = i / params.stride;
  let j = i % params.stride;
  if row >= params.sequences * params.heads { return; }
  let span = spans[row / params.heads];
  if j >= span.y { return; }
  let query = row * params.quads;
  let key = cached(span.x + j, row % params.heads);
  var sums = vec4f();
  for (var d = 0u; d < params.quads; d++) {
    sums += q[query + d] * k[key + d];
  }
  scores[i] = params.scale * (sums.x + sums.y + sums.z + sums.w);
}

// The four scores from 4·quad on, LOWEST for those behind the last.
fn visible(row: u32, quad: u32, count: u32) -> vec4f {
  let j = 4u * quad + vec4u(0u, 1u, 2u, 3u);
  return select(vec4f(LOWEST), finished[row * (params.stride / 4u) + quad], j < vec4u(count));
}

@compute @workgroup_size(WG)
fn mix(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  let row = i / params.quads;
  if row >= params.sequences * params.heads { return; }
  let d = i % params.quads;
  let head = row % params.heads;
  let span = spans[row / params.heads];
  let quads = (span.y + 3u) / 4u;
  var highest = vec4f(LOWEST);
  for (var quad = 0u; quad < quads; quad++) {
    highest = max(highest, visible(row, quad, span.y));
  }
  let top = max(max(highest.x, highest.y), max(highest.z, highest.w));
  let last = span.x + span.y - 1u;
  var total = vec4f();
  var sum = vec4f();
  for (var quad = 0u; quad < quads; quad++) {
    let found = visible(row, quad, span.y);
    // A score may be below what LOWEST - top can tell from one that is not there.
    let weights = select(vec4f(), exp(found - top), 4u * quad + vec4u(0u, 1u, 2u, 3u) < vec4u(span.y));
    let first = span.x + 4u * quad;
    total += weights;
    sum += mat4x4f(
      v[cached(first, head) + d],
      v[cached(min(first + 1u, last), head) + d],
      v[cached(min(first + 2u, last), head) + d],
      v[cached(min(first + 3u, last), head) + d],
    ) * weights;
  }
  o[i] = sum / (total.x + total.y + total.z + total.w);
}
