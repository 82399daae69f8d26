import { assert, assertEquals } from "@std/assert";
import { fuzz } from "./fuzz.ts";

Deno.test("6,000 damaged files of every format are read or refused, and none takes long", async () => {
  const { readable, refused, failures } = await fuzz({ count: 6000, seed: 7, maxMs: 10_000 });
  assertEquals(failures, []);
  assert(readable > 300 && refused > 2000, `${readable} readable, ${refused} refused`);
});
