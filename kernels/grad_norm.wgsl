// Gradient norm: the 2-norm over all gradients, and the factor that clips it.
//   squares: partials[slot + group] = Σ of gradient² over the group's stretch
//   finish: norm = sqrt(Σ partials);  factor = min(1, max_norm / (norm + 1e-6)), 0 if norm is not finite
// Shapes: gradient [count]; partials [slots]; clipping [2] = norm, factor.
// Geometry: squares one workgroup per stretch of STRETCH elements; finish one workgroup.
// Numerics: fixed order of summation, so a run repeats bit for bit. max_norm 0 means no clipping.
// Source: torch.nn.utils.clip_grad_norm_.

const WG: u32 = 64;
override STRETCH: u32 = 65536;

struct Params {
  count: u32,
  slot: u32,
  max_norm: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<storage, read_write> clipping: array<f32>;

var<workgroup> sums: array<f32, WG>;

fn workgroup_sum(value: f32, lane: u32) -> f32 {
  sums[lane] = value;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if lane < half { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  return sums[0];
}

@compute @workgroup_size(WG)
fn squares(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * STRETCH;
  let end = min(begin + STRETCH, params.count);
  var sum = 0.0;
  for (var i = begin + lane; i < end; i += WG) { sum += gradient[i] * gradient[i]; }
  let total = workgroup_sum(sum, lane);
  if lane == 0u { partials[params.slot + group.x] = total; }
}

@compute @workgroup_size(WG)
fn finish(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += WG) { sum += partials[i]; }
  let norm = sqrt(workgroup_sum(sum, lane));
  if lane == 0u {
    clipping[0] = norm;
    let clip = select(1.0, min(1.0, params.max_norm / (norm + 1e-6)), params.max_norm > 0.0);
    // Tested on the bits, because compilers may assume that floats are finite.
    let finite = (bitcast<u32>(norm) & 0x7f800000u) != 0x7f800000u;
    clipping[1] = select(0.0, clip, finite);
  }
}
