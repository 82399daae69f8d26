/** Small kernels for the tests of the device layer. */
import { Kernel } from "../../src/device/kernel.ts";

/** `y[i] = x[i] * scale + shift` for i < count; `copy_x` uses no parameters. */
export const affine: Kernel = new Kernel(
  "affine",
  `override WG: u32 = 64;
struct Params {
  count: u32,
  shift: i32,
  scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(WG)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * WG;
  if i < params.count { y[i] = x[i] * params.scale + f32(params.shift); }
}
@compute @workgroup_size(1)
fn copy_x(@builtin(global_invocation_id) id: vec3u) { y[id.x] = x[id.x]; }
`,
);

/** `y[place] += value`. */
export const addAt: Kernel = new Kernel(
  "add_at",
  `struct Params {
  place: u32,
  value: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() { y[params.place] += params.value; }
`,
);

/** Needs 16 bytes of `y`, which the host does not know. */
export const fourWide: Kernel = new Kernel(
  "four_wide",
  `@group(0) @binding(0) var<storage, read_write> y: array<vec4f>;
@compute @workgroup_size(1)
fn main() { y[0] = vec4f(1.0); }
`,
);

/** Does not compile: line 4 names what does not exist. */
export const broken: Kernel = new Kernel(
  "broken",
  `@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main() {
  y[0] = nonsense;
}
`,
);

/** `put`: `y = values` from texel 0 on; `relay`: `y = x` for `count` texels. */
export const texelKernel: Kernel = new Kernel(
  "texels",
  `struct Params { count: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> values: array<vec4f>;
@group(0) @binding(2) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;
fn place(i: u32) -> vec2u { return vec2u(i & 1023u, i >> 10u); }
@compute @workgroup_size(64)
fn put(@builtin(global_invocation_id) id: vec3u) {
  if id.x < params.count { textureStore(y, place(id.x), values[id.x]); }
}
@compute @workgroup_size(64)
fn relay(@builtin(global_invocation_id) id: vec3u) {
  if id.x < params.count { textureStore(y, place(id.x), textureLoad(x, place(id.x))); }
}
`,
);
