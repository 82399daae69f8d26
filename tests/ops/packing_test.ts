/**
 * Operands packed as texels, for CPU adapters, hold the values of operands packed in buffers, padding
 * included, whatever was in the texture before.
 */
import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { isTexels, type Operand } from "../../src/device/kernel.ts";
import type { Scope } from "../../src/device/tensor.ts";
import { encodeBf16, encodeF16 } from "../../src/formats/half.ts";
import { nf4Quantizer, nf4Tables } from "../../src/ops/nf4.ts";
import { panelValues } from "../../src/ops/panel_values.ts";
import { packRows, packTransposedRows } from "../../src/ops/pack_rows.ts";
import { packDense, type PanelRange, panelSources } from "../../src/ops/panels.ts";
import { runsSubgroupKernels } from "../../src/ops/variants.ts";
import { seededValues, testDevice, testDeviceAsGpu } from "./harness.ts";

const device = await testDevice();
const gpu = await testDeviceAsGpu();
const ignore = !runsSubgroupKernels(device);
const suffix = ignore ? " (this adapter has no subgroups of eight lanes)" : "";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + suffix, ignore, fn });
}

/** The two ways of packing, what `pack` gives on a device: as texels, then in a buffer. */
async function assertSamePacked(
  name: string,
  pack: (scope: Scope) => Operand | Promise<Operand>,
): Promise<void> {
  const texels = await packedValues(device, pack, true);
  const buffer = await packedValues(gpu, pack, false);
  assertEquals(texels.length, buffer.length, name);
  const differing = texels.findIndex((value, i) => value !== buffer[i]);
  assert(differing < 0, `${name}: value ${differing} of ${buffer.length} differs`);
}

async function packedValues(
  on: Device,
  pack: (scope: Scope) => Operand | Promise<Operand>,
  inTexels: boolean,
): Promise<Float32Array> {
  using scope = on.scope("test");
  const packed = await pack(scope);
  assertEquals(isTexels(packed), inTexels);
  if (isTexels(packed)) await leaveTraces(scope, packed.texels);
  const again = await pack(scope);
  return isTexels(again) ? await on.readTexels(again) : await on.readF32(again);
}

/** Gives a texture of so many texels, full of NaN, back to the pool, for the next to find. */
async function leaveTraces(scope: Scope, texels: number): Promise<void> {
  using traces = scope.device.scope("traces");
  const full = Math.ceil(texels / 1024) * 1024;
  const tensor = traces.upload(new Float32Array(4 * full).fill(NaN), [8, full / 2]);
  const { values } = packRows(traces, { tensor, stride: full / 2 }, { rows: 8, depth: full / 2 });
  assert(isTexels(values) && Number.isNaN((await scope.device.readTexels(values))[4 * full - 1]));
}

test("packRows: any shape, batches with offsets", async () => {
  for (const [rows, depth] of [[1, 1], [3, 5], [8, 32], [13, 36], [33, 260]]) {
    for (const [pad, offset, batch] of [[0, 0, 0], [4, 8, 4], [1, 3, 2]]) {
      const stride = depth + pad, count = batch === 0 ? 1 : 3;
      const data = seededValues(offset + 2 * batch + rows * stride, rows + depth);
      await assertSamePacked(`${rows}×${depth} every ${stride} from ${offset}`, (scope) => {
        const view = { tensor: scope.upload(data), stride, offset, batch };
        return packRows(scope, view, { rows, depth, count }).values;
      });
    }
  }
});

test("packTransposedRows: rows that are and are not whole eights", async () => {
  for (const [rows, depth] of [[4, 1], [12, 7], [64, 64], [260, 9]]) {
    const data = seededValues(8 + depth * (rows + 4), rows);
    await assertSamePacked(`${rows}×${depth}`, (scope) => {
      const view = { tensor: scope.upload(data), stride: rows + 4, offset: 8 };
      return packTransposedRows(scope, view, { rows, depth }).values;
    });
  }
});

test("packDense: f32, f16 and bf16, both ways, ranges of columns, batches", async () => {
  for (const [rows, columns] of [[1, 1], [3, 5], [66, 36], [64, 200], [20, 130]]) {
    for (const transposed of [false, true]) {
      const [depth, all] = transposed ? [rows, columns] : [columns, rows];
      for (const columnBegin of [0, Math.min(4, all - 1), Math.min(5, all - 1)]) {
        const range = { rows: 8, transposed, depth, columnBegin, columnCount: all - columnBegin };
        const size = rows * columns, values = seededValues(3 * size, size);
        for (const dtype of ["f32", "f16", "bf16"] as const) {
          const encode = { f32: (x: Float32Array) => x, f16: encodeF16, bf16: encodeBf16 }[dtype];
          const name = `${rows}×${columns} ${dtype} from ${columnBegin}, transposed ${transposed}`;
          await assertSamePacked(name, (scope) => {
            const count = dtype === "f32" ? 3 : 1;
            const data = encode(values.slice(0, count * size));
            const tensor = scope.upload(data, [data.length], { dtype });
            const view = { tensor, stride: columns, batch: size };
            return packDense(scope, view, range, { dtype, count }).values;
          });
        }
      }
    }
  }
});

test("panels of NF4 weights: plain and double quantised, both ways, any shape", async () => {
  for (const [rows, columns] of [[3, 5], [70, 64], [9, 192], [130, 320], [40, 72]]) {
    for (const doubleQuant of [false, true]) {
      for (const transposed of [false, true]) {
        const [depth, all] = transposed ? [rows, columns] : [columns, rows];
        for (const columnBegin of all > 64 ? [0, 64] : [0]) {
          const columnCount = all - columnBegin;
          const range = { rows: 8, transposed, depth, columnBegin, columnCount };
          const name = `${rows}×${columns} from ${columnBegin}, transposed ${transposed}`;
          const texels = await nf4Values(device, { rows, columns, doubleQuant }, range);
          const buffer = await nf4Values(gpu, { rows, columns, doubleQuant }, range);
          const columnsInPanels = Math.ceil(columnCount / 64) * 64;
          for (let k = 0; k < depth; k++) {
            for (let column = 0; column < columnsInPanels; column++) {
              const values = [texels, buffer].map((of) => Math.fround(of(k, column)));
              assert(values[0] === values[1], `${name}: ${values} at ${k}, ${column}`);
            }
          }
        }
      }
    }
  }
});

/** The values of panels of a quantised weight, as the device packs them. */
async function nf4Values(
  on: Device,
  { rows, columns, doubleQuant }: { rows: number; columns: number; doubleQuant: boolean },
  range: PanelRange,
): Promise<(k: number, column: number) => number> {
  using scope = on.scope("test");
  const shape = { name: "w", rows, columns, dtype: "f32" } as const;
  const quantizer = nf4Quantizer(scope, { ...shape, doubleQuant, tables: nf4Tables(scope) });
  const values = seededValues(rows * columns, rows);
  quantizer.append(scope.upload(values), values.length);
  const [source] = panelSources(await quantizer.finish());
  const first = source.pack(scope, range);
  assertEquals(isTexels(first.values), on === device);
  assertEquals(first.nf4, on === gpu || columns % 64 !== 0 ? 0 : range.transposed ? 2 : 1);
  if (isTexels(first.values)) await leaveTraces(scope, first.values.texels);
  return await panelValues(on, source.pack(scope, range), range);
}
