// Packing of NF4 weights: restores columns of B and lays them out in panels of 64, so that the products read them
// front to back.
//   W[i] = code_value[code[i]] · absmax[i / 64], i flat;  absmax[b] = scale_value[u8[b]] · nested[1 + b/256] + nested[0]
//   B = Wᵀ (TRANSPOSED 0: columns are W's rows, depth is W's columns) or B = W (TRANSPOSED 1)
//   packed[p, k, c] = B[k, column_begin + 64p + c]
// Shapes: W [rows, columns] as codes ⌈n/2⌉ bytes, the first element in the high nibble; absmax f32 or, with DOUBLE, u8
//   [⌈n/64⌉]; tables = 16 code values, 256 scale values; packed [⌈column_count/64⌉, 4Q, 64] with Q = ⌈depth/4⌉. Past the
//   end there are zeros.
// Geometry: groups ⌈depth/64⌉ × ⌈column_count/64⌉, with TRANSPOSED the other way round (so that rows of W are read in
//   order); one invocation per 8 columns and 8 depths. pack_any takes any shape; pack is for columns that are a
//   multiple of 8 and, with TRANSPOSED, a column_begin that is one, so that a word of codes has one scale.
// Numerics: f32, not rounded to the weight's 16-bit dtype.
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
@group(0) @binding(2) var<storage, read> absmax: array<u32>;
@group(0) @binding(3) var<storage, read> nested: array<f32>;
@group(0) @binding(4) var<storage, read> tables: array<f32>;
@group(0) @binding(5) var<storage, read_write> packed: array<vec4f>;

alias Table = array<f32, 16>;

// A tree of selects: no lane needs a table in memory.
fn code_values(table: ptr<function, Table>, code: vec4u) -> vec4f {
  let bit0 = (code & vec4u(1u)) != vec4u(0u);
  let bit1 = (code & vec4u(2u)) != vec4u(0u);
  let bit2 = (code & vec4u(4u)) != vec4u(0u);
  let bit3 = (code & vec4u(8u)) != vec4u(0u);
  let pair0 = select(vec4f((*table)[0]), vec4f((*table)[1]), bit0);
  let pair1 = select(vec4f((*table)[2]), vec4f((*table)[3]), bit0);
  let pair2 = select(vec4f((*table)[4]), vec4f((*table)[5]), bit0);
  let pair3 = select(vec4f((*table)[6]), vec4f((*table)[7]), bit0);
  let pair4 = select(vec4f((*table)[8]), vec4f((*table)[9]), bit0);
  let pair5 = select(vec4f((*table)[10]), vec4f((*table)[11]), bit0);
  let pair6 = select(vec4f((*table)[12]), vec4f((*table)[13]), bit0);
  let pair7 = select(vec4f((*table)[14]), vec4f((*table)[15]), bit0);
  let negative = select(select(pair0, pair1, bit1), select(pair2, pair3, bit1), bit2);
  let positive = select(select(pair4, pair5, bit1), select(pair6, pair7, bit1), bit2);
  return select(negative, positive, bit3);
}

fn scale(block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[1u + block / 256u] + nested[0];
}

// Where in its word the code of flat element i lies: the high nibble of a byte comes first.
fn shift(i: u32) -> u32 {
  return (i % 8u) * 4u ^ 4u;
}

// Writes four columns at depths k and k + 1, k even.
fn store(panel: u32, column_quad: u32, k: u32, low: vec4f, high: vec4f) {
  let depth = (params.depth + 3u) / 4u * 4u;
  if k >= depth { return; }
  let at = (panel * depth + k) * 16u + column_quad;
  packed[at] = low;
  packed[at + 16u] = high;
}

fn flat_index(column: u32, k: u32) -> u32 {
  let at = params.column_begin + column;
  return select(at * params.columns + k, k * params.columns + at, TRANSPOSED == 1u);
}

// One element at a time, for any shape.
fn element(table: ptr<function, Table>, column: u32, k: u32) -> f32 {
  if column >= params.column_count || k >= params.depth { return 0.0; }
  let i = flat_index(column, k);
  let code = (codes[i / 8u] >> shift(i)) & 15u;
  return code_values(table, vec4u(code)).x * scale(i / 64u);
}

fn four_columns(table: ptr<function, Table>, column: u32, k: u32) -> vec4f {
  return vec4f(
    element(table, column, k),
    element(table, column + 1u, k),
    element(table, column + 2u, k),
    element(table, column + 3u, k),
  );
}

struct Octet {
  word: u32,
  scale: f32,
}

// Eight codes that fill a word, and their block's scale; zeros past the end.
fn octet(column: u32, k: u32) -> Octet {
  if column >= params.column_count || k >= params.depth { return Octet(); }
  let i = flat_index(column, k);
  return Octet(codes[i / 8u], scale(i / 64u));
}

// Two depths of four columns, each column with a word of eight depths of its own.
fn store_across(
  table: ptr<function, Table>,
  panel: u32,
  column_quad: u32,
  k: u32,
  words: vec4u,
  scales: vec4f,
) {
  let low = code_values(table, (words >> vec4u(shift(k))) & vec4u(15u)) * scales;
  let high = code_values(table, (words >> vec4u(shift(k + 1u))) & vec4u(15u)) * scales;
  store(panel, column_quad, k, low, high);
}

// Two depths of eight columns, each depth with a word of its own.
fn store_along(table: ptr<function, Table>, panel: u32, column_quad: u32, k: u32, low: Octet, high: Octet) {
  let left = vec4u(4u, 0u, 12u, 8u);
  let right = vec4u(20u, 16u, 28u, 24u);
  let inside = params.column_count - min(params.column_count, panel * PANEL + column_quad * 4u);
  let keep_left = vec4u(0u, 1u, 2u, 3u) < vec4u(inside);
  let keep_right = vec4u(4u, 5u, 6u, 7u) < vec4u(inside);
  let low_left = code_values(table, (vec4u(low.word) >> left) & vec4u(15u)) * low.scale;
  let high_left = code_values(table, (vec4u(high.word) >> left) & vec4u(15u)) * high.scale;
  let low_right = code_values(table, (vec4u(low.word) >> right) & vec4u(15u)) * low.scale;
  let high_right = code_values(table, (vec4u(high.word) >> right) & vec4u(15u)) * high.scale;
  store(panel, column_quad, k, select(vec4f(), low_left, keep_left), select(vec4f(), high_left, keep_left));
  store(
    panel,
    column_quad + 1u,
    k,
    select(vec4f(), low_right, keep_right),
    select(vec4f(), high_right, keep_right),
  );
}

fn code_table() -> Table {
  return Table(
    tables[0],
    tables[1],
    tables[2],
    tables[3],
    tables[4],
    tables[5],
    tables[6],
    tables[7],
    tables[8],
    tables[9],
    tables[10],
    tables[11],
    tables[12],
    tables[13],
    tables[14],
    tables[15],
  );
}

// Panel, column in the panel and depth where an invocation's 8 × 8 values begin.
fn place(group: vec3u, index: u32) -> vec3u {
  let block = select(group.xy, group.yx, TRANSPOSED == 1u);
  return vec3u(block.y, index % 8u * 8u, block.x * 64u + index / 8u * 8u);
}

@compute @workgroup_size(WG)
fn pack(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  var table = code_table();
  let at = place(group, index);
  let column = at.x * PANEL + at.y;
  let column_quad = at.y / 4u;
  let k = at.z;
  if TRANSPOSED == 1u {
    for (var d = 0u; d < 8u; d += 2u) {
      store_along(&table, at.x, column_quad, k + d, octet(column, k + d), octet(column, k + d + 1u));
    }
  } else {
    for (var quad = 0u; quad < 2u; quad++) {
      let first = column + 4u * quad;
      let octet0 = octet(first, k);
      let octet1 = octet(first + 1u, k);
      let octet2 = octet(first + 2u, k);
      let octet3 = octet(first + 3u, k);
      let words = vec4u(octet0.word, octet1.word, octet2.word, octet3.word);
      let scales = vec4f(octet0.scale, octet1.scale, octet2.scale, octet3.scale);
      for (var d = 0u; d < 8u; d += 2u) {
        store_across(&table, at.x, column_quad + quad, k + d, words, scales);
      }
    }
  }
}

@compute @workgroup_size(WG)
fn pack_any(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  var table = code_table();
  let at = place(group, index);
  for (var d = 0u; d < 8u; d += 2u) {
    for (var quad = 0u; quad < 2u; quad++) {
      let column = at.x * PANEL + at.y + 4u * quad;
      let low = four_columns(&table, column, at.z + d);
      let high = four_columns(&table, column, at.z + d + 1u);
      store(at.x, at.y / 4u + quad, at.z + d, low, high);
    }
  }
}
