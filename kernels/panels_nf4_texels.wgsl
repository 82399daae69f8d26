// Packing of NF4 weights for CPU adapters with subgroups of eight lanes, into the texels that gemm_subgroup reads.
//   B = Wᵀ (TRANSPOSED 0: columns are W's rows, depth is W's columns) or B = W (TRANSPOSED 1)
//   W[i] = code_value[code[i]] · absmax[i / 64], i flat;  absmax[b] = scale_value[u8[b]] · nested[1 + b/256] + nested[0]
// Coded (rows of W that are a multiple of 64 long, so that blocks do not cross them): the product restores the values.
//   texels 0 to 7: (code_value[l], code_value[8 + l], 0, 0) for lane l
//   then for panel p, four depths q, lane l at (p·Q + q)·8 + l, Q = ⌈depth/4⌉: four words, half of each for four
//     columns 64p + 4l … of the panel's left half, the other half for those of its right half, 32 further on. A word is
//     for a column and has four depths, or with TRANSPOSED for a depth and has four columns, in the order of W's codes.
//   then the scales: for four columns and 64 depths at p·Q + (q - q mod 16) + column mod 64 / 4, or with TRANSPOSED for a
//     panel and four depths at p·Q + q.
// Restored (any shape), as panels_dense_texels: texel (p·4Q + k)·16 + c = four columns column_begin + 64p + 4c … of depth k.
// Shapes: W [rows, columns] as codes, the first of a byte in the high nibble; absmax f32 or, with DOUBLE, u8 [⌈n/64⌉];
//   tables = 16 code values, 256 scale values; textures of 1,024 texels a row. Past the end there are zeros.
// Geometry: pack_codes: groups ⌈depth/256⌉ × ⌈column_count/64⌉, one invocation per 8 columns and 32 depths;
//   pack_codes_transposed: groups ⌈column_count/64⌉ × ⌈Q/64⌉, one per panel and 4 depths. pack_scales: one per texel of
//   scales, 8 at least. pack_values: groups ⌈Q/4⌉ × ⌈column_count/64⌉, one invocation per 4 columns and 4 depths.
// Numerics: scales and restored values in f32, not rounded to the weight's 16-bit dtype. Words of codes pass through the
//   texture as bit patterns of f32, which a CPU adapter copies as they are.
// Source: bitsandbytes; Dettmers et al. 2023, arXiv:2305.14314.

const WG: u32 = 64;
const PANEL: u32 = 64;
const TABLE_TEXELS: u32 = 8;
override DOUBLE: u32 = 0;
override TRANSPOSED: u32 = 0;

struct Params {
  columns: u32, // of W
  depth: u32,
  column_begin: u32,
  column_count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> code_quads: array<vec4u>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var packed: texture_storage_2d<rgba32float, write>;

fn quads_of_depth() -> u32 {
  return (params.depth + 3u) / 4u;
}

fn put(at: u32, value: vec4f) {
  textureStore(packed, vec2u(at & 1023u, at >> 10u), value);
}

// 32 codes of a row of W, or none past the end of the rows.
fn load_codes(row: u32, past: u32, column: u32) -> vec4u {
  let inside = row < past;
  let first = select(0u, row * params.columns + column, inside);
  return select(vec4u(), code_quads[first / 32u], inside);
}

// The codes of four rows of W, of 32 columns each.
struct FourRows {
  row0: vec4u,
  row1: vec4u,
  row2: vec4u,
  row3: vec4u,
}

fn load_rows(row: u32, past: u32, column: u32) -> FourRows {
  return FourRows(
    load_codes(row, past, column),
    load_codes(row + 1u, past, column),
    load_codes(row + 2u, past, column),
    load_codes(row + 3u, past, column),
  );
}

// Two texels, from the lower and the upper halves of words for the left and the right half of a panel.
fn put_halves(at: u32, step: u32, left: vec4u, right: vec4u) {
  put(at, bitcast<vec4f>((left & vec4u(0xffffu)) | (right << vec4u(16u))));
  put(at + step, bitcast<vec4f>((left >> vec4u(16u)) | (right & vec4u(0xffff0000u))));
}

// Eight texels, `step` apart, with half a word of each row for either half of a panel.
fn put_codes(at: u32, step: u32, left: FourRows, right: FourRows) {
  put_halves(
    at,
    step,
    vec4u(left.row0.x, left.row1.x, left.row2.x, left.row3.x),
    vec4u(right.row0.x, right.row1.x, right.row2.x, right.row3.x),
  );
  put_halves(
    at + 2u * step,
    step,
    vec4u(left.row0.y, left.row1.y, left.row2.y, left.row3.y),
    vec4u(right.row0.y, right.row1.y, right.row2.y, right.row3.y),
  );
  put_halves(
    at + 4u * step,
    step,
    vec4u(left.row0.z, left.row1.z, left.row2.z, left.row3.z),
    vec4u(right.row0.z, right.row1.z, right.row2.z, right.row3.z),
  );
  put_halves(
    at + 6u * step,
    step,
    vec4u(left.row0.w, left.row1.w, left.row2.w, left.row3.w),
    vec4u(right.row0.w, right.row1.w, right.row2.w, right.row3.w),
  );
}

@compute @workgroup_size(WG)
fn pack_codes(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let panel = group.y;
  let k = 32u * (group.x * 8u + index / 8u);
  if k >= params.depth { return; }
  let row = params.column_begin + panel * PANEL + 4u * (index % 8u);
  let past = params.column_begin + params.column_count;
  let at = TABLE_TEXELS + (panel * quads_of_depth() + k / 4u) * 8u + index % 8u;
  put_codes(at, 8u, load_rows(row, past, k), load_rows(row + 32u, past, k));
}

@compute @workgroup_size(WG)
fn pack_codes_transposed(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let panel = group.x;
  let quad = group.y * WG + index;
  if quad >= quads_of_depth() { return; }
  let column = params.column_begin + panel * PANEL;
  let at = TABLE_TEXELS + (panel * quads_of_depth() + quad) * 8u;
  let row = 4u * quad;
  put_codes(at, 1u, load_rows(row, params.depth, column), load_rows(row, params.depth, column + 32u));
}

fn scale(block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[1u + block / 256u] + nested[0];
}

fn scale_inside(row: u32, past: u32, block: u32) -> f32 {
  if row >= past { return 0.0; }
  return scale(row * (params.columns / 64u) + block);
}

@compute @workgroup_size(WG)
fn pack_scales(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < TABLE_TEXELS { put(i, vec4f(tables[i], tables[8u + i], 0.0, 0.0)); }
  let quads = quads_of_depth();
  let panels = (params.column_count + PANEL - 1u) / PANEL;
  if i >= panels * quads { return; }
  let panel = i / quads;
  let in_panel = i % quads;
  var row = params.column_begin + panel * PANEL + in_panel % 16u * 4u;
  var past = params.column_begin + params.column_count;
  var block = in_panel / 16u;
  if TRANSPOSED == 1u {
    row = in_panel * 4u;
    past = params.depth;
    block = params.column_begin / 64u + panel;
  }
  put(
    TABLE_TEXELS + panels * quads * 8u + i,
    vec4f(
      scale_inside(row, past, block),
      scale_inside(row + 1u, past, block),
      scale_inside(row + 2u, past, block),
      scale_inside(row + 3u, past, block),
    ),
  );
}

fn element(column: u32, k: u32) -> f32 {
  if column >= params.column_count || k >= params.depth { return 0.0; }
  let at = params.column_begin + column;
  let i = select(at * params.columns + k, k * params.columns + at, TRANSPOSED == 1u);
  let code = (codes[i / 8u] >> ((i % 8u) * 4u ^ 4u)) & 15u;
  return tables[code] * scale(i / 64u);
}

@compute @workgroup_size(WG)
fn pack_values(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let column_quad = index % 16u;
  let column = group.y * PANEL + 4u * column_quad;
  let first = 4u * (group.x * 4u + index / 16u);
  if first >= params.depth { return; }
  for (var k = first; k < first + 4u; k++) {
    let value = vec4f(element(column, k), element(column + 1u, k), element(column + 2u, k), element(column + 3u, k));
    put((group.y * 4u * quads_of_depth() + k) * 16u + column_quad, value);
  }
}
