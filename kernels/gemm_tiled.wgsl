// Matrix product of packed operands through tiles in workgroup memory, for GPUs; needs no feature.
//   C[i, c_offset + j] = alpha · Σ_k A[i, k] · B[k, j]   (+ its old value with accumulate)
// Shapes: A [M, K] packed by pack_rows; B [K, N] in panels of 64 columns, packed by panels_dense or panels_nf4;
//   C row-major, rows c_stride apart. Any M, N, K.
//   Batches: workgroup z computes the z-th product. Its A follows the one before, its B belongs to b_share
//   consecutive products, its C lies c_batch further.
// Geometry: groups ⌈M/64⌉ × ⌈N/64⌉ × products of 128 invocations; each keeps 8 rows × 4 columns of C.
// Numerics: f32, four depths at a time in the order of k, so the sums equal gemm_subgroup's where neither fuses.
// Source: the register-blocked tiles of Volkov and Demmel, "Benchmarking GPUs to Tune Dense Linear Algebra", 2008.

const WG: u32 = 128;
const TILE: u32 = 64;

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

// Sixteen depths of the tile: [4 quads of depths][64 rows] and [16 depths][16 quads of columns].
var<workgroup> tile_a: array<vec4f, 256>;
var<workgroup> tile_b: array<vec4f, 256>;

fn load_tile_a(index: u32, tile: vec3u, quad: u32, quads: u32) {
  let row = index % TILE;
  let octet = tile.x * 8u + row / 8u;
  let octets = (params.m + 7u) / 8u;
  let at = quad + index / TILE;
  var values = vec4f();
  if at < quads && octet < octets { values = a[((tile.z * octets + octet) * quads + at) * 8u + row % 8u]; }
  tile_a[index] = values;
}

fn load_tile_b(index: u32, tile: vec3u, quad: u32, quads: u32) {
  let panels = (params.n + TILE - 1u) / TILE;
  let panel = tile.z / params.b_share * panels + tile.y;
  var values = vec4f();
  if quad + index / TILE < quads { values = b[(panel * quads + quad) * TILE + index]; }
  tile_b[index] = values;
}

fn store(product: u32, row: u32, column: u32, sums: vec4f) {
  if row >= params.m { return; }
  let at = params.c_offset + product * params.c_batch + row * params.c_stride + column;
  for (var j = 0u; j < 4u; j++) {
    if column + j >= params.n { return; }
    if params.accumulate == 1u { c[at + j] += params.alpha * sums[j]; } else { c[at + j] = params.alpha * sums[j]; }
  }
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quads = (params.k + 3u) / 4u;
  let row = index / 16u * 8u;
  let column = index % 16u;
  var sums0 = vec4f();
  var sums1 = vec4f();
  var sums2 = vec4f();
  var sums3 = vec4f();
  var sums4 = vec4f();
  var sums5 = vec4f();
  var sums6 = vec4f();
  var sums7 = vec4f();
  for (var quad = 0u; quad < quads; quad += 4u) {
    load_tile_a(index, group, quad, quads);
    load_tile_a(index + WG, group, quad, quads);
    load_tile_b(index, group, quad, quads);
    load_tile_b(index + WG, group, quad, quads);
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let at = q * TILE + column;
      let columns = mat4x4f(tile_b[at], tile_b[at + 16u], tile_b[at + 32u], tile_b[at + 48u]);
      let rows = q * TILE + row;
      sums0 += columns * tile_a[rows];
      sums1 += columns * tile_a[rows + 1u];
      sums2 += columns * tile_a[rows + 2u];
      sums3 += columns * tile_a[rows + 3u];
      sums4 += columns * tile_a[rows + 4u];
      sums5 += columns * tile_a[rows + 5u];
      sums6 += columns * tile_a[rows + 6u];
      sums7 += columns * tile_a[rows + 7u];
    }
    workgroupBarrier();
  }
  let i = group.x * TILE + row;
  let j = group.y * TILE + column * 4u;
  store(group.z, i, j, sums0);
  store(group.z, i + 1u, j, sums1);
  store(group.z, i + 2u, j, sums2);
  store(group.z, i + 3u, j, sums3);
  store(group.z, i + 4u, j, sums4);
  store(group.z, i + 5u, j, sums5);
  store(group.z, i + 6u, j, sums6);
  store(group.z, i + 7u, j, sums7);
}
