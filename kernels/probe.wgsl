// Probe: what the adapter can do at best, to hold the other kernels against.
//   fma_peak: twelve chains of a = a · b + c, as many as fit the registers of a CPU, 32 steps a round, so that the
//     loop itself does not count
//   copy: y = x
// Shapes: fma writes one value per invocation; copy moves `count` vec4.
// Geometry: one invocation per value (fma) or vec4 (copy).
// Numerics: fma_peak does 768 · ROUNDS floating-point operations per invocation; |b| < 1 keeps it finite.

const WG: u32 = 64;
override ROUNDS: u32 = 128;

struct Params {
  count: u32,
  factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

alias Chains = array<f32, 12>;

// One step of every chain; written out, so that the chains stay in registers and side by side.
fn step(chains: ptr<function, Chains>, b: f32, c: f32) {
  (*chains)[0] = fma((*chains)[0], b, c);
  (*chains)[1] = fma((*chains)[1], b, c);
  (*chains)[2] = fma((*chains)[2], b, c);
  (*chains)[3] = fma((*chains)[3], b, c);
  (*chains)[4] = fma((*chains)[4], b, c);
  (*chains)[5] = fma((*chains)[5], b, c);
  (*chains)[6] = fma((*chains)[6], b, c);
  (*chains)[7] = fma((*chains)[7], b, c);
  (*chains)[8] = fma((*chains)[8], b, c);
  (*chains)[9] = fma((*chains)[9], b, c);
  (*chains)[10] = fma((*chains)[10], b, c);
  (*chains)[11] = fma((*chains)[11], b, c);
}

fn eight_steps(chains: ptr<function, Chains>, b: f32, c: f32) {
  step(chains, b, c);
  step(chains, b, c);
  step(chains, b, c);
  step(chains, b, c);
  step(chains, b, c);
  step(chains, b, c);
  step(chains, b, c);
  step(chains, b, c);
}

@compute @workgroup_size(WG)
fn fma_peak(@builtin(global_invocation_id) id: vec3u) {
  let b = params.factor;
  let c = f32(id.x) * 1e-6 + 0.1; // away from denormal numbers
  var chains = Chains(c, c + 1.0, c + 2.0, c + 3.0, c + 4.0, c + 5.0, c + 6.0, c + 7.0, c + 8.0, c + 9.0, c + 10.0, c + 11.0);
  for (var i = 0u; i < ROUNDS; i++) {
    eight_steps(&chains, b, c);
    eight_steps(&chains, b, c);
    eight_steps(&chains, b, c);
    eight_steps(&chains, b, c);
  }
  let left = chains[0] + chains[1] + chains[2] + chains[3] + chains[4] + chains[5];
  let right = chains[6] + chains[7] + chains[8] + chains[9] + chains[10] + chains[11];
  if id.x < params.count { sums[id.x] = left + right; }
}

@compute @workgroup_size(WG)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] = x[i]; }
}
