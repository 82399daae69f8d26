import { assertEquals, assertThrows } from "@std/assert";
import { lacking } from "./jupyter.ts";

Deno.test("notebook tests are left out only where a machine lacks Python, pip or an index, never in CI", () => {
  const said = [
    "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: none)",
    "/usr/bin/python3: No module named pip",
    "Failed to spawn 'python3': entity not found: No such file or directory",
    "The virtual environment was not created successfully because ensurepip is not available.",
  ];
  for (const stderr of said) {
    assertEquals(lacking("pip", stderr, false), "pip");
    assertThrows(() => lacking("pip", stderr, true), Error, stderr);
  }
  const wrongPin = "ERROR: Could not find a version that satisfies the requirement x==99 " +
    "(from versions: 0.1, 0.2)";
  assertThrows(() => lacking("pip", wrongPin, false), Error, "from versions: 0.1");
});
