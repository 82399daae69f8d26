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

fn eight_steps(a: f32, b: f32, c: f32) -> f32 {
  let half = fma(fma(fma(fma(a, b, c), b, c), b, c), b, c);
  return fma(fma(fma(fma(half, b, c), b, c), b, c), b, c);
}

fn steps(a: f32, b: f32, c: f32) -> f32 {
  return eight_steps(eight_steps(eight_steps(eight_steps(a, b, c), b, c), b, c), b, c);
}

@compute @workgroup_size(WG)
fn fma_peak(@builtin(global_invocation_id) id: vec3u) {
  let b = params.factor;
  let c = f32(id.x) * 1e-6 + 0.1; // away from denormal numbers
  var a0 = c + 0.0;
  var a1 = c + 1.0;
  var a2 = c + 2.0;
  var a3 = c + 3.0;
  var a4 = c + 4.0;
  var a5 = c + 5.0;
  var a6 = c + 6.0;
  var a7 = c + 7.0;
  var a8 = c + 8.0;
  var a9 = c + 9.0;
  var a10 = c + 10.0;
  var a11 = c + 11.0;
  for (var i = 0u; i < ROUNDS; i++) {
    a0 = steps(a0, b, c);
    a1 = steps(a1, b, c);
    a2 = steps(a2, b, c);
    a3 = steps(a3, b, c);
    a4 = steps(a4, b, c);
    a5 = steps(a5, b, c);
    a6 = steps(a6, b, c);
    a7 = steps(a7, b, c);
    a8 = steps(a8, b, c);
    a9 = steps(a9, b, c);
    a10 = steps(a10, b, c);
    a11 = steps(a11, b, c);
  }
  let sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
  if id.x < params.count { sums[id.x] = sum; }
}

@compute @workgroup_size(WG)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] = x[i]; }
}
