/**
 * How much GPU memory a run may take. WebGPU does not tell how much there is, so it is what the user
 * says, or for software adapters, whose buffers are host memory, what the host has free.
 * @module
 */
import type { Device } from "../device/device.ts";
import { parseBytes } from "../formats/bytes.ts";
import type { TrainConfig } from "./config.ts";

/** An amount of GPU memory. */
export interface MemoryLimit {
  readonly bytes: number;
  /** Where it comes from, in words. */
  readonly source: string;
}

/** What the process takes beside the GPU's buffers, loading Mistral-7B. */
const HOST_BYTES = 2 ** 30;

/** The limit for a run on `device`, or null where none is known. */
export function memoryLimit(device: Device, config: TrainConfig): MemoryLimit | null {
  if (config.gpu_memory_limit !== null) {
    return { bytes: parseBytes(config.gpu_memory_limit)!, source: "--gpu_memory_limit" };
  }
  // Asking without permission would stop for the user's answer.
  const permission = { name: "sys", kind: "systemMemoryInfo" } as const;
  if (!device.info.software || Deno.permissions.querySync(permission).state !== "granted") {
    return null;
  }
  const { available } = Deno.systemMemoryInfo();
  return {
    bytes: Math.max(0, available - HOST_BYTES),
    source: "free memory of this machine, less 1 GiB for the process itself",
  };
}
