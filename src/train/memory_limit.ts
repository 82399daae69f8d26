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
  return { bytes: available, source: "free memory of this machine" };
}
