/**
 * A device that computes nothing and only counts memory: what runs on it allocates exactly as it
 * would on a GPU, so its peak is the memory plan of the real run. What is read from it is zeros.
 * @module
 */
import { Device } from "./device.ts";

/** A counting device with the limits of `model`. */
export function countingDevice(model: Device): Device {
  const gpu = new CountingGpu(model.gpu.limits);
  // The parts of GPUDevice that Device uses, and no others.
  const device = new Device(gpu as unknown as GPUDevice, model.info, { computes: false });
  device.tuning = model.tuning; // variants differ in what they allocate
  return device;
}

const nothing = () => {};
const label = () => ({});

class CountingGpu {
  readonly lost = new Promise<never>(nothing);
  readonly queue = {
    writeBuffer: nothing,
    submit: nothing,
    onSubmittedWorkDone: () => Promise.resolve(),
  };
  readonly addEventListener = nothing;
  readonly pushErrorScope = nothing;
  readonly popErrorScope = () => Promise.resolve(null);
  readonly createShaderModule = label;
  readonly createBindGroupLayout = label;
  readonly createPipelineLayout = label;
  readonly createComputePipeline = label;
  readonly createBindGroup = label;
  readonly destroy = nothing;

  constructor(readonly limits: GPUSupportedLimits) {}

  createBuffer({ size }: GPUBufferDescriptor) {
    return {
      destroy: nothing,
      mapAsync: () => Promise.resolve(),
      getMappedRange: () => new ArrayBuffer(size),
    };
  }

  createTexture() {
    return { createView: label, destroy: nothing };
  }

  createCommandEncoder() {
    const pass = {
      setPipeline: nothing,
      setBindGroup: nothing,
      dispatchWorkgroups: nothing,
      end: nothing,
    };
    return {
      beginComputePass: () => pass,
      copyBufferToBuffer: nothing,
      copyBufferToTexture: nothing,
      copyTextureToBuffer: nothing,
      clearBuffer: nothing,
      finish: label,
    };
  }
}
