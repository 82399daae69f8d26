// Rotary position embedding: rotates the pairs (d, d + D/2) of every head by an angle of the position.
//   y[d]       = x[d] · cos - direction · x[d + D/2] · sin
//   y[d + D/2] = x[d + D/2] · cos + direction · x[d] · sin
// Shapes: x, y [N, heads, D]; positions [N]; cosines, sines [positions, D/2].
// Geometry: one invocation per rotated pair. The gradient is the rotation by -direction.
// Numerics: angles come from the host's table (f64 sine of an f32 angle), not from GPU sine.
// Source: Su et al. 2021, arXiv:2104.09864, in the half-split layout of transformers.

const WG: u32 = 64;

struct Params {
  rows: u32,
  heads: u32,
  half_size: u32, // D/2
  direction: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read> cosines: array<f32>;
@group(0) @binding(4) var<storage, read> sines: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn rotate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  let half_size = params.half_size;
  if i >= params.rows * params.heads * half_size { return; }
  let pair = i % half_size;
  let row = i / (params.heads * half_size);
  let first = (i / half_size) * 2u * half_size + pair;
  let second = first + half_size;
  let angle = positions[row] * half_size + pair;
  let cosine = cosines[angle];
  let sine = params.direction * sines[angle];
  let a = x[first] * cosine - x[second] * sine;
  let b = x[second] * cosine + x[first] * sine;
  if params.accumulate == 1u {
    y[first] += a;
    y[second] += b;
  } else {
    y[first] = a;
    y[second] = b;
  }
}
