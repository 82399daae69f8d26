// Probe: what the adapter can do at best, to hold the other kernels against.
//   fma: eight chains of a = a · b + c over vec4, long enough that nothing else counts
//   copy: y = x
// Shapes: fma writes one value per invocation; copy moves `count` vec4.
// Geometry: one invocation per value (fma) or vec4 (copy).
// Numerics: fma does 64 · ITERATIONS floating-point operations per invocation; |b| < 1 keeps it finite.

const WG: u32 = 64;
override ITERATIONS: u32 = 4096;

struct Params {
  count: u32,
  factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(WG)
fn fma_peak(@builtin(global_invocation_id) id: vec3u) {
  let b = vec4f(params.factor);
  let c = vec4f(f32(id.x) * 1e-6);
  var a0 = c;
  var a1 = c + 1.0;
  var a2 = c + 2.0;
  var a3 = c + 3.0;
  var a4 = c + 4.0;
  var a5 = c + 5.0;
  var a6 = c + 6.0;
  var a7 = c + 7.0;
  for (var i = 0u; i < ITERATIONS; i++) {
    a0 = fma(a0, b, c);
    a1 = fma(a1, b, c);
    a2 = fma(a2, b, c);
    a3 = fma(a3, b, c);
    a4 = fma(a4, b, c);
    a5 = fma(a5, b, c);
    a6 = fma(a6, b, c);
    a7 = fma(a7, b, c);
  }
  let sum = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7;
  if id.x < params.count { sums[id.x] = sum.x + sum.y + sum.z + sum.w; }
}

@compute @workgroup_size(WG)
fn copy(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] = x[i]; }
}
