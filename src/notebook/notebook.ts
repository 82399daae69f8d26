/**
 * What a notebook holds: the GPU and what lives on it. Cells run again and again in one process, so
 * everything that has to be given back is kept under a name and given back when it is made anew.
 * @module
 */
import { ensureAdapter } from "../cli/setup.ts";
import { openTunedDevice } from "../cli/tuning_file.ts";
import { formatBytes } from "../cli/format.ts";
import type { Device } from "../device/device.ts";
import { surviveInterrupts } from "./kernel.ts";
import { factsView } from "./table.ts";
import type { View } from "./view.ts";

/** The notebook that is open in this process. */
let present: Notebook | null = null;

/** A notebook's GPU and what it keeps there. */
export class Notebook implements Disposable {
  #kept: { readonly name: string; readonly resource: Disposable }[] = [];

  constructor(readonly device: Device) {}

  /**
   * Makes something that has to be given back later. What was kept under this name, and everything
   * after it, which may be built upon it, is given back before `make` runs; so a cell can run twice
   * and needs no more memory than once.
   *
   * @example
   * ```ts ignore
   * const database = await notebook.keep("database", () => openDatabase("shop.sqlite"));
   * ```
   */
  async keep<T extends Disposable>(name: string, make: () => T | Promise<T>): Promise<T> {
    const at = this.#kept.findIndex((kept) => kept.name === name);
    if (at >= 0) this.#giveBack(at);
    const resource = await make();
    this.#kept.push({ name, resource });
    return resource;
  }

  /**
   * Gives back what is kept under a name, and everything after it, and the buffers that the device kept
   * for reuse, also those of what failed before it could be kept: other programs need the memory, too.
   */
  drop(name: string): void {
    const at = this.#kept.findIndex((kept) => kept.name === name);
    this.#giveBack(at >= 0 ? at : this.#kept.length);
  }

  #giveBack(from: number): void {
    for (const { resource } of this.#kept.splice(from).reverse()) resource[Symbol.dispose]();
    this.device.resetPeak();
  }

  /** Gives everything back, the GPU last. */
  [Symbol.dispose](): void {
    this.#giveBack(0);
    this.device[Symbol.dispose]();
    if (present === this) present = null;
  }
}

/** The machine that the notebook runs on. */
export function environmentView({ device }: Notebook): View {
  const { info, gpu, maxBindingBytes } = device;
  return factsView("Environment", [
    ["GPU", info.name],
    ["Kind", info.software ? { text: "software: correct, but slow", as: "bad" } : "hardware"],
    ["Features", info.features.join(", ") || "none"],
    ["Largest buffer", formatBytes(gpu.limits.maxBufferSize)],
    ["Largest binding", formatBytes(maxBindingBytes)],
    ["Workgroup memory", formatBytes(gpu.limits.maxComputeWorkgroupStorageSize)],
    ["GPU memory in use", formatBytes(device.heldBytes)],
    ["Memory of the machine", formatBytes(Deno.systemMemoryInfo().total)],
    ["Deno", `${Deno.version.deno} on ${Deno.build.os} ${Deno.build.arch}`],
  ]);
}

/**
 * Opens the GPU for a notebook; what an earlier call in this process opened is given back first. From
 * then on the stop button ends what runs, not the kernel. Where Linux has no Vulkan driver, root gets
 * Debian's software driver installed. Throws {@linkcode DeviceError} where there is no GPU.
 */
export async function openNotebook(): Promise<Notebook> {
  surviveInterrupts();
  present?.[Symbol.dispose]();
  await ensureAdapter();
  present = new Notebook(await openTunedDevice());
  return present;
}
