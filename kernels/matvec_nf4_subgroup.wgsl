// Products of a few rows with an NF4 weight, as in decoding, on adapters with subgroups of eight lanes (CPUs).
//   c[n, o] (+)= alpha · Σ over k of x[n, k] · W[o, k];   W[i] = code_value[code[i]] · absmax[i / 64], i flat
//   absmax[b] = scale_value[u8[b]] · nested[1 + b/256] + nested[0] with DOUBLE
// Shapes: x [N, I], I a multiple of 64 · SCALES; W [O, I] as codes, the first of a byte in the high nibble; absmax f32
//   or, with DOUBLE, u8 [O·I/64]; tables = 16 code values, 256 scale values; c with rows c_stride apart.
// Geometry: groups ⌈O/(8·OUTPUTS)⌉ in x and y of one subgroup, ⌈N/ROWS⌉ in z; a lane keeps OUTPUTS outputs of ROWS rows.
// Numerics: f32; four partial sums per block, which is scaled once.
// Idea: here a load costs one scalar load per lane, so there is one vec4 load for the 32 codes of an output and one for
//   the 32 inputs that all lanes need; subgroupBroadcast spreads the inputs. Eight lanes hold the code values, and
//   subgroupShuffle looks eight of them up at once: seven operations for eight codes, multiplying included.
// Source: bitsandbytes; Dettmers et al. 2023, arXiv:2305.14314.

const WG: u32 = 8;
override OUTPUTS: u32 = 4; // 1, 2 or 4
override ROWS: u32 = 1; // 1 or 4
override DOUBLE: u32 = 0;
override SCALES: u32 = 1; // 4 where rows of W are whole words of scales

struct Params {
  rows: u32,
  outputs: u32,
  inputs: u32,
  c_stride: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> codes: array<vec4u>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read_write> c: array<f32>;

// What the lanes hold: the values of codes 0 to 7 and of codes 8 to 15.
struct CodeValues {
  low: f32,
  high: f32,
}

// Partial sums of an output, a column per row of x.
alias Sums = mat4x4f;

// Four inputs of each row of x, a column per row.
alias Quads = mat4x4f;

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

// Adds the products of half a block's 32 values and inputs; of the inputs, lane l holds the l-th four.
fn add_half_block(sums: ptr<function, Sums>, table: CodeValues, words: vec4u, inputs: Quads) {
  let values0 = four_values(table, words.x, vec4u(4u, 0u, 12u, 8u));
  let values1 = four_values(table, words.x, vec4u(20u, 16u, 28u, 24u));
  (*sums)[0] += values0 * subgroupBroadcast(inputs[0], 0u);
  (*sums)[0] += values1 * subgroupBroadcast(inputs[0], 1u);
  if ROWS == 4u {
    (*sums)[1] += values0 * subgroupBroadcast(inputs[1], 0u);
    (*sums)[1] += values1 * subgroupBroadcast(inputs[1], 1u);
    (*sums)[2] += values0 * subgroupBroadcast(inputs[2], 0u);
    (*sums)[2] += values1 * subgroupBroadcast(inputs[2], 1u);
    (*sums)[3] += values0 * subgroupBroadcast(inputs[3], 0u);
    (*sums)[3] += values1 * subgroupBroadcast(inputs[3], 1u);
  }
  let values2 = four_values(table, words.y, vec4u(4u, 0u, 12u, 8u));
  let values3 = four_values(table, words.y, vec4u(20u, 16u, 28u, 24u));
  (*sums)[0] += values2 * subgroupBroadcast(inputs[0], 2u);
  (*sums)[0] += values3 * subgroupBroadcast(inputs[0], 3u);
  if ROWS == 4u {
    (*sums)[1] += values2 * subgroupBroadcast(inputs[1], 2u);
    (*sums)[1] += values3 * subgroupBroadcast(inputs[1], 3u);
    (*sums)[2] += values2 * subgroupBroadcast(inputs[2], 2u);
    (*sums)[2] += values3 * subgroupBroadcast(inputs[2], 3u);
    (*sums)[3] += values2 * subgroupBroadcast(inputs[3], 2u);
    (*sums)[3] += values3 * subgroupBroadcast(inputs[3], 3u);
  }
  let values4 = four_values(table, words.z, vec4u(4u, 0u, 12u, 8u));
  let values5 = four_values(table, words.z, vec4u(20u, 16u, 28u, 24u));
  (*sums)[0] += values4 * subgroupBroadcast(inputs[0], 4u);
  (*sums)[0] += values5 * subgroupBroadcast(inputs[0], 5u);
  if ROWS == 4u {
    (*sums)[1] += values4 * subgroupBroadcast(inputs[1], 4u);
    (*sums)[1] += values5 * subgroupBroadcast(inputs[1], 5u);
    (*sums)[2] += values4 * subgroupBroadcast(inputs[2], 4u);
    (*sums)[2] += values5 * subgroupBroadcast(inputs[2], 5u);
    (*sums)[3] += values4 * subgroupBroadcast(inputs[3], 4u);
    (*sums)[3] += values5 * subgroupBroadcast(inputs[3], 5u);
  }
  let values6 = four_values(table, words.w, vec4u(4u, 0u, 12u, 8u));
  let values7 = four_values(table, words.w, vec4u(20u, 16u, 28u, 24u));
  (*sums)[0] += values6 * subgroupBroadcast(inputs[0], 6u);
  (*sums)[0] += values7 * subgroupBroadcast(inputs[0], 7u);
  if ROWS == 4u {
    (*sums)[1] += values6 * subgroupBroadcast(inputs[1], 6u);
    (*sums)[1] += values7 * subgroupBroadcast(inputs[1], 7u);
    (*sums)[2] += values6 * subgroupBroadcast(inputs[2], 6u);
    (*sums)[2] += values7 * subgroupBroadcast(inputs[2], 7u);
    (*sums)[3] += values6 * subgroupBroadcast(inputs[3], 6u);
    (*sums)[3] += values7 * subgroupBroadcast(inputs[3], 7u);
  }
}

// The lane's four inputs of each row; rows past the end repeat the last one and are not stored.
fn load_inputs(row: u32, quad: u32) -> Quads {
  let quads = params.inputs / 4u;
  let last = params.rows - 1u;
  var inputs: Quads;
  inputs[0] = x[row * quads + quad];
  if ROWS == 4u {
    inputs[1] = x[min(row + 1u, last) * quads + quad];
    inputs[2] = x[min(row + 2u, last) * quads + quad];
    inputs[3] = x[min(row + 3u, last) * quads + quad];
  }
  return inputs;
}

// What the scales of SCALES blocks share.
struct Scales {
  word: u32,
  factor: f32,
}

fn load_scales(block: u32) -> Scales {
  if DOUBLE == 0u { return Scales(); }
  return Scales(absmax[block / 4u], nested[1u + block / 256u]);
}

fn scale(scales: Scales, offset: f32, block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (scales.word >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * scales.factor + offset;
}

// Adds a block to the totals of an output, one per row of x.
fn add_block(totals: ptr<function, vec4f>, sums: Sums, factor: f32) {
  (*totals).x += factor * dot(sums[0], vec4f(1.0));
  if ROWS == 4u {
    (*totals).y += factor * dot(sums[1], vec4f(1.0));
    (*totals).z += factor * dot(sums[2], vec4f(1.0));
    (*totals).w += factor * dot(sums[3], vec4f(1.0));
  }
}

fn store(row: u32, output: u32, totals: vec4f) {
  if output >= params.outputs { return; }
  for (var r = 0u; r < min(ROWS, params.rows - row); r++) {
    let at = (row + r) * params.c_stride + output;
    let total = params.alpha * totals[r];
    if params.accumulate == 1u { c[at] += total; } else { c[at] = total; }
  }
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let table = CodeValues(tables[lane], tables[8u + lane]);
  var offset = 0.0;
  if DOUBLE == 1u { offset = nested[0]; }
  let row = group.z * ROWS;
  let output = (group.x + group.y * groups.x) * WG * OUTPUTS + lane;
  // Outputs past the end repeat the last one and are not stored.
  let blocks = params.inputs / 64u;
  let last = params.outputs - 1u;
  let start0 = min(output, last) * blocks;
  let start1 = min(output + 8u, last) * blocks;
  let start2 = min(output + 16u, last) * blocks;
  let start3 = min(output + 24u, last) * blocks;
  var totals0: vec4f;
  var totals1: vec4f;
  var totals2: vec4f;
  var totals3: vec4f;
  for (var begin = 0u; begin < blocks; begin += SCALES) {
    let scales0 = load_scales(start0 + begin);
    var scales1: Scales;
    var scales2: Scales;
    var scales3: Scales;
    if OUTPUTS > 1u { scales1 = load_scales(start1 + begin); }
    if OUTPUTS > 2u { scales2 = load_scales(start2 + begin); }
    if OUTPUTS > 2u { scales3 = load_scales(start3 + begin); }
    for (var block = begin; block < begin + SCALES; block++) {
      // Set to zero here, because naga does so only once where no value is given.
      var sums0 = Sums();
      var sums1 = Sums();
      var sums2 = Sums();
      var sums3 = Sums();
      // Written out: a loop over the halves would carry all sums, which costs a fifth of the time.
      let left = load_inputs(row, 16u * block + lane);
      add_half_block(&sums0, table, codes[2u * (start0 + block)], left);
      if OUTPUTS > 1u { add_half_block(&sums1, table, codes[2u * (start1 + block)], left); }
      if OUTPUTS > 2u { add_half_block(&sums2, table, codes[2u * (start2 + block)], left); }
      if OUTPUTS > 2u { add_half_block(&sums3, table, codes[2u * (start3 + block)], left); }
      let right = load_inputs(row, 16u * block + 8u + lane);
      add_half_block(&sums0, table, codes[2u * (start0 + block) + 1u], right);
      if OUTPUTS > 1u { add_half_block(&sums1, table, codes[2u * (start1 + block) + 1u], right); }
      if OUTPUTS > 2u { add_half_block(&sums2, table, codes[2u * (start2 + block) + 1u], right); }
      if OUTPUTS > 2u { add_half_block(&sums3, table, codes[2u * (start3 + block) + 1u], right); }
      add_block(&totals0, sums0, scale(scales0, offset, start0 + block));
      if OUTPUTS > 1u { add_block(&totals1, sums1, scale(scales1, offset, start1 + block)); }
      if OUTPUTS > 2u { add_block(&totals2, sums2, scale(scales2, offset, start2 + block)); }
      if OUTPUTS > 2u { add_block(&totals3, sums3, scale(scales3, offset, start3 + block)); }
    }
  }
  store(row, output, totals0);
  if OUTPUTS > 1u { store(row, output + 8u, totals1); }
  if OUTPUTS > 2u { store(row, output + 16u, totals2); }
  if OUTPUTS > 2u { store(row, output + 24u, totals3); }
}
