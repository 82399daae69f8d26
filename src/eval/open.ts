/**
 * Opens a benchmark by its name.
 * @module
 */
import { openBird } from "./bird.ts";
import type { Benchmark, BenchmarkName, BenchmarkSource } from "./benchmark.ts";
import { openDemo } from "./demo.ts";
import { openInternal } from "./internal/benchmark.ts";
import { openSpider } from "./spider/benchmark.ts";
import { openWikisql } from "./wikisql/benchmark.ts";

/**
 * Opens the benchmark `name`. Throws {@linkcode FormatError} where files of it are missing or do not
 * belong together. Dispose of it after use.
 */
export function openBenchmark(name: BenchmarkName, source: BenchmarkSource): Promise<Benchmark> {
  switch (name) {
    case "spider":
    case "cspider":
      return openSpider(name, source);
    case "bird":
      return openBird(source);
    case "wikisql":
      return openWikisql(source);
    case "internal":
      return openInternal(source);
    case "demo":
      return openDemo(source);
  }
}
