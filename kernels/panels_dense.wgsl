// Packing of dense weights: lays columns of B out in panels of 64, so that the products read them front to back.
//   B = Wᵀ (TRANSPOSED 0: columns are W's rows, depth is W's columns) or B = W (TRANSPOSED 1)
//   packed[p, k, c] = B[k, column_begin + 64p + c]
// Shapes: W [rows, columns], row-major from w_offset on, rows w_stride apart, in FORMAT; packed
//   [⌈column_count/64⌉, 4Q, 64] with Q = ⌈depth/4⌉. Columns and depths past the end are zero. Workgroup z packs the z-th
//   matrix, w_batch further on.
// Geometry: groups ⌈Q/4⌉ × ⌈column_count/64⌉ × matrices, with TRANSPOSED x and y exchanged (so that rows of W are
//   read in order); one invocation per 4 columns and 4 depths.
// Numerics: 16-bit values are widened exactly.

const WG: u32 = 64;
const PANEL: u32 = 64;
override FORMAT: u32 = 0; // 0 f32, 1 f16, 2 bf16
override TRANSPOSED: u32 = 0;

struct Params {
  w_stride: u32,
  w_offset: u32,
  w_batch: u32,
  depth: u32,
  column_begin: u32,
  column_count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4f>;

fn value(i: u32) -> f32 {
  if FORMAT == 0u { return bitcast<f32>(w[i]); }
  let word = w[i / 2u];
  if FORMAT == 1u { return unpack2x16float(word)[i % 2u]; }
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, i % 2u == 1u));
}

fn element(first: u32, column: u32, k: u32) -> f32 {
  if column >= params.column_count || k >= params.depth { return 0.0; }
  let at = params.column_begin + column;
  if TRANSPOSED == 1u { return value(first + k * params.w_stride + at); }
  return value(first + at * params.w_stride + k);
}

fn four_columns(first: u32, column: u32, k: u32) -> vec4f {
  return vec4f(
    element(first, column, k),
    element(first, column + 1u, k),
    element(first, column + 2u, k),
    element(first, column + 3u, k),
  );
}

@compute @workgroup_size(WG)
fn pack(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quads = (params.depth + 3u) / 4u;
  let block = select(group.xy, group.yx, TRANSPOSED == 1u);
  let quad = block.x * 4u + index / 16u;
  if quad >= quads { return; }
  let column = block.y * PANEL + index % 16u * 4u;
  let k = 4u * quad;
  let first = params.w_offset + group.z * params.w_batch;
  let panels = (params.column_count + PANEL - 1u) / PANEL;
  let at = ((group.z * panels + block.y) * quads + quad) * 64u + index % 16u;
  packed[at] = four_columns(first, column, k);
  packed[at + 16u] = four_columns(first, column, k + 1u);
  packed[at + 32u] = four_columns(first, column, k + 2u);
  packed[at + 48u] = four_columns(first, column, k + 3u);
}
