/**
 * Products of a few rows with a weight, as in decoding: the weight is read once and not unpacked.
 * @module
 */
import denseSource from "../../kernels/matvec_dense.wgsl" with { type: "text" };
import nf4Source from "../../kernels/matvec_nf4.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { foldRows, Kernel } from "../device/kernel.ts";
import type { Tensor } from "../device/tensor.ts";
import type { ProductOptions } from "./gemm.ts";
import { type Choice, chosenVariant, type Variant } from "./variants.ts";
import { DTYPE_CODES, type Weight } from "./weight.ts";

const denseKernel = new Kernel("matvec_dense", denseSource);
const nf4Kernel = new Kernel("matvec_nf4", nf4Source);

/** Rows up to which this is faster than unpacking the weight and a matrix product. */
const MAX_ROWS = { nf4: 4, dense: 1 } as const;

/** Rows that an invocation of the NF4 kernel takes at once, if there is more than one. */
const ROWS_AT_ONCE = 4;

/** Inputs that one invocation sums at most: lavapipe ends loops after 65,535 rounds. */
const MAX_LANE_INPUTS = 32_768;

const GROUP = 64;
const NF4_BLOCK = 64;

/** By how many invocations share an output: on a GPU memory is best read side by side. */
function laneChoice(kernel: Kernel): Choice {
  const variants = [GROUP, 1, 4, 8, 16, 32].map((LANES): Variant => ({
    name: `${LANES}-lane${LANES === 1 ? "" : "s"}`,
    kernel,
    constants: { LANES },
    runsOn: () => true,
  }));
  const [group, single] = variants;
  const defaultFor = ({ info }: Device) => info.software ? single : group;
  return { name: kernel.name, variants, defaultFor };
}

/** Products of few rows, by the kind of weight. */
export const matvecChoices: Readonly<Record<Weight["kind"], Choice>> = {
  nf4: laneChoice(nf4Kernel),
  dense: laneChoice(denseKernel),
};

/** Whether {@linkcode multiplyFewRows} takes this product, and is the faster way. */
export function isForFewRows(rows: number, { kind, columns }: Weight): boolean {
  return rows <= MAX_ROWS[kind] && (kind === "dense" || columns % NF4_BLOCK === 0);
}

/** `c[N, O] (+)= alpha · x[N, I] · Wᵀ` for `weight` [O, I]; shapes are the caller's to check. */
export function multiplyFewRows(
  device: Device,
  { x, weight, c }: { x: Tensor; weight: Weight; c: Tensor },
  { alpha = 1, accumulate = 0 }: ProductOptions = {},
): void {
  const [rows, inputs] = x.shape;
  const common = { x, c, inputs, c_stride: weight.rows, alpha, accumulate };
  const chosen = chosenVariant(device, matvecChoices[weight.kind]).constants.LANES;
  const LANES = inputs <= chosen * MAX_LANE_INPUTS ? chosen : GROUP;
  const groupsOf = (outputs: number) => foldRows(Math.ceil(outputs * LANES / GROUP));
  if (weight.kind === "nf4") {
    const { codes, absmax, tables } = weight;
    const nested = weight.nested ?? tables; // bound but not read without double quantisation
    const args = { ...common, codes, absmax, nested, tables, rows, outputs: weight.rows };
    const ROWS = rows === 1 ? 1 : ROWS_AT_ONCE;
    device.run(nf4Kernel, "main", args, {
      groups: [...groupsOf(weight.rows), Math.ceil(rows / ROWS)],
      constants: { LANES, ROWS, DOUBLE: weight.nested ? 1 : 0 },
    });
    return;
  }
  for (const { values, rowBegin, rowCount } of weight.parts) {
    const args = { ...common, w: values, outputs: rowCount, c_offset: rowBegin };
    device.run(denseKernel, "main", args, {
      groups: [...groupsOf(rowCount), rows],
      constants: { LANES, FORMAT: DTYPE_CODES[weight.dtype] },
    });
  }
}
