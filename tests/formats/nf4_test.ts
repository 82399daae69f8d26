import { assert, assertEquals, assertThrows } from "@std/assert";
import { FormatError, ShapeError } from "../../src/errors.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { dynamicMap } from "../../src/formats/dynamic_map.ts";
import { NF4_CODES } from "../../src/formats/nf4.ts";
import {
  dequantizeNf4,
  doubleDequantize,
  doubleQuantize,
  NF4_MIDPOINTS,
  quantizeNf4,
} from "../nf4_reference.ts";
import { decodeBf16, encodeBf16 } from "../../src/formats/half.ts";
import { formatQuantState, parseQuantState } from "../../src/formats/nf4_state.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { sharedTest } from "../shared.ts";

const CASES = [
  "q_proj_f32",
  "gate_proj_bf16",
  "down_proj_f16",
  "normal_128x160_f32",
  "zeros_block_f32",
  "odd_5x7_f32",
  "tails_3x50_f32",
  "midpoint_ties_1x64_f32",
];

/** Equal to the bit, which tells 0 from -0. */
function assertSameBits(actual: Float32Array, expected: Float32Array, message: string): void {
  const bits = (values: Float32Array) =>
    new Uint32Array(values.buffer, values.byteOffset, values.length);
  assertEquals(bits(actual), bits(expected), message);
}

sharedTest("the tables equal those of bitsandbytes", (path) => {
  const tables = JSON.parse(Deno.readTextFileSync(path("golden/bnb-nf4/tables.json")));
  assertEquals([...NF4_CODES], tables.nf4_code);
  assertEquals([...dynamicMap({ signed: true })], tables.dynamic_map_signed_8bit);
});

for (const name of CASES) {
  sharedTest(`${name}: every byte and every float as bitsandbytes has them`, async (path) => {
    using file = await openFile(path("golden/bnb-nf4/vectors.safetensors"));
    const golden = await openSafetensors(file);
    const read = (key: string) => golden.read(`${name}.${key}`);
    const readF32 = (key: string) => golden.readF32(`${name}.${key}`);
    const values = await readF32("input");

    const plain = quantizeNf4(values);
    assertEquals(plain.packed, await read("plain.weight"), "packed");
    assertEquals(plain.packed, await read("dq.weight"), "packed under double quantisation");
    assertSameBits(plain.absmax, await readF32("plain.weight.absmax"), "absmax");

    const state = parseQuantState(await read("dq.weight.quant_state.bitsandbytes__nf4"));
    const nested = doubleQuantize(plain.absmax);
    assertEquals(nested.nestedOffset, state.nested?.offset, "nested offset");
    assertEquals(nested.absmax, await read("dq.weight.absmax"), "absmax in 8 bits");
    assertSameBits(nested.nestedAbsmax, await readF32("dq.weight.nested_absmax"), "nested absmax");
    assertSameBits(
      dynamicMap({ signed: true }),
      await readF32("dq.weight.nested_quant_map"),
      "map",
    );

    const absmax = doubleDequantize(nested);
    assertSameBits(absmax, await readF32("dq.absmax_dequant"), "absmax restored");
    for (const [kind, scales] of [["plain", plain.absmax], ["dq", absmax]] as const) {
      const blocks = { packed: plain.packed, absmax: scales };
      const count = values.length;
      assertSameBits(dequantizeNf4(blocks, { count }), await readF32(`${kind}.dequant_f32`), kind);
      const rounded = dequantizeNf4(blocks, { count, dtype: state.dtype });
      assertSameBits(rounded, await readF32(`${kind}.dequant`), `${kind} as ${state.dtype}`);
    }
  });

  sharedTest(`${name}: the quant_state is read and written back byte for byte`, async (path) => {
    using file = await openFile(path("golden/bnb-nf4/vectors.safetensors"));
    const golden = await openSafetensors(file);
    const texts = JSON.parse(
      Deno.readTextFileSync(path("golden/bnb-nf4/quant_state_json.json")),
    );
    for (const kind of ["plain", "dq"]) {
      const bytes = await golden.read(`${name}.${kind}.weight.quant_state.bitsandbytes__nf4`);
      const state = parseQuantState(bytes);
      assertEquals(state.nested !== undefined, kind === "dq");
      assertEquals([...state.shape], golden.tensors.get(`${name}.input`)?.shape);
      assertEquals(formatQuantState(state), bytes);
      assertEquals(new TextDecoder().decode(formatQuantState(state)), texts[`${name}.${kind}`]);
    }
  });
}

sharedTest("quantising the trained model gives its bitsandbytes checkpoint", async (path) => {
  using source = await openFile(path("golden/stories260k/model.safetensors"));
  using checkpoint = await openFile(path("golden/stories260k-bnb-4bit/model.safetensors"));
  const weights = await openSafetensors(source);
  const quantised = await openSafetensors(checkpoint);
  const suffix = ".quant_state.bitsandbytes__nf4";
  const names = [...quantised.tensors.keys()].filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length));
  assertEquals(names.length, 35);
  for (const name of names) {
    const bytes = await quantised.read(`${name}${suffix}`);
    const state = parseQuantState(bytes, name);
    assertEquals([...state.shape], weights.tensors.get(name)?.shape);
    const { packed, absmax } = quantizeNf4(roundToBf16(await weights.readF32(name)));
    const nested = doubleQuantize(absmax);
    assertEquals(packed, await quantised.read(name), name);
    assertEquals(nested.absmax, await quantised.read(`${name}.absmax`), name);
    const expected = await quantised.readF32(`${name}.nested_absmax`);
    assertSameBits(nested.nestedAbsmax, expected, name);
    const offset = { blockSize: 256, dtype: "float32", offset: nested.nestedOffset } as const;
    assertEquals(formatQuantState({ ...state, nested: offset }), bytes, name);
  }
});

function roundToBf16(values: Float32Array): Float32Array {
  return decodeBf16(encodeBf16(values));
}

Deno.test("a block by hand: codes, packing, restored values", () => {
  // absmax 2: 2 → 15, -2 → 0, 0 → 7, 0.3 → 0.15 → 9, -1.4 → -0.7 → 1
  const values = Float32Array.of(2, -2, 0, 0.3, -1.4);
  const { packed, absmax } = quantizeNf4(values);
  assertEquals(packed, Uint8Array.of(0xf0, 0x79, 0x17));
  assertEquals([...absmax], [2]);
  const restored = dequantizeNf4({ packed, absmax }, { count: 5 });
  assertEquals([...restored], [15, 0, 7, 9, 1].map((code) => Math.fround(NF4_CODES[code] * 2)));
});

Deno.test("a value on a midpoint takes the lower code, one above it the upper", () => {
  const bits = (value: number) => new Uint32Array(Float32Array.of(value).buffer)[0];
  for (const [index, middle] of NF4_MIDPOINTS.entries()) {
    const next = new Float32Array(Uint32Array.of(bits(middle) + Math.sign(middle)).buffer)[0];
    const { packed } = quantizeNf4(Float32Array.of(1, middle, middle, next), { blockSize: 4 });
    assertEquals(packed[0] & 15, index);
    assertEquals([packed[1] >> 4, packed[1] & 15], [index, index + 1]);
  }
});

Deno.test("zero blocks restore to zero, also a short one", () => {
  const values = new Float32Array(64 + 3);
  const { packed, absmax } = quantizeNf4(values);
  assertEquals([...absmax], [0, Math.fround(1e-38)]);
  assert(packed.every((byte) => byte === 0x77));
  assertEquals([...dequantizeNf4({ packed, absmax }, { count: 67 })], [...values]);
  const nested = doubleQuantize(new Float32Array(257).fill(3));
  assertEquals([nested.nestedOffset, ...nested.nestedAbsmax], [3, 0, Math.fround(1e-38)]);
  assertEquals([...doubleDequantize(nested)], Array(257).fill(3));
});

Deno.test("the error on normal values is the one bitsandbytes' own tests expect", () => {
  const values = normal(2 ** 18);
  const restored = dequantizeNf4(quantizeNf4(values), { count: values.length });
  const errors = values.map((value, i) => Math.abs(value - restored[i]));
  const mean = errors.reduce((a, b) => a + b, 0) / errors.length;
  assert(Math.abs(mean - 0.072798) < 0.0005, `mean error ${mean}`);
});

Deno.test("double quantisation moves an absmax by at most half the widest gap of the map", () => {
  const map = dynamicMap({ signed: true });
  const widest = Math.max(...map.slice(1).map((value, i) => value - map[i]));
  const absmax = normal(1000).map((value) => Math.abs(value) + 2);
  const nested = doubleQuantize(absmax);
  assertEquals([nested.absmax.length, nested.nestedAbsmax.length], [1000, 4]);
  doubleDequantize(nested).forEach((value, i) => {
    const bound = nested.nestedAbsmax[Math.floor(i / 256)] * widest / 2 + 1e-6;
    assert(Math.abs(value - absmax[i]) <= bound);
  });
});

Deno.test("other block sizes, and nothing at all", () => {
  const values = normal(300);
  for (const blockSize of [1, 32, 128, 4096]) {
    const blocks = quantizeNf4(values, { blockSize });
    assertEquals(blocks.absmax.length, Math.ceil(300 / blockSize));
    const restored = dequantizeNf4(blocks, { count: 300, blockSize });
    const most = Math.max(...values.map(Math.abs));
    assert(restored.every((value, i) => Math.abs(value - values[i]) <= most * 0.16));
  }
  const nothing = quantizeNf4(new Float32Array());
  assertEquals([nothing.packed.length, nothing.absmax.length], [0, 0]);
  assertEquals(doubleDequantize(doubleQuantize(nothing.absmax)).length, 0);
});

Deno.test("values that are not finite are refused with their index", () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    const values = new Float32Array(100);
    values[70] = value;
    assertThrows(() => quantizeNf4(values), FormatError, `element 70 is ${value}`);
    assertThrows(() => doubleQuantize(values), FormatError, "is not finite");
  }
  // finite values whose sum is not
  assertThrows(() => doubleQuantize(Float32Array.of(3e38, 3e38)), FormatError, "is not finite");
});

Deno.test("lengths that do not fit are ShapeErrors", () => {
  const blocks = quantizeNf4(normal(130));
  assertThrows(() => dequantizeNf4(blocks, { count: 132 }), ShapeError, "packed codes");
  assertThrows(() => dequantizeNf4(blocks, { count: 130, blockSize: 32 }), ShapeError, "absmax");
  for (const blockSize of [0, -64, 1.5, NaN]) {
    assertThrows(() => quantizeNf4(normal(4), { blockSize }), ShapeError, "NF4 blocks");
  }
  const nested = {
    ...doubleQuantize(normal(300).map(Math.abs)),
    nestedAbsmax: new Float32Array(1),
  };
  assertThrows(() => doubleDequantize(nested), ShapeError, "nested absmax");
});

/** Seeded values of the normal distribution (Box-Muller). */
function normal(count: number): Float32Array {
  let state = 7;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
