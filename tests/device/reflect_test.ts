import { assert, assertEquals, assertThrows } from "@std/assert";
import { reflect } from "../../src/device/reflect.ts";
import { KernelError } from "../../src/errors.ts";

const SOURCE = `
// @group(0) @binding(8) var<storage, read> in_a_comment: array<f32>;
/* @group(0) @binding(9) var<storage, read>
   in_a_block_comment: array<f32>; */
const WG: u32 = 32;
override WIDE: u32 = 0x10;
override RATIO: f32 = 0.5f;
@id(7) override FAST: bool = true;

struct Params {
  count: u32, // elements
  shift: i32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage> weight: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var grid: texture_storage_2d<rgba32float, read>;
@group(0) @binding(5) var picture: texture_storage_2d<rgba32float, write>;

fn scaled(i: u32) -> f32 { return inner(i) * params.scale; }

fn inner(i: u32) -> f32 { return weight[i]; }

@compute @workgroup_size(WG)
fn direct(@builtin(global_invocation_id) id: vec3u) {
  if id.x < params.count { y[id.x] = x[id.x]; }
}

@compute @workgroup_size(WIDE, 2)
fn through_calls(@builtin(global_invocation_id) id: vec3u) {
  if true { y[id.x] = scaled(id.x); }
}

@compute @workgroup_size(8)
fn plain(@builtin(global_invocation_id) id: vec3u) { y[id.x] = f32(id.y); }

@compute @workgroup_size(8)
fn textures() { textureStore(picture, vec2u(), textureLoad(grid, vec2u())); }
`;

Deno.test("reflect: bindings have their names, numbers and access modes; comments have none", () => {
  const bindings = [...reflect("test", SOURCE).entryPoints.values()].flatMap((e) => e.bindings);
  const byName = new Map(bindings.map((binding) => [binding.name, binding]));
  assertEquals([...byName.values()].sort((a, b) => a.binding - b.binding), [
    { name: "params", binding: 0, access: "uniform" },
    { name: "x", binding: 1, access: "read" },
    { name: "weight", binding: 2, access: "read" },
    { name: "y", binding: 3, access: "read_write" },
    { name: "grid", binding: 4, access: "read_texels" },
    { name: "picture", binding: 5, access: "write_texels" },
  ]);
});

Deno.test("reflect: an entry point has the bindings that it and what it calls use", () => {
  const { entryPoints } = reflect("test", SOURCE);
  const names = (entry: string) => entryPoints.get(entry)!.bindings.map(({ name }) => name);
  assertEquals([...entryPoints.keys()], ["direct", "through_calls", "plain", "textures"]);
  assertEquals(names("direct"), ["params", "x", "y"]);
  assertEquals(names("through_calls"), ["params", "weight", "y"]);
  assertEquals(names("plain"), ["y"]);
  assertEquals(names("textures"), ["grid", "picture"]);
});

Deno.test("reflect: parameters in order with types, and which of them an entry point uses", () => {
  const { params, entryPoints } = reflect("test", SOURCE);
  assertEquals(params, [
    { name: "count", type: "u32" },
    { name: "shift", type: "i32" },
    { name: "scale", type: "f32" },
  ]);
  assertEquals([...entryPoints.get("direct")!.params], ["count"]);
  assertEquals([...entryPoints.get("through_calls")!.params], ["scale"]);
  assertEquals([...entryPoints.get("plain")!.params], []);
});

Deno.test("reflect: overrides with their defaults, and widths of workgroups", () => {
  const { overrides, entryPoints } = reflect("test", SOURCE);
  assertEquals([...overrides], [["WIDE", 16], ["RATIO", 0.5], ["FAST", 1]]);
  const widths = [...entryPoints.values()].map(({ groupWidth }) => groupWidth);
  assertEquals(widths, [32, "WIDE", 8, 8]);
});

Deno.test("reflect: members and locals of another name are no bindings", () => {
  const { entryPoints } = reflect(
    "test",
    `@group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1)
    fn main(@builtin(global_invocation_id) id: vec3u) { let max_x = id.x; y[max_x] = 1.0; }`,
  );
  assertEquals(entryPoints.get("main")!.bindings.map(({ name }) => name), ["y"]);
});

Deno.test("reflect: what breaks the conventions is refused with the kernel's name", () => {
  const refused = (source: string, says: string) => {
    const error = assertThrows(() => reflect("odd", source), KernelError, says);
    assertEquals(error.kernel, "odd");
  };
  refused("struct Params { size: vec2u }", `"size: vec2u" is not a u32, i32 or f32 scalar`);
  refused("override A: u32 = 2 * 3;", "override A has no literal default");
  refused("@compute fn main() {}", "main has no @workgroup_size");
});

for (const { name } of Deno.readDirSync(new URL("../../kernels/", import.meta.url))) {
  if (!name.endsWith(".wgsl")) continue;
  Deno.test(`reflect: kernels/${name} has entry points, and every binding and parameter is used`, () => {
    const url = new URL(`../../kernels/${name}`, import.meta.url);
    const source = Deno.readTextFileSync(url);
    const { params, entryPoints } = reflect(name, source);
    assert(entryPoints.size > 0);
    const entries = [...entryPoints.values()];
    const used = new Set(entries.flatMap((entry) => entry.bindings.map(({ binding }) => binding)));
    const declared = [...source.matchAll(/@binding\((\d+)\)/g)].map(([, binding]) =>
      Number(binding)
    );
    assertEquals([...used].sort((a, b) => a - b), declared);
    const usedParams = new Set(entries.flatMap((entry) => [...entry.params]));
    for (const param of params) assert(usedParams.has(param.name), `${param.name} is never used`);
  });
}
