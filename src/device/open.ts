/**
 * Opens the GPU device with the limits and features that the kernels use.
 * @module
 */
import { DeviceError } from "../errors.ts";
import { adapterName } from "./adapter_name.ts";
import { type AdapterInfo, Device } from "./device.ts";

/** Optional features the kernels have faster paths for. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ["shader-f16", "subgroups", "timestamp-query"];

const WANTED_LIMITS = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize",
  "maxStorageBuffersPerShaderStage",
] as const;

/** Says whether this machine has any GPU adapter, without opening it. */
export async function hasAdapter(): Promise<boolean> {
  return await navigator.gpu?.requestAdapter() != null;
}

/**
 * Opens the default adapter.
 * Throws {@linkcode DeviceError} that says what to install where there is none.
 */
export async function openDevice(): Promise<Device> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new DeviceError(
      "Cannot open a GPU: no adapter was found; install the GPU's Vulkan driver, or the software " +
        "one with `apt-get install -y libvulkan1 mesa-vulkan-drivers`",
    );
  }
  const requiredLimits = Object.fromEntries(
    WANTED_LIMITS.map((name) => [name, adapter.limits[name]]),
  );
  const { gpu, features } = await requestWithFeatures(adapter, requiredLimits);
  return new Device(gpu, adapterInfo(adapter, features));
}

/**
 * Asks for as many wanted features as the adapter grants. Deno's `adapter.features` hides some that
 * `requestDevice` accepts ("subgroups"), so the list cannot be trusted and each is tried.
 */
async function requestWithFeatures(
  adapter: GPUAdapter,
  requiredLimits: Record<string, number>,
): Promise<{ gpu: GPUDevice; features: readonly GPUFeatureName[] }> {
  const listed = WANTED_FEATURES.filter((name) => adapter.features.has(name));
  const withHidden: GPUFeatureName[] = [...new Set([...listed, "subgroups" as const])];
  let cause: unknown;
  for (const requiredFeatures of [withHidden, listed, []]) {
    try {
      const gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures });
      return { gpu, features: requiredFeatures };
    } catch (error) {
      cause = error;
    }
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new DeviceError(
    `Cannot open the GPU "${adapterName(adapter.info)}": ${reason}; update its driver`,
    {},
    { cause },
  );
}

function adapterInfo(adapter: GPUAdapter, features: readonly string[]): AdapterInfo {
  const { vendor, subgroupMinSize = 0, subgroupMaxSize = 0 } = adapter.info;
  const name = adapterName(adapter.info);
  const fixed = features.includes("subgroups") && subgroupMinSize === subgroupMaxSize;
  return {
    name,
    vendor,
    software: adapter.info.isFallbackAdapter ?? /llvmpipe|swiftshader/i.test(name),
    subgroupSize: fixed ? subgroupMinSize : 0,
    features,
  };
}
