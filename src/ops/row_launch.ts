/**
 * Launches of kernels that reduce along rows.
 * @module
 */
import type { Device } from "../device/device.ts";
import { foldRows, type Launch } from "../device/kernel.ts";

/** Invocations in a workgroup of these kernels. */
const GROUP = 64;

/** Longest row that one invocation walks: lavapipe ends all loops after 65,535 rounds together. */
const MAX_SINGLE_WIDTH = 8192;

/**
 * A launch over `rows` rows of `width` elements with LANES invocations for each: a whole workgroup on a GPU, where memory
 * is read side by side, and one on a CPU adapter, where waiting for one another costs most.
 */
export function launchRows(device: Device, rows: number, width: number): Launch {
  const LANES = device.info.software && width <= MAX_SINGLE_WIDTH ? 1 : GROUP;
  return { groups: foldRows(Math.ceil(rows * LANES / GROUP)), constants: { LANES } };
}
