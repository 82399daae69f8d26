/**
 * Conversions between float32 and the two 16-bit floats: IEEE 754 binary16 (f16: 1 sign, 5 exponent
 * and 10 fraction bits) and bfloat16 (the upper half of a float32).
 *
 * Narrowing rounds to nearest, ties to even; what is too large becomes infinity and NaN stays NaN.
 * Widening is exact.
 * @module
 */

/** Widens f16 bits, element by element. */
export function decodeF16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return new Float32Array(new Float16Array(bits.buffer, bits.byteOffset, bits.length));
}

/** Narrows to f16 bits, element by element. */
export function encodeF16(values: Float32Array): Uint16Array<ArrayBuffer> {
  return new Uint16Array(new Float16Array(values).buffer);
}

/** Widens bfloat16 bits, element by element. */
export function decodeBf16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  const wide = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) wide[i] = bits[i] << 16;
  return new Float32Array(wide.buffer);
}

/** Narrows to bfloat16 bits, element by element. */
export function encodeBf16(values: Float32Array): Uint16Array<ArrayBuffer> {
  const wide = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < wide.length; i++) bits[i] = roundBitsToBf16(wide[i]);
  return bits;
}

/**
 * Adds just under half of the dropped range, and one more where the kept part is odd: that carries
 * exactly when rounding to nearest even goes up, and past the largest value it carries to infinity.
 * For NaN the carry could reach infinity or zero, so it is truncated with its quiet bit set instead.
 */
function roundBitsToBf16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return bits >>> 16 | 0x40;
  return (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
}
