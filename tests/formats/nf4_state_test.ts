import { assertEquals, assertThrows } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import {
  formatPythonFloat,
  formatQuantState,
  parseQuantState,
  type QuantState,
} from "../../src/formats/nf4_state.ts";

const plain: QuantState = {
  quantType: "nf4",
  blockSize: 64,
  dtype: "bfloat16",
  shape: [4096, 14336],
};
const nested: QuantState = {
  ...plain,
  nested: { blockSize: 256, dtype: "float32", offset: Math.fround(0.0123) },
};
const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("the JSON is that of Python's json.dumps", () => {
  assertEquals(
    new TextDecoder().decode(formatQuantState(nested)),
    '{"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [4096, 14336], ' +
      '"nested_blocksize": 256, "nested_dtype": "float32", ' +
      '"nested_offset": 0.012299999594688416}',
  );
  for (const state of [plain, nested]) {
    assertEquals(parseQuantState(formatQuantState(state)), state);
  }
});

Deno.test("floats print as Python's repr prints them", () => {
  const expected: [number, string][] = [
    [1, "1.0"],
    [0, "0.0"],
    [-0, "-0.0"],
    [0.5005341172218323, "0.5005341172218323"],
    [0.0001, "0.0001"],
    [0.00009999999747378752, "9.999999747378752e-05"],
    [1e-7, "1e-07"],
    [-1.5e-12, "-1.5e-12"],
    [1e-100, "1e-100"],
    [123456789012345680, "1.2345678901234568e+17"],
    [1e16, "1e+16"],
    [9999999999999998, "9999999999999998.0"],
    [1e22, "1e+22"],
    [3.4028234663852886e38, "3.4028234663852886e+38"],
  ];
  for (const [value, text] of expected) assertEquals(formatPythonFloat(value), text);
});

Deno.test("what is not supported is refused by name", () => {
  const text = new TextDecoder().decode(formatQuantState(nested));
  const cases = [
    ['"nf4"', '"fp4"', 'quant_type is "fp4", only "nf4"'],
    ['"blocksize": 64', '"blocksize": 128', "blocksize is 128, only 64"],
    ['"dtype": "bfloat16"', '"dtype": "float64"', 'dtype is "float64", only float32, bfloat16'],
    ['"shape": [4096, 14336]', '"shape": null', "shape is null"],
    ['"shape": [4096, 14336]', '"shape": [4096, -1]', "shape is [4096,-1]"],
    ['"nested_blocksize": 256', '"nested_blocksize": 4096', "nested_blocksize is 4096, only 256"],
    ['"nested_dtype": "float32"', '"nested_dtype": "float16"', "nested_dtype is"],
    [', "nested_offset": 0.012299999594688416', "", "nested_offset is missing"],
    ['"nested_offset": 0.012299999594688416', '"nested_offset": "0"', "nested_offset is"],
    ['"quant_type": "nf4", ', "", "quant_type is missing"],
  ];
  for (const [part, replacement, message] of cases) {
    const changed = text.replace(part, replacement);
    assertEquals(changed === text, false);
    const error = assertThrows(() => parseQuantState(encode(changed), "w"), FormatError, message);
    assertEquals(error.file, "w");
  }
});

Deno.test("what is not a JSON object is refused", () => {
  for (const text of ["", "{", "[]", "null", "3", '{"quant_type": "nf4", "nested_offset": NaN}']) {
    assertThrows(() => parseQuantState(encode(text)), FormatError, "Cannot read the quant_state");
  }
  assertThrows(() => parseQuantState(Uint8Array.of(0xff, 0x7b)), FormatError, "UTF-8");
});
