import { assert, assertEquals } from "@std/assert";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../../src/formats/half.ts";

/** A 16-bit float by its definition, with the given number of fraction bits. */
function define(bits: number, fractionBits: number): number {
  const exponentBits = 15 - fractionBits;
  const sign = bits >> 15 ? -1 : 1;
  const exponent = bits >> fractionBits & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const allBits = Uint16Array.from({ length: 65536 }, (_, i) => i);

const nextUp = (value: number) => {
  const [bits] = new Uint32Array(Float32Array.of(value).buffer);
  return new Float32Array(Uint32Array.of(bits + 1).buffer)[0];
};
const nextDown = (value: number) => {
  const [bits] = new Uint32Array(Float32Array.of(value).buffer);
  return new Float32Array(Uint32Array.of(bits - 1).buffer)[0];
};

const formats = [
  {
    name: "f16",
    fractionBits: 10,
    infinity: 0x7c00,
    decode: decodeF16,
    encode: encodeF16,
  },
  {
    name: "bf16",
    fractionBits: 7,
    infinity: 0x7f80,
    decode: decodeBf16,
    encode: encodeBf16,
  },
];

for (const { name, fractionBits, infinity, decode, encode } of formats) {
  const widen = (bits: number) => decode(Uint16Array.of(bits))[0];
  const narrow = (value: number) => encode(Float32Array.of(value))[0];

  Deno.test(`${name}: all 65536 values widen to their definition and come back`, () => {
    const wide = decode(allBits);
    const back = encode(wide);
    for (const bits of allBits) {
      const expected = define(bits, fractionBits);
      assert(Object.is(wide[bits], expected), `decode ${bits}`);
      assert(Object.is(widen(bits), expected), `widen ${bits}`);
      const isNaN = Number.isNaN(expected);
      assert(isNaN ? Number.isNaN(widen(back[bits])) : back[bits] === bits, `encode ${bits}`);
      assert(isNaN ? Number.isNaN(widen(narrow(wide[bits]))) : narrow(wide[bits]) === bits);
    }
  });

  Deno.test(`${name}: between neighbours the nearer wins, and a tie goes to the even one`, () => {
    const values: number[] = [];
    const expected: number[] = [];
    // up to and with the step from the largest finite value to infinity, which rounds as if the
    // exponent went on
    for (let low = 0; low < infinity; low++) {
      const below = define(low, fractionBits);
      const step = low === 0 ? define(1, fractionBits) : below - define(low - 1, fractionBits);
      const above = low + 1 === infinity ? below + step : define(low + 1, fractionBits);
      const middle = (below + above) / 2;
      if (Math.fround(middle) !== middle) continue; // finer than float32: below its subnormals
      for (const sign of [0, 0x8000]) {
        const factor = sign ? -1 : 1;
        values.push(factor * middle, factor * nextDown(middle), factor * nextUp(middle));
        expected.push(sign | (low + (low & 1)), sign | low, sign | (low + 1));
      }
    }
    assert(values.length > 6 * 31_000, "nearly all neighbours have a middle in float32");
    const wide = new Float32Array(values);
    assertEquals(encode(wide), new Uint16Array(expected));
    for (let i = 0; i < values.length; i += 101) assertEquals(narrow(values[i]), expected[i]);
  });

  Deno.test(`${name}: infinities, overflow, zeros and every kind of NaN`, () => {
    const inputs = [Infinity, -Infinity, 3.4028234663852886e38, -3.4028234663852886e38, 0, -0];
    const expected = [infinity, 0x8000 | infinity, infinity, 0x8000 | infinity, 0, 0x8000];
    assertEquals([...encode(new Float32Array(inputs))], expected);
    assertEquals(inputs.map(narrow), expected);
    const nans = Uint32Array.of(0x7fc00000, 0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff);
    for (const bits of encode(new Float32Array(nans.buffer))) assert(Number.isNaN(widen(bits)));
  });

  Deno.test(`${name}: views with an offset are taken as they are`, () => {
    assertEquals([...decode(encode(Float32Array.of(9, 1, 2, 9).subarray(1, 3)))], [1, 2]);
    assertEquals([...decode(encode(Float32Array.of(9, 1, 2, 9)).subarray(1, 3))], [1, 2]);
    assertEquals(encode(new Float32Array()).length, 0);
  });
}
