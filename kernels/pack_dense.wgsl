// interim
const WG: u32 = 64;
override PANEL: u32 = 32;
override FORMAT: u32 = 0;
override TRANSPOSED: u32 = 0; // 0 forward: columns = rows of W, depth = columns of W; 1: columns = columns of W

struct Params {
  columns: u32, // columns of W (row stride)
  depth: u32,
  column_begin: u32,
  column_count: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read_write> packed: array<f32>;

fn value(i: u32) -> f32 {
  if FORMAT == 0u { return bitcast<f32>(w[i]); }
  let word = w[i / 2u];
  if FORMAT == 1u { return unpack2x16float(word)[i % 2u]; }
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, i % 2u == 1u));
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
