// Packing of dense weights for CPU adapters: as panels_dense, into the texels that gemm_subgroup reads.
//   B = Wᵀ (TRANSPOSED 0: columns are W's rows, depth is W's columns) or B = W (TRANSPOSED 1)
//   texel (p·4Q + k)·16 + c = (B[k, first], B[k, first+1], B[k, first+2], B[k, first+3]),
//     first = column_begin + 64p + 4c,  Q = ⌈depth/4⌉
// Shapes: W [rows, columns], row-major from w_offset on, rows w_stride apart, in FORMAT; ⌈column_count/64⌉·4Q·16 texels a
//   matrix, 1,024 to a row of the texture. Columns and depths past the end are zero. Workgroup z packs the z-th matrix,
//   w_batch further on.
// Geometry: groups ⌈Q/4⌉ × ⌈column_count/64⌉ × matrices, with TRANSPOSED x and y exchanged (so that rows of W are
//   read in order); one invocation per 4 columns and 4 depths. pack_any takes any shape. pack_quads (f32) and
//   pack_halves (f16, bf16) load four values at once, for w_stride, w_offset, w_batch and depth that are multiples of
//   4, with TRANSPOSED column_begin and column_count in place of depth.
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
@group(0) @binding(2) var<storage, read> w_quads: array<vec4f>;
@group(0) @binding(3) var<storage, read> w_halves: array<vec2u>;
@group(0) @binding(4) var packed: texture_storage_2d<rgba32float, write>;

// Where an invocation's values begin.
struct Place {
  first: u32, // W's matrix
  panel: u32, // of all matrices
  column: u32, // from column_begin on
  quad: u32, // of depth
}

fn place(group: vec3u, index: u32) -> Place {
  let block = select(group.xy, group.yx, TRANSPOSED == 1u);
  let panels = (params.column_count + PANEL - 1u) / PANEL;
  return Place(
    params.w_offset + group.z * params.w_batch,
    group.z * panels + block.y,
    block.y * PANEL + index % 16u * 4u,
    block.x * 4u + index / 16u,
  );
}

fn put(at: u32, value: vec4f) {
  textureStore(packed, vec2u(at & 1023u, at >> 10u), value);
}

// Stores four columns at four depths, a depth per column of the matrix.
fn put_depths(at: Place, depths: mat4x4f) {
  let quads = (params.depth + 3u) / 4u;
  if at.quad >= quads { return; }
  let first = (at.panel * quads + at.quad) * 64u + at.column % PANEL / 4u;
  put(first, depths[0]);
  put(first + 16u, depths[1]);
  put(first + 32u, depths[2]);
  put(first + 48u, depths[3]);
}

// Element of W where the i-th vector of four begins: depths of column i, or with TRANSPOSED columns of depth i.
fn vector_begin(at: Place, i: u32) -> u32 {
  let column = params.column_begin + at.column;
  let k = 4u * at.quad;
  if TRANSPOSED == 1u { return at.first + (k + i) * params.w_stride + column; }
  return at.first + (column + i) * params.w_stride + k;
}

// Whether that vector is one of B's.
fn is_inside(at: Place, i: u32) -> bool {
  if TRANSPOSED == 1u { return at.column < params.column_count && 4u * at.quad + i < params.depth; }
  return at.column + i < params.column_count && 4u * at.quad < params.depth;
}

fn by_depth(vectors: mat4x4f) -> mat4x4f {
  if TRANSPOSED == 1u { return vectors; }
  return transpose(vectors);
}

fn quad(at: Place, i: u32) -> vec4f {
  return select(vec4f(), w_quads[vector_begin(at, i) / 4u], is_inside(at, i));
}

@compute @workgroup_size(WG)
fn pack_quads(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let at = place(group, index);
  put_depths(at, by_depth(mat4x4f(quad(at, 0u), quad(at, 1u), quad(at, 2u), quad(at, 3u))));
}

fn widened(words: vec2u) -> vec4f {
  if FORMAT == 1u { return vec4f(unpack2x16float(words.x), unpack2x16float(words.y)); }
  return bitcast<vec4f>(vec4u(words.x << 16u, words.x & 0xffff0000u, words.y << 16u, words.y & 0xffff0000u));
}

fn halves(at: Place, i: u32) -> vec4f {
  return select(vec4f(), widened(w_halves[vector_begin(at, i) / 4u]), is_inside(at, i));
}

@compute @workgroup_size(WG)
fn pack_halves(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let at = place(group, index);
  put_depths(at, by_depth(mat4x4f(halves(at, 0u), halves(at, 1u), halves(at, 2u), halves(at, 3u))));
}

fn one_value(i: u32) -> f32 {
  if FORMAT == 0u { return bitcast<f32>(w[i]); }
  let word = w[i / 2u];
  if FORMAT == 1u { return unpack2x16float(word)[i % 2u]; }
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, i % 2u == 1u));
}

fn element(at: Place, column: u32, k: u32) -> f32 {
  if column >= params.column_count || k >= params.depth { return 0.0; }
  let i = params.column_begin + column;
  if TRANSPOSED == 1u { return one_value(at.first + k * params.w_stride + i); }
  return one_value(at.first + i * params.w_stride + k);
}

fn four_columns(at: Place, depth: u32) -> vec4f {
  let k = 4u * at.quad + depth;
  return vec4f(
    element(at, at.column, k),
    element(at, at.column + 1u, k),
    element(at, at.column + 2u, k),
    element(at, at.column + 3u, k),
  );
}

@compute @workgroup_size(WG)
fn pack_any(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let at = place(group, index);
  put_depths(at, mat4x4f(four_columns(at, 0u), four_columns(at, 1u), four_columns(at, 2u), four_columns(at, 3u)));
}
