// Matrix product of packed operands on adapters with subgroups of eight lanes (CPUs).
//   C[i, c_offset + j] = alpha · Σ_k A[i, k] · B[k, j]   (+ its old value with accumulate)
// Shapes: A [M, K] packed by pack_rows_texels; B [K, N] in panels of 64 columns, packed by panels_dense_texels or
//   panels_nf4_texels, both in textures of 1,024 texels a row; C row-major, rows c_stride apart. Any M, N, K.
//   Batches: workgroup z computes the z-th product. Its A follows the one before, its B belongs to b_share
//   consecutive products (with NF4 there is one for all), its C lies c_batch further.
// Geometry: groups ⌈M/ROWS⌉ × ⌈N/64⌉ × products of one subgroup; x runs first, so a panel stays in the cache.
// Numerics: f32, four depths at a time in the order of k, whatever ROWS is; NF4 values are restored as in
//   panels_nf4. Words of codes are bit patterns of f32 until they are here.
// Idea: here a vec4 of a buffer costs a scalar load per lane and component, 20 ns for eight lanes, and a texel of a
//   storage texture 5, so both operands are texels. A lane keeps ROWS rows × 2 vec4 of C; eight lanes load eight rows of
//   A at once and subgroupBroadcast, with a constant lane one permutation, spreads them. The loop just fits the
//   instruction cache: 48 rows run at 60 % of the speed of 32.

const WG: u32 = 8;
override ROWS: u32 = 32; // 8, 16, 24, 32 or 40
override HALVES: u32 = 2; // 1 where N is at most 32: a panel's right half is not multiplied then
const PANEL: u32 = 64;
override NF4: u32 = 0; // 0: B holds values; 1: codes with a scale per column and 64 depths; 2: per panel and depth

struct Params {
  m: u32,
  n: u32,
  k: u32,
  c_stride: u32,
  c_offset: u32,
  c_batch: u32,
  b_share: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<storage, read_write> c_quads: array<vec4f>;

// A lane reads back only what it wrote, so no barrier is needed; on lavapipe one would split the kernel in two.
var<workgroup> stage: array<vec4f, 16u * ROWS>;

// Eight rows of C. Entry 4h + j is for column j of the lane's four in half h of the panel, rows 0 to 3; 8 + 4h + j for
// rows 4 to 7.
alias Block = array<vec4f, 16>;

fn texel(at: u32) -> vec2u {
  return vec2u(at & 1023u, at >> 10u);
}

fn load_a(at: u32) -> vec4f {
  return textureLoad(a, texel(at));
}

// Four columns of B at four depths, a column per column of the result.
fn load_b(at: u32) -> mat4x4f {
  return transpose(mat4x4f(
    textureLoad(b, texel(at)),
    textureLoad(b, texel(at + 16u)),
    textureLoad(b, texel(at + 32u)),
    textureLoad(b, texel(at + 48u)),
  ));
}

// What the lanes hold: the values of codes 0 to 7 and of codes 8 to 15.
struct CodeValues {
  low: f32,
  high: f32,
}

// Where the four codes of a word for the left and for the right half of a panel lie.
const LEFT: vec4u = vec4u(4u, 0u, 12u, 8u);
const RIGHT: vec4u = vec4u(20u, 16u, 28u, 24u);

fn four_values(table: CodeValues, word: u32, shifts: vec4u) -> vec4f {
  let i = (vec4u(word) >> shifts) & vec4u(7u);
  let is_high = (vec4u(word) & (vec4u(8u) << shifts)) != vec4u();
  let low = vec4f(
    subgroupShuffle(table.low, i.x), subgroupShuffle(table.low, i.y),
    subgroupShuffle(table.low, i.z), subgroupShuffle(table.low, i.w),
  );
  let high = vec4f(
    subgroupShuffle(table.high, i.x), subgroupShuffle(table.high, i.y),
    subgroupShuffle(table.high, i.z), subgroupShuffle(table.high, i.w),
  );
  return select(low, high, is_high);
}

// Four columns of B at four depths from a word of codes and a scale per column (NF4 1) or per depth (NF4 2).
fn restore_b(table: CodeValues, words: vec4u, shifts: vec4u, scales: vec4f) -> mat4x4f {
  let values = mat4x4f(
    four_values(table, words.x, shifts) * scales.x,
    four_values(table, words.y, shifts) * scales.y,
    four_values(table, words.z, shifts) * scales.z,
    four_values(table, words.w, shifts) * scales.w,
  );
  if NF4 == 2u { return transpose(values); }
  return values;
}

// Four rows of four depths, a depth per column. Not transpose(), of whose products Mesa sums the depths the other way.
fn by_depth(row0: vec4f, row1: vec4f, row2: vec4f, row3: vec4f) -> mat4x4f {
  return mat4x4f(
    vec4f(row0.x, row1.x, row2.x, row3.x),
    vec4f(row0.y, row1.y, row2.y, row3.y),
    vec4f(row0.z, row1.z, row2.z, row3.z),
    vec4f(row0.w, row1.w, row2.w, row3.w),
  );
}

// Adds four depths to eight rows; lane r holds row r's four values of A. Four rows and a column of B take 20 registers, of
// 32 with AVX-512, so every value is loaded into one once for 16 or more products.
fn multiply(block: ptr<function, Block>, rows: vec4f, left: mat4x4f, right: mat4x4f) {
  let upper = by_depth(
    subgroupBroadcast(rows, 0u),
    subgroupBroadcast(rows, 1u),
    subgroupBroadcast(rows, 2u),
    subgroupBroadcast(rows, 3u),
  );
  (*block)[0] += upper * left[0];
  (*block)[1] += upper * left[1];
  (*block)[2] += upper * left[2];
  (*block)[3] += upper * left[3];
  if HALVES == 2u {
    (*block)[4] += upper * right[0];
    (*block)[5] += upper * right[1];
    (*block)[6] += upper * right[2];
    (*block)[7] += upper * right[3];
  }
  let lower = by_depth(
    subgroupBroadcast(rows, 4u),
    subgroupBroadcast(rows, 5u),
    subgroupBroadcast(rows, 6u),
    subgroupBroadcast(rows, 7u),
  );
  (*block)[8] += lower * left[0];
  (*block)[9] += lower * left[1];
  (*block)[10] += lower * left[2];
  (*block)[11] += lower * left[3];
  if HALVES == 2u {
    (*block)[12] += lower * right[0];
    (*block)[13] += lower * right[1];
    (*block)[14] += lower * right[2];
    (*block)[15] += lower * right[3];
  }
}

// Moves four rows of one half to where a loop can index them; indexing the block itself would take it out of registers.
fn put_rows(at: u32, column0: vec4f, column1: vec4f, column2: vec4f, column3: vec4f) {
  let rows = transpose(mat4x4f(column0, column1, column2, column3));
  stage[at] = params.alpha * rows[0];
  stage[at + 16u] = params.alpha * rows[1];
  stage[at + 32u] = params.alpha * rows[2];
  stage[at + 48u] = params.alpha * rows[3];
}

fn put(block: ptr<function, Block>, at: u32) {
  put_rows(at, (*block)[0], (*block)[1], (*block)[2], (*block)[3]);
  put_rows(at + 8u, (*block)[4], (*block)[5], (*block)[6], (*block)[7]);
  put_rows(at + 64u, (*block)[8], (*block)[9], (*block)[10], (*block)[11]);
  put_rows(at + 72u, (*block)[12], (*block)[13], (*block)[14], (*block)[15]);
}

// Puts the workgroup's tile of alpha · A · B on the stage: lane's columns of row r, half h at (2r + h) · 8 + lane.
fn multiply_tile(group: vec3u, lane: u32) {
  let quads = (params.k + 3u) / 4u;
  // Row groups past the end repeat the last one; what they give is not stored.
  let octets = (params.m + 7u) / 8u;
  let last = octets - 1u;
  let first = group.x * (ROWS / 8u);
  let base = group.z * octets;
  var at0 = (base + min(first, last)) * quads * 8u + lane;
  var at1 = (base + min(first + 1u, last)) * quads * 8u + lane;
  var at2 = (base + min(first + 2u, last)) * quads * 8u + lane;
  var at3 = (base + min(first + 3u, last)) * quads * 8u + lane;
  var at4 = (base + min(first + 4u, last)) * quads * 8u + lane;
  let panels = (params.n + PANEL - 1u) / PANEL;
  var at_b = (group.z / params.b_share * panels + group.y) * quads * PANEL + lane;
  var table: CodeValues;
  var scales_begin: u32;
  if NF4 != 0u {
    let values = textureLoad(b, texel(lane));
    table = CodeValues(values.x, values.y);
    at_b = 8u + group.y * quads * 8u + lane;
    scales_begin = 8u + panels * quads * 8u + group.y * quads;
  }

  var block0: Block;
  var block1: Block;
  var block2: Block;
  var block3: Block;
  var block4: Block;
  for (var quad = 0u; quad < quads; quad++) {
    // All loads come first: 3 % faster than each before its products.
    var left: mat4x4f;
    var right: mat4x4f;
    if NF4 == 0u {
      left = load_b(at_b);
      if HALVES == 2u { right = load_b(at_b + 8u); }
    } else {
      let words = bitcast<vec4u>(textureLoad(b, texel(at_b)));
      let at = scales_begin + select(quad, (quad & ~15u) + lane, NF4 == 1u);
      let scales = textureLoad(b, texel(at));
      left = restore_b(table, words, LEFT, scales);
      if HALVES == 2u {
        var right_scales = scales;
        if NF4 == 1u { right_scales = textureLoad(b, texel(at + 8u)); }
        right = restore_b(table, words, RIGHT, right_scales);
      }
    }
    let rows0 = load_a(at0);
    var rows1: vec4f;
    var rows2: vec4f;
    var rows3: vec4f;
    var rows4: vec4f;
    if ROWS > 8u { rows1 = load_a(at1); }
    if ROWS > 16u { rows2 = load_a(at2); }
    if ROWS > 24u { rows3 = load_a(at3); }
    if ROWS > 32u { rows4 = load_a(at4); }
    multiply(&block0, rows0, left, right);
    if ROWS > 8u { multiply(&block1, rows1, left, right); }
    if ROWS > 16u { multiply(&block2, rows2, left, right); }
    if ROWS > 24u { multiply(&block3, rows3, left, right); }
    if ROWS > 32u { multiply(&block4, rows4, left, right); }
    at0 += 8u;
    at1 += 8u;
    at2 += 8u;
    at3 += 8u;
    at4 += 8u;
    if NF4 == 0u { at_b += PANEL; } else { at_b += 8u; }
  }

  put(&block0, lane);
  if ROWS > 8u { put(&block1, lane + 128u); }
  if ROWS > 16u { put(&block2, lane + 256u); }
  if ROWS > 24u { put(&block3, lane + 384u); }
  if ROWS > 32u { put(&block4, lane + 512u); }
}

// Four neighbouring columns of a row: where they lie on the stage and in c.
struct Place {
  stage: u32,
  column: u32,
  c: u32,
}

// The i-th place to store; the rows and the halves of the panel that are past the end are not counted.
fn place(group: vec3u, i: u32, lane: u32) -> Place {
  let halves = halves_of(group);
  let row = i / halves;
  let half = i % halves;
  let column = group.y * PANEL + half * 32u + lane * 4u;
  let c_row = params.c_offset + group.z * params.c_batch + (group.x * ROWS + row) * params.c_stride;
  return Place((2u * row + half) * 8u + lane, column, c_row + column);
}

fn halves_of(group: vec3u) -> u32 {
  return select(1u, 2u, params.n - group.y * PANEL > 32u);
}

fn places(group: vec3u) -> u32 {
  return min(ROWS, params.m - group.x * ROWS) * halves_of(group);
}

// For any c.
@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  multiply_tile(group, lane);
  let count = places(group);
  // A loop of no rounds costs nothing; an `if` would be executed under a mask.
  let old_values = select(0u, count, params.accumulate == 1u);
  for (var i = 0u; i < old_values; i++) {
    let at = place(group, i, lane);
    let inside = at.column + vec4u(0u, 1u, 2u, 3u) < vec4u(params.n);
    let old = vec4f(c[at.c], c[at.c + 1u], c[at.c + 2u], c[at.c + 3u]);
    stage[at.stage] += select(vec4f(), old, inside);
  }
  for (var i = 0u; i < count; i++) {
    let at = place(group, i, lane);
    let sums = stage[at.stage];
    if at.column < params.n { c[at.c] = sums.x; }
    if at.column + 1u < params.n { c[at.c + 1u] = sums.y; }
    if at.column + 2u < params.n { c[at.c + 2u] = sums.z; }
    if at.column + 3u < params.n { c[at.c + 3u] = sums.w; }
  }
}

// For N and a place of c that are multiples of 4: a store of four values costs half of four stores.
@compute @workgroup_size(WG)
fn main_quads(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  multiply_tile(group, lane);
  let count = places(group);
  let old_values = select(0u, count, params.accumulate == 1u);
  for (var i = 0u; i < old_values; i++) {
    let at = place(group, i, lane);
    stage[at.stage] += select(vec4f(), c_quads[at.c / 4u], at.column < params.n);
  }
  for (var i = 0u; i < count; i++) {
    let at = place(group, i, lane);
    if at.column < params.n { c_quads[at.c / 4u] = stage[at.stage]; }
  }
}
