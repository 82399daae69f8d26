// AdamW with moments of 8 bits: one optimizer step for one parameter, in place.
//   g = clip · gradient;  m = β₁·m_map[code]·m_absmax + (1-β₁)g;  v = β₂·v_map[code]·v_absmax + (1-β₂)g²
//   w = w·(1 - lr·decay) - (lr / (1-β₁ᵗ)) · m / (sqrt(v) / sqrt(1-β₂ᵗ) + ε)
//   and again, for each block of 256: absmax = max |m|;  code = number of midpoints of m_map below m / absmax
// Shapes: gradient, weight flattened to `count` elements; m, v their codes, four a word; m_absmax,
//   v_absmax [⌈count/256⌉]; maps [1024] = 256 values for m, 256 for v, then their midpoints, each 255 and
//   one that is not used; clipping = [norm, factor] from grad_norm.wgsl.
// Geometry: one workgroup per block; a lane takes four elements, which are one word of codes.
// Numerics: new weights come from the moments before they are quantised. What bitsandbytes computes on a
//   CPU: full blocks multiply by the reciprocal, a short last one divides; a value on a midpoint takes the
//   lower code. (Its CUDA kernel decays after the update, and gives negative m that would become 0 the
//   code before.) 1/x gets one Newton step, because WGSL allows it an error of 2.5 ulp. A factor of 0 marks
//   a norm that is not finite: nothing is changed then.
// Source: bitsandbytes; Dettmers et al. 2021, arXiv:2110.02861.

const WG: u32 = 64;
const BLOCK: u32 = 256;
const V_VALUES: u32 = 256;
const M_MIDPOINTS: u32 = 512;
const V_MIDPOINTS: u32 = 768;

struct Params {
  count: u32,
  decay: f32, // 1 - lr · weight decay
  beta1: f32,
  rate1: f32, // 1 - β₁
  beta2: f32,
  rate2: f32, // 1 - β₂
  epsilon: f32,
  step_size: f32, // lr / (1 - β₁ᵗ)
  correction2: f32, // sqrt(1 - β₂ᵗ)
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> clipping: array<f32>;
@group(0) @binding(2) var<storage, read> maps: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read_write> weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> m: array<u32>;
@group(0) @binding(6) var<storage, read_write> v: array<u32>;
@group(0) @binding(7) var<storage, read_write> m_absmax: array<f32>;
@group(0) @binding(8) var<storage, read_write> v_absmax: array<f32>;

var<workgroup> largest: array<vec2f, WG>;

fn reciprocal(x: f32) -> f32 {
  let r = 1.0 / x;
  return fma(fma(-x, r, 1.0), r, r);
}

fn scaled(x: f32, most: f32, short: bool) -> f32 {
  if most == 0.0 { return 0.0; }
  if short { return x / most; }
  return x * reciprocal(most);
}

// How many of the 255 midpoints from maps[begin] on lie below x.
fn code_for(x: f32, begin: u32) -> u32 {
  var count = 0u;
  for (var step = 128u; step > 0u; step /= 2u) {
    if maps[begin + count + step - 1u] < x { count += step; }
  }
  return count;
}

@compute @workgroup_size(WG)
fn step(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = group.x + group.y * groups.x;
  let factor = clipping[1];
  if block * BLOCK >= params.count || factor == 0.0 { return; }
  let word = block * (BLOCK / 4u) + lane;
  let begin = 4u * word;
  let length = min(4u, max(begin, params.count) - begin);
  var moments: array<vec2f, 4>; // m and v; 0 beyond the end
  for (var i = 0u; i < length; i++) {
    let g = gradient[begin + i] * factor;
    let m_old = maps[(m[word] >> (8u * i)) & 255u] * m_absmax[block];
    let v_old = maps[V_VALUES + ((v[word] >> (8u * i)) & 255u)] * v_absmax[block];
    let first = m_old * params.beta1 + params.rate1 * g;
    let second = v_old * params.beta2 + params.rate2 * g * g;
    moments[i] = vec2f(first, second);
    let denominator = sqrt(second) / params.correction2 + params.epsilon;
    let decayed = weight[begin + i] * params.decay;
    weight[begin + i] = decayed - params.step_size * first / denominator;
  }
  largest[lane] = max(
    max(abs(moments[0]), abs(moments[1])),
    max(abs(moments[2]), abs(moments[3])),
  );
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if lane < half { largest[lane] = max(largest[lane], largest[lane + half]); }
    workgroupBarrier();
  }
  let most = largest[0];
  let short = (block + 1u) * BLOCK > params.count;
  var codes = vec2u(0u);
  for (var i = 0u; i < length; i++) {
    codes |= vec2u(
      code_for(scaled(moments[i].x, most.x, short), M_MIDPOINTS) << (8u * i),
      code_for(scaled(moments[i].y, most.y, short), V_MIDPOINTS) << (8u * i),
    );
  }
  if length > 0u {
    m[word] = codes.x;
    v[word] = codes.y;
  }
  if lane == 0u {
    m_absmax[block] = most.x;
    v_absmax[block] = most.y;
  }
}
