import { assertEquals } from "@std/assert";
import { formatBytes, parseBytes } from "../../src/formats/bytes.ts";

Deno.test("amounts of memory are read as people write them", () => {
  const GiB = 2 ** 30;
  const cases: [string, number | null][] = [
    ["24GiB", 24 * GiB],
    [" 1.5 gib ", 1.5 * GiB],
    [".5GiB", GiB / 2],
    ["800MiB", 800 * 2 ** 20],
    ["24GB", 24e9],
    ["10kb", 10_000],
    ["2TiB", 2048 * GiB],
    ["2048", 2048],
    ["7B", 7],
    ["0", null],
    ["0GiB", null],
    ["-1GiB", null],
    ["24G", null],
    ["24 gigs", null],
    ["GiB", null],
    ["1e9", null],
    ["", null],
  ];
  for (const [text, bytes] of cases) assertEquals(parseBytes(text), bytes, text);
});

Deno.test("amounts are written with the largest unit that leaves a whole digit", () => {
  const values = [0, 1023, 1024, 1.5 * 2 ** 20, 1023.97 * 2 ** 20, 5 * 2 ** 40];
  const texts = ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "1.0 GiB", "5.0 TiB"];
  assertEquals(values.map(formatBytes), texts);
});
