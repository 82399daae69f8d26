import { assertEquals } from "@std/assert";
import type { BenchRow } from "../../src/cli/bench_measure.ts";
import { BENCH_HEADING, benchRow } from "../../src/cli/bench_table.ts";

Deno.test("benchRow: figures stand under their headings, shares and multiples behind them", () => {
  const rows: BenchRow[] = [
    { name: "copy", seconds: 0.0125, rate: 4.25, unit: "GB/s" },
    { name: "GEMM", seconds: 0.4, rate: 44, unit: "GFLOP/s", share: 0.5234, of: "peak" },
    { name: "ours", seconds: 2, rate: 33.3, unit: "GFLOP/s", ratio: 12.345, of: "the best peer" },
    {
      name: "NF4",
      seconds: 0.4,
      rate: 44,
      unit: "GFLOP/s",
      share: 0.5,
      of: "peak",
      also: [{ share: 1.1, of: "the f32 product" }],
    },
    { name: "theirs", reason: "it found no WebGPU" },
  ];
  const lines = rows.map(benchRow);
  assertEquals(lines.map((line) => line.replaceAll(/ {2,}/g, "  ")), [
    "copy  12.50 ms  4.3 GB/s",
    "GEMM  400.00 ms  44.0 GFLOP/s  52.3 % of peak",
    "ours  2000.00 ms  33.3 GFLOP/s  12.35 × the best peer",
    "NF4  400.00 ms  44.0 GFLOP/s  50.0 % of peak, 110.0 % of the f32 product",
    "theirs  not measured: it found no WebGPU",
  ]);
  const rateEnd = BENCH_HEADING.indexOf("rate") + "rate".length;
  assertEquals(lines[1].slice(0, rateEnd).endsWith("44.0 GFLOP/s"), true);
});
