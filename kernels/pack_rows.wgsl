// Packing of rows: lays a matrix out in groups of eight rows, so that the products read it front to back.
//   packed[(g·Q + q)·8 + r] = (A[8g+r, 4q], A[8g+r, 4q+1], A[8g+r, 4q+2], A[8g+r, 4q+3]),  Q = ⌈K/4⌉
//   or with A = Bᵀ: packed[(g·Q + q)·8 + r] = (B[4q, 8g+r], B[4q+1, 8g+r], B[4q+2, 8g+r], B[4q+3, 8g+r])
// Shapes: A [M, K], row m at a_offset + m · a_stride; B [K, M], likewise; packed [⌈M/8⌉, Q, 8, 4]. Rows past M and depths past K are
//   zero: the products need no guards for them. Workgroup z packs the z-th matrix, a_batch further on.
// Geometry: groups ⌈Q/8⌉ × ⌈M/8⌉ × matrices; one invocation per row and four depths. pack_any takes any shape;
//   pack is for K, a_stride, a_offset and a_batch that are multiples of 4. pack_transposed reads B from a_quads, in
//   groups ⌈M/256⌉ × ⌈K/4⌉, one invocation per four rows and four depths; M, a_stride and a_offset are multiples of 4.
// Numerics: copies.
// Source: the packed blocks of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008.

const WG: u32 = 64;

struct Params {
  m: u32,
  k: u32,
  a_stride: u32,
  a_offset: u32,
  a_batch: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> a_quads: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> packed: array<vec4f>;

fn place(group: vec3u, row_in_octet: u32, quad: u32) -> u32 {
  let quads = (params.k + 3u) / 4u;
  let octets = (params.m + 7u) / 8u;
  return ((group.z * octets + group.y) * quads + quad) * 8u + row_in_octet;
}

@compute @workgroup_size(WG)
fn pack(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quad = group.x * 8u + index / 8u;
  let row = group.y * 8u + index % 8u;
  if quad * 4u >= params.k { return; }
  let at = (params.a_offset + group.z * params.a_batch + row * params.a_stride) / 4u + quad;
  packed[place(group, index % 8u, quad)] = select(vec4f(), a_quads[at], row < params.m);
}

@compute @workgroup_size(WG)
fn pack_any(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let quad = group.x * 8u + index / 8u;
  let row = group.y * 8u + index % 8u;
  if quad * 4u >= params.k { return; }
  let at = params.a_offset + group.z * params.a_batch + row * params.a_stride + 4u * quad;
  let inside = (vec4u(0u, 1u, 2u, 3u) + 4u * quad < vec4u(params.k)) & vec4<bool>(row < params.m);
  packed[place(group, index % 8u, quad)] = select(vec4f(), vec4f(a[at], a[at + 1u], a[at + 2u], a[at + 3u]), inside);
}

fn quad_of_depth(at: u32, row: u32, k: u32) -> vec4f {
  return select(vec4f(), a_quads[at + k * params.a_stride / 4u], k < params.k && row < params.m);
}

@compute @workgroup_size(WG)
fn pack_transposed(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row = 4u * (group.x * WG + index);
  if row >= (params.m + 7u) / 8u * 8u { return; }
  let at = (params.a_offset + row) / 4u;
  let k = 4u * group.y;
  let rows = transpose(mat4x4f(
    quad_of_depth(at, row, k),
    quad_of_depth(at, row, k + 1u),
    quad_of_depth(at, row, k + 2u),
    quad_of_depth(at, row, k + 3u),
  ));
  let first = place(vec3u(0u, row / 8u, 0u), row % 8u, group.y);
  packed[first] = rows[0];
  packed[first + 1u] = rows[1];
  packed[first + 2u] = rows[2];
  packed[first + 3u] = rows[3];
}
