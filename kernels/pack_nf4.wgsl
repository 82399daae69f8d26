// interim
const WG: u32 = 64;
override PANEL: u32 = 32;
override TRANSPOSED: u32 = 0;
override DOUBLE: u32 = 0;

struct Params {
  columns: u32,
  depth: u32,
  column_begin: u32,
  column_count: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> codes: array<u32>;
@group(0) @binding(2) var<storage, read> absmax: array<u32>;
@group(0) @binding(3) var<storage, read> nested: array<f32>;
@group(0) @binding(4) var<storage, read> tables: array<f32>;
@group(0) @binding(5) var<storage, read_write> packed: array<f32>;

fn scale(block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[1u + block / 256u] + nested[0];
}

fn value(i: u32) -> f32 {
  let byte = (codes[i / 8u] >> (8u * ((i / 2u) % 4u))) & 255u;
  let code = select(byte & 15u, byte >> 4u, i % 2u == 0u);
  return tables[code] * scale(i / 64u);
}

@compute @workgroup_size(WG)
fn pack(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  let panels = (params.column_count + PANEL - 1u) / PANEL;
  if i >= panels * PANEL * params.depth { return; }
  let c = i % PANEL;
  let k = (i / PANEL) % params.depth;
  let column = i / (PANEL * params.depth) * PANEL + c;
  var x = 0.0;
  if column < params.column_count {
    let at = column + params.column_begin;
    if TRANSPOSED == 0u { x = value(at * params.columns + k); } else { x = value(k * params.columns + at); }
  }
  packed[i] = x;
}
