/**
 * Kernels: WGSL modules whose variables are bound by name.
 * @module
 */
import { KernelError } from "../errors.ts";
import {
  type BindingInfo,
  type EntryPointInfo,
  isTexelAccess,
  type ModuleInfo,
  reflect,
} from "./reflect.ts";
import { describe, type Tensor } from "./tensor.ts";
import { describeTexels, type Texels } from "./texels.ts";

/** WebGPU's limit on workgroups along an axis. */
export const MAX_GROUPS_PER_AXIS = 65535;

/** What is bound to a storage variable: a tensor, or texels where it is a storage texture. */
export type Operand = Tensor | Texels;

/** Values for a launch: operands for storage variables, numbers for the fields of `Params`. */
export type Arguments = Readonly<Record<string, Operand | number>>;

/** Whether an operand lies in a texture. */
export function isTexels(operand: Operand): operand is Texels {
  return "texels" in operand;
}

function describeOperand(operand: Operand): string {
  return isTexels(operand) ? describeTexels(operand) : describe(operand);
}

/** How much to launch: invocations along x, or workgroups along each axis. */
export type Launch =
  & ({ readonly threads: number } | { readonly groups: readonly [number, number?, number?] })
  & { readonly constants?: Readonly<Record<string, number>> };

/** Workgroups for a launch of one workgroup per row: a grid within the limit of 65,535 per axis. */
export function foldRows(count: number): [number, number] {
  const rows = Math.ceil(count / MAX_GROUPS_PER_AXIS);
  return [Math.ceil(count / rows), rows];
}

/** A WGSL module, known by the stem of its file in `kernels/`. Independent of any device. */
export class Kernel {
  readonly info: ModuleInfo;

  constructor(readonly name: string, readonly source: string) {
    this.info = reflect(name, source);
  }

  /** The entry point of that name. Throws {@linkcode KernelError} if there is none. */
  entryPoint(name: string): EntryPointInfo {
    const entry = this.info.entryPoints.get(name);
    if (entry) return entry;
    const names = [...this.info.entryPoints.keys()].join(", ");
    throw new KernelError(
      `Cannot run ${this.name}: it has no entry point ${name}; it has ${names}`,
      { kernel: this.name },
    );
  }

  /** Bytes of the `Params` struct. */
  get paramBytes(): number {
    return this.info.params.length * 4;
  }

  /** The workgroup size along x for these constants. */
  groupWidth(entry: EntryPointInfo, constants: Readonly<Record<string, number>> = {}): number {
    const width = entry.groupWidth;
    if (typeof width === "number") return width;
    const number = constants[width] ?? this.info.overrides.get(width);
    if (number !== undefined) return number;
    throw new KernelError(
      `Cannot run ${this.name}: its workgroup size "${width}" is no number, constant or override`,
      { kernel: this.name },
    );
  }

  /** Checks arguments against an entry point and returns its operands in binding order. */
  bind(entry: EntryPointInfo, args: Arguments, maxBindingBytes: number): Operand[] {
    const fail = (what: string): never => {
      throw new KernelError(`Cannot run ${this.name}.${entry.name}: ${what}`, {
        kernel: this.name,
      });
    };
    const operands: Operand[] = [];
    const writable = new Map<Operand["storage"]["gpu"], string>();
    const readable = new Map<Operand["storage"]["gpu"], string>();
    for (const { name, access } of entry.bindings) {
      if (access === "uniform") continue;
      const inTexture = isTexelAccess(access);
      const reads = access === "read" || access === "read_texels";
      const operand = args[name];
      if (operand === undefined) fail(`binding ${name} is missing`);
      if (typeof operand === "number" || isTexels(operand) !== inTexture) {
        return fail(`binding ${name} should be ${inTexture ? "texels" : "a tensor"}`);
      }
      const refuse = (why: string) => fail(`${describeOperand(operand)}${why}`);
      if (operand.storage.released) refuse(`, bound as ${name}, was released`);
      if (!isTexels(operand) && operand.byteLength > maxBindingBytes) {
        refuse(
          `, bound as ${name}, has ${operand.byteLength} bytes; ` +
            `this device binds at most ${maxBindingBytes}`,
        );
      }
      const { gpu } = operand.storage;
      const other = writable.get(gpu) ?? (reads ? undefined : readable.get(gpu));
      if (other) refuse(` is bound as ${name} and as ${other}, one of them writable`);
      (reads ? readable : writable).set(gpu, name);
      operands.push(operand);
    }
    for (const name of Object.keys(args)) {
      const known = typeof args[name] === "number"
        ? this.info.params.some((param) => param.name === name)
        : entry.bindings.some((binding) => binding.name === name);
      if (!known) {
        fail(`it has no ${typeof args[name] === "number" ? "parameter" : "binding"} ${name}`);
      }
    }
    return operands;
  }

  /** Writes the `Params` struct. Fields that the entry point does not use may be left out. */
  writeParams(entry: EntryPointInfo, args: Arguments, view: DataView, offset: number): void {
    this.info.params.forEach(({ name, type }, index) => {
      const value = args[name] ?? (entry.params.has(name) ? undefined : 0);
      if (typeof value !== "number") {
        throw new KernelError(
          `Cannot run ${this.name}.${entry.name}: parameter ${name} is missing`,
          {
            kernel: this.name,
          },
        );
      }
      const at = offset + index * 4;
      if (type === "f32") view.setFloat32(at, value, true);
      else if (type === "i32") view.setInt32(at, value, true);
      else view.setUint32(at, value, true);
    });
  }
}

/** A compute pipeline with the layout its bind groups need. */
export interface Pipeline {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly entry: EntryPointInfo;
}

/** Compiles kernels once per device, entry point and constants. */
export class PipelineCache {
  #modules = new Map<Kernel, GPUShaderModule>();
  #pipelines = new Map<Kernel, Map<string, Pipeline>>();

  /** `report` is given a promise of the compile error, or of null. */
  constructor(
    readonly gpu: GPUDevice,
    readonly report: (error: Promise<Error | null>) => void,
  ) {}

  get(kernel: Kernel, entryName: string, constants: Readonly<Record<string, number>>): Pipeline {
    const key = `${entryName} ${Object.entries(constants).sort().join(" ")}`;
    let ofKernel = this.#pipelines.get(kernel);
    if (!ofKernel) this.#pipelines.set(kernel, ofKernel = new Map());
    let pipeline = ofKernel.get(key);
    if (!pipeline) ofKernel.set(key, pipeline = this.#create(kernel, entryName, constants));
    return pipeline;
  }

  #create(
    kernel: Kernel,
    entryName: string,
    constants: Readonly<Record<string, number>>,
  ): Pipeline {
    const entry = kernel.entryPoint(entryName);
    for (const name of Object.keys(constants)) {
      if (!kernel.info.overrides.has(name)) {
        throw new KernelError(`Cannot run ${kernel.name}: it has no override ${name}`, {
          kernel: kernel.name,
        });
      }
    }
    const module = this.#module(kernel);
    const label = `${kernel.name}.${entryName}`;
    this.gpu.pushErrorScope("validation");
    const layout = this.gpu.createBindGroupLayout({
      label,
      entries: entry.bindings.map(layoutEntry),
    });
    const pipeline = this.gpu.createComputePipeline({
      label,
      layout: this.gpu.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: entryName, constants },
    });
    this.report(
      this.gpu.popErrorScope().then((error) => error && compileError(kernel, error.message)),
    );
    return { label, pipeline, layout, entry };
  }

  #module(kernel: Kernel): GPUShaderModule {
    const known = this.#modules.get(kernel);
    if (known) return known;
    this.gpu.pushErrorScope("validation");
    const module = this.gpu.createShaderModule({ label: kernel.name, code: kernel.source });
    this.report(
      this.gpu.popErrorScope().then(async (error) => {
        if (!error) return null;
        const { messages } = await module.getCompilationInfo();
        const first = messages.find((message) => message.type === "error");
        return compileError(kernel, first?.message ?? error.message, first?.lineNum);
      }),
    );
    this.#modules.set(kernel, module);
    return module;
  }
}

function layoutEntry({ binding, access }: BindingInfo): GPUBindGroupLayoutEntry {
  const visibility = GPUShaderStage.COMPUTE;
  if (isTexelAccess(access)) {
    const storageTexture: GPUStorageTextureBindingLayout = {
      access: access === "read_texels" ? "read-only" : "write-only",
      format: "rgba32float",
    };
    return { binding, visibility, storageTexture };
  }
  const buffer: GPUBufferBindingLayout = access === "uniform"
    ? { type: "uniform", hasDynamicOffset: true }
    : { type: access === "read" ? "read-only-storage" : "storage" };
  return { binding, visibility, buffer };
}

function compileError(kernel: Kernel, message: string, line?: number): KernelError {
  const summary = message.trim().split("\n")[0];
  return new KernelError(
    `Cannot compile kernel ${kernel.name}${line ? `:${line}` : ""}: ${summary}`,
    {
      kernel: kernel.name,
      line,
      excerpt: line ? excerpt(kernel.source, line) : message.trim(),
    },
  );
}

/** Three lines of source around `line`, numbered, the line itself marked. */
function excerpt(source: string, line: number): string {
  const lines = source.split("\n");
  const first = Math.max(1, line - 1);
  const last = Math.min(lines.length, line + 1);
  const rows: string[] = [];
  for (let number = first; number <= last; number++) {
    rows.push(
      `${number === line ? ">" : " "} ${String(number).padStart(4)} | ${lines[number - 1]}`,
    );
  }
  return rows.join("\n");
}
