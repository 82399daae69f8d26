// Products of single rows with a dense weight, as in decoding: W is read once and not unpacked.
//   c[n, o] (+)= alpha · Σ over k of x[n, k] · W[o, k]
// Shapes: x [N, I]; W [O, I] in FORMAT; c with rows c_stride apart, column o at c_offset + o.
// Geometry: LANES invocations per output: ⌈O·LANES/64⌉ groups in x and y, N in z.
// Numerics: f32 sums, four side by side; 16-bit values are widened exactly.

const WG: u32 = 64;
override LANES: u32 = 64;
override FORMAT: u32 = 0; // 0 f32, 1 f16, 2 bf16

struct Params {
  outputs: u32,
  inputs: u32,
  c_stride: u32,
  c_offset: u32,
  alpha: f32,
  accumulate: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<u32>;
@group(0) @binding(3) var<storage, read_write> c: array<f32>;

var<workgroup> partial: array<f32, WG>;

fn value(i: u32) -> f32 {
  if FORMAT == 0u { return bitcast<f32>(w[i]); }
  let word = w[i / 2u];
  if FORMAT == 1u { return unpack2x16float(word)[i % 2u]; }
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, i % 2u == 1u));
}

// The sum over the invocations that share an output.
fn lane_sum(value: f32, index: u32) -> f32 {
  if LANES == 1u { return value; }
  partial[index] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if index % LANES < half { partial[index] += partial[index + half]; }
    workgroupBarrier();
  }
  return partial[index - index % LANES];
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let output = (group.x + group.y * groups.x) * (WG / LANES) + index / LANES;
  let row = group.z * params.inputs;
  let first = min(output, params.outputs - 1u) * params.inputs;
  var sums = vec4f();
  for (var k = 4u * (index % LANES); k < params.inputs; k += 4u * LANES) {
    let i = row + k;
    let at = first + k;
    let values = vec4f(x[i], x[i + 1u], x[i + 2u], x[i + 3u]);
    let weights = vec4f(value(at), value(at + 1u), value(at + 2u), value(at + 3u));
    let inside = vec4u(0u, 1u, 2u, 3u) < vec4u(params.inputs - k);
    sums += select(vec4f(), weights * values, inside);
  }
  let total = lane_sum(dot(sums, vec4f(1.0)), index) * params.alpha;
  if output >= params.outputs || index % LANES != 0u { return; }
  let at = group.z * params.c_stride + params.c_offset + output;
  if params.accumulate == 1u { c[at] += total; } else { c[at] = total; }
}
