// Product of a transposed matrix with a matrix through tiles in workgroup memory: weight gradients; needs no feature.
//   C[i, j] = alpha · Σ_k A[k, i] · B[k, j]   (+ its old value with accumulate)
// Shapes: A [K, M] with rows a_stride apart from a_offset on, B [K, N] likewise, C[i, j] at
//   i · c_row_stride + j · c_column_stride. Any M, N, K. Let M be the smaller extent: the two strides of C let a caller
//   exchange A and B. Workgroup z computes the z-th product, a_batch, b_batch and c_batch further on.
// Geometry: groups ⌈M/ROWS⌉ × ⌈N/64⌉ × products of WG invocations; each keeps 4 rows × 4 columns of C. How many rows
//   suit a GPU is measured (`deno task tune`).
// Numerics: f32 in the order of k, whatever ROWS is; no atomics, so runs are equal bit for bit.
// Source: the register-blocked tiles of Volkov and Demmel, "Benchmarking GPUs to Tune Dense Linear Algebra", 2008.

override ROWS: u32 = 32; // 16, 32 or 64
override WG: u32 = 128; // 4 · ROWS
const COLUMNS: u32 = 64;
const DEPTH: u32 = 16;

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
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

var<workgroup> tile_a: array<vec4f, 4u * ROWS>; // [16 depths][quads of rows]
var<workgroup> tile_b: array<vec4f, 256>; // [16 depths][16 quads of columns]

fn four_of_a(product: u32, k: u32, i: u32) -> vec4f {
  var values = vec4f();
  if k >= params.k { return values; }
  let at = params.a_offset + product * params.a_batch + k * params.a_stride + i;
  for (var j = 0u; j < 4u; j++) {
    if i + j < params.m { values[j] = a[at + j]; }
  }
  return values;
}

fn four_of_b(product: u32, k: u32, i: u32) -> vec4f {
  var values = vec4f();
  if k >= params.k { return values; }
  let at = params.b_offset + product * params.b_batch + k * params.b_stride + i;
  for (var j = 0u; j < 4u; j++) {
    if i + j < params.n { values[j] = b[at + j]; }
  }
  return values;
}

fn store(product: u32, row: u32, column: u32, sums: vec4f) {
  if row >= params.m { return; }
  let first = params.c_offset + product * params.c_batch;
  for (var j = 0u; j < 4u; j++) {
    if column + j >= params.n { return; }
    let at = first + row * params.c_row_stride + (column + j) * params.c_column_stride;
    if params.accumulate == 1u { c[at] += params.alpha * sums[j]; } else { c[at] = params.alpha * sums[j]; }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = index / 16u;
  let column = index % 16u;
  let row_quads = ROWS / 4u;
  let first_row = group.x * ROWS;
  let first_column = group.y * COLUMNS;
  var sums0 = vec4f();
  var sums1 = vec4f();
  var sums2 = vec4f();
  var sums3 = vec4f();
  for (var k = 0u; k < params.k; k += DEPTH) {
    tile_a[index] = four_of_a(group.z, k + index / row_quads, first_row + index % row_quads * 4u);
    for (var i = index; i < 256u; i += WG) {
      tile_b[i] = four_of_b(group.z, k + i / 16u, first_column + i % 16u * 4u);
    }
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let rows = tile_a[d * row_quads + row];
      let columns = tile_b[d * 16u + column];
      sums0 += rows.x * columns;
      sums1 += rows.y * columns;
      sums2 += rows.z * columns;
      sums3 += rows.w * columns;
    }
    workgroupBarrier();
  }
  let i = first_row + row * 4u;
  let j = first_column + column * 4u;
  store(group.z, i, j, sums0);
  store(group.z, i + 1u, j, sums1);
  store(group.z, i + 2u, j, sums2);
  store(group.z, i + 3u, j, sums3);
}
