import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FormatError, ShapeError } from "../../src/errors.ts";
import type { Scope } from "../../src/device/tensor.ts";
import { openFile } from "../../src/formats/byte_source.ts";
import { decodeBf16, decodeF16, encodeBf16, encodeF16 } from "../../src/formats/half.ts";
import {
  dequantizeNf4 as dequantizeOnHost,
  doubleDequantize,
  doubleQuantize,
  quantizeNf4 as quantizeOnHost,
} from "../nf4_reference.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { dequantizeNf4, nf4Quantizer, nf4Tables } from "../../src/ops/nf4.ts";
import type { DenseDType, Nf4Weight } from "../../src/ops/weight.ts";
import { sharedTest } from "../shared.ts";
import { seededValues, testDevice } from "./harness.ts";

interface Weight {
  readonly shape: readonly [number, number];
  readonly dtype: DenseDType;
  readonly bytes: Uint8Array;
}

function quantize(scope: Scope, weight: Weight, doubleQuant: boolean): Promise<Nf4Weight> {
  const { shape: [rows, columns], dtype, bytes } = weight;
  const tables = nf4Tables(scope);
  const quantizer = nf4Quantizer(scope, { name: "w", rows, columns, dtype, doubleQuant, tables });
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const values = scope.upload(padded);
  quantizer.append(values, rows * columns);
  return quantizer.finish();
}

async function bytesOf(scope: Scope, tensor: Nf4Weight["codes"], count: number) {
  return new Uint8Array(await scope.device.readBytes(tensor)).slice(0, count);
}

sharedTest("NF4 on the GPU: all of bitsandbytes' vectors, byte for byte", async (path) => {
  const device = await testDevice();
  using file = await openFile(path("golden/bnb-nf4/vectors.safetensors"));
  const golden = await openSafetensors(file);
  const names = [...golden.tensors.keys()].filter((name) => name.endsWith(".input"));
  assertEquals(names.length, 8);
  for (const input of names) {
    const name = input.slice(0, -".input".length);
    const info = golden.tensors.get(input)!;
    const dtype = info.dtype.toLowerCase() as DenseDType;
    const weight = {
      shape: info.shape as [number, number],
      dtype,
      bytes: await golden.read(input),
    };
    for (const mode of ["plain", "dq"]) {
      using scope = device.scope("test");
      const key = `${name}.${mode}`;
      const quantized = await quantize(scope, weight, mode === "dq");
      const codes = await golden.read(`${key}.weight`);
      assertEquals(await bytesOf(scope, quantized.codes, codes.length), codes, `${key} codes`);
      const absmax = await golden.read(`${key}.weight.absmax`);
      assertEquals(await bytesOf(scope, quantized.absmax, absmax.length), absmax, `${key} absmax`);
      if (quantized.nested) {
        const nested = await bytesOf(scope, quantized.nested, quantized.nested.byteLength);
        assertEquals(nested.slice(4), await golden.read(`${key}.weight.nested_absmax`), key);
      }
      const expected = await golden.readF32(`${key}.dequant_f32`);
      const restored = await device.readF32(dequantizeNf4(scope, quantized));
      assertEquals(restored.map(unsignZero), expected.map(unsignZero), `${key} dequantised`);
    }
  }
});

/** bitsandbytes restores -0 for some zeros; both are zero. */
function unsignZero(value: number): number {
  return value === 0 ? 0 : value;
}

for (
  const [rows, columns] of [[1, 1], [1, 63], [3, 65], [40, 48], [64, 512], [130, 129]] as const
) {
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    Deno.test(`NF4 on the GPU: [${rows}, ${columns}] ${dtype} equals the host's`, async () => {
      using scope = (await testDevice()).scope("test");
      const values = seededValues(rows * columns, rows + columns).map((v) => v ** 3);
      const halves = dtype === "f16" ? encodeF16(values) : encodeBf16(values);
      const data = dtype === "f32" ? values : halves;
      const weight = {
        shape: [rows, columns] as const,
        dtype,
        bytes: new Uint8Array(data.buffer as ArrayBuffer),
      };
      const [plain, nested] = [
        await quantize(scope, weight, false),
        await quantize(scope, weight, true),
      ];
      const widened = dtype === "f32" ? values : widen(weight);
      const expected = quantizeOnHost(widened);
      const { packed, absmax } = expected;
      assertEquals(await bytesOf(scope, plain.codes, packed.length), packed);
      assertEquals((await scope.device.readF32(plain.absmax)).slice(0, absmax.length), absmax);
      const double = doubleQuantize(absmax);
      assertEquals(await bytesOf(scope, nested.absmax, absmax.length), double.absmax);
      assertEquals(
        await scope.device.readF32(nested.nested!),
        Float32Array.of(double.nestedOffset, ...double.nestedAbsmax),
      );
      const restored = dequantizeOnHost({ packed, absmax: doubleDequantize(double) }, {
        count: rows * columns,
      });
      const actual = await scope.device.readF32(dequantizeNf4(scope, nested));
      assertEquals(actual.map(unsignZero), restored.map(unsignZero));
    });
  }
}

function widen({ bytes, dtype }: Weight): Float32Array {
  const halves = new Uint16Array(bytes.buffer as ArrayBuffer);
  return dtype === "f16" ? decodeF16(halves) : decodeBf16(halves);
}

Deno.test("NF4 on the GPU: stretches give the same bytes as one piece", async () => {
  const device = await testDevice();
  using scope = device.scope("test");
  const [rows, columns] = [5, 77];
  const values = seededValues(rows * columns, 7);
  const bytes = new Uint8Array(values.buffer as ArrayBuffer);
  const whole = await quantize(scope, { shape: [rows, columns], dtype: "f32", bytes }, true);
  const quantizer = nf4Quantizer(scope, {
    name: "w",
    rows,
    columns,
    dtype: "f32",
    doubleQuant: true,
    tables: nf4Tables(scope),
  });
  for (let begin = 0; begin < values.length; begin += 128) {
    const stretch = values.slice(begin, begin + 128);
    quantizer.append(scope.upload(stretch), stretch.length);
  }
  const pieced = await quantizer.finish();
  for (const part of ["codes", "absmax", "nested"] as const) {
    const actual = await device.readU32(pieced[part]!);
    assertEquals(actual, await device.readU32(whole[part]!), part);
  }
});

Deno.test("NF4 on the GPU: a NaN weight and a wrong count are refused", async () => {
  using scope = (await testDevice()).scope("test");
  const options = { name: "w", rows: 2, columns: 64, dtype: "f32", doubleQuant: true } as const;
  const tables = nf4Tables(scope);
  const bad = nf4Quantizer(scope, { ...options, tables });
  bad.append(scope.upload(seededValues(128, 1).fill(NaN, 70, 71)), 128);
  await assertRejects(() => bad.finish(), FormatError, "not finite");
  const short = nf4Quantizer(scope, { ...options, tables });
  short.append(scope.upload(seededValues(64, 1)), 64);
  await assertRejects(() => short.finish(), ShapeError, "64 of 128");
  assertThrows(() => short.append(scope.zeros([128]), 128), ShapeError, "stretch");
});
