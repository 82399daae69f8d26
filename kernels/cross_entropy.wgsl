// Cross-entropy of rows of logits against one target token each.
//   losses[m] = log Σ over v of exp(logits[m, v]) - logits[m, targets[m]]
//   d_logits[m, v] = (exp(logits[m, v] - log_sum[m]) - [v = targets[m]]) · d_losses[m]
// Shapes: logits, d_logits [M, V]; targets, losses, log_sums, d_losses [M].
// Geometry: forward LANES invocations per row; backward one invocation per logit.
// Numerics: the row's maximum is subtracted before exp, and from the target's logit before the logarithm
//   is added, so a shift of all logits costs no digits; a target outside 0 .. V-1 gives a NaN loss.

const WG: u32 = 64;
override LANES: u32 = 64;

struct Params {
  rows: u32,
  vocabulary: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<u32>;
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;
@group(0) @binding(4) var<storage, read_write> log_sums: array<f32>;
@group(0) @binding(5) var<storage, read> log_sum: array<f32>;
@group(0) @binding(6) var<storage, read> d_losses: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_logits: array<f32>;

var<workgroup> partial: array<f32, WG>;

// The largest value and the sum over the invocations that share a row.
fn row_max(value: f32, index: u32) -> f32 {
  if LANES == 1u { return value; }
  partial[index] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if index % LANES < half { partial[index] = max(partial[index], partial[index + half]); }
    workgroupBarrier();
  }
  let result = partial[index - index % LANES];
  workgroupBarrier();
  return result;
}

fn row_sum(value: f32, index: u32) -> f32 {
  if LANES == 1u { return value; }
  partial[index] = value;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if index % LANES < half { partial[index] += partial[index + half]; }
    workgroupBarrier();
  }
  let result = partial[index - index % LANES];
  workgroupBarrier();
  return result;
}

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let number = (group.x + group.y * groups.x) * (WG / LANES) + index / LANES;
  let row = min(number, params.rows - 1u); // invocations past the end repeat the last row
  let base = row * params.vocabulary;
  var highest = logits[base];
  for (var v = index % LANES; v < params.vocabulary; v += LANES) { highest = max(highest, logits[base + v]); }
  let top = row_max(highest, index);
  var sum = 0.0;
  for (var v = index % LANES; v < params.vocabulary; v += LANES) { sum += exp(logits[base + v] - top); }
  let spread = log(row_sum(sum, index));
  log_sums[row] = top + spread;
  let not_a_number = bitcast<f32>(0x7fc00000u | params.rows); // not foldable by the compiler
  let target_logit = logits[base + min(targets[row], params.vocabulary - 1u)];
  losses[row] = select(not_a_number, spread + (top - target_logit), targets[row] < params.vocabulary);
}

@compute @workgroup_size(WG)
fn backward(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.rows * params.vocabulary { return; }
  let row = i / params.vocabulary;
  let probability = exp(logits[i] - log_sum[row]);
  let hit = select(0.0, 1.0, i % params.vocabulary == targets[row]);
  d_logits[i] = (probability - hit) * d_losses[row];
}
