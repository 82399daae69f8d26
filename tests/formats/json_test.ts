import { assertEquals, assertThrows } from "@std/assert";
import { FormatError } from "../../src/errors.ts";
import { isJsonObject, parseJson } from "../../src/formats/json.ts";

const parse = (text: string, offset?: number) =>
  parseJson(new TextEncoder().encode(text), { file: "x.json", offset });

Deno.test("valid JSON gives what JSON.parse gives", () => {
  const texts = [
    '{"a":{"b":1},"c":{"b":2}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a\\":","b":["a","a"]}',
    '{ "a\\\\" : "x" , "a" : {} }  ',
    '{"":{"":0},"\\u0061":"}{"}',
    '"just: text"',
    "3",
  ];
  for (const text of texts) assertEquals(parse(text), JSON.parse(text));
  assertEquals(Object.entries(parse('{"__proto__":1}') as object), [["__proto__", 1]]);
});

Deno.test("a key given twice is an error, at its byte", () => {
  const cases: [string, number][] = [
    ['{"a":1,"a":1}', 7],
    ['{"é":{},"é":{}}', 9],
    ['{"x":{"a":1, "b":{"a":2}, "a" :3}}', 26],
    ['{"a":1,"\\u0061":2}', 7],
    ['[{"a":[{"q":1}],"a":0}]', 16],
  ];
  for (const [text, at] of cases) {
    const error = assertThrows(() => parse(text, 100), FormatError, "is given twice");
    assertEquals([error.file, error.offset], ["x.json", 100 + at]);
  }
});

Deno.test("what is not JSON is an error, at its byte where that is known", () => {
  const missingComma = assertThrows(() => parse('{"é":1 "b":2}', 8), FormatError, "not valid");
  assertEquals(missingComma.offset, 8 + 8);
  assertEquals(assertThrows(() => parse('{"a":', 8), FormatError, "not valid").offset, 8);
  assertThrows(() => parse("\uFEFF{}"), FormatError, "not valid");
  assertThrows(() => parse(""), FormatError, "not valid");
  assertThrows(() => parse('{"a":NaN}'), FormatError, "not valid");
  const invalid = Uint8Array.of(0x22, 0xff, 0x22);
  assertThrows(() => parseJson(invalid, { file: "x.json" }), FormatError, "not valid UTF-8");
});

Deno.test("deep nesting and long strings do not overflow the stack", () => {
  const depth = 200_000;
  assertEquals(Array.isArray(parse("[".repeat(depth) + "]".repeat(depth))), true);
  assertThrows(() => parse("[".repeat(depth)), FormatError, "not valid");
  assertEquals(parse(JSON.stringify("\\\n".repeat(depth))), "\\\n".repeat(depth));
});

Deno.test("isJsonObject", () => {
  assertEquals([{}, [], null, 1, "a", undefined].map(isJsonObject), [
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});
