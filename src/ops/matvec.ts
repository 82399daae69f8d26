/**
 * Products of a few rows with a weight, as in decoding: the weight is read once and not unpacked.
 * @module
 */
import denseSource from "../../kernels/matvec_dense.wgsl" with { type: "text" };
import nf4Source from "../../kernels/matvec_nf4.wgsl" with { type: "text" };
import nf4SubgroupSource from "../../kernels/matvec_nf4_subgroup.wgsl" with { type: "text" };
import type { Device } from "../device/device.ts";
import { foldRows, Kernel } from "../device/kernel.ts";
import type { Tensor } from "../device/tensor.ts";
import type { ProductOptions } from "./gemm.ts";
import {
  type Choice,
  chosenVariant,
  runsSubgroupKernels,
  SUBGROUP_LANES,
  type Variant,
} from "./variants.ts";
import { DTYPE_CODES, type Nf4Weight, type Weight } from "./weight.ts";

const denseKernel = new Kernel("matvec_dense", denseSource);
const nf4Kernel = new Kernel("matvec_nf4", nf4Source);
const nf4SubgroupKernel = new Kernel("matvec_nf4_subgroup", nf4SubgroupSource);

/**
 * Rows up to which this is faster than packing the weight and a matrix product: see "Decoding: few
 * rows" in `kernels/README.md`.
 */
const MAX_ROWS: Readonly<Record<Weight["kind"], number>> = { dense: 1, nf4: 4 };

/** Rows that an invocation of the NF4 kernels takes at once, if there is more than one. */
const ROWS_AT_ONCE = 4;

/** Of several rows, a lane of `matvec_nf4_subgroup` keeps no more outputs: it runs out of registers. */
const MOST_OUTPUTS_OF_ROWS = 2;

/** Blocks whose double-quantised scales lie in one word. */
const BLOCKS_PER_WORD = 4;

/** Inputs that one invocation sums at most: lavapipe ends loops after 65,535 rounds. */
const MAX_LANE_INPUTS = 32_768;

/** The same for `matvec_nf4_subgroup`, which takes whole blocks a round. */
const MAX_SUBGROUP_INPUTS = 2 ** 20;

const GROUP = 64;
const NF4_BLOCK = 64;

/** By how many invocations share an output: on a GPU memory is best read side by side. */
function laneVariants(kernel: Kernel): Variant[] {
  return [GROUP, 1, 4, 8, 16, 32].map((LANES) => ({
    name: `${LANES}-lane${LANES === 1 ? "" : "s"}`,
    kernel,
    constants: { LANES },
    runsOn: () => true,
  }));
}

const [denseOnGpu, denseOnCpu, ...otherDense] = laneVariants(denseKernel);
const [nf4OnGpu, nf4OnCpu, ...otherNf4] = laneVariants(nf4Kernel);
const nf4Subgroups = [4, 2, 1].map((OUTPUTS): Variant => ({
  name: `subgroup-${SUBGROUP_LANES * OUTPUTS}`,
  kernel: nf4SubgroupKernel,
  constants: { OUTPUTS },
  runsOn: runsSubgroupKernels,
}));

/** Products of few rows, by the kind of weight. */
export const matvecChoices: Readonly<Record<Weight["kind"], Choice>> = {
  nf4: {
    name: "matvec_nf4",
    variants: [nf4OnGpu, nf4OnCpu, ...otherNf4, ...nf4Subgroups],
    defaultFor: (device) =>
      runsSubgroupKernels(device) ? nf4Subgroups[0] : device.info.software ? nf4OnCpu : nf4OnGpu,
  },
  dense: {
    name: "matvec_dense",
    variants: [denseOnGpu, denseOnCpu, ...otherDense],
    defaultFor: ({ info }) => info.software ? denseOnCpu : denseOnGpu,
  },
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
  if (weight.kind === "nf4") return multiplyByNf4(device, { x, weight, c }, { alpha, accumulate });
  const [rows, inputs] = x.shape;
  const LANES = lanesFor(chosenVariant(device, matvecChoices.dense), inputs);
  const common = { x, c, inputs, c_stride: weight.rows, alpha, accumulate };
  for (const { values, rowBegin, rowCount } of weight.parts) {
    const args = { ...common, w: values, outputs: rowCount, c_offset: rowBegin };
    device.run(denseKernel, "main", args, {
      groups: [...foldRows(Math.ceil(rowCount * LANES / GROUP)), rows],
      constants: { LANES, FORMAT: DTYPE_CODES[weight.dtype] },
    });
  }
}

function multiplyByNf4(
  device: Device,
  { x, weight, c }: { x: Tensor; weight: Nf4Weight; c: Tensor },
  { alpha, accumulate }: Required<ProductOptions>,
): void {
  const { codes, absmax, tables, rows: outputs } = weight;
  const [rows, inputs] = x.shape;
  const nested = weight.nested ?? tables; // bound but not read without double quantisation
  const tensors = { x, codes, absmax, nested, tables, c };
  const args = { ...tensors, rows, outputs, inputs, c_stride: outputs, alpha, accumulate };
  const ROWS = rows === 1 ? 1 : ROWS_AT_ONCE;
  const DOUBLE = weight.nested ? 1 : 0;
  const groupsOfRows = Math.ceil(rows / ROWS);
  const variant = chosenVariant(device, matvecChoices.nf4);
  if (variant.kernel === nf4SubgroupKernel && inputs <= MAX_SUBGROUP_INPUTS) {
    const most = rows === 1 ? Infinity : MOST_OUTPUTS_OF_ROWS;
    const OUTPUTS = Math.min(variant.constants.OUTPUTS, most);
    const SCALES = inputs % (BLOCKS_PER_WORD * NF4_BLOCK) === 0 ? BLOCKS_PER_WORD : 1;
    device.run(nf4SubgroupKernel, "main", args, {
      groups: [...foldRows(Math.ceil(outputs / (SUBGROUP_LANES * OUTPUTS))), groupsOfRows],
      constants: { OUTPUTS, ROWS, DOUBLE, SCALES },
    });
    return;
  }
  const LANES = lanesFor(variant, inputs);
  device.run(nf4Kernel, "main", args, {
    groups: [...foldRows(Math.ceil(outputs * LANES / GROUP)), groupsOfRows],
    constants: { LANES, ROWS, DOUBLE },
  });
}

/** The invocations that share an output, enough for none to make too many rounds. */
function lanesFor({ constants }: Variant, inputs: number): number {
  const { LANES = GROUP } = constants;
  return inputs <= LANES * MAX_LANE_INPUTS ? LANES : GROUP;
}
