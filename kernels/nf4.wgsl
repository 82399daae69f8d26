// NF4: quantises weights to 4 bits with a scale per block of 64, its scales to 8 bits, and restores.
//   quantize: absmax[b] = max |w| over block b;  code = number of NF4 midpoints below w · (1/absmax[b])
//   nest: d = absmax - offset;  nested[s] = max |d| over 256 blocks;  u8 = midpoints below d · (1/nested[s])
//   dequantize: values[i] = code_value[code[i]] · absmax[i / 64]
// Shapes: the weight flattened to n elements; codes ⌈n/2⌉ bytes, the first element in the high nibble;
//   absmax [⌈n/64⌉]; nested [1 + ⌈n/64/256⌉] with the offset first; tables = 16 code values, 256 scale values.
// Geometry: one invocation per block (quantize, nest) or element (dequantize).
// Numerics: bit for bit what bitsandbytes computes on a CPU: full blocks multiply by the reciprocal, a
//   short last one divides; an element on a midpoint takes the lower code. 1/x gets one Newton step,
//   because WGSL allows it an error of 2.5 ulp. FORMAT: 0 f32, 1 f16, 2 bf16. Restored values are not
//   rounded to the weight's 16-bit dtype, as products in f32 need no rounding.
// Source: bitsandbytes; Dettmers et al. 2023, arXiv:2305.14314.

const WG: u32 = 64;
const TINY_BITS: u32 = 0x006ce3eeu; // 1e-38, stored where a short block is all zero
override FORMAT: u32 = 0;
override DOUBLE: u32 = 0;

struct Params {
  count: u32, // elements here: of this stretch of the weight, or blocks for nest
  block_begin: u32, // first block of this stretch
  offset: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> tables: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<u32>;
@group(0) @binding(3) var<storage, read_write> codes_out: array<u32>;
@group(0) @binding(4) var<storage, read_write> absmax_out: array<u32>;
@group(0) @binding(5) var<storage, read_write> nested_out: array<u32>;
@group(0) @binding(6) var<storage, read> codes: array<u32>;
@group(0) @binding(7) var<storage, read> absmax: array<u32>;
@group(0) @binding(8) var<storage, read> nested: array<f32>;
@group(0) @binding(9) var<storage, read_write> values: array<f32>;

fn weight_value(i: u32) -> f32 {
  if FORMAT == 0u { return bitcast<f32>(w[i]); }
  let word = w[i / 2u];
  if FORMAT == 1u { return unpack2x16float(word)[i % 2u]; }
  return bitcast<f32>(select(word << 16u, word & 0xffff0000u, i % 2u == 1u));
}

fn reciprocal(x: f32) -> f32 {
  let r = 1.0 / x;
  return fma(fma(-x, r, 1.0), r, r);
}

fn scaled(x: f32, most: f32, factor: f32, short: bool) -> f32 {
  if most == 0.0 { return 0.0; }
  return select(x * factor, x / most, short);
}

// How many of the midpoints between tables[begin], tables[begin + 1], … lie below x; there are 2·half - 1.
fn midpoints_below(x: f32, begin: u32, half: u32) -> u32 {
  var count = 0u;
  for (var step = half; step > 0u; step /= 2u) {
    let at = begin + count + step - 1u;
    if (tables[at] + tables[at + 1u]) * 0.5 < x { count += step; }
  }
  return count;
}

@compute @workgroup_size(WG)
fn quantize(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let block = id.x + id.y * groups.x * WG;
  let begin = block * 64u;
  if begin >= params.count { return; }
  let length = min(64u, params.count - begin);
  // Magnitudes are compared as integers: the order is the same, and NaN is the largest.
  var most_bits = 0u;
  for (var i = 0u; i < length; i++) {
    most_bits = max(most_bits, bitcast<u32>(weight_value(begin + i)) & 0x7fffffffu);
  }
  let most = bitcast<f32>(most_bits);
  let short = length < 64u;
  let factor = reciprocal(most);
  for (var word = 0u; word * 8u < length; word++) {
    var packed = 0u;
    for (var i = 0u; i < 8u; i++) {
      let element = word * 8u + i;
      var code = 0u;
      if element < length {
        code = midpoints_below(scaled(weight_value(begin + element), most, factor, short), 0u, 8u);
      } else if element == length && element % 2u == 1u {
        code = 7u; // an odd count is padded with the code of zero
      }
      packed |= code << (8u * (i / 2u) + 4u * (1u - i % 2u));
    }
    codes_out[(params.block_begin + block) * 8u + word] = packed;
  }
  absmax_out[params.block_begin + block] = select(most_bits, TINY_BITS, short && most_bits == 0u);
}

@compute @workgroup_size(WG)
fn nest(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let block = id.x + id.y * groups.x * WG;
  let begin = block * 256u;
  if begin >= params.count { return; }
  let length = min(256u, params.count - begin);
  var most = 0.0;
  for (var i = 0u; i < length; i++) {
    most = max(most, abs(bitcast<f32>(absmax[begin + i]) - params.offset));
  }
  let short = length < 256u;
  let factor = reciprocal(most);
  for (var word = 0u; word * 4u < length; word++) {
    var packed = 0u;
    for (var i = 0u; i < 4u; i++) {
      let element = word * 4u + i;
      if element >= length { break; }
      let x = bitcast<f32>(absmax[begin + element]) - params.offset;
      packed |= midpoints_below(scaled(x, most, factor, short), 16u, 128u) << (8u * i);
    }
    absmax_out[block * 64u + word] = packed;
  }
  nested_out[1u + block] = select(bitcast<u32>(most), TINY_BITS, short && most == 0.0);
  if block == 0u { nested_out[0] = bitcast<u32>(params.offset); }
}

fn block_scale(block: u32) -> f32 {
  if DOUBLE == 0u { return bitcast<f32>(absmax[block]); }
  let code = (absmax[block / 4u] >> (8u * (block % 4u))) & 255u;
  return tables[16u + code] * nested[1u + block / 256u] + nested[0];
}

@compute @workgroup_size(WG)
fn dequantize(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i >= params.count { return; }
  let byte = (codes[i / 8u] >> (8u * (i / 2u % 4u))) & 255u;
  let code = select(byte & 15u, byte >> 4u, i % 2u == 0u);
  values[i] = tables[code] * block_scale(i / 64u);
}
