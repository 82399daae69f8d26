// Product of a transposed matrix with a matrix, on adapters with subgroups of eight lanes (CPUs): weight gradients.
//   C[i, j] = alpha · Σ_k A[k, i] · B[k, j]   (+ its old value with accumulate)
// Shapes: A [K, M], B [K, N], row-major with strides, offsets and batches that are multiples of 4; C[i, j] at
//   i · c_row_stride + j · c_column_stride. Any M, N, K. Let M be the smaller extent: the two strides of C let a caller
//   exchange A and B. Workgroup z computes the z-th product, a_batch, b_batch and c_batch further on.
// Geometry: groups ⌈M/16⌉ × ⌈N/64⌉ × products of one subgroup.
// Numerics: f32, four depths at a time in the order of k; no atomics, so runs are equal bit for bit.
// Idea: as gemm_subgroup, with 16 rows × 2 vec4 of C per lane; one load of A covers 16 rows at two depths.

const WG: u32 = 8;
const ROWS: u32 = 16;
const COLUMNS: u32 = 64;

struct Params {
  m: u32,
  n: u32,
  k: u32,
  a_stride: u32,
  a_offset: u32,
  b_stride: u32,
  b_offset: u32,
  a_batch: u32,
  b_batch: u32,
  c_offset: u32,
  c_batch: u32,
  c_row_stride: u32,
  c_column_stride: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<vec4f>;
@group(0) @binding(2) var<storage, read> b: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

// A lane reads back only what it wrote, so no barrier is needed; on lavapipe one would split the kernel in two.
var<workgroup> stage: array<vec4f, 256>;

// Four rows of C: entry 2r is for four columns of the left half, 2r + 1 of the right half.
alias Block = array<vec4f, 8>;

// Adds four depths; column r of `rows` holds row r's four values of A.
fn multiply(block: ptr<function, Block>, rows: mat4x4f, left: mat4x4f, right: mat4x4f) {
  (*block)[0] += left * rows[0];
  (*block)[1] += right * rows[0];
  (*block)[2] += left * rows[1];
  (*block)[3] += right * rows[1];
  (*block)[4] += left * rows[2];
  (*block)[5] += right * rows[2];
  (*block)[6] += left * rows[3];
  (*block)[7] += right * rows[3];
}

fn put(block: ptr<function, Block>, at: u32) {
  stage[at] = params.alpha * (*block)[0];
  stage[at + 8u] = params.alpha * (*block)[1];
  stage[at + 16u] = params.alpha * (*block)[2];
  stage[at + 24u] = params.alpha * (*block)[3];
  stage[at + 32u] = params.alpha * (*block)[4];
  stage[at + 40u] = params.alpha * (*block)[5];
  stage[at + 48u] = params.alpha * (*block)[6];
  stage[at + 56u] = params.alpha * (*block)[7];
}

// Row, first column and index in c of a lane's four columns that were put i-th on the stage.
fn place(group: vec3u, i: u32, lane: u32) -> vec3u {
  let row = group.x * ROWS + i / 2u;
  let column = group.y * COLUMNS + i % 2u * 32u + lane * 4u;
  let first = params.c_offset + group.z * params.c_batch;
  return vec3u(row, column, first + row * params.c_row_stride + column * params.c_column_stride);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let stride_a = params.a_stride / 4u;
  let stride_b = params.b_stride / 4u;
  // Lanes 0 to 3 hold sixteen rows at an even depth, lanes 4 to 7 at the odd depth after it.
  var at_a = lane / 4u * stride_a + (params.a_offset + group.z * params.a_batch + group.x * ROWS) / 4u + lane % 4u;
  var at_b = (params.b_offset + group.z * params.b_batch + group.y * COLUMNS) / 4u + lane;

  var block0: Block;
  var block1: Block;
  var block2: Block;
  var block3: Block;
  let whole = params.k / 4u;
  for (var quad = 0u; quad < whole; quad++) {
    let left = mat4x4f(b[at_b], b[at_b + stride_b], b[at_b + 2u * stride_b], b[at_b + 3u * stride_b]);
    let at_right = at_b + 8u;
    let right =
      mat4x4f(b[at_right], b[at_right + stride_b], b[at_right + 2u * stride_b], b[at_right + 3u * stride_b]);
    let first = a[at_a];
    let second = a[at_a + 2u * stride_a];
    multiply(
      &block0,
      transpose(mat4x4f(
        subgroupBroadcast(first, 0u),
        subgroupBroadcast(first, 4u),
        subgroupBroadcast(second, 0u),
        subgroupBroadcast(second, 4u),
      )),
      left,
      right,
    );
    multiply(
      &block1,
      transpose(mat4x4f(
        subgroupBroadcast(first, 1u),
        subgroupBroadcast(first, 5u),
        subgroupBroadcast(second, 1u),
        subgroupBroadcast(second, 5u),
      )),
      left,
      right,
    );
    multiply(
      &block2,
      transpose(mat4x4f(
        subgroupBroadcast(first, 2u),
        subgroupBroadcast(first, 6u),
        subgroupBroadcast(second, 2u),
        subgroupBroadcast(second, 6u),
      )),
      left,
      right,
    );
    multiply(
      &block3,
      transpose(mat4x4f(
        subgroupBroadcast(first, 3u),
        subgroupBroadcast(first, 7u),
        subgroupBroadcast(second, 3u),
        subgroupBroadcast(second, 7u),
      )),
      left,
      right,
    );
    at_a += 4u * stride_a;
    at_b += 4u * stride_b;
  }
  // The last depths one by one; the three missing ones are zero.
  at_a -= lane / 4u * stride_a;
  for (var k = 4u * whole; k < params.k; k++) {
    let left = mat4x4f(b[at_b], vec4f(), vec4f(), vec4f());
    let right = mat4x4f(b[at_b + 8u], vec4f(), vec4f(), vec4f());
    let rows = a[at_a];
    let none = vec4f();
    multiply(&block0, transpose(mat4x4f(subgroupBroadcast(rows, 0u), none, none, none)), left, right);
    multiply(&block1, transpose(mat4x4f(subgroupBroadcast(rows, 1u), none, none, none)), left, right);
    multiply(&block2, transpose(mat4x4f(subgroupBroadcast(rows, 2u), none, none, none)), left, right);
    multiply(&block3, transpose(mat4x4f(subgroupBroadcast(rows, 3u), none, none, none)), left, right);
    at_a += stride_a;
    at_b += stride_b;
  }

  put(&block0, lane);
  put(&block1, lane + 64u);
  put(&block2, lane + 128u);
  put(&block3, lane + 192u);
  let step = params.c_column_stride;
  // A loop of no rounds costs nothing; an `if` would be executed under a mask.
  let old_values = select(0u, 32u, params.accumulate == 1u);
  for (var i = 0u; i < old_values; i++) {
    let at = place(group, i, lane);
    let j = vec4u(0u, 1u, 2u, 3u);
    let inside = (vec4u(at.x) < vec4u(params.m)) & (vec4u(at.y) + j < vec4u(params.n));
    let old = vec4f(c[at.z], c[at.z + step], c[at.z + 2u * step], c[at.z + 3u * step]);
    stage[i * 8u + lane] += select(vec4f(), old, inside);
  }
  for (var i = 0u; i < 32u; i++) {
    let at = place(group, i, lane);
    let sums = stage[i * 8u + lane];
    if at.x < params.m {
      if at.y < params.n { c[at.z] = sums.x; }
      if at.y + 1u < params.n { c[at.z + step] = sums.y; }
      if at.y + 2u < params.n { c[at.z + 2u * step] = sums.z; }
      if at.y + 3u < params.n { c[at.z + 3u * step] = sums.w; }
    }
  }
}
