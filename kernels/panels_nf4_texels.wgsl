// Packing of NF4 weights for CPU adapters with subgroups of eight lanes: as panels_nf4, into the texels that
// gemm_subgroup reads.
//   W[i] = code_value[code[i]] · absmax[i / 64], i flat;  absmax[b] = scale_value[u8[b]] · nested[1 + b/256] + nested[0]
//   B = Wᵀ (TRANSPOSED 0: columns are W's rows, depth is W's columns) or B = W (TRANSPOSED 1)
//   texel (p·4Q + k)·16 + c = (B[k, first], B[k, first+1], B[k, first+2], B[k, first+3]),
//     first = column_begin + 64p + 4c,  Q = ⌈depth/4⌉
// Shapes: W [rows, columns] as codes, the first of a byte in the high nibble; absmax f32 or, with DOUBLE, u8 [⌈n/64⌉];
//   tables = 16 code values, 256 scale values; ⌈column_count/64⌉·4Q·16 texels, 1,024 to a row of the texture. Past the
//   end there are zeros.
// Geometry: pack_any takes any shape: groups ⌈Q/4⌉ × ⌈column_count/64⌉, one invocation per 4 columns and 4 depths.
//   The others are for columns of W that are a multiple of 64, so that blocks do not cross rows. pack: groups
//   ⌈depth/128⌉ × ⌈column_count/64⌉, one invocation per 4 columns and 32 depths, for TRANSPOSED 0. pack_transposed:
//   groups ⌈column_count/64⌉ × ⌈depth/64⌉, one invocation per depth and panel, for TRANSPOSED 1 and a column_begin that
//   is a multiple of 64.
// Numerics: f32, not rounded to the weight's 16-bit dtype.
// Idea: a load costs one scalar load per lane, so codes come 32 at once, and a lane looks a value up in the registers of
//   all eight: two permutations for eight codes.
// Source: bitsandbytes; Dettmers et al. 2023, arXiv:2305.14314.

const WG: u32 = 64;
const PANEL: u32 = 64;
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

// What the lanes hold: the values of codes 0 to 7 and of codes 8 to 15.
struct CodeValues {
  low: f32,
  high: f32,
}

fn code_values(index: u32) -> CodeValues {
  return CodeValues(tables[index % 8u], tables[8u + index % 8u]);
}

// Shifts to the first and to the last four codes of a word: the high nibble of a byte comes first.
const FIRST: vec4u = vec4u(4u, 0u, 12u, 8u);
const LAST: vec4u = vec4u(20u, 16u, 28u, 24u);

// Four values by the codes at `shifts` of the lane's word.
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

fn scale(block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[1u + block / 256u] + nested[0];
}

fn put(panel: u32, k: u32, column_quad: u32, value: vec4f) {
  let at = (panel * ((params.depth + 3u) / 4u * 4u) + k) * 16u + column_quad;
  textureStore(packed, vec2u(at & 1023u, at >> 10u), value);
}

// Half a block of a row of W: its codes, or zeros past the end, and its scale.
struct HalfBlock {
  words: vec4u,
  scale: f32,
}

fn half_block(row: u32, column: u32, inside: bool) -> HalfBlock {
  let first = select(0u, row * params.columns + column, inside);
  let zeros = vec4u(0x77777777u); // code 7 stands for 0
  return HalfBlock(select(zeros, code_quads[first / 32u], inside), select(0.0, scale(first / 64u), inside));
}

// Eight depths of four columns, each column with a word of its own.
fn put_word(table: CodeValues, panel: u32, k: u32, column_quad: u32, words: vec4u, scales: vec4f) {
  for (var half = 0u; half < 2u; half++) {
    let shifts = select(LAST, FIRST, half == 0u);
    let depths = transpose(mat4x4f(
      four_values(table, words.x, shifts) * scales.x,
      four_values(table, words.y, shifts) * scales.y,
      four_values(table, words.z, shifts) * scales.z,
      four_values(table, words.w, shifts) * scales.w,
    ));
    let first = k + 4u * half;
    if first < params.depth {
      put(panel, first, column_quad, depths[0]);
      put(panel, first + 1u, column_quad, depths[1]);
      put(panel, first + 2u, column_quad, depths[2]);
      put(panel, first + 3u, column_quad, depths[3]);
    }
  }
}

@compute @workgroup_size(WG)
fn pack(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let table = code_values(index);
  let column_quad = index % 16u;
  let column = group.y * PANEL + 4u * column_quad;
  let k = group.x * 128u + index / 16u * 32u;
  let row = params.column_begin + column;
  let block0 = half_block(row, k, column < params.column_count && k < params.depth);
  let block1 = half_block(row + 1u, k, column + 1u < params.column_count && k < params.depth);
  let block2 = half_block(row + 2u, k, column + 2u < params.column_count && k < params.depth);
  let block3 = half_block(row + 3u, k, column + 3u < params.column_count && k < params.depth);
  let scales = vec4f(block0.scale, block1.scale, block2.scale, block3.scale);
  let words0 = vec4u(block0.words.x, block1.words.x, block2.words.x, block3.words.x);
  put_word(table, group.y, k, column_quad, words0, scales);
  let words1 = vec4u(block0.words.y, block1.words.y, block2.words.y, block3.words.y);
  put_word(table, group.y, k + 8u, column_quad, words1, scales);
  let words2 = vec4u(block0.words.z, block1.words.z, block2.words.z, block3.words.z);
  put_word(table, group.y, k + 16u, column_quad, words2, scales);
  let words3 = vec4u(block0.words.w, block1.words.w, block2.words.w, block3.words.w);
  put_word(table, group.y, k + 24u, column_quad, words3, scales);
}

// Eight columns of one depth; those past the end are zero.
fn put_columns(table: CodeValues, panel: u32, k: u32, column_quad: u32, word: u32, scale: f32) {
  let count = params.column_count - min(params.column_count, panel * PANEL + 4u * column_quad);
  let left = four_values(table, word, FIRST) * scale;
  let right = four_values(table, word, LAST) * scale;
  if k < (params.depth + 3u) / 4u * 4u {
    put(panel, k, column_quad, select(vec4f(), left, vec4u(0u, 1u, 2u, 3u) < vec4u(count)));
    put(panel, k, column_quad + 1u, select(vec4f(), right, vec4u(4u, 5u, 6u, 7u) < vec4u(count)));
  }
}

@compute @workgroup_size(WG)
fn pack_transposed(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let table = code_values(index);
  let panel = group.x;
  let k = group.y * WG + index;
  let column = params.column_begin + panel * PANEL;
  let left = half_block(k, column, k < params.depth);
  let right = half_block(k, column + 32u, k < params.depth);
  put_columns(table, panel, k, 0u, left.words.x, left.scale);
  put_columns(table, panel, k, 2u, left.words.y, left.scale);
  put_columns(table, panel, k, 4u, left.words.z, left.scale);
  put_columns(table, panel, k, 6u, left.words.w, left.scale);
  put_columns(table, panel, k, 8u, right.words.x, right.scale);
  put_columns(table, panel, k, 10u, right.words.y, right.scale);
  put_columns(table, panel, k, 12u, right.words.z, right.scale);
  put_columns(table, panel, k, 14u, right.words.w, right.scale);
}

fn element(column: u32, k: u32) -> f32 {
  if column >= params.column_count || k >= params.depth { return 0.0; }
  let at = params.column_begin + column;
  let i = select(at * params.columns + k, k * params.columns + at, TRANSPOSED == 1u);
  let code = (codes[i / 8u] >> ((i % 8u) * 4u ^ 4u)) & 15u;
  return tables[code] * scale(i / 64u);
}

@compute @workgroup_size(WG)
fn pack_any(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let column_quad = index % 16u;
  let column = group.y * PANEL + 4u * column_quad;
  let first = 4u * (group.x * 4u + index / 16u);
  if first >= params.depth { return; }
  for (var k = first; k < first + 4u; k++) {
    let value = vec4f(element(column, k), element(column + 1u, k), element(column + 2u, k), element(column + 3u, k));
    put(group.y, k, column_quad, value);
  }
}
