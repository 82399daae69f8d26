import { assertEquals } from "@std/assert";
import { countCode, groupOf } from "./sizes.ts";

Deno.test("countCode leaves out blank lines and lines that are only comments", () => {
  const lines = [
    "/** One line. */",
    "",
    "/**",
    " * Several",
    "lines;",
    " */",
    "const a = 1; // a",
    "  // b",
    "const c = 2; /* d */",
    "}",
  ];
  assertEquals(countCode(lines.join("\n")), 3);
  assertEquals(countCode(""), 0);
});

Deno.test("groupOf: src by its folders, the rest as a whole", () => {
  assertEquals(
    ["kernels/a.wgsl", "src/mod.ts", "src/ops/a.ts", "tests/ops/a_test.ts"].map(groupOf),
    ["kernels", "src", "src/ops", "tests"],
  );
});
