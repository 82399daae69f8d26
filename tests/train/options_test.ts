import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { z } from "zod";
import { ConfigError } from "../../src/errors.ts";
import { closestOption } from "../../src/train/closest.ts";
import { booleanWord, coerce } from "../../src/train/coerce.ts";
import { describeSchema, type OptionLayer, resolveOptions } from "../../src/train/options.ts";

const schema = z.object({
  rate: z.number().gt(0).lt(1).default(0.5).meta({ group: "A", description: "A rate." }),
  count: z.int().min(1).nullable().default(null).meta({ group: "A", description: "A count." }),
  color: z.enum(["red", "blue"]).default("red").meta({ group: "B", description: "A color." }),
  names: z.union([z.array(z.string().min(1)).min(1), z.string().min(1)]).default("all")
    .meta({ group: "B", description: "Names.", also: ["columns"] }),
  folder: z.string().min(1).default("x/")
    .meta({ group: "B", description: "A folder.", value: "DIR" }),
  loud: z.boolean().default(true).meta({ group: "B", description: "Loud." }),
});
const flags = (values: Record<string, unknown>): OptionLayer => ({ source: "flags", values });

Deno.test("describeSchema says kind, default, placeholder and what is allowed", () => {
  const rows = describeSchema(schema);
  assertEquals(rows.map(({ name, kind, value, default: d }) => [name, kind, value, d]), [
    ["rate", "number", "X", 0.5],
    ["count", "integer", "N", null],
    ["color", "choice", "red|blue", "red"],
    ["names", "list", "A,B,…", "all"],
    ["folder", "text", "DIR", "x/"],
    ["loud", "boolean", "true|false", true],
  ]);
  assertEquals(rows.map((row) => row.allowed), [
    "a number, above 0 and below 1",
    'a whole number, 1 or more, or "none"',
    "one of red, blue",
    "a list of names (a,b,c), or a text that is not empty",
    "a path",
    "true or false",
  ]);
});

Deno.test("resolveOptions: later layers win over earlier ones and over defaults", () => {
  const layers: OptionLayer[] = [
    { source: "defaults", values: { rate: 0.1, color: "blue" } },
    { source: "file", name: "a.yaml", values: { rate: 0.2, count: 3, loud: undefined } },
    flags({ rate: "3e-1" }),
  ];
  assertEquals(resolveOptions(schema, layers), {
    rate: 0.3,
    count: 3,
    color: "blue",
    names: "all",
    folder: "x/",
    loud: true,
  });
});

Deno.test("resolveOptions reports every fault of every layer at once", () => {
  const layers: OptionLayer[] = [
    { source: "file", name: "run.yaml", values: { rate: "fast", colour: "red", loud: null } },
    { ...flags({ count: "1.5", color: "green", rate: "0.2" }), faults: ["a stray argument"] },
  ];
  const error = assertThrows(() => resolveOptions(schema, layers), ConfigError);
  assertEquals(error.issues, [
    "Cannot use rate: fast (run.yaml): give a number, above 0 and below 1",
    "unknown option colour (run.yaml); did you mean color?",
    "Cannot use loud: null (run.yaml): give true or false",
    "a stray argument",
    'Cannot use --count 1.5 (flags): give a whole number, 1 or more, or "none"',
    "Cannot use --color green (flags): give one of red, blue",
  ]);
  for (const issue of error.issues) assertStringIncludes(error.message, issue);
});

Deno.test("resolveOptions: bounds are exclusive where the schema says so; NaN is no number", () => {
  for (const rate of ["0", "1", "-0.5", "nan", "inf", "0x1", "", " "]) {
    assertThrows(() => resolveOptions(schema, [flags({ rate })]), ConfigError, "--rate");
  }
  assertEquals(resolveOptions(schema, [flags({ rate: " .5 " })]).rate, 0.5);
  assertThrows(() => resolveOptions(schema, [flags({ rate: NaN })]), ConfigError, "--rate");
});

Deno.test("resolveOptions: cross-checks run on good fields only", () => {
  const check = {
    fields: ["rate", "count"] as const,
    fault: ({ rate, count }: { rate: number; count: number | null }) =>
      count === null ? `rate ${rate} needs count` : null,
  };
  const run = (values: Record<string, unknown>) => resolveOptions(schema, [flags(values)], [check]);
  assertEquals(assertThrows(() => run({ rate: "0.1" }), ConfigError).issues, [
    "rate 0.1 needs count",
  ]);
  assertEquals(assertThrows(() => run({ rate: "7" }), ConfigError).issues.length, 1);
  assertEquals(run({ rate: "0.1", count: "2" }).count, 2);
});

Deno.test("names are accepted with hyphens; names of object internals are unknown", () => {
  const dashed = z.object({ max_steps: z.int().default(1) });
  assertEquals(resolveOptions(dashed, [flags({ "max-steps": "4" })]).max_steps, 4);
  for (const name of ["constructor", "toString", "hasOwnProperty"]) {
    assertThrows(() => resolveOptions(dashed, [flags({ [name]: "1" })]), ConfigError, "unknown");
  }
});

Deno.test("a long wrong value is cut in the message", () => {
  const error = assertThrows(
    () => resolveOptions(schema, [flags({ color: "x".repeat(500) })]),
    ConfigError,
  );
  assertMatch(error.message, /--color x{60}… \(flags\)/);
});

Deno.test("coerce: booleans, numbers, lists and none", () => {
  assertEquals(["true", "YES", "1", "false", "No", "0", "maybe"].map(booleanWord), [
    true,
    true,
    true,
    false,
    false,
    false,
    undefined,
  ]);
  const as = (kind: "boolean" | "number" | "list" | "text" | "choice", nullable = false) =>
  (
    value: unknown,
  ) => coerce(value, { kind, nullable, default: "all" });
  assertEquals([1, 0, 2, "2"].map(as("boolean")), [true, false, 2, "2"]);
  assertEquals(["2e-4", "+5", "5.", "-1", "1e", "e5"].map(as("number")), [
    2e-4,
    5,
    5,
    -1,
    "1e",
    "e5",
  ]);
  assertEquals(
    ["q", "q,v", "q, v,", '["q","v"]', ["q"], ".*_proj", "[qv]_proj", "all"].map(as("list")),
    [
      ["q"],
      ["q", "v"],
      ["q", "v"],
      ["q", "v"],
      ["q"],
      ".*_proj",
      "[qv]_proj",
      "all",
    ],
  );
  assertEquals([7, "none", "a "].map(as("text")), ["7", "none", "a "]);
  assertEquals(["none", "Null", "nil"].map(as("text", true)), [null, null, "nil"]);
});

Deno.test("closestOption finds typos, names of other tools, and else the least distant", () => {
  const options = [
    { name: "learning_rate", also: ["lr"] },
    { name: "lora_r", also: ["r"] },
    { name: "num_train_epochs", also: ["epochs"] },
  ];
  const find = (name: string) => closestOption(name, options);
  assertEquals(find("lerning_rate"), { option: "learning_rate", near: true });
  assertEquals(find("LR"), { option: "learning_rate", near: true });
  assertEquals(find("epoch"), { option: "num_train_epochs", near: true });
  assertEquals(find("lorar"), { option: "lora_r", near: true });
  assertEquals(find("zzzzzzzz").near, false);
  assertEquals(find("x").near, false);
});
