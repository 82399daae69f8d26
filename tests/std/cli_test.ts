import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

Deno.test("parseArgs pairs options with values and keeps the rest", () => {
  const args = ["a", "--name", "x", "--rate=2e-4", "--depth", "3", "--flag", "b"];
  assertEquals({ ...parseArgs(args, { string: ["name", "rate"], boolean: ["flag"] }) }, {
    _: ["a", "b"],
    name: "x",
    rate: "2e-4",
    depth: 3,
    flag: true,
  });
});

Deno.test("parseArgs: missing values, boolean words, aliases, repeats", () => {
  const options = { string: ["name"], boolean: ["on", "help"], alias: { h: "help" } };
  assertEquals({ ...parseArgs(["--name", "--on", "false", "-h"], options) }, {
    _: [],
    name: "",
    on: false,
    h: true,
    help: true,
  });
  assertEquals(parseArgs(["--name=a=b", "--name", "c"], options).name, "c");
  assertEquals(parseArgs(["--name=a=b\nc"], options).name, "a=b\nc");
  assertEquals(parseArgs(["--on=false"], options).on, false);
});

Deno.test("parseArgs: everything after -- is positional", () => {
  assertEquals({ ...parseArgs(["--x", "--", "--y", "7"], { string: ["_"] }) }, {
    _: ["--y", "7"],
    x: true,
  });
  assertEquals(parseArgs(["7"])._, [7]);
});
