/**
 * Reads what the host needs to know from WGSL source: variable names and access modes, the `Params`
 * struct, overrides, entry points and which variables each entry point uses. WGSL stays the only
 * place where bindings, offsets and workgroup sizes are written down.
 * @module
 */
import { KernelError } from "../errors.ts";

/** A `var<storage>`, a `var<uniform>` or a storage texture of a module. */
export interface BindingInfo {
  readonly name: string;
  readonly binding: number;
  readonly access: "read" | "read_write" | "uniform" | "read_texels" | "write_texels";
}

/** Whether a variable with this access is a storage texture. */
export function isTexelAccess(access: BindingInfo["access"]): boolean {
  return access === "read_texels" || access === "write_texels";
}

/** A scalar of `struct Params`; every field is 4 bytes wide, so its offset is 4 × its index. */
export interface ParamInfo {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
}

/** A `@compute` function: the width of its workgroups and the bindings it reaches. */
export interface EntryPointInfo {
  readonly name: string;
  /** Invocations along x: a number, or the name of an override. */
  readonly groupWidth: number | string;
  readonly bindings: readonly BindingInfo[];
  /** The fields of `Params` it uses. */
  readonly params: ReadonlySet<string>;
}

/** Everything the host knows about a WGSL module. */
export interface ModuleInfo {
  readonly params: readonly ParamInfo[];
  readonly overrides: ReadonlyMap<string, number>;
  readonly entryPoints: ReadonlyMap<string, EntryPointInfo>;
}

const BINDING =
  /@group\(0\)\s*@binding\((\d+)\)\s*var<\s*(storage|uniform)\s*(?:,\s*(read|read_write)\s*)?>\s*(\w+)\s*:/g;
const TEXELS =
  /@group\(0\)\s*@binding\((\d+)\)\s*var\s+(\w+)\s*:\s*texture_storage_2d<\s*rgba32float\s*,\s*(read|write)\s*>/g;
const OVERRIDE = /(?:@id\(\d+\)\s*)?override\s+(\w+)\s*(?::\s*\w+)?\s*=\s*([^;]+);/g;
const CONSTANT = /\bconst\s+(\w+)\s*(?::\s*u32)?\s*=\s*(\d+)u?\s*;/g;
const FUNCTION = /((?:@\w+(?:\([^)]*\))?\s*)*)\bfn\s+(\w+)\s*\(/g;

/** Reads a WGSL module. Throws {@linkcode KernelError} where it breaks this project's conventions. */
export function reflect(kernel: string, source: string): ModuleInfo {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, " ").replace(/\/\/[^\n]*/g, " ");
  const bindings = readBindings(code);
  const overrides = new Map<string, number>();
  for (const [, name, value] of code.matchAll(OVERRIDE)) {
    overrides.set(name, overrideDefault(kernel, name, value));
  }
  const params = readParams(kernel, code);
  return { params, overrides, entryPoints: readEntryPoints(kernel, code, bindings, params) };
}

function readBindings(code: string): BindingInfo[] {
  const buffers = [...code.matchAll(BINDING)].map(([, binding, space, access = "read", name]) => ({
    name,
    binding: Number(binding),
    access: space === "uniform" ? "uniform" : access as "read" | "read_write",
  } as const));
  const textures = [...code.matchAll(TEXELS)].map(([, binding, name, access]) => ({
    name,
    binding: Number(binding),
    access: access === "read" ? "read_texels" : "write_texels",
  } as const));
  return [...buffers, ...textures].sort((a, b) => a.binding - b.binding);
}

function overrideDefault(kernel: string, name: string, value: string): number {
  const text = value.trim().replace(/[uif]$/, "");
  const number = text === "true" ? 1 : text === "false" ? 0 : Number(text);
  if (Number.isNaN(number)) {
    throw new KernelError(
      `Cannot read kernel ${kernel}: override ${name} has no literal default; write one`,
      { kernel },
    );
  }
  return number;
}

function readParams(kernel: string, code: string): ParamInfo[] {
  const struct = /struct\s+Params\s*\{([^}]*)\}/.exec(code);
  if (!struct) return [];
  return struct[1].split(",").map((field) => field.trim()).filter((field) => field).map((field) => {
    const parts = /^(\w+)\s*:\s*(u32|i32|f32)$/.exec(field);
    if (!parts) {
      throw new KernelError(
        `Cannot read kernel ${kernel}: Params field "${field}" is not a u32, i32 or f32 scalar`,
        { kernel },
      );
    }
    return { name: parts[1], type: parts[2] as ParamInfo["type"] };
  });
}

function readEntryPoints(
  kernel: string,
  code: string,
  bindings: readonly BindingInfo[],
  params: readonly ParamInfo[],
): Map<string, EntryPointInfo> {
  const constants = new Map([...code.matchAll(CONSTANT)].map(([, name, n]) => [name, Number(n)]));
  const functions = new Map<string, { attributes: string; words: Set<string> }>();
  for (const match of code.matchAll(FUNCTION)) {
    const body = functionText(code, match.index + match[0].length - 1);
    functions.set(match[2], {
      attributes: match[1],
      // Names after a dot are members ("id.x"), except those of Params, kept as "params.name".
      words: new Set(body.match(/params\.\w+|(?<![\w.])[A-Za-z_]\w*/g) ?? []),
    });
  }
  const entryPoints = new Map<string, EntryPointInfo>();
  for (const [name, { attributes }] of functions) {
    if (!attributes.includes("@compute")) continue;
    const size = /@workgroup_size\(([^)]*)\)/.exec(attributes);
    if (!size) {
      throw new KernelError(`Cannot read kernel ${kernel}: ${name} has no @workgroup_size`, {
        kernel,
      });
    }
    const width = size[1].split(",")[0].trim();
    const words = reachableWords(name, functions);
    const used = new Set(
      params.map((param) => param.name).filter((param) => words.has(`params.${param}`)),
    );
    entryPoints.set(name, {
      name,
      groupWidth: /^\d/.test(width) ? parseInt(width) : constants.get(width) ?? width,
      bindings: bindings.filter(({ name, access }) =>
        access === "uniform" ? used.size > 0 : words.has(name)
      ),
      params: used,
    });
  }
  return entryPoints;
}

/** The words used by a function and by every function it calls. */
function reachableWords(
  name: string,
  functions: ReadonlyMap<string, { words: ReadonlySet<string> }>,
): Set<string> {
  const words = new Set<string>();
  const pending = [name];
  while (pending.length > 0) {
    for (const word of functions.get(pending.pop()!)!.words) {
      if (words.has(word)) continue;
      words.add(word);
      if (functions.has(word)) pending.push(word);
    }
  }
  return words;
}

/** The text of a function from its parameter list to its closing brace. */
function functionText(code: string, start: number): string {
  let depth = 0;
  for (let i = code.indexOf("{", start); i < code.length; i++) {
    if (code[i] === "{") depth++;
    if (code[i] === "}" && --depth === 0) return code.slice(start, i);
  }
  return code.slice(start);
}
