/**
 * ONNX Runtime Web, with a model that is one matrix product.
 * @module
 */
import { load, type Operands, type Peer } from "./peer.ts";

interface OrtTensor {
  getData(): Promise<Float32Array>;
  dispose(): void;
}

interface Ort {
  readonly env: {
    readonly wasm: { numThreads: number; wasmBinary?: Uint8Array };
    readonly webgpu: { powerPreference?: string; readonly device: Promise<GPUDevice> };
  };
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<{
      run(inputs: Readonly<Record<string, OrtTensor>>): Promise<Record<string, OrtTensor>>;
    }>;
  };
  readonly Tensor: {
    fromGpuBuffer(
      buffer: GPUBuffer,
      options: { dataType: "float32"; dims: readonly number[] },
    ): OrtTensor;
  };
}

/** Opens ONNX Runtime Web on WebGPU. */
export async function openPeer({ size, a, b }: Operands): Promise<Peer> {
  const { env, InferenceSession, Tensor } = await load<Ort>("onnxruntime-web/webgpu");
  env.wasm.numThreads = 1; // more would take workers, which it starts in the way of browsers
  env.wasm.wasmBinary = await Deno.readFile(
    new URL(import.meta.resolve("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm")),
  );
  env.webgpu.powerPreference = "high-performance"; // as the others ask for
  const session = await InferenceSession.create(productModel(size), {
    executionProviders: ["webgpu"],
    preferredOutputLocation: "gpu-buffer",
  });
  const device = await env.webgpu.device;
  const upload = (values: Float32Array<ArrayBuffer>) => {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    const buffer = device.createBuffer({ size: values.byteLength, usage });
    device.queue.writeBuffer(buffer, 0, values);
    return Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: [size, size] });
  };
  const inputs = { a: upload(a), b: upload(b) };
  let product: OrtTensor | null = null;
  return {
    device,
    async multiply() {
      product?.dispose();
      product = (await session.run(inputs)).c;
    },
    read: () => product!.getData(),
  };
}

/**
 * `c = a · b` as an ONNX model: protobuf messages, of which a field is its number and kind, its length
 * where it is no number, and its content. Source: onnx.proto of ONNX 1.8 (IR version 7, opset 13).
 */
function productModel(size: number): Uint8Array {
  const FLOAT = 1;
  const square = [message(1, number(1, size)), message(1, number(1, size))]; // TensorShapeProto.dim
  const type = message(1, number(1, FLOAT), message(2, ...square)); // TypeProto.tensor_type
  const value = (name: string) => [text(1, name), message(2, type)]; // ValueInfoProto
  const node = [text(1, "a"), text(1, "b"), text(2, "c"), text(4, "MatMul")]; // NodeProto
  const graph = [
    message(1, ...node),
    text(2, "product"), // name
    message(11, ...value("a")), // input
    message(11, ...value("b")),
    message(12, ...value("c")), // output
  ];
  const opset = message(8, number(2, 13)); // opset_import
  return Uint8Array.from([...number(1, 7), ...message(7, ...graph), ...opset]);
}

function number(field: number, value: number): number[] {
  return [field << 3, ...varint(value)];
}

function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}

function message(field: number, ...parts: readonly (readonly number[])[]): number[] {
  const content = parts.flat();
  return [field << 3 | 2, ...varint(content.length), ...content];
}

/** Seven bits a byte, the lowest first; the highest bit of a byte says that another follows. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(value >>> 7)];
}
