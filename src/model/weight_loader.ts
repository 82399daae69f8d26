/**
 * Brings weights from a checkpoint to the GPU, tensor by tensor and in stretches: quantised as they
 * arrive, so that the host never holds more than a few megabytes and the GPU never a second copy.
 * @module
 */
import { FormatError } from "../errors.ts";
import { type Scope, sizeOf, type Tensor } from "../device/tensor.ts";
import type { Checkpoint, CheckpointTensor } from "../formats/checkpoint.ts";
import { parseQuantState } from "../formats/nf4_state.ts";
import { decodeF32, itemBytes } from "../formats/safetensors.ts";
import type { Linear } from "../ops/linear.ts";
import { NF4_TABLE_VALUES, nf4Quantizer, nf4Tables } from "../ops/nf4.ts";
import { type DenseDType, type DenseWeight, type Nf4Weight, splitRows } from "../ops/weight.ts";
import type { ModelWeight } from "./model.ts";
import type { WeightSource } from "./network.ts";

/** Bytes of a tensor that are on the host at once; a multiple of 64 elements of any dtype. */
const CHUNK_BYTES = 16 * 2 ** 20;
/** Bytes on their way to the GPU, of which the driver holds copies until they are there. */
const MAX_BYTES_ON_THEIR_WAY = 64 * 2 ** 20;

const DENSE_DTYPES: Readonly<Record<string, DenseDType>> = { F32: "f32", F16: "f16", BF16: "bf16" };

/** How to hold the weights. */
export interface LoadOptions {
  /**
   * "nf4" quantises the linear layers as bitsandbytes does, "none" keeps the checkpoint's precision.
   * A checkpoint that is NF4 already stays as it is either way.
   */
  readonly quantization: "nf4" | "none";
  /** Whether the scales are quantised too. Default true. */
  readonly doubleQuant?: boolean;
  /** Whether all weights will be trained: they are widened to f32. Default false. */
  readonly trainable?: boolean;
  /** Called after each tensor with the bytes read so far and in all. */
  readonly onProgress?: (bytes: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Loads weights into `scope` as an architecture asks for them. */
export class WeightLoader implements WeightSource {
  readonly weights = new Map<string, ModelWeight>();
  #bytesRead = 0;
  #bytesOnTheirWay = 0;
  #tables: Tensor | null = null;

  constructor(
    readonly checkpoint: Checkpoint,
    readonly scope: Scope,
    readonly options: LoadOptions,
  ) {}

  async linear(path: string, outputs: number, inputs: number): Promise<Linear> {
    const name = `${path}.weight`;
    const shape = [outputs, inputs] as const;
    const weight = this.checkpoint.tensors.has(`${name}.quant_state.bitsandbytes__nf4`)
      ? await this.#readNf4(name, shape)
      : this.options.quantization === "nf4"
      ? await this.#quantize(name, shape)
      : await this.#readDense(name, shape);
    return this.#keepLinear(path, { weight, lora: null });
  }

  async outputLinear(path: string, outputs: number, inputs: number): Promise<Linear> {
    const weight = await this.#readDense(`${path}.weight`, [outputs, inputs]);
    return this.#keepLinear(path, { weight, lora: null });
  }

  #keepLinear(path: string, linear: Linear): Linear {
    this.weights.set(`${path}.weight`, { kind: "linear", path, linear });
    return linear;
  }

  async embedding(path: string, rows: number, columns: number): Promise<DenseWeight> {
    const name = `${path}.weight`;
    const table = await this.#readDense(name, [rows, columns]);
    this.weights.set(name, { kind: "embedding", table });
    return table;
  }

  async vector(path: string, length: number): Promise<Tensor> {
    const name = `${path}.weight`;
    this.#expect(name, [length]);
    const tensor = this.scope.upload(await this.checkpoint.readF32(name), [length], {
      label: name,
    });
    this.weights.set(name, { kind: "vector", tensor });
    this.#advance(name);
    return tensor;
  }

  async #readDense(name: string, shape: readonly [number, number]): Promise<DenseWeight> {
    const [rows, columns] = shape;
    const { dtype: stored, file } = this.#expect(name, shape);
    const dtype = this.options.trainable ? "f32" : DENSE_DTYPES[stored];
    const { device } = this.scope;
    const parts = splitRows({ rows, columns, dtype }, device.maxBindingBytes)
      .map(({ rowBegin, rowCount }) => ({
        rowBegin,
        rowCount,
        values: this.scope.empty([rowCount, columns], { dtype, label: name }),
      }));
    let part = 0, offset = 0;
    for await (const chunk of this.checkpoint.chunks(name, CHUNK_BYTES)) {
      const widened = this.options.trainable
        ? decodeF32(chunk, { name, dtype: stored }, file)
        : chunk;
      let bytes = new Uint8Array(widened.buffer, widened.byteOffset, widened.byteLength);
      while (bytes.length > 0) {
        const { values } = parts[part];
        const piece = bytes.subarray(0, values.byteLength - offset);
        device.write(values, piece, { offset });
        offset += piece.length;
        bytes = bytes.subarray(piece.length);
        if (offset < values.byteLength || bytes.length === 0) continue;
        part++;
        offset = 0;
      }
      await this.#send(widened.byteLength);
    }
    this.#advance(name);
    return { kind: "dense", name, rows, columns, dtype, parts };
  }

  async #quantize(name: string, shape: readonly [number, number]): Promise<Nf4Weight> {
    const [rows, columns] = shape;
    const { dtype: stored } = this.#expect(name, shape);
    const { doubleQuant = true, signal } = this.options;
    const dtype = DENSE_DTYPES[stored];
    const tables = this.#standardTables();
    const quantizer = nf4Quantizer(this.scope, { name, rows, columns, dtype, doubleQuant, tables });
    for await (const chunk of this.checkpoint.chunks(name, CHUNK_BYTES)) {
      using staging = this.scope.device.scope("weights on their way");
      const count = chunk.length / itemBytes(stored);
      quantizer.append(staging.upload(chunk, [count], { dtype }), count);
      signal?.throwIfAborted();
    }
    this.#advance(name);
    return await quantizer.finish();
  }

  async #readNf4(name: string, shape: readonly [number, number]): Promise<Nf4Weight> {
    const { checkpoint, scope } = this;
    const state = parseQuantState(
      await checkpoint.read(`${name}.quant_state.bitsandbytes__nf4`),
      `${name}.quant_state`,
    );
    if (state.shape.join() !== shape.join()) throw this.#wrongShape(name, state.shape, shape);
    const [rows, columns] = shape;
    const blocks = Math.ceil(rows * columns / state.blockSize);
    const read = async (suffix: string, bytes: number) => {
      const content = await checkpoint.read(name + suffix);
      await this.#send(content.length);
      if (content.length === bytes) return content;
      throw new FormatError(
        `Cannot load ${name}${suffix}: it has ${content.length} bytes where [${
          shape.join(", ")
        }] ` +
          `takes ${bytes}; fetch the checkpoint again`,
        { file: checkpoint.tensors.get(name + suffix)?.file },
      );
    };
    const upload = (bytes: Uint8Array, label: string, dtype: "u8" | "f32") =>
      scope.upload(bytes, [dtype === "u8" ? bytes.length : bytes.length / 4], { dtype, label });
    const codes = upload(await read("", Math.ceil(rows * columns / 2)), name, "u8");
    const absmaxLabel = `${name}.absmax`;
    const codeMap = await read(".quant_map", 16 * 4);
    const shared = {
      kind: "nf4",
      name,
      rows,
      columns,
      codes,
      dtype: ({ float32: "f32", float16: "f16", bfloat16: "bf16" } as const)[state.dtype],
    } as const;
    if (!state.nested) {
      const absmax = upload(await read(".absmax", blocks * 4), absmaxLabel, "f32");
      this.#advance(name);
      return { ...shared, absmax, nested: null, tables: this.#tablesOf(codeMap, null) };
    }
    const absmax = upload(await read(".absmax", blocks), absmaxLabel, "u8");
    const scaleBytes = await read(
      ".nested_absmax",
      Math.ceil(blocks / state.nested.blockSize) * 4,
    );
    const scales = new Float32Array(scaleBytes.buffer);
    const nested = Float32Array.of(state.nested.offset, ...scales);
    const tables = this.#tablesOf(codeMap, await read(".nested_quant_map", 256 * 4));
    this.#advance(name);
    const label = `${name}.nested_absmax`;
    return { ...shared, absmax, nested: scope.upload(nested, [nested.length], { label }), tables };
  }

  #standardTables(): Tensor {
    return this.#tables ??= nf4Tables(this.scope);
  }

  /** The checkpoint's own tables where they are not the standard ones. */
  #tablesOf(
    codeMap: Uint8Array<ArrayBuffer>,
    scaleMap: Uint8Array<ArrayBuffer> | null,
  ): Tensor {
    const codes = new Float32Array(codeMap.buffer);
    const scales = scaleMap ? new Float32Array(scaleMap.buffer) : NF4_TABLE_VALUES.subarray(16);
    const values = Float32Array.of(...codes, ...scales);
    if (values.every((value, i) => value === NF4_TABLE_VALUES[i])) return this.#standardTables();
    return nf4Tables(this.scope, values);
  }

  /** The tensor's entry. Throws where it is missing, has another shape, or no float dtype. */
  #expect(name: string, shape: readonly number[]): CheckpointTensor {
    const tensor = this.checkpoint.tensors.get(name);
    if (!tensor) {
      throw new FormatError(
        `Cannot load ${name}: the checkpoint has no such tensor; fetch all of its files, and the ` +
          "config.json that belongs to them",
      );
    }
    if (tensor.shape.join() !== shape.join()) {
      throw this.#wrongShape(name, tensor.shape, shape);
    }
    if (!(tensor.dtype in DENSE_DTYPES)) {
      throw new FormatError(
        `Cannot load ${name}: its dtype ${tensor.dtype} is not supported; use a checkpoint in ` +
          "F32, F16, BF16 or bitsandbytes NF4",
        { file: tensor.file },
      );
    }
    return tensor;
  }

  #wrongShape(name: string, found: readonly number[], expected: readonly number[]): FormatError {
    return new FormatError(
      `Cannot load ${name}: its shape is [${found.join(", ")}], config.json asks for ` +
        `[${expected.join(", ")}]; use the config.json that belongs to these weights`,
      { file: this.checkpoint.tensors.get(name)?.file },
    );
  }

  /** Counts what the model has no use for as read, and returns its names. */
  end(): string[] {
    if (this.#bytesRead < this.checkpoint.byteLength) this.#report(this.checkpoint.byteLength);
    const isUsed = (name: string) =>
      this.weights.has(name) || this.weights.has(name.replace(/(\.weight)\..*$/, "$1"));
    return [...this.checkpoint.tensors.keys()].filter((name) => !isUsed(name));
  }

  /** Waits, once in a while, until the GPU has what was written. */
  async #send(bytes: number): Promise<void> {
    this.options.signal?.throwIfAborted();
    this.#bytesOnTheirWay += bytes;
    if (this.#bytesOnTheirWay < MAX_BYTES_ON_THEIR_WAY) return;
    this.#bytesOnTheirWay = 0;
    // sync: the driver's copies are freed only when the GPU has taken them
    await this.scope.device.sync();
  }

  /** Counts a weight and what belongs to it ("<name>.absmax", …). */
  #advance(name: string): void {
    let bytes = this.#bytesRead;
    for (const { name: key, dtype, shape } of this.checkpoint.tensors.values()) {
      if (key === name || key.startsWith(`${name}.`)) bytes += sizeOf(shape) * itemBytes(dtype);
    }
    this.#report(bytes);
    this.options.signal?.throwIfAborted();
  }

  #report(bytes: number): void {
    this.#bytesRead = bytes;
    this.options.onProgress?.(bytes, this.checkpoint.byteLength);
  }
}
