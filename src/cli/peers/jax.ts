/**
 * jax-js. Operations take over their arguments unless these are given as `.ref`.
 * @module
 */
import { load, type Operands, type Peer } from "./peer.ts";

interface JaxArray {
  readonly ref: JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  /** Starts what is pending; gives the array away. */
  gpuBuffer(): Promise<GPUBuffer>;
  data(): Promise<Float32Array>;
  dispose(): void;
}

interface Jax {
  init(device: "webgpu"): Promise<readonly string[]>;
  defaultDevice(device: "webgpu"): void;
  getWebGPUDevice(): GPUDevice;
  readonly numpy: {
    array(values: Float32Array): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
  };
}

/** Opens jax-js on WebGPU. */
export async function openPeer({ size, a, b }: Operands): Promise<Peer> {
  const jax = await load<Jax>("@jax-js/jax");
  if (!(await jax.init("webgpu")).includes("webgpu")) throw new Error("it found no WebGPU");
  jax.defaultDevice("webgpu");
  const [left, right] = [a, b].map((values) => jax.numpy.array(values).reshape([size, size]));
  let product: JaxArray | null = null;
  return {
    device: jax.getWebGPUDevice(),
    async multiply() {
      product?.dispose();
      product = jax.numpy.matmul(left.ref, right.ref);
      await product.ref.gpuBuffer();
    },
    read: () => product!.ref.data(),
  };
}
