// Embedding: looks up one row of a table per token.
//   y[n, c] = table[tokens[n] - row_begin, c]        for tokens of this part of the table
//   d_table[t, c] += Σ over rows n with tokens[n] = t of dy[n, c]
// Shapes: N tokens, C columns (width); a part holds the rows row_begin .. row_begin + row_count.
// Geometry: one invocation per element of y (forward) or of a touched row of d_table (backward).
// Numerics: FORMAT 0 f32, 1 f16, 2 bf16 tables; the sums run in token order, so they are repeatable.

const WG: u32 = 64;
override FORMAT: u32 = 0;

struct Params {
  rows: u32,
  width: u32,
  row_begin: u32,
  row_count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
// Backward: the distinct tokens, where each one's rows begin in `occurrences`, and those rows.
@group(0) @binding(4) var<storage, read> distinct: array<u32>;
@group(0) @binding(5) var<storage, read> offsets: array<u32>;
@group(0) @binding(6) var<storage, read> occurrences: array<u32>;
@group(0) @binding(7) var<storage, read> dy: array<f32>;
@group(0) @binding(8) var<storage, read_write> d_table: array<f32>;

fn table_value(i: u32) -> f32 {
  if FORMAT == 0u { return bitcast<f32>(table[i]); }
  let word = table[i / 2u];
  if FORMAT == 1u { return unpack2x16float(word)[i % 2u]; }
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, i % 2u == 1u));
}

@compute @workgroup_size(WG)
fn forward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.rows * params.width { return; }
  let row = tokens[i / params.width] - params.row_begin; // wraps around below row_begin
  if row < params.row_count {
    y[i] = table_value(row * params.width + i % params.width);
  }
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.rows * params.width { return; }
  let which = i / params.width;
  let column = i % params.width;
  let row = distinct[which] - params.row_begin;
  if row >= params.row_count { return; }
  var sum = 0.0;
  for (var k = offsets[which]; k < offsets[which + 1u]; k++) {
    sum += dy[occurrences[k] * params.width + column];
  }
  d_table[row * params.width + column] += sum;
}
