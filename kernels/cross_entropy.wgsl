// Cross-entropy of rows of logits against one target token each.
//   losses[m] = log Σ over v of exp(logits[m, v]) - logits[m, targets[m]]
//   d_logits[m, v] = (exp(logits[m, v] - log_sum[m]) - [v = targets[m]]) · d_losses[m]
// Shapes: logits, d_logits [M, V]; targets, losses, log_sums, d_losses [M].
// Geometry: forward one workgroup per row; backward one invocation per logit.
// Numerics: the row's maximum is subtracted before exp; a target outside 0 .. V-1 gives a NaN loss.

const WG: u32 = 64;

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

@compute @workgroup_size(WG)
fn forward(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x + group.y * groups.x;
  if row >= params.rows { return; }
  let base = row * params.vocabulary;
  var highest = logits[base];
  for (var v = lane; v < params.vocabulary; v += WG) { highest = max(highest, logits[base + v]); }
  partial[lane] = highest;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if lane < half { partial[lane] = max(partial[lane], partial[lane + half]); }
    workgroupBarrier();
  }
  highest = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var v = lane; v < params.vocabulary; v += WG) { sum += exp(logits[base + v] - highest); }
  partial[lane] = sum;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half /= 2u) {
    if lane < half { partial[lane] += partial[lane + half]; }
    workgroupBarrier();
  }
  if lane == 0u {
    let total = highest + log(partial[0]);
    log_sums[row] = total;
    let not_a_number = bitcast<f32>(0x7fc00000u | params.rows); // not foldable by the compiler
    let target_logit = logits[base + min(targets[row], params.vocabulary - 1u)];
    losses[row] = select(not_a_number, total - target_logit, targets[row] < params.vocabulary);
  }
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
