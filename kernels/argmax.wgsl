// Argmax: the index of the largest element of each row, the first one on ties.
// Shapes: x [N, V]; indices [N]. Geometry: one workgroup per row.
// Numerics: elements are compared as integers in the order of the floats, so that NaN and infinities
//   cannot be lost. A row with a NaN or +∞, or of nothing but -∞, gives 0xffffffff.

const WG: u32 = 64;

struct Params {
  rows: u32,
  width: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;

const ABOVE_FINITE: u32 = 0xff800000u; // +∞
const BELOW_FINITE: u32 = 0x007fffffu; // -∞
const NONE: u32 = 0xffffffffu;

var<workgroup> ranks: array<u32, WG>;
var<workgroup> places: array<u32, WG>;

// A number that is larger for a larger value: 0 and -0 are equal, NaN of either sign is the largest.
fn rank_of(value: f32) -> u32 {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  if magnitude > 0x7f800000u { return NONE; }
  if magnitude == 0u { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, bits > magnitude);
}

@compute @workgroup_size(WG)
fn argmax(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if row >= params.rows { return; }
  let base = row * params.width;
  var best = 0u;
  var place = params.width;
  for (var v = lane; v < params.width; v += WG) {
    let rank = rank_of(x[base + v]);
    if rank > best {
      best = rank;
      place = v;
    }
  }
  ranks[lane] = best;
  places[lane] = place;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if lane < half {
      let other = ranks[lane + half];
      let nearer = places[lane + half] < places[lane];
      if other > ranks[lane] || (other == ranks[lane] && nearer) {
        ranks[lane] = other;
        places[lane] = places[lane + half];
      }
    }
    workgroupBarrier();
  }
  if lane == 0u {
    let finite = ranks[0] > BELOW_FINITE && ranks[0] < ABOVE_FINITE;
    indices[row] = select(NONE, places[0], finite);
  }
}
