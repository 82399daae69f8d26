// Products of a few rows with an NF4 weight, as in decoding: codes are read once and never written out as f32.
//   c[n, o] (+)= alpha · Σ over k of x[n, k] · W[o, k];   W[i] = code_value[code[i]] · absmax[i / 64], i flat
//   absmax[b] = scale_value[u8[b]] · nested[1 + b/256] + nested[0] with DOUBLE
// Shapes: x [N, I], I a multiple of 64; W [O, I] as codes, the first of a byte in the high nibble; absmax f32 or, with
//   DOUBLE, u8 [O·I/64]; tables = 16 code values, 256 scale values; c with rows c_stride apart.
// Geometry: LANES invocations per output, each taking whole blocks of 64, ROWS rows of x each:
//   ⌈O·LANES/64⌉ groups in x and y, ⌈N/ROWS⌉ in z.
// Numerics: f32; the sum of a block is scaled once.
// Source: bitsandbytes; Dettmers et al. 2023, arXiv:2305.14314.

const WG: u32 = 64;
override LANES: u32 = 64;
override ROWS: u32 = 4; // 1 or 4
override DOUBLE: u32 = 0;

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
@group(0) @binding(2) var<storage, read> codes: array<u32>;
@group(0) @binding(3) var<storage, read> absmax: array<u32>;
@group(0) @binding(4) var<storage, read> nested: array<f32>;
@group(0) @binding(5) var<storage, read> tables: array<f32>;
@group(0) @binding(6) var<storage, read_write> c: array<f32>;

var<workgroup> partial: array<vec4f, WG>;

alias Table = array<f32, 16>;

// A tree of selects: the lanes of a CPU adapter have no table look-up that costs less.
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

fn code_table() -> Table {
  var table: Table;
  for (var i = 0u; i < 16u; i++) { table[i] = tables[i]; }
  return table;
}

fn scale(block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[1u + block / 256u] + nested[0];
}

// The sum over the invocations that share an output.
fn lane_sum(value: vec4f, index: u32) -> vec4f {
  if LANES == 1u { return value; }
  partial[index] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if index % LANES < half { partial[index] += partial[index + half]; }
    workgroupBarrier();
  }
  return partial[index - index % LANES];
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  var table = code_table();
  let output = (group.x + group.y * groups.x) * (WG / LANES) + index / LANES;
  let blocks = params.inputs / 64u;
  let first = min(output, params.outputs - 1u) * blocks;
  let row = group.z * ROWS;
  // Rows past the end repeat the last one and are not stored.
  let rows = min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(params.rows - 1u)) * (params.inputs / 4u);
  var sums = vec4f();
  for (var block = index % LANES; block < blocks; block += LANES) {
    var sum = vec4f();
    for (var i = 0u; i < 8u; i++) {
      let word = vec4u(codes[(first + block) * 8u + i]);
      let low = code_values(&table, (word >> vec4u(4u, 0u, 12u, 8u)) & vec4u(15u));
      let high = code_values(&table, (word >> vec4u(20u, 16u, 28u, 24u)) & vec4u(15u));
      let at = rows + vec4u(block * 16u + 2u * i);
      sum.x += dot(low, x[at.x]) + dot(high, x[at.x + 1u]);
      if ROWS == 4u {
        sum.y += dot(low, x[at.y]) + dot(high, x[at.y + 1u]);
        sum.z += dot(low, x[at.z]) + dot(high, x[at.z + 1u]);
        sum.w += dot(low, x[at.w]) + dot(high, x[at.w + 1u]);
      }
    }
    sums += scale(first + block) * sum;
  }
  let total = lane_sum(sums, index) * params.alpha;
  if output >= params.outputs || index % LANES != 0u { return; }
  for (var r = 0u; r < min(ROWS, params.rows - row); r++) {
    let at = (row + r) * params.c_stride + output;
    if params.accumulate == 1u { c[at] += total[r]; } else { c[at] = total[r]; }
  }
}
