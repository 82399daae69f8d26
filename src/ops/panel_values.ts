/**
 * Reads panels on the host: for tests and for the bench, which check what was packed.
 * @module
 */
import type { Device } from "../device/device.ts";
import { isTexels } from "../device/kernel.ts";
import { PANEL } from "./gemm_variants.ts";
import { type Panels, TABLE_TEXELS } from "./panels.ts";

/** Where the four codes of half a word lie in it. */
const CODE_SHIFTS = [4, 0, 12, 8];

/** The element of B at a depth and a column that the panels stand for. */
export async function panelValues(
  device: Device,
  { values, nf4 }: Panels,
  { depth, columnCount }: { depth: number; columnCount: number },
): Promise<(k: number, column: number) => number> {
  const packed = isTexels(values) ? await device.readTexels(values) : await device.readF32(values);
  const quads = Math.ceil(depth / 4);
  if (nf4 === 0) {
    return (k, column) =>
      packed[(Math.floor(column / PANEL) * 4 * quads + k) * PANEL + column % PANEL];
  }
  const words = new Uint32Array(packed.buffer, packed.byteOffset, packed.length);
  const scalesBegin = TABLE_TEXELS + Math.ceil(columnCount / PANEL) * quads * 8;
  return (k, column) => {
    const panelQuads = Math.floor(column / PANEL) * quads, quad = k >> 2;
    const inPanel = column % PANEL, lane = inPanel % 32 >> 2;
    const [word, place] = nf4 === 1 ? [column % 4, k % 4] : [k % 4, column % 4];
    const codes = words[4 * (TABLE_TEXELS + (panelQuads + quad) * 8 + lane) + word];
    const code = codes >>> (CODE_SHIFTS[place] + (inPanel < 32 ? 0 : 16)) & 15;
    const scale = nf4 === 1 ? quad - quad % 16 + (inPanel >> 2) : quad;
    return packed[4 * (code & 7) + (code >> 3)] *
      packed[4 * (scalesBegin + panelQuads + scale) + word];
  };
}
