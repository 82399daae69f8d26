import { assert, assertEquals, assertThrows } from "@std/assert";
import { COUNTER, meterModule } from "../../src/sql/meter.ts";

const STACK_TOP = 600_000;
const LEB_STACK_TOP = [0xc0, 0xcf, 0x24];

const section = (id: number, content: readonly number[]) => [id, content.length, ...content];
const text = (name: string) => [name.length, ...new TextEncoder().encode(name)];

/**
 * A module of four functions: `spin(n)` counts n down, `recurse(n)` takes 64 bytes and calls itself,
 * `fill(n)` and `copy(n)` write n bytes of a memory of two pages.
 */
const MODULE = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 1, 0x7f, 0]),
  ...section(2, [0]),
  ...section(3, [4, 0, 0, 0, 0]),
  ...section(4, [1, 0x70, 0, 0]),
  ...section(5, [1, 0, 2]),
  ...section(6, [1, 0x7f, 1, 0x41, ...LEB_STACK_TOP, 0x0b]),
  ...section(7, [
    ...[5, ...text("spin"), 0, 0, ...text("recurse"), 0, 1, ...text("table"), 1, 0],
    ...[...text("fill"), 0, 2, ...text("copy"), 0, 3],
  ]),
  ...section(10, [
    4,
    // loop: n -= 1; br_if 0 (n)
    ...[15, 0, 0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b, 0x01, 0x0b],
    // stack -= 64; if (n) recurse(n - 1); stack += 64
    ...[30, 0, 0x23, 0, 0x41, 0xc0, 0, 0x6b, 0x24, 0, 0x20, 0, 0x04, 0x40],
    ...[0x20, 0, 0x41, 1, 0x6b, 0x10, 1, 0x0b, 0x23, 0, 0x41, 0xc0, 0, 0x6a, 0x24, 0, 0x0b],
    // memory.fill(to 0, with 7, n); memory.copy(to 1, from 0, n)
    ...[11, 0, 0x41, 0, 0x41, 7, 0x20, 0, 0xfc, 11, 0, 0x0b],
    ...[12, 0, 0x41, 1, 0x41, 0, 0x20, 0, 0xfc, 10, 0, 0, 0x0b],
  ]),
]);

/** A module that imports two functions of the host and exports them again, for a table. */
const CALLBACKS = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, [1, 0x60, 0, 0]),
  ...section(2, [2, ...text("h"), ...text("a"), 0, 0, ...text("h"), ...text("b"), 0, 0]),
  ...section(7, [2, ...text("a"), 0, 0, ...text("b"), 0, 1]),
]);

type Functions = Record<"spin" | "recurse" | "fill" | "copy", (n: number) => void>;

function instantiate(host: { a: () => void; b: () => void }) {
  const { bytes, slot } = meterModule(MODULE);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const callbacks =
    new WebAssembly.Instance(new WebAssembly.Module(CALLBACKS), { h: host }).exports;
  const table = exports.table as WebAssembly.Table;
  assertEquals(table.grow(2), slot);
  table.set(slot, callbacks.a as CallableFunction);
  table.set(slot + 1, callbacks.b as CallableFunction);
  return { ...exports as unknown as Functions, counter: exports[COUNTER] as WebAssembly.Global };
}

Deno.test("meterModule: a loop counts down, and the host can stop it", () => {
  let ticks = 0;
  const { spin, counter } = instantiate({
    a() {
      counter.value = 100;
      if (++ticks === 7) throw new Error("stopped");
    },
    b() {},
  });
  counter.value = 100;
  spin(350);
  assertEquals([ticks, counter.value], [3, 50]);
  assertThrows(() => spin(0), Error, "stopped"); // 2³² loops
  assertEquals(ticks, 7);
});

Deno.test("meterModule: copies and fills of memory count, 64 bytes like a loop, before they begin", () => {
  for (const name of ["fill", "copy"] as const) {
    let ticks = 0;
    const functions = instantiate({
      a() {
        if (++ticks === 2) throw new Error("stopped");
        functions.counter.value = 100;
      },
      b() {},
    });
    const { counter } = functions;
    counter.value = 100;
    functions[name](64 * 99 + 63);
    assertEquals([ticks, counter.value], [0, 1]);
    functions[name](63);
    assertEquals([ticks, counter.value], [0, 1]);
    functions[name](100_000);
    assertEquals([ticks, counter.value], [1, 100]);
    assertThrows(() => functions[name](2 ** 31), Error, "stopped"); // not "out of bounds"
    assertEquals(ticks, 2);
  }
});

Deno.test("meterModule: the host is told before the stack in memory is full", () => {
  const { recurse } = instantiate({
    a() {},
    b() {
      throw new Error("full");
    },
  });
  const room = (512 - 16) * 1024 / 64;
  recurse(room - 1);
  assertThrows(() => recurse(room), Error, "full");
  assert(STACK_TOP > 512 * 1024);
});

Deno.test("meterModule: a module that it does not know is refused", () => {
  assertThrows(() => meterModule(new Uint8Array(8)), TypeError, "no WebAssembly module");
  assertThrows(() => meterModule(CALLBACKS), TypeError, "without section");
  const unknown = MODULE.slice();
  unknown[unknown.length - 7] = 0xfd; // SIMD, in the place of local.get
  assertThrows(() => meterModule(unknown), TypeError, "0xfd");
});
