// Matrix product of packed operands through tiles in workgroup memory, for GPUs; needs no feature.
//   C[i, c_offset + j] = alpha · Σ_k A[i, k] · B[k, j]   (+ its old value with accumulate)
// Shapes: A [M, K] packed by pack_rows; B [K, N] in panels of 64 columns, packed by panels_dense or panels_nf4;
//   C row-major, rows c_stride apart. Any M, N, K.
//   Batches: workgroup z computes the z-th product. Its A follows the one before, its B belongs to b_share
//   consecutive products, its C lies c_batch further.
// Geometry: groups ⌈M/ROWS⌉ × ⌈N/COLUMNS⌉ × products of WG invocations; each keeps 8 rows × QUADS vec4 of C. Which
//   sizes suit a GPU is measured (`deno task tune`).
// Numerics: f32, four depths at a time in the order of k, so the sums equal gemm_subgroup's where neither fuses, and
//   do not depend on the sizes.
// Source: the register-blocked tiles of Volkov and Demmel, "Benchmarking GPUs to Tune Dense Linear Algebra", 2008.

override ROWS: u32 = 64; // a multiple of 8
override COLUMNS: u32 = 64; // 64 or 128
override QUADS: u32 = 1; // 1 or 2
override WG: u32 = 128; // ROWS / 8 · COLUMNS / 4 / QUADS
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

// Sixteen depths of the tile: [4 quads of depths][ROWS], and [panels][16 depths][16 quads of columns].
var<workgroup> tile_a: array<vec4f, 4u * ROWS>;
var<workgroup> tile_b: array<vec4f, 4u * COLUMNS>;

// Eight rows of one vec4 of C.
alias Block = array<vec4f, 8>;

fn load_tile_a(index: u32, tile: vec3u, quad: u32, quads: u32) {
  let row = index % ROWS;
  let octet = tile.x * (ROWS / 8u) + row / 8u;
  let octets = (params.m + 7u) / 8u;
  let at = quad + index / ROWS;
  var values = vec4f();
  if at < quads && octet < octets { values = a[((tile.z * octets + octet) * quads + at) * 8u + row % 8u]; }
  tile_a[index] = values;
}

fn load_tile_b(index: u32, tile: vec3u, quad: u32, quads: u32) {
  let panels = (params.n + PANEL - 1u) / PANEL;
  let panel = tile.y * (COLUMNS / PANEL) + index / 256u;
  let depth = index % 256u;
  var values = vec4f();
  if panel < panels && quad + depth / 64u < quads {
    values = b[((tile.z / params.b_share * panels + panel) * quads + quad) * PANEL + depth];
  }
  tile_b[index] = values;
}

// Four columns of the tile at four depths, a depth per column of the result.
fn four_columns(column_quad: u32, depth_quad: u32) -> mat4x4f {
  let at = column_quad / 16u * 256u + depth_quad * 64u + column_quad % 16u;
  return mat4x4f(tile_b[at], tile_b[at + 16u], tile_b[at + 32u], tile_b[at + 48u]);
}

// Adds four depths to eight rows, whose values of A begin at `rows` of their tile.
fn multiply(block: ptr<function, Block>, columns: mat4x4f, rows: u32) {
  (*block)[0] += columns * tile_a[rows];
  (*block)[1] += columns * tile_a[rows + 1u];
  (*block)[2] += columns * tile_a[rows + 2u];
  (*block)[3] += columns * tile_a[rows + 3u];
  (*block)[4] += columns * tile_a[rows + 4u];
  (*block)[5] += columns * tile_a[rows + 5u];
  (*block)[6] += columns * tile_a[rows + 6u];
  (*block)[7] += columns * tile_a[rows + 7u];
}

fn store(product: u32, row: u32, column: u32, sums: vec4f) {
  if row >= params.m { return; }
  let at = params.c_offset + product * params.c_batch + row * params.c_stride + column;
  for (var j = 0u; j < 4u; j++) {
    if column + j >= params.n { return; }
    if params.accumulate == 1u { c[at + j] += params.alpha * sums[j]; } else { c[at + j] = params.alpha * sums[j]; }
  }
}

fn store_block(block: ptr<function, Block>, product: u32, row: u32, column: u32) {
  store(product, row, column, (*block)[0]);
  store(product, row + 1u, column, (*block)[1]);
  store(product, row + 2u, column, (*block)[2]);
  store(product, row + 3u, column, (*block)[3]);
  store(product, row + 4u, column, (*block)[4]);
  store(product, row + 5u, column, (*block)[5]);
  store(product, row + 6u, column, (*block)[6]);
  store(product, row + 7u, column, (*block)[7]);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quads = (params.k + 3u) / 4u;
  // An invocation's second vec4 lies half a tile from its first, so that neighbours read neighbouring columns.
  let lanes = COLUMNS / 4u / QUADS;
  let row = index / lanes * 8u;
  let column = index % lanes;
  var left: Block;
  var right: Block;
  for (var quad = 0u; quad < quads; quad += 4u) {
    for (var i = index; i < 4u * ROWS; i += WG) { load_tile_a(i, group, quad, quads); }
    for (var i = index; i < 4u * COLUMNS; i += WG) { load_tile_b(i, group, quad, quads); }
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      multiply(&left, four_columns(column, q), q * ROWS + row);
      if QUADS == 2u { multiply(&right, four_columns(column + lanes, q), q * ROWS + row); }
    }
    workgroupBarrier();
  }
  let i = group.x * ROWS + row;
  let j = group.y * COLUMNS + column * 4u;
  store_block(&left, group.z, i, j);
  if QUADS == 2u { store_block(&right, group.z, i, j + lanes * 4u); }
}
