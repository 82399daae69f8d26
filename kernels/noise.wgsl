// Noise: dropout and NEFTune, from a counter-based generator.
//   dropout: y = x / (1 - p) where hash(seed, begin + i) ≥ p · 2³², else 0
//   uniform: y = x + u · scales[row], u uniform in [-1, 1)
// Shapes: x, y flattened to `count` elements; scales [count / width].
// Geometry: one invocation per element.
// Numerics: the mask depends only on (seed, element), so recomputation and resumption repeat it.
// Source: the hash is PCG-RXS-M-XS of Jarzynski and Olano 2020, JCGT 9(3); dropout Srivastava et al.
// 2014; NEFTune arXiv:2310.05914.

const WG: u32 = 64;

struct Params {
  count: u32,
  width: u32,
  seed: u32,
  begin: u32, // where in the mask x begins
  threshold: u32, // p · 2³²
  scale: f32, // 1 / (1 - p)
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> scales: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

fn pcg(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

fn random_word(i: u32) -> u32 {
  return pcg(pcg(i) ^ params.seed);
}

@compute @workgroup_size(WG)
fn dropout(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count { return; }
  let value = select(0.0, x[i] * params.scale, random_word(params.begin + i) >= params.threshold);
  if params.accumulate == 1u { y[i] += value; } else { y[i] = value; }
}

@compute @workgroup_size(WG)
fn uniform_noise(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count { return; }
  let u = f32(random_word(i) >> 8u) * (2.0 / 16777216.0) - 1.0;
  y[i] = x[i] + u * scales[i / params.width];
}
