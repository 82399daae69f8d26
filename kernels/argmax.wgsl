// Argmax: the index of the largest element of each row, the first one on ties.
// Shapes: x [N, V]; indices [N]. Geometry: one workgroup per row.
// Numerics: NaN is never chosen unless the whole row is NaN, which gives index 0.

const WG: u32 = 64;

struct Params {
  rows: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;

const LOWEST: f32 = -3.4028234e38;

var<workgroup> values: array<f32, WG>;
var<workgroup> places: array<u32, WG>;

@compute @workgroup_size(WG)
fn argmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if row >= params.rows { return; }
  let base = row * params.width;
  var best = LOWEST;
  var place = params.width;
  for (var v = lane; v < params.width; v += WG) {
    if x[base + v] > best || (place == params.width && x[base + v] == best) {
      best = x[base + v];
      place = v;
    }
  }
  values[lane] = best;
  places[lane] = place;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if lane < half {
      let other = values[lane + half];
      let nearer = places[lane + half] < places[lane];
      if other > values[lane] || (other == values[lane] && nearer) {
        values[lane] = other;
        places[lane] = places[lane + half];
      }
    }
    workgroupBarrier();
  }
  if lane == 0u { indices[row] = select(places[0], 0u, places[0] >= params.width); }
}
