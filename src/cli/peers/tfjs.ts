/**
 * TensorFlow.js.
 * @module
 */
import { load, type Operands, type Peer } from "./peer.ts";

interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface TfBackend {
  readonly device: GPUDevice;
  endComputePassEncoder(): void;
  /** Submits what is recorded; the pass must have ended. */
  submitQueue(): void;
}

interface Tf {
  setBackend(name: "webgpu"): Promise<boolean>;
  backend(): TfBackend;
  tensor2d(values: Float32Array, shape: readonly [number, number]): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
}

/** Opens TensorFlow.js on WebGPU. */
export async function openPeer({ size, a, b }: Operands): Promise<Peer> {
  const tf = await load<Tf>("@tensorflow/tfjs-core");
  await load("@tensorflow/tfjs-backend-webgpu"); // announces itself to the core
  if (!await tf.setBackend("webgpu")) throw new Error("it found no WebGPU");
  const backend = tf.backend();
  const left = tf.tensor2d(a, [size, size]), right = tf.tensor2d(b, [size, size]);
  let product: TfTensor | null = null;
  return {
    device: backend.device,
    multiply() {
      product?.dispose();
      product = tf.matMul(left, right);
      backend.endComputePassEncoder();
      backend.submitQueue();
    },
    read: () => product!.data(),
  };
}
