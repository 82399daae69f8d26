// Matrix product of packed operands on adapters with subgroups of eight lanes (CPUs).
//   C[i, c_offset + j] = alpha · Σ_k A[i, k] · B[k, j]   (+ its old value with accumulate)
// Shapes: A [M, K] packed by pack_rows; B [K, N] in panels of 64 columns, packed by panels_dense or panels_nf4;
//   C row-major, rows c_stride apart. Any M, N, K.
//   Batches: workgroup z computes the z-th product. Its A follows the one before, its B belongs to b_share
//   consecutive products, its C lies c_batch further.
// Geometry: groups ⌈M/ROWS⌉ × ⌈N/64⌉ × products of one subgroup; x runs first, so a panel stays in the cache.
// Numerics: f32, four depths at a time in the order of k, whatever ROWS is.
// Idea: here a load costs one scalar load per lane, so loads per product decide. A lane keeps ROWS rows × 2 vec4 of C;
//   eight lanes load eight rows of A at once and subgroupBroadcast, with a constant lane one permutation, spreads
//   them. The loop just fits the instruction cache: 48 rows run at 60 % of the speed of 32.

const WG: u32 = 8;
override ROWS: u32 = 32; // 8, 16, 24, 32 or 40
override HALVES: u32 = 2; // 1 where N is at most 32: a panel's right half is not multiplied then
const PANEL: u32 = 64;

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
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;
@group(0) @binding(4) var<storage, read_write> c_quads: array<vec4f>;

// A lane reads back only what it wrote, so no barrier is needed; on lavapipe one would split the kernel in two.
var<workgroup> stage: array<vec4f, 16u * ROWS>;

// Eight rows of C: entry 2r is for four columns of the panel's left half, 2r + 1 of its right half.
alias Block = array<vec4f, 16>;

// Four columns of B at four depths, a depth per column of the result.
fn load_b(at: u32) -> mat4x4f {
  return mat4x4f(b[at], b[at + 16u], b[at + 32u], b[at + 48u]);
}

// Adds four depths to eight rows; lane r holds row r's four values of A.
fn multiply(block: ptr<function, Block>, rows: vec4f, left: mat4x4f, right: mat4x4f) {
  let row0 = subgroupBroadcast(rows, 0u);
  (*block)[0] += left * row0;
  if HALVES == 2u { (*block)[1] += right * row0; }
  let row1 = subgroupBroadcast(rows, 1u);
  (*block)[2] += left * row1;
  if HALVES == 2u { (*block)[3] += right * row1; }
  let row2 = subgroupBroadcast(rows, 2u);
  (*block)[4] += left * row2;
  if HALVES == 2u { (*block)[5] += right * row2; }
  let row3 = subgroupBroadcast(rows, 3u);
  (*block)[6] += left * row3;
  if HALVES == 2u { (*block)[7] += right * row3; }
  let row4 = subgroupBroadcast(rows, 4u);
  (*block)[8] += left * row4;
  if HALVES == 2u { (*block)[9] += right * row4; }
  let row5 = subgroupBroadcast(rows, 5u);
  (*block)[10] += left * row5;
  if HALVES == 2u { (*block)[11] += right * row5; }
  let row6 = subgroupBroadcast(rows, 6u);
  (*block)[12] += left * row6;
  if HALVES == 2u { (*block)[13] += right * row6; }
  let row7 = subgroupBroadcast(rows, 7u);
  (*block)[14] += left * row7;
  if HALVES == 2u { (*block)[15] += right * row7; }
}

// Moves a block to where a loop can index it; indexing the block itself would take it out of registers.
fn put(block: ptr<function, Block>, at: u32) {
  stage[at] = params.alpha * (*block)[0];
  stage[at + 8u] = params.alpha * (*block)[1];
  stage[at + 16u] = params.alpha * (*block)[2];
  stage[at + 24u] = params.alpha * (*block)[3];
  stage[at + 32u] = params.alpha * (*block)[4];
  stage[at + 40u] = params.alpha * (*block)[5];
  stage[at + 48u] = params.alpha * (*block)[6];
  stage[at + 56u] = params.alpha * (*block)[7];
  stage[at + 64u] = params.alpha * (*block)[8];
  stage[at + 72u] = params.alpha * (*block)[9];
  stage[at + 80u] = params.alpha * (*block)[10];
  stage[at + 88u] = params.alpha * (*block)[11];
  stage[at + 96u] = params.alpha * (*block)[12];
  stage[at + 104u] = params.alpha * (*block)[13];
  stage[at + 112u] = params.alpha * (*block)[14];
  stage[at + 120u] = params.alpha * (*block)[15];
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

  var block0: Block;
  var block1: Block;
  var block2: Block;
  var block3: Block;
  var block4: Block;
  for (var quad = 0u; quad < quads; quad++) {
    let left = load_b(at_b);
    var right: mat4x4f;
    if HALVES == 2u { right = load_b(at_b + 8u); }
    multiply(&block0, a[at0], left, right);
    if ROWS > 8u { multiply(&block1, a[at1], left, right); }
    if ROWS > 16u { multiply(&block2, a[at2], left, right); }
    if ROWS > 24u { multiply(&block3, a[at3], left, right); }
    if ROWS > 32u { multiply(&block4, a[at4], left, right); }
    at0 += 8u;
    at1 += 8u;
    at2 += 8u;
    at3 += 8u;
    at4 += 8u;
    at_b += PANEL;
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
